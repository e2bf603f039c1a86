//! The ids of a sealed segment: fixed-size records, sorted, in pages that each have a checksum.
//!
//! Ids are hashes and so spread evenly: the page of an id is guessed from its first bytes, and is
//! found with one or two reads of 4 KiB. A frame holds 256 pages; its own checksum is for those
//! who read it through.

use types::BlobId;
use types::limits::FRAME_PAYLOAD_BYTES_MAX;

use crate::header::HEADER_LEN;
use crate::seal::SEAL_BYTES;
use crate::wire::Fields;
use crate::{Flaw, Footer, Kind};

/// Length of a page in bytes.
pub const PAGE_BYTES: usize = 4096;

/// Length of a page before it is sealed, so that it has [`PAGE_BYTES`] on disk.
pub(crate) const SEALED_PAGE_BYTES: usize = PAGE_BYTES - SEAL_BYTES;

const RECORD_BYTES: usize = 56;
const PAGES_PER_FRAME: usize = FRAME_PAYLOAD_BYTES_MAX / PAGE_BYTES;
const NOT_PLACED: u64 = u64::MAX;

/// Where the bytes of a blob stand in its segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlobPlace {
    /// `Blob`, `Chunk`, `ChunkList` or `Skeleton`.
    pub kind: Kind,
    /// Offset of its frame.
    pub offset: u64,
    /// Number of its bytes, decoded.
    pub raw_len: u64,
}

/// What a segment knows of a blob. At least one of the two is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IdRecord {
    /// Where it stands, when it stands in this segment.
    pub place: Option<BlobPlace>,
    /// The entry that placed it first, when that is in this segment. Its bytes may stand in an
    /// earlier one.
    pub placed: Option<u64>,
}

fn encode_record(id: &BlobId, record: &IdRecord, page: &mut Vec<u8>) {
    let place = record.place;
    let number = place.map_or(0, |it| it.kind.number());
    page.extend(id.0);
    page.push(number);
    let offset = place.map_or(0, |it| it.offset).to_le_bytes();
    page.extend(offset.iter().take(7));
    page.extend(place.map_or(0, |it| it.raw_len).to_le_bytes());
    page.extend(record.placed.unwrap_or(NOT_PLACED).to_le_bytes());
}

fn decode_record(bytes: &[u8]) -> Result<(BlobId, IdRecord), Flaw> {
    let what = "a page of ids";
    let mut fields = Fields::new(what, bytes);
    let id = BlobId(fields.array()?);
    let [number] = fields.array()?;
    let [a, b, c, d, e, f, g]: [u8; 7] = fields.array()?;
    let offset = u64::from_le_bytes([a, b, c, d, e, f, g, 0]);
    let raw_len = fields.u64()?;
    let placed = Some(fields.u64()?).filter(|it| *it != NOT_PLACED);
    let kinds = [Kind::Blob, Kind::Chunk, Kind::ChunkList, Kind::Skeleton];
    let kind = kinds.into_iter().find(|it| it.number() == number);
    let place = kind.map(|kind| BlobPlace { kind, offset, raw_len });
    let known = place.is_some() || (number == 0 && placed.is_some());
    if known { Ok((id, IdRecord { place, placed })) } else { Err(Flaw::Malformed(what)) }
}

fn page_sum(number: u64, front: &[u8]) -> [u8; 4] {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), front).to_le_bytes()
}

fn records_per_page(page_bytes: usize) -> usize {
    (page_bytes - 8) / RECORD_BYTES
}

/// The payloads of the `FooterIds` frames for `records`, which are sorted by id, as pages of
/// [`Casing::page_bytes`](crate::Casing::page_bytes) before they are sealed.
#[must_use]
pub fn encode_ids(records: &[(BlobId, IdRecord)], page_bytes: usize) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    for (number, group) in (0u64..).zip(records.chunks(records_per_page(page_bytes))) {
        let mut page = Vec::with_capacity(page_bytes);
        for (id, record) in group {
            encode_record(id, record, &mut page);
        }
        page.resize(page_bytes - 8, 0);
        page.extend(u32::try_from(group.len()).unwrap_or(0).to_le_bytes());
        let sum = page_sum(number, &page);
        page.extend(sum);
        pages.push(page);
    }
    pages.chunks(PAGES_PER_FRAME).map(<[Vec<u8>]>::concat).collect()
}

/// The records of page `number`, opened, sorted by id.
pub fn decode_page(number: u64, page: &[u8]) -> Result<Vec<(BlobId, IdRecord)>, Flaw> {
    let what = "a page of ids";
    let Some(page_bytes) = [PAGE_BYTES, SEALED_PAGE_BYTES].into_iter().find(|it| *it == page.len())
    else {
        return Err(Flaw::Short);
    };
    let (front, sum) = page.split_at_checked(page_bytes - 4).ok_or(Flaw::Short)?;
    if page_sum(number, front) != sum {
        return Err(Flaw::Malformed(what));
    }
    let (records, count) = front.split_at_checked(page_bytes - 8).ok_or(Flaw::Short)?;
    let count = Fields::new(what, count).u32()? as usize;
    if count == 0 || records_per_page(page_bytes) < count {
        return Err(Flaw::Malformed(what));
    }
    records.chunks_exact(RECORD_BYTES).take(count).map(decode_record).collect()
}

