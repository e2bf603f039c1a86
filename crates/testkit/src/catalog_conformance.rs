//! What every catalog must do, with faults: one suite for SQLite of today and for whatever keeps a
//! catalog later (PostgreSQL, SQL Server).
//!
//! An implementation brings a [`CatalogBench`]: how its catalog is opened, how its storage fails,
//! dies and works again. [`check`] runs every rule. What it answers is compared, query by query,
//! with [`MemoryCatalog`] at the same place of the same made-up log.
//!
//! Rules of the suite: it asks only what [`ports::Catalog`] and [`ports::WriteCatalog`] promise; it
//! looks at no clock; a failing rule panics with what was expected.

mod story;

use std::fmt::Write;

use ports::{Catalog, CatalogError, WriteCatalog};
use types::{FolderPath, MessageKey, PlacementId, Position, SourceId};

use crate::MemoryCatalog;
use crate::log_conformance::{Break, block_on};
pub use story::Story;

/// An implementation of a catalog, with the storage that it stands on.
pub trait CatalogBench: Send + Sync + 'static {
    /// What writes it.
    type Writer: WriteCatalog;
    /// What reads it.
    type Reader: Catalog;

    /// Opens the catalog for writing; makes an empty one where there is none.
    fn open(&self) -> Self::Writer;

    /// Opens it for a second writer beside the first. `Err` when that is refused.
    fn open_second(&self) -> Result<Self::Writer, String>;

    /// Opens it for reading, beside a writer.
    fn reader(&self) -> Self::Reader;

    /// Breaks the storage under a writer at its `n`-th step from now, counted from 1. What a step
    /// is the bench knows: a row, a page, a commit.
    fn break_at(&self, writer: &Self::Writer, n: u64, how: Break);

    /// Steps since the last [`break_at`](Self::break_at), in what breaks in this way.
    fn n_steps(&self, writer: &Self::Writer, how: Break) -> u64;

    /// The storage works again under a writer that is still open.
    fn mend(&self, writer: &Self::Writer);

    /// Power, or the connection, went at the last step: what was not durable may be gone. `seed`
    /// says which part.
    fn die(&self, writer: Self::Writer, seed: u64);

    /// Lets whoever commits wait until [`release`](Self::release).
    fn hold(&self);

    /// Lets it go on.
    fn release(&self);
}

/// Breaks of one kind that are tried at most: spread over all steps.
const BREAKS_MAX: u64 = 12;

/// Runs every rule, each on a bench of its own.
pub fn check<B: CatalogBench>(make: impl Fn() -> B) {
    for seed in 0..4 {
        answers_are_those_of_the_model(&make(), seed);
    }
    batches_do_not_matter(&make);
    commits_are_seen_whole(&make());
    gaps_are_refused(&make());
    nothing_is_committed_for_nothing(&make());
    slow(&make());
    two_writers(&make());
    faults(&make);
}

/// What the model says at this place of a story.
fn expected(story: &Story, upto: Position) -> String {
    let model = MemoryCatalog::default();
    let mut writer = model.writer();
    writer.apply(0, story.between(0, upto), upto).expect("the model");
    writer.commit().expect("the model");
    answers(&model, story)
}

