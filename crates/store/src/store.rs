//! A store directory: opened, followed by its views, rebuilt, closed.
//!
//! ```text
//! DIR/store.toml    what this is, in which format, with which features
//! DIR/segments/     the log
//! DIR/checkpoints   its signed checkpoints, with what belongs to them (`evidence`)
//! DIR/catalog.db    the catalog, with SQLite's -wal and -shm beside it
//! DIR/index/        the full-text index
//! ```
//!
//! Rules:
//! - The caller owns the data directory (`disk::DataLock`) before it opens a store for writing.
//! - The log alone is the truth: a view that is missing, damaged, of another version, of another
//!   store or of another history is made anew from it, and the report says so.
//! - Opening and closing a store to which nothing was appended writes and syncs nothing.

mod description;
mod encrypt;
mod epoch;
mod erase;
mod rebuild;
mod rows;
mod side_index;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ports::{Catalog, Clock, Disk, Index, IndexError, Log, Random, WriteCatalog};
use tokio::sync::watch;
use types::Position;

pub use description::{Description, add_feature};
pub use encrypt::{EncryptProgress, encrypt, has_plain_log, remove_plain_log};
pub use epoch::{accept_rollback, begin_epoch};
pub use erase::StoreCompactPlan;
pub use rebuild::{RebuildProgress, Rebuilt, fill_index};
pub use rows::compare_catalog;
pub use side_index::SideIndex;

use description::SEGMENTS_DIR;

use crate::catalog::{CatalogWriter, Reach, SqlCatalog, Unusable};
use crate::catalog_files::{catalog_path, start_anew};
use crate::error::{StoreError, StoreErrorKind, chain};
use crate::evidence::{Checkpointer, Evidence, SignedCheckpoint};
use crate::log::{
    KeysAtHand, LogDir, LogKeys, LogOptions, OpenErrorKind, OpenReport, Recorded, SegmentLog,
};
use crate::views::{CatalogSide, Views, ViewsReach};

/// The directory of the keys of segments.
const KEYS_DIR: &str = "keys";

/// Who has recorded a position, in messages.
const CATALOG: &str = "the catalog";
const INDEX: &str = "the index";

/// Opens the full-text index in a directory, or makes an empty one there.
pub type IndexOpener = Arc<dyn Fn(&Path) -> Result<Box<dyn Index>, IndexError> + Send + Sync>;

/// What a store stands on.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where the log is written.
    pub disk: Arc<dyn Disk>,
    /// Tells the time of entries.
    pub clock: Arc<dyn Clock>,
    /// Makes salts and ids.
    pub random: Arc<dyn Random>,
    /// The full-text index; without one the store only has a catalog.
    pub index: Option<IndexOpener>,
    /// How far others remember the log: the state. A shorter log is a rollback.
    pub recorded: Vec<Recorded>,
    /// Sizes of the log.
    pub log: LogOptions,
    /// The keys of encrypted stores; asked when one is opened.
    pub keys: KeysAtHand,
    /// Whether a store that is made is encrypted.
    pub new_stores: NewStores,
    /// Told where the log of the store in a directory ends, before that is signed.
    pub on_end: EndKeeper,
}

/// Keeps elsewhere where the log of the store in a directory ends.
pub type EndKeeper = Arc<dyn Fn(&Path, Position) -> std::io::Result<()> + Send + Sync>;

/// Whether a store that is made is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NewStores {
    /// It is not.
    #[default]
    Plain,
    /// It is, and the key is needed to make it.
    Encrypted,
}

/// What opening a store found and did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreReport {
    /// The store was made.
    pub is_new: bool,
    /// What the log found.
    pub log: OpenReport,
    /// Why the catalog is being made anew, if it is.
    pub catalog_anew: Option<String>,
    /// Why the index is being made anew, if it is.
    pub index_anew: Option<String>,
    /// Why there is no index though one was asked for. Archiving goes on without.
    pub index_failure: Option<String>,
    /// What is strange about its checkpoints: sentences without a full stop.
    pub evidence: Vec<String>,
}

