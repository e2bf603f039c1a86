//! The tables of the catalog, and how a file of them is opened.
//!
//! The catalog is a view: when anything about the file is not as expected it is made anew from
//! the log. So there are no migrations: another version of the schema is another file.

use std::path::Path;

use disk::RealDisk;
use ports::{Access, Disk};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use types::{Hash, Position};

use super::values::{from_sql, sql};

/// Counts up whenever the tables or what is in them for the same log change.
pub(crate) const SCHEMA_VERSION: i64 = 5;

/// Says that an SQLite file is a catalog of ours: "PhCt".
const APPLICATION_ID: i64 = 0x5068_4374;

/// SQLite's page in bytes. Larger pages waste less at their ends; rows here are short.
const PAGE_BYTES: i64 = 4096;

/// A checkpoint costs two syncs; this many pages of write-ahead log are worth them.
const CHECKPOINT_PAGES: i64 = 4000;

/// Numbers are 64 bits in two's complement; hashes are blobs of 32 bytes. What an erased detail
/// held is NULL.
const SCHEMA: &str = "
-- How far the log was read: one row.
CREATE TABLE head (
    id       INTEGER PRIMARY KEY CHECK (id = 0),
    store    TEXT NOT NULL,
    entries  INTEGER NOT NULL,
    root     BLOB NOT NULL,
    messages INTEGER NOT NULL
);
CREATE TABLE folder (
    id        INTEGER PRIMARY KEY,
    archive   INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    user      TEXT,
    path      TEXT,
    canonical TEXT
);
-- n is the dense number: order of first placement, from 0.
CREATE TABLE message (
    n          INTEGER PRIMARY KEY,
    key        INTEGER NOT NULL,
    blob       BLOB NOT NULL,
    size       INTEGER NOT NULL,
    archived   INTEGER NOT NULL,
    date       INTEGER NOT NULL,
    header     BLOB,
    sender     TEXT,
    recipients TEXT,
    subject    TEXT
);
-- source is where the message stood last, also when it is gone from there. senders and recipients
-- are those of its envelope, one a line, where it came with one.
CREATE TABLE placement (
    id         INTEGER PRIMARY KEY,
    n          INTEGER NOT NULL,
    folder     INTEGER NOT NULL,
    flags      INTEGER NOT NULL,
    keywords   TEXT,
    received   INTEGER,
    placed     INTEGER NOT NULL,
    source     INTEGER,
    senders    TEXT,
    recipients TEXT
);
-- Messages that came with an envelope, by their canonical hashes.
CREATE TABLE content (
    canonical BLOB NOT NULL,
    n         INTEGER NOT NULL,
    PRIMARY KEY (canonical, n)
) WITHOUT ROWID;
-- Placements that turned out to be another one.
CREATE TABLE placement_alias (
    id INTEGER PRIMARY KEY,
    of INTEGER NOT NULL
);
-- Sets of messages in pieces of 65536 numbers. kind: 1 all, 2 folder, 3 flag (its
-- bit), 4 partly read.
CREATE TABLE message_set (
    kind  INTEGER NOT NULL,
    id    INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bits  BLOB NOT NULL,
    PRIMARY KEY (kind, id, chunk)
) WITHOUT ROWID;
CREATE TABLE source (
    id           INTEGER PRIMARY KEY,
    archive      INTEGER NOT NULL,
    folder       INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL,
    profile      TEXT NOT NULL,
    account      TEXT NOT NULL,
    mailbox_raw  BLOB NOT NULL,
    mailbox      TEXT NOT NULL
);
CREATE TABLE cursor (
    source      INTEGER PRIMARY KEY,
    uid_next    INTEGER NOT NULL,
    modseq      INTEGER NOT NULL,
    fingerprint BLOB NOT NULL
);
-- Where messages stand at their sources now.
CREATE TABLE source_ref (
    source    INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    placement INTEGER NOT NULL,
    PRIMARY KEY (source, uid)
) WITHOUT ROWID;
CREATE TABLE quarantine (
    source   INTEGER NOT NULL,
    uid      INTEGER NOT NULL,
    reason   INTEGER NOT NULL,
    text     TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (source, uid)
) WITHOUT ROWID;
CREATE TABLE certificate (
    source          INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    uid_validity    INTEGER NOT NULL,
    uid_next        INTEGER NOT NULL,
    modseq          INTEGER NOT NULL,
    server_count    INTEGER NOT NULL,
    archived        INTEGER NOT NULL,
    already         INTEGER NOT NULL,
    default_folders INTEGER NOT NULL,
    folder_list     INTEGER NOT NULL,
    filter          INTEGER NOT NULL,
    unknown_address INTEGER NOT NULL,
    quarantined     INTEGER NOT NULL
);
-- Legal holds. scope: 1 all, 2 archive, 3 query; NULL when only its end is known here.
CREATE TABLE hold (
    id            BLOB PRIMARY KEY,
    scope         INTEGER,
    archive       INTEGER,
    name          TEXT,
    query         TEXT,
    user          TEXT,
    reason        TEXT,
    set_by        TEXT,
    set_at        INTEGER,
    lifted_by     TEXT,
    lifted_at     INTEGER,
    lifted_reason TEXT
) WITHOUT ROWID;
-- Messages that are to be erased. entry is the one that condemned them last.
CREATE TABLE condemned (
    n     INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    due   INTEGER NOT NULL
);
-- Changes to messages of other stores that wait. change is the kind of entry that it is like;
-- placement is numbered in the other store, folder and source are ours.
CREATE TABLE deferred (
    entry     INTEGER PRIMARY KEY,
    store     BLOB NOT NULL,
    change    INTEGER NOT NULL,
    placement INTEGER,
    folder    INTEGER,
    flags     INTEGER,
    source    INTEGER,
    uid       INTEGER,
    at        INTEGER NOT NULL
);
CREATE TABLE run (
    entry           INTEGER PRIMARY KEY,
    outcome         INTEGER NOT NULL,
    started         INTEGER NOT NULL,
    ended           INTEGER NOT NULL,
    title           TEXT NOT NULL,
    server_count    INTEGER NOT NULL,
    archived        INTEGER NOT NULL,
    already         INTEGER NOT NULL,
    default_folders INTEGER NOT NULL,
    folder_list     INTEGER NOT NULL,
    filter          INTEGER NOT NULL,
    unknown_address INTEGER NOT NULL,
    quarantined     INTEGER NOT NULL
);
";

