//! Messages that are kept as parts: given back exactly, and each part once.

use std::path::Path;
use std::sync::Arc;

use frames::{FrameReader, Kind, Prelude, ReadMode};
use ports::{Change, Log, LogErrorKind, NewBody, ReadErrorKind};
use store::log::SegmentLog;
use testkit::FaultyDisk;
use types::BlobId;

use super::bench::{DIR, Mail, Seeded, append, attached, new_disk, open, open_for_reading};

/// How often each id stands in the segments, by kind.
fn frames_of(disk: &FaultyDisk, id: &BlobId) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let paths = disk.paths();
    for path in paths.iter().filter(|it| it.extension().is_some_and(|it| it == "seg")) {
        let bytes = disk.content(path).unwrap();
        let casing = super::casing(disk, &Prelude::decode(&bytes).unwrap());
        let end = bytes.len() as u64;
        let mut reader = FrameReader::new(&bytes, casing, end, ReadMode::Through);
        let mut at = frames::PRELUDE_BYTES as u64;
        while at < end {
            let frame = reader.frame(at).unwrap();
            if frame.header.kind.has_id() && frames::split_id(frame.payload).unwrap().0 == *id {
                kinds.push(frame.header.kind);
            }
            at = frame.end();
        }
    }
    kinds
}

/// Where the first blob of a segment stands.
fn offset_of_blob(disk: &FaultyDisk, bytes: &Vec<u8>) -> u64 {
    let casing = super::casing(disk, &Prelude::decode(bytes).unwrap());
    let mut reader = FrameReader::new(bytes, casing, bytes.len() as u64, ReadMode::Through);
    let mut at = frames::PRELUDE_BYTES as u64;
    loop {
        let frame = reader.frame(at).unwrap();
        if frame.header.kind == Kind::Blob {
            return at;
        }
        at = frame.end();
    }
}

fn check(log: &SegmentLog, mails: &[Mail]) {
    for mail in mails {
        assert!(log.read_whole(&mail.id(), 1 << 24).unwrap() == mail.bytes);
    }
    assert_eq!(log.verify(&mut |_| ()).defects, []);
}

#[test]
fn an_attachment_of_many_messages_is_there_once() {
    let content = Seeded::new(5).bytes(7_000);
    let mails: Vec<Mail> = (0..9).map(|n| attached(n, &content)).collect();
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    for mail in &mails {
        mail.append_to(&log).unwrap();
        assert_eq!(log.made_of(&mail.id()).unwrap(), [BlobId::of(&content)]);
    }
    check(&log, &mails);
    // From the frames, and then from footers.
    drop(log);
    let (log, _) = open(&disk, &[]).unwrap();
    check(&log, &mails);
    let fill = Seeded::new(6);
    while disk.paths().len() < 5 {
        Mail::whole(fill.bytes(9_000)).append_to(&log).unwrap();
        mails[0].append_to(&log).unwrap();
    }
    check(&log, &mails);
    log.close().unwrap();
    let log = open_for_reading(&disk, &[]).unwrap();
    check(&log, &mails);
    assert_eq!(frames_of(&disk, &BlobId::of(&content)), [Kind::Blob]);
    assert_eq!(frames_of(&disk, &mails[3].id()), [Kind::Skeleton]);
}

#[test]
fn messages_that_bring_the_same_part_at_once_store_it_once() {
    let content = Seeded::new(8).bytes(1_200_000);
    let mails: Vec<Mail> = (0..12).map(|n| attached(n, &content)).collect();
    let disk = new_disk();
    let log = Arc::new(open(&disk, &[]).unwrap().0);
    std::thread::scope(|threads| {
        for mail in &mails {
            let log = Arc::clone(&log);
            threads.spawn(move || mail.append_to(&log).unwrap());
        }
    });
    check(&log, &mails);
    assert_eq!(frames_of(&disk, &BlobId::of(&content)), [Kind::ChunkList]);
    for chunk in content.chunks(types::limits::CHUNK_BYTES) {
        assert_eq!(frames_of(&disk, &BlobId::of(chunk)), [Kind::Chunk]);
    }
}

