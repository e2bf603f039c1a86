//! What retention asks of the views of a store.

use types::{ArchiveId, BlobId, MessageKey, MessageSet, Timestamp};

use crate::CatalogError;

/// Which messages a policy or a hold is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Covers {
    /// All of them.
    All,
    /// Those in folders of this archive.
    Archive(ArchiveId),
    /// Those that a query finds.
    Query(String),
}

/// The messages that something covers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Covered {
    /// Those that it covers for certain.
    pub certain: MessageSet,
    /// Beside these, those of which it cannot be told: not every word of them was read.
    pub possible: MessageSet,
}

/// The times of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageTimes {
    /// Its dense number.
    pub n: u32,
    /// Its key.
    pub key: MessageKey,
    /// Its id.
    pub blob: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// When it was archived.
    pub archived: Timestamp,
    /// Its date.
    pub date: Timestamp,
    /// When a source first received it, of the places where it is now.
    pub received: Option<Timestamp>,
}

/// Both views of a store. All answers are of one moment; calls may block.
pub trait RetentionViews {
    /// How many entries of the log both views have read. Messages beyond are not looked at.
    fn reach(&self) -> u64;

    /// All messages that are in a folder.
    fn all(&self) -> Result<MessageSet, CatalogError>;

    /// What something covers. A query that cannot be understood, or not be answered, is an error:
    /// who must keep what it covers then keeps everything.
    fn covered(&self, by: &Covers) -> Result<Covered, CatalogError>;

    /// Times of messages of `set`, by ascending number, from `n_first` on, at most `limit`.
    fn times(
        &self,
        set: &MessageSet,
        n_first: u32,
        limit: usize,
    ) -> Result<Vec<MessageTimes>, CatalogError>;

    /// The message with this key.
    fn message(&self, key: MessageKey) -> Result<Option<MessageTimes>, CatalogError>;
}
