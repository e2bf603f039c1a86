//! Blobs as they stand in a frame: hashed, and compressed where that makes them smaller.

use std::cell::RefCell;

use types::BlobId;
use zstd::zstd_safe::{CCtx, compress_bound, get_dict_id_from_frame};

use crate::{Dictionary, EncodedSkeleton, PACKED_BYTES_MAX, Skeleton};

/// The zstd level of what is written with every batch. On mail, level 3 takes a third more time
/// for 1.5 % less space; with a dictionary it is 8 % less.
const LEVEL: i32 = 3;

/// The zstd level of footers, which are written once for many batches.
const FOOTER_LEVEL: i32 = 6;

/// What is longer gains nothing from a dictionary.
const WITH_DICTIONARY_BYTES_MAX: usize = 128 << 10;

/// How the body of a frame is encoded. Numbers are fixed in `docs/format/log.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// As it is.
    Stored,
    /// One zstd frame (RFC 8878) with its content size.
    Zstd,
    /// The same with the dictionary of the segment.
    ZstdDictionary,
}

/// A blob, or one chunk of a large one, ready to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedBlob {
    /// SHA-256 of the decoded bytes.
    pub id: BlobId,
    /// Number of decoded bytes; at most `WHOLE_BLOB_BYTES_MAX`.
    pub raw_len: u32,
    /// How `body` is encoded.
    pub codec: Codec,
    /// The encoded bytes.
    pub body: Vec<u8>,
    /// It came as it is for the log to compress it, with others where it can.
    pub is_loose: bool,
}

/// The number of the dictionary that a body was compressed with, if one was.
#[must_use]
pub fn dictionary_of(codec: Codec, body: &[u8]) -> Option<u32> {
    let id = get_dict_id_from_frame(body).filter(|_| codec == Codec::ZstdDictionary)?;
    Some(id.get())
}

/// Encodes blobs with one compression context, which is costly to make.
pub struct Encoder {
    /// `None` when there was no memory for a context: then everything is stored as it is.
    zstd: Option<CCtx<'static>>,
    level: i32,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}

impl Encoder {
    /// Makes an encoder. Keep it: making one costs more than encoding a small message.
    #[must_use]
    pub fn new() -> Encoder {
        Encoder { zstd: CCtx::try_create(), level: LEVEL }
    }

    /// One for footers.
    #[must_use]
    pub(crate) fn for_footers() -> Encoder {
        Encoder { level: FOOTER_LEVEL, ..Encoder::new() }
    }

    /// Hashes and compresses `bytes`. The log takes at most `WHOLE_BLOB_BYTES_MAX` bytes as one
    /// blob or chunk; larger ones are cut before.
    pub fn encode(&mut self, bytes: &[u8]) -> EncodedBlob {
        self.encode_hashed(BlobId::of(bytes), bytes, None)
    }

