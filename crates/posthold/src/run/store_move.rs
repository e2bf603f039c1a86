//! A store in another directory: its files byte for byte, so that every root stays the same.
//!
//! Rules: the copy is whole, synced and compared before the state names it; the directory before is
//! removed last. Until then a file in the copy says where it came from. Killed before the state
//! names the copy, the store is where it was, and another try begins anew; killed behind, another
//! try removes what is left over.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use commands::{Failure, FailureKind, NewStore, Phase, Work};
use disk::RealDisk;
use ports::Disk;
use state::SavedStore;
use store::Store;

use super::stores::{is_empty, options, record, recorded_by_state};
use super::{Teller, all_stores, faults, store_admin, users};
use crate::context::DataDir;

/// Bytes that are copied at once.
const BLOCK_BYTES: usize = 1 << 20;

/// What a copy is called until it is whole.
const PART: &str = "posthold-moving";

/// The file in a copy that says where it came from, while that is there.
const MARK: &str = "moved-from";

/// A path is no longer than this, in bytes.
const PATH_BYTES_MAX: usize = 1 << 16;

/// Moves a store. Nobody else has the stores open. Blocks.
pub(super) fn moved(data: &DataDir, name: &str, to: &Path, teller: &Teller) -> Result<(), Failure> {
    let saved = store_admin::named(data, name)?;
    let from = data.at(&saved).store();
    let new =
        NewStore { name: format!("{name}.moved"), dir: Some(to.to_owned()), state: saved.state };
    let dir = store_admin::dir_of(data, &new)?;
    let target = data.stores().join(&dir);
    let stores = all_stores::saved(data)?;
    // An earlier move may have been killed before its end.
    clear_up(data, &stores, &from)?;
    if target == from {
        return Ok(());
    }
    store_admin::check_is_free(data, &stores, &new, &target)?;
    let failed = |it: io::Error| faults::io(&it, "failed to copy the store");
    if came_from(&target).is_some_and(|it| it == whole(&from)) {
        disk::remove_tree(&target).map_err(failed)?;
    }
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
    let part = part_of(&target);
    disk::remove_tree(&part).map_err(failed)?;
    let mut work = Work {
        phase: Phase::Exporting,
        bytes_total: size(&from).map(Some).map_err(failed)?,
        ..Work::default()
    };
    copy(&from, &part, &mut work, teller).map_err(failed)?;
    mark(&part, &from).map_err(failed)?;
    // An empty directory of that name makes room.
    let _ = std::fs::remove_dir(&target);
    RealDisk.rename(&part, &target).map_err(failed)?;
    if let Some(above) = target.parent() {
        RealDisk.sync_dir(above).map_err(failed)?;
    }
    let set = users::open(data)?.set_store_dir(name, &dir);
    set.map_err(|it| store_admin::fault(&it))?;
    clear_up(data, &all_stores::saved(data)?, &target)
}

/// Removes what a store left behind where it was before, when it was moved to `dir`.
fn clear_up(data: &DataDir, stores: &[SavedStore], dir: &Path) -> Result<(), Failure> {
    let Some(before) = came_from(dir) else { return Ok(()) };
    let left = |it: io::Error| {
        faults::io(&it, &format!("the store is moved, but {} cannot be removed", before.display()))
    };
    let id = |dir: &Path| store_admin::description(dir).map(|it| it.id);
    let is_used = stores.iter().any(|it| whole(&data.at(it).store()) == before);
    // What stands there now may be something else.
    if !is_used && id(&before).is_some() && id(&before) == id(dir) {
        remove_store(&before).map_err(left)?;
    }
    RealDisk.remove(&dir.join(MARK)).and_then(|()| RealDisk.sync_dir(dir)).map_err(left)
}

/// Removes a store, what says that it is one last: so that whoever is killed meanwhile can go on.
fn remove_store(dir: &Path) -> io::Result<()> {
    for name in RealDisk.list(dir)? {
        let path = dir.join(&name);
        match path.is_dir() {
            true => disk::remove_tree(&path)?,
            false if name != "store.toml" => RealDisk.remove(&path)?,
            false => (),
        }
    }
    disk::remove_tree(dir)
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Notes in a copy where it came from.
fn mark(copy: &Path, from: &Path) -> io::Result<()> {
    let file = RealDisk.open(&copy.join(MARK), ports::Access::CreateNew)?;
    file.write_at(whole(from).as_os_str().as_encoded_bytes(), 0)?;
    file.sync()?;
    RealDisk.sync_dir(copy)
}

/// Where a copy came from, while what it was made from is there.
fn came_from(dir: &Path) -> Option<PathBuf> {
    let file = RealDisk.open(&dir.join(MARK), ports::Access::Read).ok()?;
    let mut bytes = vec![0; PATH_BYTES_MAX];
    let n = file.read_at(&mut bytes, 0).ok()?;
    bytes.truncate(n);
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
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
