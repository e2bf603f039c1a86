//! The tests of the log, once more over one that is encrypted.

#[path = "log/append.rs"]
mod append;
#[path = "log/bench.rs"]
mod bench;
#[path = "log/crash.rs"]
mod crash;
#[path = "log/damage.rs"]
mod damage;
mod keys;
#[path = "log/packs.rs"]
mod packs;

use std::path::Path;
use std::sync::Arc;

use ports::{Disk, Random};
use sealing::{KeyRing, SealingKey};
use store::log::{KeysAtHand, LogDir, LogKeys};

/// Keys that the first segment and the ack mark need.
const N_KEYS: usize = 2;

fn log_dir(disk: Arc<dyn Disk>) -> LogDir {
    keyed(disk, 1)
}

/// The log as it is found with the key of this number.
fn keyed(disk: Arc<dyn Disk>, key: u64) -> LogDir {
    let ring = KeyRing::of(SealingKey::random(|it| bench::Seeded::new(key).fill(it)));
    let names = disk.list(Path::new("/store/keys")).map_or(0, |it| it.len() as u64);
    let random = Arc::new(bench::Seeded::new(1000 + names));
    let at_hand: KeysAtHand = Arc::new(move || Ok(ring.clone()));
    let keys = LogKeys::new(disk, Path::new("/store/keys"), at_hand, random);
    LogDir { path: bench::DIR.into(), keys: Some(keys) }
}
