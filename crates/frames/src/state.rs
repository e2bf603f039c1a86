//! The state of a log between two batches, and the frames that carry it.
//!
//! A `Commit` ends a batch and names the state behind it by hashes. A `Close` holds the state
//! itself, so that a reader can go on from there without what stands before: it is the first
//! frame of every segment, the last one of a log that was closed, and the last one of a sealed
//! segment, where it also says where the parts of the footer begin.

use ledger::merkle::Tree;
use types::{Hash, Position, Timestamp};

use crate::Flaw;
use crate::wire::Fields;

/// What must be known of a log to append to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// Number of the last batch, from 1; 0 before the first.
    pub batch: u64,
    /// Hash of the last batch; all zero before the first.
    pub hash: Hash,
    /// Time of the last entry; an entry is never older than the one before.
    pub time: Timestamp,
    /// The Merkle tree over all entries.
    pub tree: Tree,
}

impl State {
    /// Number of entries, and the root over them.
    #[must_use]
    pub fn position(&self) -> Position {
        self.tree.position()
    }
}

/// The payload of a `Commit` frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Number of the batch.
    pub batch: u64,
    /// Bytes of its frames, without the commit frame itself. They change when the batch is encoded
    /// anew, and the hash does not cover them.
    pub bytes: u64,
    /// Number of entries of the log behind this batch, and the Merkle root over them.
    pub position: Position,
    /// Time of the last entry.
    pub time: Timestamp,
    /// Hash over the batch before, what this batch holds, and the fields above but `bytes`.
    pub hash: Hash,
}

impl Commit {
    /// The fields that the batch's hash covers.
    pub(crate) fn covered(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend(self.batch.to_le_bytes());
        bytes.extend(self.position.entries.to_le_bytes());
        bytes.extend(self.position.root.0);
        bytes.extend(self.time.0.to_le_bytes());
        bytes
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        bytes.extend(self.batch.to_le_bytes());
        bytes.extend(self.bytes.to_le_bytes());
        bytes.extend(self.position.entries.to_le_bytes());
        bytes.extend(self.position.root.0);
        bytes.extend(self.time.0.to_le_bytes());
        bytes.extend(self.hash.0);
        bytes
    }

    /// Reads the payload of a commit frame.
    pub fn decode(payload: &[u8]) -> Result<Commit, Flaw> {
        let mut fields = Fields::new("a commit frame", payload);
        let batch = fields.u64()?;
        let bytes = fields.u64()?;
        let position = Position { entries: fields.u64()?, root: fields.hash()? };
        let time = Timestamp(fields.i64()?);
        let hash = fields.hash()?;
        fields.end()?;
        Ok(Commit { batch, bytes, position, time, hash })
    }
}

/// The payload of a commit frame whose batch is encoded anew: its frames have another length, and
/// it says the same.
pub fn recommitted(payload: &[u8], bytes: u64) -> Result<Vec<u8>, Flaw> {
    let commit = Commit::decode(payload)?;
    Ok(Commit { bytes, ..commit }.encode())
}

/// Less than what an id takes in a footer.
const MIN_BYTES_PER_ID: u64 = 56;

/// Where the parts of a sealed segment's footer stand. Offsets are those of their first frames.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Footer {
    /// Behind the last batch: where the footer begins.
    pub start: u64,
    /// The run: for each of its frames that begins with a batch, the number of entries of the
    /// log before it, and its offset.
    pub run: Vec<(u64, u64)>,
    /// The sorted ids.
    pub ids: u64,
    /// How many ids.
    pub n_ids: u64,
    /// The filter.
    pub filter: u64,
    /// How many bits it has.
    pub filter_bits: u64,
}

/// The payload of a `Close` frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Close {
    /// The state of the log at this place.
    pub state: State,
    /// The footer, when the segment is sealed; then nothing follows.
    pub footer: Option<Footer>,
}

