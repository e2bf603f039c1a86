//! MDaemon Email Server.

use super::{ALL, Access, DRAFTS, Hint, HintPlace, Host, JUNK, Preset, Special, TRASH, hint};
use crate::macros::{Identity, LoginForm};

pub(super) static PRESET: Preset = Preset {
    name: "mdaemon",
    title: "MDaemon Email Server",
    other_names: &[],
    host: Host::Like("mail.^0"),
    endpoints: ALL,
    access: Access::Master(LoginForm::Authzid, Identity::Address),
    folders: &[
        ("Sent Items", Special::Sent),
        ("Deleted Items", TRASH),
        ("Junk E-mail", JUNK),
        ("Drafts", DRAFTS),
        ("Public Folders", Special::Public),
        ("Shared Folders", Special::Shared),
    ],
    excluded: &[],
    hints: HINTS,
    source: "MailStore help: Archiving Emails from MDaemon (2020-12-07)",
};

const HINTS: &[Hint] = &[
    hint(
        HintPlace::Master,
        "An account that may access all mailboxes is needed, usually a global administrator. The \
            form of this login is not documented by the vendor; where it is refused, use a batch \
            file.",
    ),
    hint(
        HintPlace::Setup,
        "What the folder for sent messages is called, the users' programs decide. Name yours if \
            it is not Sent Items.",
    ),
    hint(
        HintPlace::Journal,
        "A content filter rule for all messages copies them to the folder of an account that \
            exists for that only.",
    ),
    hint(
        HintPlace::Public,
        "Public Folders and Shared Folders are seen in every mailbox that may, and are archived \
            to each of these users. Exclude them by name, and archive public folders once by a \
            job that includes nothing else. Their name is a setting of MDaemon.",
    ),
];
