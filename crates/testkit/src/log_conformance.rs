//! What every log must do, with faults: one suite for the segment files of today and for whatever
//! keeps a log later (a database, objects behind HTTP).
//!
//! An implementation brings a [`LogBench`]: how its log is opened, how its storage fails, dies and
//! works again. [`check`] then runs every rule. Each rule is a function of its own, so that a test
//! of one rule can be named and run alone.
//!
//! Rules of the suite: it asks only what [`ports::Log`] and [`ports::ReadBack`] promise; it looks
//! at no clock; a failing rule panics with what was expected.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use frames::{EncodedBlob, encode_blob};
use ledger::{Entry, Fact, MessageDetail, PlacementDetail};
use ports::{Change, Log, LogError, LogErrorKind, NewBody, NewPlacement, ReadBack};
use types::limits::WHOLE_BLOB_BYTES_MAX;
use types::{BlobId, EntryNumber, Flags, FolderId, MessageKey, PlacementId};

/// How storage fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Break {
    /// There is no room from this change on.
    Full,
    /// This change fails and has no effect.
    Fails,
    /// Power, or the connection, goes before this change.
    DiesBefore,
    /// It goes during this change: nobody hears whether it had an effect.
    DiesDuring,
}

impl Break {
    /// All of them.
    pub const ALL: [Break; 4] = [Break::Full, Break::Fails, Break::DiesBefore, Break::DiesDuring];
}

/// An implementation of a log, with the storage that it stands on.
pub trait LogBench: Send + Sync + 'static {
    /// The log.
    type Log: ReadBack;

    /// Opens the log, and recovers it first where that is needed.
    fn open(&self) -> Self::Log;

    /// Opens it for a second writer beside the first. `Err` when that is refused.
    fn open_second(&self) -> Result<Self::Log, String>;

    /// Ends a log cleanly.
    fn close(&self, log: Self::Log);

    /// Every entry, in order.
    fn entries(&self, log: &Self::Log) -> Vec<Entry>;

    /// Breaks the storage at its `n`-th change from now, counted from 1.
    fn break_at(&self, n: u64, how: Break);

    /// Changes of the storage since the last [`break_at`](Self::break_at).
    fn n_changes(&self) -> u64;

    /// The storage works again. After a death, what was not durable may be gone: `seed` says which
    /// part. The log that was open is dropped before.
    fn heal(&self, seed: u64);

    /// Lets whatever makes appends durable wait until [`release`](Self::release).
    fn hold(&self);

    /// Lets it go on.
    fn release(&self);
}

/// Runs every rule, each on a bench of its own.
pub fn check<B: LogBench>(make: impl Fn() -> B) {
    order(&make());
    atomicity(&make());
    nothing_is_appended_for_nothing(&make());
    read_your_writes(&make());
    the_same_message_again(&make());
    the_same_message_from_many_at_once(make());
    many_at_once(&make());
    chunks(&make());
    oversize(&make());
    slow(&make());
    two_writers(&make());
    faults(&make);
}

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
    runtime.expect("a runtime").block_on(future)
}

fn append<L: Log>(log: &L, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
    block_on(log.append(changes))
}

fn fact(n: u16) -> Change {
    Change::Fact(Fact::Flagged { placement: PlacementId(0), flags: Flags(n) }, None)
}

fn placed(body: NewBody, size: usize) -> Change {
    Change::Message(Box::new(NewPlacement {
        body,
        size: size as u64,
        folder: FolderId(0),
        flags: Flags::SEEN,
        received: None,
        source: None,
        placement_detail: PlacementDetail::default(),
        message_detail: Box::new(MessageDetail::default()),
        parsed: None,
    }))
}

fn message(text: &str) -> Change {
    placed(NewBody::Whole(encode_blob(text.as_bytes())), text.len())
}

fn id(text: &str) -> BlobId {
    BlobId::of(text.as_bytes())
}

fn found<L: Log>(log: &L, text: &str) -> Option<Option<MessageKey>> {
    log.find(&id(text)).expect("a look-up").map(|it| it.message)
}

fn read<L: ReadBack>(log: &L, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    log.read_back(&id(text), &mut |some| bytes.extend_from_slice(some)).expect("a blob");
    bytes
}

fn refused(answer: Result<Vec<EntryNumber>, LogError>) {
    assert_eq!(answer.expect_err("it is refused").kind(), LogErrorKind::Request);
}