/// Everything that can be asked, one answer a line.
fn answers(catalog: &impl Catalog, story: &Story) -> String {
    let mut all = String::new();
    let mut tell = |what: std::fmt::Arguments<'_>, answer: &dyn std::fmt::Debug| {
        writeln!(all, "{what}: {answer:?}").unwrap();
    };
    tell(format_args!("reached"), &catalog.reached());
    for archive in story::archives() {
        for path in story::paths() {
            let folder = catalog.folder(archive, &FolderPath::from_stored(path.to_owned()));
            tell(format_args!("folder {archive} {path}"), &folder.unwrap());
        }
        for account in ["alice", "bob"] {
            let rows = catalog.sources(archive, "imap://h:143", account).unwrap();
            tell(format_args!("sources {archive} {account}"), &rows);
        }
    }
    for n in 0..3 {
        let hash = story::content(n);
        tell(format_args!("content {n}"), &catalog.same_content(&hash).unwrap());
    }
    let uids: Vec<u64> = (0..16).chain(u64::MAX - 3..=u64::MAX).collect();
    for (folder, source) in story.places() {
        of_source(catalog, source, &uids, &mut tell);
        for (after, count) in [(None, u32::MAX), (Some(PlacementId(story.len() / 2)), 2)] {
            let rows = catalog.placed_in(folder, after, count).unwrap();
            tell(format_args!("placed in {folder} {after:?}"), &rows);
        }
    }
    for n in 0..=story.len() {
        let (id, key) = (PlacementId(n), MessageKey(n));
        tell(format_args!("refs of {n}"), &catalog.refs_of(id).unwrap());
        tell(format_args!("message of {n}"), &catalog.message_of(id).unwrap());
        tell(format_args!("places of {n}"), &catalog.places_of(key).unwrap());
        let found = catalog.placements(story::archives()[0], "a", key).unwrap();
        tell(format_args!("placements of {n}"), &found);
    }
    all
}