/// The indexes of the tables. A catalog that is made anew gets them at its end: sorted once, they
/// cost far less than kept up to date with every row.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS folder_path ON folder (archive, canonical);
CREATE UNIQUE INDEX IF NOT EXISTS message_key ON message (key);
CREATE UNIQUE INDEX IF NOT EXISTS placement_place ON placement (n, folder);
CREATE INDEX IF NOT EXISTS placement_alias_of ON placement_alias (of);
CREATE INDEX IF NOT EXISTS source_account ON source (archive, profile, account);
CREATE INDEX IF NOT EXISTS deferred_placement ON deferred (store, placement);
CREATE INDEX IF NOT EXISTS deferred_place ON deferred (source, uid);
CREATE INDEX IF NOT EXISTS source_ref_placement ON source_ref (placement);
";

/// The tables and the key that orders each: everything that a rebuilt catalog has alike.
pub(crate) const TABLES: [(&str, &str); 16] = [
    ("head", "id"),
    ("folder", "id"),
    ("message", "n"),
    ("placement", "id"),
    ("content", "canonical, n"),
    ("placement_alias", "id"),
    ("message_set", "kind, id, chunk"),
    ("source", "id"),
    ("cursor", "source"),
    ("source_ref", "source, uid"),
    ("quarantine", "source, uid"),
    ("certificate", "source"),
    ("hold", "id"),
    ("condemned", "n"),
    ("deferred", "entry"),
    ("run", "entry"),
];

