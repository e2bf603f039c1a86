//! Dictionaries: trained when they pay, taken with a new segment, needed by none of the others.

use std::sync::Arc;

use frames::{
    Codec, Dictionary, EncodedBlob, FrameReader, Kind, Prelude, ReadMode, encode_hashed_blob,
};
use ports::{Log, NewBody};
use store::log::{LogOptions, SegmentLog};
use testkit::FaultyDisk;
use types::BlobId;

use super::bench::{Mail, Seeded, append, attached, new_disk, open_for_reading, open_with};
use super::erase::{compact, condemn, erase};
use super::packs::append_all;

const OPTIONS: LogOptions = LogOptions {
    segment_bytes_max: 200_000,
    segment_ids_max: 1 << 20,
    batch_bytes_max: 1 << 20,
    dictionary_bytes_first: 60_000,
};

/// Mail that has much in common.
pub(super) fn mail(n: usize, random: &Seeded) -> Mail {
    const WORDS: [&str; 12] = [
        "archive",
        "message",
        "Received",
        "header",
        "mailbox",
        "unsubscribe",
        "regards",
        "meeting",
        "attached",
        "invoice",
        "yesterday",
        "answer",
    ];
    let words = (0..60).map(|_| WORDS[usize::try_from(random.next() % 12).unwrap()]);
    let text: Vec<&str> = words.collect();
    Mail::whole(format!(
        "Received: from mail.example.org (mail.example.org [192.0.2.1]) by mx.example.net\r\n\
         From: Somebody <somebody{}@example.org>\r\nTo: list@example.net\r\nSubject: mail {n}\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
        random.next() % 50,
        text.join(" ")
    ))
}

pub(super) fn append_with(
    log: &SegmentLog,
    mail: &Mail,
    dictionary: Option<&Dictionary>,
) -> EncodedBlob {
    let blob = encode_hashed_blob(mail.id(), &mail.bytes, dictionary);
    append(log, vec![mail.placed(NewBody::Whole(blob.clone()))]).unwrap();
    blob
}

/// Appends mail until the log has a dictionary.
pub(super) fn until_trained(
    log: &SegmentLog,
    random: &Seeded,
    mails: &mut Vec<Mail>,
) -> Arc<Dictionary> {
    for _ in 0..20_000 {
        let mail = mail(mails.len(), random);
        append_with(log, &mail, None);
        mails.push(mail);
        if let Some(dictionary) = log.dictionary().unwrap() {
            return dictionary;
        }
    }
    panic!("no dictionary came");
}

fn check(disk: &FaultyDisk, mails: &[Mail]) {
    let log = open_for_reading(disk, &[]).unwrap();
    for mail in mails {
        assert!(log.read_whole(&mail.id(), 1 << 20).unwrap() == mail.bytes);
    }
    assert_eq!(log.verify(&mut |_| ()).defects, []);
}

#[test]
fn a_dictionary_is_trained_and_makes_mail_smaller() {
    let (disk, random, mut mails) = (new_disk(), Seeded::new(3), Vec::new());
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let dictionary = until_trained(&log, &random, &mut mails);
    assert!(!dictionary.trained_on().is_empty());
    for id in dictionary.trained_on() {
        assert!(mails.iter().any(|it| it.id() == *id), "it says what it was trained on");
    }
    let (mut with, mut without) = (0, 0);
    for n in 0..50 {
        let mail = mail(100_000 + n, &random);
        without += frames::encode_blob(&mail.bytes).body.len();
        let blob = append_with(&log, &mail, Some(&dictionary));
        assert_eq!(blob.codec, Codec::ZstdDictionary);
        with += blob.body.len();
        mails.push(mail);
    }
    assert!(with * 10 < without * 9, "{with} of {without}");
    let split = attached(1, mails[0].bytes.repeat(8).as_slice());
    split.append_to(&log).unwrap();
    mails.push(split);
    log.close().unwrap();
    check(&disk, &mails);
}

#[test]
fn blobs_of_another_dictionary_are_encoded_again_and_unknown_ones_refused() {
    let (disk, random, mut mails) = (new_disk(), Seeded::new(4), Vec::new());
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let first = until_trained(&log, &random, &mut mails);
    // Mail of another kind, so that another dictionary pays.
    let other = |n: usize| {
        let noise = BlobId::of(&n.to_le_bytes());
        let line = format!("{noise} {}", "vollkommen andere Post mit anderen Wörtern ".repeat(2));
        Mail::whole(format!("Betreff: {n}\r\n\r\n{line}\r\nGrüße aus dem Archiv {n}\r\n"))
    };
    let mut n = 0;
    let second = loop {
        let mail = other(n);
        append_with(&log, &mail, Some(&first));
        mails.push(mail);
        let now = log.dictionary().unwrap().unwrap();
        if now.id() != first.id() {
            break now;
        }
        n += 1;
        assert!(n < 80_000, "no other dictionary came");
    };
    // One that was encoded before the new segment began.
    for dictionary in [&first, &second] {
        n += 1;
        append_with(&log, &other(n), Some(dictionary));
        mails.push(other(n));
    }
    let samples: Vec<_> =
        (0..200).map(|it| (mail(it, &random).id(), mail(it, &random).bytes)).collect();
    let strange = Dictionary::train(&samples).unwrap();
    let blob = encode_hashed_blob(other(n + 1).id(), &other(n + 1).bytes, Some(&strange));
    assert_eq!(blob.codec, Codec::ZstdDictionary);
    let refused = append(&log, vec![other(n + 1).placed(NewBody::Whole(blob))]);
    assert_eq!(refused.unwrap_err().kind(), ports::LogErrorKind::Request);
    log.close().unwrap();
    check(&disk, &mails);
}

