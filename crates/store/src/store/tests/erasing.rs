//! Erasure in a whole store: nothing of it in any file, and the views as if made anew.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;

use ledger::EraseReason;
use ports::{Condemnation, Erase, Held, Holds, Log, LogError};
use types::{MessageKey, Position, Timestamp};

use super::fixture::{Bench, archive, begin, mail, placing, told};
use crate::log::CompactProgress;
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

/// Before anything is compacted: the views have read that it is erased, and give it no more. The
/// index hears of it also when it was behind.
#[tokio::test]
async fn no_view_gives_what_is_erased() {
    for is_behind in [false, true] {
        let bench = Bench::new();
        let store = bench.open();
        let message = written(&bench, &store).await;
        bench.index.fails.store(is_behind, Ordering::Relaxed);
        erase(&store, message).await;
        if is_behind {
            // The index fails with the next message, and reads on when it is opened next.
            let place = begin(&store).await.unwrap();
            archive(&store, place, 100, 3, 3).await.unwrap();
            assert!(store.flush().await.index.unwrap().failure.is_some());
            bench.index.fails.store(false, Ordering::Relaxed);
            store.restart_views().unwrap();
        }
        let told = told(&bench, &store).await;
        assert!(told.docs.contains("number 1") && !told.docs.contains(SECRET));
        assert!(store.catalog().message(message).unwrap().unwrap().is_erased);
        assert!(!store.is_clear().unwrap(), "its words are in files still");
        store.close().unwrap();
    }
}

/// Each step of a compaction may be the last one: by a stop, or by the end of the process. What
/// is left is whole, and the next compaction has the rest.
#[tokio::test]
async fn every_step_of_a_compaction_may_be_the_last() {
    for how in [Ends::Stopped, Ends::Killed] {
        for steps in 0.. {
            let bench = Bench::new();
            let store = bench.open();
            let message = written(&bench, &store).await;
            erase(&store, message).await;
            let before = told(&bench, &store).await;
            let plan = store.compact_plan().unwrap();
            let (mut n, mut last) = (0, None);
            let mut go_on = |it: CompactProgress| {
                n += 1;
                last = Some(it.step);
                let is_end = steps < n;
                assert!(!is_end || how == Ends::Stopped, "{KILLED}");
                if is_end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let compacts = AssertUnwindSafe(|| store.compact(&plan, &mut go_on));
            let is_whole = match catch_unwind(compacts) {
                Ok(done) => !done.unwrap().is_stopped,
                Err(_) => false,
            };
            let bench = match how {
                Ends::Stopped => {
                    assert_eq!(told(&bench, &store).await, before, "{last:?}");
                    store.close().unwrap();
                    bench
                }
                Ends::Killed => {
                    drop(store);
                    let disk = bench.disk.after_process_death();
                    bench.with_disk(disk)
                }
            };
            let store = bench.open();
            assert_eq!(told(&bench, &store).await, before, "{how:?} at {last:?}");
            assert_eq!(store.log().verify(&mut |_| ()).defects, [], "{how:?} at {last:?}");
            let rest = store.compact_plan().unwrap();
            assert_eq!(rest.is_empty(), is_whole, "{how:?} at {last:?}");
            store.compact(&rest, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!(store.compact_plan().unwrap().is_empty() && store.is_clear().unwrap());
            assert_eq!(files_with(&bench.dir(), SECRET), Vec::<String>::new());
            assert_eq!(told(&bench, &store).await, before, "{how:?} at {last:?}");
            store.close().unwrap();
            if is_whole {
                assert!(4 <= n, "two steps of the log, and each view");
                break;
            }
        }
    }
}

/// How a compaction ends before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ends {
    Stopped,
    Killed,
}

/// A panic that a test wants.
const KILLED: &str = "the process ends here";

/// A view that cannot be written while it is cleared: nothing is noted, and it is done again.
#[tokio::test]
async fn a_view_that_cannot_be_cleared_is_cleared_later() {
    let bench = Bench::new();
    let store = bench.open();
    let message = written(&bench, &store).await;
    erase(&store, message).await;
    let before = told(&bench, &store).await;
    // Where the new catalog would be written, or the note that it is done, is a directory.
    for name in ["catalog.db.new", "cleared.new"] {
        let in_the_way = bench.dir().join(name);
        std::fs::create_dir(&in_the_way).unwrap();
        std::fs::write(in_the_way.join("x"), "x").unwrap();
        let plan = store.compact_plan().unwrap();
        assert!(store.compact(&plan, &mut |_| ControlFlow::Continue(())).is_err(), "{name}");
        assert!(!store.is_clear().unwrap(), "{name}");
        assert_eq!(told(&bench, &store).await, before, "{name}");
        std::fs::remove_dir_all(in_the_way).unwrap();
    }
    bench.index.fails.store(true, Ordering::Relaxed);
    let plan = store.compact_plan().unwrap();
    assert!(plan.views && plan.log.is_empty(), "the log is done");
    assert!(store.compact(&plan, &mut |_| ControlFlow::Continue(())).is_err());
    assert!(!store.is_clear().unwrap());
    bench.index.fails.store(false, Ordering::Relaxed);
    store.compact(&plan, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(store.is_clear().unwrap());
    assert_eq!(told(&bench, &store).await, before);
    assert_eq!(files_with(&bench.dir(), SECRET), Vec::<String>::new());
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