/// How far a catalog has read, and how many messages it has numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) position: Position,
    pub(crate) messages: u32,
}

/// Makes the tables in a new file, at the start of the log, without [indexes](make_indexes).
/// Nothing is synced: it is swapped in later.
pub(crate) fn create(path: &Path, store: &str, root: Hash) -> rusqlite::Result<Connection> {
    // SQLite would let everybody read it; what it keeps beside gets the same permissions.
    let made = RealDisk.open(path, Access::CreateNew);
    made.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let connection = Connection::open(path)?;
    fill(&connection, store, root)?;
    Ok(connection)
}

/// The same in a file without a name, which goes when it is closed.
pub(crate) fn create_nameless(store: &str, root: Hash) -> rusqlite::Result<Connection> {
    // SQLite's own temporary file, in memory as far as its cache goes.
    let connection = Connection::open("")?;
    fill(&connection, store, root)?;
    Ok(connection)
}

fn fill(connection: &Connection, store: &str, root: Hash) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    connection.execute_batch(&format!("BEGIN;{SCHEMA}COMMIT;"))?;
    let sql = "INSERT INTO head (id, store, entries, root, messages) VALUES (0, ?1, 0, ?2, 0)";
    connection.execute(sql, (store, root.0))?;
    Ok(())
}

/// Makes the indexes that are not there.
pub(crate) fn make_indexes(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(INDEXES)
}

/// Writes a copy of a catalog without free pages to `path`, where nothing is.
pub(crate) fn copy(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    // SQLite would let everybody read it, and takes an empty file for its own.
    let made = RealDisk.open(path, Access::CreateNew);
    made.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection.execute("VACUUM INTO ?1", [path.to_string_lossy()]).map(|_| ())
}

/// Opens the file of the one writer.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!("journal mode {mode}")));
    }
    // What a power cut takes from the end is read from the log again.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    // A pass that found nothing new must not sync at its end.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the file for reading, also while another process writes it.
pub(crate) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// How long a statement waits for another connection.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Reads how far the catalog is, when it is one of ours and of this store; else says why not.
pub(crate) fn read_head(
    connection: &Connection,
    store: &str,
) -> rusqlite::Result<Result<Head, String>> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id")? != APPLICATION_ID {
        return Ok(Err("it is not a catalog".into()));
    }
    let version = number("user_version")?;
    if version != SCHEMA_VERSION {
        return Ok(Err(format!("it has schema version {version}, not {SCHEMA_VERSION}")));
    }
    let query = "SELECT store, entries, root, messages FROM head";
    let row = connection.query_row(query, (), |row| {
        let root = Hash(row.get(2)?);
        Ok((row.get::<_, String>(0)?, row.get(1)?, root, row.get::<_, u32>(3)?))
    });
    let Some((its_store, entries, root, messages)) = row.optional()? else {
        return Ok(Err("it does not say how far it has read".into()));
    };
    if its_store != store {
        return Ok(Err("it belongs to another store".into()));
    }
    let position = Position { entries: from_sql(entries), root };
    Ok(Ok(Head { position, messages }))
}

/// Fails when the catalog is not where its writer left it: then it has another writer, too.
pub(crate) fn check_head(connection: &Connection, left: Position) -> rusqlite::Result<()> {
    let query = "SELECT 1 FROM head WHERE entries = ?1 AND root = ?2";
    let mut statement = connection.prepare_cached(query)?;
    if statement.exists((sql(left.entries), left.root.0))? {
        return Ok(());
    }
    let why: Box<dyn std::error::Error + Send + Sync> = "it has another writer".into();
    Err(rusqlite::Error::ToSqlConversionFailure(why))
}

/// Notes how far the catalog is.
pub(crate) fn write_head(connection: &Connection, head: Head) -> rusqlite::Result<()> {
    let query = "UPDATE head SET entries = ?1, root = ?2, messages = ?3";
    let Head { position, messages } = head;
    let mut statement = connection.prepare_cached(query)?;
    statement.execute((sql(position.entries), position.root.0, messages))?;
    Ok(())
}
