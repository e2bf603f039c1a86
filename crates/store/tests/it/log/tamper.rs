//! Changes by somebody who puts every checksum right again: the hashes show them.

use std::path::Path;

use expect_test::expect;
use frames::{
    Close, Codec, FooterWriter, FrameReader, Header, ID_BYTES, IdRecord, Kind, PRELUDE_BYTES,
    Place, Prelude, ReadMode, blob_places, close_frame, copy_frame, decode_body, encode_blob,
    read_end,
};
use ports::{Change, Log, LogErrorKind, NewBody, ReadErrorKind};
use store::log::{LogOptions, SegmentLog};
use testkit::FaultyDisk;
use types::BlobId;

use super::bench::{
    DIR, Mail, Seeded, a_fact, append, mails, new_disk, open, open_for_reading, open_with, recorded,
};

/// Writes the first segment anew, after `change` had each of its frames. Every checksum fits.
fn rewrite(disk: &FaultyDisk, mut change: impl FnMut(&mut Header, &mut Vec<u8>)) {
    let path = Path::new(DIR).join("000001.seg");
    let bytes = disk.content(&path).unwrap();
    let salt = Prelude::decode(&bytes).unwrap().salt;
    let mut out = bytes[..PRELUDE_BYTES].to_vec();
    let mut reader = FrameReader::new(&bytes, salt, bytes.len() as u64, ReadMode::Through);
    while out.len() < bytes.len() {
        let offset = out.len() as u64;
        let mut frame = reader.frame(offset).unwrap();
        let mut payload = frame.payload.to_vec();
        change(&mut frame.header, &mut payload);
        frame.header.payload_crc = crc32c::crc32c(&payload);
        frame.payload = &payload;
        out.extend(copy_frame(salt, offset, &frame));
    }
    assert_eq!(out.len(), bytes.len());
    disk.put(&path, &out);
}

/// Flips a bit of the payload of the `nth` frame of a kind.
fn flip(disk: &FaultyDisk, kind: Kind, nth: usize, at: usize) {
    let mut seen = 0;
    rewrite(disk, |header, payload| {
        if header.kind == kind {
            if seen == nth {
                payload[at] ^= 1;
            }
            seen += 1;
        }
    });
    assert!(nth < seen, "a frame of {kind:?}");
}

fn written(n: usize) -> FaultyDisk {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    append(&log, vec![a_fact(8)]).unwrap();
    for mail in mails(n, 3) {
        mail.append_to(&log).unwrap();
    }
    append(&log, vec![a_fact(9)]).unwrap();
    append(&log, vec![a_fact(10)]).unwrap();
    log.close().unwrap();
    disk
}

fn defects(log: &SegmentLog) -> String {
    let verdict = log.verify(&mut |_| ());
    let shown = |id: &str| if id.len() == 64 { format!("{}..", &id[..6]) } else { id.to_owned() };
    let line = |what: &str| what.split(' ').map(shown).collect::<Vec<_>>().join(" ");
    verdict.defects.iter().map(|it| format!("{}: {}\n", it.segment, line(&it.what))).collect()
}

fn check(kind: Kind, nth: usize, at: usize, want: expect_test::Expect) {
    let disk = written(7);
    flip(&disk, kind, nth, at);
    let log = match open_for_reading(&disk, &[]) {
        Ok(log) => log,
        Err(error) => return want.assert_eq(&format!("{:?}: {error}\n", error.kind())),
    };
    want.assert_eq(&defects(&log));
}

