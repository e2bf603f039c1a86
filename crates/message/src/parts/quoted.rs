//! Quoted-printable, decoded so that it can be written again exactly (RFC 2045 §6.7).
//!
//! Encoders differ in where they break lines and in what they escape. Both are taken as usual
//! first, and what is not is listed; where the list would be long, the text stays as it stands.

use memchr::memchr;

use super::QUOTED_BYTES_MAX;
use super::form::{Encoding, Form, LineEnd, LineEnds, Quoting};
use crate::transfer::hex;

/// Lines that are not as usual, for each so many bytes of text.
const BYTES_PER_ODD_LINE: usize = 100;

/// Whether a byte is usually escaped.
fn is_usually_escaped(byte: u8) -> bool {
    byte == b'=' || !(byte == b'\t' || (b' '..=b'~').contains(&byte))
}

/// Which bytes are escaped.
struct Escapes([bool; 256]);

impl Escapes {
    fn new(unusual: &[u8]) -> Escapes {
        let mut escapes = [false; 256];
        for (byte, is_escaped) in (0..=u8::MAX).zip(&mut escapes) {
            *is_escaped = is_usually_escaped(byte);
        }
        for byte in unusual {
            if let Some(it) = escapes.get_mut(usize::from(*byte)) {
                *it = !*it;
            }
        }
        Escapes(escapes)
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(true)
    }
}

/// A line as it was written: bytes of content, and whether a soft break ends it.
type Written = (u32, bool);

/// What was read of a text.
struct Read {
    content: Vec<u8>,
    lines: Vec<Written>,
    line_end: Option<LineEnd>,
    /// How often each byte stands escaped, and as it is; spaces and tabs at a line end apart.
    escaped: [bool; 256],
    plain: [bool; 256],
    trailing_escaped: bool,
    trailing_plain: bool,
    longest_soft: usize,
}

/// Decodes quoted-printable. `None` when it could not be written again exactly, or hardly.
pub(super) fn decode(text: &[u8]) -> Option<(Vec<u8>, Form)> {
    if QUOTED_BYTES_MAX < text.len() {
        return None;
    }
    let read = read(text)?;
    let mut unusual = Vec::new();
    for (byte, (escaped, plain)) in (0..=u8::MAX).zip(read.escaped.iter().zip(&read.plain)) {
        match (escaped, plain) {
            (true, true) => return None,
            (true, false) if !is_usually_escaped(byte) => unusual.push(byte),
            (false, true) if is_usually_escaped(byte) => unusual.push(byte),
            _ => (),
        }
    }
    if read.trailing_escaped && read.trailing_plain {
        return None;
    }
    let line_len = if read.longest_soft == 0 { text.len() } else { read.longest_soft };
    let mut quoting = Quoting {
        line_end: read.line_end.unwrap_or(LineEnd::Crlf),
        line_len: u32::try_from(line_len).ok()?,
        escapes_trailing: read.trailing_escaped,
        unusual,
        odd_lines: Vec::new(),
    };
    quoting.odd_lines = odd_lines(&read, &quoting)?;
    let form = Form { line_ends: LineEnds::Kept, encoding: Encoding::QuotedPrintable(quoting) };
    Some((read.content, form))
}

fn read(text: &[u8]) -> Option<Read> {
    let mut read = Read {
        content: Vec::with_capacity(text.len()),
        lines: Vec::new(),
        line_end: None,
        escaped: [false; 256],
        plain: [false; 256],
        trailing_escaped: false,
        trailing_plain: false,
        longest_soft: 0,
    };
    let mut rest = text;
    loop {
        let len = memchr(b'\n', rest).map(|it| it + 1);
        let (line, behind) = rest.split_at_checked(len.unwrap_or(rest.len()))?;
        let stripped = LineEnd::strip(line);
        if let Some((_, line_end)) = stripped
            && *read.line_end.get_or_insert(line_end) != line_end
        {
            return None;
        }
        let line = stripped.map_or(line, |it| it.0);
        read.line(line, len.is_some())?;
        rest = behind;
        if len.is_none() {
            return Some(read);
        }
    }
}

impl Read {
    /// Takes a line without its line end.
    fn line(&mut self, line: &[u8], is_ended: bool) -> Option<()> {
        let before = self.content.len();
        let soft = line.strip_suffix(b"=").filter(|_| is_ended);
        let mut rest = soft.unwrap_or(line);
        while let Some(at) = memchr(b'=', rest) {
            let (plain, escape) = rest.split_at_checked(at)?;
            self.content.extend_from_slice(plain);
            let [_, high @ (b'0'..=b'9' | b'A'..=b'F'), low @ (b'0'..=b'9' | b'A'..=b'F'), ..] =
                escape
            else {
                return None;
            };
            let byte = hex(*high, *low)?;
            self.content.push(byte);
            rest = escape.get(3..)?;
            let is_trailing = soft.is_none() && rest.is_empty() && matches!(byte, b' ' | b'\t');
            match is_trailing {
                true => self.trailing_escaped = true,
                false => *self.escaped.get_mut(usize::from(byte))? = true,
            }
            self.note_plain(plain, None);
        }
        self.content.extend_from_slice(rest);
        self.note_plain(rest, soft.is_none().then_some(()));
        let n = u32::try_from(self.content.len() - before).ok()?;
        self.lines.push((n, soft.is_some()));
        if soft.is_some() {
            self.longest_soft = self.longest_soft.max(line.len());
        } else if is_ended {
            self.content.push(b'\n');
        }
        // An escaped line feed would be taken for a line end.
        (!self.escaped.get(usize::from(b'\n'))?).then_some(())
    }

