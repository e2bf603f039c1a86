//! A view made anew from the log, beside the old one, and swapped in when it is whole.

use std::io;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use ports::{Disk, Index, IndexDoc, Log, NewMessage, WriteCatalog};
use types::Position;

use super::{Store, remove_index};
use crate::catalog::{CatalogWriter, SqlCatalog};
use crate::catalog_files::{catalog_path, remove_files, side_path, start_anew, swap_in};
use crate::error::{StoreError, StoreErrorKind, chain};
use crate::log::SegmentLog;
use crate::views::{is_lost, new_message, read_message};

/// How far a rebuild is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RebuildProgress {
    /// Entries of the log that were read.
    pub entries: u64,
    /// Entries that the log has.
    pub entries_total: u64,
    /// Messages that were read.
    pub messages: u64,
}

/// A view was made anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rebuilt {
    /// How far it has read the log.
    pub position: Position,
    /// Messages that it holds.
    pub messages: u64,
    /// Messages that were left out because their bytes cannot be read.
    pub unreadable: u64,
}

/// Messages that are looked up at once.
const MESSAGES_AT_ONCE: usize = 500;

/// Entries with details that are read from the log at once, in bytes.
const RUN_BYTES: usize = 1 << 20;

/// So many of them may wait for the catalog.
const RUNS_WAITING_MAX: usize = 4;

/// Parsed messages that may wait for the index.
const DOCS_WAITING_MAX: usize = 64;

