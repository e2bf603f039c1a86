//! Flipped bits and cut files: reported, never cut, never healed in silence.

use std::path::{Path, PathBuf};

use ports::{Disk, Log, LogErrorKind};
use store::log::{OpenErrorKind, Recorded, SegmentLog};
use testkit::FaultyDisk;
use types::Position;

use super::bench::{
    DIR, Mail, Seeded, a_fact, append, mails, new_disk, open, open_for_reading, recorded,
};

/// How a log of the tests ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Closed,
    /// The process died behind the last acknowledged batch.
    Died,
}

/// A log of a sealed segment and a second one, small enough to be flipped bit by bit.
fn written(end: End, n: usize) -> (FaultyDisk, Position) {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    for mail in mails(n, 3) {
        mail.append_to(&log).unwrap();
    }
    // The footer of this segment is one of the things that are flipped.
    append(&log, vec![a_fact(1), a_fact(2)]).unwrap();
    let position = log.position();
    if end == End::Closed {
        log.close().unwrap();
    }
    drop(log);
    (disk.after_process_death(), position)
}

fn segments(disk: &FaultyDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|it| it.extension().is_some_and(|it| it == "seg")).collect()
}

/// What a person hears of a log: that it does not open and why, or what `verify` found.
fn reported(disk: &FaultyDisk, recorded: &[Recorded]) -> Option<String> {
    match open_for_reading(disk, recorded) {
        Err(error) => {
            assert_ne!(error.kind(), OpenErrorKind::Io, "{error:?}");
            Some(format!("{:?}: {error}", error.kind()))
        }
        Ok(log) => {
            let verdict = log.verify(&mut |_| ());
            verdict.defects.first().map(|it| format!("{it:?}"))
        }
    }
}

/// Opening for writing must refuse the log too, or leave every segment as it is. After the death
/// of a process it goes on in a new one.
fn check_nothing_is_cut(disk: &FaultyDisk, case: &str) {
    let before: Vec<_> = segments(disk).iter().map(|it| disk.content(it)).collect();
    if let Ok((log, report)) = open(disk, &[]) {
        assert_eq!(report.torn, [], "{case}");
        drop(log);
    }
    let mut after: Vec<_> = segments(disk).iter().map(|it| disk.content(it)).collect();
    after.truncate(before.len());
    assert_eq!(before, after, "{case}");
}

fn flip_everywhere(end: End, step: usize) {
    let (disk, position) = written(end, 7);
    assert_eq!(reported(&disk, &recorded(position)), None);
    let segments = segments(&disk);
    assert_eq!(segments.len(), 2, "one sealed, one open");
    let bits = Seeded::new(9);
    for path in segments {
        let len = disk.content(&path).unwrap().len();
        // Every byte of small things, and a seeded one of each stretch of noise.
        for at in (0..len).step_by(step) {
            let at = (at as u64 + bits.next() % step as u64).min(len as u64 - 1);
            let bit = at * 8 + bits.next() % 8;
            let flipped = disk.fork();
            flipped.flip_bit(&path, bit);
            let case = format!("{end:?}: {} bit {bit}", path.display());
            assert!(reported(&flipped, &[]).is_some(), "{case}");
            check_nothing_is_cut(&flipped, &case);
        }
    }
}

#[test]
fn a_flip_anywhere_in_a_closed_log_is_reported() {
    flip_everywhere(End::Closed, 17);
}

#[test]
fn a_flip_anywhere_in_a_log_whose_process_died_is_reported() {
    flip_everywhere(End::Died, 17);
}

/// Every byte of the last acknowledged batch, and of what closes the log behind it.
#[test]
fn a_flip_in_the_last_acknowledged_batch_is_damage() {
    for end in [End::Died, End::Closed] {
        let (disk, _) = written(end, 2);
        let path = Path::new(DIR).join("000001.seg");
        let len = disk.content(&path).unwrap().len() as u64;
        let log = open_for_reading(&disk, &[]).unwrap();
        let last = log.entries(4, 1).unwrap();
        assert_eq!(last.items.len(), 2);
        for at in len - 420..len {
            let flipped = disk.fork();
            flipped.flip_bit(&path, at * 8 + at % 8);
            let case = format!("{end:?}: byte {at} of {len}");
            assert!(reported(&flipped, &[]).is_some(), "{case}");
            check_nothing_is_cut(&flipped, &case);
        }
    }
}

/// Without the ack mark (power went, and it was never synced) the views tell.
#[test]
fn a_view_tells_damage_without_the_ack_mark() {
    let (disk, position) = written(End::Died, 2);
    disk.forget(&Path::new(DIR).join("acked"));
    let path = Path::new(DIR).join("000001.seg");
    let len = disk.content(&path).unwrap().len() as u64;
    for at in len - 300..len {
        let flipped = disk.fork();
        flipped.flip_bit(&path, at * 8);
        let error = open(&flipped, &recorded(position)).err().expect("damage");
        assert_eq!(error.kind(), OpenErrorKind::Damaged, "byte {at}");
        assert_eq!(error.segment(), Some(1));
    }
}

