//! From the errors of every layer to failures that say what to do.

use std::error::Error as StdError;
use std::io;

use commands::{Failure, FailureKind};
use state::{StateError, StateErrorKind};
use tokio::task::JoinError;

use crate::context::DataDir;

/// A task that did not end by itself. Only a panic does that here: a defect of the program.
pub(super) fn ended_early(error: &JoinError) -> Failure {
    Failure::new(FailureKind::Internal, format!("a part of the program ended early: {error}"))
        .with_hint("Run it again; if it happens again, please report it.")
}

/// A file or directory failed. `what` is lower case and names what was to be done.
pub(super) fn io(error: &io::Error, what: &str) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureKind::DiskFull,
        io::ErrorKind::Unsupported => FailureKind::Configuration,
        _ => FailureKind::Io,
    };
    let cause = Failure::chain(kind, error);
    Failure { message: format!("{what}: {}", cause.message), ..cause }
}

/// The state database failed.
pub(super) fn state(error: &StateError) -> Failure {
    match error.kind() {
        StateErrorKind::UserExists => Failure::chain(FailureKind::Request, error)
            .with_hint("`posthold user list` shows the users."),
        StateErrorKind::NewerSchema => Failure::chain(FailureKind::Configuration, error)
            .with_hint("Use the newest Posthold that has worked on this data directory."),
        _ => Failure::chain(kind_of_cause(error, FailureKind::Io), error),
    }
}

/// `DiskFull` when an I/O error in the chain says so, else `otherwise`.
fn kind_of_cause(error: &(dyn StdError + 'static), otherwise: FailureKind) -> FailureKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|it| it.kind() == io::ErrorKind::StorageFull) {
            return FailureKind::DiskFull;
        }
        cause = error.source();
    }
    otherwise
}

/// A reading command was given a directory in which nothing was archived.
pub(super) fn no_data_dir(data: &DataDir) -> Failure {
    let message = format!("there is no archive in {}", data.path().display());
    Failure::new(FailureKind::Request, message).with_hint(
        "Name the data directory with --data or POSTHOLD_DATA, or archive something first.",
    )
}
