//! What can go wrong with the index, by what a caller can do.

use std::error::Error as StdError;
use std::io;

use ports::IndexError;
use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenReadError};
use thiserror::Error;

/// What a caller can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SearchErrorKind {
    /// Make a new index from the log: this one is damaged, of another format or not an index.
    Rebuild,
    /// Ask whoever wrote the query for longer words: too many words have this form.
    TooBroad,
    /// Resolve every catalog term of the query before asking. A mistake of the caller.
    Unresolved,
    /// Wait until the other writer has ended.
    Busy,
    /// Try again, or look after the disk.
    Disk,
}

/// The index could not be opened, written or searched. It is a view: nothing is lost with it.
#[derive(Debug, Error)]
#[error("{what}")]
pub struct SearchError {
    kind: SearchErrorKind,
    what: String,
    #[source]
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl SearchError {
    pub(crate) fn new(kind: SearchErrorKind, what: impl Into<String>) -> SearchError {
        SearchError { kind, what: what.into(), cause: None }
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> SearchErrorKind {
        self.kind
    }
}

impl From<TantivyError> for SearchError {
    fn from(error: TantivyError) -> SearchError {
        let kind = kind_of(&error);
        let what = match kind {
            SearchErrorKind::Busy => "the index is being written by another process",
            SearchErrorKind::Disk => "failed to read or write the index",
            _ => "the index is damaged or of another format",
        };
        SearchError { kind, what: what.into(), cause: Some(Box::new(error)) }
    }
}

impl From<io::Error> for SearchError {
    fn from(error: io::Error) -> SearchError {
        // Tantivy reports bytes that make no sense as invalid data or an early end.
        let kind = match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => SearchErrorKind::Rebuild,
            _ => SearchErrorKind::Disk,
        };
        let what = "failed to read the index".into();
        SearchError { kind, what, cause: Some(Box::new(error)) }
    }
}

impl From<SearchError> for IndexError {
    fn from(error: SearchError) -> IndexError {
        IndexError { what: error.what.clone(), cause: Box::new(error) }
    }
}

fn kind_of(error: &TantivyError) -> SearchErrorKind {
    match error {
        TantivyError::LockFailure(LockError::LockBusy, _) => SearchErrorKind::Busy,
        TantivyError::LockFailure(..)
        | TantivyError::IoError(_)
        | TantivyError::OpenWriteError(_)
        | TantivyError::SystemError(_)
        | TantivyError::ErrorInThread(_)
        | TantivyError::OpenReadError(OpenReadError::IoError { .. }) => SearchErrorKind::Disk,
        _ => SearchErrorKind::Rebuild,
    }
}