#[test]
fn changed_entries_show() {
    // Of the first entry: its number, its length, its kind, its salt.
    check(
        Kind::Entries,
        0,
        0,
        expect![[r#"
        1: the number of an entry does not match what stands before it
    "#]],
    );
    check(
        Kind::Entries,
        0,
        12,
        expect![[r#"
            1: a frame of entries cannot be decoded
        "#]],
    );
    check(
        Kind::Entries,
        0,
        14,
        expect![[r#"
            1: the Merkle root of a batch does not match what stands before it
        "#]],
    );
    check(
        Kind::Entries,
        0,
        14 + 12,
        expect![[r#"
            1: the Merkle root of a batch does not match what stands before it
        "#]],
    );
}

#[test]
fn changed_details_show() {
    check(
        Kind::Details,
        2,
        40,
        expect![[r#"
            1: the detail of entry 5 does not have its hash
            1: the run in the footer is not what the batches hold
        "#]],
    );
}

#[test]
fn changed_bodies_show() {
    check(
        Kind::Blob,
        1,
        2_000,
        expect![[r#"
            1: the bytes of blob e16b6b.. do not have its hash
        "#]],
    );
    check(
        Kind::Chunk,
        1,
        2_000,
        expect![[r#"
            1: the bytes of blob 1acfb6.. do not have its hash
            2: a large blob is not there: the bytes of blob 1acfb6.. do not have its hash
        "#]],
    );
}

#[test]
fn changed_commits_show() {
    // Its number, the number of entries, the root, the hash.
    check(
        Kind::Commit,
        3,
        0,
        expect![[r#"
        1: the hash of a batch does not match what stands before it
        1: a frame stands where it does not belong
    "#]],
    );
    check(
        Kind::Commit,
        3,
        16,
        expect![[r#"
        1: the hash of a batch does not match what stands before it
    "#]],
    );
    check(
        Kind::Commit,
        3,
        30,
        expect![[r#"
        1: the hash of a batch does not match what stands before it
    "#]],
    );
    check(
        Kind::Commit,
        3,
        70,
        expect![[r#"
        1: the hash of a batch does not match what stands before it
        1: the hash of a batch does not match what stands before it
    "#]],
    );
}

#[test]
fn changed_footers_show() {
    check(
        Kind::FooterFilter,
        0,
        3,
        expect![[r#"
            1: the filter in the footer is not that of the segment
        "#]],
    );
    check(
        Kind::FooterIds,
        0,
        50,
        expect![[r#"
            1: a page of ids cannot be decoded
        "#]],
    );
    check(
        Kind::FooterRun,
        0,
        5,
        expect![[r#"
        1: a frame's content cannot be decoded
    "#]],
    );
    // The first close frame, and the one that seals.
    check(
        Kind::Close,
        0,
        10,
        expect![[r#"
        1: the state in a close frame does not match what stands before it
        1: the hash of a batch does not match what stands before it
    "#]],
    );
    check(
        Kind::Close,
        1,
        10,
        expect![[r#"
            Damaged: segment 2, offset 25417: the first state does not match what stands before it
        "#]],
    );
}

/// Whatever byte of whatever frame is changed, and whichever field of its header: it shows, unless
/// the frame still says the same in another encoding, and nothing panics. A seeded sample.
#[test]
fn any_change_shows() {
    let disk = written(7);
    let random = Seeded::new(21);
    let pick = |n: usize| usize::try_from(random.next()).unwrap() % n;
    let mut n_frames = 0;
    rewrite(&disk, |_, _| n_frames += 1);
    for round in 0..600 {
        let changed = disk.fork();
        let (frame, field) = (pick(n_frames), pick(8));
        let (mut at, mut says_the_same) = (0, false);
        let mut what = String::new();
        rewrite(&changed, |header, payload| {
            if at == frame {
                what = format!("{header:?}");
                let (said, byte) = (said(header, payload), pick(payload.len()));
                change_frame(header, payload, field, byte);
                says_the_same = said == self::said(header, payload);
            }
            at += 1;
        });
        if says_the_same {
            continue;
        }
        let shown = match open_for_reading(&changed, &[]) {
            Ok(log) => !log.verify(&mut |_| ()).is_sound(),
            Err(_) => true,
        };
        assert!(shown, "round {round}: field {field} of {what}");
        let opened = open(&changed, &[]);
        assert!(opened.is_err() || opened.is_ok_and(|(_, it)| it.torn.is_empty()), "{round}");
    }
}

/// What a frame says, whatever its codec; `None` when it cannot be decoded.
fn said(header: &Header, payload: &[u8]) -> Option<(Kind, u16, Vec<u8>, Vec<u8>)> {
    let (id, body) = match header.kind.has_id() {
        true => payload.split_at_checked(ID_BYTES)?,
        false => (&[][..], payload),
    };
    let raw = decode_body(header, body).ok()?;
    Some((header.kind, header.batch, id.to_vec(), raw.into_owned()))
}

fn change_frame(header: &mut Header, payload: &mut [u8], field: usize, at: usize) {
    match field {
        0 => header.batch ^= 1,
        1 => header.raw_len ^= 1,
        2 => header.codec = if header.codec == Codec::Zstd { Codec::Stored } else { Codec::Zstd },
        3 => header.kind = if header.kind == Kind::Blob { Kind::Chunk } else { Kind::Blob },
        _ => payload[at] ^= 1 << (at % 8),
    }
}

type Records = Vec<(BlobId, IdRecord)>;

/// A closed log whose segment was then sealed by hand: with a run that leaves out frames of one
/// kind, and with other ids.
fn sealed_by_hand(left_out: Option<Kind>, change: impl Fn(&mut Records)) -> FaultyDisk {
    let disk = new_disk();
    let (log, _) = open_with(&disk, &[], LogOptions::STANDARD).unwrap();
    for mail in mails(6, 3) {
        mail.append_to(&log).unwrap();
    }
    log.close().unwrap();
    let path = Path::new(DIR).join("000001.seg");
    let mut bytes = disk.content(&path).unwrap();
    let salt = Prelude::decode(&bytes).unwrap().salt;
    let mut reader = FrameReader::new(&bytes, salt, bytes.len() as u64, ReadMode::Through);
    let (_, Close { state, .. }) = read_end(&mut reader).unwrap().unwrap();
    let place = Place { casing: salt.into(), offset: bytes.len() as u64, prefix: Vec::new() };
    let mut footer = FooterWriter::new(place, state.batch, 0);
    let mut records = Records::new();
    let mut at = PRELUDE_BYTES as u64;
    while at < bytes.len() as u64 {
        let frame = reader.frame(at).unwrap();
        if Some(frame.header.kind) != left_out {
            footer.take(&frame).unwrap();
        }
        for (id, place) in blob_places(&frame.header, at, frame.payload).unwrap() {
            let placed = log.find(&id).unwrap().unwrap().message.map(|it| it.0);
            records.push((id, IdRecord { place: Some(place), placed }));
        }
        at = frame.end();
    }
    records.sort_by_key(|(id, _)| *id);
    change(&mut records);
    let (_, footer, _) = footer.finish(&records, &state);
    bytes.extend(footer);
    disk.put(&path, &bytes);
    disk
}

#[test]
fn a_footer_of_something_else_shows() {
    let check = |left_out, change: &dyn Fn(&mut Records), want: expect_test::Expect| {
        let disk = sealed_by_hand(left_out, change);
        want.assert_eq(&defects(&open_for_reading(&disk, &[]).unwrap()));
    };
    check(None, &|_| (), expect![[r#""#]]);
    check(
        Some(Kind::Details),
        &|_| (),
        expect![[r#"
        1: the run in the footer is not what the batches hold
    "#]],
    );
    check(
        None,
        &|records| records.truncate(records.len() - 1),
        expect![[r#"
        1: the ids in the footer are not those of the segment
        1: the filter in the footer is not that of the segment
    "#]],
    );
    check(
        None,
        &|records| records[0].1.placed = Some(1_000),
        expect![[r#"
        1: the ids in the footer are not those of the segment
    "#]],
    );
}

/// What is damaged there is only a way to find things.
#[test]
fn a_damaged_footer_hides_no_blob() {
    let disk = written(7);
    flip(&disk, Kind::FooterIds, 0, 50);
    let log = open_for_reading(&disk, &[]).unwrap();
    for mail in mails(7, 3) {
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes);
    }
    let error = log.find(&mails(1, 3)[0].id()).unwrap_err();
    assert_eq!(error.kind(), LogErrorKind::Damaged, "nothing is appended to such a log");
}

/// Whoever makes a whole history anew, hashes and roots included, does not meet the roots that
/// others have recorded.
#[test]
fn a_history_made_anew_shows() {
    let write = |n: u64| {
        let disk = new_disk();
        let (log, _) = open(&disk, &[]).unwrap();
        append(&log, vec![a_fact(n)]).unwrap();
        append(&log, vec![a_fact(2)]).unwrap();
        log.close().unwrap();
        (disk, log.position())
    };
    let (_, position) = write(0);
    let (other, _) = write(1);
    assert_eq!(open_for_reading(&other, &[]).unwrap().verify(&mut |_| ()).defects, []);
    assert!(open_for_reading(&other, &recorded(position)).is_err());
}

/// The log believes the hash that comes with a blob; reading does not.
#[test]
fn a_blob_under_a_wrong_id_is_never_given_out() {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let mut blob = encode_blob(&Seeded::new(1).bytes(300));
    blob.id = BlobId::of(b"something else");
    let id = blob.id;
    let mail = Mail::whole(vec![0; 300]);
    append(&log, vec![mail.placed(NewBody::Whole(blob))]).unwrap();
    let given = log.read(&id, &mut |_| panic!("wrong bytes were given out"));
    assert_eq!(given.unwrap_err().kind(), ReadErrorKind::Damaged);
    expect![[r#"
        1: the bytes of blob f41f3f.. do not have its hash
    "#]]
    .assert_eq(&defects(&log));

    // A large one: each chunk is what it says, the whole is not.
    let mail = Mail { bytes: Seeded::new(2).bytes(900), chunk: 300 };
    let chunks = mail.chunks();
    let list = chunks.iter().map(|it| (it.id, it.raw_len)).collect();
    let id = BlobId::of(b"yet another");
    let mut call: Vec<Change> = chunks.into_iter().map(Change::Chunk).collect();
    call.push(mail.placed(NewBody::Chunked { id, chunks: list }));
    append(&log, call).unwrap();
    assert_eq!(log.read_whole(&id, 1000).unwrap_err().kind(), ReadErrorKind::Damaged);
    expect![[r#"
        1: the bytes of blob f41f3f.. do not have its hash
        1: a large blob is not there: the bytes of blob 03d764.. do not have its hash
    "#]]
    .assert_eq(&defects(&log));
}

/// A close frame that says something else than the batches before it.
#[test]
fn a_close_frame_must_say_what_is() {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    append(&log, vec![a_fact(0)]).unwrap();
    drop(log);
    let path = Path::new(DIR).join("000001.seg");
    let mut bytes = disk.content(&path).unwrap();
    let salt = Prelude::decode(&bytes).unwrap().salt;
    let state = frames::State { batch: 1, ..frames::State::default() };
    bytes.extend(close_frame(salt, bytes.len() as u64, &state));
    disk.put(&path, &bytes);
    let error = open(&disk, &[]).err().expect("refused");
    expect!["OtherHistory: what the ack mark recorded of the first 1 entries is not in this log"]
        .assert_eq(&format!("{:?}: {error}", error.kind()));
    disk.forget(&Path::new(DIR).join("acked"));
    let log = open_for_reading(&disk, &[]).unwrap();
    expect![[r#"
        1: the state in a close frame does not match what stands before it
    "#]]
    .assert_eq(&defects(&log));
}
