//! What an entry in flight means for the run, once it is durable.

use types::{BlobId, FolderId};

/// Remembered for each entry in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Note {
    /// A message of a mailbox or folder is placed, moved here, or seen at one more place.
    Message(MessageNote),
    /// A message is in quarantine.
    Quarantined {
        /// Which mailbox or folder of the run.
        slot: usize,
        /// Its UID, where its source keeps one.
        uid: Option<u64>,
    },
    /// A message was sorted.
    Sorted(crate::sorted::SortedNote),
    /// A message belongs to nobody, and stays at its source.
    Left {
        /// Which mailbox of the run.
        slot: usize,
        /// Its UID.
        uid: u64,
    },
    /// Nothing has to be done.
    Plain,
}

/// What an entry about a message means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MessageNote {
    /// Which mailbox or folder of the run.
    pub(crate) slot: usize,
    /// Its UID, where its source keeps one.
    pub(crate) uid: Option<u64>,
    pub(crate) blob: BlobId,
    pub(crate) size: u64,
    /// The folder whose placement the entry makes, if it makes one.
    pub(crate) makes: Option<FolderId>,
    /// Whether the entry moves a placement to another folder.
    pub(crate) moves: bool,
    /// Whether the message was in this root before this run.
    pub(crate) existed: bool,
}
