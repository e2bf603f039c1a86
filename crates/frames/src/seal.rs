//! Sealed frames: AES-256-GCM over payloads, with a key of the segment's own.
//!
//! Rules:
//! - In a sealed segment every frame is sealed, and in another none: who puts a plain frame in
//!   between is found out.
//! - A sealed frame is bound to its kind, codec, lengths and place; the key binds it to its
//!   segment. Nothing that was sealed opens anywhere else.
//! - Nonces are random and stored. The head of a frame that has an id is sealed for itself, so
//!   that a scan for ids need not read bodies; its nonce is that of the frame with the last bit
//!   changed.
//! - Pages of ids are sealed one by one: a look-up opens one page.
//! - Checksums cover bytes as they stand, so damage is told without a key; what a checksum does
//!   not notice, because somebody made it fit, the seal does.

use std::fmt;
use std::sync::Arc;

use sealing::{Cipher, KEY_BYTES, NONCE_BYTES, Nonce, TAG_BYTES};

use crate::ids::{PAGE_BYTES, SEALED_PAGE_BYTES};
use crate::{Flaw, Header, Kind, Salt};

/// Bytes that sealing adds to a payload or a page.
pub(crate) const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// The length that ends a sealed close frame.
const CLOSE_LEN_BYTES: usize = 4;

/// The most that sealing adds to a payload.
pub const SEALED_MORE_MAX: usize = SEAL_BYTES + TAG_BYTES + CLOSE_LEN_BYTES;

/// Names the key of a segment: random, and in its prelude. The key itself stands elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyName(pub [u8; 16]);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|it| write!(f, "{it:02x}"))
    }
}

/// Fills a slice with random bytes.
pub type Fill = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// A key of one segment, ready to seal and to open, with the source of its nonces.
#[derive(Clone)]
pub struct Seal {
    cipher: Arc<Cipher>,
    fill: Fill,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

/// What all frames of a segment have in common: the salt of their checksums, and their seal.
#[derive(Clone, Debug, Default)]
pub struct Casing {
    /// Seeds the checksums of headers.
    pub salt: Salt,
    /// `None` when the segment is not encrypted.
    pub seal: Option<Seal>,
}

impl From<Salt> for Casing {
    fn from(salt: Salt) -> Casing {
        Casing { salt, seal: None }
    }
}

impl Casing {
    /// Opens a page of ids as it stands on disk.
    pub fn open_page(&self, page: Vec<u8>) -> Result<Vec<u8>, Flaw> {
        match &self.seal {
            None => Ok(page),
            Some(seal) => seal.open_page(&page),
        }
    }

    /// Bytes of a page of ids, opened.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        if self.seal.is_some() { SEALED_PAGE_BYTES } else { PAGE_BYTES }
    }
}

/// The part of a frame that is sealed, as the seal is bound to it.
#[derive(Clone, Copy)]
enum Part {
    Body = 0,
    Head = 1,
    Page = 2,
}

/// What a seal is bound to: all that the header says but the checksums, and where it stands.
fn bound_to(header: &Header, offset: u64, part: Part) -> [u8; 17] {
    let mut bytes = [0; 17];
    let [kind, codec, ..] = header.fields();
    let front = [part as u8, kind, codec].into_iter();
    let numbers = header.batch.to_le_bytes().into_iter().chain(header.raw_len.to_le_bytes());
    let all = front.chain(numbers).chain(offset.to_le_bytes());
    for (to, from) in bytes.iter_mut().zip(all) {
        *to = from;
    }
    bytes
}

const PAGE_BOUND_TO: [u8; 1] = [Part::Page as u8];

/// The nonce of a frame's head, where the frame has `nonce`.
fn head_nonce(mut nonce: Nonce) -> Nonce {
    if let Some(last) = nonce.last_mut() {
        *last ^= 1;
    }
    nonce
}

/// How long the sealed payload of a frame of this kind is.
pub(crate) fn sealed_len(kind: Kind, plain_len: usize) -> usize {
    plain_len + overhead(kind)
}

/// How long the payload was before it was sealed; `None` when it is too short for that.
pub(crate) fn plain_len(kind: Kind, sealed_len: usize) -> Option<usize> {
    sealed_len.checked_sub(overhead(kind)).filter(|it| kind.head_len() <= *it)
}

fn overhead(kind: Kind) -> usize {
    match kind {
        // Page by page, within the length of a page.
        Kind::FooterIds => 0,
        Kind::Close => SEAL_BYTES + CLOSE_LEN_BYTES,
        _ if kind.head_len() != 0 => SEAL_BYTES + TAG_BYTES,
        _ => SEAL_BYTES,
    }
}