fn of_source(
    catalog: &impl Catalog,
    source: SourceId,
    uids: &[u64],
    tell: &mut impl FnMut(std::fmt::Arguments<'_>, &dyn std::fmt::Debug),
) {
    tell(format_args!("refs at {source}"), &catalog.source_refs(source).unwrap());
    tell(format_args!("archived of {source}"), &catalog.archived(source, uids).unwrap());
    tell(format_args!("quarantine of {source}"), &catalog.quarantined(source).unwrap());
    tell(format_args!("matches of {source}"), &catalog.match_rows(source).unwrap());
    tell(format_args!("name of {source}"), &catalog.mailbox_name(source).unwrap());
}

/// Says the first line that differs, not all of them.
fn assert_same(found: &str, expected: &str, what: &str) {
    let differing = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert_eq!(differing, None, "{what}: found and expected");
    assert_eq!(found.lines().count(), expected.lines().count(), "{what}");
}

/// Every query, after every commit of a long story, in both.
pub fn answers_are_those_of_the_model<B: CatalogBench>(bench: &B, seed: u64) {
    let story = Story::told(seed, 32);
    let (mut writer, reader, model) = (bench.open(), bench.reader(), MemoryCatalog::default());
    let mut expected = model.writer();
    for (n, upto) in story.ends.iter().enumerate().skip(1) {
        let from = writer.position().entries;
        let entries = story.between(from, *upto);
        let made = writer.apply(from, entries, *upto).unwrap();
        assert_eq!(made, expected.apply(from, entries, *upto).unwrap(), "new messages");
        if n % 6 == 0 || n + 1 == story.ends.len() {
            writer.commit().unwrap();
            expected.commit().unwrap();
            let what = format!("seed {seed}, after {} entries", upto.entries);
            assert_same(&answers(&reader, &story), &answers(&model, &story), &what);
        }
    }
}

/// However a log is cut into batches and transactions, the rows are the same.
pub fn batches_do_not_matter<B: CatalogBench>(make: &impl Fn() -> B) {
    let story = Story::told(77, 30);
    let end = *story.ends.last().unwrap();
    let expected = expected(&story, end);
    for every in [1, 7, usize::MAX] {
        let bench = make();
        let mut writer = bench.open();
        for (n, upto) in story.ends.iter().enumerate().skip(1) {
            let from = writer.position().entries;
            writer.apply(from, story.between(from, *upto), *upto).unwrap();
            if n % every == 0 {
                writer.commit().unwrap();
            }
        }
        writer.commit().unwrap();
        let what = format!("commits after {every} batches");
        assert_same(&answers(&bench.reader(), &story), &expected, &what);
        // What was written is there for the next process.
        drop(writer);
        assert_eq!(bench.open().committed(), end);
    }
}

/// Readers see nothing of a transaction before it is committed, and all of it afterwards.
pub fn commits_are_seen_whole<B: CatalogBench>(bench: &B) {
    let story = Story::told(3, 12);
    let (mut writer, reader) = (bench.open(), bench.reader());
    let (first, second) = (story.ends[4], story.ends[11]);
    writer.apply(0, story.between(0, first), first).unwrap();
    writer.commit().unwrap();
    let before = answers(&reader, &story);
    assert_same(&before, &expected(&story, first), "after the first commit");
    let from = first.entries;
    writer.apply(from, story.between(from, second), second).unwrap();
    assert_eq!((writer.position(), writer.committed()), (second, first));
    assert_same(&answers(&reader, &story), &before, "before the second commit");
    writer.commit().unwrap();
    assert_eq!(writer.committed(), second);
    assert_same(&answers(&reader, &story), &expected(&story, second), "after the second commit");
    block_on(reader.wait_for(second.entries)).expect("it is there");
}

/// A batch that does not follow is refused, with all that was not committed, and the writer goes
/// on from its last commit.
pub fn gaps_are_refused<B: CatalogBench>(bench: &B) {
    let story = Story::told(5, 12);
    let mut writer = bench.open();
    let [a, b, c] = [story.ends[2], story.ends[5], story.ends[9]];
    writer.apply(0, story.between(0, a), a).unwrap();
    writer.commit().unwrap();
    let end = *story.ends.last().unwrap();
    let short = story.between(b.entries, c);
    let wrong = [
        (c.entries, story.between(c.entries, end), end),
        (0, story.between(0, a), a),
        (b.entries, &short[1..], c),
    ];
    for (first, entries, upto) in wrong {
        writer.apply(a.entries, story.between(a.entries, b), b).unwrap();
        assert!(writer.apply(first, entries, upto).is_err(), "it does not follow");
        assert_eq!((writer.position(), writer.committed()), (a, a));
    }
    writer.commit().unwrap();
    assert_same(&answers(&bench.reader(), &story), &expected(&story, a), "after refusals");
    story.finish(&mut writer);
    assert_same(&answers(&bench.reader(), &story), &expected(&story, end), "afterwards");
}

/// A commit of nothing changes nothing, not even the storage.
pub fn nothing_is_committed_for_nothing<B: CatalogBench>(bench: &B) {
    let story = Story::told(6, 6);
    let mut writer = bench.open();
    story.finish(&mut writer);
    let position = writer.committed();
    for how in Break::ALL {
        bench.break_at(&writer, 1, how);
        writer.commit().expect("there is nothing to fail");
        assert_eq!(bench.n_steps(&writer, how), 0);
        bench.mend(&writer);
    }
    assert_eq!(writer.committed(), position);
}

/// While storage is slow readers do not wait, and see the last commit.
pub fn slow<B: CatalogBench>(bench: &B) {
    let story = Story::told(8, 10);
    let (mut writer, reader) = (bench.open(), bench.reader());
    let first = story.ends[5];
    writer.apply(0, story.between(0, first), first).unwrap();
    writer.commit().unwrap();
    let before = expected(&story, first);
    bench.hold();
    std::thread::scope(|threads| {
        let writing = threads.spawn(|| story.finish(&mut writer));
        for _ in 0..5 {
            assert_same(&answers(&reader, &story), &before, "meanwhile");
            assert!(!writing.is_finished(), "it waits");
        }
        bench.release();
        writing.join().unwrap();
    });
    let end = *story.ends.last().unwrap();
    assert_same(&answers(&reader, &story), &expected(&story, end), "afterwards");
}

/// There is one writer: a second one is refused, or makes the first one fail whole.
pub fn two_writers<B: CatalogBench>(bench: &B) {
    let story = Story::told(9, 12);
    let [a, b, c] = [story.ends[3], story.ends[6], story.ends[11]];
    let mut first = bench.open();
    first.apply(0, story.between(0, a), a).unwrap();
    first.commit().unwrap();
    let Ok(mut second) = bench.open_second() else {
        story.finish(&mut first);
        return;
    };
    second.apply(a.entries, story.between(a.entries, c), c).unwrap();
    second.commit().unwrap();
    // It knows less. What it brings would take the catalog back.
    let mut late = || -> Result<(), CatalogError> {
        first.apply(a.entries, story.between(a.entries, b), b)?;
        first.commit()
    };
    late().expect_err("it is stale");
    late().expect_err("it stays so");
    assert_same(&answers(&bench.reader(), &story), &expected(&story, c), "after a stale writer");
}

/// Breaks storage at every step, or at many of them. What is seen is always one commit whole, and
/// whoever goes on from there comes to the same end.
pub fn faults<B: CatalogBench>(make: &impl Fn() -> B) {
    let story = Story::told(10, 14);
    let all: Vec<String> = story.ends.iter().map(|it| expected(&story, *it)).collect();
    for how in Break::ALL {
        let n = {
            let bench = make();
            let mut writer = bench.open();
            bench.break_at(&writer, u64::MAX, how);
            assert!(run(&mut writer, &story).1.is_none(), "a healthy bench");
            bench.n_steps(&writer, how)
        };
        assert!(0 < n, "a catalog changes its storage");
        let stride = n.div_ceil(BREAKS_MAX);
        for at in (1..=n).step_by(usize::try_from(stride).unwrap()) {
            for seed in 0..2 {
                broken(&make(), &story, &all, (how, at, seed));
            }
        }
    }
}

fn broken<B: CatalogBench>(
    bench: &B,
    story: &Story,
    all: &[String],
    (how, at, seed): (Break, u64, u64),
) {
    let what = format!("{how:?} at {at}, seed {seed}");
    let mut writer = bench.open();
    bench.break_at(&writer, at, how);
    let (acknowledged, failed) = run(&mut writer, story);
    assert!(failed.is_some(), "{what}: it was not heard of");
    assert_eq!(writer.committed(), acknowledged, "{what}");
    assert_eq!(writer.position(), acknowledged, "{what}: the rest is taken back");
    let may_lose = matches!(how, Break::DiesBefore | Break::DiesDuring);
    match may_lose {
        true => {
            bench.die(writer, seed);
            writer = bench.open();
        }
        false => {
            let seen = answers(&bench.reader(), story);
            assert_same(&seen, at_end(story, all, acknowledged, &what), &what);
            bench.mend(&writer);
        }
    }
    let position = writer.committed();
    let seen = answers(&bench.reader(), story);
    assert_same(&seen, at_end(story, all, position, &what), &what);
    assert!(may_lose || position == acknowledged, "{what}: nothing is lost");
    story.finish(&mut writer);
    assert_same(&answers(&bench.reader(), story), all.last().unwrap(), &format!("{what}, after"));
}

/// What is seen where a commit ended. Half of one is nowhere.
fn at_end<'a>(story: &Story, all: &'a [String], position: Position, what: &str) -> &'a str {
    let n = story.ends.iter().position(|it| *it == position);
    &all[n.unwrap_or_else(|| panic!("{what}: {position:?} is no batch's end"))]
}

/// Applies batch by batch, with a commit after every second one. Gives how far it was committed,
/// and how it failed.
fn run(writer: &mut impl WriteCatalog, story: &Story) -> (Position, Option<CatalogError>) {
    let mut acknowledged = writer.committed();
    for (n, upto) in story.ends.iter().enumerate().skip(1) {
        let from = writer.position().entries;
        if let Err(error) = writer.apply(from, story.between(from, *upto), *upto) {
            return (acknowledged, Some(error));
        }
        if n % 2 == 0 || n + 1 == story.ends.len() {
            if let Err(error) = writer.commit() {
                return (acknowledged, Some(error));
            }
            acknowledged = *upto;
        }
    }
    (acknowledged, None)
}
