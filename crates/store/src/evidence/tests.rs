use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ledger::note::Signer;
use ledger::proof::root_by_inclusion;
use ledger::{Detail, Fact, FolderDetail, Moment, TreeKind, leaf_hash};
use ports::{Change, Clock, Log, Random};
pub(super) use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};
use types::{ArchiveId, EntryNumber, Hash, Position, Timestamp};

pub(super) use super::*;
use crate::log::{LogOptions, OpenErrorKind, SegmentLog};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_284_100)
    }
}

/// Counts up from a seed.
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let block = Hash::of(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()).0;
        bytes.iter_mut().zip(block.iter().cycle()).for_each(|(byte, it)| *byte = *it);
    }
}

const DIR: &str = "/data/stores/default";

pub(super) fn path(name: &str) -> std::path::PathBuf {
    Path::new(DIR).join(name)
}

pub(super) fn evidence(disk: &FaultyDisk) -> Evidence {
    Evidence::of_store(Arc::new(disk.clone()), Path::new(DIR), "9c1f", 1)
}

pub(super) fn random(seed: usize) -> Arc<dyn Random> {
    Arc::new(Counting(AtomicUsize::new(seed)))
}

pub(super) fn untold() -> OnEnd {
    Box::new(|_| Ok(()))
}

/// A log that is open for writing, with the thread of its checkpoints.
pub(super) struct Session {
    checkpointer: Checkpointer,
    log: Arc<SegmentLog>,
    strange: Vec<String>,
}

impl Session {
    pub(super) fn open(disk: &FaultyDisk, seed: usize) -> Result<Session, StoreError> {
        Session::open_told(disk, seed, untold())
    }

    fn open_told(disk: &FaultyDisk, seed: usize, on_end: OnEnd) -> Result<Session, StoreError> {
        let evidence = evidence(disk);
        let recorded: Vec<Recorded> = evidence.recorded().into_iter().collect();
        let log = open_log(disk, &recorded, seed)?;
        let log = Arc::new(log);
        let every = Duration::from_secs(3600);
        let (checkpointer, strange) =
            Checkpointer::start_with(&evidence, &log, random(seed + 1000), every, on_end)?;
        Ok(Session { checkpointer, log, strange })
    }

    pub(super) fn append(&self, n: usize) -> Result<(), ports::LogError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.log.append(facts(n))).map(|_| ())
    }

    pub(super) fn close(self) -> Result<(), ports::LogError> {
        self.log.close()
    }
}

pub(super) fn open_log(
    disk: &FaultyDisk,
    recorded: &[Recorded],
    seed: usize,
) -> Result<SegmentLog, StoreError> {
    let options =
        LogOptions { segment_bytes_max: 40_000, batch_bytes_max: 4000, ..LogOptions::STANDARD };
    let segments = path("segments");
    let disk = Arc::new(disk.clone());
    let opened = SegmentLog::open(disk, &segments, recorded, Arc::new(Noon), random(seed), options);
    opened.map(|(log, _)| log).map_err(StoreError::from)
}

pub(super) fn facts(n: usize) -> Vec<Change> {
    let fact = |n| {
        let path = format!("Folder {n}");
        let detail = Detail::Folder(FolderDetail { user: "anna".into(), path });
        let archive = ArchiveId(1);
        Change::Fact(
            Fact::FolderChanged { folder: None, archive, kind: TreeKind::Archive },
            Some(detail),
        )
    };
    (0..n).map(fact).collect()
}

/// One closed session of appends of so many entries each.
pub(super) fn written(disk: &FaultyDisk, appends: &[usize]) {
    let session = Session::open(disk, disk.paths().len()).unwrap();
    appends.iter().for_each(|it| session.append(*it).unwrap());
    session.close().unwrap();
}

pub(super) fn reading(disk: &FaultyDisk) -> SegmentLog {
    SegmentLog::open_for_reading(Arc::new(disk.clone()), &path("segments"), &[]).unwrap()
}

