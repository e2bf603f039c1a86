//! The one writer of a catalog.

use std::path::{Path, PathBuf};

use ledger::merkle::Tree;
use ledger::project::project;
use ledger::{Detail, Entry};
use ports::{CatalogError, NewMessage, WriteCatalog};
use rusqlite::Connection;
use types::{EntryNumber, MessageKey, Position};

use super::apply::{Applier, Shortcuts};
use super::digest::digest;
use super::schema::{self, Head};
use super::sets::SetChanges;
use super::values::{failed, is_damage, refused};

/// Applies the entries of a log to a catalog.
///
/// Changes are seen by readers after [`commit`](WriteCatalog::commit). After an error the
/// changes since the last commit are taken back, and the writer goes on from there.
pub struct CatalogWriter {
    connection: Connection,
    committed: Head,
    head: Head,
    newest: Option<(MessageKey, u32)>,
    sets: SetChanges,
    shortcuts: Shortcuts,
    in_transaction: bool,
    has_written: bool,
}

/// Why a catalog file is of no use: it is made anew.
#[derive(Debug)]
pub struct Unusable {
    /// What is wrong with it: lower case, without a full stop.
    pub why: String,
}

impl CatalogWriter {
    /// Opens the catalog of the store with this id.
    ///
    /// The inner result says why a file that can be read cannot be used: it is missing, damaged,
    /// of another schema version or of another store.
    pub fn open(path: &Path, store: &str) -> Result<Result<CatalogWriter, Unusable>, CatalogError> {
        if !path.exists() {
            return Ok(Err(Unusable { why: "it is missing".into() }));
        }
        let read = || {
            let connection = schema::open(path)?;
            let head = schema::read_head(&connection, store)?;
            Ok((connection, head))
        };
        match read() {
            Ok((connection, Ok(head))) => {
                Ok(Ok(CatalogWriter::new(connection, head, Shortcuts::default())))
            }
            Ok((_, Err(why))) => Ok(Err(Unusable { why })),
            Err(error) if is_damage(&error) => {
                Ok(Err(Unusable { why: format!("it is damaged: {error}") }))
            }
            Err(error) => Err(failed("opening it")(error)),
        }
    }

    /// Makes an empty catalog at `path`, where nothing is, for the start of the log. Nothing is
    /// synced, it has no indexes, and it cannot be read by others, before
    /// [`finish`](CatalogWriter::finish).
    pub(crate) fn create(path: &Path, store: &str) -> Result<CatalogWriter, CatalogError> {
        let root = Tree::new().root();
        let connection = schema::create(path, store, root).map_err(failed("making it"))?;
        Ok(CatalogWriter::of_new(connection))
    }

    /// The same in a file without a name, which goes with this value.
    pub(crate) fn nameless(store: &str) -> Result<CatalogWriter, CatalogError> {
        let root = Tree::new().root();
        let connection = schema::create_nameless(store, root).map_err(failed("making one"))?;
        Ok(CatalogWriter::of_new(connection))
    }

    /// What it has written.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn of_new(connection: Connection) -> CatalogWriter {
        let position = Tree::new().position();
        connection.set_prepared_statement_cache_capacity(64);
        let _ = connection.pragma_update(None, "cache_size", -64_000);
        let shortcuts = Shortcuts { lacks_indexes: true, no_quarantine: true };
        CatalogWriter::new(connection, Head { position, messages: 0 }, shortcuts)
    }

    fn new(connection: Connection, head: Head, shortcuts: Shortcuts) -> CatalogWriter {
        CatalogWriter {
            connection,
            committed: head,
            head,
            newest: None,
            sets: SetChanges::default(),
            shortcuts,
            in_transaction: false,
            has_written: false,
        }
    }

    /// Number of messages that it has numbered.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.head.messages.into()
    }

    fn apply_all(
        &mut self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
    ) -> rusqlite::Result<Vec<NewMessage>> {
        if !self.in_transaction {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
            schema::check_head(&self.connection, self.committed.position)?;
        }
        let mut made = Vec::new();
        let mut applier = Applier {
            connection: &self.connection,
            sets: &mut self.sets,
            shortcuts: &mut self.shortcuts,
            n_next: &mut self.head.messages,
            newest: &mut self.newest,
            made: &mut made,
        };
        for (number, (entry, detail)) in (first..).zip(entries) {
            for change in project(EntryNumber(number), entry, detail.as_ref()) {
                applier.apply(change)?;
            }
        }
        Ok(made)
    }

    fn roll_back(&mut self) {
        if self.in_transaction {
            // When even this fails the connection is of no use, and says so at the next call.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.in_transaction = false;
        self.head = self.committed;
        self.newest = None;
        self.shortcuts.no_quarantine = false;
        self.sets.forget();
    }

    /// A hash over all rows: equal for two catalogs that read the same log.
    pub fn digest(&self) -> Result<types::Hash, CatalogError> {
        digest(&self.connection).map_err(failed("hashing its rows"))
    }

    /// Writes a copy at `path`, where nothing is, without free pages: nothing is in it that a row
    /// held once.
    pub(crate) fn copy_to(&mut self, path: &Path) -> Result<(), CatalogError> {
        self.commit()?;
        schema::copy(&self.connection, path).map_err(failed("copying it"))
    }

    /// Commits, and moves what was written out of the write-ahead log, so that the file is
    /// small and opens fast. A writer that wrote nothing does nothing.
    pub fn close(mut self) -> Result<(), CatalogError> {
        self.commit()?;
        if self.has_written {
            let query = "PRAGMA wal_checkpoint(TRUNCATE)";
            // Busy when somebody reads: then the write-ahead log stays, which is no harm.
            self.connection
                .query_row(query, (), |_| Ok(()))
                .map_err(failed("writing its pages back"))?;
        }
        Ok(())
    }

    /// Ends the making of a catalog by [`create`](CatalogWriter::create).
    pub(crate) fn finish(mut self) -> Result<(), CatalogError> {
        self.commit()?;
        schema::make_indexes(&self.connection).map_err(failed("making its indexes"))?;
        self.connection.close().map_err(|(_, error)| failed("closing it")(error))
    }
}

impl WriteCatalog for CatalogWriter {
    fn position(&self) -> Position {
        self.head.position
    }

    fn committed(&self) -> Position {
        self.committed.position
    }

    fn apply(
        &mut self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
        upto: Position,
    ) -> Result<Vec<NewMessage>, CatalogError> {
        let reached = self.head.position.entries;
        let after = first.saturating_add(entries.len() as u64);
        if first != reached || after != upto.entries {
            self.roll_back();
            let why = format!("entries {first} to {after} do not follow {reached}");
            return Err(refused("applying a batch", why));
        }
        match self.apply_all(first, entries) {
            Ok(made) => {
                self.head.position = upto;
                Ok(made)
            }
            Err(error) => {
                self.roll_back();
                Err(failed("applying a batch")(error))
            }
        }
    }

    fn commit(&mut self) -> Result<(), CatalogError> {
        if !self.in_transaction {
            return Ok(());
        }
        let written = self
            .sets
            .write(&self.connection)
            .and_then(|()| schema::write_head(&self.connection, self.head))
            .and_then(|()| self.connection.execute_batch("COMMIT"));
        if let Err(error) = written {
            self.roll_back();
            return Err(failed("committing")(error));
        }
        self.in_transaction = false;
        self.has_written = true;
        self.committed = self.head;
        Ok(())
    }
}

/// The files that SQLite keeps beside a database in write-ahead mode.
pub(crate) fn companions(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}