/// An open store.
pub struct Store {
    dir: PathBuf,
    description: Description,
    log: Arc<SegmentLog>,
    catalog: Arc<SqlCatalog>,
    /// `None` when it is open for reading.
    writing: Option<Writing>,
}

struct Writing {
    disk: Arc<dyn Disk>,
    index: Option<IndexOpener>,
    reach: watch::Sender<Reach>,
    views: Mutex<Option<Views>>,
    checkpointer: Box<Checkpointer>,
}

impl Store {
    /// Opens the store in `dir` for writing, or makes one where none is. Returns when the log is
    /// ready; the views follow in the background.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<(Store, StoreReport), StoreError> {
        let StoreOptions { disk, clock, random, index, recorded, log: log_options, .. } = options;
        let mut report = StoreReport::default();
        let description = match description::read(&*disk, dir)? {
            Some(description) => description::prepare_writing(&*disk, dir, description)?,
            None => {
                check_is_empty(&*disk, dir)?;
                report.is_new = true;
                description::create(&*disk, dir, options.new_stores, &*clock, &*random)?
            }
        };
        let description = encrypt::finish(&*disk, dir, &description)?;
        let log_dir = log_dir_of(dir, &description, &disk, &options.keys, &random)?;
        let mut views = OpenViews::open(dir, &description, index.as_ref(), &mut report)?;
        let evidence = description.evidence(Arc::clone(&disk), dir);
        let evidence = evidence.sealed_with(log_dir.keys.clone());
        let signed = evidence.recorded();
        let log = loop {
            let mut all = recorded.clone();
            all.extend(signed);
            all.extend(views.recorded());
            let (clock, random) = (Arc::clone(&clock), Arc::clone(&random));
            let disk = Arc::clone(&disk);
            match SegmentLog::open(disk, log_dir.clone(), &all, clock, random, log_options) {
                Ok((log, log_report)) => {
                    report.log = log_report;
                    break Arc::new(log);
                }
                // A view of another history. The others, above all the log, are none the worse.
                Err(error)
                    if error.kind() == OpenErrorKind::OtherHistory
                        && views.throw_away(error.who(), &error.to_string(), &mut report)? => {}
                Err(error) => return Err(error.into()),
            }
        };
        let (keeper, kept) = (options.on_end, dir.to_owned());
        let on_end = Box::new(move |position| keeper(&kept, position));
        let (checkpointer, strange) = Checkpointer::start(&evidence, &log, random, on_end)?;
        report.evidence = strange;
        let entries = views.catalog.committed().entries;
        let (reach, reached) = watch::channel(Reach { entries, failure: None });
        let path = catalog_path(dir);
        let catalog = Arc::new(SqlCatalog::beside(&path, &description.id, reached));
        let OpenViews { catalog: writer, index: open_index, .. } = views;
        let (views, checkpointer) = (Mutex::new(None), Box::new(checkpointer));
        let writing = Writing { disk, index, reach, views, checkpointer };
        let store =
            Store { dir: dir.to_owned(), description, log, catalog, writing: Some(writing) };
        store.start_views(writer, open_index)?;
        Ok((store, report))
    }

    /// Opens the store in `dir` for reading, also while another process writes it.
    /// `keys` is asked when it is encrypted.
    pub fn open_for_reading(
        dir: &Path,
        disk: Arc<dyn Disk>,
        keys: &KeysAtHand,
    ) -> Result<Store, StoreError> {
        let Some(description) = description::read(&*disk, dir)? else {
            let message = format!("there is no store in {}", dir.display());
            return Err(StoreError::new(StoreErrorKind::Missing, message));
        };
        // The catalog first: the log then has at least what the catalog has.
        let catalog = SqlCatalog::open_for_reading(&catalog_path(dir), &description.id)?;
        let mut recorded = vec![Recorded { who: CATALOG, position: catalog.position()? }];
        recorded.extend(description.evidence(Arc::clone(&disk), dir).recorded());
        let random: Arc<dyn Random> = Arc::new(disk::OsRandom);
        let log_dir = log_dir_of(dir, &description, &disk, keys, &random)?;
        let log = SegmentLog::open_for_reading(disk, log_dir, &recorded)?;
        let (log, catalog) = (Arc::new(log), Arc::new(catalog));
        Ok(Store { dir: dir.to_owned(), description, log, catalog, writing: None })
    }

    /// What the store says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<SegmentLog> {
        &self.log
    }

    /// The catalog.
    #[must_use]
    pub fn catalog(&self) -> &Arc<SqlCatalog> {
        &self.catalog
    }

    /// Signs a checkpoint over what the log has now, unless there is one, and gives the newest;
    /// `None` when the log was never written. A store that is open for reading has those that
    /// were signed.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        match &self.writing {
            Some(writing) => writing.checkpointer.checkpoint(),
            None => self.evidence(Arc::new(disk::RealDisk)).last(),
        }
    }

    /// Its checkpoints and tiles, on this disk.
    #[must_use]
    pub fn evidence(&self, disk: Arc<dyn Disk>) -> Evidence {
        self.description.evidence(disk, &self.dir)
    }

    /// The directory of the full-text index.
    #[must_use]
    pub fn index_dir(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// How far the views have read the log. Of a store that is open for reading, the catalog
    /// alone.
    #[must_use]
    pub fn reach(&self) -> ViewsReach {
        let views = self.writing.as_ref().map(|it| it.views());
        match views.as_ref().and_then(|it| it.as_ref()) {
            Some(views) => views.reach(),
            None => {
                let catalog = Reach { entries: self.catalog.reached(), failure: None };
                ViewsReach { catalog, index: None }
            }
        }
    }

    /// Waits until both views show everything that the log has now. When one of them has failed,
    /// its reach says why; the log is not concerned.
    pub async fn flush(&self) -> ViewsReach {
        let entries = self.log.position().entries;
        let wait = self.writing.as_ref().and_then(|it| Some(it.views().as_ref()?.ask(entries)));
        if let Some(wait) = wait {
            wait.await;
        }
        self.reach()
    }

    /// Ends the log cleanly and the views with everything that they have been given. Returns
    /// where the log ends.
    pub fn close(self) -> Result<Position, StoreError> {
        // First the log: what it still sends is taken by the views.
        let closed = self.log.close();
        self.stop_views();
        closed?;
        Ok(self.log.position())
    }

    fn start_views(
        &self,
        writer: CatalogWriter,
        index: Option<Box<dyn Index>>,
    ) -> Result<(), StoreError> {
        let Some(writing) = &self.writing else { return Ok(()) };
        let entries = writer.committed().entries;
        writing.reach.send_modify(|it| *it = Reach { entries, failure: None });
        let side = CatalogSide {
            path: catalog_path(&self.dir),
            store: self.description.id.clone(),
            writer,
            reader: Arc::clone(&self.catalog),
            reach: writing.reach.clone(),
        };
        let views = Views::start(&self.log, side, index)
            .map_err(StoreError::io("start the threads of the views"))?;
        *writing.views() = Some(views);
        Ok(())
    }

    fn stop_views(&self) {
        let views = self.writing.as_ref().and_then(|it| it.views().take());
        drop(views);
    }
}

