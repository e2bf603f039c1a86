//! A message as its skeleton: what stands only in it, and which blobs its other parts are.
//!
//! Rules:
//! - Skeletons refer to blobs, not to each other.
//! - What it says is not trusted: whoever joins one checks the hash of the whole.

use message::parts::{
    Breaks, Encoding, Form, LineEnd, LineEnds, Piece, Place, QUOTED_BYTES_MAX, Quoting,
};
use types::BlobId;
use types::limits::FRAME_PAYLOAD_BYTES_MAX;

use crate::wire::Fields;
use crate::{Codec, Dictionary, Encoder, Flaw, ID_BYTES};

/// Bytes before the body of a skeleton: id and checksum, and the length of the message.
pub(crate) const SKELETON_HEAD_BYTES: usize = ID_BYTES + 8;

/// The most text that stands in a skeleton itself. What is more becomes a part.
pub const SKELETON_TEXT_BYTES_MAX: usize = 256 << 10;

/// A message as pieces.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Skeleton {
    /// Number of bytes of the message.
    pub total_len: u64,
    /// Its pieces, in order.
    pub pieces: Vec<SkeletonPiece>,
    /// The content of those that stand here, one after the other.
    pub text: Vec<u8>,
}

/// A piece of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SkeletonPiece {
    /// What makes the bytes of the message out of the content.
    pub form: Form,
    /// Number of bytes of its content.
    pub len: u64,
    /// The blob that the content is; `None` when it stands in the skeleton.
    pub blob: Option<BlobId>,
}

/// A skeleton ready to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedSkeleton {
    /// SHA-256 of the message.
    pub id: BlobId,
    /// Number of bytes of the message.
    pub total_len: u64,
    /// Number of bytes of `body`, decoded.
    pub raw_len: u32,
    /// How `body` is encoded.
    pub codec: Codec,
    /// The encoded bytes.
    pub body: Vec<u8>,
    /// The blobs that it refers to, each once, with their lengths.
    pub parts: Vec<(BlobId, u64)>,
    /// It came as it is for the log to compress it, with others where it can.
    pub is_loose: bool,
}

impl Skeleton {
    /// Adds a piece whose content stands here.
    pub fn push_text(&mut self, form: Form, content: &[u8]) {
        let len = content.len() as u64;
        self.pieces.push(SkeletonPiece { form, len, blob: None });
        self.text.extend_from_slice(content);
    }

    /// Adds a piece whose content is a blob.
    pub fn push_blob(&mut self, form: Form, id: BlobId, len: u64) {
        self.pieces.push(SkeletonPiece { form, len, blob: Some(id) });
    }

    /// Whether a piece of a message belongs into the skeleton itself.
    #[must_use]
    pub fn takes(&self, piece: &Piece<'_>) -> bool {
        piece.place == Place::Inline
            && self.text.len() + piece.content.len() <= SKELETON_TEXT_BYTES_MAX
    }

    /// The blobs that it refers to, each once, with their lengths.
    #[must_use]
    pub fn parts(&self) -> Vec<(BlobId, u64)> {
        let mut parts: Vec<(BlobId, u64)> = Vec::new();
        for piece in &self.pieces {
            let Some(id) = piece.blob else { continue };
            if !parts.iter().any(|it| it.0 == id) {
                parts.push((id, piece.len));
            }
        }
        parts
    }

    /// Encodes it as the skeleton of the message `id`.
    pub fn encode(
        &self,
        id: BlobId,
        encoder: &mut Encoder,
        dictionary: Option<&Dictionary>,
    ) -> EncodedSkeleton {
        let raw = self.to_bytes();
        let (codec, body) = encoder.compress_with(&raw, dictionary);
        let raw_len = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        let total_len = self.total_len;
        let parts = self.parts();
        EncodedSkeleton { id, total_len, raw_len, codec, body, parts, is_loose: false }
    }

