//! Erasure in a store: the log condemns, spares and forgets, and the views are cleared behind it.
//!
//! What is erased has to leave the views too, and what SQLite and the index keep of deleted rows
//! and words: the catalog is written once more without free pages, segments of the index without
//! deleted documents. `DIR/cleared` names the last erasure that this was done for; without it,
//! it is done once more.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use ports::{
    Access, Condemnation, CondemnedRow, Disk, Erase, Erased, Holds, Index, Log, LogError,
    LogErrorKind, Sparing,
};
use types::{EntryNumber, MessageKey, MessageSet, Timestamp};

use super::{Store, description, remove_index};
use crate::catalog_files::{catalog_path, remove_files, side_path, swap_in};
use crate::error::StoreError;
use crate::log::{CompactPlan, CompactProgress, CompactStep, Compacted, GoOn};

/// Names the last erasure for which the views were cleared.
const CLEARED: &str = "cleared";

/// Asks before a step whether to go on.
type AtStep<'a> = dyn FnMut(CompactStep) -> ControlFlow<()> + 'a;

/// What compaction would do in a store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreCompactPlan {
    /// In its log.
    pub log: CompactPlan,
    /// Whether the views have not been cleared since the last erasure.
    pub views: bool,
    /// The last erasure that the plan knows of.
    pub last: Option<EntryNumber>,
}

impl StoreCompactPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && !self.views
    }
}

impl Store {
    /// Whether every file was rid of what was erased. Unlike [`Store::compact_plan`] this reads
    /// only what the last compaction noted.
    pub fn is_clear(&self) -> Result<bool, StoreError> {
        let last = self.log.last_erasure()?;
        Ok(last.is_none() || self.cleared() == last)
    }

    /// Messages that are erased, and that files may still have words of.
    pub fn not_clear(&self) -> Result<Vec<MessageKey>, StoreError> {
        let first = self.cleared().map_or(0, |it| it.0.saturating_add(1));
        Ok(self.log.erased_by(first..u64::MAX)?)
    }

    /// What compaction would do.
    pub fn compact_plan(&self) -> Result<StoreCompactPlan, StoreError> {
        // First this: what is erased meanwhile is left to the next plan.
        let last = self.log.last_erasure()?;
        let log = self.log.compact_plan()?;
        let views = last.is_some() && self.cleared() != last;
        Ok(StoreCompactPlan { log, views, last })
    }

    /// Takes what was erased out of every file: first out of the log, then out of the views. What
    /// it has done when `go_on` ends it stays done; the next plan has the rest.
    ///
    /// The views rest while they are cleared. Archiving goes on.
    pub fn compact(
        &self,
        plan: &StoreCompactPlan,
        go_on: &mut GoOn<'_>,
    ) -> Result<Compacted, StoreError> {
        self.check_is_writing()?;
        let mut done = self.log.compact(&plan.log, go_on)?;
        let Some(last) = plan.last.filter(|_| !done.is_stopped && !plan.is_empty()) else {
            return Ok(done);
        };
        if self.clear_views(&mut |step| go_on(CompactProgress::at(step, plan)))?.is_break() {
            done.is_stopped = true;
            return Ok(done);
        }
        self.note_cleared(last).map_err(StoreError::io("note that the views are clear"))?;
        Ok(done)
    }

    fn cleared_path(&self) -> PathBuf {
        self.dir.join(CLEARED)
    }

    fn cleared(&self) -> Option<EntryNumber> {
        let text = std::fs::read_to_string(self.cleared_path()).ok()?;
        text.trim().parse().ok().map(EntryNumber)
    }

    fn note_cleared(&self, EntryNumber(last): EntryNumber) -> std::io::Result<()> {
        let disk = disk::RealDisk;
        let (path, side) = (self.cleared_path(), self.dir.join("cleared.new"));
        match disk.remove(&side) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let file = disk.open(&side, Access::CreateNew)?;
        file.write_at(format!("{last}\n").as_bytes(), 0)?;
        file.sync()?;
        disk.rename(&side, &path)?;
        disk.sync_dir(&self.dir)
    }

