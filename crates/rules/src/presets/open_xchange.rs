//! Open-Xchange App Suite, which has an IMAP server behind it.

use super::{ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, Preset, Special, TRASH, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "open-xchange",
    title: "Open-Xchange",
    other_names: &["ox", "ox-app-suite"],
    host: Host::Like("imap.^0"),
    endpoints: ALL,
    // The server behind it is Dovecot nearly everywhere.
    access: Access::Master(LoginForm::Joined('*'), Identity::Address),
    folders: &[
        ("Sent objects", Special::Sent),
        ("Trash", TRASH),
        ("Spam", JUNK),
        ("Drafts", DRAFTS),
    ],
    // What users put there to train the filter is junk by their own word.
    excluded: &["confirmed-spam"],
    hints: HINTS,
    source: "Open-Xchange's documentation: mail accounts and IMAP login; Dovecot's: master users",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Setup,
        "App Suite keeps no mail: connect to the IMAP server behind it. At a hoster, each mailbox \
            usually needs its own password, as in a batch file.",
    ),
    hint(
        HintPlace::Master,
        "Prepare the IMAP server behind it; for Dovecot see its page. The name that App Suite \
            logs in with is the identity: the address, the login name, or a part of it.",
    ),
    hint(
        HintPlace::Setup,
        "Names of special folders are set per user or by the administrator; Sent objects is the \
            older default, Sent the newer one.",
    ),
];