fn check(disk: &FaultyDisk) -> EvidenceVerdict {
    evidence(disk).check(&reading(disk))
}

pub(super) fn defects(disk: &FaultyDisk) -> Vec<String> {
    let told = |it: EvidenceDefect| format!("{} {}: {}", it.part, it.place, it.what);
    check(disk).defects.into_iter().map(told).collect()
}

/// Size and moment of every checkpoint.
fn checkpoints(disk: &FaultyDisk) -> Vec<(u64, Moment)> {
    let known = evidence(disk).verifiers().unwrap();
    let mut found = Vec::new();
    list::each_note(disk, Path::new(DIR), |_, note| {
        let (it, _) = Checkpoint::open(std::str::from_utf8(note).unwrap(), &known).unwrap();
        found.push((it.position.entries, it.moment));
        Ok(())
    })
    .unwrap();
    found
}

const OPEN: Moment = Moment::Open;
const CLOSED: Moment = Moment::Closed;

#[test]
fn a_session_is_signed_at_both_ends() {
    let disk = FaultyDisk::new();
    Session::open(&disk, 1).unwrap().close().unwrap();
    assert!(disk.content(&path("checkpoints")).is_none(), "nothing was written");
    written(&disk, &[3, 5]);
    assert_eq!(checkpoints(&disk), [(0, OPEN), (8, CLOSED)]);
    let before = disk.n_changes();
    Session::open(&disk, 2).unwrap().close().unwrap();
    assert_eq!(disk.n_changes(), before, "nothing was appended, and nothing written");
    let session = Session::open(&disk, 3).unwrap();
    assert_eq!(session.checkpointer.checkpoint().unwrap().unwrap().checkpoint.position.entries, 8);
    session.append(300).unwrap();
    for _ in 0..2 {
        let signed = session.checkpointer.checkpoint().unwrap().unwrap();
        assert_eq!(signed.checkpoint.position, session.log.position());
        assert_eq!(evidence(&disk).last().unwrap(), Some(signed));
    }
    session.append(1).unwrap();
    session.close().unwrap();
    let want = [(0, OPEN), (8, CLOSED), (8, OPEN), (308, OPEN), (309, CLOSED)];
    assert_eq!(checkpoints(&disk), want);
    let verdict = check(&disk);
    assert_eq!((verdict.checkpoints, verdict.keys, verdict.unsigned), (5, 1, 0));
    assert_eq!(defects(&disk), [""; 0]);
    let private = disk.content(&path("keys/checkpoints.key")).unwrap();
    let signer = Signer::parse(&types::Secret::new(String::from_utf8(private).unwrap())).unwrap();
    assert_eq!(evidence(&disk).verifiers().unwrap(), [signer.verifier().clone()]);
    assert_eq!(signer.verifier().name(), "posthold/store/9c1f");
}

#[test]
fn whoever_keeps_where_a_log_ends_knows_it_before_it_is_signed() {
    let first = FaultyDisk::new();
    written(&first, &[3]);
    let kept = AtomicU64::new(0);
    let kept = Arc::new(kept);
    let keeper = || -> OnEnd {
        let kept = Arc::clone(&kept);
        Box::new(move |it: Position| {
            kept.store(it.entries, Ordering::Relaxed);
            Ok(())
        })
    };
    for at in 1.. {
        kept.store(3, Ordering::Relaxed);
        let disk = first.fork();
        disk.set_plan(Plan::at_change(at, Fault::CrashBefore));
        let session = Session::open_told(&disk, 2, keeper());
        let ended = session.map_err(|_| ()).and_then(|it| {
            it.append(2).map_err(|_| ())?;
            it.close().map_err(|_| ())
        });
        // What a process that dies leaves, and one that dies when it has opened that again.
        let disk = disk.after_process_death();
        let last = |disk: &FaultyDisk| {
            let closed = checkpoints(disk).into_iter().rev().find(|it| it.1 == CLOSED);
            closed.map_or(0, |it| it.0)
        };
        assert!(last(&disk) <= kept.load(Ordering::Relaxed), "{at}");
        let again = Session::open_told(&disk, 3, keeper()).unwrap();
        assert!(last(&disk) <= kept.load(Ordering::Relaxed), "{at}, opened again");
        drop(again);
        if ended.is_ok() {
            assert_eq!(kept.load(Ordering::Relaxed), 5);
            assert!(at > 5, "nothing failed");
            break;
        }
    }
    let refusing = || -> OnEnd { Box::new(|_| Err(std::io::Error::other("no state"))) };
    let session = Session::open_told(&first, 4, refusing()).unwrap();
    session.append(1).unwrap();
    session.close().unwrap_err();
    assert_eq!(checkpoints(&first).last(), Some(&(3, OPEN)), "not signed as ended");
}

