//! A disk in memory that fails and loses power where a test says so.
//!
//! What it is not: a file system. It has no permissions, links or times, and one lock over all.
//!
//! What it promises is what a real disk promises, and no more:
//! - What was written is read back at once, by everybody, until the power goes.
//! - After a power loss ([`FaultyDisk::after_power_loss`]), of what was not synced any subset of
//!   the 4 KiB pages is there, each as it was at its last sync or as it is now; the length is
//!   the old one, the new one, or one between; pages that a longer length uncovers are zero.
//! - A name that was made, moved or removed is durable only after
//!   [`Disk::sync_dir`] of its parent; before, any subset of these
//!   changes is there. A rename inside one directory is there whole or not at all.
//! - A file's content is durable after its sync, also when its name is not.
//! - After the death of the process alone ([`FaultyDisk::after_process_death`]) everything is
//!   there, and what was not synced still is not.
//!
//! A test sets a [`Plan`]: at the n-th call, a [`Fault`]. The usual loop:
//!
//! ```text
//! let healthy = FaultyDisk::new();
//! write_path(&healthy);                            // must succeed
//! for n in 1..=healthy.n_changes() {
//!     let disk = FaultyDisk::new();
//!     disk.set_plan(Plan::at_change(n, Fault::CrashBefore));
//!     let acknowledged = write_path(&disk);
//!     for surviving in Surviving::some(8) {
//!         let disk = disk.after_power_loss(surviving);
//!         // What was acknowledged is there; the rest is there whole or not at all.
//!     }
//! }
//! ```

mod memory;
mod plan;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ports::{Access, Disk, DiskFile};

use memory::{FileId, Memory};
use plan::{Admission, Gate};
pub use plan::{Call, CallKind, Fault, Plan};

/// The unit in which unsynced content survives a power loss, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// Which of the unsynced pages, lengths and names survive a power loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surviving {
    /// Only what was synced.
    Nothing,
    /// Everything, as if the power had waited for the disk.
    Everything,
    /// A subset that follows from this seed alone.
    Seed(u64),
}

impl Surviving {
    /// Nothing, everything, and `n_seeds` subsets between.
    pub fn some(n_seeds: u64) -> impl Iterator<Item = Surviving> {
        [Surviving::Nothing, Surviving::Everything]
            .into_iter()
            .chain((1..=n_seeds).map(Surviving::Seed))
    }
}

/// A disk in memory. Clones are the same disk; [`fork`](FaultyDisk::fork) makes another.
#[derive(Clone, Default)]
pub struct FaultyDisk {
    shared: Arc<Mutex<Inner>>,
}

#[derive(Clone, Default)]
struct Inner {
    memory: Memory,
    gate: Gate,
}

impl FaultyDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> FaultyDisk {
        FaultyDisk::default()
    }

    /// Plans a fault, in place of an earlier one; calls are counted anew from here.
    pub fn set_plan(&self, plan: Plan) {
        self.inner().gate = Gate::with_plan(plan);
    }

    /// Takes the plan away and counts anew: the fault is repaired. A crash is not.
    pub fn clear_plan(&self) {
        let mut inner = self.inner();
        let crashed = inner.gate.crashed;
        inner.gate = Gate { crashed, ..Gate::default() };
    }

    /// Number of calls so far, reading ones included.
    #[must_use]
    pub fn n_calls(&self) -> u64 {
        self.inner().gate.n_calls
    }

    /// Number of calls so far that change something or make it durable.
    #[must_use]
    pub fn n_changes(&self) -> u64 {
        self.inner().gate.n_changes
    }

    /// The changing calls so far, oldest first, for tests that look at what was done and for
    /// their messages.
    #[must_use]
    pub fn changes(&self) -> Vec<Call> {
        self.inner().gate.changes.clone()
    }

    /// Number of calls of this kind so far, if it is one that changes.
    #[must_use]
    pub fn n_changes_of(&self, kind: CallKind) -> usize {
        self.inner().gate.changes.iter().filter(|it| it.kind == kind).count()
    }

    /// Whether the planned fault has come.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.inner().gate.has_failed
    }

    /// Whether the power is gone: every call fails.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.inner().gate.crashed
    }

    /// Ends the power now.
    pub fn crash(&self) {
        self.inner().gate.crashed = true;
    }

    /// The disk that a machine finds when it starts again after a power loss now: without plan,
    /// everything on it durable. This one stays as it is, so that a test may try several.
    #[must_use]
    pub fn after_power_loss(&self, surviving: Surviving) -> FaultyDisk {
        let memory = self.inner().memory.after_power_loss(surviving);
        FaultyDisk::holding(memory)
    }

    /// The disk that another process finds when this one has died: without plan, unsynced
    /// content and names still unsynced.
    #[must_use]
    pub fn after_process_death(&self) -> FaultyDisk {
        FaultyDisk::holding(self.inner().memory.clone())
    }

    /// A copy that goes its own way, plan and counters included.
    #[must_use]
    pub fn fork(&self) -> FaultyDisk {
        FaultyDisk { shared: Arc::new(Mutex::new(self.inner().clone())) }
    }

    /// The content of a file as a process reads it; `None` when there is none. Not counted.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = self.inner();
        let id = inner.memory.file(path)?;
        Some(inner.memory.content(id).to_vec())
    }

    /// Makes `content` the durable content of the file `path`. Not counted.
    ///
    /// For damage and tampering behind the back of the program.
    pub fn put(&self, path: &Path, content: &[u8]) {
        self.inner().memory.put(path, content);
    }

    /// Turns one bit of a file around, durably. Not counted.
    ///
    /// # Panics
    ///
    /// When the file has no such bit.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        let mut content = self.content(path).expect("a file to damage");
        let at = usize::try_from(bit / 8).expect("a position in memory");
        content[at] ^= 1 << (bit % 8);
        self.put(path, &content);
    }

    /// Takes a file away, durably. Not counted.
    pub fn forget(&self, path: &Path) {
        self.inner().memory.forget(path);
    }

    /// The paths of all files, sorted.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.inner().memory.files().collect()
    }

    fn holding(memory: Memory) -> FaultyDisk {
        let inner = Inner { memory, gate: Gate::default() };
        FaultyDisk { shared: Arc::new(Mutex::new(inner)) }
    }

    /// A test that panicked elsewhere leaves the memory consistent: every call is one step.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call through the gate, does `effect` as far as the fault allows, and answers.
    fn call<T>(
        &self,
        kind: CallKind,
        path: &Path,
        effect: impl FnOnce(&mut Memory, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut inner = self.inner();
        let Inner { memory, gate } = &mut *inner;
        match gate.admit(kind, path)? {
            Admission::Whole => effect(memory, Extent::Whole),
            Admission::DiskFull => effect(memory, Extent::DiskFull),
            Admission::PartThen(error) => {
                let _ = effect(memory, Extent::Part);
                Err(error)
            }
            Admission::LostThen(error) => {
                let _ = effect(memory, Extent::Lost);
                Err(error)
            }
        }
    }
}

