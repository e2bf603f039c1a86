//! What is odd about the settings of a sorting job, for saving it and for testing it.
//!
//! What it is not: a refusal. Findings are named here, and their severity says which of them a job
//! cannot be saved with; whoever saves it holds to that.

use std::fmt;

use types::UserName;

use super::{Direction, SortingFolders};
use crate::address::AddressBook;
use crate::fold::fold;
use crate::names;

/// How the shared mailbox is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// The whole folder tree.
    Imap,
    /// One maildrop without folders.
    Pop3,
}

/// Whether the job says which folders are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FolderScope {
    /// It does not.
    NotGiven,
    /// It has an include or exclude list, or keeps default folders.
    Given,
}

/// A sorting job as far as it is checked.
#[derive(Clone, Debug)]
pub struct SortingSetup<'a> {
    /// How the shared mailbox is read.
    pub protocol: Protocol,
    /// Whether folders are chosen.
    pub scope: FolderScope,
    /// The target folders.
    pub folders: &'a SortingFolders,
    /// The address of the shared mailbox, when it is known.
    pub journal_address: Option<&'a str>,
    /// Folders below the roots of the archives of these users, without the root, each with the
    /// number of archives that have it.
    pub existing: &'a [(&'a str, u64)],
    /// The users.
    pub book: &'a AddressBook,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The job cannot do what is asked.
    Error,
    /// It can, but likely somebody meant something else.
    Warning,
}

/// Something odd about a sorting job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Folders are chosen, but POP3 has none.
    ScopeForPop3,
    /// The address of the shared mailbox belongs to a user, who would get everything.
    JournalOfUser {
        /// The address.
        address: String,
        /// The user.
        user: UserName,
    },
    /// A target folder has no name.
    NoFolder {
        /// Which one.
        direction: Direction,
    },
    /// Received and sent messages go to the same folder.
    OneFolder,
    /// Archives have another folder for the same thing; this one would be made beside it.
    OtherFolder {
        /// Which one.
        direction: Direction,
        /// The name that the job gives.
        name: String,
        /// The name that is there.
        existing: String,
    },
    /// No user has an address: everything would be unknown.
    NobodyHasAddresses,
    /// These users have no address: mail for them is not recognised.
    UsersWithoutAddress {
        /// The users, in the order of their names.
        users: Vec<UserName>,
    },
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Finding::ScopeForPop3 | Finding::JournalOfUser { .. } | Finding::NoFolder { .. } => {
                Severity::Error
            }
            Finding::OneFolder
            | Finding::OtherFolder { .. }
            | Finding::NobodyHasAddresses
            | Finding::UsersWithoutAddress { .. } => Severity::Warning,
        }
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Finding::ScopeForPop3 => "Leave out the folder lists, or use IMAP.".into(),
            Finding::JournalOfUser { user, .. } => {
                format!("Take the address away from {user}, or use another mailbox.")
            }
            Finding::NoFolder { .. } => "Give a folder, such as INBOX or Sent Items.".into(),
            Finding::OneFolder => "Give different folders to tell them apart.".into(),
            Finding::OtherFolder { existing, .. } => {
                format!("Write {existing} to use the folder that is there.")
            }
            Finding::NobodyHasAddresses => {
                "Give the users addresses, or synchronize them from a directory first.".into()
            }
            Finding::UsersWithoutAddress { .. } => {
                "Give these users an address, if there is mail for them.".into()
            }
        }
    }
}

/// The finding in words, without the hint.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |direction: &Direction| match direction {
            Direction::Received => "received",
            Direction::Sent => "sent",
        };
        match self {
            Finding::ScopeForPop3 => f.write_str("folders are chosen, but POP3 has no folders"),
            Finding::JournalOfUser { address, user } => {
                write!(f, "the journal address {address} belongs to the user {user}")
            }
            Finding::NoFolder { direction } => {
                write!(f, "the folder for {} messages has no name", kind(direction))
            }
            Finding::OneFolder => f.write_str("received and sent messages go to one folder"),
            Finding::OtherFolder { direction, name, existing } => {
                let kind = kind(direction);
                write!(f, "archives have {existing} for {kind} messages, not {name}")
            }
            Finding::NobodyHasAddresses => f.write_str("no user has an address"),
            Finding::UsersWithoutAddress { users } => {
                let shown: Vec<&str> =
                    users.iter().take(USERS_SHOWN).map(UserName::as_str).collect();
                write!(f, "without an address: {}", shown.join(", "))?;
                match users.len().checked_sub(USERS_SHOWN) {
                    Some(more) if more > 0 => write!(f, " and {more} more"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// How many users are named before the rest is only counted.
const USERS_SHOWN: usize = 10;

/// Everything odd about a sorting job, errors first.
#[must_use]
pub fn check(setup: &SortingSetup<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if setup.protocol == Protocol::Pop3 && setup.scope == FolderScope::Given {
        found.push(Finding::ScopeForPop3);
    }
    if let Some(address) = setup.journal_address
        && let Some(user) = setup.book.owner(address)
    {
        found.push(Finding::JournalOfUser { address: address.into(), user: user.name.clone() });
    }
    for direction in [Direction::Received, Direction::Sent] {
        found.extend(check_folder(setup, direction));
    }
    let path = |direction| setup.folders.path("", direction);
    if path(Direction::Received) == path(Direction::Sent) {
        found.push(Finding::OneFolder);
    }
    found.extend(check_users(setup.book));
    found.sort_by_key(Finding::severity);
    found
}

fn check_folder(setup: &SortingSetup<'_>, direction: Direction) -> Option<Finding> {
    let name = setup.folders.name(direction);
    if name.split('/').all(|it| it.trim().is_empty()) {
        return Some(Finding::NoFolder { direction });
    }
    let wanted = shown(setup.folders, direction);
    if setup.existing.iter().any(|(it, _)| *it == wanted) {
        return None;
    }
    let most_common = |fits: &dyn Fn(&str) -> bool| {
        let fitting = setup.existing.iter().filter(|(it, _)| fits(it));
        fitting.max_by_key(|(it, count)| (*count, std::cmp::Reverse(*it))).map(|(it, _)| *it)
    };
    let differs_in_case = most_common(&|it| fold(it) == fold(&wanted));
    let same_meaning = || match direction {
        Direction::Received => most_common(&|it| it == "INBOX"),
        Direction::Sent => most_common(&names::is_sent),
    };
    let existing = differs_in_case.or_else(same_meaning)?.to_owned();
    Some(Finding::OtherFolder { direction, name: name.to_owned(), existing })
}

/// The folder as it stands in an archive, without a root.
fn shown(folders: &SortingFolders, direction: Direction) -> String {
    let path = folders.path("r", direction);
    path.as_str().strip_prefix("r/").unwrap_or_default().to_owned()
}

fn check_users(book: &AddressBook) -> Option<Finding> {
    if book.users().iter().all(|it| it.addresses.is_empty()) {
        return Some(Finding::NobodyHasAddresses);
    }
    let mut users: Vec<UserName> = book.without_address().cloned().collect();
    users.sort_unstable();
    (!users.is_empty()).then_some(Finding::UsersWithoutAddress { users })
}