    /// Notes bytes that stand as they are; `ends` when a hard line end follows.
    fn note_plain(&mut self, plain: &[u8], ends: Option<()>) {
        let (front, last) = match (plain.split_last(), ends) {
            (Some((last @ (b' ' | b'\t'), front)), Some(())) => (front, Some(last)),
            _ => (plain, None),
        };
        self.trailing_plain |= last.is_some();
        for byte in front {
            if let Some(it) = self.plain.get_mut(usize::from(*byte)) {
                *it = true;
            }
        }
    }
}

/// The lines that an encoder with `quoting` would end elsewhere.
fn odd_lines(read: &Read, quoting: &Quoting) -> Option<Vec<(u32, u32)>> {
    let odd_max = 4 + read.content.len() / BYTES_PER_ODD_LINE;
    let escapes = Escapes::new(&quoting.unusual);
    let mut odd = Vec::new();
    let mut gap = 0;
    let mut rest: &[u8] = &read.content;
    for (n, is_soft) in &read.lines {
        let hard_len = memchr(b'\n', rest).unwrap_or(rest.len());
        let hard_line = rest.get(..hard_len)?;
        if predict(hard_line, quoting, &escapes) == (*n as usize, *is_soft) {
            gap += 1;
        } else {
            odd.push((gap, n.checked_mul(2)? + u32::from(*is_soft)));
            gap = 0;
            if odd_max < odd.len() {
                return None;
            }
        }
        let taken = *n as usize + usize::from(!is_soft);
        rest = rest.get(taken..).unwrap_or_default();
    }
    Some(odd)
}

/// How much of a line of content goes on one line, and whether a soft break follows.
fn predict(line: &[u8], quoting: &Quoting, escapes: &Escapes) -> (usize, bool) {
    let most = quoting.line_len as usize;
    let mut width = 0;
    let mut n_soft = 0;
    for (n, byte) in line.iter().enumerate() {
        let is_last = n + 1 == line.len();
        width += width_of(*byte, is_last, quoting, escapes);
        if most < width {
            return (n_soft.max(1), true);
        }
        if width < most {
            n_soft = n + 1;
        }
    }
    (line.len(), false)
}

fn is_escaped(byte: u8, is_last: bool, quoting: &Quoting, escapes: &Escapes) -> bool {
    let is_trailing = is_last && matches!(byte, b' ' | b'\t');
    if is_trailing { quoting.escapes_trailing } else { escapes.has(byte) }
}

fn width_of(byte: u8, is_last: bool, quoting: &Quoting, escapes: &Escapes) -> usize {
    if is_escaped(byte, is_last, quoting, escapes) { 3 } else { 1 }
}

/// Writes content as it was.
pub(super) fn encode(content: &[u8], quoting: &Quoting, out: &mut Vec<u8>) {
    let escapes = Escapes::new(&quoting.unusual);
    let mut odd_lines = quoting.odd_lines.iter();
    let mut odd = odd_lines.next().copied();
    let mut rest = content;
    loop {
        let hard_len = memchr(b'\n', rest).unwrap_or(rest.len());
        let hard_line = rest.get(..hard_len).unwrap_or_default();
        let (n, is_soft) = match odd {
            Some((0, code)) => {
                odd = odd_lines.next().copied();
                ((code / 2) as usize, code % 2 == 1)
            }
            _ => {
                odd = odd.map(|(gap, code)| (gap - 1, code));
                predict(hard_line, quoting, &escapes)
            }
        };
        let n = n.min(hard_line.len());
        let is_hard_end = !is_soft;
        for (at, byte) in hard_line.iter().take(n).enumerate() {
            let is_last = is_hard_end && at + 1 == n;
            match is_escaped(*byte, is_last, quoting, &escapes) {
                true => push_escape(*byte, out),
                false => out.push(*byte),
            }
        }
        rest = rest.get(n..).unwrap_or_default();
        if is_soft {
            out.push(b'=');
        } else {
            // Behind a hard line end of the content, or at its end.
            let Some(behind) = rest.strip_prefix(b"\n") else { return };
            rest = behind;
        }
        out.extend_from_slice(quoting.line_end.bytes());
    }
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |it: u8| DIGITS.get(usize::from(it & 15)).copied().unwrap_or(b'0');
    out.extend([b'=', digit(byte >> 4), digit(byte)]);
}
