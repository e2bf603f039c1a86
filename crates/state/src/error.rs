//! Errors of the state database.

use std::path::Path;

use thiserror::Error;

/// What the caller can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// Look at the cause: the file cannot be opened, read or written.
    Io,
    /// Use the program that wrote it, or a newer one.
    NewerSchema,
    /// Choose another name: there is a user of this one.
    UserExists,
}

/// The state database could not do it.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct StateError {
    kind: StateErrorKind,
    message: String,
    #[source]
    cause: Option<rusqlite::Error>,
}

impl StateError {
    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> StateErrorKind {
        self.kind
    }

    pub(crate) fn io(path: &Path, what: &str, cause: rusqlite::Error) -> StateError {
        let message = format!("failed to {what} the state database {}", path.display());
        StateError { kind: StateErrorKind::Io, message, cause: Some(cause) }
    }

    pub(crate) fn query(what: &str, cause: rusqlite::Error) -> StateError {
        let message = format!("failed to {what}");
        StateError { kind: StateErrorKind::Io, message, cause: Some(cause) }
    }

    pub(crate) fn newer(path: &Path, found: i64, known: i64) -> StateError {
        let message = format!(
            "the state database {} has schema {found}, and this program knows up to {known}",
            path.display()
        );
        StateError { kind: StateErrorKind::NewerSchema, message, cause: None }
    }

    pub(crate) fn user_exists(name: &str) -> StateError {
        let message = format!("there is a user {name:?} already");
        StateError { kind: StateErrorKind::UserExists, message, cause: None }
    }
}
