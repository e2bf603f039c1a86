//! What a survey says of a segment that ended anywhere, or has a flaw anywhere.

use frames::{
    BatchWriter, Casing, Codec, EncodedBlob, Encoder, FrameReader, Kind, Place, ReadFlaw, ReadMode,
    Salt, State, Survey, Wanted, copy_frame, read_end, read_start, survey,
};
use types::BlobId;

use crate::segment::{SALT, Segment, casings, reader, reader_of};

/// Two batches, a close, another batch with a large blob, a batch without entries.
fn busy_segment() -> Segment {
    busy(&SALT.into())
}

fn busy(casing: &Casing) -> Segment {
    let mut segment = Segment::new(casing);
    segment.batch(&[b"first mail", b"second mail"], &[b"entry 0", b"entry 1"]);
    segment.batch(&[], &[b"entry 2"]);
    segment.close();
    segment.batch(&[&b"mail with a longer body ".repeat(40)], &[b"entry 3"]);
    segment.batch(&[b"a chunk"], &[]);
    segment
}

fn surveyed(bytes: &Vec<u8>, wanted: &Wanted) -> Result<Survey, ReadFlaw> {
    survey(&mut reader(bytes), wanted)
}

/// The same of a segment with this casing.
fn surveyed_in(casing: &Casing, bytes: &Vec<u8>, wanted: &Wanted) -> Result<Survey, ReadFlaw> {
    survey(&mut reader_of(casing, bytes), wanted)
}

#[test]
fn whole_segments_are_whole() {
    casings().iter().for_each(check_whole_segments_are_whole);
}

fn check_whole_segments_are_whole(casing: &Casing) {
    let mut segment = busy(casing);
    let found = surveyed_in(casing, &segment.bytes, &Wanted::default()).unwrap();
    assert_eq!(found.whole.offset, segment.bytes.len() as u64);
    assert_eq!(found.whole.state, segment.state);
    assert_eq!((found.flaw, found.later, found.closed), (None, None, None));
    assert_eq!((found.recorded.unwrap().state, found.n_batches_beyond), (State::default(), 4));

    segment.seal();
    let found = surveyed_in(casing, &segment.bytes, &Wanted::default()).unwrap();
    let footer = found.closed.flatten().expect("sealed");
    let (_, close) = read_end(&mut reader_of(casing, &segment.bytes)).unwrap().unwrap();
    assert_eq!(close.footer, Some(footer));
    assert_eq!(close.state, segment.state);
}

#[test]
fn a_cut_anywhere_leaves_the_batches_before_it() {
    casings().iter().for_each(check_a_cut_anywhere_leaves_the_batches_before_it);
}

fn check_a_cut_anywhere_leaves_the_batches_before_it(casing: &Casing) {
    let mut segment = busy(casing);
    segment.seal();
    let (start, _) = segment.synced[0];
    for cut in 0..segment.bytes.len() {
        let bytes = segment.bytes[..cut].to_vec();
        let found = surveyed_in(casing, &bytes, &Wanted::default());
        if cut < start {
            assert!(found.is_err(), "the start is never torn, cut at {cut}");
            continue;
        }
        let found = found.unwrap();
        let (end, state) = segment.synced.iter().rfind(|(end, _)| *end <= cut).unwrap();
        assert_eq!(found.whole.offset, *end as u64, "cut at {cut}");
        assert_eq!(found.whole.state, *state, "cut at {cut}");
        assert_eq!(found.later, None, "cut at {cut}");
    }
}

/// A flipped bit is damage when anything was written later, or when it was recorded.
#[test]
fn a_flip_anywhere_is_damage_but_in_the_last_thing_written() {
    casings().iter().for_each(check_a_flip_anywhere_is_damage_but_in_the_last_thing_written);
}

fn check_a_flip_anywhere_is_damage_but_in_the_last_thing_written(casing: &Casing) {
    let segment = busy(casing);
    let (start, _) = segment.synced[0];
    let (before_last, _) = segment.synced[segment.synced.len() - 2];
    let len = segment.bytes.len();
    let recorded = Wanted {
        entries: segment.state.tree.size(),
        batch: segment.state.batch,
        end: len as u64,
        positions: Vec::new(),
    };
    for at in 0..len {
        let mut bytes = segment.bytes.clone();
        bytes[at] ^= 0x04;
        let found = surveyed_in(casing, &bytes, &Wanted::default());
        if at < start {
            // The prelude is read before the survey.
            assert!(found.is_err() || at < frames::PRELUDE_BYTES, "byte {at}");
            continue;
        }
        let found = found.unwrap();
        assert!(found.flaw.is_some(), "byte {at}");
        assert_eq!(found.later.is_some(), at < before_last, "byte {at}: {:?}", found.flaw);
        let found = surveyed_in(casing, &bytes, &recorded).unwrap();
        assert_eq!(found.recorded, None, "byte {at}");
    }
}

