//! Several stores on a disk that fails or loses power at every call: what was there is there, nothing
//! is there twice, and doing it again completes it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ledger::{Fact, SourceRef};
use ports::{Catalog, Change, Log, LogError, LogErrorKind};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};
use types::{BlobId, Flags, FolderId, Hash};

use super::fixture::{ALICE, archive, begin, placing};
use super::several::{carried, close, opened, second, standing, uids};
use super::*;
use crate::{Access, MakeOptions, Store, StoreOptions, StoreSpec, Stores, Succession};

const FAULTS: [Fault; 5] =
    [Fault::CrashBefore, Fault::CrashDuring, Fault::Eio, Fault::DiskFull, Fault::SyncLost];

/// Calls at which a disk fails are tried at most: spread over all of them.
const CALLS_MAX: u64 = 30;

/// Something done with the stores.
type Work =
    for<'a> fn(&'a Arc<Stores>) -> Pin<Box<dyn Future<Output = Result<(), LogError>> + Send + 'a>>;

/// What has to be true afterwards.
type Look = fn(&Arc<Stores>, &str);

/// The first store as `first` says, and the second one current.
async fn ready(first: Access) -> (Bench, Arc<Stores>) {
    let bench = Bench::new();
    close(carried(&bench).await).await;
    let stores = opened(&bench, first, Access::Current);
    (bench, stores)
}

/// The disk that the next process finds.
fn next_disk(disk: &FaultyDisk, seed: u64) -> FaultyDisk {
    match disk.has_crashed() {
        true => disk.after_power_loss(Surviving::Seed(seed)),
        false => disk.after_process_death(),
    }
}

/// Calls of a disk, of `n`, at which it fails.
fn calls(n: u64) -> impl Iterator<Item = u64> {
    assert!(0 < n, "it changes something");
    (1..=n).step_by(usize::try_from(n.div_ceil(CALLS_MAX)).unwrap())
}

async fn check_every_fault(first: Access, work: Work, look: Look) {
    let (bench, stores) = ready(first).await;
    bench.disk.set_plan(Plan::at_change(u64::MAX, Fault::Eio));
    work(&stores).await.unwrap();
    let n = bench.disk.n_changes();
    look(&stores, "without a fault");
    close(stores).await;
    for fault in FAULTS {
        for at in calls(n) {
            let what = format!("{fault:?} at {at} of {n}");
            let (bench, stores) = ready(first).await;
            bench.disk.set_plan(Plan::at_change(at, fault));
            // Some faults are mended on the way.
            let _ = work(&stores).await;
            drop(stores);
            let disk = next_disk(&bench.disk, at);
            let bench = bench.with_disk(disk);
            let stores = opened(&bench, first, Access::Current);
            work(&stores).await.unwrap_or_else(|it| panic!("{what}: {it}"));
            let catalog = stores.catalog();
            catalog.wait_for(stores.log().position().entries).await.unwrap();
            drop(catalog);
            look(&stores, &what);
            close(stores).await;
        }
    }
}

/// How often each message is placed in a store.
fn placed_in(stores: &Stores, name: &str) -> BTreeMap<BlobId, usize> {
    let members = stores.members();
    let store = members.iter().find(|it| it.name() == name).unwrap().store();
    let (mut placed, mut at) = (BTreeMap::new(), 0);
    loop {
        let run = store.log().entries(at, 1 << 20).unwrap();
        if run.items.is_empty() {
            return placed;
        }
        at = run.first + run.items.len() as u64;
        for (entry, _) in run.items {
            if let Fact::Placed { blob, .. } = entry.fact {
                *placed.entry(blob).or_default() += 1;
            }
        }
    }
}

fn number(uid: u64) -> Vec<u8> {
    mail(&format!("number {uid}"))
}

