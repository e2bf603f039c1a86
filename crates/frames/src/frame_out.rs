//! Frames on their way into a segment: bytes that know where they will stand.

use crate::header::{Seed, batch_low};
use crate::seal::sealed_len;
use crate::{
    Casing, Close, Codec, Dictionary, Encoder, Frame, HEADER_BYTES, Header, Kind, Prelude, Seal,
    State,
};

/// Bytes for one place of one segment.
pub(crate) struct FrameOut {
    seed: Seed,
    seal: Option<Seal>,
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
    pub(crate) fn new(casing: Casing, start: u64, prefix: Vec<u8>) -> FrameOut {
        let Casing { salt, seal } = casing;
        FrameOut { seed: Seed::new(salt), seal, start, bytes: prefix }
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
    pub(crate) fn put(&mut self, batch: u64, content: &Content<'_>) {
        self.put_low(batch_low(batch), content);
    }

    fn put_low(&mut self, batch: u16, content: &Content<'_>) {
        let [head, body] = content.parts;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut header = Header {
            kind: content.kind,
            codec: content.codec,
            is_sealed: self.seal.is_some(),
            batch,
            payload_len: number(head.len() + body.len()),
            raw_len: number(content.raw_len),
            payload_crc: 0,
        };
        let (offset, at) = (self.end(), self.bytes.len());
        self.bytes.resize(at + HEADER_BYTES, 0);
        match &self.seal {
            None => {
                self.bytes.extend_from_slice(head);
                self.bytes.extend_from_slice(body);
            }
            Some(seal) => {
                header.payload_len = number(sealed_len(content.kind, head.len() + body.len()));
                if content.kind == Kind::FooterIds {
                    // Pages are as long sealed as plain ones are.
                    header.payload_len = number(content.raw_len);
                }
                seal.seal(&header, offset, content.parts, &mut self.bytes);
            }
        }
        let payload = self.bytes.get(at + HEADER_BYTES..).unwrap_or_default();
        header.payload_crc = crc32c::crc32c(payload);
        debug_assert_eq!(payload.len(), header.payload_len as usize);
        let encoded = header.encode(self.seed, offset);
        if let Some(place) = self.bytes.get_mut(at..at + HEADER_BYTES) {
            place.copy_from_slice(&encoded);
        }
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

    /// Adds a frame of another place or segment: what it says is the same, its checksums and its
    /// seal are those of this place.
    pub(crate) fn copy(&mut self, frame: &Frame<'_>) {
        let Header { kind, codec, batch, raw_len, .. } = frame.header;
        let parts: [&[u8]; 2] = [frame.payload, &[]];
        self.put_low(batch, &Content { kind, codec, raw_len: raw_len as usize, parts });
    }
}

/// The first bytes of a segment: its prelude, the state of the log where it begins, and its
/// dictionary, which the prelude names, with the state once more.
///
/// `seal` is of the key that the prelude names, or `None` when it names none.
#[must_use]
pub fn segment_start(
    prelude: &Prelude,
    seal: Option<&Seal>,
    state: &State,
    dictionary: Option<&Dictionary>,
) -> Vec<u8> {
    let casing = Casing { salt: prelude.salt, seal: seal.cloned() };
    let mut out = FrameOut::new(casing, 0, prelude.encode());
    out.put_close(&Close { state: state.clone(), footer: None });
    if let Some(dictionary) = dictionary {
        let mut encoder = Encoder::for_footers();
        out.put_packed(state.batch, Kind::Dictionary, &dictionary.encode(), &mut encoder);
        out.put_close(&Close { state: state.clone(), footer: None });
    }
    out.into_bytes()
}

/// The frame that closes a log at `offset` of a segment, so that opening it needs no scan.
#[must_use]
pub fn close_frame(casing: impl Into<Casing>, offset: u64, state: &State) -> Vec<u8> {
    let mut out = FrameOut::new(casing.into(), offset, Vec::new());
    out.put_close(&Close { state: state.clone(), footer: None });
    out.into_bytes()
}

/// A frame as it would stand at `offset` of a segment with this casing: batches keep their hash
/// when they are copied into another segment.
#[must_use]
pub fn copy_frame(casing: impl Into<Casing>, offset: u64, frame: &Frame<'_>) -> Vec<u8> {
    let room = HEADER_BYTES + frame.payload.len();
    let mut out = FrameOut::new(casing.into(), offset, Vec::with_capacity(room));
    out.copy(frame);
    out.into_bytes()
}
