//! What an encrypted segment gives away, and what it notices.

use frames::{
    Casing, Flaw, FrameReader, HEADER_BYTES, IdSearch, KeyName, Kind, PAGE_BYTES, Prelude,
    ReadFlaw, ReadMode, State, Wanted, copy_frame, read_end, read_start, segment_start, split_id,
    survey,
};
use types::BlobId;

use crate::segment::{SALT, Segment, reader_of, sealed};

const MAIL: &[u8] = b"Subject: nobody else may read this";
const ENTRY: &[u8] = b"an entry that says who and when";

fn segment(casing: &Casing) -> Segment {
    let mut segment = Segment::new(casing);
    segment.batch(&[MAIL, &b"more mail, with much of the same ".repeat(30)], &[ENTRY, b"entry 1"]);
    segment.batch(&[b"third"], &[b"entry 2"]);
    segment.seal();
    segment
}

/// Where frames begin, and where the last one ends.
fn offsets(casing: &Casing, bytes: &Vec<u8>) -> Vec<u64> {
    let mut reader = reader_of(casing, bytes);
    let mut offsets = vec![frames::PRELUDE_BYTES as u64];
    while *offsets.last().unwrap() < bytes.len() as u64 {
        let end = reader.frame(*offsets.last().unwrap()).unwrap().end();
        offsets.push(end);
    }
    offsets
}

/// The same frame with the checksums that fit its bytes now.
fn with_fitting_sums(bytes: &mut [u8], offset: usize) {
    let len = u32::from_le_bytes(bytes[offset + 8..offset + 12].try_into().unwrap()) as usize;
    let start = offset + HEADER_BYTES;
    let sum = crc32c::crc32c(&bytes[start..start + len]);
    bytes[offset + 16..offset + 20].copy_from_slice(&sum.to_le_bytes());
    let placed = crc32c::crc32c_append(crc32c::crc32c(&SALT.0), &(offset as u64).to_le_bytes());
    let sum = crc32c::crc32c_append(placed, &bytes[offset..offset + 20]);
    bytes[offset + 20..offset + 24].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn nothing_that_was_written_stands_there() {
    let casing = sealed(1);
    let bytes = segment(&casing).bytes;
    let plain = segment(&SALT.into()).bytes;
    let stands = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|it| it == what);
    for what in [MAIL, ENTRY, &BlobId::of(MAIL).0, &BlobId::of(b"third").0[..8]] {
        assert!(stands(&plain, what));
        assert!(!stands(&bytes, what));
    }
    // No two nonces are alike, and so no two frames.
    let places = offsets(&casing, &bytes);
    let mut nonces: Vec<_> =
        places[..places.len() - 1].iter().map(|it| &bytes[*it as usize + 24..][..12]).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), places.len() - 1);
}

#[test]
fn what_checksums_are_made_to_fit_the_seal_notices() {
    let casing = sealed(1);
    let good = segment(&casing).bytes;
    let places = offsets(&casing, &good);
    for pair in places.windows(2) {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        for at in (start + HEADER_BYTES..end).step_by(5) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            with_fitting_sums(&mut bytes, start);
            let mut reader = reader_of(&casing, &bytes);
            match reader.frame(start as u64) {
                Err(ReadFlaw::Flaw { flaw: Flaw::Seal, .. }) => (),
                // The length behind a close frame is for those who come from the end.
                Ok(frame) => assert!(frame.header.kind == Kind::Close && end - 4 <= at),
                other => panic!("byte {at}: {other:?}"),
            }
        }
        // Another decoded length, of which the payload knows nothing.
        let mut bytes = good.clone();
        bytes[start + 12] ^= 1;
        with_fitting_sums(&mut bytes, start);
        assert!(reader_of(&casing, &bytes).frame(start as u64).is_err());
    }
}

#[test]
fn another_key_or_none_opens_nothing() {
    let bytes = segment(&sealed(1)).bytes;
    let flaw_with = |casing: &Casing| match read_start(&mut reader_of(casing, &bytes)) {
        Err(ReadFlaw::Flaw { flaw, .. }) => flaw,
        other => panic!("{other:?}"),
    };
    assert_eq!(flaw_with(&sealed(2)), Flaw::Seal);
    assert_eq!(flaw_with(&SALT.into()), Flaw::Casing);
    let plain = segment(&SALT.into()).bytes;
    let mut reader = reader_of(&sealed(1), &plain);
    let Err(ReadFlaw::Flaw { flaw, .. }) = read_start(&mut reader) else { panic!("it opened") };
    assert_eq!(flaw, Flaw::Casing);
}

