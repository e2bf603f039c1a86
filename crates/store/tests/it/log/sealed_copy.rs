//! Encryption turned on for a log that has everything: packs, a dictionary, parts and chunks, and
//! segments that were compacted because something of them was erased.

use std::path::Path;
use std::sync::Arc;

use ports::{Disk, Log, ReadErrorKind};
use sealing::{KeyRing, SealingKey};
use store::log::{KeysAtHand, LogDir, LogKeys, LogOptions, OpenErrorKind, SegmentLog, copy_log};
use testkit::FaultyDisk;
use types::{EntryNumber, MessageKey};

use super::bench::{Mail, Seeded, append, attached, new_disk, open_with, recorded};
use super::{DIR_SEALED, bench, dictionaries, erase, log_dir, packs};

pub(super) const OPTIONS: LogOptions = LogOptions {
    segment_bytes_max: 30_000,
    segment_ids_max: 1 << 20,
    batch_bytes_max: 1 << 20,
    dictionary_bytes_first: 20_000,
};

/// Mail that stays, the mail that was erased, and the log with both, closed.
pub(super) struct Whole {
    pub(super) disk: FaultyDisk,
    pub(super) kept: Vec<Mail>,
    pub(super) gone: Vec<Mail>,
}

/// Everything that a segment may hold.
pub(super) fn written() -> Whole {
    let disk = new_disk();
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let (random, mut kept) = (Seeded::new(41), Vec::new());
    let dictionary = dictionaries::until_trained(&log, &random, &mut kept);
    for n in 0..30 {
        let mail = dictionaries::mail(100_000 + n, &random);
        dictionaries::append_with(&log, &mail, Some(&dictionary));
        kept.push(mail);
    }
    let mut messages = vec![MessageKey(0)];
    let mut gone = vec![kept.remove(0)];
    // In packs: some of them go.
    let replies = packs::replies(20);
    let keys = packs::append_all(&log, &replies);
    for (n, mail) in replies.into_iter().enumerate() {
        if n % 7 == 2 {
            messages.push(keys[n]);
            gone.push(mail);
        } else {
            kept.push(mail);
        }
    }
    let chunked = Mail { bytes: random.bytes(9_000), chunk: 4_000 };
    let shared = random.bytes(3_000);
    for mail in [attached(1, &shared), attached(2, &shared), chunked.clone()] {
        mail.append_to(&log).unwrap();
        kept.push(mail);
    }
    let own = attached(3, &random.bytes(4_000));
    let EntryNumber(key) = own.append_to(&log).unwrap();
    messages.push(MessageKey(key));
    gone.push(own);
    erase::condemn(&log, &messages).unwrap();
    erase::erase(&log, &messages, &[]).unwrap();
    let done = erase::compact(&log).unwrap();
    assert!(1 < done.segments, "{done:?}");
    append(&log, vec![bench::a_fact(1)]).unwrap();
    log.close().unwrap();
    Whole { disk, kept, gone }
}

pub(super) fn check(log: &SegmentLog, Whole { kept, gone, .. }: &Whole) {
    for mail in kept {
        assert!(log.read_whole(&mail.id(), 1 << 20).unwrap() == mail.bytes);
    }
    for mail in gone {
        let error = log.read_whole(&mail.id(), 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::NotFound);
    }
}

fn sealed(disk: &FaultyDisk) -> LogDir {
    let ring = KeyRing::of(SealingKey::random(|it| ports::Random::fill(&Seeded::new(7), it)));
    let at_hand: KeysAtHand = Arc::new(move || Ok(ring.clone()));
    let random = Arc::new(Seeded::new(8));
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let keys = LogKeys::new(disk, Path::new("/store/keys"), at_hand, random);
    LogDir { path: DIR_SEALED.into(), keys: Some(keys) }
}

#[test]
fn a_log_with_everything_is_sealed_and_is_the_same() {
    let whole = written();
    let disk: Arc<dyn Disk> = Arc::new(whole.disk.clone());
    let plain = log_dir(Arc::clone(&disk));
    let before = SegmentLog::open_for_reading(Arc::clone(&disk), plain.clone(), &[]).unwrap();
    let verdict = before.verify(&mut |_| ());
    assert_eq!(verdict.defects, []);
    check(&before, &whole);
    let to = sealed(&whole.disk);
    let position =
        copy_log(Arc::clone(&disk), (plain, to.clone()), &[], &Seeded::new(9), &mut |_| ());
    assert_eq!(position.unwrap(), before.position());
    let after = SegmentLog::open_for_reading(Arc::clone(&disk), to.clone(), &[]).unwrap();
    let again = after.verify(&mut |_| ());
    assert_eq!(again.defects, []);
    let counts = |it: &store::log::LogVerdict| (it.messages, it.blobs, it.entries);
    assert_eq!(counts(&again), counts(&verdict));
    assert_eq!(after.erased().unwrap(), before.erased().unwrap());
    check(&after, &whole);
    // Nothing of it stands in a segment: here noise, which no compression changes.
    let word = &whole.kept.last().unwrap().bytes[100..124];
    let holds = |dir: &str| {
        let paths = whole.disk.paths().into_iter().filter(|it| it.starts_with(dir));
        paths
            .map(|it| whole.disk.content(&it).unwrap())
            .any(|bytes| bytes.windows(word.len()).any(|it| it == word))
    };
    assert!(holds(bench::DIR) && !holds(DIR_SEALED));
    let locked = SegmentLog::open_for_reading(Arc::clone(&disk), Path::new(DIR_SEALED), &[]);
    assert_eq!(locked.err().unwrap().kind(), OpenErrorKind::Key);
    // It goes on, and what is erased there leaves it too, with its key.
    drop((before, after));
    let open = |recorded: &[store::log::Recorded]| {
        let (clock, random) = (Arc::new(bench::StoppedClock), Arc::new(Seeded::new(10)));
        let opened =
            SegmentLog::open(Arc::clone(&disk), to.clone(), recorded, clock, random, OPTIONS);
        opened.unwrap().0
    };
    let log = open(&recorded(position_of(&disk, &to)));
    let more = Mail::whole("Subject: behind it\r\n\r\nx\r\n");
    more.append_to(&log).unwrap();
    let key = log.find(&whole.kept[5].id()).unwrap().unwrap().message.unwrap();
    erase::condemn(&log, &[key]).unwrap();
    erase::erase(&log, &[key], &[]).unwrap();
    let n_keys = disk.list(Path::new("/store/keys")).unwrap().len();
    assert!(erase::compact(&log).unwrap().segments != 0);
    assert_eq!(disk.list(Path::new("/store/keys")).unwrap().len(), n_keys);
    assert_eq!(log.verify(&mut |_| ()).defects, []);
    let end = log.position();
    log.close().unwrap();
    let log = open(&recorded(end));
    assert_eq!(log.verify(&mut |_| ()).defects, []);
    assert_eq!(log.read_whole(&more.id(), 100).unwrap(), more.bytes);
    assert!(log.read_whole(&whole.kept[5].id(), 1 << 20).is_err());
    assert!(log.read_whole(&whole.kept[6].id(), 1 << 20).is_ok());
}

fn position_of(disk: &Arc<dyn Disk>, dir: &LogDir) -> types::Position {
    SegmentLog::open_for_reading(Arc::clone(disk), dir.clone(), &[]).unwrap().position()
}
