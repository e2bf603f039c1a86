//! The ack mark: how far the log was durable when the writer last looked.
//!
//! It is written after the sync of what it names, and never synced itself (but for the one that
//! closes a log): when it can be read, what it names was durable. It stands in two slots, written
//! in turn, so that a torn write leaves the other.

use types::{Hash, Position};

use crate::wire::Fields;

/// Where the two slots begin. They are a page apart, so that no write touches both.
pub const MARK_SLOTS: [u64; 2] = [0, 4096];

/// Length of a slot in bytes.
pub const MARK_BYTES: usize = 100;

const MAGIC: [u8; 4] = *b"PhAk";

/// How far the log is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The segment that was written last.
    pub segment: u32,
    /// Its durable bytes; all of them are whole frames.
    pub end: u64,
    /// Number of the last batch.
    pub batch: u64,
    /// Entries of the log, and the root over them.
    pub position: Position,
    /// Hash of the last batch.
    pub hash: Hash,
}

impl Mark {
    /// The bytes of a slot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MARK_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.segment.to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
        bytes.extend(self.batch.to_le_bytes());
        bytes.extend(self.position.entries.to_le_bytes());
        bytes.extend(self.position.root.0);
        bytes.extend(self.hash.0);
        let sum = crc32c::crc32c(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// Reads a slot; `None` when it is torn or was never written.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Mark> {
        let (front, sum) = bytes.get(..MARK_BYTES)?.split_at_checked(MARK_BYTES - 4)?;
        let front = front.strip_prefix(&MAGIC)?;
        let whole = crc32c::crc32c_append(crc32c::crc32c(&MAGIC), front);
        if whole.to_le_bytes() != sum {
            return None;
        }
        let mut fields = Fields::new("an ack mark", front);
        Some(Mark {
            segment: fields.u32().ok()?,
            end: fields.u64().ok()?,
            batch: fields.u64().ok()?,
            position: Position { entries: fields.u64().ok()?, root: fields.hash().ok()? },
            hash: fields.hash().ok()?,
        })
    }

    /// Which of two slots is newer: the log only grows.
    #[must_use]
    pub fn is_newer_than(&self, other: &Mark) -> bool {
        (other.segment, other.end) < (self.segment, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_is_none() {
        let mark = Mark {
            segment: 7,
            end: 123_456,
            batch: 9,
            position: Position { entries: 44, root: Hash::of(b"r") },
            hash: Hash::of(b"h"),
        };
        let bytes = mark.encode();
        assert_eq!(bytes.len(), MARK_BYTES);
        assert_eq!(Mark::decode(&bytes), Some(mark));
        for at in 0..MARK_BYTES {
            let mut torn = bytes.clone();
            torn[at] ^= 0x10;
            assert_eq!(Mark::decode(&torn), None, "byte {at}");
            assert_eq!(Mark::decode(&bytes[..at]), None);
        }
        assert_eq!(Mark::decode(&[0; MARK_BYTES]), None);
    }
}
