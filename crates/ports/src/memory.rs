//! What engines remember from one process to the next: of servers, and of who works on what.
//!
//! Calls may block for a moment. One process at a time owns what is remembered.

use std::error::Error as StdError;
use std::fmt;

use types::Timestamp;

/// A pause that a server asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PauseRow {
    /// Whom it is asked of: `host:port`, or that and an account behind a blank.
    pub of: String,
    /// When it was asked for.
    pub since: Timestamp,
    /// Nobody connects before.
    pub until: Timestamp,
    /// How many came in a row.
    pub count: u32,
    /// At what the server asked for it: 0 connecting, 1 looking, 2 fetching.
    pub stage: u8,
    /// In the server's words.
    pub reason: String,
}

/// What is remembered of servers.
pub trait Traffic: Send + Sync {
    /// Every pause that is remembered.
    fn pauses(&self) -> Result<Vec<PauseRow>, MemoryError>;

    /// Remembers a pause in the place of the one of the same `of`.
    fn set_pause(&self, pause: &PauseRow) -> Result<(), MemoryError>;

    /// Forgets a pause.
    fn forget_pause(&self, of: &str) -> Result<(), MemoryError>;

    /// Bytes that were fetched under this budget on a day, counted from 1 January 1970.
    fn bytes(&self, budget: &str, day: i64) -> Result<u64, MemoryError>;

    /// Adds to them. Days before are forgotten.
    fn add_bytes(&self, budget: &str, day: i64, bytes: u64) -> Result<(), MemoryError>;

    /// When an account was visited last.
    fn visited(&self, account: &str) -> Result<Option<Timestamp>, MemoryError>;

    /// Remembers that a visit to an account began.
    fn set_visited(&self, account: &str, at: Timestamp) -> Result<(), MemoryError>;
}

/// Who works on something, and until when that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseRow {
    /// What is worked on.
    pub key: String,
    /// Who works on it.
    pub holder: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last renewed.
    pub renewed: Timestamp,
    /// When anybody else may take it.
    pub until: Timestamp,
}

/// Who works on what. Each call is one step that no other comes between.
pub trait Leases: Send + Sync {
    /// Writes `row`, unless somebody else holds its key at `row.renewed`. Returns the row that
    /// counts then: `row` itself, or that of the other one.
    fn take(&self, row: &LeaseRow) -> Result<LeaseRow, MemoryError>;

    /// Holds a lease until a later time. `false` when it is not the holder's any more.
    fn renew(
        &self,
        key: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, MemoryError>;

    /// Gives a lease back, when it is still the holder's.
    fn release(&self, key: &str, holder: &str) -> Result<(), MemoryError>;

    /// Every lease, by key.
    fn leases(&self) -> Result<Vec<LeaseRow>, MemoryError>;
}

/// What is remembered cannot be read or written.
#[derive(Debug)]
pub struct MemoryError {
    message: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl MemoryError {
    /// An error with this message: lower case, without a full stop.
    pub fn new(message: impl Into<String>) -> MemoryError {
        MemoryError { message: message.into(), cause: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> MemoryError {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for MemoryError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|it| it as &(dyn StdError + 'static))
    }
}
