//! Packs: small blobs and skeletons of one batch in one frame, compressed together. What mails of
//! the same hour have in common, and what they quote of each other, then stands there once.
//!
//! Rules:
//! - A pack begins with a directory: what it holds can be told without decoding it.
//! - An item is to its batch what a frame of its own would be: the hash of the batch covers its
//!   kind, length and id, in order.
//! - What is erased leaves its place in the directory, and no byte in the body.

use types::BlobId;
use types::limits::FRAME_PAYLOAD_BYTES_MAX;

use crate::payload::decode_body_with;
use crate::skeleton::SKELETON_HEAD_BYTES;
use crate::wire::Fields;
use crate::{Codec, Dictionary, Encoder, Flaw, Gone, Header, ID_BYTES, Kind, split_id};

/// A pack is ended when it has this many bytes, decoded. Whoever reads one message decodes all of
/// its pack.
pub const PACK_BYTES: usize = 512 << 10;

/// What is longer, decoded, stands in a frame of its own.
pub const PACKED_BYTES_MAX: usize = 128 << 10;

/// The most items of a pack.
pub const PACK_ITEMS_MAX: usize = 1_024;

/// Bytes of an item in the directory.
const ITEM_BYTES: usize = 41;

/// Added to the kind of an item that was erased.
const GONE: u8 = 0x80;

const WHAT: &str = "a pack";
const MALFORMED: Flaw = Flaw::Malformed(WHAT);

/// A blob, chunk, list or skeleton, as the frame that holds it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// It was erased: only this is left.
    pub is_gone: bool,
    /// Number of bytes of its body, decoded.
    pub raw_len: u32,
    /// Number of bytes that it stands for: of a skeleton those of the message, of a list those of
    /// the chunks. 0 when it is gone.
    pub total_len: u64,
    /// Its id.
    pub id: BlobId,
}

/// Bytes of the directory of a pack, by the first two bytes of its payload.
pub(crate) fn directory_len(start: &[u8]) -> Result<usize, Flaw> {
    let n_items = usize::from(Fields::new(WHAT, start).u16()?);
    if PACK_ITEMS_MAX < n_items {
        return Err(MALFORMED);
    }
    Ok(2 + n_items * ITEM_BYTES + 4)
}

