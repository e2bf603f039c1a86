//! A segment written once more, with less in it.
//!
//! Batches keep their numbers and hashes: entries stay byte for byte, an erased blob leaves a
//! `Gone` frame, an erased detail nothing.

use crate::frame_out::{Content, FrameOut};
use crate::payload::{decode_body, decode_body_with, decode_details, encode_details};
use crate::{
    Casing, Close, Codec, Commit, Dictionary, Encoder, Flaw, Frame, Gone, Kind, Prelude, State,
};

/// Builds a segment out of the frames of another one, taken in order.
pub struct Rewriter {
    out: FrameOut,
    /// Where the batch begins that is being written.
    batch_start: u64,
    encoder: Encoder,
}

impl Rewriter {
    /// Begins the segment, whose log begins with `state`.
    #[must_use]
    pub fn new(prelude: &Prelude, casing: Casing, state: &State) -> Rewriter {
        let mut out = FrameOut::new(casing, 0, prelude.encode());
        out.put_close(&Close { state: state.clone(), footer: None });
        let batch_start = out.end();
        Rewriter { out, batch_start, encoder: Encoder::new() }
    }

    /// Where the next frame will begin.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.out.end()
    }

    /// Takes a frame as it is.
    pub fn copy(&mut self, frame: &Frame<'_>) {
        self.out.copy(frame);
    }

    /// Takes a frame over into a segment that has no dictionary; `dictionary` is that of the
    /// segment it comes from.
    pub fn copy_without(
        &mut self,
        frame: &Frame<'_>,
        dictionary: Option<&Dictionary>,
    ) -> Result<(), Flaw> {
        if frame.header.codec != Codec::ZstdDictionary {
            self.out.copy(frame);
            return Ok(());
        }
        let head_len = frame.header.kind.head_len();
        let (head, body) = frame.payload.split_at_checked(head_len).ok_or(Flaw::Short)?;
        let raw = decode_body_with(&frame.header, body, dictionary)?;
        let (codec, body) = self.encoder.compress(&raw);
        let kind = frame.header.kind;
        let content = Content { kind, codec, raw_len: raw.len(), parts: [head, &body] };
        self.out.put(frame.header.batch.into(), &content);
        Ok(())
    }

    /// Leaves of a blob, chunk, list or skeleton only that it was there.
    pub fn gone(&mut self, frame: &Frame<'_>) -> Result<(), Flaw> {
        let payload = Gone::of(&frame.header, frame.payload)?.encode();
        self.put(frame, Kind::Gone, Codec::Stored, payload.len(), &payload);
        Ok(())
    }

    /// Takes of a frame of details those whose entries `keep` names, in line; a frame of none
    /// goes.
    pub fn details(&mut self, frame: &Frame<'_>, keep: impl Fn(u64) -> bool) -> Result<(), Flaw> {
        let raw = decode_body(&frame.header, frame.payload)?;
        let all = decode_details(&raw)?;
        if all.iter().all(|(number, _)| keep(*number)) {
            self.out.copy(frame);
            return Ok(());
        }
        let kept = all.into_iter().filter(|(number, _)| keep(*number));
        let kept: Vec<_> = kept.map(|(number, bytes)| (number, bytes.to_vec())).collect();
        for raw in encode_details(&kept) {
            let (codec, body) = self.encoder.compress(&raw);
            self.put(frame, Kind::Details, codec, raw.len(), &body);
        }
        Ok(())
    }

    /// Ends a batch with its commit, which gives its length anew.
    pub fn commit(&mut self, frame: &Frame<'_>) -> Result<(), Flaw> {
        let mut commit = Commit::decode(frame.payload)?;
        commit.bytes = self.end() - self.batch_start;
        let payload = commit.encode();
        self.put(frame, Kind::Commit, Codec::Stored, payload.len(), &payload);
        self.batch_start = self.end();
        Ok(())
    }

    /// Adds a close frame: the log up to here.
    pub fn close(&mut self, state: &State) {
        self.out.put_close(&Close { state: state.clone(), footer: None });
        self.batch_start = self.end();
    }

    fn put(&mut self, of: &Frame<'_>, kind: Kind, codec: Codec, raw_len: usize, body: &[u8]) {
        let content = Content { kind, codec, raw_len, parts: [body, &[]] };
        self.out.put(of.header.batch.into(), &content);
    }

    /// Bytes that are ready, with the offset where they belong.
    pub fn drain(&mut self) -> (u64, Vec<u8>) {
        self.out.drain()
    }
}