#[test]
fn what_a_crash_left_unsigned_is_signed_at_the_next_start() {
    let disk = FaultyDisk::new();
    written(&disk, &[4]);
    let session = Session::open(&disk, 5).unwrap();
    session.append(7).unwrap();
    let disk = disk.after_process_death();
    let verdict = check(&disk);
    assert_eq!((verdict.unsigned, verdict.defects), (7, Vec::new()));
    let session = Session::open(&disk, 6).unwrap();
    assert_eq!(session.strange, [""; 0]);
    assert_eq!(checkpoints(&disk), [(0, OPEN), (4, CLOSED), (4, OPEN), (11, CLOSED)]);
    session.append(1).unwrap();
    session.close().unwrap();
    assert_eq!(defects(&disk), [""; 0]);
}

#[test]
fn whatever_fails_the_evidence_is_sound_afterwards() {
    let run = |disk: &FaultyDisk| {
        let session = Session::open(disk, 1).map_err(drop)?;
        session.append(3).map_err(drop)?;
        session.checkpointer.checkpoint().map_err(drop)?;
        session.append(2).map_err(drop)?;
        session.close().map_err(drop)
    };
    let healthy = FaultyDisk::new();
    run(&healthy).unwrap();
    for n in 1..=healthy.n_changes() {
        for fault in [Fault::CrashBefore, Fault::CrashDuring, Fault::Eio, Fault::DiskFull] {
            let disk = FaultyDisk::new();
            disk.set_plan(Plan::at_change(n, fault));
            let _ = run(&disk);
            disk.clear_plan();
            for surviving in Surviving::some(4) {
                let case = format!("{fault:?} at {n}, {surviving:?}");
                let disk = disk.after_power_loss(surviving);
                let session = Session::open(&disk, 2).unwrap();
                // A key that never signed anything durable may be lost with its directory.
                session.append(1).unwrap();
                session.close().unwrap();
                let found = defects(&disk);
                let of_tiles = found.iter().all(|it| it.starts_with("tiles"));
                assert!(of_tiles, "{case}: {found:?}");
            }
        }
    }
}

/// A store of two sessions, closed.
fn two_sessions() -> FaultyDisk {
    let disk = FaultyDisk::new();
    written(&disk, &[300, 200]);
    written(&disk, &[40]);
    assert_eq!(defects(&disk), [""; 0]);
    disk
}

