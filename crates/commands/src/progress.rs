//! What is told before the answer.

use types::{BlobId, Timestamp};

/// Something on the way to the answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Progress {
    /// How far the work is. Only the newest counts.
    Work(Work),
    /// Hits of a search, in order.
    Hits(Vec<Hit>),
    /// The next bytes of a message.
    Bytes(Vec<u8>),
    /// Something that a person should know now: a sentence.
    Notice(String),
    /// The command waits for another one that owns the data directory.
    Waiting(String),
}

/// How far the work is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Which part of it.
    pub phase: Phase,
    /// Messages done.
    pub messages: u64,
    /// Messages to do, where it is known.
    pub messages_total: Option<u64>,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes to do, where it is known.
    pub bytes_total: Option<u64>,
}

/// Which part of the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Connecting and listing folders.
    #[default]
    Connecting,
    /// Fetching and archiving.
    Archiving,
    /// The views read what was archived.
    Indexing,
    /// Writing files.
    Exporting,
    /// Reading everything again.
    Verifying,
    /// Making a view anew.
    Rebuilding,
    /// Copying for a backup.
    BackingUp,
    /// Bringing a backup back.
    Restoring,
    /// Taking out of the log what was erased.
    Compacting,
    /// Taking it out of catalog and index.
    Clearing,
}

/// One message that a search found.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// Its id.
    pub id: BlobId,
    /// Its date.
    pub date: Timestamp,
    /// From, for showing: addresses with their names, joined by a comma.
    pub from: String,
    /// To, likewise.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// The user in whose archive it is; several are joined by a comma.
    pub user: String,
    /// The folders that it is in.
    pub folders: Vec<String>,
    /// Its relevance; 0 where the order is by date.
    pub score: f32,
}

/// Whoever asked is no longer there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone;

/// Takes progress on behalf of whoever asked.
pub trait ProgressSink: Send + Sync {
    /// Hands one thing over, in order. After `Gone` the command may end early.
    fn send(&self, progress: Progress) -> Result<(), Gone>;
}
