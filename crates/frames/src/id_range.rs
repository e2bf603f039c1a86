//! The ids of a sealed segment that begin alike: for people, who type the beginning of one.

use types::BlobId;

use crate::ids::{decode_page, n_pages_of, offset_of_page, page_of_id};
use crate::{Flaw, Footer};

/// Looks for all ids from one up to and with another among the pages of a footer.
///
/// Ask for [`offset`](Self::offset), read [`PAGE_BYTES`](crate::PAGE_BYTES) there,
/// [open](crate::Casing::open_page) and hand them to [`look`](Self::look), until it says that this
/// was all.
#[derive(Clone, Debug)]
pub struct IdRange {
    ids: u64,
    low: BlobId,
    high: BlobId,
    n_pages: u64,
    page: u64,
    /// Whether `page` is known to be the first that matters, or one behind it.
    forward: bool,
    found: Vec<BlobId>,
}

/// Whether another page is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// It is.
    Again,
    /// That was all.
    Done,
}

impl IdRange {
    /// Begins a search; `None` when the segment has no ids. Its pages have `page_bytes` when they
    /// are opened.
    #[must_use]
    pub fn new(footer: &Footer, low: &BlobId, high: &BlobId, page_bytes: usize) -> Option<IdRange> {
        let n_pages = n_pages_of(footer, page_bytes);
        (n_pages != 0).then(|| IdRange {
            ids: footer.ids,
            low: *low,
            high: *high,
            n_pages,
            page: page_of_id(low, n_pages),
            forward: false,
            found: Vec::new(),
        })
    }

    /// Where the page to read next stands in the segment.
    #[must_use]
    pub fn offset(&self) -> u64 {
        offset_of_page(self.ids, self.page)
    }

    /// Looks into the page that was read.
    pub fn look(&mut self, page: &[u8]) -> Result<Look, Flaw> {
        let records = decode_page(self.page, page)?;
        let first_id = records.first().map(|(id, _)| *id).unwrap_or_default();
        // The guess may be too far: what matters begins behind a page that begins before it.
        if !self.forward && self.low <= first_id && self.page != 0 {
            self.page -= 1;
            return Ok(Look::Again);
        }
        self.forward = true;
        let ids = records.iter().map(|(id, _)| *id);
        self.found.extend(ids.filter(|id| (self.low..=self.high).contains(id)));
        self.page += 1;
        let is_behind = records.last().is_some_and(|(id, _)| self.high < *id);
        Ok(if is_behind || self.page == self.n_pages { Look::Done } else { Look::Again })
    }

    /// What was found.
    #[must_use]
    pub fn into_found(self) -> Vec<BlobId> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdRecord, PAGE_BYTES, encode_ids};

    #[test]
    fn every_range_is_found() {
        let mut ids: Vec<BlobId> = (0u32..1000).map(|n| BlobId::of(&n.to_le_bytes())).collect();
        ids.sort();
        let record = IdRecord { place: None, placed: Some(1) };
        let records: Vec<_> = ids.iter().map(|id| (*id, record)).collect();
        let pages = encode_ids(&records, PAGE_BYTES).concat();
        let footer = Footer { n_ids: 1000, ..Footer::default() };
        for (a, b) in [(0, 0), (0, 999), (999, 999), (71, 72), (72, 73), (100, 400), (500, 500)] {
            let mut range = IdRange::new(&footer, &ids[a], &ids[b], PAGE_BYTES).unwrap();
            loop {
                let at = usize::try_from(range.page).unwrap() * PAGE_BYTES;
                if range.look(&pages[at..at + PAGE_BYTES]).unwrap() == Look::Done {
                    break;
                }
            }
            assert_eq!(range.into_found(), ids[a..=b], "{a} to {b}");
        }
        assert!(IdRange::new(&Footer::default(), &ids[0], &ids[1], PAGE_BYTES).is_none());
    }
}
