//! Erasure in a whole store: nothing of it in any file, and the views as if made anew.

use std::ops::ControlFlow;
use std::path::Path;

use ledger::EraseReason;
use ports::{Condemnation, Erase, Held, Holds, Log, LogError};
use types::{MessageKey, Position, Timestamp};

use super::fixture::{Bench, archive, begin, mail, placing, told};
use crate::{Store, StoreErrorKind};

struct Nothing;

impl Holds for Nothing {
    async fn held(&self, _: &[MessageKey], _: Position) -> Result<Vec<Held>, LogError> {
        Ok(Vec::new())
    }
}

const SECRET: &str = "Whistleblower";

/// Every file below a directory of the real disk that has a word.
fn files_with(dir: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, word));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if bytes.windows(word.len()).any(|it| it == word.as_bytes()) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// A store of messages of which one has the word; its key.
async fn written(bench: &Bench, store: &Store) -> MessageKey {
    let place = begin(store).await.unwrap();
    archive(store, place, 1, 40, 7).await.unwrap();
    let placed = store.log().append(vec![placing(&mail(SECRET), place.0, None)]).await.unwrap();
    archive(store, place, 41, 40, 7).await.unwrap();
    told(bench, store).await;
    MessageKey(placed[0].0)
}

async fn erase(store: &Store, message: MessageKey) {
    let what = Condemnation {
        messages: vec![message],
        reason: EraseReason::Request,
        due: Timestamp(0),
        rule: "request 7".into(),
        by: "ann".into(),
        why: "asked for".into(),
    };
    store.condemn(what).await.unwrap();
    let done = Erase::erase(store, &[message], Timestamp(i64::MAX), &Nothing).await.unwrap();
    assert_eq!(done.erased, [message]);
}

#[tokio::test]
async fn no_view_keeps_what_is_erased() {
    let bench = Bench::new();
    let store = bench.open();
    let message = written(&bench, &store).await;
    assert!(files_with(&bench.dir(), SECRET).len() >= 2, "catalog and index have it");
    erase(&store, message).await;
    let plan = store.compact_plan().unwrap();
    assert!(plan.views && plan.log.segments.len() == 1);
    store.compact(&plan, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(store.compact_plan().unwrap().is_empty());
    assert_eq!(files_with(&bench.dir(), SECRET), Vec::<String>::new());
    let before = told(&bench, &store).await;
    assert!(!before.docs.contains(SECRET));
    let row = store.catalog().message(message).unwrap().unwrap();
    assert!(row.is_erased);
    store.rebuild_catalog(&mut |_| ()).unwrap();
    let rebuilt = store.rebuild_index(&mut |_| ()).unwrap();
    assert_eq!(rebuilt.unreadable, 0);
    assert_eq!(told(&bench, &store).await, before, "made anew it is the same");
    assert_eq!(files_with(&bench.dir(), SECRET), Vec::<String>::new());
    assert_eq!(store.log().verify(&mut |_| ()).defects, []);
    store.close().unwrap();
    assert_eq!(bench.told().await, before);
    assert_eq!(files_with(&bench.dir(), SECRET), Vec::<String>::new());
}

/// Stopped before the views: the next compaction goes on there.
#[tokio::test]
async fn a_compaction_that_is_stopped_goes_on_with_the_views() {
    let bench = Bench::new();
    let store = bench.open();
    let message = written(&bench, &store).await;
    erase(&store, message).await;
    let plan = store.compact_plan().unwrap();
    store.compact(&plan, &mut |_| ControlFlow::Break(())).unwrap();
    let rest = store.compact_plan().unwrap();
    assert_eq!(rest, plan, "nothing was done");
    store.log().compact(&rest.log, &mut |_| ControlFlow::Continue(())).unwrap();
    store.close().unwrap();
    let store = bench.open();
    let rest = store.compact_plan().unwrap();
    assert!(rest.views && rest.log.is_empty());
    store.compact(&rest, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(files_with(&bench.dir(), SECRET), Vec::<String>::new());
    assert!(store.compact_plan().unwrap().is_empty());
    store.close().unwrap();
}

#[tokio::test]
async fn a_store_says_that_it_needs_erasure() {
    let bench = Bench::new();
    let store = bench.open();
    let message = written(&bench, &store).await;
    let has = |bench: &Bench| {
        let text = bench.disk.content(&bench.dir().join("store.toml")).unwrap();
        String::from_utf8(text).unwrap().contains("erasure")
    };
    assert!(!has(&bench));
    erase(&store, message).await;
    assert!(has(&bench));
    store.close().unwrap();
    let reading = Store::open_for_reading(
        &bench.dir(),
        std::sync::Arc::new(bench.disk.clone()),
        &super::fixture::keys_at_hand(),
    );
    let reading = reading.unwrap();
    let plan = reading.compact_plan().unwrap();
    let refused = reading.compact(&plan, &mut |_| ControlFlow::Continue(()));
    assert_eq!(refused.unwrap_err().kind(), &StoreErrorKind::View);
}