#[test]
fn changed_checkpoints_are_found_and_named() {
    let disk = two_sessions();
    let list = disk.content(&path("checkpoints")).unwrap();
    for at in 0..list.len() {
        let disk = disk.fork();
        disk.flip_bit(&path("checkpoints"), at as u64 * 8);
        let found = defects(&disk);
        assert!(found.iter().any(|it| it.starts_with("checkpoints checkpoints")), "{at} {found:?}");
    }
    for cut in 0..list.len() {
        let disk = disk.fork();
        disk.put(&path("checkpoints"), &list[..cut]);
        assert_ne!(defects(&disk), [""; 0], "cut at {cut}");
    }
    let mut notes = Vec::new();
    list::each_note(&disk, Path::new(DIR), |_, note| {
        notes.push(String::from_utf8(note.to_vec()).unwrap());
        Ok(())
    })
    .unwrap();
    let put = |notes: &[&String]| {
        let disk = disk.fork();
        let text: String = notes.iter().map(|it| format!("{it}\n")).collect();
        disk.put(&path("checkpoints"), text.as_bytes());
        defects(&disk)
    };
    let [a, b, c, d] = notes.as_slice() else { panic!("{} notes", notes.len()) };
    assert_eq!(put(&[a, b, c, d]), [""; 0]);
    let told = "checkpoints checkpoints: the log was closed, and the checkpoint of that is missing";
    assert_eq!(put(&[a, b, c])[0], told);
    assert!(put(&[a, b, d])[0].contains("40 entries were added while the log was closed"));
    assert!(put(&[a, d, c, b])[0].contains("has 500 entries, fewer than the one before"));
    // A note of a key that nobody knows.
    let stranger = Signer::new("posthold/store/9c1f", [9; 32]).unwrap();
    let (last, _) = Checkpoint::open(d, &evidence(&disk).verifiers().unwrap()).unwrap();
    let found = put(&[a, b, c, &last.sign(&stranger)]);
    assert!(found[0].contains("no known key signed it"), "{found:?}");
    let without = disk.fork();
    without.forget(&path("checkpoints"));
    let told = "checkpoints checkpoints: the log has entries and no checkpoint: they may have \
                been removed";
    assert_eq!(defects(&without), [told]);
    let session = Session::open(&without, 7).unwrap();
    assert!(session.strange[0].contains("no checkpoint"), "{:?}", session.strange);
}

#[test]
fn entries_behind_the_end_are_found_and_named() {
    let disk = two_sessions();
    // Who can write to the directory and has no key: everything else is right.
    let forged = open_log(&disk, &[], 99).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(forged.append(facts(2))).unwrap();
    for is_closed in [false, true] {
        if is_closed {
            forged.close().unwrap();
        }
        let disk = disk.after_process_death();
        let told = "2 entries stand behind the checkpoint that closed the log: nobody signed them";
        assert_eq!(defects(&disk), [format!("checkpoints checkpoints: {told}")]);
        // It is said at the next start too, and does not go away.
        let session = Session::open(&disk, 7).unwrap();
        assert_eq!(session.strange, [told]);
        session.append(1).unwrap();
        session.close().unwrap();
        let found = defects(&disk);
        assert!(found[0].contains("2 entries were added while the log was closed"), "{found:?}");
    }
}

#[test]
fn older_and_other_logs_are_refused_at_the_start() {
    let disk = FaultyDisk::new();
    written(&disk, &[30]);
    let older = disk.fork();
    written(&disk, &[4]);
    let other = FaultyDisk::new();
    let session = Session::open(&other, 77).unwrap();
    session.append(34).unwrap();
    session.close().unwrap();
    let segments = |from: &FaultyDisk| {
        let mixed = disk.fork();
        let is_segment = |it: &std::path::PathBuf| it.starts_with(path("segments"));
        mixed.paths().iter().filter(|it| is_segment(it)).for_each(|it| mixed.forget(it));
        for path in from.paths().iter().filter(|it| is_segment(it)) {
            mixed.put(path, &from.content(path).unwrap());
        }
        mixed
    };
    for (from, kind) in [(&older, OpenErrorKind::Rollback), (&other, OpenErrorKind::OtherHistory)] {
        let mixed = segments(from);
        let recorded = evidence(&mixed).recorded().unwrap();
        let segments = path("segments");
        let opened = SegmentLog::open_for_reading(Arc::new(mixed.clone()), &segments, &[recorded]);
        let error = opened.err().unwrap();
        assert_eq!((error.kind(), error.who()), (kind, Some("the last checkpoint")));
        assert!(Session::open(&mixed, 1).is_err());
    }
    let found = defects(&segments(&other));
    assert!(found[0].contains("the first 30 entries of the log are not those signed"), "{found:?}");
}