impl Writing {
    fn views(&self) -> MutexGuard<'_, Option<Views>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the log of the store in `dir` is, and its keys: for those who open only that.
pub fn log_dir(dir: &Path, disk: &Arc<dyn Disk>, keys: &KeysAtHand) -> Result<LogDir, StoreError> {
    let random: Arc<dyn Random> = Arc::new(disk::OsRandom);
    match description::read(&**disk, dir)? {
        Some(description) => log_dir_of(dir, &description, disk, keys, &random),
        None => Ok(LogDir { path: dir.join(SEGMENTS_DIR), keys: None }),
    }
}

fn log_dir_of(
    dir: &Path,
    description: &Description,
    disk: &Arc<dyn Disk>,
    keys: &KeysAtHand,
    random: &Arc<dyn Random>,
) -> Result<LogDir, StoreError> {
    let moving = description.segments.as_ref().map(|it| dir.join(it));
    let path = match moving {
        Some(path)
            if encrypt::is_dir(&**disk, &path).map_err(StoreError::io("look at the store"))? =>
        {
            path
        }
        _ => dir.join(SEGMENTS_DIR),
    };
    let keys = description.is_encrypted().then(|| {
        LogKeys::new(Arc::clone(disk), &dir.join(KEYS_DIR), Arc::clone(keys), Arc::clone(random))
    });
    Ok(LogDir { path, keys })
}

/// A directory with segments but without a description is no place for a new store.
fn check_is_empty(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    match disk.list(&dir.join("segments")) {
        Ok(names) if !names.is_empty() => {
            let message = format!("{} has segments but no store.toml", dir.display());
            Err(StoreError::new(StoreErrorKind::Damaged, message))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("look at the store")(error))
        }
        _ => Ok(()),
    }
}

