//! Limits that more than one crate holds to. Each has a name; none is a guess made in passing.

/// The largest payload of one frame of the log, in bytes. A larger blob is stored as chunks.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The size of the pieces in which a large blob is stored, in bytes (the last one is shorter).
pub const CHUNK_BYTES: usize = 512 << 10;

/// A blob up to this size is one frame; above it, chunks. In bytes.
pub const WHOLE_BLOB_BYTES_MAX: usize = CHUNK_BYTES;

/// A message up to this size is held in memory and parsed whole. Of a larger one the parser is
/// given this many bytes from its start, and a defect says so.
pub const PARSE_BYTES_MAX: usize = 8 << 20;

/// A batch of the log closes at the latest at this many payload bytes.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// An entry is at most this long, in bytes.
pub const ENTRY_BYTES_MAX: usize = 4096;

/// A detail is at most this long, in bytes; its longest fields are shortened to fit.
pub const DETAIL_BYTES_MAX: usize = 64 << 10;

/// Message bytes that one run may hold between network and log, over all its connections.
pub const IN_FLIGHT_BYTES_MAX: usize = 32 << 20;

/// The most text of one message that is given to the index, in bytes.
pub const INDEX_TEXT_BYTES_MAX: usize = 1 << 20;
