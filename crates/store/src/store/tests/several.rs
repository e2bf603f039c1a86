//! Two stores as one: cursors go along, changes find their store or wait, and nothing is lost when
//! it is done twice.

use std::path::PathBuf;
use std::sync::Arc;

use ledger::{Detail, Fact, FolderDetail, SourceRef, TreeKind};
use ports::{Catalog, Change, Log};
use types::{Flags, FolderId, FolderPath, Hash, PlacementId, SourceId};

use super::fixture::{ALICE, archive, begin};
use super::*;
use crate::{Access, AllCatalog, AllLog, MakeOptions, Store, StoreOptions, StoreSpec, Stores};

pub(super) fn second(bench: &Bench) -> PathBuf {
    bench.dir().with_file_name("second")
}

pub(super) fn opened(bench: &Bench, first: Access, other: Access) -> Arc<Stores> {
    let spec = |name: &str, dir: PathBuf, number: u16, access: Access| StoreSpec {
        name: name.to_owned(),
        dir,
        number,
        access,
        recorded: Vec::new(),
    };
    let specs = vec![spec("first", bench.dir(), 0, first), spec("second", second(bench), 1, other)];
    let template = bench.options();
    let options: MakeOptions =
        Arc::new(move |recorded| StoreOptions { recorded, ..template.clone() });
    let (stores, _, others) = Stores::open(specs, false, options, None).unwrap();
    assert!(others.iter().all(|(_, it)| it.is_ok()), "{others:?}");
    stores
}

pub(super) async fn close(stores: Arc<Stores>) {
    stores.flush().await;
    Arc::try_unwrap(stores).ok().expect("nobody has them").close().unwrap();
}

/// Ten messages in the first store with their cursor, and the second store current.
pub(super) async fn carried(bench: &Bench) -> Arc<Stores> {
    let store = bench.open();
    let (folder, source) = begin(&store).await.unwrap();
    archive(&store, (folder, source), 1, 10, 4).await.unwrap();
    let fact = Fact::CursorAdvanced { source, uid_next: 11, modseq: 3, fingerprint: Hash([1; 32]) };
    store.log().append(vec![Change::Fact(fact, None)]).await.unwrap();
    store.flush().await;
    store.close().unwrap();
    let (store, _) = Store::open(&second(bench), bench.options()).unwrap();
    store.close().unwrap();
    let stores = opened(bench, Access::Current, Access::Normal);
    let members = stores.members();
    let other = members.iter().find(|it| it.name() == "second").unwrap();
    stores.carry_into(other).await.unwrap();
    let position = other.position();
    assert_ne!(position.entries, 0);
    stores.carry_into(other).await.unwrap();
    assert_eq!(other.position(), position, "what is there is not written again");
    drop(members);
    close(stores).await;
    opened(bench, Access::Protected, Access::Current)
}

/// The one source, and where its messages stand.
pub(super) fn standing(catalog: &AllCatalog) -> (SourceId, Vec<(u64, PlacementId)>) {
    let rows = catalog.sources(ALICE, "", "alice").unwrap();
    assert_eq!(rows.len(), 1, "one source, whichever stores know it");
    assert_eq!(rows[0].cursor.unwrap().uid_next, 11);
    (rows[0].source, catalog.source_refs(rows[0].source).unwrap())
}

async fn new_folder(log: &AllLog) -> FolderId {
    let fact = Fact::FolderChanged { folder: None, archive: ALICE, kind: TreeKind::Archive };
    let detail = FolderDetail { user: "alice".into(), path: "a/Kept".into() };
    let change = Change::Fact(fact, Some(Detail::Folder(detail)));
    FolderId(log.append(vec![change]).await.unwrap()[0].0)
}

pub(super) fn uids(refs: &[(u64, PlacementId)]) -> Vec<u64> {
    refs.iter().map(|it| it.0).collect()
}

