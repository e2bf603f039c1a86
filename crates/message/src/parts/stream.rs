//! Splitting a message that is too large to hold in memory, while it arrives.
//!
//! Only base64 is found here, and only in lines: what makes a message large is hardly ever anything
//! else. Line ends inside of it are kept, since whether all of them are CRLF shows at the end.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memchr;

use super::base64::is_full;
use super::form::{Breaks, Encoding, Form, LineEnd, LineEnds};

/// Bytes that are looked through at once.
const BLOCK_BYTES: usize = 256 << 10;

/// A line longer than this is literal.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Base64 with shorter lines is literal.
const LINE_CHARS_MIN: usize = 32;

/// What the splitter found, in order.
#[derive(Debug)]
pub enum Event<'x> {
    /// Bytes as they stand.
    Literal(&'x [u8]),
    /// A part begins. Whether it is padded shows at its end.
    Begin(Form),
    /// Content of the part.
    Content(&'x [u8]),
    /// The part is at its end.
    End(Form),
}

/// Where the events go.
pub(super) type Events<'e> = dyn FnMut(Event<'_>) + 'e;

/// Splits a message piece by piece, in bounded memory.
#[derive(Debug, Default)]
pub struct Splitter {
    pending: Vec<u8>,
    open: Option<Open>,
    is_stopped: bool,
}

/// Base64 whose end has not come.
#[derive(Clone, Copy, Debug)]
struct Open {
    line_len: usize,
    line_end: LineEnd,
    /// Whether the line end of its last line was taken out of `pending`.
    owes_line_end: bool,
}

impl Open {
    fn form(self, is_padded: bool) -> Form {
        let line_len = u32::try_from(self.line_len).unwrap_or(u32::MAX);
        let breaks = Breaks { line_len, line_end: self.line_end, is_padded };
        Form { line_ends: LineEnds::Kept, encoding: Encoding::Base64(breaks) }
    }
}

impl Splitter {
    /// Begins a message.
    #[must_use]
    pub fn new() -> Splitter {
        Splitter::default()
    }

