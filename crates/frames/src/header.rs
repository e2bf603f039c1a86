//! The header of a frame: what follows, how long it is, and two checksums.
//!
//! Rules:
//! - Kind and codec numbers are fixed; new ones are added, none is used again.
//! - The header's checksum is seeded with the segment's salt and the frame's own offset. Bytes
//!   inside a mail are therefore never taken for a frame: not forged ones, not those copied from
//!   another segment, and not those copied from another place of the same segment.

use types::limits::FRAME_PAYLOAD_BYTES_MAX;

use crate::seal::{SEALED_MORE_MAX, plain_len};
use crate::skeleton::SKELETON_HEAD_BYTES;
use crate::{Codec, Flaw, ID_BYTES};

/// Length of a frame header in bytes.
pub const HEADER_BYTES: usize = 24;

/// [`HEADER_BYTES`] as a distance in a segment.
pub(crate) const HEADER_LEN: u64 = HEADER_BYTES as u64;

/// The first bytes of every frame. Not UTF-8, and no text begins like this.
pub const FRAME_MAGIC: [u8; 4] = [0xf5, b'P', b'h', 0x1a];

/// The random bytes that make a segment's checksums its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Salt(pub [u8; 16]);

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A blob: id and body.
    Blob,
    /// A piece of a large blob: id and body.
    Chunk,
    /// A large blob as the list of its chunks.
    ChunkList,
    /// A message as its skeleton: id, length, and pieces that name blobs.
    Skeleton,
    /// Entries of the batch, in order.
    Entries,
    /// Details of entries of the batch.
    Details,
    /// What is left of an erased blob.
    Gone,
    /// Small blobs and skeletons, compressed together.
    Pack,
    /// The end of a batch.
    Commit,
    /// The state of the log at this place: where a segment begins, is closed, or is sealed.
    Close,
    /// Entries, details and commits of a sealed segment once more.
    FooterRun,
    /// The ids of a sealed segment, sorted.
    FooterIds,
    /// The filter over the ids of a sealed segment.
    FooterFilter,
    /// The dictionary of a segment, near its beginning.
    Dictionary,
}

impl Kind {
    /// Kinds with their numbers. Reserved: 12 anchors (signed checkpoints).
    const NUMBERS: [(Kind, u8); 14] = [
        (Kind::Blob, 1),
        (Kind::Chunk, 2),
        (Kind::ChunkList, 3),
        (Kind::Entries, 4),
        (Kind::Details, 5),
        (Kind::Commit, 6),
        (Kind::Close, 7),
        (Kind::FooterRun, 8),
        (Kind::FooterIds, 9),
        (Kind::FooterFilter, 10),
        (Kind::Dictionary, 11),
        (Kind::Skeleton, 13),
        (Kind::Gone, 14),
        (Kind::Pack, 15),
    ];

    /// The number that stands for this kind on disk.
    #[must_use]
    pub fn number(self) -> u8 {
        Kind::NUMBERS.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    pub(crate) fn from_number(number: u8) -> Option<Kind> {
        Kind::NUMBERS.iter().find(|(_, it)| *it == number).map(|(kind, _)| *kind)
    }

    /// Whether frames of this kind are part of a batch.
    #[must_use]
    pub fn is_content(self) -> bool {
        matches!(
            self,
            Kind::Blob
                | Kind::Chunk
                | Kind::ChunkList
                | Kind::Skeleton
                | Kind::Entries
                | Kind::Details
                | Kind::Gone
                | Kind::Pack
                | Kind::Commit
        )
    }

    /// Bytes at the beginning of a payload that say which blob it is, and how long that is where
    /// the header does not.
    pub(crate) fn head_len(self) -> usize {
        match self {
            Kind::ChunkList => ID_BYTES + 8,
            Kind::Skeleton => SKELETON_HEAD_BYTES,
            _ if self.has_id() => ID_BYTES,
            _ => 0,
        }
    }

    /// Whether frames of this kind begin with the id of a blob.
    #[must_use]
    pub fn has_id(self) -> bool {
        matches!(self, Kind::Blob | Kind::Chunk | Kind::ChunkList | Kind::Skeleton)
    }
}

impl Codec {
    /// The number that stands for this codec on disk.
    fn number(self) -> u8 {
        match self {
            Codec::Stored => 0,
            Codec::Zstd => 1,
            Codec::ZstdDictionary => 2,
        }
    }