/// How much of a call's effect takes place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Half of a write; of other calls all, though the caller hears of an error.
    Part,
    /// Of a sync: some pages become durable, and none is written by a later sync.
    Lost,
    /// All that needs no room.
    DiskFull,
}

fn disk_full(path: &Path) -> io::Error {
    let message = format!("{}: no space left on device", path.display());
    io::Error::new(io::ErrorKind::StorageFull, message)
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let kind = match access {
            Access::CreateNew => CallKind::Create,
            Access::Read | Access::Write => CallKind::Open,
        };
        let id = self.call(kind, path, |memory, extent| match access {
            Access::CreateNew if extent == Extent::DiskFull => Err(disk_full(path)),
            Access::CreateNew => memory.create(path),
            Access::Read | Access::Write => memory.open(path),
        })?;
        let is_writable = access != Access::Read;
        Ok(Box::new(OpenFile { disk: self.clone(), path: path.to_owned(), id, is_writable }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(CallKind::Rename, from, |memory, _| memory.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(CallKind::Remove, path, |memory, _| memory.remove(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.call(CallKind::CreateDir, path, |memory, extent| match extent {
            Extent::DiskFull if !memory.is_dir(path) => Err(disk_full(path)),
            _ => memory.create_dir_all(path),
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.call(CallKind::List, dir, |memory, _| memory.list(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(CallKind::SyncDir, dir, |memory, extent| match extent {
            Extent::Lost => Ok(()),
            _ => memory.sync_dir(dir),
        })
    }
}

/// A file of a [`FaultyDisk`]. It stays readable when its name is taken away.
struct OpenFile {
    disk: FaultyDisk,
    path: PathBuf,
    id: FileId,
    is_writable: bool,
}

impl OpenFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.is_writable {
            return Ok(());
        }
        let message = format!("{}: opened for reading", self.path.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }
}

impl DiskFile for OpenFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.call(CallKind::Read, &self.path, |memory, _| {
            let content = memory.content(self.id);
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let n = buf.len().min(content.len() - start);
            buf[..n].copy_from_slice(&content[start..start + n]);
            Ok(n)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.call(CallKind::Write, &self.path, |memory, extent| {
            let grows = memory.content(self.id).len() < offset + bytes.len();
            let is_short = extent == Extent::Part || extent == Extent::DiskFull && grows;
            let n = if is_short { bytes.len() / 2 } else { bytes.len() };
            memory.write(self.id, &bytes[..n], offset);
            if n == bytes.len() { Ok(()) } else { Err(disk_full(&self.path)) }
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.disk
            .call(CallKind::Len, &self.path, |memory, _| Ok(memory.content(self.id).len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.disk.call(CallKind::SetLen, &self.path, |memory, extent| {
            if extent == Extent::DiskFull && memory.content(self.id).len() < len {
                return Err(disk_full(&self.path));
            }
            memory.set_len(self.id, len);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.call(CallKind::Sync, &self.path, |memory, extent| {
            match extent {
                Extent::Lost => memory.lose_dirty(self.id),
                _ => memory.sync(self.id),
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
