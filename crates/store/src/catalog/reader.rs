//! Reading a catalog, from any thread and any process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ports::CatalogError;
use rusqlite::Connection;
use tokio::sync::watch;
use types::Position;

use super::compare::{TableDiffers, differing};
use super::schema;
use super::values::{failed, refused};
use super::writer::CatalogWriter;

/// How far a view has read the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Number of entries that it shows.
    pub entries: u64,
    /// Why it goes no further, if it does not.
    pub failure: Option<String>,
}

/// Connections that wait for the next look-up are kept up to this number.
const IDLE_MAX: usize = 4;

/// A catalog, for reading.
///
/// Look-ups block the calling thread for as long as SQLite needs: microseconds for one row,
/// more for lists. Each sees what was committed when it began.
pub struct SqlCatalog {
    path: PathBuf,
    store: String,
    idle: Mutex<Vec<Connection>>,
    /// Where the writer of this process says how far it is.
    reach: Option<watch::Receiver<Reach>>,
}

impl SqlCatalog {
    /// Reads a catalog that another process may be writing.
    ///
    /// # Errors
    ///
    /// When there is none that this version can read.
    pub fn open_for_reading(path: &Path, store: &str) -> Result<SqlCatalog, CatalogError> {
        let catalog = SqlCatalog {
            path: path.to_owned(),
            store: store.to_owned(),
            idle: Mutex::default(),
            reach: None,
        };
        catalog.with("opening it", |_| Ok(()))?;
        Ok(catalog)
    }

    /// Reads the catalog that a writer of this process writes.
    pub(crate) fn beside(path: &Path, store: &str, reach: watch::Receiver<Reach>) -> SqlCatalog {
        SqlCatalog {
            path: path.to_owned(),
            store: store.to_owned(),
            idle: Mutex::default(),
            reach: Some(reach),
        }
    }

    /// How far the catalog has read, and the root of what it has read.
    pub fn position(&self) -> Result<Position, CatalogError> {
        const WHAT: &str = "how far it has read";
        let head = self.with(WHAT, |it| schema::read_head(it, &self.store))?;
        head.map(|it| it.position).map_err(|why| refused(WHAT, why))
    }

    /// The id of its store.
    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// The tables whose rows are not those of `right`, when it is at `upto` as that is; else
    /// `None`.
    pub(crate) fn compare(
        &self,
        right: &CatalogWriter,
        upto: Position,
    ) -> Result<Option<Vec<TableDiffers>>, CatalogError> {
        self.with("comparing its rows", |it| {
            // One moment of it, whoever writes meanwhile.
            let it = it.unchecked_transaction()?;
            let is_there =
                schema::read_head(&it, &self.store)?.is_ok_and(|head| head.position == upto);
            is_there.then(|| differing(&it, right.connection())).transpose()
        })
    }

    pub(crate) fn reach(&self) -> Option<watch::Receiver<Reach>> {
        self.reach.clone()
    }

    /// Closes idle connections, for when the file is replaced by another.
    pub(crate) fn forget_connections(&self) {
        self.idle().clear();
    }

    /// Lets `look_up` use a connection.
    pub(super) fn with<T>(
        &self,
        what: &str,
        look_up: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogError> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect(what)?,
        };
        let found = look_up(&connection).map_err(failed(what))?;
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(found)
    }

    fn connect(&self, what: &str) -> Result<Connection, CatalogError> {
        let connection = schema::open_for_reading(&self.path).map_err(failed(what))?;
        match schema::read_head(&connection, &self.store).map_err(failed(what))? {
            Ok(_) => Ok(connection),
            Err(why) => Err(refused(what, why)),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
