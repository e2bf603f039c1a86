//! From the errors of every layer to failures that say what to do.

use std::error::Error as StdError;
use std::io;

use commands::{Failure, FailureKind};
use ports::{
    CatalogError, LogError, LogErrorKind, ReadError, ReadErrorKind, SourceError, SourceErrorKind,
};
use search::{SearchError, SearchErrorKind};
use state::{StateError, StateErrorKind};
use store::{StoreError, StoreErrorKind};
use tokio::task::JoinError;
use types::BlobId;

use crate::context::DataDir;

const VERIFY: &str = "`posthold verify` says what is wrong.";
const ROOM: &str = "Make room on the disk and run it again: what was acknowledged is safe.";
const NEWER: &str = "Use the newest Posthold that has worked on this data directory.";

/// A task that did not end by itself. Only a panic does that here: a defect of the program.
pub(super) fn ended_early(error: &JoinError) -> Failure {
    Failure::new(FailureKind::Internal, format!("a part of the program ended early: {error}"))
        .with_hint("Run it again; if it happens again, please report it.")
}

/// A reading command was given a directory in which nothing was archived.
pub(super) fn no_data_dir(data: &DataDir) -> Failure {
    let message = format!("there is no archive in {}", data.path().display());
    Failure::new(FailureKind::Request, message).with_hint(
        "Name the data directory with --data or POSTHOLD_DATA, or archive something first.",
    )
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
        StateErrorKind::NameTaken | StateErrorKind::InUse | StateErrorKind::Missing => {
            Failure::chain(FailureKind::Request, error)
        }
        StateErrorKind::Key => Failure::chain(FailureKind::Configuration, error).with_hint(
            "Bring the key back (secret.key, POSTHOLD_KEY_FILE or POSTHOLD_KEY), or give the \
             password anew. `posthold key status` shows which keys are missing.",
        ),
        StateErrorKind::Tampered => Failure::chain(FailureKind::Configuration, error)
            .with_hint("Somebody changed the state database. Give the password anew."),
        StateErrorKind::NewerSchema => {
            Failure::chain(FailureKind::Configuration, error).with_hint(NEWER)
        }
        _ => Failure::chain(kind_of_cause(error, FailureKind::Io), error),
    }
}

/// The store failed.
pub(super) fn store(error: &StoreError) -> Failure {
    match error.kind() {
        StoreErrorKind::Missing => Failure::chain(FailureKind::Request, error).with_hint(
            "Name the data directory with --data or POSTHOLD_DATA, or archive something first.",
        ),
        StoreErrorKind::Unsupported { .. } => {
            Failure::chain(FailureKind::Configuration, error).with_hint(NEWER)
        }
        StoreErrorKind::Damaged => Failure::chain(FailureKind::Store, error).with_hint(VERIFY),
        StoreErrorKind::Request => Failure::chain(FailureKind::Request, error),
        StoreErrorKind::Rollback => Failure::chain(FailureKind::Store, error).with_hint(
            "The log is shorter than it was: bring back the newest copy of the data directory. If \
             there is none, `posthold store accept-rollback` lets the store go on from here.",
        ),
        StoreErrorKind::Key => store_key(&chain(error)),
        StoreErrorKind::DiskFull => Failure::chain(FailureKind::DiskFull, error).with_hint(ROOM),
        StoreErrorKind::View => Failure::chain(FailureKind::Store, error).with_hint(
            "`posthold store rebuild-catalog` and `posthold store rebuild-index` make the views \
             anew from the log.",
        ),
        _ => Failure::chain(kind_of_cause(error, FailureKind::Io), error),
    }
}

/// The key of an encrypted store is not at hand.
pub(super) fn store_key(why: &str) -> Failure {
    Failure::new(FailureKind::Configuration, why).with_hint(
        "Bring the key (secret.key in the data directory, POSTHOLD_KEY_FILE, POSTHOLD_KEY, or the \
         credential posthold.key); `posthold key join` makes it from shares. Without it nothing of \
         the store can be read.",
    )
}

/// The log failed.
pub(super) fn log(error: &LogError) -> Failure {
    match error.kind() {
        LogErrorKind::DiskFull => Failure::chain(FailureKind::DiskFull, error).with_hint(ROOM),
        LogErrorKind::Damaged => Failure::chain(FailureKind::Damaged, error).with_hint(VERIFY),
        LogErrorKind::Stopped => Failure::chain(FailureKind::Store, error)
            .with_hint("Run it again: the store recovers first."),
        LogErrorKind::Request => Failure::chain(FailureKind::Internal, error),
        _ => Failure::chain(kind_of_cause(error, FailureKind::Io), error),
    }
}

/// A message could not be given back.
pub(super) fn read(error: &ReadError, id: &BlobId) -> Failure {
    let kind = match error.kind() {
        ReadErrorKind::NotFound => FailureKind::NotFound,
        ReadErrorKind::Damaged => FailureKind::Damaged,
        _ => kind_of_cause(error, FailureKind::Io),
    };
    let failure = Failure::chain(kind, error);
    let failure = Failure { message: format!("message {id}: {}", failure.message), ..failure };
    if kind == FailureKind::Damaged { failure.with_hint(VERIFY) } else { failure }
}

/// The catalog failed.
pub(super) fn catalog(error: &CatalogError) -> Failure {
    Failure::chain(FailureKind::Store, error)
        .with_hint("`posthold store rebuild-catalog` makes it anew from the log.")
}

/// The index failed.
pub(super) fn search(error: &SearchError) -> Failure {
    match error.kind() {
        SearchErrorKind::Rebuild => Failure::chain(FailureKind::Store, error)
            .with_hint("`posthold store rebuild-index` makes it anew from the log."),
        SearchErrorKind::TooBroad => Failure::chain(FailureKind::Request, error)
            .with_hint("Give more letters before the `*`."),
        SearchErrorKind::Unresolved => Failure::chain(FailureKind::Internal, error),
        _ => Failure::chain(kind_of_cause(error, FailureKind::Io), error),
    }
}

/// A source could not be prepared.
pub(super) fn source(error: &SourceError) -> Failure {
    let kind = match error.kind() {
        SourceErrorKind::Configuration => FailureKind::Configuration,
        SourceErrorKind::Credentials => FailureKind::Credentials,
        SourceErrorKind::Throttled { .. } => FailureKind::Throttled,
        SourceErrorKind::Protocol => FailureKind::Protocol,
        _ => FailureKind::Unavailable,
    };
    let failure = Failure::chain(kind, error);
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn StdError) -> String {
    Failure::chain(FailureKind::Internal, error).message
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
