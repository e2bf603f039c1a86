//! Erasure, as those see it who decide that a message must go: retention, and requests by law.
//!
//! It has three steps, each a batch of the log. `condemn` lists messages, with the reason; from
//! then on nothing that arrives is stored by pointing at their bytes. Until they are due, `spare`
//! takes messages off again. `erase` ends the ones that are due, after a check of the holds in
//! the log's own order. Their bytes and details are taken out of the files by compaction, which
//! the owner of the store runs behind it.

use std::future::Future;

use ledger::{EraseReason, SpareReason};
use types::{BlobId, EntryNumber, MessageKey, Position, Timestamp};

use crate::LogError;

/// Messages that are to be erased, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condemnation {
    /// The messages. Those that are condemned or erased already are left out.
    pub messages: Vec<MessageKey>,
    /// What kind of reason.
    pub reason: EraseReason,
    /// When they may be erased at the earliest.
    pub due: Timestamp,
    /// Which rule: the name of a policy, or what names the request. It stays, as all of these.
    pub rule: String,
    /// Who decided it.
    pub by: String,
    /// Why, in words that name no content.
    pub why: String,
}

/// Messages that are to stay, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sparing {
    /// The messages. Those that are not condemned are left out.
    pub messages: Vec<MessageKey>,
    /// What kind of reason.
    pub reason: SpareReason,
    /// Which rule: the name of a hold.
    pub rule: String,
    /// Who decided it.
    pub by: String,
    /// Why, in words.
    pub why: String,
}

/// A message that is condemned, or erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CondemnedRow {
    /// The message.
    pub message: MessageKey,
    /// The entry that condemned it.
    pub entry: EntryNumber,
    /// When it was condemned.
    pub at: Timestamp,
    /// When it may be erased at the earliest.
    pub due: Timestamp,
    /// Why.
    pub reason: EraseReason,
    /// The entry that erased it and when, if it is.
    pub erased: Option<(EntryNumber, Timestamp)>,
    /// What it alone was made of: ids of blobs, its own among them.
    pub parts: Vec<BlobId>,
}

/// A message that must not be erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The message.
    pub message: MessageKey,
    /// The name of a hold that covers it.
    pub hold: String,
}

/// Says which messages are held, at one position of the log.
pub trait Holds: Send + Sync {
    /// Those of `messages` that any hold of the log up to `position` covers. Nothing is appended
    /// to the log while this is asked; the views may have to catch up first.
    ///
    /// Whoever cannot tell answers with an error: then nothing is erased.
    fn held(
        &self,
        messages: &[MessageKey],
        position: Position,
    ) -> impl Future<Output = Result<Vec<Held>, LogError>> + Send;
}

/// What became of messages that were to be erased.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Erased {
    /// Erased now.
    pub erased: Vec<MessageKey>,
    /// Spared, because a hold covers them.
    pub held: Vec<Held>,
    /// Left alone: not condemned, spared since, erased before, or not due.
    pub left: Vec<MessageKey>,
}

/// A store that messages can be erased from.
pub trait Erase: Send + Sync {
    /// Messages that are condemned now, by key.
    fn condemned(&self) -> Result<Vec<CondemnedRow>, LogError>;

    /// Messages that are erased, by key: also what an older copy of the store must not give back.
    fn erased(&self) -> Result<Vec<CondemnedRow>, LogError>;

    /// Condemns messages. Returns the entries that say so.
    fn condemn(
        &self,
        what: Condemnation,
    ) -> impl Future<Output = Result<Vec<EntryNumber>, LogError>> + Send;

    /// Takes messages off again. Returns the entries that say so.
    fn spare(
        &self,
        what: Sparing,
    ) -> impl Future<Output = Result<Vec<EntryNumber>, LogError>> + Send;

    /// Erases those of `messages` that are condemned, due at `now` and held by nothing. Those that
    /// are held are spared.
    fn erase<H: Holds>(
        &self,
        messages: &[MessageKey],
        now: Timestamp,
        holds: &H,
    ) -> impl Future<Output = Result<Erased, LogError>> + Send;
}
