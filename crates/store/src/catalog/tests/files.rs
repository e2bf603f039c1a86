//! The file: transactions, other processes, damage, other stores.

use ports::{Catalog, WriteCatalog};

use super::*;

fn long_story() -> Story {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let sent = story.folder(ALICE, "alice", "a/Sent");
    let source = story.source(inbox, "INBOX");
    story.end_batch();
    for n in 0..300u64 {
        let number = story.message(&n.to_string(), inbox, Some(at(source, n)));
        if n % 3 == 0 {
            story.placed(&n.to_string(), Some(number), sent, Flags::SEEN, None);
        }
        if n % 5 == 0 {
            let folder = sent;
            story.tell(Fact::Moved { placement: placement(number), folder, source: None }, None);
        }
        if n % 7 == 0 {
            story.tell(Fact::Removed { placement: placement(number) }, None);
        }
        if n % 11 == 0 {
            story.end_batch();
        }
    }
    story
}

#[test]
fn the_same_log_gives_the_same_rows_however_it_is_grouped() {
    let mut story = long_story();
    let one_transaction = told(&mut story);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let mut writer = new_catalog(&path);
    for (first, upto) in &story.batches {
        let end = usize::try_from(upto.entries).unwrap();
        writer.apply(*first as u64, &story.entries[*first..end], *upto).unwrap();
        writer.commit().unwrap();
        if first % 2 == 0 {
            writer.close().unwrap();
            writer = CatalogWriter::open(&path, STORE).unwrap().unwrap();
        }
    }
    assert_eq!(writer.position(), story.tree.position());
    assert_eq!(writer.digest().unwrap(), one_transaction.writer.digest().unwrap());
    assert_eq!(writer.digest().unwrap(), one_transaction.catalog.digest().unwrap());
    assert_eq!(one_transaction.catalog.check().unwrap(), Vec::<String>::new());
}

#[test]
fn another_log_gives_another_digest() {
    let digest = |change: fn(&mut Story)| {
        let mut story = long_story();
        change(&mut story);
        told(&mut story).writer.digest().unwrap()
    };
    let plain = digest(|_| ());
    assert_eq!(plain, digest(|_| ()));
    assert_ne!(
        plain,
        digest(|it| {
            it.tell(Fact::Removed { placement: placement(8) }, None);
        })
    );
}

#[test]
fn what_is_not_committed_is_not_seen_and_lost_with_the_process() {
    let mut story = long_story();
    let mut told = told(&mut story);
    let before = told.writer.digest().unwrap();
    let position = told.writer.position();
    let first = position.entries;
    story.folder(ALICE, "alice", "a/New");
    let batch = [story.entries.last().unwrap().clone()];
    let upto = story.tree.position();
    told.writer.apply(first, &batch, upto).unwrap();
    assert_eq!(told.catalog.folders(None).unwrap().len(), 2);
    assert_eq!((told.writer.position(), told.writer.committed()), (upto, position));
    let path = told.path();
    drop(told.writer);
    let mut writer = CatalogWriter::open(&path, STORE).unwrap().unwrap();
    assert_eq!((writer.position(), writer.digest().unwrap()), (position, before));
    writer.apply(first, &batch, upto).unwrap();
    writer.commit().unwrap();
    assert_eq!(told.catalog.folders(None).unwrap().len(), 3);
}

#[test]
fn a_batch_that_does_not_follow_is_refused() {
    let mut story = long_story();
    let mut told = told(&mut story);
    let before = told.writer.digest().unwrap();
    let position = told.writer.position();
    let entries = [story.entries[0].clone()];
    for first in [0, position.entries - 1, position.entries + 1] {
        let upto = Position { entries: first + 1, root: Hash([1; 32]) };
        assert!(told.writer.apply(first, &entries, upto).is_err());
    }
    let upto = Position { entries: position.entries + 2, root: Hash([1; 32]) };
    assert!(told.writer.apply(position.entries, &entries, upto).is_err());
    told.writer.commit().unwrap();
    assert_eq!((told.writer.position(), told.writer.digest().unwrap()), (position, before));
}

