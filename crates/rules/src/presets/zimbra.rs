//! Zimbra Collaboration.

use super::{ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, Preset, Special, TRASH, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "zimbra",
    title: "Zimbra",
    other_names: &[],
    host: Host::Like("mail.^0"),
    endpoints: ALL,
    access: Access::Master(LoginForm::Authzid, Identity::Address),
    folders: &[("Sent", Special::Sent), ("Trash", TRASH), ("Junk", JUNK), ("Drafts", DRAFTS)],
    // What IMAP shows of folders that hold no mail.
    excluded: &["Contacts", "Emailed Contacts"],
    hints: HINTS,
    source: "Zimbra's administrator guide; imapsync FAQ on administrative logins",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Master,
        "A global or domain administrator logs in with PLAIN and names the mailbox as \
            authorization identity. Two-factor accounts need an application passcode.",
    ),
    hint(
        HintPlace::Setup,
        "Through the proxy, the number of connections per address is limited; give the server \
            profile fewer connections when logins are refused.",
    ),
    hint(
        HintPlace::Public,
        "Folders shared with a user appear in the mailbox where the user accepted them. Exclude \
            them by name if they are archived with their owner.",
    ),
];