/// Looks for an id among the pages of a footer, one page at a time.
///
/// Ask for [`offset`](Self::offset), read [`PAGE_BYTES`] there, [open](crate::Casing::open_page)
/// and hand them to [`look`](Self::look), until it answers.
#[derive(Clone, Copy, Debug)]
pub struct IdSearch {
    ids: u64,
    id: BlobId,
    /// The pages that may hold the id: from `low`, up to and without `high`.
    low: u64,
    high: u64,
    page: u64,
    n_pages: u64,
}

impl IdSearch {
    /// Begins a search; `None` when the segment has no ids. Its pages have `page_bytes` when they
    /// are opened.
    #[must_use]
    pub fn new(footer: &Footer, id: &BlobId, page_bytes: usize) -> Option<IdSearch> {
        let high = n_pages_of(footer, page_bytes);
        let page = page_of_id(id, high);
        (high != 0).then_some(IdSearch {
            ids: footer.ids,
            id: *id,
            low: 0,
            high,
            page,
            n_pages: high,
        })
    }

    /// Where the page to read next stands in the segment.
    #[must_use]
    pub fn offset(&self) -> u64 {
        offset_of_page(self.ids, self.page)
    }

    /// Looks into the page that was read. `Ok(None)`: read the next one.
    pub fn look(&mut self, page: &[u8]) -> Result<Option<Option<IdRecord>>, Flaw> {
        let records = decode_page(self.page, page)?;
        let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else {
            return Err(Flaw::Malformed("a page of ids"));
        };
        let n_pages = self.n_pages;
        if self.id < *first {
            self.high = self.page;
            let back = pages_from(prefix(&self.id), prefix(first), n_pages).max(1);
            self.page = self.page.saturating_sub(back).max(self.low);
        } else if *last < self.id {
            self.low = self.page + 1;
            let on = pages_from(prefix(last), prefix(&self.id), n_pages).max(1);
            self.page = (self.page + on).min(self.high.saturating_sub(1)).max(self.low);
        } else {
            let found = records.binary_search_by(|(id, _)| id.cmp(&self.id)).ok();
            return Ok(Some(found.and_then(|at| records.get(at)).map(|(_, record)| *record)));
        }
        Ok(if self.low < self.high { None } else { Some(None) })
    }
}

/// How many pages the ids of a segment take.
pub(crate) fn n_pages_of(footer: &Footer, page_bytes: usize) -> u64 {
    footer.n_ids.div_ceil(records_per_page(page_bytes) as u64)
}

/// The page that `id` is likely to be in.
pub(crate) fn page_of_id(id: &BlobId, n_pages: u64) -> u64 {
    pages_from(0, prefix(id), n_pages)
}

/// Where a page stands in the segment, when the first frame of ids stands at `ids`.
pub(crate) fn offset_of_page(ids: u64, page: u64) -> u64 {
    let per_frame = PAGES_PER_FRAME as u64;
    let frame_len = HEADER_LEN + FRAME_PAYLOAD_BYTES_MAX as u64;
    let in_frame = (page % per_frame) * PAGE_BYTES as u64;
    ids + (page / per_frame) * frame_len + HEADER_LEN + in_frame
}

/// The first bytes of an id as a number, which sorts as the id does.
fn prefix(id: &BlobId) -> u64 {
    id.0.first_chunk::<8>().map_or(0, |it| u64::from_be_bytes(*it))
}

/// How many of `n_pages` pages lie between two ids, when ids are spread evenly.
fn pages_from(low: u64, high: u64, n_pages: u64) -> u64 {
    let pages = (u128::from(high.saturating_sub(low)) * u128::from(n_pages)) >> 64;
    u64::try_from(pages).unwrap_or(0)
}

/// A Bloom filter over the ids of a sealed segment: about 1 % of other ids pass it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    bits: u64,
    bytes: Vec<u8>,
}

/// Bits per id, and how many of them each id sets.
const FILTER_BITS_PER_ID: u64 = 10;
const FILTER_HASHES: u64 = 7;

