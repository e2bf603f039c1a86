//! A store in another directory: its files byte for byte, so that every root stays the same.
//!
//! Rules: the copy is whole, synced and compared before the state names it; the directory before is
//! removed last. Killed before, the store is where it was, and another try begins anew; killed
//! behind, a directory is left over that nothing names.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use commands::{Failure, FailureKind, NewStore, Phase, Work};
use disk::RealDisk;
use ports::Disk;
use store::Store;

use super::stores::{is_empty, options, record, recorded_by_state};
use super::{Teller, all_stores, faults, store_admin, users};
use crate::context::DataDir;

/// Bytes that are copied at once.
const BLOCK_BYTES: usize = 1 << 20;

/// What a copy is called until it is whole.
const PART: &str = "posthold-moving";

/// Moves a store. Nobody else has the stores open. Blocks.
pub(super) fn moved(data: &DataDir, name: &str, to: &Path, teller: &Teller) -> Result<(), Failure> {
    let saved = store_admin::named(data, name)?;
    let from = data.at(&saved).store();
    let new =
        NewStore { name: format!("{name}.moved"), dir: Some(to.to_owned()), state: saved.state };
    let dir = store_admin::dir_of(data, &new)?;
    let target = data.stores().join(&dir);
    store_admin::check_is_free(data, &all_stores::saved(data)?, &new, &target)?;
    if !is_empty(&target) {
        let message = format!("{} is not empty", target.display());
        return Err(Failure::new(FailureKind::Request, message).with_hint("Name another one."));
    }
    let recorded =
        recorded_by_state(&*users::open(data)?, name).map_err(|it| faults::state(&it))?;
    // It ends cleanly, and what was torn is mended, before anything is copied.
    let (store, _) =
        Store::open(&from, options(data, recorded)).map_err(|it| faults::store(&it))?;
    let position = store.close().map_err(|it| faults::store(&it))?;
    record(data, &[(name.to_owned(), position)])?;
    let failed = |it: io::Error| faults::io(&it, "failed to copy the store");
    let part = part_of(&target);
    disk::remove_tree(&part).map_err(failed)?;
    let mut work = Work {
        phase: Phase::Exporting,
        bytes_total: size(&from).map(Some).map_err(failed)?,
        ..Work::default()
    };
    copy(&from, &part, &mut work, teller).map_err(failed)?;
    // An empty directory of that name makes room.
    let _ = std::fs::remove_dir(&target);
    RealDisk.rename(&part, &target).map_err(failed)?;
    if let Some(above) = target.parent() {
        RealDisk.sync_dir(above).map_err(failed)?;
    }
    let set = users::open(data)?.set_store_dir(name, &dir);
    set.map_err(|it| store_admin::fault(&it))?;
    disk::remove_tree(&from).map_err(|it| {
        faults::io(&it, &format!("the store is moved, but {} cannot be removed", from.display()))
    })
}

fn part_of(target: &Path) -> PathBuf {
    let name = target.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.{PART}"))
}

fn size(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.metadata()?;
        bytes += if kind.is_dir() { size(&entry.path())? } else { kind.len() };
    }
    Ok(bytes)
}

/// Copies a directory, and reads what was written again.
fn copy(from: &Path, to: &Path, work: &mut Work, teller: &Teller) -> io::Result<()> {
    RealDisk.create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&source, &target, work, teller)?;
        } else {
            copy_file(&source, &target, work, teller)?;
        }
    }
    RealDisk.sync_dir(to)
}

fn copy_file(from: &Path, to: &Path, work: &mut Work, teller: &Teller) -> io::Result<()> {
    let mut source = File::open(from)?;
    let made = RealDisk.open(to, ports::Access::CreateNew)?;
    drop(made);
    let mut target = File::options().write(true).open(to)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let n = source.read(&mut block)?;
        if n == 0 {
            break;
        }
        target.write_all(block.get(..n).unwrap_or_default())?;
        work.bytes += n as u64;
        teller.tell(*work);
    }
    target.sync_all()?;
    let (a, b) = (hash(from)?, hash(to)?);
    if a == b {
        return Ok(());
    }
    Err(io::Error::other(format!("{} reads otherwise than it was written", to.display())))
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    use sha2::{Digest, Sha256};
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(block.get(..n).unwrap_or_default());
    }
}