impl Seal {
    /// The seal with this key; `fill` gives its nonces.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES], fill: Fill) -> Seal {
        Seal { cipher: Arc::new(Cipher::new(key)), fill }
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = Nonce::default();
        (self.fill)(&mut nonce);
        nonce
    }

    /// Seals `bytes` in place; the tag goes behind `out`, which they are the end of.
    fn seal_end(&self, nonce: Nonce, bound_to: &[u8], from: usize, out: &mut Vec<u8>) {
        let bytes = out.get_mut(from..).unwrap_or_default();
        let tag = self.cipher.seal(nonce, bound_to, bytes);
        assert!(tag.is_some(), "a frame is far shorter than what can be sealed at once");
        out.extend(tag.unwrap_or_default());
    }

    /// Appends the sealed form of a payload, which stands in two pieces, to `out`. `header` has
    /// everything but what depends on the sealed bytes.
    pub(crate) fn seal(&self, header: &Header, offset: u64, parts: [&[u8]; 2], out: &mut Vec<u8>) {
        if header.kind == Kind::FooterIds {
            return self.seal_pages(parts, out);
        }
        let nonce = self.nonce();
        let start = out.len();
        out.extend(nonce);
        let whole = parts.concat();
        let (head, body) = whole.split_at(header.kind.head_len().min(whole.len()));
        if !head.is_empty() {
            let from = out.len();
            out.extend(head);
            let bound_to = bound_to(header, offset, Part::Head);
            self.seal_end(head_nonce(nonce), &bound_to, from, out);
        }
        let from = out.len();
        out.extend(body);
        self.seal_end(nonce, &bound_to(header, offset, Part::Body), from, out);
        if header.kind == Kind::Close {
            let frame_len = crate::HEADER_BYTES + out.len() - start + CLOSE_LEN_BYTES;
            out.extend(u32::try_from(frame_len).unwrap_or(u32::MAX).to_le_bytes());
        }
    }

    /// Appends the plain payload of a sealed one to `out`.
    pub(crate) fn open(
        &self,
        header: &Header,
        offset: u64,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        if header.kind == Kind::FooterIds {
            for page in payload.chunks(PAGE_BYTES) {
                out.extend(self.open_page(page)?);
            }
            return Ok(());
        }
        let (nonce, mut rest) = payload.split_first_chunk::<NONCE_BYTES>().ok_or(Flaw::Seal)?;
        if header.kind == Kind::Close {
            let len = rest.len().checked_sub(CLOSE_LEN_BYTES).ok_or(Flaw::Seal)?;
            rest = rest.get(..len).ok_or(Flaw::Seal)?;
        }
        let head_len = header.kind.head_len();
        if head_len != 0 {
            let (head, body) = rest.split_at_checked(head_len + TAG_BYTES).ok_or(Flaw::Seal)?;
            let bound_to = bound_to(header, offset, Part::Head);
            self.open_part(head_nonce(*nonce), &bound_to, head, out)?;
            rest = body;
        }
        self.open_part(*nonce, &bound_to(header, offset, Part::Body), rest, out)
    }

    /// Appends the plain head of a sealed payload, of which `front` is the beginning, to `out`.
    pub(crate) fn open_head(
        &self,
        header: &Header,
        offset: u64,
        front: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        let (nonce, rest) = front.split_first_chunk::<NONCE_BYTES>().ok_or(Flaw::Seal)?;
        let head = rest.get(..header.kind.head_len() + TAG_BYTES).ok_or(Flaw::Seal)?;
        let bound_to = bound_to(header, offset, Part::Head);
        self.open_part(head_nonce(*nonce), &bound_to, head, out)
    }

    fn open_part(
        &self,
        nonce: Nonce,
        bound_to: &[u8],
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        let from = out.len();
        out.extend(sealed);
        let bytes = out.get_mut(from..).unwrap_or_default();
        let opened = self.cipher.open(nonce, bound_to, bytes).map(|it| it.len());
        let len = opened.ok_or(Flaw::Seal)?;
        out.truncate(from + len);
        Ok(())
    }

    fn seal_pages(&self, parts: [&[u8]; 2], out: &mut Vec<u8>) {
        for page in parts.iter().flat_map(|it| it.chunks(SEALED_PAGE_BYTES)) {
            let nonce = self.nonce();
            out.extend(nonce);
            let from = out.len();
            out.extend(page);
            self.seal_end(nonce, &PAGE_BOUND_TO, from, out);
        }
    }

    fn open_page(&self, page: &[u8]) -> Result<Vec<u8>, Flaw> {
        let (nonce, sealed) = page.split_first_chunk::<NONCE_BYTES>().ok_or(Flaw::Short)?;
        let mut plain = Vec::with_capacity(PAGE_BYTES);
        self.open_part(*nonce, &PAGE_BOUND_TO, sealed, &mut plain)?;
        Ok(plain)
    }

    /// Bytes that belong to no segment, sealed: nonce, ciphertext and tag.
    pub(crate) fn seal_alone(&self, bound_to: &[u8], bytes: &[u8]) -> Vec<u8> {
        let nonce = self.nonce();
        let mut out = nonce.to_vec();
        out.extend(bytes);
        self.seal_end(nonce, bound_to, NONCE_BYTES, &mut out);
        out
    }

    /// The same, opened.
    pub(crate) fn open_alone(&self, bound_to: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Flaw> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Flaw::Short)?;
        let mut plain = Vec::new();
        self.open_part(*nonce, bound_to, sealed, &mut plain)?;
        Ok(plain)
    }
}