/// Entries stand in the order of appends, numbered without a gap; the position counts them and has
/// another root each time.
pub fn order<B: LogBench>(bench: &B) {
    let log = bench.open();
    let mut roots = BTreeSet::new();
    for n in 0..20u16 {
        let first = u64::from(n) * 2;
        let numbers = append(&log, vec![fact(n), message(&format!("mail {n}"))]).unwrap();
        assert_eq!(numbers, [EntryNumber(first), EntryNumber(first + 1)]);
        assert_eq!(log.position().entries, first + 2);
        assert!(roots.insert(log.position().root), "a root comes once");
    }
    let check = |log: &B::Log| {
        let entries = bench.entries(log);
        assert_eq!(entries.len(), 40);
        for (n, pair) in (0u16..).zip(entries.chunks(2)) {
            assert!(matches!(pair[0].fact, Fact::Flagged { flags, .. } if flags == Flags(n)));
        }
        assert!(entries.windows(2).all(|it| it[0].time <= it[1].time), "time does not go back");
    };
    check(&log);
    let position = log.position();
    bench.close(log);
    let again = bench.open();
    assert_eq!(again.position(), position);
    check(&again);
}

/// A call is appended whole or not at all: one change that cannot be refuses all of them, and the
/// log goes on.
pub fn atomicity<B: LogBench>(bench: &B) {
    let log = bench.open();
    append(&log, vec![message("one")]).unwrap();
    let before = log.position();
    let unknown = || placed(NewBody::Known(id("never")), 5);
    refused(append(&log, vec![fact(1), message("two"), unknown()]));
    refused(append(&log, vec![unknown(), fact(1)]));
    assert_eq!(log.position(), before);
    assert_eq!(found(&log, "two"), None);
    assert_eq!(append(&log, vec![message("two")]).unwrap(), [EntryNumber(1)]);
}

/// An append of nothing is answered and changes nothing.
pub fn nothing_is_appended_for_nothing<B: LogBench>(bench: &B) {
    let log = bench.open();
    append(&log, vec![message("one")]).unwrap();
    let before = log.position();
    assert_eq!(append(&log, Vec::new()).unwrap(), []);
    assert_eq!(log.position(), before);
}

/// What was acknowledged is found and read at once, by this process and the next.
pub fn read_your_writes<B: LogBench>(bench: &B) {
    let log = bench.open();
    assert_eq!(found(&log, "mail"), None);
    let numbers = append(&log, vec![fact(1), message("mail"), message("")]).unwrap();
    let check = |log: &B::Log| {
        assert_eq!(found(log, "mail"), Some(Some(MessageKey(numbers[1].0))));
        assert_eq!(found(log, ""), Some(Some(MessageKey(numbers[2].0))));
        assert_eq!((read(log, "mail"), read(log, "")), (b"mail".to_vec(), Vec::new()));
    };
    check(&log);
    bench.close(log);
    check(&bench.open());
}

/// The second placement of a message names the first one, and its bytes are there once: whether it
/// brings them along or not.
pub fn the_same_message_again<B: LogBench>(bench: &B) {
    let log = bench.open();
    append(&log, vec![message("mail"), message("mail")]).unwrap();
    append(&log, vec![message("mail")]).unwrap();
    append(&log, vec![placed(NewBody::Known(id("mail")), 4)]).unwrap();
    let firsts: Vec<_> = bench.entries(&log).iter().map(first_of).collect();
    let key = Some(MessageKey(0));
    assert_eq!(firsts, [None, key, key, key]);
    refused(append(&log, vec![placed(NewBody::Known(id("mail")), 5)]));
}

fn first_of(entry: &Entry) -> Option<MessageKey> {
    match &entry.fact {
        Fact::Placed { message, .. } => *message,
        other => panic!("a placement, not {other:?}"),
    }
}

/// However many bring one message at the same time, one placement is the first.
pub fn the_same_message_from_many_at_once<B: LogBench>(bench: B) {
    let bench = Arc::new(bench);
    let log = Arc::new(bench.open());
    let tasks = 16;
    let numbers: BTreeSet<u64> = block_on(async {
        let append = |log: Arc<B::Log>| async move { log.append(vec![message("mail")]).await };
        let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(append(Arc::clone(&log)))).collect();
        let mut numbers = BTreeSet::new();
        for it in all {
            numbers.extend(it.await.unwrap().unwrap().iter().map(|it| it.0));
        }
        numbers
    });
    assert_eq!(numbers, (0..tasks).collect());
    let entries = bench.entries(&log);
    assert_eq!(first_of(&entries[0]), None);
    assert!(entries[1..].iter().all(|it| first_of(it) == Some(MessageKey(0))));
}

