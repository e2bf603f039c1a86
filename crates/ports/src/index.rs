//! The full-text index, as the store feeds it.

use std::error::Error as StdError;

use message::Message;
use thiserror::Error;
use types::{BlobId, MessageSet, Position, Timestamp};

/// One message for the index. It is never changed but by erasure.
#[derive(Debug)]
pub struct IndexDoc {
    /// Its dense number.
    pub n: u32,
    /// Its id.
    pub blob: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// The date to search and sort by.
    pub date: Timestamp,
    /// When it was archived.
    pub archived: Timestamp,
    /// What the parser read.
    pub message: Box<Message>,
}

/// The index failed. It is a view: it can be rebuilt.
#[derive(Debug, Error)]
#[error("failed to write the index: {what}")]
pub struct IndexError {
    /// What it was doing.
    pub what: String,
    /// Why.
    #[source]
    pub cause: Box<dyn StdError + Send + Sync>,
}

/// A full-text index under construction; one writer at a time.
pub trait Index: Send {
    /// How far it has read the log: what the last durable commit stored.
    fn position(&self) -> Position;
    /// Adds a message. Found only after [`Index::commit`].
    fn add(&mut self, doc: IndexDoc) -> Result<(), IndexError>;
    /// Makes everything added durable and searchable, together with `upto`.
    fn commit(&mut self, upto: Position) -> Result<(), IndexError>;
    /// Takes messages out with the next [`Index::commit`]: nobody finds them any more. Their words
    /// may stay in files until [`Index::erase`].
    fn forget(&mut self, messages: &MessageSet) -> Result<(), IndexError>;
    /// Takes messages out, durably: no file of the index holds a word that only they had.
    fn erase(&mut self, messages: &MessageSet) -> Result<(), IndexError>;
    /// Waits for work in the background to end, so that the process may.
    fn close(self: Box<Self>) -> Result<(), IndexError>;
}
