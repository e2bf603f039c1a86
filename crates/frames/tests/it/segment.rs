//! A segment in memory, written as the log writes it.

use frames::{
    BatchWriter, BlobPlace, Casing, Encoder, FooterWriter, FrameReader, IdRecord, KeyName, Kind,
    Place, Prelude, ReadMode, Salt, Seal, SegmentMarks, State, close_frame, encode_blob,
    read_start, segment_start,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use types::{BlobId, Timestamp};

pub(crate) const SALT: Salt = Salt([9; 16]);

/// A plain segment's casing, and an encrypted one's.
pub(crate) fn casings() -> [Casing; 2] {
    [SALT.into(), sealed(1)]
}

/// The casing of a segment with this key.
pub(crate) fn sealed(key: u8) -> Casing {
    let counter = AtomicU64::new(u64::from(key) << 56);
    // Random enough for a test: no nonce comes twice.
    let fill = move |bytes: &mut [u8]| {
        let next = counter.fetch_add(4, Ordering::Relaxed).to_be_bytes();
        bytes.iter_mut().rev().zip(next.into_iter().rev()).for_each(|(to, from)| *to = from);
    };
    Casing { salt: SALT, seal: Some(Seal::new(&[key; 32], Arc::new(fill))) }
}

/// A segment, and what was written to it.
pub(crate) struct Segment {
    pub(crate) casing: Casing,
    pub(crate) bytes: Vec<u8>,
    pub(crate) state: State,
    /// Behind each thing that was synced: the length then, and the state.
    pub(crate) synced: Vec<(usize, State)>,
    records: Vec<(BlobId, IdRecord)>,
}

impl Segment {
    pub(crate) fn new(casing: &Casing) -> Segment {
        let (casing, state) = (casing.clone(), State::default());
        let key = casing.seal.as_ref().map(|_| KeyName([5; 16]));
        let prelude = Prelude {
            segment: 1,
            salt: SALT,
            previous_end: 0,
            key,
            marks: SegmentMarks::default(),
            dictionary: 0,
        };
        let bytes = segment_start(&prelude, casing.seal.as_ref(), &state, None);
        let synced = vec![(bytes.len(), state.clone())];
        Segment { casing, bytes, state, synced, records: Vec::new() }
    }

    fn place(&self) -> Place {
        Place { casing: self.casing.clone(), offset: self.bytes.len() as u64, prefix: Vec::new() }
    }

    /// Appends a batch of blobs and entries; each entry has a detail.
    pub(crate) fn batch(&mut self, bodies: &[&[u8]], entries: &[&[u8]]) {
        let mut batch = BatchWriter::new(self.place(), self.state.clone());
        for body in bodies {
            let blob = encode_blob(body);
            let offset = batch.blob(Kind::Blob, &blob);
            let raw_len = u64::from(blob.raw_len);
            let place = Some(BlobPlace { kind: Kind::Blob, offset, raw_len });
            self.records.push((blob.id, IdRecord { place, placed: None }));
        }
        let first = self.state.tree.size();
        let entries: Vec<Vec<u8>> = entries.iter().map(|it| it.to_vec()).collect();
        let details: Vec<(u64, Vec<u8>)> =
            (first..).zip(&entries).map(|(n, entry)| (n, entry.repeat(2))).collect();
        let time = Timestamp(self.state.time.0 + 1);
        batch.entries(&entries, &details, time, &mut Encoder::new());
        let (bytes, state) = batch.commit();
        self.bytes.extend(bytes);
        self.now_synced(state);
    }

    /// Ends the log cleanly.
    pub(crate) fn close(&mut self) {
        let frame = close_frame(self.casing.clone(), self.bytes.len() as u64, &self.state);
        self.bytes.extend(frame);
        self.now_synced(self.state.clone());
    }

    /// Seals the segment.
    pub(crate) fn seal(&mut self) {
        let mut writer = FooterWriter::new(self.place(), self.state.batch, 0);
        let bytes = self.bytes.clone();
        let mut reader = reader_of(&self.casing, &bytes);
        let mut offset = read_start(&mut reader).unwrap().offset;
        while offset < bytes.len() as u64 {
            let frame = reader.frame(offset).unwrap();
            writer.take(&frame).unwrap();
            offset = frame.end();
        }
        self.records.sort_by_key(|(id, _)| *id);
        let (offset, bytes, _) = writer.finish(&self.records, &self.state);
        assert_eq!(offset, self.bytes.len() as u64);
        self.bytes.extend(bytes);
        self.now_synced(self.state.clone());
    }

    fn now_synced(&mut self, state: State) {
        self.state = state;
        self.synced.push((self.bytes.len(), self.state.clone()));
    }
}

/// Reads all of `bytes`, a plain segment.
pub(crate) fn reader(bytes: &Vec<u8>) -> FrameReader<'_> {
    reader_of(&SALT.into(), bytes)
}

/// Reads all of `bytes`.
pub(crate) fn reader_of<'a>(casing: &Casing, bytes: &'a Vec<u8>) -> FrameReader<'a> {
    FrameReader::new(bytes, casing.clone(), bytes.len() as u64, ReadMode::Through)
}
