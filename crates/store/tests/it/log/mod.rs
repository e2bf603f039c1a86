//! The segment log on a faulty disk.

mod append;
mod bench;
mod crash;
mod damage;
mod dictionaries;
mod erase;
mod golden;
mod golden_store;
mod packs;
mod parts;
mod sealed_copy;
mod tamper;

use std::path::Path;
use std::sync::Arc;

use frames::{Casing, Prelude};
use ports::Disk;
use store::log::LogDir;
use testkit::FaultyDisk;

/// Keys that the first segment and the ack mark need.
const N_KEYS: usize = 0;

/// Where a sealed copy of the log is.
const DIR_SEALED: &str = "/store/segments.sealed";

/// The log of these tests is not encrypted; `log_sealed` has them once more.
fn log_dir(_: Arc<dyn Disk>) -> LogDir {
    LogDir::from(Path::new(bench::DIR))
}

/// What the frames behind a prelude have in common.
fn casing(_: &FaultyDisk, prelude: &Prelude) -> Casing {
    Casing::from(prelude.salt)
}
