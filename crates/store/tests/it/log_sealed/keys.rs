//! Keys that are there, wrong, missing, changed and wrapped anew; and changed ciphertext.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frames::Prelude;
use ports::{Disk, Log, LogErrorKind, Random, ReadErrorKind};
use sealing::{KeyRing, SealingKey};
use store::log::{KeysAtHand, LogKeys, OpenError, OpenErrorKind, SegmentLog, wrapped_with};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};
use types::{MessageKey, Position};

use super::bench::{DIR, Mail, Seeded, mails, new_disk, open, recorded};
use super::{erase, keyed};

fn written() -> FaultyDisk {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    for mail in mails(9, 3) {
        mail.append_to(&log).unwrap();
    }
    log.close().unwrap();
    disk
}

fn open_with_key(disk: &FaultyDisk, key: u64) -> Result<SegmentLog, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    SegmentLog::open_for_reading(Arc::clone(&disk), keyed(disk, key), &[])
}

fn key_files(disk: &FaultyDisk) -> Vec<PathBuf> {
    let dir = Path::new("/store/keys");
    disk.list(dir).unwrap().into_iter().map(|it| dir.join(it)).collect()
}

fn is_whole(log: &SegmentLog) {
    for mail in mails(9, 3) {
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes);
    }
    assert_eq!(log.verify(&mut |_| ()).defects, []);
}

#[test]
fn no_file_of_an_encrypted_log_holds_a_word_or_an_id() {
    let disk = written();
    let dir = Path::new(DIR);
    let mails = mails(9, 3);
    for name in disk.list(dir).unwrap() {
        let bytes = disk.content(&dir.join(&name)).unwrap();
        let stands = |what: &[u8]| bytes.windows(what.len()).any(|it| it == what);
        for mail in &mails {
            assert!(!stands(&mail.id().0[..8]), "{name}");
            assert!(mail.bytes.len() < 20 || !stands(&mail.bytes[..20]), "{name}");
        }
    }
}

#[test]
fn another_key_is_told_from_damage() {
    let disk = written();
    let error = open_with_key(&disk, 2).err().unwrap();
    assert_eq!(error.kind(), OpenErrorKind::Key);
    assert!(error.to_string().starts_with("the store is encrypted with key "), "{error}");
    // Without any key.
    let plain: Arc<dyn Disk> = Arc::new(disk.clone());
    let error = SegmentLog::open_for_reading(plain, Path::new(DIR), &[]).err().unwrap();
    assert_eq!(error.kind(), OpenErrorKind::Key);
    is_whole(&open_with_key(&disk, 1).unwrap());
}

#[test]
fn a_key_that_is_gone_or_changed_is_damage() {
    let healthy = written();
    let files = key_files(&healthy);
    assert!(2 < files.len(), "{files:?}");
    for path in &files {
        let is_of_mark = path.ends_with("mark.key");
        let disk = written();
        disk.remove(path).unwrap();
        match open_with_key(&disk, 1) {
            // The mark is a help, and nothing depends on it.
            Ok(_) => assert!(is_of_mark),
            Err(error) => assert_eq!(error.kind(), OpenErrorKind::Damaged),
        }
        let content = healthy.content(path).unwrap();
        for at in [3, content.len() / 2, content.len() - 3] {
            let mut changed = content.clone();
            changed[at] ^= 1;
            disk.put(path, &changed);
            let error = open_with_key(&disk, 1).err().unwrap();
            assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
        }
        // The key of one segment in the place of another's.
        let other = files.iter().find(|it| *it != path).unwrap();
        disk.put(path, &healthy.content(other).unwrap());
        let error = open_with_key(&disk, 1).err().unwrap();
        assert_eq!(error.kind(), OpenErrorKind::Damaged, "{error}");
    }
}

