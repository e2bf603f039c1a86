//! Frames on their way into a segment: bytes that know where they will stand.

use crate::header::{HEADER_LEN, Seed, batch_low};
use crate::{Close, Codec, Encoder, Frame, HEADER_BYTES, Header, Kind, Prelude, Salt, State};

/// Bytes for one place of one segment.
pub(crate) struct FrameOut {
    seed: Seed,
    /// Where in the segment the first byte belongs.
    start: u64,
    bytes: Vec<u8>,
}

/// What a frame holds, for [`FrameOut::put`].
pub(crate) struct Content<'a> {
    pub(crate) kind: Kind,
    pub(crate) codec: Codec,
    pub(crate) raw_len: usize,
    /// The payload, in two pieces so that a blob need not be copied behind its id first.
    pub(crate) parts: [&'a [u8]; 2],
}

impl FrameOut {
    /// `prefix` stands before the first frame and begins at `start`.
    pub(crate) fn new(salt: Salt, start: u64, prefix: Vec<u8>) -> FrameOut {
        FrameOut { seed: Seed::new(salt), start, bytes: prefix }
    }

    /// Where the next frame will begin.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes the bytes so far, with the place where they belong.
    pub(crate) fn drain(&mut self) -> (u64, Vec<u8>) {
        let at = self.start;
        self.start = self.end();
        (at, std::mem::take(&mut self.bytes))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds a frame of batch number `batch`.
    pub(crate) fn put(&mut self, batch: u64, content: &Content<'_>) -> Header {
        let [head, body] = content.parts;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let header = Header {
            kind: content.kind,
            codec: content.codec,
            batch: batch_low(batch),
            payload_len: number(head.len() + body.len()),
            raw_len: number(content.raw_len),
            payload_crc: crc32c::crc32c_append(crc32c::crc32c(head), body),
        };
        let encoded = header.encode(self.seed, self.end());
        self.bytes.extend_from_slice(&encoded);
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(body);
        header
    }

    /// Adds a frame whose payload is compressed where that makes it smaller.
    pub(crate) fn put_packed(&mut self, batch: u64, kind: Kind, raw: &[u8], encoder: &mut Encoder) {
        let (codec, body) = encoder.compress(raw);
        self.put(batch, &Content { kind, codec, raw_len: raw.len(), parts: [&body, &[]] });
    }

    /// Adds a `Close` frame.
    pub(crate) fn put_close(&mut self, close: &Close) {
        let payload = close.encode();
        let content = Content {
            kind: Kind::Close,
            codec: Codec::Stored,
            raw_len: payload.len(),
            parts: [&payload, &[]],
        };
        self.put(close.state.batch, &content);
    }

    /// Adds a frame of another place or segment as it is; only its header's checksum changes.
    pub(crate) fn copy(&mut self, frame: &Frame<'_>) {
        let encoded = frame.header.encode(self.seed, self.end());
        self.bytes.extend_from_slice(&encoded);
        self.bytes.extend_from_slice(frame.payload);
    }
}

/// The first bytes of a segment: its prelude, and the state of the log where it begins.
#[must_use]
pub fn segment_start(prelude: &Prelude, state: &State) -> Vec<u8> {
    let mut out = FrameOut::new(prelude.salt, 0, prelude.encode());
    out.put_close(&Close { state: state.clone(), footer: None });
    out.into_bytes()
}

/// The frame that closes a log at `offset` of a segment, so that opening it needs no scan.
#[must_use]
pub fn close_frame(salt: Salt, offset: u64, state: &State) -> Vec<u8> {
    let mut out = FrameOut::new(salt, offset, Vec::new());
    out.put_close(&Close { state: state.clone(), footer: None });
    out.into_bytes()
}

/// A frame as it would stand at `offset` of the segment with `salt`: batches keep their hash when
/// they are copied into another segment.
#[must_use]
pub fn copy_frame(salt: Salt, offset: u64, frame: &Frame<'_>) -> Vec<u8> {
    let mut out =
        FrameOut::new(salt, offset, Vec::with_capacity(HEADER_BYTES + frame.payload.len()));
    out.copy(frame);
    debug_assert_eq!(out.len() as u64, HEADER_LEN + frame.payload.len() as u64);
    out.into_bytes()
}
