//! The first bytes of a segment file: what it is, and the salt that all its frames need.

use crate::wire::Fields;
use crate::{Flaw, KeyName, Salt};

/// Length of a segment's prelude in bytes.
pub const PRELUDE_BYTES: usize = 64;

/// The format version that this program writes.
pub const FORMAT_VERSION: u16 = 1;

/// High bit, name, and line ends that a text-mode copy would change.
const MAGIC: [u8; 8] = *b"\x89PHseg\r\n";

const KEY_ID_NONE: [u8; 16] = [0; 16];
const FLAG_BEGINS_WITH_ERASURE: u16 = 1;
const FLAG_COMPACTED: u16 = 2;

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prelude {
    /// The number that the file is named by, from 1.
    pub segment: u32,
    /// Seeds the checksums of its frame headers.
    pub salt: Salt,
    /// How many bytes of the segment before count, or 0 when this is the first. Bytes beyond
    /// were a torn tail. Does not count when the one before is compacted.
    pub previous_end: u64,
    /// Names the key that its frames are sealed with; `None` when they are not.
    pub key: Option<KeyName>,
    /// What else is to be known of it.
    pub marks: SegmentMarks,
    /// The number of its dictionary; 0 when it has none.
    pub dictionary: u32,
}

/// What is to be known of a segment before it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SegmentMarks {
    /// It may hold entries of erasure, in the batches that come first in it.
    pub begins_with_erasure: bool,
    /// It was written once more by compaction: it ends with its file, by a close frame, whatever
    /// the next segment says.
    pub is_compacted: bool,
}

impl SegmentMarks {
    fn number(self) -> u16 {
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        bit(self.begins_with_erasure, FLAG_BEGINS_WITH_ERASURE)
            | bit(self.is_compacted, FLAG_COMPACTED)
    }

    fn from_number(number: u16) -> Option<SegmentMarks> {
        let marks = SegmentMarks {
            begins_with_erasure: number & FLAG_BEGINS_WITH_ERASURE != 0,
            is_compacted: number & FLAG_COMPACTED != 0,
        };
        (marks.number() == number).then_some(marks)
    }
}

impl Prelude {
    /// The bytes on disk.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PRELUDE_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend(self.marks.number().to_le_bytes());
        bytes.extend(self.segment.to_le_bytes());
        bytes.extend(self.salt.0);
        bytes.extend(self.key.map_or(KEY_ID_NONE, |it| it.0));
        bytes.extend(self.dictionary.to_le_bytes());
        bytes.extend(self.previous_end.to_le_bytes());
        let sum = crc32c::crc32c(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// Reads a prelude; `bytes` may be longer. A wrong version is told from damage: the checksum
    /// stands at the same place in every version.
    pub fn decode(bytes: &[u8]) -> Result<Prelude, Flaw> {
        let what = "the segment's prelude";
        let bytes = bytes.get(..PRELUDE_BYTES).ok_or(Flaw::Short)?;
        let (front, sum) = bytes.split_at_checked(PRELUDE_BYTES - 4).ok_or(Flaw::Short)?;
        let mut fields = Fields::new(what, front);
        let magic: [u8; 8] = fields.array()?;
        if crc32c::crc32c(front).to_le_bytes() != sum || magic != MAGIC {
            return Err(Flaw::Malformed(what));
        }
        let version = fields.u16()?;
        if version != FORMAT_VERSION {
            return Err(Flaw::UnknownVersion(version));
        }
        let marks = SegmentMarks::from_number(fields.u16()?);
        let segment = fields.u32()?;
        let salt = Salt(fields.array()?);
        let key_id: [u8; 16] = fields.array()?;
        let dictionary = fields.u32()?;
        let previous_end = fields.u64()?;
        // Written by a newer version, which should have named the feature in `store.toml` too.
        let Some(marks) = marks else {
            return Err(Flaw::UnknownVersion(version));
        };
        let key = Some(KeyName(key_id)).filter(|it| it.0 != KEY_ID_NONE);
        Ok(Prelude { segment, salt, previous_end, key, marks, dictionary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_bytes_of_a_prelude() {
        let (salt, previous_end) = (Salt([0xab; 16]), 0x0102_0304);
        let marks = SegmentMarks::default();
        let prelude = Prelude { segment: 3, salt, previous_end, key: None, marks, dictionary: 0 };
        let bytes = prelude.encode();
        let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
        expect!["8950487365670d0a0100000003000000abababababababababababababababab00000000000000000000000000000000000000000403020100000000e10812d6"].assert_eq(&hex);
        assert_eq!(Prelude::decode(&bytes), Ok(prelude));
        for bit in 0..PRELUDE_BYTES * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Prelude::decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_not_damage() {
        let salt = Salt::default();
        let key = Some(KeyName([9; 16]));
        let marks = SegmentMarks::default();
        let prelude = Prelude { segment: 1, salt, previous_end: 0, key, marks, dictionary: 7 };
        let mut bytes = prelude.encode();
        assert_eq!(Prelude::decode(&bytes), Ok(prelude));
        bytes[8] = 2;
        let sum = crc32c::crc32c(&bytes[..60]).to_le_bytes();
        bytes[60..].copy_from_slice(&sum);
        assert_eq!(Prelude::decode(&bytes), Err(Flaw::UnknownVersion(2)));
    }
}