#[test]
fn changed_tiles_are_found_and_made_anew() {
    let disk = two_sessions();
    let tiles: Vec<_> =
        disk.paths().into_iter().filter(|it| it.starts_with(path("tiles/tile"))).collect();
    assert!(tiles.contains(&path("tiles/tile/0/001")), "{tiles:?}");
    for tile in &tiles {
        let name = tile.strip_prefix(DIR).unwrap().display().to_string();
        let (flipped, gone, short) = (disk.fork(), disk.fork(), disk.fork());
        flipped.flip_bit(tile, 9);
        gone.forget(tile);
        short.put(tile, b"");
        for disk in [flipped, gone, short] {
            let found = defects(&disk);
            // Partial tiles of an earlier size are not needed any more.
            let is_earlier = name.contains(".p/") && found.is_empty();
            assert!(is_earlier || found[0].starts_with(&format!("tiles {name}: ")), "{found:?}");
            for path in disk.paths().iter().filter(|it| it.starts_with(path("tiles"))) {
                disk.forget(path);
            }
            assert_eq!(defects(&disk), [""; 0]);
            drop(Session::open(&disk, 3).unwrap());
            assert_eq!(defects(&disk), [""; 0]);
            assert!(disk.content(&path("tiles/tile/0/001")).is_some());
        }
    }
}

#[test]
fn proofs_come_from_tiles_and_from_the_log() {
    let disk = two_sessions();
    let (wrong, none) = (disk.fork(), disk.fork());
    wrong.flip_bit(&path("tiles/tile/0/001"), 9);
    none.paths().iter().filter(|it| it.starts_with(path("tiles"))).for_each(|it| none.forget(it));
    let mut all = Vec::new();
    for disk in [&disk, &wrong, &none] {
        let log = reading(disk);
        let evidence = evidence(disk);
        let mut proofs = evidence.proofs(&log).unwrap().unwrap();
        let Position { entries, root } = proofs.signed().checkpoint.position;
        assert_eq!(entries, 540);
        let mut files = Vec::new();
        for number in [0, 1, 255, 256, 300, 511, 512, 539] {
            let (raw, file) = proofs.prove(EntryNumber(number)).unwrap().unwrap();
            assert!(raw.detail.is_some());
            let leaf = leaf_hash(&raw.entry);
            assert_eq!(root_by_inclusion(leaf, number, entries, &file.hashes), Some(root));
            files.push(file.text());
        }
        assert_eq!(proofs.prove(EntryNumber(540)).unwrap(), None);
        all.push(files);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}

#[test]
fn a_lost_key_is_replaced_and_said() {
    let disk = two_sessions();
    disk.forget(&path("keys/checkpoints.key"));
    let session = Session::open(&disk, 50).unwrap();
    assert!(session.strange[0].contains("is missing"), "{:?}", session.strange);
    session.append(1).unwrap();
    session.close().unwrap();
    assert_eq!(check(&disk).keys, 2);
    assert_eq!(defects(&disk), [""; 0]);
}

#[test]
fn an_epoch_begins_anew() {
    let disk = FaultyDisk::new();
    written(&disk, &[30]);
    let older = disk.fork();
    written(&disk, &[4]);
    // Yesterday's log under today's checkpoints, accepted.
    older.put(&path("checkpoints"), &disk.content(&path("checkpoints")).unwrap());
    let evidence = Evidence { epoch: 2, ..evidence(&older) };
    assert_eq!(evidence.recorded(), None);
    let log = Arc::new(open_log(&older, &[], 9).unwrap());
    let (checkpointer, strange) =
        Checkpointer::start(&evidence, &log, random(4), untold()).unwrap();
    assert_eq!(strange, [""; 0]);
    drop(checkpointer);
    log.close().unwrap();
    let verdict = evidence.check(&reading(&older));
    assert_eq!(verdict.defects, []);
    assert_eq!(evidence.last().unwrap().unwrap().checkpoint.origin, "posthold/store/9c1f/epoch/2");
}
