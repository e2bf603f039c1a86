//! Our values in SQLite's columns.

use std::error::Error as StdError;

use ports::CatalogError;
use rusqlite::{ErrorCode, Row};
use types::{Hash, Timestamp};

/// A number as SQLite holds it: the same 64 bits, signed.
pub(crate) fn sql(number: u64) -> i64 {
    number.cast_signed()
}

/// The number in a column.
pub(crate) fn from_sql(number: i64) -> u64 {
    number.cast_unsigned()
}

pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(from_sql)
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(crate) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column).map(Hash)
}

/// A value that no version of ours writes.
pub(crate) fn unknown(what: &str, value: impl std::fmt::Display) -> rusqlite::Error {
    let message = format!("unknown {what} {value}");
    let cause: Box<dyn StdError + Send + Sync> = message.into();
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Integer, cause)
}

/// Says which look-up or change failed.
pub(crate) fn failed(what: &str) -> impl FnOnce(rusqlite::Error) -> CatalogError {
    move |cause| CatalogError { what: what.to_owned(), cause: Box::new(cause) }
}

/// An error that SQLite did not make.
pub(crate) fn refused(what: &str, why: impl Into<String>) -> CatalogError {
    CatalogError { what: what.to_owned(), cause: why.into().into() }
}

/// Whether the file is damaged, so that only making it anew helps.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::QueryReturnedNoRows
        )
        || error.to_string().contains("no such table")
}

/// Whether the error of a look-up or a change says that the file is damaged.
pub(crate) fn says_damage(error: &CatalogError) -> bool {
    error.cause.downcast_ref().is_some_and(is_damage)
}