/// Another key of the store: every file is wrapped anew, segments are not touched, and whenever it
/// ends, one of the two keys opens each file.
#[test]
fn keys_are_wrapped_anew_and_no_segment_is_touched() {
    let ring = |key: u64| SealingKey::random(|it| Seeded::new(key).fill(it));
    let both = KeyRing::of(ring(1)).with_newest(ring(2));
    let rewrap = |disk: &FaultyDisk| {
        let random = Arc::new(Seeded::new(5));
        let dir = Path::new("/store/keys");
        let both = both.clone();
        let at_hand: KeysAtHand = Arc::new(move || Ok(both.clone()));
        LogKeys::new(Arc::new(disk.clone()), dir, at_hand, random).rewrap()
    };
    let segments = |disk: &FaultyDisk| {
        let names = disk.list(Path::new(DIR)).unwrap();
        names.into_iter().map(|it| disk.content(&Path::new(DIR).join(it))).collect::<Vec<_>>()
    };
    let healthy = written();
    let before = segments(&healthy);
    let n_before = healthy.n_changes();
    let n_keys = key_files(&healthy).len() as u64;
    assert_eq!(rewrap(&healthy).unwrap(), n_keys);
    let n_changes = healthy.n_changes() - n_before;
    assert_eq!(segments(&healthy), before);
    is_whole(&open_with_key(&healthy, 2).unwrap());
    assert_eq!(open_with_key(&healthy, 1).err().unwrap().kind(), OpenErrorKind::Key);
    let counts = wrapped_with(&healthy, Path::new("/store/keys")).unwrap();
    assert_eq!(counts, [(ring(2).id().to_string(), n_keys)]);
    for n in 1..=n_changes {
        for fault in Fault::ALL {
            let disk = written();
            disk.set_plan(Plan::at_change(n, fault));
            let _ = rewrap(&disk);
            disk.clear_plan();
            for surviving in [Surviving::Nothing, Surviving::Everything, Surviving::Seed(n)] {
                let disk = disk.after_power_loss(surviving);
                assert_eq!(rewrap(&disk).unwrap(), n_keys, "{fault:?} at {n}, {surviving:?}");
                is_whole(&open_with_key(&disk, 2).unwrap());
            }
        }
    }
}

/// Makes the checksums of the frame at `at` fit its bytes.
fn fit_sums(bytes: &mut [u8], at: usize) {
    let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
    let sum = crc32c::crc32c(&bytes[at + 24..at + 24 + len]);
    bytes[at + 16..at + 20].copy_from_slice(&sum.to_le_bytes());
    let salted = crc32c::crc32c(&bytes[16..32]);
    let placed = crc32c::crc32c_append(salted, &(at as u64).to_le_bytes());
    let sum = crc32c::crc32c_append(placed, &bytes[at..at + 20]);
    bytes[at + 20..at + 24].copy_from_slice(&sum.to_le_bytes());
}

/// Ciphertext that somebody changed, with every checksum put right: it is damage, named where it
/// is, and never given out.
#[test]
fn changed_ciphertext_is_damage() {
    let healthy = written();
    let path = Path::new(DIR).join("000001.seg");
    let good = healthy.content(&path).unwrap();
    let mut at = frames::PRELUDE_BYTES;
    let mut n_refused = 0;
    while at < good.len() {
        let len = u32::from_le_bytes(good[at + 8..at + 12].try_into().unwrap()) as usize;
        let mut bytes = good.clone();
        bytes[at + 24 + len / 2] ^= 0x20;
        fit_sums(&mut bytes, at);
        let disk = written();
        disk.put(&path, &bytes);
        match open_with_key(&disk, 1) {
            Err(error) => assert_eq!(error.kind(), OpenErrorKind::Damaged, "offset {at}: {error}"),
            Ok(log) => {
                let defects = log.verify(&mut |_| ()).defects;
                assert!(
                    defects.iter().any(|it| it.segment == 1 && it.offset == at as u64),
                    "offset {at}: {defects:?}"
                );
                for mail in mails(9, 3) {
                    match log.read_whole(&mail.id(), 1 << 20) {
                        Ok(bytes) => assert_eq!(bytes, mail.bytes),
                        Err(error) => {
                            assert_eq!(error.kind(), ReadErrorKind::Damaged, "{error}");
                            n_refused += 1;
                        }
                    }
                }
                if let Err(error) = log.entries(0, 1 << 20) {
                    assert_eq!(error.kind(), LogErrorKind::Damaged);
                }
            }
        }
        at += 24 + len;
    }
    assert!(0 < n_refused);
}

/// The names of the key files of segments, and those that the segments there need.
fn keys_of_segments(disk: &FaultyDisk) -> (BTreeSet<String>, BTreeSet<String>) {
    let there = key_files(disk).into_iter().map(|it| it.file_stem().unwrap().to_owned());
    let there = there.map(|it| it.into_string().unwrap()).filter(|it| it.len() == 32).collect();
    let names = disk.list(Path::new(DIR)).unwrap().into_iter().filter(|it| it.ends_with(".seg"));
    let prelude = |name| Prelude::decode(&disk.content(&Path::new(DIR).join(name)).unwrap());
    let needed = names.map(|it| prelude(it).unwrap().key.unwrap().to_string()).collect();
    (there, needed)
}

/// A closed log of some segments, in the first of which a message is erased and still there.
fn with_erased() -> (FaultyDisk, Vec<Mail>, Position) {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let mails = mails(12, 6);
    let keys: Vec<MessageKey> =
        mails.iter().map(|it| MessageKey(it.append_to(&log).unwrap().0)).collect();
    let gone = [keys[1], keys[7]];
    erase::condemn(&log, &gone).unwrap();
    erase::erase(&log, &gone, &[]).unwrap();
    let position = log.position();
    log.close().unwrap();
    (disk, mails, position)
}

