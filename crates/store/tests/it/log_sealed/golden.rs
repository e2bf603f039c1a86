//! The encrypted store that release 1 of the format wrote opens with its key, and reads as it did
//! then: a dictionary, parts, chunks, and a message that was erased.
//!
//! `POSTHOLD_GOLDEN=write` writes it anew. That is right once per format version, and wrong
//! whenever a store of the old bytes may exist: then the old files stay, and get neighbours.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect;
use frames::encode_blob;
use ports::{Disk, Log, NewBody, Random, ReadErrorKind};
use sealing::KeyRing;
use store::log::{KeysAtHand, LogDir, LogKeys, LogOptions, SegmentLog};
use testkit::FaultyDisk;
use types::MessageKey;

use super::bench::{Mail, Seeded, append, attached, new_disk, open_with};
use super::{dictionaries, erase, ring};

const OPTIONS: LogOptions = LogOptions {
    segment_bytes_max: 30_000,
    segment_ids_max: 1 << 20,
    batch_bytes_max: 1 << 20,
    dictionary_bytes_first: 20_000,
};

/// So many it had at least when it got its dictionary.
const FIRST_MAILS: usize = 40;

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/stores/v1-encrypted")
}

/// Mail of the golden store: the first one is erased, more follows it until there is a dictionary.
fn first_mails(n: usize) -> Vec<Mail> {
    let noise = Seeded::new(31);
    (0..n).map(|n| dictionaries::mail(n, &noise)).collect()
}

/// Mail with parts and chunks.
fn last_mails() -> Vec<Mail> {
    let noise = Seeded::new(32);
    let attachment = noise.bytes(2_100);
    let chunked = Mail { bytes: noise.bytes(1_500), chunk: 600 };
    vec![attached(1, &attachment), attached(2, &attachment), chunked]
}

/// Mail that arrives at once.
fn together() -> Vec<Mail> {
    let noise = Seeded::new(34);
    (0..9).map(|n| dictionaries::mail(200_000 + n, &noise)).collect()
}

fn write_golden() -> FaultyDisk {
    let disk = new_disk();
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let mut mails = Vec::new();
    let dictionary = dictionaries::until_trained(&log, &Seeded::new(31), &mut mails);
    let more = dictionaries::mail(100_000, &Seeded::new(33));
    dictionaries::append_with(&log, &more, Some(&dictionary));
    for mail in last_mails() {
        mail.append_to(&log).unwrap();
    }
    // They arrive together, so they stand in one pack.
    let together = together().into_iter().map(|it| {
        let blob = encode_blob(&it.bytes);
        it.placed(NewBody::Whole(blob))
    });
    append(&log, together.collect()).unwrap();
    // The first mail is the first entry.
    let first = MessageKey(0);
    erase::condemn(&log, &[first]).unwrap();
    erase::erase(&log, &[first], &[]).unwrap();
    assert_eq!(erase::compact(&log).unwrap().blobs, 1);
    log.close().unwrap();
    disk
}

#[test]
fn the_golden_encrypted_store_reads_the_same() {
    if std::env::var_os("POSTHOLD_GOLDEN").is_some_and(|it| it == "write") {
        let disk = write_golden();
        let _ = fs::remove_dir_all(golden_dir());
        for path in disk.paths() {
            let to = golden_dir().join(path.strip_prefix("/store").unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, disk.content(&path).unwrap()).unwrap();
        }
        fs::write(golden_dir().join("secret.key"), ring(1).declassify()).unwrap();
    }
    let disk = new_disk();
    for dir in ["segments", "keys"] {
        for file in fs::read_dir(golden_dir().join(dir)).expect("the golden store") {
            let file = file.unwrap();
            let to = Path::new("/store").join(dir).join(file.file_name());
            disk.put(&to, &fs::read(file.path()).unwrap());
        }
    }
    let key = fs::read_to_string(golden_dir().join("secret.key")).unwrap();
    let key = KeyRing::parse(&key).unwrap();
    let at_hand: KeysAtHand = Arc::new(move || Ok(key.clone()));
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let random: Arc<dyn Random> = Arc::new(Seeded::new(1));
    let keys = LogKeys::new(Arc::clone(&disk), Path::new("/store/keys"), at_hand, random);
    let dir = LogDir { path: super::bench::DIR.into(), keys: Some(keys) };
    let log = SegmentLog::open_for_reading(disk, dir, &[]).unwrap();
    expect![[r#"
        LogVerdict {
            messages: 323,
            blobs: 323,
            entries: 328,
            bytes: 390951,
            defects: [],
            n_defects_left_off: 0,
        }
    "#]]
    .assert_debug_eq(&log.verify(&mut |_| ()));
    expect![[r#"
        Position {
            entries: 328,
            root: 741a4bae752b8de433f50ecf92ca1eec424e1ec76ec24e567cc7bace707dcb72,
        }
    "#]]
    .assert_debug_eq(&log.position());
    let mails = first_mails(FIRST_MAILS);
    let erased = log.read_whole(&mails[0].id(), 10_000).unwrap_err();
    assert_eq!(erased.kind(), ReadErrorKind::NotFound);
    for mail in mails[1..].iter().chain(&last_mails()).chain(&together()) {
        assert_eq!(log.read_whole(&mail.id(), 10_000).unwrap(), mail.bytes);
    }
}