/// With nobody's record at all, only the last batch can pass for a torn tail: whatever stands
/// before it was durable when it was written.
#[test]
fn what_has_later_batches_behind_it_is_damage_without_any_record() {
    let (disk, _) = written(End::Died, 2);
    disk.forget(&Path::new(DIR).join("acked"));
    let path = Path::new(DIR).join("000001.seg");
    let log = open_for_reading(&disk, &[]).unwrap();
    assert_eq!(log.position().entries, 6);
    let len = disk.content(&path).unwrap().len();
    // The last batch is two facts without details: less than this.
    for at in (0..len - 500).step_by(3) {
        let flipped = disk.fork();
        flipped.flip_bit(&path, at as u64 * 8);
        let error = open(&flipped, &[]).err().unwrap_or_else(|| panic!("byte {at} of {len}"));
        assert_eq!(error.kind(), OpenErrorKind::Damaged, "byte {at}");
        check_nothing_is_cut(&flipped, &format!("byte {at}"));
    }
}

#[test]
fn shorter_logs_and_other_histories_are_told_apart() {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    append(&log, vec![a_fact(1)]).unwrap();
    let early = log.position();
    log.close().unwrap();
    let copy = disk.fork();
    let (log, _) = open(&disk, &recorded(early)).unwrap();
    append(&log, vec![a_fact(2)]).unwrap();
    let late = log.position();
    log.close().unwrap();

    let kind = |disk: &FaultyDisk, recorded: &[Recorded]| {
        let error = open_for_reading(disk, recorded).err();
        error.map(|it| (it.kind(), it.who()))
    };
    assert_eq!(kind(&disk, &recorded(early)), None, "a view that lags");
    assert_eq!(kind(&disk, &recorded(late)), None);
    let catalog = Some("the catalog");
    assert_eq!(kind(&copy, &recorded(late)), Some((OpenErrorKind::Rollback, catalog)));
    // The copy goes another way: as long, but not the same.
    let (log, _) = open(&copy, &[]).unwrap();
    append(&log, vec![a_fact(3)]).unwrap();
    log.close().unwrap();
    assert_eq!(kind(&copy, &recorded(late)), Some((OpenErrorKind::OtherHistory, catalog)));
    assert_eq!(kind(&copy, &recorded(early)), None);
    let between = Position { entries: 1, root: late.root };
    assert_eq!(kind(&disk, &recorded(between)), Some((OpenErrorKind::OtherHistory, catalog)));

    // Segments of the early copy beside the ack mark of the late one.
    let mark = Path::new(DIR).join("acked");
    let mixed = disk.fork();
    let path = Path::new(DIR).join("000001.seg");
    let whole = mixed.content(&path).unwrap();
    mixed.put(&path, &whole[..whole.len() / 2]);
    let died = kind(&mixed, &[]).unwrap();
    assert!(matches!(died.0, OpenErrorKind::Rollback | OpenErrorKind::Damaged), "{died:?}");
    let empty = new_disk();
    empty.put(&mark, &disk.content(&mark).unwrap());
    let key = Path::new("/store/keys/mark.key");
    if let Some(content) = disk.content(key) {
        empty.create_dir_all(Path::new("/store/keys")).unwrap();
        empty.put(key, &content);
    }
    assert_eq!(kind(&empty, &[]), Some((OpenErrorKind::Rollback, Some("the ack mark"))));
    assert_eq!(kind(&new_disk(), &recorded(early)), Some((OpenErrorKind::Rollback, catalog)));
}

#[test]
fn a_missing_segment_is_damage() {
    let (disk, _) = written(End::Closed, 13);
    let paths = segments(&disk);
    assert!(3 <= paths.len());
    for path in &paths {
        let fork = disk.fork();
        fork.forget(path);
        let error = open(&fork, &[]).err().unwrap_or_else(|| panic!("{}", path.display()));
        assert!(matches!(error.kind(), OpenErrorKind::Damaged | OpenErrorKind::Rollback));
    }
}

/// A cut anywhere but behind a sync that was recorded is never taken for the end.
#[test]
fn a_cut_is_never_the_end() {
    let (disk, position) = written(End::Died, 2);
    let path = Path::new(DIR).join("000001.seg");
    let whole = disk.content(&path).unwrap();
    for len in (0..whole.len()).step_by(53) {
        let cut = disk.fork();
        cut.put(&path, &whole[..len]);
        for recorded in [&[][..], &recorded(position)] {
            let error = open(&cut, recorded).err().unwrap_or_else(|| panic!("cut at {len}"));
            let kind = error.kind();
            assert!(matches!(kind, OpenErrorKind::Damaged | OpenErrorKind::Rollback), "{len}");
        }
        assert_eq!(cut.content(&path).unwrap().len(), len);
    }
}

