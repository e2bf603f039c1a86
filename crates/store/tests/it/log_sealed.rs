//! The tests of the log, once more over one that is encrypted.

#[path = "log/append.rs"]
mod append;
#[path = "log/bench.rs"]
mod bench;
#[path = "log/crash.rs"]
mod crash;
#[path = "log/damage.rs"]
mod damage;
#[path = "log/dictionaries.rs"]
mod dictionaries;
#[path = "log/erase.rs"]
mod erase;
mod golden;
mod keys;
#[path = "log/packs.rs"]
mod packs;
#[path = "log/parts.rs"]
mod parts;

use std::path::Path;
use std::sync::Arc;

use frames::{Casing, Prelude, Seal};
use ports::{Disk, Random};
use sealing::{KeyRing, SealingKey, WrappedKey};
use store::log::{KeysAtHand, LogDir, LogKeys};
use testkit::FaultyDisk;

/// Keys that the first segment and the ack mark need.
const N_KEYS: usize = 2;

fn log_dir(disk: Arc<dyn Disk>) -> LogDir {
    keyed(disk, 1)
}

fn ring(key: u64) -> KeyRing {
    KeyRing::of(SealingKey::random(|it| bench::Seeded::new(key).fill(it)))
}

/// What the frames behind a prelude have in common.
fn casing(disk: &FaultyDisk, prelude: &Prelude) -> Casing {
    let name = prelude.key.expect("every segment has a key").to_string();
    let file = disk.content(&Path::new("/store/keys").join(format!("{name}.key"))).unwrap();
    let wrapped = WrappedKey::parse(std::str::from_utf8(&file).unwrap()).unwrap();
    let key = wrapped.open(&ring(1), &name).unwrap().try_into().unwrap();
    Casing { salt: prelude.salt, seal: Some(Seal::new(&key, Arc::new(|_| ()))) }
}

/// The log as it is found with the key of this number.
fn keyed(disk: Arc<dyn Disk>, key: u64) -> LogDir {
    let ring = ring(key);
    let names = disk.list(Path::new("/store/keys")).map_or(0, |it| it.len() as u64);
    let random = Arc::new(bench::Seeded::new(1000 + names));
    let at_hand: KeysAtHand = Arc::new(move || Ok(ring.clone()));
    let keys = LogKeys::new(disk, Path::new("/store/keys"), at_hand, random);
    LogDir { path: bench::DIR.into(), keys: Some(keys) }
}
