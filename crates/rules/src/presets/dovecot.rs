//! Dovecot.

use super::{ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, Preset, Special, TRASH, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "dovecot",
    title: "Dovecot",
    other_names: &[],
    host: Host::Like("imap.^0"),
    endpoints: ALL,
    access: Access::Master(LoginForm::Joined('*'), Identity::Address),
    folders: &[("Sent", Special::Sent), ("Trash", TRASH), ("Junk", JUNK), ("Drafts", DRAFTS)],
    excluded: &[],
    hints: HINTS,
    source: "Dovecot's documentation: master users, auth_master_user_separator, namespaces",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Master,
        "A passdb with master = yes and auth_master_user_separator = * are needed. PLAIN with an \
            authorization identity works with the same passdb, too.",
    ),
    hint(
        HintPlace::Master,
        "With the acl plugin, rights are those of the master user: set its ACL user to the \
            mailbox's, or mailboxes look empty.",
    ),
    hint(
        HintPlace::Public,
        "Public and shared namespaces are seen in every mailbox that may. Exclude them by name, \
            or archive them once by a job of their own.",
    ),
];
