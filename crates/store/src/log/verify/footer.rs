//! A footer, held against what its segment holds.

use frames::{Commit, Filter, Flaw, Footer, Frame, Kind, decode_body, decode_page, decode_run};
use sha2::{Digest, Sha256};
use types::BlobId;

use super::super::tables::Ids;

/// Collects what the frames of a segment say, and what its footer says.
pub(super) struct FooterCheck {
    /// Over the entries, details and commits as they stand in the batches, and in the run.
    batches: Sha256,
    run: Sha256,
    /// Blocks of the run that begin with a batch: entries of the log before it, and offset.
    blocks: Vec<(u64, u64)>,
    next_first: Option<u64>,
    pages: PagesSeen,
    n_pages: u64,
    page_bytes: usize,
    ids_at: Option<u64>,
    filter: Vec<u8>,
    filter_at: Option<u64>,
    start: Option<u64>,
}

/// What the pages of ids had so far. Millions of ids are not kept twice: each is held against what
/// the frames before showed, when it comes.
#[derive(Default)]
struct PagesSeen {
    n_ids: u64,
    last: Option<BlobId>,
    differ: bool,
}

impl FooterCheck {
    /// Of a segment whose first entry is number `first`, and whose pages of ids have `page_bytes`.
    pub(super) fn new(first: u64, page_bytes: usize) -> FooterCheck {
        FooterCheck {
            batches: Sha256::new(),
            run: Sha256::new(),
            blocks: Vec::new(),
            next_first: Some(first),
            pages: PagesSeen::default(),
            n_pages: 0,
            page_bytes,
            ids_at: None,
            filter: Vec::new(),
            filter_at: None,
            start: None,
        }
    }

    /// Takes the next frame of the segment, whose own frames show `ids`.
    pub(super) fn take(&mut self, frame: &Frame<'_>, ids: &Ids) -> Result<(), Flaw> {
        let kind = frame.header.kind;
        match kind {
            Kind::Entries | Kind::Details | Kind::Commit => {
                let raw = decode_body(&frame.header, frame.payload)?;
                add_record(&mut self.batches, kind, &raw);
            }
            Kind::FooterRun => self.run_block(frame)?,
            Kind::FooterIds => self.pages(frame, ids)?,
            Kind::FooterFilter => {
                self.filter_at.get_or_insert(frame.offset);
                self.filter.extend_from_slice(frame.payload);
            }
            Kind::Blob
            | Kind::Chunk
            | Kind::ChunkList
            | Kind::Skeleton
            | Kind::Gone
            | Kind::Pack
            | Kind::Close
            | Kind::Dictionary => {
                return Ok(());
            }
        }
        if !kind.is_content() {
            self.start.get_or_insert(frame.offset);
        }
        Ok(())
    }

    fn run_block(&mut self, frame: &Frame<'_>) -> Result<(), Flaw> {
        if let Some(first) = self.next_first {
            self.blocks.push((first, frame.offset));
        }
        let block = decode_body(&frame.header, frame.payload)?;
        for (kind, raw) in decode_run(&block)? {
            add_record(&mut self.run, kind, raw);
            self.next_first = match kind {
                Kind::Commit => Some(Commit::decode(raw)?.position.entries),
                _ => None,
            };
        }
        Ok(())
    }

    fn pages(&mut self, frame: &Frame<'_>, ids: &Ids) -> Result<(), Flaw> {
        self.ids_at.get_or_insert(frame.offset);
        for page in frame.payload.chunks(self.page_bytes) {
            for (id, record) in decode_page(self.n_pages, page)? {
                let follows = self.pages.last.is_none_or(|it| it < id);
                self.pages.differ |= !follows || ids.get(&id) != Some(&record);
                self.pages.last = Some(id);
                self.pages.n_ids += 1;
            }
            self.n_pages += 1;
        }
        Ok(())
    }

    /// What the footer says otherwise than the segment, whose own frames show `ids`.
    pub(super) fn compare(&self, footer: &Footer, ids: &Ids) -> Vec<&'static str> {
        let filter = Filter::over(ids.keys());
        let n_ids = ids.len() as u64;
        let filter_here = Filter::from_bytes(footer.filter_bits, self.filter.clone());
        // Without entries there is no run, and without ids no page.
        let end = self.ids_at.or(self.filter_at);
        let places = (footer.start, footer.ids, footer.filter);
        let places_here = (self.start, end, self.filter_at);
        let checks = [
            (
                !self.pages.differ && self.pages.n_ids == n_ids && footer.n_ids == n_ids,
                "the ids in the footer are not those of the segment",
            ),
            (filter_here == Ok(filter), "the filter in the footer is not that of the segment"),
            (
                self.run.clone().finalize() == self.batches.clone().finalize(),
                "the run in the footer is not what the batches hold",
            ),
            (footer.run == self.blocks, "the list of the run's blocks is wrong"),
            (
                (Some(places.0), Some(places.1), Some(places.2)) == places_here,
                "the places of the footer's parts are wrong",
            ),
        ];
        checks.into_iter().filter(|(same, _)| !same).map(|(_, what)| what).collect()
    }
}

fn add_record(hasher: &mut Sha256, kind: Kind, raw: &[u8]) {
    hasher.update([kind.number()]);
    hasher.update((raw.len() as u64).to_le_bytes());
    hasher.update(raw);
}