#[tokio::test]
async fn changes_of_a_write_protected_store_wait_and_are_carried_over() {
    let bench = Bench::new();
    let stores = carried(&bench).await;
    let (log, catalog) = (stores.log(), stores.catalog());
    let (source, refs) = standing(&catalog);
    assert_eq!(uids(&refs), (1..=10).collect::<Vec<_>>());
    let first = stores.members()[0].position();
    let kept = new_folder(&log).await;
    let at = |uid: u64| SourceRef { source, uid };
    let facts = [
        Fact::SourceGone { source: at(1) },
        Fact::Moved { placement: refs[1].1, folder: kept, source: None },
        Fact::Flagged { placement: refs[2].1, flags: Flags::FLAGGED },
        Fact::Sighted { placement: refs[3].1, source: at(50) },
    ];
    let changes = facts.map(|it| Change::Fact(it, None)).into_iter().collect();
    assert_eq!(log.append(changes).await.unwrap().len(), 4);
    catalog.wait_for(log.position().entries).await.unwrap();
    assert_eq!(stores.members()[0].position(), first, "nothing is written to it");
    let looks = |catalog: &AllCatalog| {
        let (_, now) = standing(catalog);
        assert_eq!(uids(&now), [2, 3, 4, 5, 6, 7, 8, 9, 10, 50]);
        let key = catalog.message_of(refs[1].1).unwrap().unwrap();
        let places = catalog.placements(ALICE, "a", key).unwrap();
        let path = FolderPath::from_stored("a/Kept".into());
        let folder = catalog.folder(ALICE, &path).unwrap().unwrap();
        assert_eq!(places.iter().map(|it| it.folder).collect::<Vec<_>>(), [folder]);
        assert_eq!(catalog.refs_of(refs[3].1).unwrap().len(), 2);
        assert!(catalog.refs_of(refs[0].1).unwrap().is_empty());
    };
    looks(&catalog);
    let waiting = stores.current().store().catalog().deferred_count().unwrap();
    assert_eq!(waiting, 4);
    drop((log, catalog));
    close(stores).await;
    let stores = opened(&bench, Access::Normal, Access::Current);
    assert_eq!(stores.carry_deferred("first").await.unwrap(), 4);
    let catalog = stores.catalog();
    catalog.wait_for(stores.log().position().entries).await.unwrap();
    assert_eq!(stores.current().store().catalog().deferred_count().unwrap(), 0);
    assert_eq!(stores.carry_deferred("first").await.unwrap(), 0);
    looks(&catalog);
    drop(catalog);
    close(stores).await;
}

#[tokio::test]
async fn changes_go_to_the_store_that_has_the_message_and_new_mail_to_the_current_one() {
    let bench = Bench::new();
    let stores = carried(&bench).await;
    close(stores).await;
    let stores = opened(&bench, Access::Normal, Access::Current);
    let (log, catalog) = (stores.log(), stores.catalog());
    let (source, refs) = standing(&catalog);
    let before: Vec<u64> = stores.members().iter().map(|it| it.position().entries).collect();
    let at = |uid: u64| SourceRef { source, uid };
    let new = super::fixture::placing(&mail("new"), FolderId(0), Some(at(11)));
    let gone = Change::Fact(Fact::SourceGone { source: at(2) }, None);
    let fact = Fact::CursorAdvanced { source, uid_next: 12, modseq: 4, fingerprint: Hash([1; 32]) };
    log.append(vec![new, gone, Change::Fact(fact, None)]).await.unwrap();
    catalog.wait_for(log.position().entries).await.unwrap();
    let after: Vec<u64> = stores.members().iter().map(|it| it.position().entries).collect();
    assert_eq!((after[0] - before[0], after[1] - before[1]), (1, 2));
    assert_eq!(catalog.source_refs(source).unwrap().len(), refs.len());
    let found = log.find(&types::BlobId::of(&mail("new"))).unwrap().unwrap();
    let places = catalog.placements(ALICE, "a", found.message.unwrap()).unwrap();
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].folder, FolderId(0), "a folder of two stores is one");
    drop((log, catalog));
    close(stores).await;
}

#[tokio::test]
async fn a_merge_that_is_done_again_changes_nothing() {
    let bench = Bench::new();
    let stores = carried(&bench).await;
    close(stores).await;
    let stores = opened(&bench, Access::Normal, Access::Current);
    let merged = stores.merge("first", "second", &|_, _| ()).await.unwrap();
    assert_eq!((merged.copied, merged.placements, merged.damaged.len()), (10, 10, 0));
    let catalog = stores.catalog();
    catalog.wait_for(stores.log().position().entries).await.unwrap();
    let merged = stores.merge("first", "second", &|_, _| ()).await.unwrap();
    assert_eq!((merged.copied, merged.already, merged.placements), (0, 10, 0));
    catalog.wait_for(stores.log().position().entries).await.unwrap();
    let (_, refs) = standing(&catalog);
    assert_eq!(uids(&refs), (1..=10).collect::<Vec<_>>());
    for uid in 1..=10 {
        let id = types::BlobId::of(&mail(&format!("number {uid}")));
        let read = stores.current().store().log().read_whole(&id, 1 << 20).unwrap();
        assert_eq!(read, mail(&format!("number {uid}")));
    }
    drop(catalog);
    close(stores).await;
}
