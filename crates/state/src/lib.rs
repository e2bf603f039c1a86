//! The state database of a server: what is neither in the log of a store nor a view of it.
//!
//! Here: users with their archives, server profiles, jobs, runs, sealed secrets, settings, the last
//! size and root of each store, when each completeness certificate was last confirmed, and what is
//! remembered of servers and leases. What it is not: a view. It cannot be rebuilt.
//!
//! Rules: writes are one transaction each; nothing here is needed to read a message back; a
//! database of a newer schema is refused by its number; no SQL and no sealed bytes leave it.

mod alerts;
mod anchors;
mod approvals;
mod backups;
mod configuration;
mod details;
mod error;
mod job_fields;
mod jobs;
mod mail;
mod memory;
mod profiles;
mod quarantine;
mod retention;
mod runs;
mod schema;
mod secrets;
mod service;
mod settings;
mod stores;
mod unknown;
mod unlocks;
mod users;

use std::io;
use std::path::Path;
use std::time::Duration;

use disk::RealDisk;
use ports::{Access, Disk};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, TransactionBehavior, params};
use types::{Hash, Position, SourceId, Timestamp};

pub use alerts::ALERTS_LISTED_MAX;
pub use anchors::KeptAnchored;
pub use approvals::proof_of;
pub use backups::BackedUp;
pub use details::{EndedRun, MAILBOXES_KEPT_MAX, RunSums, Standing as AccountStanding, StepEnd};
pub use error::{StateError, StateErrorKind};
pub use jobs::{JobId, SavedJob};
pub use mail::{DueMail, MailPurpose, NewMail};
pub use memory::Memory;
pub use profiles::{ProfileId, SavedProfile};
pub use quarantine::AcceptedMessage;
pub use retention::{ClockMemory, PolicyChange, SavedPolicy};
pub use runs::{PlannedStep, RUNS_LISTED_MAX};
pub use secrets::{SecretCounts, SecretPlace};
pub use stores::{SavedStore, StoreFailure};
pub use unknown::{UNKNOWN_KEPT_MAX, UnknownFound};
pub use unlocks::KeptUnlock;
pub use users::{Standing, User, UserChange};

/// Statements that a connection keeps prepared: about as many as the steps of a run use.
const PREPARED_MAX: usize = 64;

/// How long a write waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open state database.
#[derive(Debug)]
pub struct State {
    db: Connection,
}

