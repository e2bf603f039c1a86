//! Views are made anew from the log, with the same answers.

use expect_test::expect;
use ledger::{Detail, Fact, MessageDetail, PlacementDetail};
use ports::{Change, Log, NewBody};
use types::limits::PARSE_BYTES_MAX;
use types::{EntryNumber, Flags, PlacementId};

use super::fixture::{archive, begin, placing, told};
use super::*;

/// A store with a bit of everything.
async fn filled(bench: &Bench) -> Told {
    let store = bench.open();
    let place = begin(&store).await.unwrap();
    archive(&store, place, 1, 40, 7).await.unwrap();
    let other = begin(&store).await.unwrap();
    archive(&store, other, 30, 20, 3).await.unwrap();
    let placement = PlacementId(2);
    let better = MessageDetail { subject: "better".into(), ..MessageDetail::default() };
    let better = Detail::Placed(PlacementDetail::default(), Some(Box::new(better)));
    let facts = [
        (Fact::Flagged { placement, flags: Flags::FLAGGED }, None),
        (Fact::Moved { placement, folder: other.0, source: None }, None),
        (Fact::Removed { placement: PlacementId(3) }, None),
        (Fact::Detail { of: EntryNumber(4) }, Some(better)),
    ];
    let facts = facts.into_iter().map(|(fact, detail)| Change::Fact(fact, detail));
    store.log().append(facts.collect()).await.unwrap();
    let told = told(bench, &store).await;
    store.close().unwrap();
    told
}

#[tokio::test]
async fn a_rebuilt_catalog_gives_the_same_answers() {
    let bench = Bench::new();
    let before = filled(&bench).await;
    let store = bench.open();
    let mut last = None;
    let rebuilt = store.rebuild_catalog(&mut |it| last = Some(it)).unwrap();
    assert_eq!(rebuilt.position, store.log().position());
    assert_eq!(rebuilt.messages, 49);
    let last = last.unwrap();
    assert_eq!((last.entries, last.messages), (last.entries_total, 49));
    assert_eq!(told(&bench, &store).await, before);
    // The views go on.
    let place = begin(&store).await.unwrap();
    archive(&store, place, 100, 5, 2).await.unwrap();
    let after = told(&bench, &store).await;
    assert_eq!(after.docs.lines().count(), 1 + 54);
    store.close().unwrap();
    assert_eq!(bench.told().await, after);
}

#[tokio::test]
async fn w25_a_rebuilt_index_holds_the_same_documents() {
    let bench = Bench::new();
    let before = filled(&bench).await;
    let store = bench.open();
    let mut seen = Vec::new();
    let rebuilt = store.rebuild_index(&mut |it| seen.push(it.messages)).unwrap();
    assert_eq!((rebuilt.messages, rebuilt.unreadable), (49, 0));
    assert_eq!(seen, (1..=49).collect::<Vec<u64>>());
    assert_eq!(told(&bench, &store).await, before);
    let place = begin(&store).await.unwrap();
    archive(&store, place, 100, 5, 2).await.unwrap();
    assert_eq!(told(&bench, &store).await.docs.lines().count(), 1 + 54);
    store.close().unwrap();
    let left: Vec<String> = std::fs::read_dir(bench.dir())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|it| it.contains("new") || it.contains("old"))
        .collect();
    assert_eq!(left, [] as [&str; 0]);
}

#[tokio::test]
async fn missing_views_are_made_anew_on_opening() {
    let bench = Bench::new();
    let before = filled(&bench).await;
    for files in [&["catalog.db"][..], &["index"], &["catalog.db", "index"]] {
        for file in files {
            let path = bench.dir().join(file);
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        assert_eq!(bench.told().await, before, "{files:?}");
        let missing = files.contains(&"catalog.db").then(|| "it is missing".to_owned());
        assert_eq!(bench.last_report().catalog_anew, missing);
    }
}

#[tokio::test]
async fn useless_views_are_made_anew_on_opening() {
    let bench = Bench::new();
    let before = filled(&bench).await;
    std::fs::write(bench.catalog(), b"not a database, not at all").unwrap();
    std::fs::write(bench.dir().join("index/docs"), b"no position\n").unwrap();
    assert_eq!(bench.told().await, before);
    let report = bench.last_report();
    expect![[r#"
        Some("it is damaged: file is not a database")
        Some("failed to write the index: opening it: damaged")"#]]
    .assert_eq(&format!("{:?}\n{:?}", report.catalog_anew, report.index_anew));
}

#[tokio::test]
async fn damage_deep_inside_the_catalog_is_found_when_it_is_touched() {
    let bench = Bench::new();
    filled(&bench).await;
    let mut bytes = std::fs::read(bench.catalog()).unwrap();
    let connection = rusqlite::Connection::open(bench.catalog()).unwrap();
    let root = |name: &str| -> usize {
        let query = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let page: u32 = connection.query_row(query, [name], |row| row.get(0)).unwrap();
        page.try_into().unwrap()
    };
    for name in ["message_key", "placement_place", "placement"] {
        let start = (root(name) - 1) * 4096;
        bytes[start..start + 2000].fill(0xee);
    }
    drop(connection);
    std::fs::write(bench.catalog(), bytes).unwrap();
    let store = bench.open();
    assert_eq!(bench.last_report().catalog_anew, None, "nobody has looked there yet");
    let place = begin(&store).await.unwrap();
    archive(&store, place, 500, 5, 5).await.unwrap();
    let after = told(&bench, &store).await;
    assert_eq!(store.catalog().check().unwrap(), [] as [&str; 0]);
    store.rebuild_catalog(&mut |_| ()).unwrap();
    assert_eq!(told(&bench, &store).await.digest, after.digest);
    store.close().unwrap();
}

#[tokio::test]
async fn a_large_message_is_indexed_by_its_start() {
    let bench = Bench::new();
    let store = bench.open();
    let (folder, _) = begin(&store).await.unwrap();
    let mut large = mail("large");
    large.resize(PARSE_BYTES_MAX + 300_000, b'x');
    let chunks: Vec<&[u8]> = large.chunks(types::limits::CHUNK_BYTES).collect();
    let encoded: Vec<_> = chunks.iter().map(|it| frames::encode_blob(it)).collect();
    let ids = encoded.iter().map(|it| (it.id, it.raw_len)).collect();
    let Change::Message(mut placing) = placing(&mail("large"), folder, None) else { panic!() };
    placing.body = NewBody::Chunked { id: types::BlobId::of(&large), chunks: ids };
    placing.size = large.len() as u64;
    let (parsed, _) = message::parse_prefix(&large, large.len() as u64);
    placing.parsed = Some(Box::new(parsed));
    let mut changes: Vec<Change> = encoded.into_iter().map(Change::Chunk).collect();
    changes.push(Change::Message(placing));
    store.log().append(changes).await.unwrap();
    let before = told(&bench, &store).await;
    assert!(before.docs.contains("\"large\""));
    store.rebuild_index(&mut |_| ()).unwrap();
    assert_eq!(told(&bench, &store).await, before);
    store.close().unwrap();
}