    /// The same when the caller has hashed `bytes` already: `id` must be `BlobId::of(bytes)`.
    /// With the dictionary where it helps. What is compressed already is stored as it is.
    pub fn encode_hashed(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> EncodedBlob {
        let raw_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (codec, body) = if is_compressed(bytes) {
            (Codec::Stored, bytes.to_vec())
        } else {
            self.compress_with(bytes, dictionary)
        };
        EncodedBlob { id, raw_len, codec, body, is_loose: false }
    }

    /// Compresses the body of a pack.
    pub(crate) fn compress_pack(
        &mut self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> (Codec, Vec<u8>) {
        self.compress_by(bytes, dictionary)
    }

    /// Compresses `bytes`, or keeps them where that would not make them smaller.
    pub(crate) fn compress(&mut self, bytes: &[u8]) -> (Codec, Vec<u8>) {
        self.compress_with(bytes, None)
    }

    /// The same with a dictionary, where it helps.
    pub(crate) fn compress_with(
        &mut self,
        bytes: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> (Codec, Vec<u8>) {
        self.compress_by(bytes, dictionary.filter(|_| bytes.len() <= WITH_DICTIONARY_BYTES_MAX))
    }

    fn compress_by(&mut self, bytes: &[u8], dictionary: Option<&Dictionary>) -> (Codec, Vec<u8>) {
        let dictionary = dictionary.and_then(Dictionary::compressor);
        let level = self.level;
        let mut packed = Vec::with_capacity(compress_bound(bytes.len()));
        let done = self.zstd.as_mut().map(|zstd| match dictionary {
            Some(dictionary) => zstd.compress_using_cdict(&mut packed, bytes, dictionary),
            None => zstd.compress(&mut packed, bytes, level),
        });
        let codec = dictionary.map_or(Codec::Zstd, |_| Codec::ZstdDictionary);
        match done {
            Some(Ok(_)) if packed.len() < bytes.len() => {
                packed.shrink_to_fit();
                (codec, packed)
            }
            _ => (Codec::Stored, bytes.to_vec()),
        }
    }
}

/// Whether bytes begin like a format that is compressed already.
fn is_compressed(bytes: &[u8]) -> bool {
    const MAGICS: [&[u8]; 12] = [
        b"\x89PNG\r\n",
        b"\xff\xd8\xff",
        b"GIF8",
        b"\x1f\x8b\x08",
        b"BZh",
        b"\xfd7zXZ\x00",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"\x28\xb5\x2f\xfd",
        b"OggS",
        b"ID3",
        b"wOF2",
    ];
    MAGICS.iter().any(|it| bytes.starts_with(it))
}

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::new());
}

/// Hashes and compresses `bytes` with this thread's [`Encoder`].
#[must_use]
pub fn encode_blob(bytes: &[u8]) -> EncodedBlob {
    ENCODER.with_borrow_mut(|it| it.encode(bytes))
}

/// The same as [`encode_blob`] when the caller has hashed `bytes` already: `id` must be
/// `BlobId::of(bytes)`. With the dictionary of the log, when it has one.
#[must_use]
pub fn encode_hashed_blob(
    id: BlobId,
    bytes: &[u8],
    dictionary: Option<&Dictionary>,
) -> EncodedBlob {
    ENCODER.with_borrow_mut(|it| it.encode_hashed(id, bytes, dictionary))
}

/// A blob as it is, for the log to compress with others. What is too long for that, or compressed
/// already, is encoded now. `id` must be `BlobId::of(bytes)`.
#[must_use]
pub fn loose_blob(id: BlobId, bytes: &[u8], dictionary: Option<&Dictionary>) -> EncodedBlob {
    if PACKED_BYTES_MAX < bytes.len() || is_compressed(bytes) {
        return encode_hashed_blob(id, bytes, dictionary);
    }
    let raw_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    EncodedBlob { id, raw_len, codec: Codec::Stored, body: bytes.to_vec(), is_loose: true }
}

/// The skeleton of the message `id` as it is, for the log to compress with others. One that is too
/// long for that is encoded now.
#[must_use]
pub fn loose_skeleton(
    id: BlobId,
    skeleton: &Skeleton,
    dictionary: Option<&Dictionary>,
) -> EncodedSkeleton {
    let is_small = skeleton.text.len() < PACKED_BYTES_MAX && skeleton.total_len < 1 << 32;
    let loose = Some(skeleton).filter(|_| is_small).map(|it| it.loose(id));
    let loose = loose.filter(|it| it.body.len() <= PACKED_BYTES_MAX);
    loose.unwrap_or_else(|| encode_skeleton(id, skeleton, dictionary))
}

/// Encodes the skeleton of the message `id` with this thread's [`Encoder`].
#[must_use]
pub fn encode_skeleton(
    id: BlobId,
    skeleton: &Skeleton,
    dictionary: Option<&Dictionary>,
) -> EncodedSkeleton {
    ENCODER.with_borrow_mut(|it| skeleton.encode(id, it, dictionary))
}

/// Compresses bytes with this thread's [`Encoder`]: another body for the same content.
#[must_use]
pub fn encode_again(bytes: &[u8], dictionary: Option<&Dictionary>) -> (Codec, Vec<u8>) {
    ENCODER.with_borrow_mut(|it| it.compress_with(bytes, dictionary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_gain_or_none_is_stored() {
        let text = b"The quick brown fox. The quick brown fox. The quick brown fox.".repeat(9);
        let packed = encode_blob(&text);
        assert_eq!(packed.codec, Codec::Zstd);
        assert!(packed.body.len() < text.len() / 4);
        assert_eq!(packed.id, BlobId::of(&text));
        assert_eq!(packed.raw_len as usize, text.len());
        for bytes in [&b""[..], b"x", b"\x00\x9f\x13\xa7"] {
            let stored = encode_blob(bytes);
            assert_eq!((stored.codec, stored.body.as_slice()), (Codec::Stored, bytes));
        }
        let picture = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; 500]].concat();
        assert_eq!(encode_blob(&picture).codec, Codec::Stored);
    }
}
