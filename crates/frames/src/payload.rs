//! What stands in the payloads of content frames: blobs, chunk lists, entries, details.

use std::borrow::Cow;
use std::cell::RefCell;

use types::BlobId;
use types::limits::{DETAIL_BYTES_MAX, ENTRY_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX};
use zstd::zstd_safe::{DCtx, DDict};

use crate::wire::Fields;
use crate::{Codec, Dictionary, Flaw, Header};

/// Bytes before the body of a blob: its id, and the id's checksum. With the checksum of its own,
/// a scan that reads no bodies still notices a changed id.
pub const ID_BYTES: usize = 36;

/// Entries or details of one frame, before encoding, at most. Less than a payload, so that each
/// also fits into a block of a footer's run.
pub(crate) const RAW_BYTES_MAX: usize = FRAME_PAYLOAD_BYTES_MAX - 64;

/// The most chunks that one list can name.
pub const CHUNKS_MAX: usize = (FRAME_PAYLOAD_BYTES_MAX - ID_BYTES - 12) / 36;

/// Id and checksum as a blob's payload begins with them.
pub(crate) fn encode_id(id: &BlobId) -> [u8; ID_BYTES] {
    let mut bytes = [0; ID_BYTES];
    let (front, sum) = bytes.split_at_mut(ID_BYTES - 4);
    front.copy_from_slice(&id.0);
    sum.copy_from_slice(&crc32c::crc32c(&id.0).to_le_bytes());
    bytes
}

/// Splits the payload of a kind that [has an id](crate::Kind::has_id) into id and body.
pub fn split_id(payload: &[u8]) -> Result<(BlobId, &[u8]), Flaw> {
    let mut fields = Fields::new("a blob's id", payload);
    let id: [u8; 32] = fields.array()?;
    if crc32c::crc32c(&id) != fields.u32()? {
        return Err(Flaw::Malformed("a blob's id"));
    }
    let body = payload.get(ID_BYTES..).ok_or(Flaw::Short)?;
    Ok((BlobId(id), body))
}

/// Decodes the body of a blob or chunk, or the payload of another kind, with its frame's codec.
/// The result has exactly `raw_len` bytes, at most `FRAME_PAYLOAD_BYTES_MAX`.
///
/// Fails for what was compressed with a dictionary: that takes [`decode_body_with`].
pub fn decode_body<'a>(header: &Header, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Flaw> {
    decode_body_with(header, body, None)
}

/// The same with the dictionary of the segment, when it has one.
pub fn decode_body_with<'a>(
    header: &Header,
    body: &'a [u8],
    dictionary: Option<&Dictionary>,
) -> Result<Cow<'a, [u8]>, Flaw> {
    let raw_len = header.raw_len as usize;
    let raw = match header.codec {
        Codec::Stored => Cow::Borrowed(body),
        Codec::Zstd => Cow::Owned(unpack(body, raw_len, None)?),
        Codec::ZstdDictionary => {
            let dictionary = dictionary.and_then(Dictionary::decompressor);
            let dictionary = dictionary.ok_or(Flaw::Malformed("a dictionary"))?;
            Cow::Owned(unpack(body, raw_len, Some(dictionary))?)
        }
    };
    if raw.len() == raw_len { Ok(raw) } else { Err(Flaw::Malformed("a frame's content")) }
}

/// Decodes what was compressed with a dictionary, outside of any frame.
pub fn unpack_with(body: &[u8], raw_len: u32, dictionary: &Dictionary) -> Result<Vec<u8>, Flaw> {
    let raw_len = raw_len as usize;
    if FRAME_PAYLOAD_BYTES_MAX < raw_len {
        return Err(Flaw::Length);
    }
    let decompressor = dictionary.decompressor().ok_or(Flaw::Malformed("a dictionary"))?;
    let raw = unpack(body, raw_len, Some(decompressor))?;
    if raw.len() == raw_len { Ok(raw) } else { Err(Flaw::Malformed("a frame's content")) }
}

thread_local! {
    /// A context is costly to make; `None` until there was memory for one.
    static DECOMPRESSOR: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

fn unpack(body: &[u8], raw_len: usize, dictionary: Option<&DDict<'_>>) -> Result<Vec<u8>, Flaw> {
    let malformed = Flaw::Malformed("a frame's content");
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let Some(zstd) = slot.take().or_else(DCtx::try_create) else { return Err(malformed) };
        let zstd = slot.insert(zstd);
        let mut raw = Vec::with_capacity(raw_len);
        let done = match dictionary {
            Some(dictionary) => zstd.decompress_using_ddict(&mut raw, body, dictionary),
            None => zstd.decompress(&mut raw, body),
        };
        done.map_or(Err(malformed), |_| Ok(raw))
    })
}

/// A large blob as its list of chunks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkList {
    /// Number of bytes of all chunks together.
    pub total_len: u64,
    /// Id and decoded length of each chunk, in order.
    pub chunks: Vec<(BlobId, u32)>,
}

impl ChunkList {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + self.chunks.len() * 36);
        bytes.extend(self.total_len.to_le_bytes());
        bytes.extend(count(self.chunks.len()));
        for (id, len) in &self.chunks {
            bytes.extend(id.0);
            bytes.extend(len.to_le_bytes());
        }
        bytes
    }

    /// Reads the body of a chunk list. The lengths add up.
    pub fn decode(body: &[u8]) -> Result<ChunkList, Flaw> {
        let mut fields = Fields::new("a chunk list", body);
        let total_len = fields.u64()?;
        let count = fields.u32()?;
        let chunks: Result<Vec<_>, Flaw> =
            (0..count).map(|_| Ok((BlobId(fields.array()?), fields.u32()?))).collect();
        let chunks = chunks?;
        fields.end()?;
        let sum: u64 = chunks.iter().map(|(_, len)| u64::from(*len)).sum();
        if sum == total_len {
            Ok(ChunkList { total_len, chunks })
        } else {
            Err(Flaw::Malformed("a chunk list"))
        }
    }
}