/// Zeros where pages of the last batch were not written, in every combination of small pages.
#[test]
fn missing_pages_of_the_last_batch_are_a_torn_tail() {
    casings().iter().for_each(check_missing_pages_of_the_last_batch_are_a_torn_tail);
}

fn check_missing_pages_of_the_last_batch_are_a_torn_tail(casing: &Casing) {
    let mut segment = busy(casing);
    let from = segment.bytes.len();
    segment.batch(&[&[0x55; 100], &[0x66; 100]], &[b"entry 4"]);
    let (synced, state) = segment.synced[segment.synced.len() - 2].clone();
    let page = (segment.bytes.len() - from).div_ceil(8);
    for kept in 0u32..256 {
        let mut bytes = segment.bytes.clone();
        for (n, page) in bytes[from..].chunks_mut(page).enumerate() {
            if kept & (1 << n) == 0 {
                page.fill(0);
            }
        }
        let found = surveyed_in(casing, &bytes, &Wanted::default()).unwrap();
        if kept == 255 {
            assert_eq!(found.whole.state, segment.state);
        } else {
            assert_eq!((found.whole.offset, &found.whole.state), (synced as u64, &state));
            assert_eq!(found.later, None, "pages {kept:08b}");
        }
    }
}

#[test]
fn what_is_recorded_ends_at_a_boundary() {
    casings().iter().for_each(check_what_is_recorded_ends_at_a_boundary);
}

fn check_what_is_recorded_ends_at_a_boundary(casing: &Casing) {
    let segment = busy(casing);
    let ends: Vec<u64> = segment.synced.iter().map(|(end, _)| *end as u64).collect();
    let wanted = |entries, batch, end| Wanted { entries, batch, end, positions: vec![0, 2, 3, 9] };
    let cases = [
        (wanted(0, 0, 0), ends[0], 4),
        (wanted(1, 0, 0), ends[1], 3),
        (wanted(3, 0, 0), ends[2], 2),
        (wanted(3, 0, ends[2] + 1), ends[3], 2),
        (wanted(3, 3, 0), ends[4], 1),
        (wanted(4, 4, 0), ends[5], 0),
    ];
    for (wanted, end, beyond) in cases {
        let found = surveyed_in(casing, &segment.bytes, &wanted).unwrap();
        assert_eq!(found.recorded.map(|it| it.offset), Some(end), "{wanted:?}");
        assert_eq!(found.n_batches_beyond, beyond, "{wanted:?}");
        let sizes: Vec<u64> = found.positions.iter().map(|it| it.entries).collect();
        assert_eq!(sizes, [0, 2, 3]);
        assert_eq!(found.positions[1], segment.synced[1].1.position());
    }
    for wanted in [wanted(5, 0, 0), wanted(0, 5, 0), wanted(0, 0, ends[5] + 1)] {
        assert_eq!(surveyed_in(casing, &segment.bytes, &wanted).unwrap().recorded, None);
    }
}

