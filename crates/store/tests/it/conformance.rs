//! The segment store does what every log must do.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use disk::{DataLock, OsRandom, SystemClock};
use ledger::Entry;
use ports::{Access, Disk, DiskFile};
use sealing::{KeyRing, SealingKey};
use store::log::{LogDir, LogKeys, LogOptions, SegmentLog};
use tempfile::TempDir;
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};
use testkit::log_conformance::{self, Break, LogBench};

const DIR: &str = "/store/segments";

/// Small segments, so that some are sealed on the way.
const OPTIONS: LogOptions =
    LogOptions { segment_bytes_max: 2_000, batch_bytes_max: 1 << 20, ..LogOptions::STANDARD };

/// A log on a disk that fails, in a data directory that one process owns.
struct Segments {
    is_encrypted: bool,
    disk: Mutex<FaultyDisk>,
    gate: Arc<Gate>,
    data: TempDir,
    lock: Mutex<Option<DataLock>>,
}

impl Segments {
    fn new(is_encrypted: bool) -> Segments {
        let disk = FaultyDisk::new();
        disk.create_dir_all(Path::new("/store")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let data = tempfile::tempdir().unwrap();
        let disk = Mutex::new(disk);
        Segments { is_encrypted, disk, gate: Arc::default(), data, lock: Mutex::default() }
    }

    fn disk(&self) -> FaultyDisk {
        self.disk.lock().unwrap().clone()
    }

    fn take(&self) -> Result<DataLock, String> {
        let taken = DataLock::take(self.data.path(), "a test", &SystemClock, &OsRandom);
        taken.map_err(|it| it.to_string())
    }

    fn opened(&self) -> SegmentLog {
        let disk = Gated { disk: self.disk(), gate: Arc::clone(&self.gate) };
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let ring = KeyRing::of(SealingKey::of([7; 32]));
        let keys = LogKeys::new(
            Arc::clone(&disk),
            Path::new("/store/keys"),
            Arc::new(move || Ok(ring.clone())),
            Arc::new(OsRandom),
        );
        let dir = LogDir { path: DIR.into(), keys: self.is_encrypted.then_some(keys) };
        let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
        let opened = SegmentLog::open(disk, dir, &[], clock, random, OPTIONS);
        opened.unwrap().0
    }
}

impl LogBench for Segments {
    type Log = SegmentLog;

    fn open(&self) -> SegmentLog {
        let mut lock = self.lock.lock().unwrap();
        if lock.is_none() {
            *lock = Some(self.take().unwrap());
        }
        self.opened()
    }

    fn open_second(&self) -> Result<SegmentLog, String> {
        self.take().map(|_| self.opened())
    }

    fn close(&self, log: SegmentLog) {
        log.close().unwrap();
        *self.lock.lock().unwrap() = None;
    }

    fn entries(&self, log: &SegmentLog) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            let run = log.entries(entries.len() as u64, 1 << 20).unwrap();
            if run.items.is_empty() {
                return entries;
            }
            entries.extend(run.items.into_iter().map(|it| it.0));
        }
    }

    fn break_at(&self, n: u64, how: Break) {
        let fault = match how {
            Break::Full => Fault::DiskFull,
            Break::Fails => Fault::Eio,
            Break::DiesBefore => Fault::CrashBefore,
            Break::DiesDuring => Fault::CrashDuring,
        };
        self.disk().set_plan(Plan::at_change(n, fault));
    }

    fn n_changes(&self) -> u64 {
        self.disk().n_changes()
    }

    fn heal(&self, seed: u64) {
        let mut disk = self.disk.lock().unwrap();
        disk.clear_plan();
        *disk = match disk.has_crashed() {
            true => disk.after_power_loss(Surviving::Seed(seed + 1)),
            false => disk.after_process_death(),
        };
        *self.lock.lock().unwrap() = None;
    }

    fn hold(&self) {
        *self.gate.is_held.lock().unwrap() = true;
    }

    fn release(&self) {
        *self.gate.is_held.lock().unwrap() = false;
        self.gate.changed.notify_all();
    }
}

/// Holds syncs back.
#[derive(Default)]
struct Gate {
    is_held: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let held = self.is_held.lock().unwrap();
        drop(self.changed.wait_while(held, |it| *it).unwrap());
    }
}

struct Gated {
    disk: FaultyDisk,
    gate: Arc<Gate>,
}

struct GatedFile {
    file: Box<dyn DiskFile>,
    gate: Arc<Gate>,
}

impl Disk for Gated {
    fn open(&self, path: &Path, access: Access) -> std::io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(path, access)?;
        Ok(Box::new(GatedFile { file, gate: Arc::clone(&self.gate) }))
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> std::io::Result<()> {
        self.disk.remove(path)
    }
    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.disk.create_dir_all(path)
    }
    fn list(&self, dir: &Path) -> std::io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
        self.disk.sync_dir(dir)
    }
}

impl DiskFile for GatedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.file.read_at(buf, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.file.write_at(bytes, offset)
    }
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }
    fn sync(&self) -> std::io::Result<()> {
        self.gate.pass();
        self.file.sync()
    }
}

#[test]
fn the_segment_store_is_a_log() {
    log_conformance::check(|| Segments::new(false));
}

#[test]
fn the_segment_store_is_a_log_when_it_is_encrypted() {
    log_conformance::check(|| Segments::new(true));
}
