//! IceWarp Server.

use super::{ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, Preset, Special, TRASH, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "icewarp",
    title: "IceWarp Server",
    other_names: &[],
    host: Host::Like("mail.^0"),
    endpoints: ALL,
    access: Access::Master(LoginForm::Authzid, Identity::Address),
    folders: &[("Sent", Special::Sent), ("Trash", TRASH), ("Spam", JUNK), ("Drafts", DRAFTS)],
    excluded: &[],
    hints: HINTS,
    source: "MailStore help: Archiving Emails from IceWarp Server (2020-12-07); imapsync FAQ",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Master,
        "IceWarp 10.4 or newer is needed, and an account with administrative rights. Without \
            them the server opens the account's own mailbox for everybody; the job notices and \
            stops.",
    ),
    hint(
        HintPlace::Setup,
        "Searches by date are not reliable on this server. Dates are compared here instead, so a \
            filter by date looks at every message.",
    ),
    hint(
        HintPlace::Journal,
        "IceWarp's archive is a tree of folders by domain and mailbox. Give an account of its own \
            the archive directory as mailbox path, and read it with all folders.",
    ),
];
