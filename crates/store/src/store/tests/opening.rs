//! Making, opening and closing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use expect_test::expect;
use ports::{Catalog, Disk, Log};
use testkit::FaultyDisk;

use super::fixture::{archive, begin, keys_at_hand, told};
use super::*;
use crate::{Store, StoreErrorKind};

#[tokio::test]
async fn what_is_archived_is_in_both_views() {
    let bench = Bench::new();
    let store = bench.open();
    assert!(bench.last_report().is_new);
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 10, 3).await.unwrap();
    let Told { docs, .. } = told(&bench, &store).await;
    expect![[r#"9 06ff85711ae5543d6704504e6c6faaf112a519e37b038addfbd0b831b30f56ee 137 1795284100 1795284100 "number 10" 24"#]].assert_eq(docs.lines().last().unwrap());
    assert_eq!(docs.lines().count(), 11);
    let rows = store.catalog().messages(&[9]).unwrap();
    assert_eq!(rows[0].subject, "number 10");
    assert_eq!(store.catalog().source_refs(place.1).unwrap().len(), 10);
    // The same again: the log finds the messages, the catalog the placements.
    archive(&store, place, 1, 10, 4).await.unwrap();
    let again = told(&bench, &store).await;
    assert_eq!(again.docs.lines().count(), 11);
    assert_eq!(store.catalog().counts().unwrap().placements, 10);
    store.close().unwrap();
}

#[tokio::test]
async fn a_pass_that_appends_nothing_writes_nothing() {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 20, 5).await.unwrap();
    store.flush().await;
    let position = store.close().unwrap();
    let files = || {
        let mut all = Vec::new();
        for name in ["catalog.db", "catalog.db-wal", "index/docs"] {
            let metadata = bench.dir().join(name).metadata().unwrap();
            all.push((name, metadata.len(), metadata.modified().unwrap()));
        }
        all
    };
    let before = files();
    bench.disk.clear_plan();
    bench.index.n_commits.store(0, Ordering::Relaxed);
    let store = bench.open();
    assert!(store.flush().await.is_at(position.entries));
    store.catalog().wait_for(position.entries).await.unwrap();
    assert_eq!(store.close().unwrap(), position);
    assert_eq!(bench.disk.changes(), [], "nothing was written and nothing synced");
    assert_eq!(bench.index.n_commits.load(Ordering::Relaxed), 0);
    assert_eq!(files(), before);
}

#[tokio::test]
async fn readers_see_what_the_owner_has_written() {
    let bench = Bench::new();
    let disk: Arc<dyn Disk> = Arc::new(bench.disk.clone());
    let error =
        Store::open_for_reading(&bench.dir(), Arc::clone(&disk), &keys_at_hand()).err().unwrap();
    assert_eq!(error.kind(), &StoreErrorKind::Missing);
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 5, 5).await.unwrap();
    store.flush().await;
    let reader = Store::open_for_reading(&bench.dir(), disk, &keys_at_hand()).unwrap();
    assert_eq!(reader.log().position(), store.log().position());
    assert_eq!(reader.reach().catalog.entries, store.log().position().entries);
    let row = reader.catalog().messages(&[2]).unwrap().remove(0);
    assert_eq!(reader.log().read_whole(&row.blob, 1 << 20).unwrap(), mail("number 3"));
    assert!(reader.rebuild_catalog(&mut |_| ()).is_err());
    assert!(reader.flush().await.is_at(0));
    reader.close().unwrap();
    archive(&store, place, 6, 1, 1).await.unwrap();
    store.close().unwrap();
}

#[tokio::test]
async fn closing_without_waiting_leaves_nothing_behind() {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 200, 7).await.unwrap();
    store.close().unwrap();
    let docs = std::fs::read_to_string(bench.dir().join("index/docs")).unwrap();
    assert_eq!(docs.lines().count(), 201);
    assert_eq!(bench.index.n_adds.load(Ordering::Relaxed), 200, "nothing was read twice");
    let wal = bench.dir().join("catalog.db-wal").metadata().unwrap().len();
    assert_eq!(wal, 0, "the write-ahead log was written back");
}

#[test]
fn segments_without_a_description_are_no_place_for_a_new_store() {
    let bench = Bench::new();
    let segment = bench.dir().join("segments/000001.seg");
    bench.disk.put(&segment, b"somebody's");
    let error = Store::open(&bench.dir(), bench.options()).err().unwrap();
    assert_eq!(error.kind(), &StoreErrorKind::Damaged);
    assert_eq!(bench.disk.paths(), [segment]);
}