/// The ten messages and where they stand, with the cursor, whichever store has them.
fn check_ten(stores: &Arc<Stores>, what: &str) {
    let (_, refs) = standing(&stores.catalog());
    assert_eq!(uids(&refs), (1..=10).collect::<Vec<_>>(), "{what}");
    for uid in 1..=10 {
        let mut bytes = Vec::new();
        let mut sink = |it: &[u8]| {
            bytes.extend_from_slice(it);
            Ok(())
        };
        stores.log().read(&BlobId::of(&number(uid)), &mut sink).unwrap();
        assert_eq!(bytes, number(uid), "{what}");
    }
    let once = placed_in(stores, "first");
    assert_eq!((once.len(), once.values().max()), (10, Some(&1)), "{what}: as before");
}

#[tokio::test]
async fn a_merge_at_every_fault() {
    check_every_fault(
        Access::Normal,
        |stores| Box::pin(async { stores.merge("first", "second", &|_, _| ()).await.map(|_| ()) }),
        |stores, what| {
            check_ten(stores, what);
            let merged = placed_in(stores, "second");
            assert_eq!((merged.len(), merged.values().max()), (10, Some(&1)), "{what}");
        },
    )
    .await;
}

#[tokio::test]
async fn cursors_that_go_along_at_every_fault() {
    check_every_fault(
        Access::Normal,
        |stores| {
            Box::pin(async {
                let members = stores.members();
                let first = members.iter().find(|it| it.name() == "first").unwrap();
                // Back into the first one, after the second went on.
                let (source, _) = standing(&stores.catalog());
                let fact = Fact::CursorAdvanced {
                    source,
                    uid_next: 11,
                    modseq: 9,
                    fingerprint: Hash([1; 32]),
                };
                stores.log().append(vec![Change::Fact(fact, None)]).await?;
                let end = stores.log().position().entries;
                // The power may go between the sync and the catalog.
                let shown = stores.catalog().wait_for(end).await;
                shown.map_err(|it| LogError::new(LogErrorKind::Io, it.to_string()))?;
                stores.carry_into(first).await
            })
        },
        |stores, what| {
            check_ten(stores, what);
            let first = stores.members()[0].store();
            let rows = first.catalog().sources(ALICE, "", "alice").unwrap();
            assert_eq!(rows.len(), 1, "{what}");
            assert_eq!(rows[0].cursor.map(|it| it.modseq), Some(9), "{what}");
        },
    )
    .await;
}

/// Changes to what is in the first store, and a new message for the second.
async fn change(stores: &Arc<Stores>) -> Result<(), LogError> {
    let (log, catalog) = (stores.log(), stores.catalog());
    let (source, refs) = standing(&catalog);
    let at = SourceRef { source, uid: 11 };
    let placement = refs.iter().find(|it| it.0 == 3).unwrap().1;
    let mut changes = Vec::new();
    // As the archiver does: what is there is not placed again.
    let there = log.find(&BlobId::of(&number(11)))?.and_then(|it| it.message);
    if there.is_none() {
        changes.push(placing(&number(11), FolderId(0), Some(at)));
    }
    changes.push(Change::Fact(Fact::Flagged { placement, flags: Flags::FLAGGED }, None));
    log.append(changes).await?;
    // A view that fails under the fault goes on when the store is opened again.
    let _ = catalog.wait_for(log.position().entries).await;
    Ok(())
}

fn check_changed(stores: &Arc<Stores>, what: &str) {
    let (_, refs) = standing(&stores.catalog());
    assert_eq!(uids(&refs), (1..=11).collect::<Vec<_>>(), "{what}");
    let second = placed_in(stores, "second");
    assert_eq!(second.get(&BlobId::of(&number(11))), Some(&1), "{what}");
}

#[tokio::test]
async fn changes_to_two_stores_at_every_fault() {
    check_every_fault(Access::Normal, |stores| Box::pin(change(stores)), check_changed).await;
}

#[tokio::test]
async fn changes_that_wait_at_every_fault() {
    check_every_fault(Access::Protected, |stores| Box::pin(change(stores)), check_changed).await;
}

/// The state of a data directory, as far as a succession needs it, and the store that follows.
struct Next {
    begun: Arc<AtomicBool>,
    spec: StoreSpec,
    options: MakeOptions,
}