    fn from_number(number: u8) -> Option<Codec> {
        match number {
            0 => Some(Codec::Stored),
            1 => Some(Codec::Zstd),
            2 => Some(Codec::ZstdDictionary),
            _ => None,
        }
    }
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the frame holds.
    pub kind: Kind,
    /// How its payload (of a blob: its body) is encoded.
    pub codec: Codec,
    /// Whether the encoded payload is sealed.
    pub is_sealed: bool,
    /// The low 16 bits of the number of the batch that it belongs to; of a `Close` or footer
    /// frame, of the last batch before it.
    pub batch: u16,
    /// Bytes that follow the header.
    pub payload_len: u32,
    /// Bytes after decoding: of a blob's body, else of the whole payload.
    pub raw_len: u32,
    /// CRC32C of the payload as it stands.
    pub payload_crc: u32,
}

/// Added to the number of a codec: the payload is sealed.
const SEALED: u8 = 0x80;

/// Places a header's checksum: the salt of its segment, hashed in advance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(salt: Salt) -> Seed {
        Seed(crc32c::crc32c(&salt.0))
    }

    fn sum(self, offset: u64, fields: &[u8]) -> u32 {
        let placed = crc32c::crc32c_append(self.0, &offset.to_le_bytes());
        crc32c::crc32c_append(placed, fields)
    }
}

/// Header fields without the magic and the header's own checksum.
pub(crate) type Fields = [u8; 16];

impl Header {
    /// Length of the whole frame in bytes.
    #[must_use]
    pub fn frame_len(&self) -> u64 {
        HEADER_LEN + u64::from(self.payload_len)
    }

    pub(crate) fn fields(&self) -> Fields {
        let mut fields = [0; 16];
        let [a, b] = self.batch.to_le_bytes();
        let sealed = if self.is_sealed { SEALED } else { 0 };
        let head = [self.kind.number(), self.codec.number() | sealed, a, b];
        let numbers = [self.payload_len, self.raw_len, self.payload_crc];
        let tail = numbers.iter().flat_map(|it| it.to_le_bytes());
        for (to, from) in fields.iter_mut().zip(head.into_iter().chain(tail)) {
            *to = from;
        }
        fields
    }

    pub(crate) fn encode(&self, seed: Seed, offset: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let (front, sum) = bytes.split_at_mut(HEADER_BYTES - 4);
        let (magic, fields) = front.split_at_mut(FRAME_MAGIC.len());
        magic.copy_from_slice(&FRAME_MAGIC);
        fields.copy_from_slice(&self.fields());
        sum.copy_from_slice(&seed.sum(offset, front).to_le_bytes());
        bytes
    }

    /// Reads a header that stands at `offset`; `bytes` may be longer.
    pub(crate) fn decode(bytes: &[u8], seed: Seed, offset: u64) -> Result<Header, Flaw> {
        let Some(([front @ .., s0, s1, s2, s3], _)) = bytes.split_first_chunk::<HEADER_BYTES>()
        else {
            return Err(Flaw::Short);
        };
        let [m0, m1, m2, m3, kind, codec, b0, b1, numbers @ ..] = front;
        if [*m0, *m1, *m2, *m3] != FRAME_MAGIC {
            return Err(Flaw::NoFrame);
        }
        if u32::from_le_bytes([*s0, *s1, *s2, *s3]) != seed.sum(offset, front) {
            return Err(Flaw::HeaderSum);
        }
        let mut numbers = numbers
            .chunks_exact(4)
            .map(|it| it.first_chunk::<4>().map_or(0, |it| u32::from_le_bytes(*it)));
        let mut next = || numbers.next().unwrap_or(0);
        let header = Header {
            kind: Kind::from_number(*kind).ok_or(Flaw::UnknownKind(*kind))?,
            codec: Codec::from_number(*codec & !SEALED).ok_or(Flaw::UnknownCodec(*codec))?,
            is_sealed: *codec & SEALED != 0,
            batch: u16::from_le_bytes([*b0, *b1]),
            payload_len: next(),
            raw_len: next(),
            payload_crc: next(),
        };
        let room = if header.is_sealed { SEALED_MORE_MAX } else { 0 };
        let is_long = FRAME_PAYLOAD_BYTES_MAX + room < header.payload_len as usize;
        if is_long || FRAME_PAYLOAD_BYTES_MAX < header.raw_len as usize {
            return Err(Flaw::Length);
        }
        if header.lengths_fit() { Ok(header) } else { Err(Flaw::Malformed("a frame header")) }
    }

