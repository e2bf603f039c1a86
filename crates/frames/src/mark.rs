//! The ack mark: how far the log was durable when the writer last looked.
//!
//! It is written after the sync of what it names, and never synced itself (but for the one that
//! closes a log): when it can be read, what it names was durable. It stands in two slots, written
//! in turn, so that a torn write leaves the other.

use types::{Hash, Position};

use crate::Seal;
use crate::wire::Fields;

/// Where the two slots begin. They are a page apart, so that no write touches both.
pub const MARK_SLOTS: [u64; 2] = [0, 4096];

/// Length of a slot in bytes, with room for a sealed one.
pub const MARK_SLOT_BYTES: usize = 128;

/// Length of a plain slot in bytes.
const PLAIN_BYTES: usize = 100;

const MAGIC: [u8; 4] = *b"PhAk";
const MAGIC_SEALED: [u8; 4] = *b"PhAs";

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
    /// The bytes of a slot. In an encrypted log they are sealed: the hash of a batch would tell who
    /// has a message whether it is in it.
    #[must_use]
    pub fn encode(&self, seal: Option<&Seal>) -> Vec<u8> {
        let mut bytes = match seal {
            None => [MAGIC.as_slice(), &self.fields()].concat(),
            Some(seal) => {
                let sealed = seal.seal_alone(&MAGIC_SEALED, &self.fields());
                [MAGIC_SEALED.as_slice(), &sealed].concat()
            }
        };
        let sum = crc32c::crc32c(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    fn fields(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PLAIN_BYTES);
        bytes.extend(self.segment.to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
        bytes.extend(self.batch.to_le_bytes());
        bytes.extend(self.position.entries.to_le_bytes());
        bytes.extend(self.position.root.0);
        bytes.extend(self.hash.0);
        bytes
    }

    /// Reads a slot; `None` when it is torn, was never written, or is not sealed as it should be.
    #[must_use]
    pub fn decode(bytes: &[u8], seal: Option<&Seal>) -> Option<Mark> {
        let (len, magic) = match seal {
            None => (PLAIN_BYTES, MAGIC),
            Some(_) => (MARK_SLOT_BYTES, MAGIC_SEALED),
        };
        let (front, sum) = bytes.get(..len)?.split_at_checked(len - 4)?;
        if crc32c::crc32c(front).to_le_bytes() != sum {
            return None;
        }
        let front = front.strip_prefix(&magic)?;
        let opened = match seal {
            None => front.to_vec(),
            Some(seal) => seal.open_alone(&MAGIC_SEALED, front).ok()?,
        };
        let mut fields = Fields::new("an ack mark", &opened);
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
        let fill: crate::Fill = std::sync::Arc::new(|it| it.fill(7));
        let seal = Seal::new(&[3; 32], fill);
        for (seal, other) in [(None, Some(&seal)), (Some(&seal), None)] {
            let bytes = mark.encode(seal);
            assert!(bytes.len() <= MARK_SLOT_BYTES);
            assert_eq!(Mark::decode(&bytes, seal), Some(mark));
            assert_eq!(Mark::decode(&bytes, other), None);
            for at in 0..bytes.len() {
                let mut torn = bytes.clone();
                torn[at] ^= 0x10;
                assert_eq!(Mark::decode(&torn, seal), None, "byte {at}");
                assert_eq!(Mark::decode(&bytes[..at], seal), None);
            }
            assert_eq!(Mark::decode(&[0; MARK_SLOT_BYTES], seal), None);
        }
    }
}
