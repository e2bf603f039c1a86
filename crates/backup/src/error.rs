//! Why a backup cannot be made, read or brought back.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What the caller can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BackupErrorKind {
    /// Nothing: it was asked to stop. What was copied is used by the next attempt.
    Cancelled,
    /// Make room, then run again: backups that were whole are whole.
    DiskFull,
    /// Name another directory, or another backup.
    Request,
    /// Use a newer program.
    Unsupported,
    /// Use another backup, or make one anew: bytes of this one are missing or changed.
    Damaged,
    /// Use a newer backup: this one holds what was erased since.
    Erased,
    /// Run again: the source changed faster than it could be copied.
    Changing,
    /// Look at the cause: a disk failed.
    Io,
}

/// A backup could not be made, read or brought back.
#[derive(Debug)]
pub struct BackupError {
    kind: BackupErrorKind,
    message: String,
    cause: Option<io::Error>,
}

impl BackupError {
    /// An error of this kind. `message` is lower case, without a full stop.
    pub fn new(kind: BackupErrorKind, message: impl Into<String>) -> BackupError {
        BackupError { kind, message: message.into(), cause: None }
    }

    /// From an I/O error while `doing` something.
    pub fn io(doing: &str) -> impl FnOnce(io::Error) -> BackupError {
        let message = format!("failed to {doing}");
        move |error| {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    BackupErrorKind::DiskFull
                }
                _ => BackupErrorKind::Io,
            };
            BackupError { kind, message, cause: Some(error) }
        }
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> BackupErrorKind {
        self.kind
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for BackupError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|it| it as &(dyn StdError + 'static))
    }
}

pub(crate) fn damaged(message: impl Into<String>) -> BackupError {
    BackupError::new(BackupErrorKind::Damaged, message)
}

pub(crate) fn request(message: impl Into<String>) -> BackupError {
    BackupError::new(BackupErrorKind::Request, message)
}
