//! The footer of a sealed segment: its entries once more, its ids sorted, a filter over them.
//!
//! The run holds entries, details and commits of the segment without the blobs. It is a sequence
//! of records, each a decoded payload behind its kind and length, cut into the payloads of
//! `FooterRun` frames between records. A view that is rebuilt reads it in one go, and an entry
//! whose frame is damaged stands here a second time.

use types::BlobId;
use types::limits::FRAME_PAYLOAD_BYTES_MAX;

use crate::frame_out::{Content, FrameOut};
use crate::payload::decode_body;
use crate::wire::Fields;
use crate::{
    BlobPlace, Close, Codec, Commit, Encoder, Filter, Flaw, Footer, Frame, IdRecord, Kind,
    PAGE_BYTES, Place, State, encode_ids,
};

/// A block of the run is ended behind a commit when it has this many bytes, so that most blocks
/// begin with a batch.
const BLOCK_BYTES: usize = FRAME_PAYLOAD_BYTES_MAX / 2;

/// Builds the footer of a segment: first the run, frame by frame, then ids and filter.
pub struct FooterWriter {
    out: FrameOut,
    batch: u64,
    footer: Footer,
    /// Records of the block that is being filled.
    block: Vec<u8>,
    /// Number of entries of the log before the block, when it begins with a batch.
    block_first: Option<u64>,
    /// The same for the next record.
    next_first: Option<u64>,
    encoder: Encoder,
    /// Bytes of a page of ids before it is sealed.
    page_bytes: usize,
}

impl FooterWriter {
    /// Begins the footer of a segment whose first entry is number `first`; `batch` is the last
    /// batch in it.
    #[must_use]
    pub fn new(place: Place, batch: u64, first: u64) -> FooterWriter {
        let page_bytes = place.casing.page_bytes();
        let out = FrameOut::new(place.casing, place.offset, place.prefix);
        let footer = Footer { start: out.end(), ..Footer::default() };
        FooterWriter {
            out,
            batch,
            footer,
            block: Vec::new(),
            block_first: None,
            next_first: Some(first),
            encoder: Encoder::for_footers(),
            page_bytes,
        }
    }

    /// Takes the next frame of the segment; kinds that are not in the run are left out.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<(), Flaw> {
        let kind = frame.header.kind;
        if !matches!(kind, Kind::Entries | Kind::Details | Kind::Commit) {
            return Ok(());
        }
        let raw = decode_body(&frame.header, frame.payload)?;
        if FRAME_PAYLOAD_BYTES_MAX < self.block.len() + 5 + raw.len() {
            self.end_block();
        }
        if self.block.is_empty() {
            self.block_first = self.next_first;
        }
        self.block.push(kind.number());
        self.block.extend(u32::try_from(raw.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.block.extend_from_slice(&raw);
        self.next_first = None;
        if kind == Kind::Commit {
            self.next_first = Some(Commit::decode(&raw)?.position.entries);
            if BLOCK_BYTES <= self.block.len() {
                self.end_block();
            }
        }
        Ok(())
    }

    fn end_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        if let Some(first) = self.block_first {
            self.footer.run.push((first, self.out.end()));
        }
        self.out.put_packed(self.batch, Kind::FooterRun, &self.block, &mut self.encoder);
        self.block.clear();
    }

    /// Bytes that are ready, with the offset where they belong. Asking between frames keeps the
    /// footer of a segment of many entries out of memory.
    pub fn drain(&mut self) -> (u64, Vec<u8>) {
        self.out.drain()
    }

    /// Adds ids (sorted) and filter, and the close frame that ends the segment. Returns the
    /// last bytes with the offset where they belong, and the footer.
    #[must_use]
    pub fn finish(
        mut self,
        records: &[(BlobId, IdRecord)],
        state: &State,
    ) -> (u64, Vec<u8>, Footer) {
        self.end_block();
        self.footer.ids = self.out.end();
        self.footer.n_ids = records.len() as u64;
        for pages in encode_ids(records, self.page_bytes) {
            let raw_len = pages.len() / self.page_bytes * PAGE_BYTES;
            let parts: [&[u8]; 2] = [&pages, &[]];
            let (kind, codec) = (Kind::FooterIds, Codec::Stored);
            self.out.put(self.batch, &Content { kind, codec, raw_len, parts });
        }
        let filter = Filter::over(records.iter().map(|(id, _)| id));
        self.footer.filter = self.out.end();
        self.footer.filter_bits = filter.bits();
        for payload in filter.payloads() {
            self.put_stored(Kind::FooterFilter, payload);
        }
        self.out.put_close(&Close { state: state.clone(), footer: Some(self.footer.clone()) });
        let (offset, bytes) = self.out.drain();
        (offset, bytes, self.footer)
    }

    fn put_stored(&mut self, kind: Kind, payload: &[u8]) {
        let raw_len = payload.len();
        let content = Content { kind, codec: Codec::Stored, raw_len, parts: [payload, &[]] };
        self.out.put(self.batch, &content);
    }
}

/// The records of one `FooterRun` frame, decoded from its codec: kind and payload of each.
pub fn decode_run(block: &[u8]) -> Result<Vec<(Kind, &[u8])>, Flaw> {
    let what = "a block of the run";
    let mut fields = Fields::new(what, block);
    let mut records = Vec::new();
    while !fields.is_empty() {
        let [number] = fields.array()?;
        let kinds = [Kind::Entries, Kind::Details, Kind::Commit];
        let kind = kinds.into_iter().find(|it| it.number() == number);
        let kind = kind.ok_or(Flaw::Malformed(what))?;
        let len = fields.u32()? as usize;
        records.push((kind, fields.bytes(len)?));
    }
    Ok(records)
}

/// What a segment's own content frames say of the ids in it, for its footer and for the table of
/// a segment that has none: the places of the blobs that a header and the start of a payload show.
pub fn blob_places(
    header: &crate::Header,
    offset: u64,
    payload_start: &[u8],
) -> Result<Vec<(BlobId, BlobPlace)>, Flaw> {
    let items = crate::items(header, payload_start)?.into_iter().filter(|it| !it.is_gone);
    let place =
        |it: crate::Item| (it.id, BlobPlace { kind: it.kind, offset, raw_len: it.total_len });
    Ok(items.map(place).collect())
}