fn check_erased(disk: &FaultyDisk, key: u64, mails: &[Mail], case: &str) {
    let log = open_with_key(disk, key).unwrap_or_else(|it| panic!("{case}: {it:?}"));
    assert_eq!(log.verify(&mut |_| ()).defects, [], "{case}");
    for (n, mail) in mails.iter().enumerate() {
        let read = log.read_whole(&mail.id(), 1 << 20);
        assert_eq!(read.is_err(), [1, 7].contains(&n), "{case}");
        assert!(read.is_err() || read.unwrap() == mail.bytes, "{case}");
    }
}

fn rewrap_with(disk: &FaultyDisk, new: u64) -> Result<u64, OpenError> {
    let key = |key: u64| SealingKey::random(|it| Seeded::new(key).fill(it));
    let both = KeyRing::of(key(1)).with_newest(key(new));
    let at_hand: KeysAtHand = Arc::new(move || Ok(both.clone()));
    let random = Arc::new(Seeded::new(5));
    LogKeys::new(Arc::new(disk.clone()), Path::new("/store/keys"), at_hand, random).rewrap()
}

/// The key of a segment goes with the file that it sealed; keys are wrapped anew as before, and one
/// that was left behind by a crash is in nobody's way.
#[test]
fn a_key_goes_with_the_segment_that_was_compacted() {
    let (disk, mails, position) = with_erased();
    let (before, _) = keys_of_segments(&disk);
    let (log, _) = open(&disk, &recorded(position)).unwrap();
    let done = erase::compact(&log).unwrap();
    assert!(1 < done.segments, "{done:?}");
    for mail in &mails[2..4] {
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes);
    }
    log.close().unwrap();
    let (there, needed) = keys_of_segments(&disk);
    assert_eq!(there, needed, "no key too many");
    assert_eq!(before.difference(&there).count() as u64, done.segments);
    check_erased(&disk, 1, &mails, "compacted");
    // As a crash behind the rename leaves it.
    let old = before.difference(&there).next().unwrap();
    let (with_old, _, _) = with_erased();
    let path = Path::new("/store/keys").join(format!("{old}.key"));
    disk.put(&path, &with_old.content(&path).unwrap());
    check_erased(&disk, 1, &mails, "with a key too many");
    assert_eq!(rewrap_with(&disk, 2).unwrap(), there.len() as u64 + 2, "and that of the mark");
    check_erased(&disk, 2, &mails, "wrapped anew");
    assert_eq!(open_with_key(&disk, 1).err().unwrap().kind(), OpenErrorKind::Key);
}

#[test]
fn a_compaction_that_is_stopped_leaves_no_key() {
    let (disk, mails, position) = with_erased();
    let (log, _) = open(&disk, &recorded(position)).unwrap();
    let plan = log.compact_plan().unwrap();
    let (before, _) = keys_of_segments(&disk);
    let mut n = 0;
    let stop = &mut |_| {
        n += 1;
        if n == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    assert!(log.compact(&plan, stop).unwrap().is_stopped);
    let (there, needed) = keys_of_segments(&disk);
    assert!(there.is_superset(&needed));
    assert_eq!(there.len(), before.len());
    log.close().unwrap();
    check_erased(&disk, 1, &mails, "stopped");
}

/// At every disk call of a compaction every fault: the keys that are needed are there, and doing it
/// again leaves no more than one too many.
#[test]
fn every_fault_while_keys_go() {
    let (healthy, mails, position) = with_erased();
    let copy = healthy.fork();
    let n_before = healthy.n_changes();
    let (log, _) = open(&healthy, &recorded(position)).unwrap();
    erase::compact(&log).unwrap();
    drop(log);
    let n_changes = healthy.n_changes() - n_before;
    for n in 1..=n_changes {
        for fault in Fault::ALL {
            let disk = copy.fork();
            disk.set_plan(Plan::at_change(n, fault));
            if let Ok((log, _)) = open(&disk, &recorded(position)) {
                let _ = erase::compact(&log);
            }
            disk.clear_plan();
            for surviving in [Surviving::Nothing, Surviving::Everything, Surviving::Seed(n)] {
                let disk = disk.after_power_loss(surviving);
                let case = format!("{fault:?} at {n}, {surviving:?}");
                check_erased(&disk, 1, &mails, &case);
                let (there, needed) = keys_of_segments(&disk);
                assert!(there.is_superset(&needed), "{case}");
                let (log, _) = open(&disk, &recorded(position)).unwrap();
                erase::compact(&log).unwrap();
                assert!(log.compact_plan().unwrap().is_empty(), "{case}");
                drop(log);
                let (there, needed) = keys_of_segments(&disk);
                assert!(there.is_superset(&needed), "{case}");
                assert!(there.len() <= needed.len() + 2, "{case}: {there:?} for {needed:?}");
                check_erased(&disk, 1, &mails, &case);
            }
        }
    }
}