impl Store {
    /// Makes the catalog anew from the log alone. The old one answers until the new one is
    /// whole; the views rest meanwhile, and go on afterwards.
    pub fn rebuild_catalog(
        &self,
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Rebuilt, StoreError> {
        self.check_is_writing()?;
        self.stop_views();
        let rebuilt = self.write_catalog(progress);
        let resumed = self.resume_views();
        let rebuilt = rebuilt?;
        resumed.map(|()| rebuilt)
    }

    /// Makes the full-text index anew from the log. The old one is there until the new one is
    /// whole.
    pub fn rebuild_index(
        &self,
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Rebuilt, StoreError> {
        self.check_is_writing()?;
        self.stop_views();
        let rebuilt = self.write_index(progress);
        let resumed = self.resume_views();
        let rebuilt = rebuilt?;
        resumed.map(|()| rebuilt)
    }

    /// Ends the threads of the views and starts them again, which read on from where the views
    /// are. One that failed tries again.
    pub fn restart_views(&self) -> Result<(), StoreError> {
        self.check_is_writing()?;
        self.stop_views();
        self.resume_views()
    }

    pub(super) fn check_is_writing(&self) -> Result<(), StoreError> {
        match self.writing {
            Some(_) => Ok(()),
            None => Err(StoreError::new(StoreErrorKind::View, "the store is open for reading")),
        }
    }

    fn write_catalog(
        &self,
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Rebuilt, StoreError> {
        let path = catalog_path(&self.dir);
        let side = side_path(&path);
        remove_files(&side).map_err(StoreError::io("remove an unfinished catalog"))?;
        let mut writer = CatalogWriter::create(&side, &self.description.id)?;
        follow(&mut writer, &self.log, progress)?;
        let (position, messages) = (writer.committed(), writer.messages());
        writer.finish()?;
        self.catalog.forget_connections();
        swap_in(&side, &path)?;
        self.catalog.forget_connections();
        Ok(Rebuilt { position, messages, unreadable: 0 })
    }

    fn write_index(
        &self,
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Rebuilt, StoreError> {
        let Some(opener) = self.writing.as_ref().and_then(|it| it.index.as_ref()) else {
            return Err(StoreError::new(StoreErrorKind::View, "the store has no index"));
        };
        let mut writer = self.open_catalog()?;
        follow(&mut writer, &self.log, &mut |_| ())?;
        let position = writer.committed();
        writer.close()?;
        let dir = self.index_dir();
        let side = dir.with_extension("new");
        disk::remove_tree(&side).map_err(StoreError::io("remove an unfinished index"))?;
        let mut index = opener(&side)?;
        let of = (&*self.log, &*self.catalog);
        let (messages, unreadable) = fill_index(of, &mut *index, position, progress)?;
        index.commit(position)?;
        index.close()?;
        swap_dirs(&side, &dir).map_err(StoreError::io("swap in the new index"))?;
        Ok(Rebuilt { position, messages, unreadable })
    }

    pub(super) fn open_catalog(&self) -> Result<CatalogWriter, StoreError> {
        let path = catalog_path(&self.dir);
        match CatalogWriter::open(&path, &self.description.id)? {
            Ok(writer) => Ok(writer),
            Err(_) => Ok(start_anew(&path, &self.description.id)?),
        }
    }

    pub(super) fn resume_views(&self) -> Result<(), StoreError> {
        let writer = self.open_catalog()?;
        let opener = self.writing.as_ref().and_then(|it| it.index.as_ref());
        let index = opener.map(|it| it(&self.index_dir())).transpose();
        let index = index.unwrap_or_else(|error| {
            tracing::warn!(why = chain(&error), "the index does not open");
            None
        });
        self.start_views(writer, index)
    }
}

/// Adds the messages of a catalog, as far as `position`, to an index that has none: what the index
/// of this log is. Erased ones are left out. Returns how many there were, and how many cannot be
/// read.
///
/// One thread reads and parses, this one adds.
pub fn fill_index(
    (log, catalog): (&SegmentLog, &SqlCatalog),
    index: &mut dyn Index,
    position: Position,
    progress: &mut dyn FnMut(RebuildProgress),
) -> Result<(u64, u64), StoreError> {
    let (mut messages, mut unreadable) = (0, 0);
    let mut seen = RebuildProgress { entries_total: position.entries, ..Default::default() };
    let (sender, docs) = sync_channel(DOCS_WAITING_MAX);
    std::thread::scope(|scope| {
        let send = move |key: u64, doc| sender.send((key, doc)).is_ok();
        let reads = scope.spawn(move || read_docs(log, catalog, position.entries, send));
        for (key, doc) in docs {
            match doc {
                Some(doc) => {
                    index.add(doc)?;
                    messages += 1;
                }
                None => unreadable += 1,
            }
            seen = RebuildProgress { entries: key + 1, messages, ..seen };
            progress(seen);
        }
        let read = reads.join().unwrap_or_else(|_| {
            Err(StoreError::new(StoreErrorKind::View, "reading the messages panicked"))
        });
        read.map(|()| (messages, unreadable))
    })
}

fn read_docs(
    log: &SegmentLog,
    catalog: &SqlCatalog,
    end: u64,
    send: impl Fn(u64, Option<IndexDoc>) -> bool,
) -> Result<(), StoreError> {
    let mut first = 0;
    loop {
        let rows = catalog.messages_between(first, end, MESSAGES_AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        first = last.key.0 + 1;
        // Of an erased message there is nothing to read.
        for row in rows.iter().filter(|it| !it.is_erased) {
            if !send(row.key.0, doc(log, new_message(row))?) {
                return Ok(());
            }
        }
    }
}

/// `None` for a message that is damaged or missing: `verify` says why.
fn doc(log: &SegmentLog, new: NewMessage) -> Result<Option<IndexDoc>, StoreError> {
    let NewMessage { n, blob, size, date, archived, .. } = new;
    match read_message(log, &blob, size) {
        Ok(message) => Ok(Some(IndexDoc { n, blob, size, date, archived, message })),
        // The bytes may be there: an index without them is not the one of this log.
        Err(error) if !is_lost(&error) => {
            let message = format!("failed to read {blob} for the index");
            Err(StoreError::new(StoreErrorKind::Io, message).caused_by(error))
        }
        Err(error) => {
            tracing::warn!(message = %blob, why = chain(&error), "left out of the index");
            Ok(None)
        }
    }
}

/// Applies what the log has to a catalog that nobody else writes. One thread reads the log, this
/// one writes.
pub(super) fn follow(
    writer: &mut CatalogWriter,
    log: &SegmentLog,
    progress: &mut dyn FnMut(RebuildProgress),
) -> Result<(), StoreError> {
    let mut from = writer.position().entries;
    let (sender, runs) = sync_channel(RUNS_WAITING_MAX);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            loop {
                let run = log.entries(from, RUN_BYTES);
                let is_last = run.as_ref().map_or(true, |it| it.items.is_empty());
                from = run.as_ref().map_or(from, |it| it.position.entries);
                // Nobody takes more after an error.
                if sender.send(run).is_err() || is_last {
                    return;
                }
            }
        });
        for run in runs {
            let run = run?;
            if run.items.is_empty() {
                break;
            }
            writer.apply(run.first, &run.items, run.position)?;
            writer.commit()?;
            progress(RebuildProgress {
                entries: writer.position().entries,
                entries_total: log.position().entries,
                messages: writer.messages(),
            });
        }
        Ok(writer.commit()?)
    })
}

/// Gives the finished index `side` the name `dir`. Whoever is interrupted here finds no index,
/// and makes a new one.
fn swap_dirs(side: &Path, dir: &Path) -> io::Result<()> {
    let disk = disk::RealDisk;
    let old = dir.with_extension("old");
    disk::remove_tree(&old)?;
    match disk.rename(dir, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    disk.rename(side, dir)?;
    disk.sync_dir(dir.parent().unwrap_or(Path::new("")))?;
    remove_index(&old);
    Ok(())
}
