//! Blobs as they stand in a frame.

use types::BlobId;

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
