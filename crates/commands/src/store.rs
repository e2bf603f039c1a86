//! Stores: which there are, what each is for, and what is done about them.

use std::path::PathBuf;

use types::{BlobId, Hash, Timestamp};

use crate::request::View;

/// What can be asked about stores.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreRequest {
    /// All of them.
    List,
    /// One of them.
    Show(String),
    /// Make one.
    Create(NewStore),
    /// Take one in that is there.
    Attach(NewStore),
    /// Let one go; its directory stays as it is.
    Detach(String),
    /// Call one otherwise.
    Rename {
        /// Its name until now.
        name: String,
        /// Its name from now on.
        to: String,
    },
    /// Say what one is for.
    SetState {
        /// Its name.
        name: String,
        /// What it is for from now on.
        state: StoreState,
    },
    /// Take what was erased out of every file of one, or show what that would be.
    Compact {
        /// Its name; `None` is the current one.
        name: Option<String>,
        /// Whether it is done.
        how: CompactHow,
    },
    /// What is condemned and what was erased: the proof of a deletion.
    Erasures {
        /// Only messages with these ids, or beginnings of ids; all when there is none.
        ids: Vec<String>,
        /// Proofs of those that are erased are written to this directory.
        proof: Option<PathBuf>,
    },
    /// Let new mail go to one.
    MakeCurrent {
        /// Its name.
        name: String,
        /// What happens when not every store can be read.
        rescan: Rescan,
    },
    /// Try one again that is in error.
    Retry(String),
    /// Put what one holds into another, and let it go.
    Merge {
        /// The one that ends.
        name: String,
        /// The one that it goes to.
        into: String,
    },
    /// Move one to another directory, byte for byte.
    Move {
        /// Its name.
        name: String,
        /// The directory, which must not be there or be empty.
        to: PathBuf,
    },
    /// Check one.
    Verify(String),
    /// Make a view of one anew.
    Rebuild {
        /// Its name.
        name: String,
        /// Which view.
        view: View,
    },
    /// What all of them hold.
    Stats,
    /// Encrypt its log, and keep or remove the log that was not encrypted.
    Encrypt {
        /// Its name.
        name: String,
        /// What becomes of the log that was not encrypted.
        plain: PlainLog,
    },
}

/// Whether a compaction is shown or done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompactHow {
    /// It is shown.
    Plan,
    /// It is done.
    Run,
}

/// What a compaction would take out, or has taken out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompactAnswer {
    /// The store.
    pub store: String,
    /// Whether it was done.
    pub how: CompactHow,
    /// Messages that are erased in this store, those of earlier compactions included.
    pub messages: u64,
    /// Segments that are written anew.
    pub segments: u64,
    /// Bytes of these segments.
    pub bytes: u64,
    /// Blobs that go.
    pub blobs: u64,
    /// Details that go.
    pub details: u64,
    /// Files of torn tails that go.
    pub torn: u64,
    /// Bytes that the log is shorter by; 0 of a plan.
    pub bytes_freed: u64,
    /// Whether the views are cleared.
    pub views: bool,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// What proves that messages are erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErasuresProven {
    /// The directory that the proofs are in.
    pub to: PathBuf,
    /// Messages whose erasure is proven.
    pub proven: u64,
    /// Messages whose erasure no checkpoint covers yet.
    pub unsigned: u64,
}

/// A message that is condemned or erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErasureShown {
    /// The store that has it.
    pub store: String,
    /// SHA-256 of its bytes.
    pub id: BlobId,
    /// `retention` or `request`.
    pub reason: &'static str,
    /// Which rule: the name of a policy or a request.
    pub rule: String,
    /// Who decided it.
    pub by: String,
    /// Why.
    pub why: String,
    /// The entry that condemned it.
    pub condemned_entry: u64,
    /// When it was condemned.
    pub condemned: Timestamp,
    /// When it may be erased at the earliest.
    pub due: Timestamp,
    /// The entry that erased it, and when.
    pub erased: Option<(u64, Timestamp)>,
}

/// Whether a store becomes current though others, which may know newer cursors, cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rescan {
    /// It does not.
    Refused,
    /// It does: what they hold is compared with its source again, and fetched again.
    Accepted,
}

/// What becomes of a log that was not encrypted when it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PlainLog {
    /// It stays beside the other.
    #[default]
    Kept,
    /// It is removed.
    Removed,
}

/// How encrypting a store ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreEncrypted {
    /// The store.
    pub name: String,
    /// Whether it was encrypted before.
    pub already: bool,
    /// Entries of its log.
    pub entries: u64,
    /// The Merkle root over them, which is as it was.
    pub root: Hash,
    /// Where the log lies that was not encrypted; `None` when it is gone.
    pub plain: Option<PathBuf>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A store to be made or taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewStore {
    /// Its name.
    pub name: String,
    /// Its directory; `None` is one of its name in the data directory.
    pub dir: Option<PathBuf>,
    /// What it is for.
    pub state: StoreState,
}