#[test]
fn an_error_in_a_batch_takes_back_what_was_not_committed() {
    let mut story = long_story();
    let mut told = told(&mut story);
    let before = told.writer.digest().unwrap();
    let first = told.writer.position().entries;
    let folder = FolderId(0);
    story.message("good", folder, None);
    story.placed("bad", Some(999_999), folder, Flags::default(), None);
    let batch = &story.entries[usize::try_from(first).unwrap()..];
    assert!(told.writer.apply(first, batch, story.tree.position()).is_err());
    told.writer.commit().unwrap();
    assert_eq!(told.writer.digest().unwrap(), before);
    assert_eq!(told.writer.position().entries, first);
}

#[test]
fn other_processes_read_while_it_is_written() {
    let mut story = long_story();
    let mut told = told(&mut story);
    let other = SqlCatalog::open_for_reading(&told.path(), STORE).unwrap();
    let reached = other.reached();
    assert_eq!(reached, told.writer.position().entries);
    story.folder(ALICE, "alice", "a/New");
    let batch = [story.entries.last().unwrap().clone()];
    told.writer.apply(reached, &batch, story.tree.position()).unwrap();
    assert_eq!((other.reached(), other.folders(None).unwrap().len()), (reached, 2));
    told.writer.commit().unwrap();
    assert_eq!((other.reached(), other.folders(None).unwrap().len()), (reached + 1, 3));
    told.writer.close().unwrap();
    assert_eq!(other.folders(None).unwrap().len(), 3);
}

fn unusable(path: &Path) -> String {
    match CatalogWriter::open(path, STORE).unwrap() {
        Ok(_) => "usable".into(),
        Err(Unusable { why }) => why,
    }
}

#[test]
fn files_that_are_of_no_use_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    assert_eq!(unusable(&path), "it is missing");
    std::fs::write(&path, b"not a database at all, only some bytes that are long enough").unwrap();
    assert_eq!(unusable(&path), "it is damaged: file is not a database");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(unusable(&path), "it is not a catalog");
    std::fs::remove_file(&path).unwrap();
    CatalogWriter::create(&path, "store-b").unwrap().finish().unwrap();
    assert_eq!(unusable(&path), "it belongs to another store");
    std::fs::remove_file(&path).unwrap();
    drop(new_catalog(&path));
    assert_eq!(unusable(&path), "usable");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 77).unwrap();
    drop(connection);
    assert_eq!(unusable(&path), "it has schema version 77, not 5");
    assert!(SqlCatalog::open_for_reading(&path, STORE).is_err());
}

#[test]
fn damage_inside_the_file_is_recognised() {
    let mut story = long_story();
    let told = told(&mut story);
    let path = told.path();
    told.writer.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..100].fill(0xff);
    }
    drop(told.catalog);
    std::fs::write(&path, bytes).unwrap();
    let read = CatalogWriter::open(&path, STORE).unwrap();
    let Err(Unusable { why }) = read else { panic!("it opened") };
    assert!(why.starts_with("it is damaged: "), "{why}");
}

#[test]
fn a_writer_that_wrote_nothing_leaves_the_files_alone() {
    let mut story = long_story();
    let told = told(&mut story);
    let path = told.path();
    drop(told.writer);
    drop(told.catalog);
    let wal = path.with_file_name("catalog.db-wal");
    let look = || {
        [&path, &wal].map(|it| {
            let metadata = it.metadata().unwrap();
            (metadata.len(), metadata.modified().unwrap())
        })
    };
    let before = look();
    assert!(before[1].0 > 0, "no checkpoint when the writer was dropped");
    let mut writer = CatalogWriter::open(&path, STORE).unwrap().unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    assert_eq!(look(), before, "and none when nothing was written");
}

/// Every byte here is paid once per message, for as long as the archive lives.
#[test]
fn the_size_per_message_stays_small() {
    const N: u64 = 5000;
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "alice@example.org/INBOX");
    let source = story.source(inbox, "INBOX");
    for n in 0..N {
        let name = format!("a subject of usual length that somebody wrote, number {n}");
        story.message(&name, inbox, Some(at(source, n + 1)));
    }
    let told = told(&mut story);
    let path = told.path();
    told.writer.close().unwrap();
    let bytes = path.metadata().unwrap().len();
    assert!(bytes / N < 300, "{} bytes per message", bytes / N);
}
