//! How content stands in a message.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// What makes the bytes of a message out of content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// What is done to the line ends of the content, first.
    pub line_ends: LineEnds,
    /// How the result is encoded.
    pub encoding: Encoding,
}

impl Form {
    /// As it is.
    pub const PLAIN: Form = Form { line_ends: LineEnds::Kept, encoding: Encoding::Plain };
}

/// What became of the line ends inside the content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnds {
    /// They are as they were.
    Kept,
    /// Each LF of the content was CRLF.
    Crlf,
}

/// The transfer encoding of content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// None.
    Plain,
    /// RFC 2045 §6.8, in lines of one length.
    Base64(Breaks),
    /// RFC 2045 §6.7
    QuotedPrintable(Quoting),
}

/// The lines of base64. None stands behind the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaks {
    /// Characters of each line but the last; never 0.
    pub line_len: u32,
    /// What ends a line.
    pub line_end: LineEnd,
    /// Whether the last group is filled up with `=`.
    pub is_padded: bool,
}

/// The end of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnd {
    /// `\r\n`
    Crlf,
    /// `\n`
    Lf,
}

impl LineEnd {
    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        match self {
            LineEnd::Crlf => b"\r\n",
            LineEnd::Lf => b"\n",
        }
    }

    /// The line end that `line` has, and the line without it.
    pub(super) fn strip(line: &[u8]) -> Option<(&[u8], LineEnd)> {
        let line = line.strip_suffix(b"\n")?;
        Some(match line.strip_suffix(b"\r") {
            Some(line) => (line, LineEnd::Crlf),
            None => (line, LineEnd::Lf),
        })
    }
}

/// How quoted-printable was written. Lines of the content end with LF.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoting {
    /// What ends a line, soft or hard.
    pub line_end: LineEnd,
    /// A line is as long as it can be with this many characters, its `=` included.
    pub line_len: u32,
    /// Whether spaces and tabs before a line end are escaped.
    pub escapes_trailing: bool,
    /// Bytes of which it is not as usual whether they are escaped. As usual are escaped: control
    /// characters but the tab, `=`, and what is not ASCII.
    pub unusual: Vec<u8>,
    /// Lines that end elsewhere: how many lines lie between it and the one before in this list,
    /// and how many bytes of content it has, times two, plus one when a soft break ends it.
    pub odd_lines: Vec<(u32, u32)>,
}

/// The same text with LF in the place of CRLF, when all its line ends are CRLF.
pub(super) fn without_cr(bytes: Cow<'_, [u8]>) -> (Cow<'_, [u8]>, LineEnds) {
    if !is_crlf(&bytes) {
        return (bytes, LineEnds::Kept);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest: &[u8] = &bytes;
    while let Some(at) = memchr(b'\r', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    (out.into(), LineEnds::Crlf)
}

/// Whether there are line ends, and all are CRLF.
fn is_crlf(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut any = false;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        let Some(behind) = rest.get(at..).and_then(|it| it.strip_prefix(b"\r\n")) else {
            return false;
        };
        rest = behind;
        any = true;
    }
    any
}