#[test]
fn a_log_with_a_dictionary_is_recovered_and_goes_on() {
    let (disk, random, mut mails) = (new_disk(), Seeded::new(5), Vec::new());
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let dictionary = until_trained(&log, &random, &mut mails);
    for n in 0..5 {
        let mail = mail(200_000 + n, &random);
        append_with(&log, &mail, Some(&dictionary));
        mails.push(mail);
    }
    drop(log);
    let disk = disk.after_process_death();
    check(&disk, &mails);
    // The batches that nobody recorded are copied into a new segment, with the dictionary.
    let (log, report) = open_with(&disk, &[], OPTIONS).unwrap();
    assert!(report.recovery.is_some());
    assert_eq!(log.dictionary().unwrap(), Some(Arc::clone(&dictionary)));
    let more = mail(300_000, &random);
    append_with(&log, &more, Some(&dictionary));
    mails.push(more);
    log.close().unwrap();
    let (log, report) = open_with(&disk, &[], OPTIONS).unwrap();
    assert_eq!(report.recovery, None);
    drop(log);
    check(&disk, &mails);
}

/// The dictionaries that stand in any segment.
fn dictionaries(disk: &FaultyDisk) -> Vec<Dictionary> {
    let mut found = Vec::new();
    for path in disk.paths() {
        let content = disk.content(&path).unwrap();
        let Ok(prelude) = Prelude::decode(&content) else { continue };
        let len = content.len() as u64;
        let casing = super::casing(disk, &prelude);
        let mut reader = FrameReader::new(&content, casing, len, ReadMode::Through);
        let mut at = 0;
        while let Some((offset, header)) = reader.find_header(at).unwrap() {
            let frame = reader.frame(offset).unwrap();
            if header.kind == Kind::Dictionary {
                found.push(Dictionary::decode(&header, frame.payload).unwrap());
            }
            at = frame.end();
        }
    }
    found
}

#[test]
fn a_dictionary_goes_with_what_it_was_trained_on() {
    let (disk, random, mut mails) = (new_disk(), Seeded::new(6), Vec::new());
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let dictionary = until_trained(&log, &random, &mut mails);
    for n in 0..40 {
        let mail = mail(400_000 + n, &random);
        append_with(&log, &mail, Some(&dictionary));
        mails.push(mail);
    }
    let gone = dictionary.trained_on()[3];
    let key = log.find(&gone).unwrap().unwrap().message.unwrap();
    condemn(&log, &[key]).unwrap();
    erase(&log, &[key], &[]).unwrap();
    assert!(dictionaries(&disk).iter().any(|it| it.trained_on().contains(&gone)));
    // Mail that comes meanwhile is compressed with the dictionary of a segment that is no more.
    let late = mail(500_000, &random);
    append_with(&log, &late, Some(&dictionary));
    mails.push(late);
    compact(&log).unwrap();
    assert!(dictionaries(&disk).iter().all(|it| !it.trained_on().contains(&gone)));
    assert!(log.compact_plan().unwrap().is_empty());
    log.close().unwrap();
    mails.retain(|it| it.id() != gone);
    check(&disk, &mails);
}

#[test]
fn a_segment_that_is_written_anew_keeps_a_dictionary_that_nothing_erased_stands_in() {
    let (disk, random, mut mails) = (new_disk(), Seeded::new(7), Vec::new());
    let (log, _) = open_with(&disk, &[], OPTIONS).unwrap();
    let dictionary = until_trained(&log, &random, &mut mails);
    let more: Vec<Mail> = (0..40).map(|n| mail(600_000 + n, &random)).collect();
    let keys = append_all(&log, &more);
    let alone = mail(700_000, &random);
    append_with(&log, &alone, Some(&dictionary));
    mails.extend(more.iter().cloned().chain([alone]));
    condemn(&log, &keys[5..6]).unwrap();
    erase(&log, &keys[5..6], &[]).unwrap();
    let before = dictionaries(&disk).len();
    assert_eq!(compact(&log).unwrap().segments, 1);
    assert_eq!(dictionaries(&disk).len(), before);
    log.close().unwrap();
    mails.retain(|it| it.id() != more[5].id());
    check(&disk, &mails);
}