    /// Writes both views without what was erased.
    fn clear_views(&self, go_on: &mut AtStep<'_>) -> Result<ControlFlow<()>, StoreError> {
        self.stop_views();
        let mut clear = || {
            if go_on(CompactStep::Catalog).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.clear_catalog()?;
            if go_on(CompactStep::Index).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.clear_index().map(ControlFlow::Continue)
        };
        let cleared = clear();
        let resumed = self.resume_views();
        let cleared = cleared?;
        resumed.map(|()| cleared)
    }

    fn clear_catalog(&self) -> Result<(), StoreError> {
        let path = catalog_path(&self.dir);
        let side = side_path(&path);
        remove_files(&side).map_err(StoreError::io("remove an unfinished catalog"))?;
        let mut writer = self.open_catalog()?;
        super::rebuild::follow(&mut writer, &self.log, &mut |_| ())?;
        writer.copy_to(&side)?;
        writer.close()?;
        self.catalog.forget_connections();
        swap_in(&side, &path)?;
        self.catalog.forget_connections();
        Ok(())
    }

    fn clear_index(&self) -> Result<(), StoreError> {
        let dir = self.index_dir();
        // What an interrupted rebuild left may hold anything.
        for left in ["new", "old"] {
            remove_index(&dir.with_extension(left));
        }
        super::side_index::remove_left(&self.dir)
            .map_err(StoreError::io("remove what a verification left"))?;
        let opener = self.writing.as_ref().and_then(|it| it.index.as_ref());
        let Some(opener) = opener else { return Ok(()) };
        let mut index: Box<dyn Index> = opener(&dir)?;
        index.erase(&self.erased_numbers()?)?;
        Ok(index.close()?)
    }

    fn erased_numbers(&self) -> Result<MessageSet, StoreError> {
        let mut numbers = MessageSet::default();
        for row in self.log.erased()? {
            if let Some(message) = self.catalog.message(row.message)? {
                numbers.insert(message.n);
            }
        }
        Ok(numbers)
    }

    /// Whether the store says that it has erasures: nothing of them is written before.
    fn may_erase(&self) -> Result<(), LogError> {
        let disk = self.writing.as_ref().map(|it| &it.disk);
        let Some(disk) = disk else {
            return Err(LogError::new(LogErrorKind::Stopped, "the store is open for reading"));
        };
        description::add_feature(&**disk, &self.dir, frames::features::ERASURE).map_err(|error| {
            LogError::new(LogErrorKind::Io, "failed to prepare the store").caused_by(error)
        })
    }

    /// Runs what reads much of the log where it holds up nobody.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&crate::log::SegmentLog) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let log = Arc::clone(&self.log);
        let done = tokio::task::spawn_blocking(move || work(&log)).await;
        done.unwrap_or_else(|it| {
            Err(LogError::new(LogErrorKind::Stopped, "reading the log panicked").caused_by(it))
        })
    }
}

impl Erase for Store {
    fn condemned(&self) -> Result<Vec<CondemnedRow>, LogError> {
        self.log.condemned()
    }

    fn erased(&self) -> Result<Vec<CondemnedRow>, LogError> {
        self.log.erased()
    }

    async fn condemn(&self, what: Condemnation) -> Result<Vec<EntryNumber>, LogError> {
        self.may_erase()?;
        let groups = self.apart(move |log| log.condemnation(&what)).await?;
        let mut numbers = Vec::new();
        for group in groups {
            numbers.extend(self.log.append(group).await?);
        }
        Ok(numbers)
    }

    async fn spare(&self, what: Sparing) -> Result<Vec<EntryNumber>, LogError> {
        let changes = self.log.sparing(&what)?;
        self.log.append(changes).await
    }

    async fn erase<H: Holds>(
        &self,
        messages: &[MessageKey],
        now: Timestamp,
        holds: &H,
    ) -> Result<Erased, LogError> {
        self.log.erase(messages, now, holds).await
    }
}

impl CompactProgress {
    fn at(step: CompactStep, plan: &StoreCompactPlan) -> CompactProgress {
        let segments = plan.log.segments.len() as u64;
        let bytes = plan.log.bytes;
        CompactProgress { step, segments, segments_total: segments, bytes, bytes_total: bytes }
    }
}
