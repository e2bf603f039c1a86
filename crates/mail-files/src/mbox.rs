//! Reading mbox files: one message after the other, with bounded memory.
//!
//! An mbox is messages, each behind a separator line (`From SENDER DATE`) and followed by an
//! empty line. What a message may then not have in it is told apart in three ways (RFC 4155 and
//! the manual pages of qmail describe them):
//!
//! - **mboxrd**: lines that begin with any number of `>` and `From ` got one `>` more.
//! - **mboxo**: lines that begin with `From ` got a `>`; nobody knows which had one before.
//! - **mboxcl**, **mboxcl2**: a `Content-Length` field says how long the body is; mboxcl quotes
//!   like mboxo all the same, mboxcl2 does not.
//!
//! A file does not say which it is. The rules here:
//!
//! 1. A file is of a Content-Length kind when that of its first message leads to a separator
//!    line or to the end. Lengths are then believed wherever they do. In other files they are
//!    not: a length in a message that somebody sent must not swallow the next message.
//! 2. Otherwise messages end at separator lines, and one `>` is taken away as in mboxrd. This is
//!    right for mboxo too, but where lines had a `>` before.
//! 3. Line ends are kept. The empty line before a separator is not part of the message.
//! 4. Whatever can be read in another way is reported, each kind once per message.
//! 5. What our own export writes says in its separator lines that it is mboxrd; it is read
//!    without any guess and gives back the exact bytes.

mod body;
mod separator;

use std::collections::VecDeque;
use std::io;

use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};
use types::{Flags, Timestamp};

use crate::limits::{FROM_LINE_BYTES_MAX, MBOX_HEADER_BYTES_MAX};
use crate::window::{ReadAt, Window, read_fully};
use body::{Body, Quoting};
use separator::Separator;

pub use separator::is_mbox;
pub(crate) use separator::{OWN_SENDER, OWN_SENDER_UNTERMINATED};

/// How an mbox file is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MboxVariant {
    /// By the rules of this module.
    #[default]
    Auto,
    /// mboxrd: one `>` is taken from every line that begins with any number of them and `From `.
    Rd,
    /// mboxo: the `>` is taken from lines that begin with `>From `.
    O,
    /// mboxcl: messages end by their `Content-Length`, and lines are quoted as in mboxo.
    Cl,
    /// mboxcl2: messages end by their `Content-Length`, and nothing is quoted.
    Cl2,
}

/// A message of an mbox file.
#[derive(Debug)]
pub struct MboxMessage {
    /// Where its separator line begins.
    pub offset: u64,
    /// The date of its separator line.
    pub received: Option<Timestamp>,
    /// Flags, by `Status`, `X-Status` and `X-Mozilla-Status`.
    pub flags: Flags,
    /// Keywords, by `X-Keywords` and `X-Mozilla-Keys`.
    pub keywords: Vec<String>,
    /// Its bytes; `None` when it is larger than `PARSE_BYTES_MAX`: then they come in pieces.
    pub whole: Option<Vec<u8>>,
}

/// Something that can be read in more than one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Where, in bytes from the start of the file.
    pub offset: u64,
    /// What, and how it was read.
    pub what: &'static str,
}

/// Reads the messages of an mbox.
#[derive(Debug)]
pub struct Mbox<R> {
    window: Window<R>,
    /// Everything before this offset was read.
    pos: u64,
    variant: MboxVariant,
    /// Whether lengths are believed; known after the first message.
    by_length: Option<bool>,
    body: Option<Body>,
    notices: VecDeque<Notice>,
}

impl<R: ReadAt> Mbox<R> {
    /// A reader of the mbox that `src` holds.
    pub fn new(src: R, variant: MboxVariant) -> Mbox<R> {
        let by_length = match variant {
            MboxVariant::Auto => None,
            MboxVariant::Rd | MboxVariant::O => Some(false),
            MboxVariant::Cl | MboxVariant::Cl2 => Some(true),
        };
        let window = Window::new(src);
        Mbox { window, pos: 0, variant, by_length, body: None, notices: VecDeque::new() }
    }

    /// How many bytes were read.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// The next thing to report; they belong to the messages that were read so far.
    pub fn notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The next message; `None` at the end. What is left of the one before is passed over.
    ///
    /// After an error nothing more can be read.
    pub fn message(&mut self) -> io::Result<Option<MboxMessage>> {
        while self.piece()?.is_some() {}
        let Some((offset, separator)) = self.separator()? else { return Ok(None) };
        let (mut body, hints) = self.begin(separator)?;
        let whole_max = PARSE_BYTES_MAX + body::TAIL_BYTES;
        while !body.is_done() && body.len() <= whole_max {
            self.advance(&mut body)?;
        }
        let is_whole = body.is_done() && body.len() <= PARSE_BYTES_MAX;
        let (whole, rest) = match is_whole {
            true => (Some(body.take_all()), None),
            false => (None, Some(body)),
        };
        self.body = rest;
        let separator::Hints { flags, keywords, .. } = hints;
        Ok(Some(MboxMessage { offset, received: separator.date, flags, keywords, whole }))
    }