    /// As the skeleton of the message `id`, to be compressed with others.
    pub(crate) fn loose(&self, id: BlobId) -> EncodedSkeleton {
        let body = self.to_bytes();
        let raw_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let (total_len, codec, parts) = (self.total_len, Codec::Stored, self.parts());
        EncodedSkeleton { id, total_len, raw_len, codec, body, parts, is_loose: true }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + 16 + self.pieces.len() * 48);
        put(&mut bytes, self.pieces.len() as u64);
        for piece in &self.pieces {
            put_piece(&mut bytes, piece);
        }
        bytes.extend_from_slice(&self.text);
        bytes
    }

    /// Reads the decoded body of a skeleton.
    pub fn from_bytes(total_len: u64, raw: &[u8]) -> Result<Skeleton, Flaw> {
        let mut fields = Fields::new(WHAT, raw);
        let n_pieces = get(&mut fields)?;
        let mut skeleton = Skeleton { total_len, ..Skeleton::default() };
        let mut text_len = 0u64;
        for _ in 0..n_pieces {
            let piece = get_piece(&mut fields)?;
            if piece.blob.is_none() {
                text_len = text_len.checked_add(piece.len).ok_or(MALFORMED)?;
            }
            skeleton.pieces.push(piece);
        }
        let text_len = usize::try_from(text_len).map_err(|_| MALFORMED)?;
        skeleton.text = fields.bytes(text_len)?.to_vec();
        fields.end()?;
        Ok(skeleton)
    }
}

impl EncodedSkeleton {
    /// Whether a frame can hold it.
    #[must_use]
    pub fn fits(&self) -> bool {
        let longest = (self.raw_len as usize).max(self.body.len());
        longest <= FRAME_PAYLOAD_BYTES_MAX - SKELETON_HEAD_BYTES
    }
}

const WHAT: &str = "a skeleton";
const MALFORMED: Flaw = Flaw::Malformed(WHAT);

/// What the first byte of a piece says.
mod flags {
    pub(super) const ENCODING: u8 = 3;
    pub(super) const BASE64: u8 = 1;
    pub(super) const QUOTED: u8 = 2;
    /// Each LF of the content was CRLF.
    pub(super) const CRLF_INSIDE: u8 = 4;
    /// Lines of the encoding end with LF, not CRLF.
    pub(super) const LF_LINES: u8 = 8;
    /// Of base64: padded. Of quoted-printable: spaces before a line end are escaped.
    pub(super) const ENDING: u8 = 16;
    /// The content is a blob.
    pub(super) const BLOB: u8 = 32;
    pub(super) const ALL: u8 = 63;
}

fn flags_of(piece: &SkeletonPiece) -> u8 {
    let when = |is: bool, flag: u8| if is { flag } else { 0 };
    let (encoding, line_end, ending) = match &piece.form.encoding {
        Encoding::Plain => (0, LineEnd::Crlf, false),
        Encoding::Base64(it) => (flags::BASE64, it.line_end, it.is_padded),
        Encoding::QuotedPrintable(it) => (flags::QUOTED, it.line_end, it.escapes_trailing),
    };
    encoding
        | when(piece.form.line_ends == LineEnds::Crlf, flags::CRLF_INSIDE)
        | when(line_end == LineEnd::Lf, flags::LF_LINES)
        | when(ending, flags::ENDING)
        | when(piece.blob.is_some(), flags::BLOB)
}

fn put_piece(bytes: &mut Vec<u8>, piece: &SkeletonPiece) {
    bytes.push(flags_of(piece));
    put(bytes, piece.len);
    bytes.extend(piece.blob.iter().flat_map(|it| it.0));
    match &piece.form.encoding {
        Encoding::Plain => (),
        Encoding::Base64(it) => put(bytes, u64::from(it.line_len)),
        Encoding::QuotedPrintable(it) => {
            put(bytes, u64::from(it.line_len));
            put(bytes, it.unusual.len() as u64);
            bytes.extend_from_slice(&it.unusual);
            put(bytes, it.odd_lines.len() as u64);
            for (gap, code) in &it.odd_lines {
                put(bytes, u64::from(*gap));
                put(bytes, u64::from(*code));
            }
        }
    }
}