/// Frames inside a mail: made up, of another segment, and of other places of this very segment.
#[test]
fn bytes_inside_a_mail_are_never_a_frame() {
    let first = busy_segment();
    let mut mail = first.bytes.clone();
    let mut reader_of_first = reader(&first.bytes);
    let mut offset = read_start(&mut reader_of_first).unwrap().offset;
    while offset < first.bytes.len() as u64 {
        let frame = reader_of_first.frame(offset).unwrap();
        mail.extend(copy_frame(Salt([1; 16]), 0, &frame));
        mail.extend(copy_frame(SALT, offset + 1, &frame));
        offset = frame.end();
    }

    let mut segment = busy_segment();
    let place =
        Place { casing: SALT.into(), offset: segment.bytes.len() as u64, prefix: Vec::new() };
    let mut batch = BatchWriter::new(place, segment.state.clone());
    let blob = EncodedBlob {
        id: BlobId::of(&mail),
        raw_len: u32::try_from(mail.len()).unwrap(),
        codec: Codec::Stored,
        is_loose: false,
        body: mail,
    };
    batch.blob(Kind::Blob, &blob);
    batch.entries(&[b"entry".to_vec()], &[], segment.state.time, &mut Encoder::new());
    let start = segment.bytes.len();
    let (bytes, _) = batch.commit();
    segment.bytes.extend(bytes);

    // The first header of the last batch is gone: what follows the mail is still found, and
    // nothing inside it.
    segment.bytes[start + 2] ^= 1;
    let mut reader = reader(&segment.bytes);
    let (offset, header) = reader.find_header(start as u64).unwrap().unwrap();
    assert_eq!(header.kind, Kind::Entries);
    assert_eq!(offset, (start + 24 + 36 + blob.body.len()) as u64);
    let found = surveyed(&segment.bytes, &Wanted::default()).unwrap();
    assert_eq!((found.whole.offset, found.later), (start as u64, None));
}

#[test]
fn a_batch_keeps_its_hash_in_another_segment() {
    let segment = busy_segment();
    let salt = Salt([77; 16]);
    let (start, _) = segment.synced[0];
    let prelude = frames::Prelude {
        segment: 2,
        salt,
        previous_end: 0,
        key: None,
        marks: frames::SegmentMarks::default(),
        dictionary: 0,
    };
    let mut copy = frames::segment_start(&prelude, None, &State::default(), None);
    let mut reader = reader(&segment.bytes);
    let mut offset = start as u64;
    while offset < segment.bytes.len() as u64 {
        let frame = reader.frame(offset).unwrap();
        if frame.header.kind.is_content() {
            let place = copy.len() as u64;
            copy.extend(copy_frame(salt, place, &frame));
        }
        offset = frame.end();
    }
    let mut reader = FrameReader::new(&copy, salt, copy.len() as u64, ReadMode::Hopping);
    let found = survey(&mut reader, &Wanted::default()).unwrap();
    assert_eq!(found.whole.state, segment.state);
    assert_eq!(found.flaw, None);
}

/// A close frame, and one whole batch behind it: nothing has a later number, and the batch itself
/// tells that what stands before it was durable.
#[test]
fn a_flip_before_the_last_whole_batch_is_damage() {
    casings().iter().for_each(check_a_flip_before_the_last_whole_batch_is_damage);
}

fn check_a_flip_before_the_last_whole_batch_is_damage(casing: &Casing) {
    let mut segment = Segment::new(casing);
    segment.batch(&[b"mail"], &[b"entry 0"]);
    segment.close();
    segment.batch(&[b"more mail"], &[b"entry 1"]);
    let (close_at, _) = segment.synced[1];
    let (close_end, _) = segment.synced[2];
    for at in close_at..close_end {
        let mut bytes = segment.bytes.clone();
        bytes[at] ^= 0x40;
        let found = surveyed_in(casing, &bytes, &Wanted::default()).unwrap();
        assert_eq!(found.whole.offset, close_at as u64);
        assert!(found.later.is_some(), "byte {at}");
    }
}

/// What a batch says counts, and not how it is encoded.
#[test]
fn a_batch_keeps_its_hash_under_another_codec() {
    let mail = b"mail with a longer body ".repeat(40);
    let packed = frames::encode_blob(&mail);
    assert_eq!(packed.codec, Codec::Zstd);
    let stored = EncodedBlob { codec: Codec::Stored, body: mail, ..packed.clone() };
    let hash_with = |kind: Kind, blob: &EncodedBlob| {
        let place = Place { casing: SALT.into(), offset: 0, prefix: Vec::new() };
        let mut batch = BatchWriter::new(place, State::default());
        batch.blob(kind, blob);
        batch.commit().1.hash
    };
    let hash = hash_with(Kind::Blob, &packed);
    assert_eq!(hash_with(Kind::Blob, &stored), hash);
    assert_ne!(hash_with(Kind::Chunk, &packed), hash);
    let other = EncodedBlob { id: BlobId::of(b"other"), ..packed.clone() };
    assert_ne!(hash_with(Kind::Blob, &other), hash);
    let longer = EncodedBlob { raw_len: packed.raw_len + 1, ..packed };
    assert_ne!(hash_with(Kind::Blob, &longer), hash);
}