    /// Bytes of the payload before it was sealed; `None` when it is too short to be sealed.
    fn plain_len(&self) -> Option<usize> {
        let len = self.payload_len as usize;
        if self.is_sealed { plain_len(self.kind, len) } else { Some(len) }
    }

    /// Whether the two lengths agree where the codec says how.
    fn lengths_fit(&self) -> bool {
        let Header { kind, codec, raw_len, .. } = *self;
        let Some(payload_len) = self.plain_len() else { return false };
        let id_len = match kind {
            Kind::Skeleton => SKELETON_HEAD_BYTES,
            _ if kind.has_id() => ID_BYTES,
            _ => 0,
        };
        let Some(body_len) = payload_len.checked_sub(id_len) else { return false };
        match (codec, kind) {
            // How long its directory is stands in the payload.
            (_, Kind::Pack) => true,
            (Codec::Stored, _) => body_len == raw_len as usize,
            (
                Codec::Zstd,
                Kind::Blob
                | Kind::Chunk
                | Kind::Skeleton
                | Kind::Entries
                | Kind::Details
                | Kind::Dictionary
                | Kind::FooterRun,
            ) => true,
            (Codec::ZstdDictionary, Kind::Blob | Kind::Chunk | Kind::Skeleton) => true,
            (Codec::Zstd | Codec::ZstdDictionary, _) => false,
        }
    }
}

/// The low 16 bits of a batch number, as headers carry them.
#[must_use]
pub(crate) fn batch_low(number: u64) -> u16 {
    // Truncation is what is asked for.
    u16::try_from(number & 0xffff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    const HEADER: Header = Header {
        kind: Kind::Details,
        codec: Codec::Zstd,
        is_sealed: false,
        batch: 0x0201,
        payload_len: 300,
        raw_len: 70_000,
        payload_crc: 0xdead_beef,
    };

    fn seed(byte: u8) -> Seed {
        Seed::new(Salt([byte; 16]))
    }

    #[test]
    fn the_bytes_of_a_header() {
        let bytes = HEADER.encode(seed(7), 64);
        let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
        expect!["f550681a050101022c01000070110100efbeaddeed0324af"].assert_eq(&hex);
        assert_eq!(Header::decode(&bytes, seed(7), 64), Ok(HEADER));
    }

    #[test]
    fn every_bit_salt_and_place_counts() {
        let bytes = HEADER.encode(seed(7), 64);
        for bit in 0..HEADER_BYTES * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bytes, seed(7), 64).is_err(), "bit {bit}");
        }
        assert_eq!(Header::decode(&bytes, seed(8), 64), Err(Flaw::HeaderSum));
        assert_eq!(Header::decode(&bytes, seed(7), 65), Err(Flaw::HeaderSum));
        assert_eq!(Header::decode(&bytes[..23], seed(7), 64), Err(Flaw::Short));
    }

    #[test]
    fn kinds_of_a_newer_version_are_named() {
        let mut bytes = HEADER.encode(seed(7), 0);
        for (at, number, want) in [
            (4, 12, Flaw::UnknownKind(12)),
            (5, 3, Flaw::UnknownCodec(3)),
            (5, 0x83, Flaw::UnknownCodec(0x83)),
        ] {
            let mut newer = bytes;
            newer[at] = number;
            let sum = seed(7).sum(0, &newer[..20]).to_le_bytes();
            newer[20..].copy_from_slice(&sum);
            assert_eq!(Header::decode(&newer, seed(7), 0), Err(want));
        }
        bytes[11] = 1;
        let sum = seed(7).sum(0, &bytes[..20]).to_le_bytes();
        bytes[20..].copy_from_slice(&sum);
        assert_eq!(Header::decode(&bytes, seed(7), 0), Err(Flaw::Length));
    }
}