/// Calls at the same time: each keeps its order, no number comes twice, and the position never goes
/// back.
pub fn many_at_once<B: LogBench>(bench: &B) {
    let log = Arc::new(bench.open());
    let (tasks, calls) = (8u16, 20u16);
    let numbers = block_on(async {
        let work = |log: Arc<B::Log>, task: u16| async move {
            let mut numbers = Vec::new();
            for n in 0..calls {
                let before = log.position().entries;
                let text = format!("task {task} mail {n}");
                let got = log.append(vec![message(&text), fact(task)]).await.unwrap();
                assert_eq!(got[1].0, got[0].0 + 1, "one call stands together");
                assert!(before <= got[0].0 && got[1].0 < log.position().entries);
                numbers.extend(got);
            }
            assert!(numbers.is_sorted());
            numbers
        };
        let all: Vec<_> = (0..tasks).map(|it| tokio::spawn(work(Arc::clone(&log), it))).collect();
        let mut numbers = Vec::new();
        for it in all {
            numbers.extend(it.await.unwrap());
        }
        numbers
    });
    let distinct: BTreeSet<_> = numbers.iter().collect();
    assert_eq!(distinct.len(), usize::from(tasks * calls) * 2);
    assert_eq!(log.position().entries, distinct.len() as u64);
    assert_eq!(found(&*log, "task 3 mail 7").map(|it| it.is_some()), Some(true));
}

fn chunked(pieces: &[EncodedBlob], whole: &[u8]) -> Change {
    let chunks = pieces.iter().map(|it| (it.id, it.raw_len)).collect();
    placed(NewBody::Chunked { id: BlobId::of(whole), chunks }, whole.len())
}

/// Chunks come before what they are pieces of, in earlier calls or in the same one; they make no
/// entry; one that is missing, or of another length, refuses the call.
pub fn chunks<B: LogBench>(bench: &B) {
    let log = bench.open();
    let whole = b"a long letter in three pieces".as_slice();
    let pieces: Vec<_> = whole.chunks(10).map(encode_blob).collect();
    refused(append(&log, vec![chunked(&pieces, whole)]));
    let ahead = vec![Change::Chunk(pieces[0].clone()), Change::Chunk(pieces[1].clone())];
    assert_eq!(append(&log, ahead).unwrap(), []);
    assert_eq!(log.position().entries, 0);
    assert_eq!(log.find(&pieces[0].id).unwrap().map(|it| it.message), Some(None));
    refused(append(&log, vec![chunked(&pieces, whole)]));
    let wrong = vec![(pieces[0].id, pieces[0].raw_len + 1)];
    let wrong = NewBody::Chunked { id: BlobId::of(whole), chunks: wrong };
    refused(append(&log, vec![placed(wrong, 11)]));
    let last = vec![Change::Chunk(pieces[2].clone()), chunked(&pieces, whole)];
    assert_eq!(append(&log, last).unwrap(), [EntryNumber(0)]);
    let mut bytes = Vec::new();
    log.read_back(&BlobId::of(whole), &mut |it| bytes.extend_from_slice(it)).unwrap();
    assert_eq!(bytes, whole);
    // The whole message once more, in one piece: it is known.
    append(&log, vec![placed(NewBody::Whole(encode_blob(whole)), whole.len())]).unwrap();
    assert_eq!(first_of(&bench.entries(&log)[1]), Some(MessageKey(0)));
}

/// What is larger than one frame may be, or than it says, is refused; the log goes on.
pub fn oversize<B: LogBench>(bench: &B) {
    let log = bench.open();
    let large = vec![b'x'; WHOLE_BLOB_BYTES_MAX + 1];
    refused(append(&log, vec![Change::Chunk(encode_blob(&large))]));
    refused(append(&log, vec![placed(NewBody::Whole(encode_blob(&large)), large.len())]));
    refused(append(&log, vec![placed(NewBody::Whole(encode_blob(b"mail")), 5)]));
    assert_eq!(log.position().entries, 0);
    let largest = &large[1..];
    append(&log, vec![placed(NewBody::Whole(encode_blob(largest)), largest.len())]).unwrap();
    // More calls than fit into one batch.
    for n in 0..4u8 {
        let many: Vec<_> = (0..40u8)
            .map(|it| message(&String::from_utf8_lossy(&[n + 65, it + 65]).repeat(50_000)))
            .collect();
        append(&log, many).unwrap();
    }
    assert_eq!(log.position().entries, 161);
}

/// While storage is slow, nothing is acknowledged that is not durable, and readers do not wait.
pub fn slow<B: LogBench>(bench: &B) {
    let log = Arc::new(bench.open());
    append(&*log, vec![message("before")]).unwrap();
    let before = log.position();
    bench.hold();
    block_on(async {
        let appends = {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(vec![message("slow")]).await })
        };
        for _ in 0..50 {
            tokio::task::yield_now().await;
            assert_eq!(log.position(), before);
            assert_eq!(found(&*log, "slow"), None);
            assert_eq!(read(&*log, "before"), b"before");
            assert!(!appends.is_finished());
        }
        bench.release();
        appends.await.unwrap().unwrap();
    });
    assert_eq!(log.position().entries, before.entries + 1);
    assert_eq!(read(&*log, "slow"), b"slow");
}

