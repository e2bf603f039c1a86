//! Splitting a message into literal runs and parts, and joining it again byte for byte.
//!
//! What it is not: parsing. A part here is content that may stand in other messages too: what
//! base64 or quoted-printable was made of, or an attachment as it is. How it was encoded is its
//! [`Form`]; content and form together give the bytes of the message back.
//!
//! Rules:
//! - Splitting never fails and never panics. What cannot be given back exactly stays literal.
//! - A message is split only after its pieces were joined and found to be its bytes.
//! - Text whose line ends are all CRLF is kept with LF, so that the same attachment is the same
//!   content whether it came as base64, quoted-printable or as it is.

mod base64;
mod form;
mod join;
mod quoted;
mod stream;
mod structure;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use form::{Breaks, Encoding, Form, LineEnd, LineEnds, Quoting};
pub use join::Joiner;
pub use stream::{Event, Splitter};

use crate::guard;
use crate::transfer;

/// An attachment with less content than this stays where it stands. A part costs about 160 bytes
/// in the log.
pub const ATTACHMENT_BYTES_MIN: usize = 2 << 10;

/// The same for text that is no attachment. It compresses better beside the text around it, and is
/// worth a part of its own only where a mail came to many.
pub const BODY_BYTES_MIN: usize = 16 << 10;

/// Content with less than this is not even decoded.
pub const DECODED_BYTES_MIN: usize = 96;

/// Pieces of one message. What follows is literal.
pub const PIECES_MAX: usize = 1_000;

/// Quoted-printable of more than this is left as it stands: it is joined in memory.
pub const QUOTED_BYTES_MAX: usize = 1 << 20;

/// A piece of a message, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece<'x> {
    /// The content: what the form makes the bytes of.
    pub content: Cow<'x, [u8]>,
    /// How it stands in the message.
    pub form: Form,
    /// Whether it may stand in other messages too and is worth a place of its own.
    pub place: Place,
}

/// Where the content of a piece belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Beside the other pieces of its message.
    Inline,
    /// By itself.
    Apart,
}

/// Cuts a message into pieces that give its bytes when they are joined. `None` when there is
/// nothing in it to decode or to put apart.
#[must_use]
pub fn split(bytes: &[u8]) -> Option<Vec<Piece<'_>>> {
    let pieces = guard::quietly(|| pieces(bytes))?;
    let is_split = pieces.iter().any(|it| it.place == Place::Apart || it.form != Form::PLAIN);
    let is_proven = || guard::quietly(|| joins_to(&pieces, bytes)).unwrap_or(false);
    (is_split && is_proven()).then_some(pieces)
}

/// Whether the pieces are the bytes.
fn joins_to(pieces: &[Piece<'_>], bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut out = Vec::new();
    for piece in pieces {
        let joined: &[u8] = if piece.form == Form::PLAIN {
            &piece.content
        } else {
            out.clear();
            let mut joiner = Joiner::new(&piece.form);
            joiner.push(&piece.content, &mut out);
            joiner.end(&mut out);
            &out
        };
        let Some(behind) = rest.strip_prefix(joined) else { return false };
        rest = behind;
    }
    rest.is_empty()
}

fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    let mut cutter = Cutter { bytes, at: 0, pieces: Vec::new() };
    for leaf in structure::leaves(bytes) {
        if PIECES_MAX <= cutter.pieces.len() {
            break;
        }
        let body = bytes.get(leaf.start..leaf.end).unwrap_or_default();
        let bytes_min = if leaf.is_attachment { ATTACHMENT_BYTES_MIN } else { BODY_BYTES_MIN };
        match leaf.encoding {
            transfer::Encoding::QuotedPrintable => {
                if let Some((content, form)) = quoted::decode(body) {
                    cutter.put(leaf.start..leaf.end, content.into(), form, bytes_min);
                }
            }
            transfer::Encoding::Base64 => cutter.runs(leaf.start, body, bytes_min),
            _ if bytes_min <= body.len() && leaf.is_attachment => cutter.plain(leaf.start, body),
            _ => cutter.runs(leaf.start, body, ATTACHMENT_BYTES_MIN),
        }
    }
    cutter.end()
}

struct Cutter<'x> {
    bytes: &'x [u8],
    /// Everything before is in a piece.
    at: usize,
    pieces: Vec<Piece<'x>>,
}

impl<'x> Cutter<'x> {
    /// Base64 wherever it stands in a body.
    fn runs(&mut self, start: usize, body: &'x [u8], bytes_min: usize) {
        let mut pos = 0;
        while self.pieces.len() < PIECES_MAX
            && let Some(run) = base64::find(body, pos)
        {
            pos = run.end;
            let (content, line_ends) = form::without_cr(run.content.into());
            let form = Form { line_ends, encoding: Encoding::Base64(run.lines) };
            self.put(start + run.start..start + run.end, content, form, bytes_min);
        }
    }

    /// An attachment as it stands.
    fn plain(&mut self, start: usize, body: &'x [u8]) {
        let (content, line_ends) = form::without_cr(body.into());
        let form = Form { line_ends, encoding: Encoding::Plain };
        self.put(start..start + body.len(), content, form, 0);
    }

    fn put(
        &mut self,
        place: std::ops::Range<usize>,
        content: Cow<'x, [u8]>,
        form: Form,
        bytes_min: usize,
    ) {
        if content.len() < DECODED_BYTES_MIN {
            return;
        }
        self.literal(place.start);
        self.at = place.end;
        let place = if content.len() < bytes_min { Place::Inline } else { Place::Apart };
        self.pieces.push(Piece { content, form, place });
    }

    fn literal(&mut self, end: usize) {
        let content = self.bytes.get(self.at..end).unwrap_or_default();
        if !content.is_empty() {
            let content = content.into();
            self.pieces.push(Piece { content, form: Form::PLAIN, place: Place::Inline });
        }
    }

    fn end(mut self) -> Vec<Piece<'x>> {
        self.literal(self.bytes.len());
        self.pieces
    }
}
