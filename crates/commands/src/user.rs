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
    /// All addresses, the primary one first.
    pub addresses: Option<Vec<String>>,
    /// All aliases.
    pub aliases: Option<Vec<String>>,
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