impl Filter {
    /// The filter over `ids`.
    pub fn over<'a>(ids: impl ExactSizeIterator<Item = &'a BlobId>) -> Filter {
        let bits = (ids.len() as u64 * FILTER_BITS_PER_ID).next_multiple_of(64).max(64);
        let len = usize::try_from(bits / 8).unwrap_or(usize::MAX);
        let mut filter = Filter { bits, bytes: vec![0; len] };
        for id in ids {
            for bit in filter_bits(id, bits) {
                let (at, mask) = bit_at(bit);
                if let Some(byte) = filter.bytes.get_mut(at) {
                    *byte |= mask;
                }
            }
        }
        filter
    }

    /// Joins the payloads of `FooterFilter` frames.
    pub fn from_bytes(bits: u64, bytes: Vec<u8>) -> Result<Filter, Flaw> {
        if bits != 0 && bits.is_multiple_of(64) && bits / 8 == bytes.len() as u64 {
            Ok(Filter { bits, bytes })
        } else {
            Err(Flaw::Malformed("the filter over ids"))
        }
    }

    /// Number of bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.bits
    }

    /// The payloads of the `FooterFilter` frames.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(FRAME_PAYLOAD_BYTES_MAX)
    }

    /// Whether the id may be among those of the segment. `false` is certain.
    #[must_use]
    pub fn may_have(&self, id: &BlobId) -> bool {
        filter_bits(id, self.bits).all(|bit| {
            let (at, mask) = bit_at(bit);
            self.bytes.get(at).is_some_and(|byte| byte & mask != 0)
        })
    }
}

/// Ids are hashes already: two of their words serve as the two hashes of double hashing.
fn filter_bits(id: &BlobId, bits: u64) -> impl Iterator<Item = u64> + use<> {
    let word = |at: usize| {
        let rest = id.0.get(at..).and_then(|it| it.first_chunk::<8>());
        rest.map_or(0, |it| u64::from_le_bytes(*it))
    };
    let (start, stride) = (word(8), word(16) | 1);
    (0..FILTER_HASHES).map(move |n| start.wrapping_add(stride.wrapping_mul(n)) % bits)
}

fn bit_at(bit: u64) -> (usize, u8) {
    (usize::try_from(bit / 8).unwrap_or(usize::MAX), 1 << (bit % 8))
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "the numbers are small")]
mod tests {
    use super::*;

    fn id(n: u32) -> BlobId {
        BlobId::of(&n.to_le_bytes())
    }

    fn records(n: u32) -> Vec<(BlobId, IdRecord)> {
        let place = |n: u32| BlobPlace {
            kind: [Kind::Blob, Kind::Chunk, Kind::ChunkList, Kind::Skeleton][n as usize % 4],
            offset: u64::from(n) << 20,
            raw_len: u64::from(n),
        };
        let record = |n: u32| IdRecord {
            place: (!n.is_multiple_of(5)).then(|| place(n)),
            placed: (n.is_multiple_of(5) || n.is_multiple_of(2)).then_some(u64::from(n)),
        };
        let mut records: Vec<_> = (0..n).map(|n| (id(n), record(n))).collect();
        records.sort_by_key(|(id, _)| *id);
        records
    }

    #[test]
    fn every_id_is_found_with_few_reads() {
        for n in [1u32, 72, 73, 74, 3_000, 8_000] {
            let records = records(n);
            let payloads = encode_ids(&records, PAGE_BYTES);
            let footer = Footer { ids: 1000, n_ids: u64::from(n), ..Footer::default() };
            let frame_len = HEADER_LEN + FRAME_PAYLOAD_BYTES_MAX as u64;
            let mut reads = 0;
            let mut find = |id: &BlobId| {
                let mut search = IdSearch::new(&footer, id, PAGE_BYTES).unwrap();
                loop {
                    reads += 1;
                    let offset = search.offset() - 1000;
                    let payload = &payloads[(offset / frame_len) as usize];
                    let at = (offset % frame_len - HEADER_LEN) as usize;
                    if let Some(found) = search.look(&payload[at..at + PAGE_BYTES]).unwrap() {
                        return found;
                    }
                }
            };
            for (id, record) in &records {
                assert_eq!(find(id), Some(*record));
            }
            for other in n..n + 200 {
                assert_eq!(find(&id(other)), None);
            }
            assert!(reads < 2 * records.len() + 400, "{reads} reads for {n} ids");
        }
        assert!(IdSearch::new(&Footer::default(), &id(0), PAGE_BYTES).is_none());
    }

    #[test]
    fn a_changed_or_moved_page_is_noticed() {
        let payload = encode_ids(&records(100), PAGE_BYTES).remove(0);
        let payload = payload[..PAGE_BYTES].to_vec();
        assert!(decode_page(0, &payload).is_ok());
        assert!(decode_page(1, &payload).is_err());
        for at in (0..PAGE_BYTES).step_by(7) {
            let mut payload = payload.clone();
            payload[at] ^= 1;
            assert!(decode_page(0, &payload).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_filter_passes_its_own_and_few_others() {
        let ids: Vec<BlobId> = (0..20_000).map(id).collect();
        let filter = Filter::over(ids.iter());
        assert!(ids.iter().all(|it| filter.may_have(it)));
        let wrong = (20_000..40_000).filter(|n| filter.may_have(&id(*n))).count();
        assert!(wrong < 300, "{wrong} of 20000 others pass");
        let bytes = filter.payloads().collect::<Vec<_>>().concat();
        assert_eq!(Filter::from_bytes(filter.bits(), bytes), Ok(filter));
        assert!(Filter::from_bytes(64, vec![0; 9]).is_err());
        assert!(!Filter::over([].iter()).may_have(&id(1)));
    }
}