impl Succession for Next {
    fn is_due(&self, messages: u64) -> bool {
        10 <= messages && !self.begun.load(Ordering::Relaxed)
    }

    fn make(&self) -> Result<StoreSpec, String> {
        let opened = Store::open(&self.spec.dir, (self.options)(Vec::new()));
        let (store, _) = opened.map_err(|it| it.to_string())?;
        store.close().map_err(|it| it.to_string())?;
        Ok(self.spec.clone())
    }

    fn begin(&self, _: &StoreSpec) -> Result<(), String> {
        self.begun.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn failed(&self, _: &str) {}
}

/// The first store with ten messages, and a second one when it has begun.
fn succeeding(bench: &Bench, begun: &Arc<AtomicBool>) -> Arc<Stores> {
    let template = bench.options();
    let options: MakeOptions =
        Arc::new(move |recorded| StoreOptions { recorded, ..template.clone() });
    let spec = |name: &str, dir, number, access| StoreSpec {
        name: String::from(name),
        dir,
        number,
        access,
        recorded: Vec::new(),
    };
    let next = spec("second", second(bench), 1, Access::Current);
    let has_begun = begun.load(Ordering::Relaxed);
    let first = if has_begun { Access::Normal } else { Access::Current };
    let mut specs = vec![spec("first", bench.dir(), 0, first)];
    specs.extend(has_begun.then(|| next.clone()));
    let succession = Next { begun: Arc::clone(begun), spec: next, options: Arc::clone(&options) };
    Stores::open(specs, false, options, Some(Arc::new(succession))).unwrap().0
}

/// Ten messages in the only store.
async fn only() -> (Bench, Arc<AtomicBool>) {
    let bench = Bench::new();
    let store = bench.open();
    let (folder, source) = begin(&store).await.unwrap();
    archive(&store, (folder, source), 1, 10, 4).await.unwrap();
    let fact = Fact::CursorAdvanced { source, uid_next: 11, modseq: 3, fingerprint: Hash([1; 32]) };
    store.log().append(vec![Change::Fact(fact, None)]).await.unwrap();
    store.flush().await;
    store.close().unwrap();
    (bench, Arc::default())
}

#[tokio::test]
async fn a_new_store_by_itself_at_every_fault() {
    let (bench, begun) = only().await;
    let stores = succeeding(&bench, &begun);
    bench.disk.set_plan(Plan::at_change(u64::MAX, Fault::Eio));
    change(&stores).await.unwrap();
    assert!(begun.load(Ordering::Relaxed), "it has followed");
    let n = bench.disk.n_changes();
    close(stores).await;
    for fault in FAULTS {
        for at in calls(n) {
            let what = format!("{fault:?} at {at} of {n}");
            let (bench, begun) = only().await;
            let stores = succeeding(&bench, &begun);
            bench.disk.set_plan(Plan::at_change(at, fault));
            let _ = change(&stores).await;
            drop(stores);
            let disk = next_disk(&bench.disk, at);
            let bench = bench.with_disk(disk);
            let stores = succeeding(&bench, &begun);
            change(&stores).await.unwrap_or_else(|it| panic!("{what}: {it}"));
            check_ten_and_one(&stores, &what);
            close(stores).await;
        }
    }
}

/// Everything is there once; the new message is in the store that followed, when it did.
fn check_ten_and_one(stores: &Arc<Stores>, what: &str) {
    let (_, refs) = standing(&stores.catalog());
    assert_eq!(uids(&refs), (1..=11).collect::<Vec<_>>(), "{what}");
    let mut times: BTreeMap<BlobId, usize> = BTreeMap::new();
    for member in stores.members() {
        for (blob, n) in placed_in(stores, member.name()) {
            *times.entry(blob).or_default() += n;
        }
    }
    assert_eq!((times.len(), times.values().max()), (11, Some(&1)), "{what}");
    assert!(times.contains_key(&BlobId::of(&number(11))), "{what}");
}