impl StoreRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            StoreRequest::List => "store list",
            StoreRequest::Show(_) => "store show",
            StoreRequest::Create(_) => "store create",
            StoreRequest::Attach(_) => "store attach",
            StoreRequest::Detach(_) => "store detach",
            StoreRequest::Rename { .. } => "store rename",
            StoreRequest::SetState { .. } => "store set-state",
            StoreRequest::Compact { .. } => "store compact",
            StoreRequest::Erasures { .. } => "store erasures",
            StoreRequest::MakeCurrent { .. } => "store make-current",
            StoreRequest::Retry(_) => "store retry",
            StoreRequest::Merge { .. } => "store merge",
            StoreRequest::Move { .. } => "store move",
            StoreRequest::Verify(_) => "store verify",
            StoreRequest::Rebuild { .. } => "store rebuild",
            StoreRequest::Stats => "store stats",
            StoreRequest::Encrypt { .. } => "store encrypt",
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            StoreRequest::List
                | StoreRequest::Show(_)
                | StoreRequest::Erasures { .. }
                | StoreRequest::Compact { how: CompactHow::Plan, .. }
                | StoreRequest::Verify(_)
                | StoreRequest::Stats
        )
    }
}

/// What a store is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum StoreState {
    /// New mail goes here. Exactly one is.
    Current,
    /// It is read, and changes to its messages are written to it.
    #[default]
    Normal,
    /// It is read. Changes to its messages wait in the current store.
    WriteProtected,
    /// Nobody sees it, and nothing asks it.
    Disabled,
}

impl StoreState {
    /// The name that is typed and kept.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StoreState::Current => "current",
            StoreState::Normal => "normal",
            StoreState::WriteProtected => "write_protected",
            StoreState::Disabled => "disabled",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<StoreState> {
        use StoreState::{Current, Disabled, Normal, WriteProtected};
        [Current, Normal, WriteProtected, Disabled].into_iter().find(|it| it.name() == name)
    }

    /// Whether people see what it holds.
    #[must_use]
    pub fn is_active(self) -> bool {
        self != StoreState::Disabled
    }
}

/// A store, for showing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreShown {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub state: StoreState,
    /// Its directory.
    pub dir: PathBuf,
    /// 32 hexadecimal digits that tell it from all others, once it is made.
    pub id: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Why it cannot be read, and when that is tried again.
    pub trouble: Option<StoreTrouble>,
    /// What is in it; `None` when it cannot be read or holds nothing yet.
    pub counts: Option<StoreCounts>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

impl StoreShown {
    /// What its state is called: `error` while it cannot be read.
    #[must_use]
    pub fn shown_state(&self) -> &'static str {
        if self.trouble.is_some() { "error" } else { self.state.name() }
    }
}

/// Why a store is in error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreTrouble {
    /// Why.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
    /// When it is tried again by itself.
    pub retry_at: Option<Timestamp>,
}

/// How much is in a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreCounts {
    /// Messages.
    pub messages: u64,
    /// Entries of its log.
    pub entries: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// Bytes of its catalog.
    pub catalog_bytes: u64,
    /// Bytes of its index.
    pub index_bytes: u64,
    /// Changes to messages of write-protected stores that wait here.
    pub deferred: u64,
}

/// What a store is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreStats {
    /// Messages in a folder.
    pub messages: u64,
    /// Their bytes, each once.
    pub message_bytes: u64,
    /// Placements: a message counts in each folder that it is in.
    pub placements: u64,
    /// Bytes of the messages, once for each placement: what mailboxes of their own would take.
    pub placed_bytes: u64,
    /// Messages that are erased.
    pub erased: u64,
    /// Entries of its log.
    pub entries: u64,
    /// Segments of its log.
    pub segments: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Bytes of messages and parts, each once, before compression.
    pub content_bytes: u64,
    /// The same as they stand in the log.
    pub content_stored_bytes: u64,
    /// Of `content_bytes`, those that are compressed with a dictionary.
    pub by_dictionary_bytes: u64,
    /// Dictionaries: one for each segment that has one.
    pub dictionaries: u64,
    /// Their bytes in the log.
    pub dictionary_bytes: u64,
    /// Bytes of entries and details in the log.
    pub fact_bytes: u64,
    /// Bytes of the catalog.
    pub catalog_bytes: u64,
    /// Bytes of the index.
    pub index_bytes: u64,
    /// Messages by the year of their date, ascending.
    pub years: Vec<StoreYear>,
}

impl StoreStats {
    /// Bytes that are not there because everything is kept once.
    #[must_use]
    pub fn saved_by_single_instance(&self) -> u64 {
        self.placed_bytes.saturating_sub(self.content_bytes)
    }

    /// Bytes that are not there because of compression.
    #[must_use]
    pub fn saved_by_compression(&self) -> u64 {
        self.content_bytes.saturating_sub(self.content_stored_bytes)
    }
}

/// The messages of one year.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreYear {
    /// The year.
    pub year: i64,
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A store in statistics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreStatsShown {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub state: StoreState,
    /// What it is made of, or why that cannot be said.
    pub stats: Result<StoreStats, String>,
}

/// How many of the stores that people see could be read for an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoresRead {
    /// Those that were read.
    pub read: u64,
    /// All of them.
    pub of: u64,
    /// Those that were not, and why: sentences.
    pub unread: Vec<String>,
}

impl StoresRead {
    /// Whether nothing is missing for want of a store.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty()
    }

    /// What the answer says of it; `None` when nothing is missing.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let StoresRead { read, of, unread } = self;
        (!self.is_whole())
            .then(|| format!("{read} of {of} stores could be read. {}", unread.join(" ")))
    }
}

/// Two stores became one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreMerged {
    /// The one that ended.
    pub store: String,
    /// The one that has everything now.
    pub into: String,
    /// Messages that it did not have.
    pub copied: u64,
    /// Messages that it had.
    pub already: u64,
    /// Places of messages in folders that it did not have.
    pub placements: u64,
    /// Messages that could not be read, by id; while there are any, nothing ends.
    pub damaged: Vec<String>,
    /// Where the one lies that ended.
    pub dir: PathBuf,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}
