//! Why a store cannot do something.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use ports::{CatalogError, IndexError, LogError, LogErrorKind};

use crate::log::{OpenError, OpenErrorKind};

/// What the caller of a store can do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Name another directory: there is no store in this one.
    Missing,
    /// Use a newer program: the store needs this feature or format version.
    Unsupported {
        /// Which.
        feature: String,
    },
    /// Put the store into the state `error`: bytes that were durable are missing or changed.
    Damaged,
    /// Put the store into the state `error`: its log is older than something that was recorded.
    Rollback,
    /// Bring the key that the store is encrypted with.
    Key,
    /// Make room, then run again.
    DiskFull,
    /// Look at the cause: the disk or the file system failed.
    Io,
    /// Look at the cause: a view failed. It can be made anew.
    View,
    /// Ask for something else: there is nothing to do.
    Request,
}

/// A store could not do something.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    pub(crate) fn new(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
        StoreError { kind, message: message.into(), cause: None }
    }

    pub(crate) fn caused_by(
        mut self,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> StoreError {
        self.cause = Some(cause.into());
        self
    }

    /// An I/O error while `doing` something.
    pub(crate) fn io(doing: &str) -> impl FnOnce(io::Error) -> StoreError {
        let message = format!("failed to {doing}");
        move |error| {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    StoreErrorKind::DiskFull
                }
                _ => StoreErrorKind::Io,
            };
            StoreError::new(kind, message).caused_by(error)
        }
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> StoreError {
        let kind = match error.kind() {
            OpenErrorKind::Damaged => StoreErrorKind::Damaged,
            OpenErrorKind::Rollback | OpenErrorKind::OtherHistory => StoreErrorKind::Rollback,
            OpenErrorKind::Key => StoreErrorKind::Key,
            OpenErrorKind::Unsupported => {
                StoreErrorKind::Unsupported { feature: "a newer log format".into() }
            }
            _ => StoreErrorKind::Io,
        };
        StoreError::new(kind, "failed to open the log").caused_by(error)
    }
}

impl From<LogError> for StoreError {
    fn from(error: LogError) -> StoreError {
        let kind = match error.kind() {
            LogErrorKind::DiskFull => StoreErrorKind::DiskFull,
            LogErrorKind::Damaged => StoreErrorKind::Damaged,
            _ => StoreErrorKind::Io,
        };
        StoreError::new(kind, "failed to read the log").caused_by(error)
    }
}

impl From<CatalogError> for StoreError {
    fn from(error: CatalogError) -> StoreError {
        StoreError::new(StoreErrorKind::View, "the catalog failed").caused_by(error)
    }
}

impl From<IndexError> for StoreError {
    fn from(error: IndexError) -> StoreError {
        StoreError::new(StoreErrorKind::View, "the index failed").caused_by(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|it| it as &(dyn StdError + 'static))
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
