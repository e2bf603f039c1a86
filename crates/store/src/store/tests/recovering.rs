//! Power cuts, other stores' views, views that fail.

use std::path::Path;
use std::sync::atomic::Ordering;

use ports::{Catalog, Log};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};

use super::fixture::{archive, begin, told};
use super::*;
use crate::Store;

fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let at = |path: &Path| std::path::PathBuf::from(format!("{}{suffix}", path.display()));
        let _ = std::fs::remove_file(at(to));
        let _ = std::fs::copy(at(from), at(to));
    }
}

/// The catalog of an earlier moment, as a power cut leaves it, catches up.
#[tokio::test]
async fn a_catalog_that_lost_its_end_reads_it_again() {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 10, 3).await.unwrap();
    store.flush().await;
    let saved = tempfile::tempdir().unwrap();
    let earlier = saved.path().join("catalog.db");
    copy(&bench.catalog(), &earlier);
    archive(&store, place, 11, 10, 3).await.unwrap();
    let before = told(&bench, &store).await;
    store.close().unwrap();
    copy(&earlier, &bench.catalog());
    bench.index.n_adds.store(0, Ordering::Relaxed);
    assert_eq!(bench.told().await, before);
    assert_eq!(bench.last_report().catalog_anew, None);
    assert_eq!(bench.index.n_adds.load(Ordering::Relaxed), 0, "the index was ahead, and right");
}

#[tokio::test]
async fn the_catalog_of_another_store_is_not_believed() {
    let (ours, theirs) = (Bench::new(), Bench::on(FaultyDisk::new(), 1));
    for (bench, n) in [(&ours, 5), (&theirs, 9)] {
        let store = bench.open();
        let place = begin(&store).await.unwrap();
        archive(&store, place, 1, n, 3).await.unwrap();
        store.close().unwrap();
    }
    let before = ours.told().await;
    copy(&theirs.catalog(), &ours.catalog());
    assert_eq!(ours.told().await, before);
    let why = "it belongs to another store".to_owned();
    assert_eq!(ours.last_report().catalog_anew, Some(why));
}

/// Two histories of one store: a copy of the data directory that went its own way.
#[tokio::test]
async fn views_of_another_history_are_not_believed() {
    let ours = Bench::new();
    let store = ours.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 5, 3).await.unwrap();
    store.close().unwrap();
    let theirs = Bench::on(FaultyDisk::new(), 1);
    for path in ours.disk.paths() {
        let content = ours.disk.content(&path).unwrap();
        theirs.disk.put(&theirs.dir().join(path.strip_prefix(ours.dir()).unwrap()), &content);
    }
    for (bench, uid) in [(&ours, 100), (&theirs, 200)] {
        let store = bench.open();
        archive(&store, place, uid, 5, 3).await.unwrap();
        store.close().unwrap();
    }
    let before = ours.told().await;
    copy(&theirs.catalog(), &ours.catalog());
    assert_eq!(ours.told().await, before);
    let why = ours.last_report().catalog_anew.unwrap();
    assert!(why.contains("the catalog"), "{why}");
    let docs = |bench: &Bench| bench.dir().join("index/docs");
    std::fs::copy(docs(&theirs), docs(&ours)).unwrap();
    assert_eq!(ours.told().await, before);
    assert!(ours.last_report().index_anew.unwrap().contains("the index"));
    copy(&theirs.catalog(), &ours.catalog());
    std::fs::copy(docs(&theirs), docs(&ours)).unwrap();
    assert_eq!(ours.told().await, before, "both at once");
}

#[tokio::test]
async fn a_failing_index_stops_nothing_and_goes_on_later() {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 5, 2).await.unwrap();
    store.flush().await;
    bench.index.fails.store(true, Ordering::Relaxed);
    archive(&store, place, 6, 200, 2).await.unwrap();
    let reach = store.flush().await;
    let entries = store.log().position().entries;
    assert_eq!((reach.catalog.entries, reach.catalog.failure.clone()), (entries, None));
    let index = reach.index.clone().unwrap();
    assert!(index.entries < entries && !reach.is_at(entries));
    let why = index.failure.unwrap();
    assert!(why.contains("told to fail"), "{why}");
    store.close().unwrap();
    bench.index.fails.store(false, Ordering::Relaxed);
    assert_eq!(bench.told().await.docs.lines().count(), 1 + 205);
}