fn encode_directory(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(6 + items.len() * ITEM_BYTES);
    bytes.extend(u16::try_from(items.len()).unwrap_or(u16::MAX).to_le_bytes());
    for item in items {
        bytes.push(item.kind.number() | if item.is_gone { GONE } else { 0 });
        bytes.extend(item.raw_len.to_le_bytes());
        bytes.extend(u32::try_from(item.total_len).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(item.id.0);
    }
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// Reads the directory that `payload` begins with.
fn decode_directory(payload: &[u8]) -> Result<Vec<Item>, Flaw> {
    let bytes = payload.get(..directory_len(payload)?).ok_or(Flaw::Short)?;
    let (front, sum) = bytes.split_last_chunk::<4>().ok_or(Flaw::Short)?;
    if crc32c::crc32c(front).to_le_bytes() != *sum {
        return Err(MALFORMED);
    }
    let mut fields = Fields::new(WHAT, front.get(2..).unwrap_or_default());
    let mut items = Vec::new();
    while !fields.is_empty() {
        let [number] = fields.array()?;
        let raw_len = fields.u32()?;
        let total_len = u64::from(fields.u32()?);
        let id = BlobId(fields.array()?);
        let kind = Kind::from_number(number & !GONE);
        let kind = kind.filter(|it| matches!(it, Kind::Blob | Kind::Skeleton)).ok_or(MALFORMED)?;
        items.push(Item { kind, is_gone: number & GONE != 0, raw_len, total_len, id });
    }
    Ok(items)
}

/// The blobs, chunks, lists and skeletons of a frame, in order: none, one, or those of a pack.
/// `payload` may end behind its [start](crate::FrameReader::payload_start).
pub fn items(header: &Header, payload: &[u8]) -> Result<Vec<Item>, Flaw> {
    match header.kind {
        Kind::Pack => decode_directory(payload),
        Kind::Gone => {
            let Gone { kind, raw_len, id } = Gone::decode(payload)?;
            Ok(vec![Item { kind, is_gone: true, raw_len, total_len: 0, id }])
        }
        kind if kind.has_id() => {
            let (id, body) = split_id(payload)?;
            let total_len = match kind {
                Kind::ChunkList => Fields::new("a chunk list", body).u64()?,
                Kind::Skeleton => Fields::new("a skeleton", body).u64()?,
                _ => u64::from(header.raw_len),
            };
            Ok(vec![Item { kind, is_gone: false, raw_len: header.raw_len, total_len, id }])
        }
        _ => Ok(Vec::new()),
    }
}

/// What a frame holds of blobs, chunks, lists and skeletons, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    items: Vec<Item>,
    raw: Vec<u8>,
}

impl Contents {
    /// Decodes a frame by its header and payload, with the dictionary of the segment.
    pub fn open(
        header: &Header,
        payload: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> Result<Contents, Flaw> {
        let items = items(header, payload)?;
        let head_len = match header.kind {
            Kind::Pack => directory_len(payload)?,
            Kind::Skeleton => SKELETON_HEAD_BYTES,
            kind if kind.has_id() => ID_BYTES,
            _ => return Ok(Contents { items, raw: Vec::new() }),
        };
        let body = payload.get(head_len..).ok_or(Flaw::Short)?;
        let raw = decode_body_with(header, body, dictionary)?.into_owned();
        let there = items.iter().filter(|it| !it.is_gone);
        let sum: u64 = there.map(|it| u64::from(it.raw_len)).sum();
        if sum == raw.len() as u64 { Ok(Contents { items, raw }) } else { Err(MALFORMED) }
    }

    /// Each item with its decoded body, in order; what is gone has none.
    pub fn iter(&self) -> impl Iterator<Item = (&Item, &[u8])> {
        let mut rest = self.raw.as_slice();
        self.items.iter().map(move |item| {
            let len = if item.is_gone { 0 } else { item.raw_len as usize };
            let (body, behind) = rest.split_at_checked(len).unwrap_or((rest, b""));
            rest = behind;
            (item, body)
        })
    }

    /// The decoded body of an item that is there.
    #[must_use]
    pub fn find(&self, kind: Kind, id: &BlobId) -> Option<(&Item, &[u8])> {
        self.iter().find(|(it, _)| it.kind == kind && it.id == *id && !it.is_gone)
    }

    /// The same without what goes: of that only its place is left.
    #[must_use]
    pub fn without(&self, goes: &dyn Fn(&BlobId) -> bool) -> Contents {
        let mut kept = Contents { items: Vec::new(), raw: Vec::new() };
        for (item, body) in self.iter() {
            if item.is_gone || goes(&item.id) {
                kept.items.push(Item { is_gone: true, total_len: 0, ..*item });
            } else {
                kept.items.push(*item);
                kept.raw.extend_from_slice(body);
            }
        }
        kept
    }
}

/// A pack that is being filled.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    items: Vec<Item>,
    raw: Vec<u8>,
}

impl Pack {
    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes in it, before they are compressed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// What is in it.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The one item that it has, with its body; `None` when it has another number of them.
    #[must_use]
    pub fn single(&self) -> Option<(&Item, &[u8])> {
        match self.items.as_slice() {
            [item] if !item.is_gone => Some((item, &self.raw)),
            _ => None,
        }
    }

    /// Whether another item still belongs into it.
    #[must_use]
    pub fn takes(&self, raw_len: u32) -> bool {
        self.items.len() < PACK_ITEMS_MAX && self.raw.len() + raw_len as usize <= PACK_BYTES
    }

    /// Adds an item. `body` is its decoded body, and nothing when it is gone.
    pub fn push(&mut self, item: Item, body: &[u8]) {
        self.items.push(item);
        self.raw.extend_from_slice(body);
    }

    /// Codec and payload of its frame.
    pub(crate) fn encode(
        &self,
        encoder: &mut Encoder,
        dictionary: Option<&Dictionary>,
    ) -> (Codec, Vec<u8>) {
        let (codec, body) = encoder.compress_pack(&self.raw, dictionary);
        let mut payload = encode_directory(&self.items);
        payload.extend(body);
        debug_assert!(payload.len() <= FRAME_PAYLOAD_BYTES_MAX);
        (codec, payload)
    }
}

impl From<Contents> for Pack {
    fn from(Contents { items, raw }: Contents) -> Pack {
        Pack { items, raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, body: &[u8]) -> Item {
        let raw_len = u32::try_from(body.len()).unwrap();
        Item { kind, is_gone: false, raw_len, total_len: u64::from(raw_len), id: BlobId::of(body) }
    }

    fn frame(pack: &Pack) -> (Header, Vec<u8>) {
        let (codec, payload) = pack.encode(&mut Encoder::new(), None);
        let header = Header {
            kind: Kind::Pack,
            codec,
            is_sealed: false,
            batch: 1,
            payload_len: u32::try_from(payload.len()).unwrap(),
            raw_len: u32::try_from(pack.len()).unwrap(),
            payload_crc: 0,
        };
        (header, payload)
    }

    #[test]
    fn items_come_back_and_what_is_erased_is_gone() {
        let bodies: Vec<Vec<u8>> = (0..9u8).map(|n| vec![b'a' + n; 300 * usize::from(n)]).collect();
        let mut pack = Pack::default();
        for (n, body) in bodies.iter().enumerate() {
            pack.push(item([Kind::Blob, Kind::Skeleton][n % 2], body), body);
        }
        let (header, payload) = frame(&pack);
        let contents = Contents::open(&header, &payload, None).unwrap();
        assert!(contents.iter().map(|it| it.1).eq(bodies.iter().map(Vec::as_slice)));
        assert_eq!(items(&header, &payload).unwrap(), pack.items);
        let id = BlobId::of(&bodies[3]);
        assert_eq!(contents.find(Kind::Skeleton, &id).unwrap().1, bodies[3]);
        assert_eq!(contents.find(Kind::Blob, &id), None);

        let kept = contents.without(&|it| *it == id);
        assert_eq!(kept.find(Kind::Skeleton, &id), None);
        let (header, payload) = frame(&Pack::from(kept.clone()));
        let again = Contents::open(&header, &payload, None).unwrap();
        assert_eq!(again, kept);
        assert_eq!(again.items.len(), 9);
        assert!(again.items[3].is_gone && again.items[3].raw_len == 900);
        assert_eq!(again.find(Kind::Blob, &BlobId::of(&bodies[4])).unwrap().1, bodies[4]);
    }

    #[test]
    fn cut_and_changed_packs_are_refused_or_read() {
        let mut pack = Pack::default();
        for body in [&b"one two three one two three one two three"[..], b"four", b""] {
            pack.push(item(Kind::Blob, body), body);
        }
        let (header, payload) = frame(&pack);
        for cut in 0..payload.len() {
            assert!(Contents::open(&header, &payload[..cut], None).is_err(), "cut at {cut}");
        }
        for bit in 0..payload.len() * 8 {
            let mut payload = payload.clone();
            payload[bit / 8] ^= 1 << (bit % 8);
            // Read or refused, never a panic.
            let _ = Contents::open(&header, &payload, None);
        }
    }
}