impl Close {
    /// The payload. Its last four bytes are the length of the whole frame, so that a reader
    /// finds the frame from the end of the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(self.state.batch.to_le_bytes());
        bytes.extend(self.state.hash.0);
        bytes.extend(self.state.time.0.to_le_bytes());
        let tree = self.state.tree.to_bytes();
        bytes.extend(u16::try_from(tree.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend(tree);
        bytes.push(u8::from(self.footer.is_some()));
        if let Some(footer) = &self.footer {
            footer.encode(&mut bytes);
        }
        let frame_len = crate::HEADER_BYTES + bytes.len() + 4;
        bytes.extend(u32::try_from(frame_len).unwrap_or(u32::MAX).to_le_bytes());
        bytes
    }

    /// Reads the payload of a `Close` frame.
    pub fn decode(payload: &[u8]) -> Result<Close, Flaw> {
        let what = "a close frame";
        let mut fields = Fields::new(what, payload);
        let batch = fields.u64()?;
        let hash = fields.hash()?;
        let time = Timestamp(fields.i64()?);
        let tree_len = usize::from(fields.u16()?);
        let tree = fields.bytes(tree_len)?;
        let tree = Tree::from_bytes(tree).map_err(|_| Flaw::Malformed(what))?;
        let footer = match fields.array()? {
            [0] => None,
            [1] => Some(Footer::decode(&mut fields)?),
            _ => return Err(Flaw::Malformed(what)),
        };
        let frame_len = fields.u32()? as usize;
        fields.end()?;
        if frame_len != crate::HEADER_BYTES + payload.len() {
            return Err(Flaw::Malformed(what));
        }
        Ok(Close { state: State { batch, hash, time, tree }, footer })
    }
}

impl Footer {
    /// Whether the parts can stand where it says, before a close frame at `end`.
    pub(crate) fn fits(&self, end: u64) -> bool {
        let parts = [self.start, self.ids, self.filter, end];
        let longest = self.n_ids.checked_mul(MIN_BYTES_PER_ID);
        parts.is_sorted()
            && longest.is_some_and(|it| it <= self.filter - self.ids)
            && self.filter_bits / 8 <= end - self.filter
            && self.run.iter().all(|(_, at)| (self.start..self.ids).contains(at))
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        for number in [self.start, self.ids, self.n_ids, self.filter, self.filter_bits] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(u32::try_from(self.run.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (entries, offset) in &self.run {
            bytes.extend(entries.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Footer, Flaw> {
        let start = fields.u64()?;
        let ids = fields.u64()?;
        let n_ids = fields.u64()?;
        let filter = fields.u64()?;
        let filter_bits = fields.u64()?;
        let n_run = fields.u32()?;
        let run: Result<Vec<_>, Flaw> =
            (0..n_run).map(|_| Ok((fields.u64()?, fields.u64()?))).collect();
        Ok(Footer { start, run: run?, ids, n_ids, filter, filter_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_and_commit_round_trip_and_refuse_cuts() {
        let mut tree = Tree::new();
        for leaf in 0..11u8 {
            tree.append(ledger::leaf_hash(&[leaf]));
        }
        let state = State { batch: 9, hash: Hash::of(b"x"), time: Timestamp(-4), tree };
        let footer = Footer {
            start: 1,
            run: vec![(0, 2), (5, 9)],
            ids: 3,
            n_ids: 4,
            filter: 5,
            filter_bits: 6,
        };
        for footer in [None, Some(footer)] {
            let close = Close { state: state.clone(), footer };
            let bytes = close.encode();
            assert_eq!(Close::decode(&bytes), Ok(close));
            for cut in 0..bytes.len() {
                assert!(Close::decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
        let commit = Commit {
            batch: 3,
            bytes: 1000,
            position: state.position(),
            time: Timestamp(77),
            hash: Hash::of(b"y"),
        };
        let bytes = commit.encode();
        assert_eq!(bytes.len(), 96);
        assert_eq!(Commit::decode(&bytes), Ok(commit));
        assert!(Commit::decode(&bytes[..95]).is_err());
    }
}
