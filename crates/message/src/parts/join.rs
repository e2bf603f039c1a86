//! Makes the bytes of a message out of content, piece by piece.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memchr;

use super::form::{Breaks, Encoding, Form, LineEnds};
use super::quoted;

/// Undoes the splitting of one piece. Content may come in any number of pieces; memory is bounded
/// by the longest of them, and by `QUOTED_BYTES_MAX` for quoted-printable.
pub struct Joiner {
    form: Form,
    /// Content that cannot be encoded yet: of base64 less than a group, of quoted-printable all.
    waiting: Vec<u8>,
    /// Characters on the current line of base64.
    column: usize,
}

impl Joiner {
    /// Begins a piece.
    #[must_use]
    pub fn new(form: &Form) -> Joiner {
        Joiner { form: form.clone(), waiting: Vec::new(), column: 0 }
    }

    /// Takes the next content, and appends to `out` what it makes.
    pub fn push(&mut self, content: &[u8], out: &mut Vec<u8>) {
        let expanded;
        let content = match self.form.line_ends {
            LineEnds::Kept => content,
            LineEnds::Crlf => {
                expanded = with_cr(content);
                &expanded
            }
        };
        match &self.form.encoding {
            Encoding::Plain => out.extend_from_slice(content),
            Encoding::Base64(breaks) => {
                let breaks = *breaks;
                self.base64(content, breaks, out);
            }
            Encoding::QuotedPrintable(_) => self.waiting.extend_from_slice(content),
        }
    }

    /// Appends what is left.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let waiting = std::mem::take(&mut self.waiting);
        match &self.form.encoding {
            Encoding::Plain => (),
            Encoding::Base64(breaks) => {
                let breaks = *breaks;
                let chars = match breaks.is_padded {
                    true => STANDARD.encode(&waiting),
                    false => STANDARD_NO_PAD.encode(&waiting),
                };
                self.chars(chars.as_bytes(), breaks, out);
            }
            Encoding::QuotedPrintable(quoting) => quoted::encode(&waiting, quoting, out),
        }
    }

    /// The same when the end shows that the form is this one: only the padding may differ from
    /// what the piece began with.
    pub fn end_as(&mut self, form: &Form, out: &mut Vec<u8>) {
        self.form = form.clone();
        self.end(out);
    }

    fn base64(&mut self, content: &[u8], breaks: Breaks, out: &mut Vec<u8>) {
        let mut content = content;
        if !self.waiting.is_empty() {
            let missing = content.len().min(3 - self.waiting.len());
            let (front, rest) = content.split_at_checked(missing).unwrap_or_default();
            self.waiting.extend_from_slice(front);
            content = rest;
            if self.waiting.len() < 3 {
                return;
            }
            let chars = STANDARD.encode(&self.waiting);
            self.waiting.clear();
            self.chars(chars.as_bytes(), breaks, out);
        }
        let whole = content.len() / 3 * 3;
        let (groups, rest) = content.split_at_checked(whole).unwrap_or_default();
        let chars = STANDARD.encode(groups);
        self.chars(chars.as_bytes(), breaks, out);
        self.waiting.extend_from_slice(rest);
    }

    /// Appends characters, with a line end wherever a line is full and more follows.
    fn chars(&mut self, chars: &[u8], breaks: Breaks, out: &mut Vec<u8>) {
        let line_len = (breaks.line_len as usize).max(1);
        let mut rest = chars;
        while !rest.is_empty() {
            if self.column == line_len {
                out.extend_from_slice(breaks.line_end.bytes());
                self.column = 0;
            }
            let n = rest.len().min(line_len - self.column);
            let (line, behind) = rest.split_at_checked(n).unwrap_or((rest, b""));
            out.extend_from_slice(line);
            self.column += line.len();
            rest = behind;
        }
    }
}

fn with_cr(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 32);
    let mut rest = content;
    while let Some(at) = memchr(b'\n', rest) {
        let (line, behind) = rest.split_at_checked(at).unwrap_or((rest, b""));
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
        rest = behind.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