fn get_piece(fields: &mut Fields<'_>) -> Result<SkeletonPiece, Flaw> {
    let [flags] = fields.array()?;
    let has = |flag: u8| flags & flag != 0;
    let len = get(fields)?;
    let blob = if has(flags::BLOB) { Some(BlobId(fields.array()?)) } else { None };
    let line_ends = if has(flags::CRLF_INSIDE) { LineEnds::Crlf } else { LineEnds::Kept };
    let line_end = if has(flags::LF_LINES) { LineEnd::Lf } else { LineEnd::Crlf };
    let encoding = match flags & flags::ENCODING {
        0 => Encoding::Plain,
        flags::BASE64 => {
            let line_len = get_u32(fields)?;
            Encoding::Base64(Breaks { line_len, line_end, is_padded: has(flags::ENDING) })
        }
        flags::QUOTED if len <= QUOTED_BYTES_MAX as u64 => {
            Encoding::QuotedPrintable(get_quoting(fields, line_end, has(flags::ENDING))?)
        }
        _ => return Err(MALFORMED),
    };
    if flags & !flags::ALL != 0 {
        return Err(MALFORMED);
    }
    Ok(SkeletonPiece { form: Form { line_ends, encoding }, len, blob })
}

fn get_quoting(
    fields: &mut Fields<'_>,
    line_end: LineEnd,
    escapes_trailing: bool,
) -> Result<Quoting, Flaw> {
    let line_len = get_u32(fields)?;
    let n_unusual = get(fields)?;
    let unusual = fields.bytes(usize::try_from(n_unusual).map_err(|_| MALFORMED)?)?.to_vec();
    let n_odd = get(fields)?;
    let odd: Result<Vec<_>, Flaw> =
        (0..n_odd).map(|_| Ok((get_u32(fields)?, get_u32(fields)?))).collect();
    Ok(Quoting { line_end, line_len, escapes_trailing, unusual, odd_lines: odd? })
}

/// Appends a number: seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while 0x80 <= rest {
        bytes.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(0));
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap_or(0));
}

fn get(fields: &mut Fields<'_>) -> Result<u64, Flaw> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let [byte] = fields.array()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(MALFORMED)
}

fn get_u32(fields: &mut Fields<'_>) -> Result<u32, Flaw> {
    u32::try_from(get(fields)?).map_err(|_| MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton() -> Skeleton {
        let breaks = Breaks { line_len: 76, line_end: LineEnd::Lf, is_padded: true };
        let quoting = Quoting {
            line_end: LineEnd::Crlf,
            line_len: 300,
            escapes_trailing: true,
            unusual: vec![b'.', 0xe4],
            odd_lines: vec![(3, 130), (0, 1)],
        };
        let crlf = |encoding| Form { line_ends: LineEnds::Crlf, encoding };
        let mut skeleton = Skeleton { total_len: 70_000, ..Skeleton::default() };
        skeleton.push_text(Form::PLAIN, b"Subject: x\r\n\r\n");
        skeleton.push_blob(crlf(Encoding::Base64(breaks)), BlobId::of(b"a"), 40_000);
        skeleton.push_text(crlf(Encoding::QuotedPrintable(quoting)), b"text");
        skeleton.push_blob(Form::PLAIN, BlobId::of(b"b"), 9);
        skeleton.push_blob(Form::PLAIN, BlobId::of(b"a"), 40_000);
        skeleton
    }

    #[test]
    fn it_reads_as_it_was_written_and_no_cut_does() {
        let skeleton = skeleton();
        let raw = skeleton.to_bytes();
        assert_eq!(Skeleton::from_bytes(70_000, &raw), Ok(skeleton.clone()));
        let parts = [(BlobId::of(b"a"), 40_000), (BlobId::of(b"b"), 9)];
        assert_eq!(skeleton.parts(), parts);
        for cut in 0..raw.len() {
            assert!(Skeleton::from_bytes(70_000, &raw[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..raw.len() {
            let mut raw = raw.clone();
            raw[at] ^= 0xff;
            // Read or refused, never a panic or a large allocation.
            let _ = Skeleton::from_bytes(70_000, &raw);
        }
    }

    #[test]
    fn numbers_of_every_length() {
        for number in [0, 1, 127, 128, 300, 1 << 32, (1 << 63) - 1] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(get(&mut Fields::new(WHAT, &bytes)), Ok(number));
        }
        assert!(get(&mut Fields::new(WHAT, &[0x80; 12])).is_err());
    }
}
