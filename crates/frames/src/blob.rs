//! Blobs as they stand in a frame: hashed, and compressed where that makes them smaller.

use std::cell::RefCell;

use types::BlobId;

use crate::{EncodedSkeleton, Skeleton};
use zstd::bulk::Compressor;

/// The zstd level of everything in the log. On mail, level 3 takes a third more time for 1.5 %
/// less space.
pub(crate) const ZSTD_LEVEL: i32 = 1;

/// How the body of a frame is encoded. Numbers are fixed in `docs/format/log.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// As it is.
    Stored,
    /// One zstd frame (RFC 8878) with its content size.
    Zstd,
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
}

/// Encodes blobs with one compression context, which is costly to make.
pub struct Encoder {
    /// `None` when there was no memory for a context: then everything is stored as it is.
    zstd: Option<Compressor<'static>>,
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
        Encoder { zstd: Compressor::new(ZSTD_LEVEL).ok() }
    }

    /// Hashes and compresses `bytes`. The log takes at most `WHOLE_BLOB_BYTES_MAX` bytes as one
    /// blob or chunk; larger ones are cut before.
    pub fn encode(&mut self, bytes: &[u8]) -> EncodedBlob {
        self.encode_hashed(BlobId::of(bytes), bytes)
    }

    /// The same when the caller has hashed `bytes` already: `id` must be `BlobId::of(bytes)`.
    pub fn encode_hashed(&mut self, id: BlobId, bytes: &[u8]) -> EncodedBlob {
        let raw_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (codec, body) = self.compress(bytes);
        EncodedBlob { id, raw_len, codec, body }
    }

    /// Compresses `bytes`, or keeps them where that would not make them smaller.
    pub(crate) fn compress(&mut self, bytes: &[u8]) -> (Codec, Vec<u8>) {
        let packed = self.zstd.as_mut().and_then(|it| it.compress(bytes).ok());
        match packed {
            Some(packed) if packed.len() < bytes.len() => (Codec::Zstd, packed),
            _ => (Codec::Stored, bytes.to_vec()),
        }
    }
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
/// `BlobId::of(bytes)`.
#[must_use]
pub fn encode_hashed_blob(id: BlobId, bytes: &[u8]) -> EncodedBlob {
    ENCODER.with_borrow_mut(|it| it.encode_hashed(id, bytes))
}

/// Encodes the skeleton of the message `id` with this thread's [`Encoder`].
#[must_use]
pub fn encode_skeleton(id: BlobId, skeleton: &Skeleton) -> EncodedSkeleton {
    ENCODER.with_borrow_mut(|it| skeleton.encode(id, it))
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
    }
}
