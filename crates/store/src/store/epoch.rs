//! A log that goes on from an older state: a new epoch begins, and an entry says so.
//!
//! Rules: the description names the epoch before the log has its entry, so that no program that
//! does not know epochs reads it; nothing is cut; views that know more than the log go.

use std::path::Path;
use std::sync::Arc;

use ledger::{EpochReason, Fact};
use ports::{Change, Clock, Disk, Log, Random};
use types::Position;

use super::{StoreOptions, description};
use crate::catalog_files::{catalog_path, remove_files};
use crate::error::{StoreError, StoreErrorKind};
use crate::log::{OpenErrorKind, Recorded, SegmentLog};

/// Begins a new epoch of the store in `dir`, whose log is open for writing. Returns its number
/// when that is durable.
pub async fn begin_epoch(
    disk: &dyn Disk,
    dir: &Path,
    log: &SegmentLog,
    reason: EpochReason,
    lost: Option<Position>,
) -> Result<u64, StoreError> {
    description::add_feature(disk, dir, frames::features::EPOCHS)?;
    let changed = description::change(disk, dir, |it| it.epoch = it.epoch.saturating_add(1))?;
    let epoch = changed.epoch;
    let fact = Fact::Epoch { epoch, reason, lost };
    log.append(vec![Change::Fact(fact, None)]).await?;
    Ok(epoch)
}

/// Lets the store in `dir` go on although its log ends before something that was recorded, or is
/// not the log that it was recorded of. Returns the new epoch, and where the log ends then.
///
/// The caller owns the directory. Fails with `Rollback` no more, with `Request` when there is
/// nothing to accept, and with `Damaged` as always: damage is not an older state.
pub async fn accept_rollback(
    dir: &Path,
    options: StoreOptions,
) -> Result<(u64, Position), StoreError> {
    let StoreOptions { disk, clock, random, recorded, log: log_options, keys, .. } = options;
    let log_dir = super::log_dir(dir, &disk, &keys)?;
    let segments = log_dir.path.clone();
    let opened = SegmentLog::open_for_reading(Arc::clone(&disk), log_dir.clone(), &recorded);
    let Err(refused) = opened else {
        let message = "the log has everything that was recorded of it";
        return Err(StoreError::new(StoreErrorKind::Request, message));
    };
    if !matches!(refused.kind(), OpenErrorKind::Rollback | OpenErrorKind::OtherHistory) {
        return Err(refused.into());
    }
    let lost = recorded.iter().map(|it: &Recorded| it.position).max_by_key(|it| it.entries);
    // Each may know more than the log, and can be made anew.
    remove_files(&catalog_path(dir)).map_err(StoreError::io("remove the catalog"))?;
    disk::remove_tree(&dir.join("index")).map_err(StoreError::io("remove the index"))?;
    remove_mark(&*disk, &segments)?;
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock, random);
    let opened = SegmentLog::open(Arc::clone(&disk), log_dir, &[], clock, random, log_options);
    let (log, _) = opened?;
    let epoch = begin_epoch(&*disk, dir, &log, EpochReason::Accepted, lost).await?;
    log.close()?;
    Ok((epoch, log.position()))
}

/// The ack mark may be of the newer state.
fn remove_mark(disk: &dyn Disk, segments: &Path) -> Result<(), StoreError> {
    match disk.remove(&segments.join("acked")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove the ack mark")(error))
        }
        _ => disk.sync_dir(segments).map_err(StoreError::io("remove the ack mark")),
    }
}
