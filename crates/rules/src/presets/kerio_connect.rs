//! Kerio Connect.

use super::{ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, Preset, Special, TRASH, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "kerio-connect",
    title: "Kerio Connect",
    other_names: &["kerio"],
    host: Host::Like("mail.^0"),
    endpoints: ALL,
    access: Access::Master(LoginForm::Kerio, Identity::Address),
    folders: &[
        ("Sent Items", Special::Sent),
        ("Deleted Items", TRASH),
        ("Junk E-mail", JUNK),
        ("Drafts", DRAFTS),
        ("Public Folders", Special::Public),
    ],
    excluded: &[],
    hints: HINTS,
    source: "MailStore help: Archiving Emails from Kerio Connect (2020-12-07); imapsync FAQ",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Master,
        "Master authentication has to be on, in the advanced options of the server, and this \
            machine in the group of addresses that may use it. There is a master password and no \
            name. \"Unknown authentication method\" means that it is off.",
    ),
    hint(
        HintPlace::Journal,
        "The address that Kerio Connect archives to must belong to no user here, or that user \
            gets everybody's mail.",
    ),
    hint(
        HintPlace::Removal,
        "Kerio Connect moves what is removed over IMAP to Deleted Items, where the next run would \
            find it. Leave Deleted Items out, as jobs do by default, or set AutoExpungeOnDelete \
            to 0 in mailserver.cfg while the server is stopped. That holds for all IMAP clients.",
    ),
];
