//! Base64 in lines of one length, wherever it stands (RFC 2045 §6.8).
//!
//! Rules: found by what it looks like, not by what a header says of it; each byte is looked at a
//! bounded number of times; the run ends where what follows cannot be given back exactly.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memchr;

use super::form::{Breaks, LineEnd};

/// A first line shorter than this does not begin base64, unless the whole of it is one line.
const LINE_CHARS_MIN: usize = 16;

/// Base64 in a body.
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) content: Vec<u8>,
    pub(super) lines: Breaks,
}

const fn alphabet() -> [u8; 256] {
    let mut table = [1; 256];
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < digits.len() {
        #[expect(clippy::indexing_slicing, reason = "both indices are below their lengths")]
        {
            table[digits[at] as usize] = 0;
        }
        at += 1;
    }
    table
}

/// Zero for the characters of base64.
static ALPHABET: [u8; 256] = alphabet();

fn is_other(byte: u8) -> u8 {
    ALPHABET.get(usize::from(byte)).copied().unwrap_or(1)
}

/// Whether a line is of nothing but base64, without padding.
pub(super) fn is_full(line: &[u8]) -> bool {
    // Most lines of text show in their first word that they are not.
    let (front, rest) = line.split_at_checked(16).unwrap_or((line, b""));
    front.iter().all(|it| is_other(*it) == 0) && rest.iter().all(|it| is_other(*it) == 0)
}

/// How many characters of base64 a line begins with.
fn n_chars(line: &[u8]) -> usize {
    line.iter().position(|it| is_other(*it) != 0).unwrap_or(line.len())
}

/// A line at `pos` with its line end, if it has one.
fn line_at(bytes: &[u8], pos: usize) -> Option<&[u8]> {
    let rest = bytes.get(pos..).filter(|it| !it.is_empty())?;
    memchr(b'\n', rest).map_or(Some(rest), |len| rest.get(..=len))
}

/// The next base64 at or behind `pos`, where a line begins or something else ended.
pub(super) fn find(bytes: &[u8], pos: usize) -> Option<Run> {
    let mut pos = pos;
    while let Some(line) = line_at(bytes, pos) {
        let (text, line_end) = LineEnd::strip(line).unwrap_or((line, LineEnd::Crlf));
        if LINE_CHARS_MIN <= text.len() && is_full(text) {
            let run = run_at(bytes, pos, text.len(), line_end);
            if run.as_ref().is_some_and(|it| super::DECODED_BYTES_MIN <= it.content.len()) {
                return run;
            }
            pos = run.map_or(pos, |it| it.end);
        } else if LINE_CHARS_MIN <= text.len() && is_ended(text) {
            // Base64 of one line.
            let run = tail_at(bytes, pos, text, Vec::new(), (text.len(), line_end));
            if run.as_ref().is_some_and(|it| super::DECODED_BYTES_MIN <= it.content.len()) {
                return run;
            }
        }
        pos += line_at(bytes, pos)?.len();
    }
    None
}

/// Whether a line is base64 that ends with padding.
fn is_ended(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"=").map(|it| it.strip_suffix(b"=").unwrap_or(it));
    text.is_some_and(is_full)
}

/// The run whose first line stands at `start` and is full.
fn run_at(bytes: &[u8], start: usize, line_len: usize, line_end: LineEnd) -> Option<Run> {
    let mut chars = Vec::new();
    let mut pos = start;
    let mut last: &[u8] = b"";
    // Where the last line's own line end begins.
    let mut end = start;
    while let Some(line) = line_at(bytes, pos) {
        let stripped = LineEnd::strip(line);
        let text = stripped.map_or(line, |it| it.0);
        if text.len() != line_len || !is_full(text) {
            last = text.get(..line_len).unwrap_or(text);
            break;
        }
        chars.extend_from_slice(text);
        end = pos + text.len();
        pos += line.len();
        if stripped.is_none_or(|it| it.1 != line_end) {
            last = b"";
            break;
        }
    }
    // What follows on a line of its own belongs to it only with something that can be decoded.
    let is_next = end + line_end.bytes().len() == pos;
    let last = if is_next { last } else { b"" };
    let behind = if last.is_empty() { end } else { pos };
    tail_at(bytes, behind, last, chars, (line_len, line_end)).map(|it| Run { start, ..it })
}

/// The end of a run: `chars` of its full lines, and the line at `pos` as far as it is base64.
fn tail_at(
    bytes: &[u8],
    pos: usize,
    last: &[u8],
    mut chars: Vec<u8>,
    (line_len, line_end): (usize, LineEnd),
) -> Option<Run> {
    let n_before = chars.len();
    let n = n_chars(last);
    chars.extend_from_slice(last.get(..n).unwrap_or_default());
    let n_padding = match chars.len() % 4 {
        2 => 2,
        3 => 1,
        _ => 0,
    };
    let behind = last.get(n..).unwrap_or_default();
    let has_padding =
        n_padding != 0 && behind.get(..n_padding).is_some_and(|it| it.iter().all(|it| *it == b'='));
    let is_padded = has_padding || chars.len().is_multiple_of(4);
    let line_len = u32::try_from(line_len).ok()?;
    let lines = Breaks { line_len, line_end, is_padded };
    if has_padding {
        let taken = n + n_padding;
        chars.extend(std::iter::repeat_n(b'=', n_padding));
        if let Ok(content) = STANDARD.decode(&chars) {
            return Some(Run { start: pos, end: pos + taken, content, lines });
        }
        chars.truncate(chars.len() - n_padding);
    } else if behind.is_empty()
        && let Ok(content) = STANDARD_NO_PAD.decode(&chars)
    {
        let end = if n == 0 { pos } else { pos + n };
        return Some(Run { start: pos, end, content, lines });
    }
    cut_tail(bytes, pos, chars, n_before, lines)
}

/// The run without the last group, which is not as an encoder writes it.
fn cut_tail(
    bytes: &[u8],
    pos: usize,
    mut chars: Vec<u8>,
    n_before: usize,
    lines: Breaks,
) -> Option<Run> {
    chars.truncate(chars.len() / 4 * 4);
    let content = STANDARD_NO_PAD.decode(&chars).ok()?;
    let lines = Breaks { is_padded: true, ..lines };
    let line_len = lines.line_len as usize;
    let end = match chars.len().checked_sub(n_before) {
        Some(0) if n_before != 0 => before_line_end(bytes, pos, lines.line_end),
        Some(more) => pos + more,
        // The group began on the line before.
        None => {
            let missing = n_before - chars.len();
            (missing < line_len).then(|| before_line_end(bytes, pos, lines.line_end) - missing)?
        }
    };
    Some(Run { start: pos, end, content, lines })
}

/// `pos` without the line end before it, when it stands behind one.
fn before_line_end(bytes: &[u8], pos: usize, line_end: LineEnd) -> usize {
    let front = bytes.get(..pos).unwrap_or_default();
    front.strip_suffix(line_end.bytes()).map_or(pos, <[u8]>::len)
}