    /// The next bytes of a message that is not whole: `CHUNK_BYTES`, the last time fewer; then
    /// `None`.
    pub fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut body) = self.body.take() else { return Ok(None) };
        while !body.is_done() && body.len() <= CHUNK_BYTES + body::TAIL_BYTES {
            self.advance(&mut body)?;
        }
        let piece = body.take_piece(CHUNK_BYTES);
        self.body = Some(body).filter(|it| !it.is_done() || it.len() > 0);
        Ok(Some(piece).filter(|it| !it.is_empty()))
    }

    fn advance(&mut self, body: &mut Body) -> io::Result<()> {
        self.pos = body.advance(&mut self.window, &mut self.notices)?;
        if body.is_done() && body.ends_by_length() {
            self.skip_line_ends()?;
        }
        Ok(())
    }

    /// Reads the separator line at the current place.
    fn separator(&mut self) -> io::Result<Option<(u64, Separator)>> {
        if self.pos == 0 {
            self.skip_line_ends()?;
        }
        self.look(FROM_LINE_BYTES_MAX)?;
        let offset = self.pos;
        let rest = self.window.from(offset);
        if rest.is_empty() {
            return Ok(None);
        }
        let line_len = separator::line_len(rest);
        let line = rest.get(..line_len).unwrap_or_default();
        let separator = Separator::of(line).unwrap_or_default();
        // What begins otherwise (a file that is no mbox, a length that leads elsewhere) has no
        // separator to pass over, and nothing of it is lost.
        if line.starts_with(b"From ") {
            self.pos += u64::try_from(line_len).unwrap_or(0);
        }
        Ok(Some((offset, separator)))
    }

    /// At most two line ends: the one that ends a body without one, and the empty line.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        self.look(4)?;
        for _ in 0..2 {
            match self.window.from(self.pos) {
                [b'\r', b'\n', ..] => self.pos += 2,
                [b'\n', ..] => self.pos += 1,
                _ => break,
            }
        }
        Ok(())
    }

    /// Has at least `len` bytes from the current place in the window, or all there are.
    fn look(&mut self, len: usize) -> io::Result<()> {
        let keep = self.pos.saturating_sub(body::HISTORY_BYTES);
        self.window.fill(keep, self.pos.saturating_add(u64::try_from(len).unwrap_or(0)))
    }

    /// Decides how the message that begins here is read.
    fn begin(&mut self, separator: Separator) -> io::Result<(Body, separator::Hints)> {
        self.look(MBOX_HEADER_BYTES_MAX)?;
        let rest = self.window.from(self.pos);
        let header = rest.get(..MBOX_HEADER_BYTES_MAX).unwrap_or(rest);
        let hints = separator::hints(header);
        let mut body = Body::new(self.pos, separator.own);
        if separator.own.is_some() {
            return Ok((body, hints));
        }
        let end = match (hints.length, hints.body) {
            (Some(length), Some(start)) => {
                Some(self.pos.saturating_add(start).saturating_add(length))
            }
            _ => None,
        };
        let leads = match end {
            Some(end) => self.leads_to_separator(end, hints.length == Some(0))?,
            None => false,
        };
        let by_length = *self.by_length.get_or_insert(leads);
        if end.is_some() && !leads {
            let what = "a Content-Length does not lead to a separator line; the message was read \
                        up to the next one";
            self.notices.push_back(Notice { offset: self.pos, what });
        }
        body.end_at = end.filter(|_| leads && by_length);
        body.quoting = match self.variant {
            MboxVariant::Auto if by_length => Quoting::Kept,
            MboxVariant::Auto => Quoting::Guessed,
            MboxVariant::Rd => Quoting::Any,
            MboxVariant::O | MboxVariant::Cl => Quoting::One,
            MboxVariant::Cl2 => Quoting::None,
        };
        Ok((body, hints))
    }

    /// Whether a body that ends at `end` is followed by a separator line, or by nothing.
    fn leads_to_separator(&self, end: u64, is_empty: bool) -> io::Result<bool> {
        let mut buf = vec![0; FROM_LINE_BYTES_MAX];
        let len = read_fully(self.window.src(), &mut buf, end.saturating_sub(1))?;
        buf.truncate(len);
        // Without the last byte of the body the file ends before it.
        let Some((last, mut rest)) = buf.split_first() else { return Ok(false) };
        let mut ends = *last == b'\n' || is_empty;
        for _ in 0..2 {
            let line_end = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
            ends |= line_end.is_some();
            rest = line_end.unwrap_or(rest);
        }
        let line = rest.get(..separator::line_len(rest)).unwrap_or_default();
        let follows = Separator::of(line).is_some_and(|it| it.date.is_some());
        Ok(rest.is_empty() || ends && follows)
    }
}

#[cfg(test)]
mod tests;