/// There is one writer: a second one is refused, or makes the first one fail whole.
pub fn two_writers<B: LogBench>(bench: &B) {
    let first = bench.open();
    append(&first, vec![message("one")]).unwrap();
    let Ok(second) = bench.open_second() else {
        append(&first, vec![message("two")]).unwrap();
        return;
    };
    append(&second, vec![message("two")]).unwrap();
    let late = append(&first, vec![fact(1), message("late")]);
    assert_eq!(late.expect_err("it is stale").kind(), LogErrorKind::Stopped);
    assert_eq!(found(&second, "late"), None);
    assert_eq!(second.position().entries, 2);
}

/// Calls that a bench is broken under.
fn script() -> Vec<Vec<&'static str>> {
    vec![vec!["a"], vec!["b", "c"], vec!["a", "d"], vec!["e", "f", "g"], vec!["h"]]
}

fn call(texts: &[&str]) -> Vec<Change> {
    texts.iter().map(|it| message(it)).collect()
}

/// Breaks storage at every change. What was acknowledged is there when it works again; what was not
/// is there whole or not at all; and whoever does not know looks and goes on.
pub fn faults<B: LogBench>(make: &impl Fn() -> B) {
    let healthy = make();
    healthy.break_at(u64::MAX, Break::Fails);
    run_script(&healthy).1.expect("a healthy bench");
    let n = healthy.n_changes();
    assert!(0 < n, "a log changes its storage");
    for how in Break::ALL {
        for at in 1..=n {
            for seed in 0..2 {
                let bench = make();
                // Made before anything breaks: that there is a log is known.
                bench.close(bench.open());
                bench.break_at(at, how);
                let (acknowledged, failed) = run_script(&bench);
                bench.heal(seed);
                let is_full = how == Break::Full && failed.is_err();
                assert!(!is_full || failed == Err(LogErrorKind::DiskFull), "{failed:?} at {at}");
                check_broken(&bench, acknowledged, failed, &format!("{how:?} at {at}"));
            }
        }
    }
}

/// Appends until it fails. Gives how many calls were acknowledged, and how it failed.
fn run_script<B: LogBench>(bench: &B) -> (usize, Result<(), LogErrorKind>) {
    let log = bench.open();
    for (n, texts) in script().iter().enumerate() {
        if let Err(error) = append(&log, call(texts)) {
            // Nothing more is taken before it is opened again.
            let next = append(&log, call(&["later"])).expect_err("the writer has ended");
            let kinds = [LogErrorKind::Stopped, LogErrorKind::DiskFull];
            assert!(kinds.contains(&next.kind()), "{next:?}");
            return (n, Err(error.kind()));
        }
    }
    (script().len(), Ok(()))
}

fn check_broken<B: LogBench>(
    bench: &B,
    acknowledged: usize,
    failed: Result<(), LogErrorKind>,
    what: &str,
) {
    if let Err(kind) = failed {
        assert_ne!(kind, LogErrorKind::Request, "{what}: the caller did nothing wrong");
    }
    let log = bench.open();
    let lens: Vec<usize> = script().iter().map(Vec::len).collect();
    let n_entries = usize::try_from(log.position().entries).unwrap();
    let sums: Vec<usize> = (0..=lens.len()).map(|n| lens[..n].iter().sum()).collect();
    let n_there = sums.iter().position(|it| *it == n_entries);
    let n_there =
        n_there.unwrap_or_else(|| panic!("{what}: {n_entries} entries are no call's end"));
    assert!(acknowledged <= n_there, "{what}: acknowledged calls are there");
    assert!(n_there <= acknowledged + 1, "{what}: what nobody asked for is not");
    assert_eq!(bench.entries(&log).len(), n_entries, "{what}");
    // The caller looks what became of the call that it does not know of, and goes on.
    for texts in script().iter().skip(acknowledged) {
        let is_there = texts.iter().all(|it| found(&log, it).flatten().is_some());
        if !is_there || *texts == ["a", "d"] && n_there == acknowledged {
            append(&log, call(texts)).unwrap_or_else(|it| panic!("{what}: {it}"));
        }
    }
    for texts in script() {
        for text in texts {
            assert_eq!(read(&log, text), text.as_bytes(), "{what}");
        }
    }
    let position = log.position();
    bench.close(log);
    assert_eq!(bench.open().position(), position, "{what}");
}
