//! The catalog in SQLite does what every catalog must do.
//!
//! How its storage fails: a full disk is a limit of pages, a failing one a trigger that refuses the
//! n-th row, a slow one a lock that somebody else holds. A power cut leaves the files as they are in
//! the middle of a transaction, with any part of the write-ahead log torn off.

use std::sync::Mutex;

use rusqlite::Connection;
use testkit::catalog_conformance::{self, CatalogBench};
use testkit::log_conformance::Break;

use super::super::schema::TABLES;
use super::*;

struct Sqlite {
    dir: Mutex<TempDir>,
    pages_before: Mutex<u64>,
    lock: Mutex<Option<Connection>>,
}

impl Sqlite {
    fn new() -> Sqlite {
        let dir = tempdir_in_memory();
        Sqlite { dir: Mutex::new(dir), pages_before: Mutex::default(), lock: Mutex::default() }
    }

    fn path(&self) -> PathBuf {
        self.dir.lock().unwrap().path().join("catalog.db")
    }
}

/// Syncs are not what is tested: in memory they take no time.
fn tempdir_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn number(connection: &Connection, query: &str) -> u64 {
    let number: i64 = connection.query_row(query, (), |row| row.get(0)).unwrap();
    u64::try_from(number).unwrap()
}

fn pages(connection: &Connection) -> u64 {
    number(connection, "PRAGMA page_count")
}

/// Row changes count, and the one `at` fails.
fn refuse_row(connection: &Connection, at: i64) {
    let mut sql = format!(
        "CREATE TEMP TABLE step (n INTEGER, at INTEGER); INSERT INTO step VALUES (0, {at});"
    );
    for (table, _) in TABLES {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            sql += &format!(
                "CREATE TEMP TRIGGER {change}_{table} BEFORE {change} ON main.{table} BEGIN \
                 UPDATE step SET n = n + 1; \
                 SELECT RAISE(FAIL, 'the storage is broken') FROM step WHERE at <= n; END;"
            );
        }
    }
    connection.execute_batch(&sql).unwrap();
}

impl CatalogBench for Sqlite {
    type Writer = CatalogWriter;
    type Reader = SqlCatalog;

    fn open(&self) -> CatalogWriter {
        let path = self.path();
        if !path.exists() {
            return new_catalog(&path);
        }
        CatalogWriter::open(&path, STORE).unwrap().unwrap()
    }

    fn open_second(&self) -> Result<CatalogWriter, String> {
        let opened = CatalogWriter::open(&self.path(), STORE).map_err(|it| it.to_string())?;
        opened.map_err(|it| it.why)
    }

    fn reader(&self) -> SqlCatalog {
        SqlCatalog::open_for_reading(&self.path(), STORE).unwrap()
    }

    fn break_at(&self, writer: &CatalogWriter, n: u64, how: Break) {
        let connection = writer.connection();
        if how != Break::Full {
            return refuse_row(connection, i64::try_from(n).unwrap_or(i64::MAX));
        }
        let before = pages(connection);
        *self.pages_before.lock().unwrap() = before;
        let max = (before + n.min(1 << 30) - 1).min(1 << 30);
        connection.execute_batch(&format!("PRAGMA max_page_count = {max}")).unwrap();
    }

    fn n_steps(&self, writer: &CatalogWriter, how: Break) -> u64 {
        let connection = writer.connection();
        match how {
            Break::Full => pages(connection) - *self.pages_before.lock().unwrap(),
            _ => number(connection, "SELECT n FROM step"),
        }
    }

    fn mend(&self, writer: &CatalogWriter) {
        let mut sql = "PRAGMA max_page_count = 1073741823; ".to_owned();
        for (table, _) in TABLES {
            for change in ["INSERT", "UPDATE", "DELETE"] {
                sql += &format!("DROP TRIGGER IF EXISTS temp.{change}_{table}; ");
            }
        }
        sql += "DROP TABLE IF EXISTS temp.step";
        writer.connection().execute_batch(&sql).unwrap();
    }

    fn die(&self, writer: CatalogWriter, seed: u64) {
        let (from, to) = (self.path(), tempdir_in_memory());
        let path = to.path().join("catalog.db");
        std::fs::copy(&from, &path).unwrap();
        let [from_log, _] = companions(&from);
        let [to_log, _] = companions(&path);
        let mut log = std::fs::read(from_log).unwrap_or_default();
        if seed != 0 {
            // What was not synced: up to somewhere as written, then noise.
            let torn = types::Hash::of(&log).0;
            let at = usize::from(torn[0]) * 256 + usize::from(torn[1]);
            let at = at * log.len() / 65_536;
            log[at..].iter_mut().zip(torn.iter().cycle()).for_each(|(byte, it)| *byte = *it);
        }
        std::fs::write(to_log, log).unwrap();
        drop(writer);
        *self.dir.lock().unwrap() = to;
    }

    fn hold(&self) {
        let other = Connection::open(self.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        *self.lock.lock().unwrap() = Some(other);
    }

    fn release(&self) {
        *self.lock.lock().unwrap() = None;
    }
}

#[test]
fn the_catalog_in_sqlite_is_a_catalog() {
    catalog_conformance::check(Sqlite::new);
}
