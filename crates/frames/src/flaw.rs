//! What can be wrong with bytes that should be a frame, a batch or a segment.

use std::io;

use thiserror::Error;

/// Why bytes are not what they should be. A sentence for people; callers add segment and offset.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Fewer bytes than a frame, or a segment prelude, needs.
    #[error("the bytes end too early")]
    Short,
    /// Other bytes stand where a frame should begin.
    #[error("no frame begins here")]
    NoFrame,
    /// The header does not match its checksum (or is that of another segment or place).
    #[error("a frame header does not match its checksum")]
    HeaderSum,
    /// The payload does not match its checksum.
    #[error("a frame's payload does not match its checksum")]
    PayloadSum,
    /// A frame of a newer version.
    #[error("frames of kind {0} are not known to this version")]
    UnknownKind(u8),
    /// A codec of a newer version.
    #[error("the frame codec {0} is not known to this version")]
    UnknownCodec(u8),
    /// Segments of a newer version.
    #[error("segments of version {0} are not known to this version")]
    UnknownVersion(u16),
    /// A frame is longer than any may be.
    #[error("a frame is longer than the limit")]
    Length,
    /// A payload does not match its seal: its bytes were changed by somebody who made the checksum
    /// fit, or they are those of another place.
    #[error("a frame's payload does not match its seal")]
    Seal,
    /// A plain frame stands in an encrypted segment, or a sealed one in another.
    #[error("a frame is not encrypted as its segment is")]
    Casing,
    /// The payload cannot be decoded.
    #[error("{0} cannot be decoded")]
    Malformed(&'static str),
    /// A frame stands where one of its kind may not.
    #[error("a frame stands where it does not belong")]
    OutOfOrder,
    /// What a frame says of the log is not so.
    #[error("{0} does not match what stands before it")]
    Mismatch(&'static str),
}

/// Reading failed, or what was read is wrong.
#[derive(Debug, Error)]
pub enum ReadFlaw {
    /// The disk did not give the bytes.
    #[error("failed to read")]
    Io(#[from] io::Error),
    /// The bytes are wrong.
    #[error("{flaw} (offset {offset})")]
    Flaw {
        /// Where in the segment.
        offset: u64,
        /// What.
        flaw: Flaw,
    },
}

impl ReadFlaw {
    /// What is wrong at `offset`.
    pub fn at(offset: u64) -> impl FnOnce(Flaw) -> ReadFlaw {
        move |flaw| ReadFlaw::Flaw { offset, flaw }
    }
}