#[test]
fn a_message_that_is_kept_as_parts_may_become_a_part() {
    // With line ends of both kinds, so that the part is the message to the byte.
    let mail = |n: usize, content: &[u8]| {
        Mail::whole([b"Odd: line end\n".to_vec(), attached(n, content).bytes].concat())
    };
    let inner = mail(1, &Seeded::new(9).bytes(4_000));
    let outer = mail(2, &inner.bytes);
    let outermost = mail(3, &outer.bytes);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let disk = new_disk();
        let (log, _) = open(&disk, &[]).unwrap();
        let mails = [inner.clone(), outer.clone(), outermost.clone()];
        for n in order {
            mails[n].append_to(&log).unwrap();
        }
        check(&log, &mails);
        drop(log);
        let (log, _) = open(&disk, &[]).unwrap();
        check(&log, &mails);
        assert_eq!(log.find(&inner.id()).unwrap().map(|it| it.can_be_part), Some(true));
    }
    // All in one call, as a group of an archiver has it.
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let mails = [inner, outer, outermost];
    append(&log, mails.iter().flat_map(|it| it.split().unwrap()).collect()).unwrap();
    check(&log, &mails);
}

#[test]
fn a_message_whose_part_is_missing_is_refused() {
    let mail = attached(1, &Seeded::new(10).bytes(4_000));
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let mut changes = mail.split().unwrap();
    let message = changes.pop().unwrap();
    let error = append(&log, vec![message]).unwrap_err();
    assert_eq!(error.kind(), LogErrorKind::Request);
    // A message that was only placed as parts is none itself.
    let outer = attached(2, &mail.bytes);
    mail.append_to(&log).unwrap();
    let message = outer.split().unwrap().pop().unwrap();
    assert_eq!(append(&log, vec![message]).unwrap_err().kind(), LogErrorKind::Request);
    let known = Change::Part(NewBody::Known(mail.id()));
    assert_eq!(append(&log, vec![known]).unwrap_err().kind(), LogErrorKind::Request);
    check(&log, &[mail]);
}

#[test]
fn nothing_of_a_message_with_a_damaged_part_is_given_out() {
    let content = Seeded::new(11).bytes(4_000);
    for size in [4_000, 3_000] {
        let mail = attached(1, &content[..size]);
        let disk = new_disk();
        let (log, _) = open(&disk, &[]).unwrap();
        mail.append_to(&log).unwrap();
        log.close().unwrap();
        let path = Path::new(DIR).join("000001.seg");
        let bytes = disk.content(&path).unwrap();
        let at = usize::try_from(offset_of_blob(&disk, &bytes)).unwrap();
        let mut flipped = bytes.clone();
        flipped[at + frames::HEADER_BYTES + size / 2] ^= 1;
        disk.put(&path, &flipped);
        let log = open_for_reading(&disk, &[]).unwrap();
        let mut n_given = 0;
        let read = log.read(&mail.id(), &mut |piece| {
            n_given += piece.len();
            Ok(())
        });
        assert_eq!(read.unwrap_err().kind(), ReadErrorKind::Damaged);
        assert_eq!(n_given, 0);
        let verdict = log.verify(&mut |_| ());
        assert!(!verdict.is_sound());
    }
}

#[test]
fn large_messages_are_joined_in_pieces() {
    let random = Seeded::new(12);
    let mail = attached(1, &random.bytes(7 << 20));
    assert!((8 << 20) < mail.bytes.len());
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    mail.append_to(&log).unwrap();
    let mut longest = 0;
    let mut all = Vec::new();
    let len = log.read(&mail.id(), &mut |piece| {
        longest = longest.max(piece.len());
        all.extend_from_slice(piece);
        Ok(())
    });
    assert_eq!(len.unwrap(), mail.bytes.len() as u64);
    assert!(all == mail.bytes);
    assert!(longest < 1 << 20, "{longest}");
    assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap_err().kind(), ReadErrorKind::Sink);
}
