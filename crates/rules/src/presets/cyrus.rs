//! Cyrus IMAP.

use super::{ALL, Access, Hint, HintPlace, Host, Preset, Special, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "cyrus",
    title: "Cyrus IMAP",
    other_names: &[],
    host: Host::Like("imap.^0"),
    endpoints: ALL,
    access: Access::Master(LoginForm::Authzid, Identity::Address),
    // Folders are what clients make of them; newer servers mark them (RFC 6154).
    folders: &[("Sent", Special::Sent)],
    excluded: &[],
    hints: HINTS,
    source: "imapd.conf(5) of Cyrus IMAP: admins, proxyservers, allowplaintext",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Master,
        "The archiving account stands in proxyservers in imapd.conf; one in admins sees other \
            people's mailboxes below user/ in its own session instead. Where accounts have no \
            domain, use the login name or the local part as identity.",
    ),
    hint(
        HintPlace::Setup,
        "PLAIN is offered inside TLS only, unless allowplaintext is on. Leave it off.",
    ),
    hint(
        HintPlace::Public,
        "Shared mailboxes that the user may read are in the list, too. Exclude them by name, or \
            archive them once by a job of their own.",
    ),
];
