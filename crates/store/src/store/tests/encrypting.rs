//! Encryption turned on for a store that has mail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::{Disk, Log};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};

use super::fixture::{archive, begin, keys_at_hand};
use super::*;
use crate::log::KeysAtHand;
use crate::{NewStores, Store, StoreError, StoreErrorKind, StoreOptions, encrypt};

fn encrypted(bench: &Bench) -> Result<Option<types::Position>, StoreError> {
    let options = bench.options();
    encrypt(&bench.dir(), &options.disk, &keys_at_hand(), &options.random, &[], &mut |_| ())
}

/// A store of some segments, closed.
async fn filled() -> Bench {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 220, 7).await.unwrap();
    store.flush().await;
    store.close().unwrap();
    bench
}

fn segments(disk: &FaultyDisk, dir: &Path) -> Vec<PathBuf> {
    let names = disk.list(dir).unwrap_or_default();
    names.into_iter().filter(|it| it.ends_with(".seg")).map(|it| dir.join(it)).collect()
}

#[tokio::test]
async fn everything_is_as_it_was_and_nothing_can_be_read_without_the_key() {
    let bench = filled().await;
    let before = bench.told().await;
    let dir = bench.dir();
    assert!(1 < segments(&bench.disk, &dir.join("segments")).len());
    let word = b"example.org";
    let holds = |dir: &Path| {
        segments(&bench.disk, dir).iter().any(|path| {
            let bytes = bench.disk.content(path).unwrap();
            bytes.windows(word.len()).any(|it| it == word)
        })
    };
    assert!(holds(&dir.join("segments")), "the word is one that a reader would find");
    let position = encrypted(&bench).unwrap().unwrap();
    assert!(!holds(&dir.join("segments")));
    assert!(holds(&dir.join("segments.plain")), "it is removed when that is asked for");
    assert_eq!(bench.told().await, before);
    assert_eq!((bench.last_report().catalog_anew, bench.last_report().index_anew), (None, None));
    assert_eq!(encrypted(&bench).unwrap(), None, "once is enough");

    // More mail goes into it, sealed too.
    let store = bench.open();
    assert!(store.description().is_encrypted());
    assert_eq!(store.log().position(), position);
    let place = begin(&store).await.unwrap();
    archive(&store, place, 500, 60, 7).await.unwrap();
    assert_eq!(store.log().verify(&mut |_| ()).defects, []);
    store.close().unwrap();
    assert!(!holds(&dir.join("segments")));

    let none: KeysAtHand = Arc::new(|| Err("the drawer is empty".into()));
    let disk: Arc<dyn Disk> = Arc::new(bench.disk.clone());
    let error = Store::open_for_reading(&dir, disk, &none).err().unwrap();
    assert_eq!(*error.kind(), StoreErrorKind::Key);
    let error = Store::open(&dir, StoreOptions { keys: none, ..bench.options() }).err().unwrap();
    assert_eq!(*error.kind(), StoreErrorKind::Key);
}

#[tokio::test]
async fn a_store_may_be_made_encrypted() {
    let bench = Bench::new();
    let options = StoreOptions { new_stores: NewStores::Encrypted, ..bench.options() };
    let (store, _) = Store::open(&bench.dir(), options).unwrap();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 20, 7).await.unwrap();
    store.flush().await;
    store.close().unwrap();
    let keys = bench.disk.list(&bench.dir().join("keys")).unwrap();
    assert!(keys.contains(&"mark.key".to_owned()), "{keys:?}");
    let store = bench.open();
    assert_eq!(store.log().verify(&mut |_| ()).defects, []);
    store.close().unwrap();
}

/// The process or the power goes at any step: the store is as it was, or encrypted, and what was
/// begun comes to its end when it is asked for again.
#[tokio::test]
async fn whenever_it_ends_the_store_is_whole() {
    let healthy = filled().await;
    let before = healthy.told().await;
    let n_before = healthy.disk.n_changes();
    let copy = healthy.disk.fork();
    let first = encrypted(&healthy).unwrap().unwrap();
    let n_changes = healthy.disk.n_changes() - n_before;
    let mut bench = healthy;
    for n in 1..=n_changes {
        let crash = [Fault::CrashBefore, Fault::CrashDuring];
        let error = [Fault::Eio, Fault::DiskFull];
        for fault in if n % 4 < 2 { crash } else { error } {
            let disk = copy.fork();
            disk.set_plan(Plan::at_change(n, fault));
            bench = bench.with_disk(disk.clone());
            let ended = encrypted(&bench);
            disk.clear_plan();
            let surviving = if n % 2 == 0 { Surviving::Nothing } else { Surviving::Seed(n) };
            bench = bench.with_disk(disk.after_power_loss(surviving));
            let case = format!("{fault:?} at {n}, {surviving:?}: {ended:?}");
            let opened = Store::open(&bench.dir(), bench.options());
            let (store, _) =
                opened.unwrap_or_else(|it| panic!("{case}: {it:?}: {:?}", bench.disk.paths()));
            assert_eq!(store.log().position(), first, "{case}");
            assert_eq!(store.log().verify(&mut |_| ()).defects, [], "{case}");
            store.close().unwrap();
            let again = encrypted(&bench).unwrap_or_else(|it| panic!("{case}: {it:?}"));
            assert!(again.is_none_or(|it| it == first), "{case}");
            let store = bench.open();
            assert!(store.description().is_encrypted(), "{case}");
            assert_eq!(store.log().position(), first, "{case}");
            assert_eq!(store.log().verify(&mut |_| ()).defects, [], "{case}");
            store.close().unwrap();
            let left = bench.disk.list(&bench.dir()).unwrap();
            assert!(left.contains(&"segments.plain".to_owned()), "{case}: {left:?}");
            assert!(!left.contains(&"segments.sealed".to_owned()), "{case}: {left:?}");
        }
    }
    assert_eq!(bench.told().await, before);
}

/// A copy that was interrupted, and a log that went on meanwhile: what was copied of an older
/// state is copied again.
#[tokio::test]
async fn an_old_part_of_a_copy_is_not_used() {
    let mut bench = filled().await;
    let copy = bench.disk.fork();
    encrypted(&bench).unwrap();
    let n_changes = bench.disk.n_changes() - copy.n_changes();
    // Late enough that all segments were copied, before the switch.
    for back in (8..n_changes).step_by(4) {
        let disk = copy.fork();
        disk.set_plan(Plan::at_change(n_changes - back, Fault::Eio));
        bench = bench.with_disk(disk.clone());
        assert!(encrypted(&bench).is_err());
        disk.clear_plan();
        let store = bench.open();
        let is_encrypted = store.description().is_encrypted();
        store.close().unwrap();
        if !is_encrypted {
            break;
        }
    }
    let sealed = segments(&bench.disk, &bench.dir().join("segments.sealed"));
    assert!(1 < sealed.len());
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 900, 9, 7).await.unwrap();
    store.flush().await;
    store.close().unwrap();
    let before = bench.told().await;
    encrypted(&bench).unwrap().unwrap();
    assert_eq!(bench.told().await, before);
    let store = bench.open();
    assert_eq!(store.log().verify(&mut |_| ()).defects, []);
    store.close().unwrap();
}

/// Damage is not carried over: it is named, and the store stays as it is.
#[tokio::test]
async fn a_damaged_log_is_left_as_it_is() {
    let bench = filled().await;
    let path = segments(&bench.disk, &bench.dir().join("segments")).remove(0);
    bench.disk.flip_bit(&path, 8 * 30_000);
    let error = encrypted(&bench).unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Damaged, "{error:?}");
    assert!(!bench.open().description().is_encrypted());
}