impl State {
    /// Opens the database at `path`, and makes or upgrades it.
    pub fn open(path: &Path) -> Result<State, StateError> {
        let failed = |what, cause| StateError::io(path, what, cause);
        make_private(path).map_err(|it| failed("make", it))?;
        let mut db = Connection::open(path).map_err(|it| failed("open", it))?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(|it| failed("open", it))?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(|it| failed("open", it))?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(|it| failed("open", it))?;
        // Closing must not sync: a pass that found nothing new syncs nothing.
        db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|it| failed("open", it))?;
        // Tables that are made anew lose no rows of those that refer to them.
        db.pragma_update(None, "foreign_keys", false).map_err(|it| failed("open", it))?;
        schema::upgrade(&mut db, path)?;
        db.pragma_update(None, "foreign_keys", true).map_err(|it| failed("open", it))?;
        // Several commands of one server write: who reads first and writes then must not find
        // that another wrote in between. Taking the right to write at once makes it wait instead.
        db.set_transaction_behavior(TransactionBehavior::Immediate);
        Ok(State { db })
    }

    /// A state in memory, in which nothing is kept: that of a data directory not made yet.
    pub fn empty() -> Result<State, StateError> {
        let path = Path::new(":memory:");
        let mut db = Connection::open_in_memory().map_err(|it| StateError::io(path, "open", it))?;
        db.set_prepared_statement_cache_capacity(PREPARED_MAX);
        schema::upgrade(&mut db, path)?;
        Ok(State { db })
    }

    /// Opens the database at `path` to read it while another process may own it. One of an older
    /// schema is upgraded first.
    pub fn open_for_reading(path: &Path) -> Result<State, StateError> {
        let failed = |cause| StateError::io(path, "open", cause);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        if schema::version(&db, path)? < schema::newest() {
            // SQLite keeps the upgrade apart from whoever owns the data directory.
            drop(db);
            return State::open(path);
        }
        Ok(State { db })
    }

    /// Reads every page and reports what is wrong with the file, at most 100 things.
    pub fn check(&self) -> Result<Vec<String>, StateError> {
        let failed = |it| StateError::query("check it", it);
        let mut check = self.db.prepare("PRAGMA integrity_check(100)").map_err(failed)?;
        let found = check.query_map([], |row| row.get(0)).and_then(Iterator::collect);
        let found: Vec<String> = found.map_err(failed)?;
        Ok(found.into_iter().filter(|it| it != "ok").collect())
    }

    /// The position that the store `name` had when it was last recorded.
    pub fn store_head(&self, name: &str) -> Result<Option<Position>, StateError> {
        let sql = "SELECT entries, root FROM store_head WHERE store = ?";
        let row = self
            .db
            .query_row(sql, [name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))
            .optional()
            .map_err(|it| StateError::query("read the last size of a store", it))?;
        Ok(row.map(|(entries, root)| Position { entries: unsigned(entries), root: Hash(root) }))
    }

    /// Records the position of the store `name`. Writes nothing when it is recorded already.
    pub fn set_store_head(&mut self, name: &str, position: Position) -> Result<(), StateError> {
        if self.store_head(name)? == Some(position) {
            return Ok(());
        }
        set_head(&self.db, name, position)
    }

    /// The same, before the checkpoint is signed that the log ended there: on disk when this
    /// returns, so that a power loss cannot leave a state that remembers less.
    pub fn keep_store_end(&mut self, name: &str, position: Position) -> Result<(), StateError> {
        if self.store_head(name)? == Some(position) {
            return Ok(());
        }
        self.durably("record the size of a store", |tx| set_head(tx, name, position))
    }

    /// When the certificate of `source` in store `name` was last found to hold.
    pub fn confirmed_at(
        &self,
        name: &str,
        source: SourceId,
    ) -> Result<Option<Timestamp>, StateError> {
        let sql = "SELECT at FROM confirmed WHERE store = ? AND source = ?";
        self.db
            .query_row(sql, params![name, signed(source.0)], |row| row.get(0).map(Timestamp))
            .optional()
            .map_err(|it| StateError::query("read when a mailbox was confirmed", it))
    }

    /// Notes that the certificates of these sources hold at `at`. Not synced: it may be lost
    /// with the power, and then an older time is shown.
    pub fn confirm(
        &mut self,
        name: &str,
        sources: &[SourceId],
        at: Timestamp,
    ) -> Result<(), StateError> {
        let failed = |it| StateError::query("note when a mailbox was confirmed", it);
        let tx = self.db.transaction().map_err(failed)?;
        {
            let sql = "INSERT INTO confirmed VALUES (?1, ?2, ?3)
                       ON CONFLICT (store, source) DO UPDATE SET at = ?3";
            let mut insert = tx.prepare_cached(sql).map_err(failed)?;
            for source in sources {
                insert.execute(params![name, signed(source.0), at.0]).map_err(failed)?;
            }
        }
        tx.commit().map_err(failed)
    }

    /// A number that changes whenever somebody else has written anything: then what was read may
    /// be old.
    pub fn version(&self) -> Result<i64, StateError> {
        self.db
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|it| StateError::query("look for changes", it))
    }

    /// Runs `write` in one transaction that is synced when this returns.
    /// Writes the database anew, so that no free page and no write-ahead log keeps what was
    /// deleted. Fails, and can be done again, while somebody else reads or writes for long.
    pub fn rid_of_deleted(&mut self) -> Result<(), StateError> {
        let failed = |it| StateError::query("rid the state of what was deleted", it);
        self.db.execute_batch("VACUUM").map_err(failed)?;
        let is_busy: bool = self
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(failed)?;
        match is_busy {
            true => Err(failed(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                None,
            ))),
            false => Ok(()),
        }
    }

    fn durably<T>(
        &mut self,
        what: &str,
        write: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let failed = |it| StateError::query(what, it);
        self.db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let written = self.db.transaction().map_err(failed).and_then(|tx| {
            let value = write(&tx)?;
            tx.commit().map_err(failed)?;
            Ok(value)
        });
        self.db.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        written
    }
}

fn set_head(db: &Connection, name: &str, position: Position) -> Result<(), StateError> {
    let sql = "INSERT INTO store_head VALUES (?1, ?2, ?3)
               ON CONFLICT (store) DO UPDATE SET entries = ?2, root = ?3";
    db.execute(sql, params![name, signed(position.entries), position.root.0])
        .map(|_| ())
        .map_err(|it| StateError::query("record the size of a store", it))
}

/// Makes the file before SQLite does, which would let everybody read it. What SQLite keeps
/// beside it gets the same permissions.
fn make_private(path: &Path) -> rusqlite::Result<()> {
    match RealDisk.open(path, Access::CreateNew) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        }
        _ => Ok(()),
    }
}

/// Carries out a statement that is kept prepared.
fn write(db: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    db.prepare_cached(sql)?.execute(values)
}

/// SQLite integers are signed; ours are counts and random numbers. The bits are kept.
fn signed(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

fn unsigned(number: i64) -> u64 {
    u64::from_ne_bytes(number.to_ne_bytes())
}

#[cfg(test)]
mod tests;
