//! A segment written once more, with less in it.
//!
//! Batches keep their numbers and hashes: entries stay byte for byte, an erased blob leaves a
//! `Gone` frame, an erased detail nothing.

use std::sync::Arc;

use types::BlobId;

use crate::frame_out::{Content, FrameOut, segment_start};
use crate::payload::{decode_body, decode_body_with, decode_details, encode_details};
use crate::{
    Casing, Close, Codec, Commit, Contents, Dictionary, Encoder, Flaw, Frame, Gone, Kind, Pack,
    Prelude, State,
};

/// Builds a segment out of the frames of another one, taken in order.
pub struct Rewriter {
    out: FrameOut,
    /// Where the batch begins that is being written.
    batch_start: u64,
    encoder: Encoder,
    /// That of the new segment.
    dictionary: Option<Arc<Dictionary>>,
}

impl Rewriter {
    /// Begins the segment, whose log begins with `state`. Its prelude names `dictionary`.
    #[must_use]
    pub fn new(
        prelude: &Prelude,
        casing: Casing,
        state: &State,
        dictionary: Option<Arc<Dictionary>>,
    ) -> Rewriter {
        let start = segment_start(prelude, casing.seal.as_ref(), state, dictionary.as_deref());
        let out = FrameOut::new(casing, 0, start);
        let batch_start = out.end();
        Rewriter { out, batch_start, encoder: Encoder::new(), dictionary }
    }

    /// Where the next frame will begin.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.out.end()
    }

    /// Takes a frame over; `from` is the dictionary of the segment it comes from.
    pub fn copy(&mut self, frame: &Frame<'_>, from: Option<&Dictionary>) -> Result<(), Flaw> {
        let is_same = from.map(Dictionary::id) == self.dictionary.as_ref().map(|it| it.id());
        if frame.header.codec != Codec::ZstdDictionary || is_same {
            self.out.copy(frame);
            return Ok(());
        }
        if frame.header.kind == Kind::Pack {
            let contents = Contents::open(&frame.header, frame.payload, from)?;
            self.put_pack(frame, &contents.into());
            return Ok(());
        }
        let head_len = frame.header.kind.head_len();
        let (head, body) = frame.payload.split_at_checked(head_len).ok_or(Flaw::Short)?;
        let raw = decode_body_with(&frame.header, body, from)?;
        let (codec, body) = self.encoder.compress_with(&raw, self.dictionary.as_deref());
        let kind = frame.header.kind;
        let content = Content { kind, codec, raw_len: raw.len(), parts: [head, &body] };
        self.out.put(frame.header.batch.into(), &content);
        Ok(())
    }

    /// Takes of a pack what does not go.
    pub fn pack(
        &mut self,
        frame: &Frame<'_>,
        from: Option<&Dictionary>,
        goes: &dyn Fn(&BlobId) -> bool,
    ) -> Result<(), Flaw> {
        let all = crate::items(&frame.header, frame.payload)?;
        if !all.iter().any(|it| !it.is_gone && goes(&it.id)) {
            return self.copy(frame, from);
        }
        let contents = Contents::open(&frame.header, frame.payload, from)?;
        self.put_pack(frame, &contents.without(goes).into());
        Ok(())
    }

    fn put_pack(&mut self, of: &Frame<'_>, pack: &Pack) {
        let (codec, payload) = pack.encode(&mut self.encoder, self.dictionary.as_deref());
        self.put(of, Kind::Pack, codec, pack.len(), &payload);
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