/// The views of a store that is being opened.
struct OpenViews<'a> {
    dir: &'a Path,
    store: &'a str,
    opener: Option<&'a IndexOpener>,
    catalog: CatalogWriter,
    index: Option<Box<dyn Index>>,
}

impl<'a> OpenViews<'a> {
    fn open(
        dir: &'a Path,
        description: &'a Description,
        opener: Option<&'a IndexOpener>,
        report: &mut StoreReport,
    ) -> Result<OpenViews<'a>, StoreError> {
        let store = description.id.as_str();
        // The directory is there for the log's disk; the views are on the real one.
        ports::Disk::create_dir_all(&disk::RealDisk, dir)
            .map_err(StoreError::io("make the store's directory"))?;
        let path = catalog_path(dir);
        let catalog = match CatalogWriter::open(&path, store)? {
            Ok(writer) => writer,
            Err(Unusable { why }) => {
                report.catalog_anew = (!report.is_new).then_some(why);
                start_anew(&path, store)?
            }
        };
        let mut views = OpenViews { dir, store, opener, catalog, index: None };
        views.open_index(report);
        Ok(views)
    }

    /// An index that does not open is set aside and made anew, once.
    fn open_index(&mut self, report: &mut StoreReport) {
        let Some(opener) = self.opener else { return };
        let dir = self.dir.join("index");
        let opened = opener(&dir).or_else(|error| {
            report.index_anew = Some(chain(&error));
            remove_index(&dir);
            opener(&dir)
        });
        match opened {
            Ok(index) => self.index = Some(index),
            Err(error) => report.index_failure = Some(chain(&error)),
        }
    }

    /// What the views know of how far the log was.
    fn recorded(&self) -> Vec<Recorded> {
        let catalog = Recorded { who: CATALOG, position: self.catalog.committed() };
        let index = self.index.as_ref().map(|it| Recorded { who: INDEX, position: it.position() });
        [Some(catalog), index].into_iter().flatten().filter(|it| 0 < it.position.entries).collect()
    }

    /// Throws the view away that `who` names; `false` when it is none.
    fn throw_away(
        &mut self,
        who: Option<&str>,
        why: &str,
        report: &mut StoreReport,
    ) -> Result<bool, StoreError> {
        match who {
            Some(CATALOG) => {
                self.catalog = start_anew(&catalog_path(self.dir), self.store)?;
                report.catalog_anew = Some(why.to_owned());
                Ok(true)
            }
            Some(INDEX) if self.index.is_some() => {
                self.index = None;
                remove_index(&self.dir.join("index"));
                self.open_index(report);
                report.index_anew = Some(why.to_owned());
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// What cannot be removed is in the way of the next attempt, which says so.
fn remove_index(dir: &Path) {
    if let Err(error) = disk::remove_tree(dir) {
        tracing::warn!(%error, "an index that is of no use cannot be removed");
    }
}

#[cfg(test)]
mod tests;
