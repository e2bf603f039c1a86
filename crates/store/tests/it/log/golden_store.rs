//! A whole store of release 1 of the format, with one of everything that may stand in it: it opens,
//! gives every byte back, and can be written on.
//!
//! `POSTHOLD_GOLDEN=write` writes it anew; when that is right is told in `golden`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect;
use frames::{Casing, FrameReader, Prelude, ReadMode};
use ledger::{Detail, EpochReason, Fact, FolderDetail, TreeKind};
use ports::{Change, Disk, Log, ReadErrorKind};
use store::log::{KeysAtHand, LogOptions, SegmentLog};
use store::{NewStores, Store, StoreOptions, StoreReport};
use tempfile::TempDir;
use testkit::copy_tree;
use types::{ArchiveId, EntryNumber, FolderId, MessageKey};

use super::bench::{Mail, Seeded, StoppedClock, append, attached};
use super::{dictionaries, erase, packs};

const OPTIONS: LogOptions = LogOptions {
    segment_bytes_max: 30_000,
    segment_ids_max: 1 << 20,
    batch_bytes_max: 1 << 20,
    dictionary_bytes_first: 12_000,
};

/// So many it had at least when it got its dictionary.
const FIRST_MAILS: usize = 30;

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/stores/v1-whole")
}

fn none() -> KeysAtHand {
    Arc::new(|| Err("it is not encrypted".into()))
}

fn options() -> StoreOptions {
    StoreOptions {
        disk: Arc::new(disk::RealDisk),
        clock: Arc::new(StoppedClock),
        random: Arc::new(Seeded::new(77)),
        index: None,
        recorded: Vec::new(),
        log: OPTIONS,
        keys: none(),
        new_stores: NewStores::Plain,
        on_end: Arc::new(|_, _| Ok(())),
    }
}