/// W25: what cannot be read now is not what is lost.
#[tokio::test]
async fn a_disk_that_fails_while_the_index_catches_up_leaves_nothing_out() {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    bench.index.fails.store(true, Ordering::Relaxed);
    archive(&store, place, 1, 20, 2).await.unwrap();
    store.flush().await;
    store.close().unwrap();
    bench.index.fails.store(false, Ordering::Relaxed);

    let healthy = bench.disk.fork();
    *bench.index.crashes.lock().unwrap() = Some(bench.disk.clone());
    let store = bench.open();
    let reach = store.flush().await;
    assert!(bench.disk.has_crashed());
    let why = reach.index.unwrap().failure.unwrap();
    assert!(why.contains("failed to read a message for the index"), "{why}");
    let _ = store.close();

    let bench = bench.with_disk(healthy);
    assert_eq!(bench.told().await.docs.lines().count(), 1 + 20);
}

#[tokio::test]
async fn a_catalog_that_somebody_spoils_stops_nothing_and_is_made_anew() {
    let bench = Bench::new();
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    store.flush().await;
    let other = rusqlite::Connection::open(bench.catalog()).unwrap();
    other.execute_batch("DROP TABLE cursor").unwrap();
    let cursor = ledger::Fact::CursorAdvanced {
        source: place.1,
        uid_next: 5,
        modseq: 0,
        fingerprint: types::Hash::default(),
    };
    store.log().append(vec![ports::Change::Fact(cursor, None)]).await.unwrap();
    archive(&store, place, 1, 50, 7).await.unwrap();
    let told = told(&bench, &store).await;
    drop(other);
    store.close().unwrap();
    assert_eq!(bench.told().await, told);
}

/// One run, from nothing: a store, a folder, three batches.
async fn run(bench: &Bench) -> Result<u64, String> {
    let (store, _) =
        Store::open(&bench.dir(), bench.options()).map_err(|error| error.to_string())?;
    let archived = async {
        let known = store.catalog().wait_for(store.log().position().entries).await;
        known.map_err(|error| error.to_string())?;
        let path = types::FolderPath::from_parts(["a", "INBOX"]);
        let folder = store.catalog().folder(fixture::ALICE, &path).unwrap();
        let sources = store.catalog().sources(fixture::ALICE, "", "alice").unwrap();
        let place = match (folder, sources.first()) {
            (Some(folder), Some(source)) => (folder, source.source),
            _ => begin(&store).await.map_err(|error| error.to_string())?,
        };
        archive(&store, place, 1, 6, 2).await.map_err(|error| error.to_string())?;
        Ok(store.log().position().entries)
    };
    let archived: Result<u64, String> = archived.await;
    let closed = store.close().map_err(|error| error.to_string());
    archived.and_then(|entries| closed.map(|_| entries))
}

/// The disk of the log fails at every change; then a run succeeds and nothing is there twice.
#[tokio::test]
async fn after_any_fault_a_run_makes_everything_whole() {
    let healthy = Bench::new();
    run(&healthy).await.unwrap();
    let n_changes = healthy.disk.n_changes();
    for n in 1..=n_changes {
        let fault = Fault::ALL[usize::try_from(n).unwrap() % Fault::ALL.len()];
        for fault in [Fault::CrashBefore, Fault::CrashDuring, fault] {
            let bench = Bench::new();
            bench.disk.set_plan(Plan::at_change(n, fault));
            let first = run(&bench).await;
            let surviving = match n % 3 {
                0 => Surviving::Nothing,
                1 => Surviving::Everything,
                _ => Surviving::Seed(n),
            };
            let disk = bench.disk.after_power_loss(surviving);
            let bench = bench.with_disk(disk);
            let what = format!("{fault:?} at {n}, {surviving:?}, then {first:?}");
            run(&bench).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let store = bench.open();
            let told = told(&bench, &store).await;
            let counts = store.catalog().counts().unwrap();
            assert_eq!((counts.messages, counts.live), (6, 6), "{what}");
            assert_eq!(told.docs.lines().count(), 1 + 6, "{what}");
            assert_eq!(counts.placements, 6, "{what}");
            store.rebuild_catalog(&mut |_| ()).unwrap();
            assert_eq!(store.catalog().digest().unwrap(), told.digest, "{what}");
            store.close().unwrap();
        }
    }
}
