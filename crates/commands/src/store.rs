//! Stores: which there are, what each is for, and what is done about them.

use std::path::PathBuf;

use types::Timestamp;

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
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(self, StoreRequest::List | StoreRequest::Show(_))
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