fn open(dir: &Path) -> (Store, StoreReport) {
    Store::open(dir, options()).unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Mail that made a dictionary.
fn first_mails() -> Vec<Mail> {
    let noise = Seeded::new(51);
    (0..FIRST_MAILS).map(|n| dictionaries::mail(n, &noise)).collect()
}

/// Mail that was compressed with it; the first is erased.
fn with_dictionary() -> Vec<Mail> {
    let noise = Seeded::new(52);
    (0..8).map(|n| dictionaries::mail(100_000 + n, &noise)).collect()
}

/// Mail with parts and chunks; the last one, whose attachment nobody else has, is erased.
fn composed() -> Vec<Mail> {
    let noise = Seeded::new(53);
    let shared = noise.bytes(2_100);
    let chunked = Mail { bytes: noise.bytes(1_500), chunk: 600 };
    vec![attached(1, &shared), attached(2, &shared), chunked, attached(3, &noise.bytes(2_500))]
}

/// Mail of the second epoch.
fn last_mail() -> Mail {
    Mail::whole("From: a@example.org\r\nSubject: the last one\r\n\r\nbehind the epoch\r\n")
}

/// Which of the replies, which stand in one pack, are erased.
const REPLIES_GONE: [usize; 2] = [2, 9];

/// What is there, and what was erased.
fn kept_and_gone() -> (Vec<Mail>, Vec<Mail>) {
    let mut with_dictionary = with_dictionary();
    let (mut kept, mut gone) = (first_mails(), vec![with_dictionary.remove(0)]);
    for (n, reply) in packs::replies(14).into_iter().enumerate() {
        if REPLIES_GONE.contains(&n) { gone.push(reply) } else { kept.push(reply) }
    }
    let mut composed = composed();
    gone.extend(composed.pop());
    kept.extend(with_dictionary.into_iter().chain(composed).chain([last_mail()]));
    (kept, gone)
}

fn write_golden(dir: &Path) {
    let (store, _) = open(dir);
    let log = Arc::clone(store.log());
    let fact = Fact::FolderChanged { folder: None, archive: ArchiveId(1), kind: TreeKind::Archive };
    let detail = FolderDetail { user: "alice".into(), path: "alice/INBOX".into() };
    let folder = append(&log, vec![Change::Fact(fact, Some(Detail::Folder(detail)))]).unwrap();
    assert_eq!(FolderId(folder[0].0), FolderId(0), "where all mail of the tests goes");
    let mut trained = Vec::new();
    let dictionary = dictionaries::until_trained(&log, &Seeded::new(51), &mut trained);
    assert!(FIRST_MAILS <= trained.len());
    for mail in with_dictionary() {
        dictionaries::append_with(&log, &mail, Some(&dictionary));
    }
    let replies = packs::append_all(&log, &packs::replies(14));
    let numbers = composed().iter().map(|it| it.append_to(&log).unwrap()).collect::<Vec<_>>();
    let first = log.find(&with_dictionary()[0].id()).unwrap().unwrap().message.unwrap();
    let mut gone = vec![first];
    gone.extend(REPLIES_GONE.map(|it| replies[it]));
    gone.extend(numbers.last().map(|EntryNumber(it)| MessageKey(*it)));
    store::add_feature(&disk::RealDisk, dir, "erasure").unwrap();
    erase::condemn(&log, &gone).unwrap();
    erase::erase(&log, &gone, &[]).unwrap();
    assert!(erase::compact(&log).unwrap().segments != 0);
    drop(log);
    store.close().unwrap();
    // As a restore does.
    let disk: Arc<dyn Disk> = Arc::new(disk::RealDisk);
    let log_dir = store::log_dir(dir, &disk, &none()).unwrap();
    let (clock, random) = (Arc::new(StoppedClock), Arc::new(Seeded::new(78)));
    let (log, _) = SegmentLog::open(disk, log_dir, &[], clock, random, OPTIONS).unwrap();
    let begun = store::begin_epoch(&disk::RealDisk, dir, &log, EpochReason::Restored, None);
    assert_eq!(wait(begun).unwrap(), 2);
    log.close().unwrap();
    let (store, _) = open(dir);
    last_mail().append_to(store.log()).unwrap();
    store.close().unwrap();
}

/// A copy of the golden store, to be written to.
fn golden() -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("golden");
    if std::env::var_os("POSTHOLD_GOLDEN").is_some_and(|it| it == "write") {
        write_golden(&dir);
        for view in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
            let _ = fs::remove_file(dir.join(view));
        }
        let _ = fs::remove_dir_all(golden_dir());
        copy_tree(&dir, &golden_dir());
        fs::remove_dir_all(&dir).unwrap();
    }
    copy_tree(&golden_dir(), &dir);
    (place, dir)
}

fn open_log(dir: &Path) -> SegmentLog {
    let disk: Arc<dyn Disk> = Arc::new(disk::RealDisk);
    let log_dir = store::log_dir(dir, &disk, &none()).unwrap();
    SegmentLog::open_for_reading(disk, log_dir, &[]).unwrap()
}

fn check_mail(log: &SegmentLog) {
    let (kept, gone) = kept_and_gone();
    for mail in kept {
        assert_eq!(log.read_whole(&mail.id(), 10_000).unwrap(), mail.bytes);
    }
    for mail in gone {
        let error = log.read_whole(&mail.id(), 10_000).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::NotFound);
    }
}

/// The kinds of frames that stand in its segments.
fn kinds(dir: &Path) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for file in fs::read_dir(dir.join("segments")).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        let Ok(prelude) = Prelude::decode(&content) else { continue };
        let casing = Casing::from(prelude.salt);
        let mut reader =
            FrameReader::new(&content, casing, content.len() as u64, ReadMode::Through);
        let mut at = 0;
        while let Some((offset, _)) = reader.find_header(at).unwrap() {
            let frame = reader.frame(offset).unwrap();
            kinds.insert(format!("{:?}", frame.header.kind));
            at = frame.end();
        }
    }
    kinds
}

