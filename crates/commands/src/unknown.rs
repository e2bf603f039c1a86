//! Addresses on mail that belong to nobody, and giving them to somebody.

use types::{Timestamp, UserName};

/// What can be asked about unknown addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnknownRequest {
    /// All of them.
    List,
    /// One of them.
    Show(String),
    /// Give one to a user, and sort what `@catchall` has for it.
    Assign(Assign),
}

/// Whose an address becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assign {
    /// The address.
    pub address: String,
    /// The user.
    pub user: UserName,
    /// Whether the user is there.
    pub whom: AssignTo,
    /// As what.
    pub standing: AssignAs,
}

/// To whom an address is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssignTo {
    /// A user who is there.
    Known,
    /// One that is made.
    New,
}

/// As what a user gets an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssignAs {
    /// As an address, the primary one when there was none.
    Address,
    /// As an alias.
    Alias,
}

impl UnknownRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            UnknownRequest::List => "unknown list",
            UnknownRequest::Show(_) => "unknown show",
            UnknownRequest::Assign(_) => "unknown assign",
        }
    }
}

/// Whether somebody would have sent or received a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MailDirection {
    /// Received.
    #[default]
    Received,
    /// Sent.
    Sent,
}

impl MailDirection {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MailDirection::Received => "received",
            MailDirection::Sent => "sent",
        }
    }

    /// The direction of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<MailDirection> {
        [MailDirection::Received, MailDirection::Sent].into_iter().find(|it| it.name() == name)
    }
}

/// An address that belongs to nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownShown {
    /// The address as it was written first.
    pub address: String,
    /// What its owner would have done.
    pub direction: MailDirection,
    /// Whether it is in a domain in which users have addresses: a user or an alias is likely
    /// missing.
    pub ours: bool,
    /// Messages that it was found on. Those of a run that died are counted again.
    pub messages: u64,
    /// When it was found first.
    pub first: Timestamp,
    /// When it was found last.
    pub last: Timestamp,
    /// The job that found it last, when there is one still.
    pub job: Option<String>,
    /// One of the messages, in words.
    pub example: String,
}

/// What giving an address to somebody did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assigned {
    /// The address.
    pub address: String,
    /// Whose it is now.
    pub user: UserName,
    /// Whether the user was made.
    pub made: bool,
    /// Messages in `@catchall` that were looked at.
    pub seen: u64,
    /// Those that moved out of it.
    pub moved: u64,
    /// Placements that were made besides: a message may be for several people.
    pub placed: u64,
    /// What happens next, and what deserves attention: sentences.
    pub warnings: Vec<String>,
}