#[test]
fn a_frame_opens_at_its_own_place_only() {
    let casing = sealed(1);
    let mut bytes = segment(&casing).bytes;
    let places = offsets(&casing, &bytes);
    // Behind the start: the first blob, written once more at the end of the segment.
    let (from, to) = (places[1] as usize, places[2] as usize);
    let frame = bytes[from..to].to_vec();
    let at = bytes.len();
    bytes.extend(frame);
    with_fitting_sums(&mut bytes, at);
    let mut reader = reader_of(&casing, &bytes);
    let header = reader.header(at as u64).unwrap();
    assert_eq!(header.kind, Kind::Blob);
    assert!(matches!(
        reader.payload_start(&header, at as u64),
        Err(ReadFlaw::Flaw { flaw: Flaw::Seal, .. })
    ));
    assert!(reader.frame(at as u64).is_err());
}

#[test]
fn ids_are_read_without_bodies_and_looked_up_by_page() {
    let casing = sealed(1);
    let mut segment = Segment::new(&casing);
    let mails: Vec<Vec<u8>> = (0u32..400).map(|n| n.to_le_bytes().repeat(9)).collect();
    let bodies: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
    segment.batch(&bodies, &[b"entry 0"]);
    segment.seal();
    let bytes = segment.bytes;
    let len = bytes.len() as u64;
    let mut reader = FrameReader::new(&bytes, casing.clone(), len, ReadMode::Hopping);
    let mut at = read_start(&mut reader).unwrap().offset;
    for mail in &mails {
        let header = reader.header(at).unwrap();
        let (id, _) = split_id(reader.payload_start(&header, at).unwrap()).unwrap();
        assert_eq!(id, BlobId::of(mail));
        at += header.frame_len();
    }
    let (_, close) = read_end(&mut reader).unwrap().unwrap();
    let footer = close.footer.unwrap();
    for (n, mail) in mails.iter().enumerate() {
        let id = BlobId::of(mail);
        let mut search = IdSearch::new(&footer, &id, casing.page_bytes()).unwrap();
        let found = loop {
            let at = search.offset() as usize;
            let page = casing.open_page(bytes[at..at + PAGE_BYTES].to_vec()).unwrap();
            if let Some(found) = search.look(&page).unwrap() {
                break found.unwrap();
            }
        };
        assert_eq!(found.place.unwrap().raw_len, 36, "mail {n}");
    }
}

#[test]
fn a_batch_keeps_its_hash_whatever_it_is_sealed_with() {
    let plain = segment(&SALT.into());
    for key in [1, 2] {
        let casing = sealed(key);
        let other = segment(&casing);
        assert_eq!(other.state, plain.state);
        let found = survey(&mut reader_of(&casing, &other.bytes), &Wanted::default()).unwrap();
        assert_eq!((found.whole.state, found.flaw), (plain.state.clone(), None));
    }
}

/// Recovery copies batches from one segment into another.
#[test]
fn frames_are_copied_from_one_key_to_another() {
    let (from, to) = (sealed(1), sealed(2));
    let mut segment = Segment::new(&from);
    let start = segment.bytes.len() as u64;
    segment.batch(&[MAIL], &[ENTRY]);
    let prelude = Prelude {
        segment: 2,
        salt: SALT,
        previous_end: 0,
        key: Some(KeyName([8; 16])),
        marks: frames::SegmentMarks::default(),
        dictionary: 0,
    };
    let mut bytes = segment_start(&prelude, to.seal.as_ref(), &State::default(), None);
    let mut reader = reader_of(&from, &segment.bytes);
    let mut at = start;
    while at < segment.bytes.len() as u64 {
        let frame = reader.frame(at).unwrap();
        bytes.extend(copy_frame(to.clone(), bytes.len() as u64, &frame));
        at = frame.end();
    }
    let found = survey(&mut reader_of(&to, &bytes), &Wanted::default()).unwrap();
    assert_eq!((found.whole.state, found.flaw), (segment.state, None));
}
