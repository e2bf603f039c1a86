//! A segment in memory, written as the log writes it.

use frames::{
    BatchWriter, BlobPlace, Encoder, FooterWriter, FrameReader, IdRecord, Kind, Place, Prelude,
    ReadMode, Salt, State, close_frame, encode_blob, read_start, segment_start,
};
use types::{BlobId, Timestamp};

pub(crate) const SALT: Salt = Salt([9; 16]);

/// A segment, and what was written to it.
pub(crate) struct Segment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) state: State,
    /// Behind each thing that was synced: the length then, and the state.
    pub(crate) synced: Vec<(usize, State)>,
    records: Vec<(BlobId, IdRecord)>,
}

impl Segment {
    pub(crate) fn new() -> Segment {
        let state = State::default();
        let prelude = Prelude { segment: 1, salt: SALT, previous_end: 0 };
        let bytes = segment_start(&prelude, &state);
        let synced = vec![(bytes.len(), state.clone())];
        Segment { bytes, state, synced, records: Vec::new() }
    }

    fn place(&self) -> Place {
        Place { salt: SALT, offset: self.bytes.len() as u64, prefix: Vec::new() }
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
        let frame = close_frame(SALT, self.bytes.len() as u64, &self.state);
        self.bytes.extend(frame);
        self.now_synced(self.state.clone());
    }

    /// Seals the segment.
    pub(crate) fn seal(&mut self) {
        let mut writer = FooterWriter::new(self.place(), self.state.batch, 0);
        let bytes = self.bytes.clone();
        let mut reader = reader(&bytes);
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

/// Reads all of `bytes`.
pub(crate) fn reader(bytes: &Vec<u8>) -> FrameReader<'_> {
    FrameReader::new(bytes, SALT, bytes.len() as u64, ReadMode::Through)
}