#[test]
fn the_golden_store_has_everything_and_reads_the_same() {
    let (_place, dir) = golden();
    let has: Vec<String> = kinds(&dir).into_iter().collect();
    expect!["Blob Chunk ChunkList Close Commit Details Dictionary Entries FooterFilter FooterIds FooterRun Gone Pack Skeleton"].assert_eq(&has.join(" "));
    let description = store::Description::read(&disk::RealDisk, &dir).unwrap().unwrap();
    expect![[r#"2 ["dictionaries", "epochs", "erasure", "packs", "parts"]"#]]
        .assert_eq(&format!("{} {:?}", description.epoch, description.features));
    let log = open_log(&dir);
    expect![[r#"
        LogVerdict {
            messages: 127,
            blobs: 124,
            entries: 136,
            bytes: 133298,
            defects: [],
            n_defects_left_off: 0,
        }
    "#]]
    .assert_debug_eq(&log.verify(&mut |_| ()));
    expect![[r#"
        Position {
            entries: 136,
            root: 482cf71704877e1a0008fd1a2b01555b80c418e5afff14609b8804490cfc9e61,
        }
    "#]]
    .assert_debug_eq(&log.position());
    let evidence = description.evidence(Arc::new(disk::RealDisk), &dir);
    expect![[r#"
        EvidenceVerdict {
            checkpoints: 5,
            keys: 1,
            unsigned: 0,
            defects: [],
            n_defects_left_off: 0,
        }
    "#]]
    .assert_debug_eq(&evidence.check(&log));
    assert!(fs::read_dir(dir.join("tiles")).unwrap().count() != 0);
    assert_eq!(log.erased().unwrap().len(), kept_and_gone().1.len());
    check_mail(&log);
}

#[test]
fn the_golden_store_is_written_on() {
    let (_place, dir) = golden();
    let (store, report) = open(&dir);
    assert_eq!((report.catalog_anew.as_deref(), report.is_new), (Some("it is missing"), false));
    assert_eq!(report.evidence, [""; 0]);
    let end = store.log().position();
    assert!(wait(store.flush()).is_at(end.entries));
    let counts = store.catalog().counts().unwrap();
    let digest = store.catalog().digest().unwrap();
    check_mail(store.log());
    let more = Mail::whole("Subject: written on\r\n\r\nby a later program\r\n");
    more.append_to(store.log()).unwrap();
    wait(store.flush());
    assert_eq!(store.catalog().counts().unwrap().messages, counts.messages + 1);
    assert_ne!(store.catalog().digest().unwrap(), digest);
    let digest = store.catalog().digest().unwrap();
    store.rebuild_catalog(&mut |_| ()).unwrap();
    wait(store.flush());
    assert_eq!(store.catalog().digest().unwrap(), digest, "made anew, it says the same");
    let before = store.log().root_at(end.entries).unwrap();
    assert_eq!(before, Some(end.root), "what was there is the beginning of what is");
    store.close().unwrap();
    let (store, report) = open(&dir);
    assert_eq!((report.catalog_anew, report.evidence), (None, vec![]));
    assert_eq!(store.log().verify(&mut |_| ()).defects, []);
    let verdict = store.evidence(Arc::new(disk::RealDisk)).check(store.log());
    assert_eq!((verdict.defects, verdict.unsigned), (vec![], 0));
    assert_eq!(store.log().read_whole(&more.id(), 100).unwrap(), more.bytes);
    check_mail(store.log());
    // Erased from its oldest segment, with what it was compressed with.
    let key = store.log().find(&first_mails()[3].id()).unwrap().unwrap().message.unwrap();
    erase::condemn(store.log(), &[key]).unwrap();
    erase::erase(store.log(), &[key], &[]).unwrap();
    assert!(erase::compact(store.log()).unwrap().segments != 0);
    assert!(store.log().read_whole(&first_mails()[3].id(), 10_000).is_err());
    assert_eq!(store.log().verify(&mut |_| ()).defects, []);
    store.close().unwrap();
}