    /// From now on no part begins.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8], events: &mut Events<'_>) {
        let mut rest = bytes;
        while BLOCK_BYTES <= self.pending.len() + rest.len() {
            let room = BLOCK_BYTES.saturating_sub(self.pending.len()).max(1).min(rest.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, b""));
            self.pending.extend_from_slice(now);
            rest = later;
            self.work(Ending::Later, events);
        }
        self.pending.extend_from_slice(rest);
    }

    /// The message is at its end.
    pub fn end(mut self, events: &mut Events<'_>) {
        self.work(Ending::Here, events);
    }

    fn work(&mut self, ending: Ending, events: &mut Events<'_>) {
        let bytes = std::mem::take(&mut self.pending);
        let mut pos = 0;
        let mut literal = 0;
        loop {
            match self.open {
                Some(open) => {
                    let Some(next) = self.follow(&bytes, pos, open, ending, events) else { return };
                    (pos, literal) = (next, next);
                }
                None => match self.look(&bytes, &mut pos, ending) {
                    Look::Begins => {
                        emit(&bytes, literal, pos, events);
                        literal = pos;
                        if let Some(open) = self.open {
                            events(Event::Begin(open.form(true)));
                        }
                    }
                    Look::Nothing => {
                        emit(&bytes, literal, pos, events);
                        self.pending = bytes.get(pos..).unwrap_or_default().to_vec();
                        return;
                    }
                },
            }
        }
    }

    /// Looks for the beginning of a part, from `pos` on. Leaves `pos` behind the last whole line.
    fn look(&mut self, bytes: &[u8], pos: &mut usize, ending: Ending) -> Look {
        while let Some(rest) = bytes.get(*pos..).filter(|it| !it.is_empty()) {
            let line = memchr(b'\n', rest).and_then(|len| rest.get(..=len));
            let Some(line) = line else {
                if ending == Ending::Here || LINE_BYTES_MAX < rest.len() {
                    *pos = bytes.len();
                }
                return Look::Nothing;
            };
            let (text, line_end) = LineEnd::strip(line).unwrap_or((line, LineEnd::Lf));
            let line_len = text.len();
            let fits =
                line_len.is_multiple_of(4) && (LINE_CHARS_MIN..LINE_BYTES_MAX).contains(&line_len);
            if fits && !self.is_stopped && is_full(text) {
                self.open = Some(Open { line_len, line_end, owes_line_end: false });
                return Look::Begins;
            }
            *pos += line.len();
        }
        Look::Nothing
    }

    /// Follows a part from `pos` on. Gives where what is behind it begins; `None` when its end
    /// has not come.
    fn follow(
        &mut self,
        bytes: &[u8],
        mut pos: usize,
        mut open: Open,
        ending: Ending,
        events: &mut Events<'_>,
    ) -> Option<usize> {
        let mut content = Vec::new();
        // Where the line end of the last whole line begins, when it is among these bytes.
        let mut before_line_end = None;
        loop {
            let rest = bytes.get(pos..).unwrap_or_default();
            let len = memchr(b'\n', rest);
            let is_open = len.is_none() && ending == Ending::Later && rest.len() <= LINE_BYTES_MAX;
            if is_open {
                self.open = Some(open);
                self.pending = rest.to_vec();
                content_event(&content, events);
                return None;
            }
            let line = len.and_then(|len| rest.get(..=len)).unwrap_or(rest);
            let stripped = LineEnd::strip(line);
            let is_next = stripped.is_some_and(|(text, line_end)| {
                text.len() == open.line_len && line_end == open.line_end && is_full(text)
            });
            let decoded = stripped.filter(|_| is_next).map(|(text, _)| {
                before_line_end = Some(pos + text.len());
                STANDARD.decode_vec(text, &mut content)
            });
            if decoded != Some(Ok(())) {
                let text = stripped.map_or(line, |it| it.0);
                return Some(self.close((pos, before_line_end), text, open, content, events));
            }
            open.owes_line_end = true;
            pos += line.len();
        }
    }

    /// Ends a part with what of `text`, the line at `pos`, belongs to it.
    fn close(
        &mut self,
        (pos, before_line_end): (usize, Option<usize>),
        text: &[u8],
        open: Open,
        mut content: Vec<u8>,
        events: &mut Events<'_>,
    ) -> usize {
        self.open = None;
        let (tail, taken, is_padded) = tail_of(text.get(..open.line_len).unwrap_or(text));
        content.extend_from_slice(&tail);
        content_event(&content, events);
        events(Event::End(open.form(is_padded)));
        match (taken, before_line_end) {
            (0, Some(at)) => at,
            (0, None) => {
                if open.owes_line_end {
                    events(Event::Literal(open.line_end.bytes()));
                }
                pos
            }
            _ => pos + taken,
        }
    }
}

/// Whether more bytes come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Later,
    Here,
}

enum Look {
    Begins,
    Nothing,
}

fn emit(bytes: &[u8], from: usize, to: usize, events: &mut Events<'_>) {
    let literal = bytes.get(from..to).filter(|it| !it.is_empty());
    if let Some(literal) = literal {
        events(Event::Literal(literal));
    }
}

fn content_event(content: &[u8], events: &mut Events<'_>) {
    if !content.is_empty() {
        events(Event::Content(content));
    }
}

/// What the last line of base64 decodes to, how many characters of it belong to that, and whether
/// padding is among them or not needed.
fn tail_of(line: &[u8]) -> (Vec<u8>, usize, bool) {
    let n = line.iter().position(|it| !is_full(std::slice::from_ref(it))).unwrap_or(line.len());
    let whole = n / 4 * 4;
    if n != whole {
        let padded = line.get(..whole + 4);
        if let Some(content) = padded.and_then(|it| STANDARD.decode(it).ok()) {
            return (content, whole + 4, true);
        }
        let all = line.get(..n).filter(|_| n == line.len());
        if let Some(content) = all.and_then(|it| STANDARD_NO_PAD.decode(it).ok()) {
            return (content, n, false);
        }
    }
    let content = line.get(..whole).and_then(|it| STANDARD.decode(it).ok());
    content.map_or((Vec::new(), 0, true), |it| (it, whole, true))
}