/// Counts in payloads are 32 bits; payloads are far too short for more.
fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

/// Cuts consecutive entries into the payloads of `Entries` frames, none too long.
pub(crate) fn encode_entries(first: u64, entries: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let cost = |entry: &Vec<u8>| 2 + entry.len();
    let mut first = first;
    let mut payloads = Vec::new();
    for group in groups(entries, 12, cost) {
        let mut payload = Vec::with_capacity(12 + group.iter().map(cost).sum::<usize>());
        payload.extend(first.to_le_bytes());
        payload.extend(count(group.len()));
        for entry in group {
            let len = u16::try_from(entry.len()).unwrap_or(u16::MAX);
            payload.extend(len.to_le_bytes());
            payload.extend(entry);
        }
        payloads.push(payload);
        first += group.len() as u64;
    }
    payloads
}

/// The entries of one `Entries` frame, decoded from its codec: the number of the first, and the
/// bytes of each.
pub fn decode_entries(payload: &[u8]) -> Result<(u64, Vec<&[u8]>), Flaw> {
    let what = "a frame of entries";
    let mut fields = Fields::new(what, payload);
    let first = fields.u64()?;
    let count = fields.u32()? as usize;
    let mut entries = Vec::with_capacity(count.min(payload.len()));
    for _ in 0..count {
        let len = usize::from(fields.u16()?);
        if ENTRY_BYTES_MAX < len {
            return Err(Flaw::Malformed(what));
        }
        entries.push(fields.bytes(len)?);
    }
    fields.end()?;
    Ok((first, entries))
}

/// Packs details, each with the number of its entry, into the payloads of `Details` frames.
pub(crate) fn encode_details(details: &[(u64, Vec<u8>)]) -> Vec<Vec<u8>> {
    let cost = |(_, detail): &(u64, Vec<u8>)| 12 + detail.len();
    let mut payloads = Vec::new();
    for group in groups(details, 0, cost) {
        let mut payload = Vec::with_capacity(group.iter().map(cost).sum());
        for (number, detail) in group {
            payload.extend(number.to_le_bytes());
            payload.extend(count(detail.len()));
            payload.extend(detail);
        }
        payloads.push(payload);
    }
    payloads
}

/// The details of one `Details` frame, decoded from its codec, each with the number of its entry.
pub fn decode_details(payload: &[u8]) -> Result<Vec<(u64, &[u8])>, Flaw> {
    let what = "a frame of details";
    let mut fields = Fields::new(what, payload);
    let mut details = Vec::new();
    while !fields.is_empty() {
        let number = fields.u64()?;
        let len = fields.u32()? as usize;
        if DETAIL_BYTES_MAX < len {
            return Err(Flaw::Malformed(what));
        }
        details.push((number, fields.bytes(len)?));
    }
    Ok(details)
}

/// Cuts `items` where the cost of a group, `base` included, would pass the limit.
fn groups<T>(items: &[T], base: usize, cost: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut groups = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut used = base;
        let fitting = rest.iter().take_while(|it| {
            used += cost(it);
            used <= RAW_BYTES_MAX
        });
        // An entry or detail alone always fits; should one not, it goes alone.
        let (group, behind) = rest.split_at(fitting.count().max(1).min(rest.len()));
        groups.push(group);
        rest = behind;
    }
    groups
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "the numbers are small")]
mod tests {
    use super::*;

    #[test]
    fn entries_and_details_are_cut_and_join_again() {
        let entries: Vec<Vec<u8>> =
            (0..700u32).map(|n| vec![n as u8; 3 + n as usize * 5]).collect();
        let payloads = encode_entries(40, &entries);
        assert_eq!(payloads.len(), 2);
        let mut next = 40;
        let mut joined = Vec::new();
        for payload in &payloads {
            assert!(payload.len() <= RAW_BYTES_MAX);
            let (first, items) = decode_entries(payload).unwrap();
            assert_eq!(first, next);
            next += items.len() as u64;
            joined.extend(items.into_iter().map(<[u8]>::to_vec));
        }
        assert_eq!(joined, entries);

        let details: Vec<(u64, Vec<u8>)> =
            (0..60u64).map(|n| (n * 3, vec![n as u8; n as usize * 1000])).collect();
        let payloads = encode_details(&details);
        assert_eq!(payloads.len(), 2);
        let joined: Vec<(u64, Vec<u8>)> = payloads
            .iter()
            .flat_map(|it| decode_details(it).unwrap())
            .map(|(number, detail)| (number, detail.to_vec()))
            .collect();
        assert_eq!(joined, details);
        assert!(encode_entries(0, &[]).is_empty() && encode_details(&[]).is_empty());
    }

    #[test]
    fn cut_payloads_are_refused() {
        let list = ChunkList { total_len: 30, chunks: vec![(BlobId::of(b"a"), 30)] };
        let whole = list.encode();
        assert_eq!(ChunkList::decode(&whole), Ok(list));
        for cut in 0..whole.len() {
            assert!(ChunkList::decode(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let entries = encode_entries(7, &[vec![1; 30], vec![2; 40]]).remove(0);
        for cut in 0..entries.len() {
            assert!(decode_entries(&entries[..cut]).is_err(), "cut at {cut}");
        }
        let mut id = encode_id(&BlobId::of(b"")).to_vec();
        assert_eq!(split_id(&id), Ok((BlobId::of(b""), &b""[..])));
        id[9] ^= 1;
        assert!(split_id(&id).is_err());
    }
}
