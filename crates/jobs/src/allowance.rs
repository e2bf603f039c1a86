//! Whom a step speaks with, and how much it may ask.

use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

/// A server: host and port, over all jobs and profiles.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerKey(String);

impl ServerKey {
    /// The server at this host and port. Hosts are the same in any case.
    #[must_use]
    pub fn new(host: &str, port: u16) -> ServerKey {
        ServerKey(format!("{}:{port}", host.to_ascii_lowercase()))
    }

    /// `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account at a server: whose mailboxes are opened, whoever logs in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountKey(String);

impl AccountKey {
    /// The account of this name at `server`. Names that differ in case only are taken for one:
    /// at worst one waits for the other.
    #[must_use]
    pub fn new(server: &ServerKey, account: &str) -> AccountKey {
        AccountKey(format!("{server} {}", account.to_lowercase()))
    }

    /// `host:port account`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Over what connections and bytes are counted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Counted {
    /// The account by itself.
    Account,
    /// All accounts of this profile together: it holds the login that they all use.
    Profile(String),
}

/// How many accounts of one job are worked on at the same time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobShare {
    /// Which job.
    pub job: String,
    /// How many.
    pub accounts: NonZeroU16,
}

/// What a step may ask of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// The server.
    pub server: ServerKey,
    /// The account, as the server knows it.
    pub account: String,
    /// Over what `connections` and `bytes_per_day` are counted.
    pub counted: Counted,
    /// Connections at the same time.
    pub connections: NonZeroU16,
    /// Whose step it is, where its job bounds its accounts.
    pub job: Option<JobShare>,
    /// Message bytes that are fetched in a day of UTC; `None` is without limit.
    pub bytes_per_day: Option<u64>,
    /// The pause after the first refusal without a time; it doubles with each.
    pub pause_first: Duration,
    /// The longest of these pauses. A step waits no longer than this: it ends, and says when it
    /// goes on.
    pub pause_max: Duration,
}

impl Allowance {
    /// The account.
    #[must_use]
    pub fn key(&self) -> AccountKey {
        AccountKey::new(&self.server, &self.account)
    }

    /// Under which name its bytes are counted.
    pub(crate) fn budget(&self) -> String {
        match &self.counted {
            Counted::Account => self.key().as_str().to_owned(),
            Counted::Profile(profile) => profile.clone(),
        }
    }
}