fn damage(disk: &FaultyDisk, find: &[u8]) -> u64 {
    let path = Path::new(DIR).join("000001.seg");
    let content = disk.content(&path).unwrap();
    let at = content.windows(find.len()).position(|it| it == find).expect("these bytes");
    disk.flip_bit(&path, at as u64 * 8);
    at as u64
}

#[test]
fn damage_is_told_to_readers_and_verify_goes_on_behind_it() {
    if super::N_KEYS != 0 {
        // Nobody finds a word there; `keys::changed_ciphertext_is_damage` says the same.
        return;
    }
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let random = Seeded::new(5);
    let mails: Vec<Mail> = (0..6).map(|_| Mail::whole(random.bytes(600))).collect();
    for mail in &mails {
        mail.append_to(&log).unwrap();
    }
    log.close().unwrap();
    // The body of one, the id of another: noise is stored as it is.
    let body_at = damage(&disk, &mails[1].bytes[100..120]);
    let id_at = damage(&disk, &mails[3].id().0);

    let log = open_for_reading(&disk, &[]).unwrap();
    let verdict = log.verify(&mut |_| ());
    let expected = expect_test::expect![[r#"
        a frame's payload does not match its checksum
        entry 2 places blob <1>, which is not there
        a frame's payload does not match its checksum
        entry 6 places blob <3>, which is not there"#]];
    let lines: Vec<String> = verdict.defects.iter().map(|it| shown(it, &mails)).collect();
    expected.assert_eq(&lines.join("\n"));
    assert!(verdict.defects.iter().all(|it| it.segment == 1));
    assert!(verdict.defects[0].offset < body_at && body_at < verdict.defects[2].offset);
    assert!(verdict.defects.iter().any(|it| id_at - 30 < it.offset && it.offset < id_at));
    assert_eq!((verdict.messages, verdict.blobs, verdict.entries), (6, 4, 12));

    // The id does not match its checksum, so what the table says cannot be trusted.
    let error = log.find(&mails[0].id()).unwrap_err();
    assert_eq!(error.kind(), LogErrorKind::Damaged);
}

fn shown(defect: &store::log::LogDefect, mails: &[Mail]) -> String {
    let mut what = defect.what.clone();
    for (n, mail) in mails.iter().enumerate() {
        what = what.replace(&mail.id().to_string(), &format!("<{n}>"));
    }
    what
}

#[test]
fn a_damaged_body_is_never_given_out() {
    if super::N_KEYS != 0 {
        // Nobody finds a word there; `keys::changed_ciphertext_is_damage` says the same.
        return;
    }
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let random = Seeded::new(6);
    let whole = Mail::whole(random.bytes(3_000));
    let chunked = Mail { bytes: random.bytes(9_000), chunk: 4_000 };
    whole.append_to(&log).unwrap();
    chunked.append_to(&log).unwrap();
    log.close().unwrap();
    for (mail, piece) in [(&whole, 1_000), (&chunked, 5_000)] {
        let disk = disk.fork();
        damage(&disk, &mail.bytes[piece..piece + 20]);
        let log: SegmentLog = open_for_reading(&disk, &[]).unwrap();
        let mut given = Vec::new();
        let read = log.read(&mail.id(), &mut |bytes| {
            given.extend_from_slice(bytes);
            Ok(())
        });
        assert_eq!(read.unwrap_err().kind(), ports::ReadErrorKind::Damaged);
        assert!(mail.bytes.starts_with(&given) && given.len() <= piece);
    }
}

/// The power went while a segment was sealed: of its footer only the last page is there. The
/// batches are, and nothing was acknowledged that is not.
#[test]
fn a_footer_without_its_first_page_is_a_torn_tail() {
    let (disk, _) = written(End::Closed, 13);
    let first = segments(&disk).remove(0);
    let whole = disk.content(&first).unwrap();
    let alone = new_disk();
    alone.create_dir_all(Path::new(DIR)).unwrap();
    if let Ok(names) = disk.list(Path::new("/store/keys")) {
        alone.create_dir_all(Path::new("/store/keys")).unwrap();
        for name in names {
            let key = Path::new("/store/keys").join(name);
            alone.put(&key, &disk.content(&key).unwrap());
        }
    }
    let frame_of = |kind: u8| {
        let front = [&frames::FRAME_MAGIC[..], &[kind]].concat();
        whole.windows(5).position(|it| it == front).unwrap()
    };
    // The run, and the pages of ids.
    for at in [frame_of(8), frame_of(9)] {
        let mut torn = whole.clone();
        torn[at..at + 100].fill(0);
        alone.put(&first, &torn);
        let (log, report) = open(&alone.fork(), &[]).unwrap();
        assert_eq!(report.torn.len(), 1, "{report:?}");
        assert!(!super::bench::all_entries(&log).is_empty());
        assert_eq!(log.verify(&mut |_| ()).defects, []);
    }
}
