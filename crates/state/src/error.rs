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
    /// Choose another name: something else has this one.
    NameTaken,
    /// Take it out of use first: something refers to it.
    InUse,
    /// Ask for another one: there is none of this name.
    Missing,
    /// Give the key that the secrets were sealed with.
    Key,
    /// Give the secret anew: what is kept was changed.
    Tampered,
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

    pub(crate) fn plain(kind: StateErrorKind, message: impl Into<String>) -> StateError {
        StateError { kind, message: message.into(), cause: None }
    }

    /// A value in the database that no version of this program writes.
    pub(crate) fn unknown_value(what: &str, value: &str) -> StateError {
        let message = format!("the state database holds an unknown {what} {value:?}");
        StateError { kind: StateErrorKind::Io, message, cause: None }
    }

    pub(crate) fn user_exists(name: &str) -> StateError {
        let message = format!("there is a user {name:?} already");
        StateError { kind: StateErrorKind::UserExists, message, cause: None }
    }
}
