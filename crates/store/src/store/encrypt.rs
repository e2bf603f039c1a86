//! Encryption is turned on for a store that has none: its log is moved into another directory,
//! sealed, and the store then uses that.
//!
//! The steps, each of which may be the last one before a crash; doing it again goes on:
//! 1. `segments.sealed/` is filled with a copy of the log, and `keys/` with the keys of its
//!    segments. The store is as it was.
//! 2. The copy is read again whole: every frame, hash, entry and blob, and its root is the same.
//! 3. `store.toml` names the feature and the directory of the copy: from here on the store is
//!    encrypted.
//! 4. `segments/` becomes `segments.plain/`, `segments.sealed/` becomes `segments/`, and
//!    `store.toml` no longer names a directory. Whoever opens the store for writing ends this too.
//! 5. `segments.plain/` is removed when that is asked for, and not before.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ports::{Disk, Random};
use types::Position;

use super::KEYS_DIR;
use super::description::{self, Description, SEALED_DIR, SEGMENTS_DIR};
use crate::error::{StoreError, StoreErrorKind};
use crate::log::{
    CopyProgress, KeysAtHand, LogDir, LogKeys, Recorded, SegmentLog, VerifyProgress, copy_log,
};

/// Where the log lies that was not encrypted.
pub(crate) const PLAIN_DIR: &str = "segments.plain";

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncryptProgress {
    /// The log is being copied.
    Copying(CopyProgress),
    /// The copy is being read again.
    Verifying(VerifyProgress),
}

/// Turns encryption on for the store in `dir`, whose log was closed. Says where the log ends;
/// `None` when the store is encrypted already.
///
/// The caller owns the store. `recorded` is what others have stored of how far the log was.
pub fn encrypt(
    dir: &Path,
    disk: &Arc<dyn Disk>,
    keys: &KeysAtHand,
    random: &Arc<dyn Random>,
    recorded: &[Recorded],
    progress: &mut dyn FnMut(EncryptProgress),
) -> Result<Option<Position>, StoreError> {
    let Some(description) = description::read(&**disk, dir)? else {
        let message = format!("there is no store in {}", dir.display());
        return Err(StoreError::new(StoreErrorKind::Missing, message));
    };
    let keys_dir = dir.join(KEYS_DIR);
    let keys = LogKeys::new(Arc::clone(disk), &keys_dir, Arc::clone(keys), Arc::clone(random));
    let evidence = description.evidence(Arc::clone(disk), dir);
    let evidence = evidence.sealed_with(Some(Arc::clone(&keys)));
    if description.is_encrypted() {
        finish(&**disk, dir, &description)?;
        evidence.seal_key()?;
        return Ok(None);
    }
    let from = LogDir { path: dir.join(SEGMENTS_DIR), keys: None };
    let to = LogDir { path: dir.join(SEALED_DIR), keys: Some(keys) };
    let position =
        copy_log(Arc::clone(disk), (from, to.clone()), recorded, &**random, &mut |it| {
            progress(EncryptProgress::Copying(it));
        })?;
    check_copy(disk, to, position, progress)?;
    let switched = description.encrypted_in(SEALED_DIR);
    description::write(&**disk, dir, &switched)
        .map_err(StoreError::io("note that the store is encrypted"))?;
    finish(&**disk, dir, &switched)?;
    // Else done by whoever writes the store next.
    evidence.seal_key()?;
    Ok(Some(position))
}

/// Reads the copy again whole.
fn check_copy(
    disk: &Arc<dyn Disk>,
    to: LogDir,
    position: Position,
    progress: &mut dyn FnMut(EncryptProgress),
) -> Result<(), StoreError> {
    let recorded: Vec<Recorded> = Some(Recorded { who: "the log that was copied", position })
        .filter(|_| position.entries != 0)
        .into_iter()
        .collect();
    let log = SegmentLog::open_for_reading(Arc::clone(disk), to, &recorded)?;
    let verdict = log.verify(&mut |it| progress(EncryptProgress::Verifying(it)));
    match verdict.defects.first() {
        None => Ok(()),
        Some(defect) => {
            let message = format!(
                "the log has damage (segment {}, offset {} of the copy: {}), and was left as it is",
                defect.segment, defect.offset, defect.what
            );
            Err(StoreError::new(StoreErrorKind::Damaged, message))
        }
    }
}

/// Ends what began when `store.toml` named the directory of the copy. Nothing to do is fine.
pub(super) fn finish(
    disk: &dyn Disk,
    dir: &Path,
    description: &Description,
) -> Result<Description, StoreError> {
    let Some(sealed) = &description.segments else { return Ok(description.clone()) };
    let failed = || StoreError::io("put the encrypted log into its place");
    let (now, sealed, plain) = (dir.join(SEGMENTS_DIR), dir.join(sealed), dir.join(PLAIN_DIR));
    if is_dir(disk, &sealed).map_err(failed())? {
        // Until its second name is gone, what has the first one is not encrypted.
        if is_dir(disk, &now).map_err(failed())? {
            disk.rename(&now, &plain).map_err(failed())?;
        }
        disk.rename(&sealed, &now).map_err(failed())?;
        disk.sync_dir(dir).map_err(failed())?;
    }
    let done = Description { segments: None, ..description.clone() };
    description::write(disk, dir, &done).map_err(failed())?;
    Ok(done)
}

/// Whether there is a directory of this name.
pub(super) fn is_dir(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.list(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the log that was not encrypted still lies beside the one that is.
#[must_use]
pub fn has_plain_log(dir: &Path) -> bool {
    dir.join(PLAIN_DIR).is_dir()
}

/// Removes the log that was not encrypted, and says whether there was one. The store is
/// encrypted, and was opened with its key: the caller has seen to that.
pub fn remove_plain_log(dir: &Path) -> Result<bool, StoreError> {
    let plain = dir.join(PLAIN_DIR);
    if !plain.is_dir() {
        return Ok(false);
    }
    let failed = || StoreError::io("remove the log that was not encrypted");
    disk::remove_tree(&plain).map_err(failed())?;
    disk::RealDisk.sync_dir(dir).map_err(failed())?;
    Ok(true)
}