#[tokio::test]
async fn unknown_features_refuse_by_name() {
    let bench = Bench::new();
    bench.open().close().unwrap();
    let path = bench.dir().join("store.toml");
    let text = String::from_utf8(bench.disk.content(&path).unwrap()).unwrap();
    let needing = text.replace("features = [", "features = [\"later\", ");
    assert_ne!(needing, text);
    bench.disk.put(&path, needing.as_bytes());
    for error in [
        Store::open(&bench.dir(), bench.options()).err().unwrap(),
        Store::open_for_reading(&bench.dir(), Arc::new(bench.disk.clone()), &keys_at_hand())
            .err()
            .unwrap(),
    ] {
        let feature = "later".to_owned();
        assert_eq!(error.kind(), &StoreErrorKind::Unsupported { feature });
    }
}

#[tokio::test]
async fn a_shorter_log_than_recorded_is_a_rollback() {
    let bench = Bench::new();
    let store = bench.open();
    begin(&store).await.unwrap();
    store.close().unwrap();
    let copy = bench.disk.fork();
    let store = bench.open();
    begin(&store).await.unwrap();
    let position = store.close().unwrap();
    // The log of yesterday under the catalog of today.
    let bench = bench.with_disk(copy);
    let error = Store::open(&bench.dir(), bench.options()).err().unwrap();
    assert_eq!(error.kind(), &StoreErrorKind::Rollback, "{error}");
    // Without any view the state still knows.
    std::fs::remove_dir_all(bench.dir()).unwrap();
    let mut options = bench.options();
    options.recorded.push(crate::log::Recorded { who: "the state", position });
    let error = Store::open(&bench.dir(), options).err().unwrap();
    assert_eq!(error.kind(), &StoreErrorKind::Rollback, "{error}");
}

#[test]
fn a_new_store_has_its_parts() {
    let bench = Bench::on(FaultyDisk::new(), 3);
    bench.open().close().unwrap();
    let first = bench.open();
    let id = first.description().id.clone();
    assert_eq!((id.len(), first.description().name.as_str()), (32, "default"));
    drop(first);
    assert_eq!(bench.open().description().id, id);
}

/// Every feature in the description of a store that holds mail: what is known opens, for writing
/// and for reading, and what is not is refused by its name, with nothing changed.
#[tokio::test]
async fn features_are_known_or_refused_by_name() {
    use frames::features::{AUDIT, ENCRYPTION, FEATURES};
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 10, 3).await.unwrap();
    store.flush().await;
    let end = store.close().unwrap();
    let path = bench.dir().join("store.toml");
    let before = String::from_utf8(bench.disk.content(&path).unwrap()).unwrap();
    let name = |name: &str| {
        let named = before.replace("features = [", &format!("features = [\"{name}\", "));
        bench.disk.put(&path, named.as_bytes());
    };
    let reads = || {
        let disk: Arc<dyn Disk> = Arc::new(bench.disk.clone());
        Store::open_for_reading(&bench.dir(), disk, &keys_at_hand())
    };
    for known in FEATURES {
        name(known);
        match known {
            // One says that every segment is sealed, the other that there is no mail.
            ENCRYPTION => {
                assert!(Store::open(&bench.dir(), bench.options()).is_err());
                assert!(reads().is_err());
            }
            AUDIT => {
                let error = Store::open(&bench.dir(), bench.options()).err().unwrap();
                assert!(matches!(error.kind(), StoreErrorKind::Unsupported { .. }), "{error}");
            }
            _ => {
                assert_eq!(reads().unwrap().log().position(), end, "{known}");
                let (store, report) = Store::open(&bench.dir(), bench.options()).unwrap();
                assert_eq!((report.catalog_anew, report.index_anew), (None, None), "{known}");
                assert!(store.description().features.iter().any(|it| it == known));
                assert_eq!(store.log().verify(&mut |_| ()).defects, [], "{known}");
                assert_eq!(store.close().unwrap(), end, "{known}");
            }
        }
    }
    for unknown in ["later", "Packs", "tiles2", ""] {
        name(unknown);
        bench.disk.clear_plan();
        let wants = StoreErrorKind::Unsupported { feature: unknown.to_owned() };
        let written = Store::open(&bench.dir(), bench.options()).err().unwrap();
        let read = reads().err().unwrap();
        assert_eq!((written.kind(), read.kind()), (&wants, &wants), "{unknown:?}");
        assert!(written.to_string().contains(unknown), "{written}");
        let disk: Arc<dyn Disk> = Arc::new(bench.disk.clone());
        assert!(crate::log_dir(&bench.dir(), &disk, &keys_at_hand()).is_err(), "the log alone");
        assert_eq!(bench.disk.changes(), [], "{unknown:?}");
    }
    bench.disk.put(&path, before.as_bytes());
    bench.open().close().unwrap();
}
