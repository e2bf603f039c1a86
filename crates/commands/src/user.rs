//! Users: what is changed about one, and how one is shown.

use types::{Timestamp, UserName};

use crate::profile::Switch;

/// Change a user; `None` leaves a thing as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserSet {
    /// Whom.
    pub name: UserName,
    /// The full name.
    pub full_name: Option<String>,
    /// Whether the user takes part.
    pub switch: Option<Switch>,
    /// What it may do.
    pub rank: Option<Rank>,
    /// All addresses, the primary one first.
    pub addresses: Option<Vec<String>>,
    /// All aliases.
    pub aliases: Option<Vec<String>>,
}

/// What a user may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rank {
    /// Own jobs for single mailboxes into the own archive.
    #[default]
    Ordinary,
    /// Own any job.
    Administrator,
}

/// How a user logs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LoginBy {
    /// Not at all, until a password or a directory login is set.
    #[default]
    Nothing,
    /// By a password.
    Password,
    /// By a directory.
    Directory,
}

impl LoginBy {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LoginBy::Nothing => "nothing",
            LoginBy::Password => "password",
            LoginBy::Directory => "directory",
        }
    }

    /// The login of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<LoginBy> {
        [LoginBy::Nothing, LoginBy::Password, LoginBy::Directory]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

/// A user as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserShown {
    /// Its name.
    pub name: UserName,
    /// Its full name; may be empty.
    pub full_name: String,
    /// Whether it takes part: a deactivated user keeps its archive.
    pub switch: Switch,
    /// What it may do.
    pub rank: Rank,
    /// How it logs in.
    pub login_by: LoginBy,
    /// Its addresses, the primary one first.
    pub addresses: Vec<String>,
    /// Addresses that mail to it may bear besides.
    pub aliases: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Jobs into its archive, by name.
    pub jobs: Vec<String>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}
