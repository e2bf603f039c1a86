//! The bytes of one message of an mbox: up to where it ends, quoting undone.

use std::collections::VecDeque;
use std::io;

use memchr::memmem;

use super::Notice;
use super::separator::{Own, Separator, begins_header, line_len};
use crate::limits::{FROM_LINE_BYTES_MAX, READ_BYTES};
use crate::window::{ReadAt, Window};

/// Bytes before the current place that stay in the window: the end of the line before.
pub(crate) const HISTORY_BYTES: u64 = 4;

/// Bytes at the end that are not handed out before the end is known: they may be the empty line
/// before the separator.
pub(crate) const TAIL_BYTES: usize = 8;

/// What is not taken before it is known what follows: the last `>` of a line, and part of a
/// `From `.
const BEFORE_BYTES: u64 = 8;

/// What is looked at behind `From `: its line, and the beginning of the next.
const BEHIND_BYTES: u64 = FROM_LINE_BYTES_MAX as u64 + 128;

/// What is done with `>` before `From `.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quoting {
    /// Nothing was quoted.
    None,
    /// Left as it is, and reported.
    Kept,
    /// The one of `>From ` is taken away.
    One,
    /// One is taken away.
    Any,
    /// One is taken away; it is reported where that is a guess.
    Guessed,
}

/// A message while it is read.
#[derive(Debug)]
pub(crate) struct Body {
    pub quoting: Quoting,
    /// Where it ends by its `Content-Length`.
    pub end_at: Option<u64>,
    own: Option<Own>,
    start: u64,
    /// Everything before is in `out`, or was left out.
    pos: u64,
    /// No `From ` begins before this that was not looked at.
    search: u64,
    out: Vec<u8>,
    /// How many `>` there are between the beginning of the line and `pos`; `None` when there is
    /// something else.
    quotes: Option<u64>,
    done: bool,
    /// What was reported of it.
    noticed: Vec<&'static str>,
}

const MISSED_EMPTY_LINE: &str =
    "a separator line follows a line that is not empty; it was read as the beginning of a message";
const MISSING_DATE: &str =
    "a separator line has no date; it was read as the beginning of a message";
const FROM_AS_TEXT: &str = "a line begins with `From ` and is not quoted, but looks like no \
                            separator; it was read as text";
const SEPARATOR_IN_LENGTH: &str =
    "a separator line stands inside a message by its Content-Length; it was read as text";
const QUOTING_KEPT: &str = "a line begins with `>From ` in a file whose messages have a \
                            Content-Length; the `>` was left as it is";
const QUOTING_GUESSED: &str =
    "a line begins with more than one `>` and `From `; one was taken away, as in mboxrd";
const QUOTE_GUESSED: &str = "a line begins with `>From `; the `>` was taken away as a quote, but \
                             in mboxo it may be part of the message";

impl Body {
    /// A message that begins at `start`, behind its separator line.
    pub(crate) fn new(start: u64, own: Option<Own>) -> Body {
        Body {
            quoting: Quoting::Any,
            end_at: None,
            own,
            start,
            pos: start,
            search: start,
            out: Vec::new(),
            quotes: Some(0),
            done: false,
            noticed: Vec::new(),
        }
    }

    /// Whether it was read to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether its end was found by its `Content-Length`.
    pub(crate) fn ends_by_length(&self) -> bool {
        self.end_at.is_some()
    }

    /// Number of bytes that are read and not taken.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// All that is read.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The next `len` bytes, or fewer when there are no more.
    pub(crate) fn take_piece(&mut self, len: usize) -> Vec<u8> {
        let rest = self.out.split_off(self.out.len().min(len));
        std::mem::replace(&mut self.out, rest)
    }

    /// Reads on, as far as about one window; gives the offset up to which everything was read.
    pub(crate) fn advance<R: ReadAt>(
        &mut self,
        window: &mut Window<R>,
        notices: &mut VecDeque<Notice>,
    ) -> io::Result<u64> {
        let ahead = u64::try_from(READ_BYTES).unwrap_or(0);
        window.fill(self.pos.saturating_sub(HISTORY_BYTES), self.pos.saturating_add(ahead))?;
        while !self.done {
            let end = self.end_at.unwrap_or(u64::MAX).min(window.end());
            let is_end = self.end_at == Some(end) || window.at_end() && end == window.end();
            let found = memmem::find(window.range(self.search, end), b"From ");
            let Some(at) = found.map(|it| self.search + u64::try_from(it).unwrap_or(0)) else {
                self.take_up_to(
                    window,
                    if is_end { end } else { end.saturating_sub(BEFORE_BYTES) },
                );
                self.search = self.search.max(end.saturating_sub(4));
                if is_end {
                    self.finish();
                }
                break;
            };
            if !window.at_end() && window.end() < at + BEHIND_BYTES {
                self.take_up_to(window, at.saturating_sub(BEFORE_BYTES));
                self.search = at;
                break;
            }
            self.look_at(window, at, notices);
        }
        Ok(self.pos)
    }

    /// Takes the bytes up to `end`, if that is ahead.
    fn take_up_to<R: ReadAt>(&mut self, window: &Window<R>, end: u64) {
        if end > self.pos {
            self.quotes = self.quotes_before(window, end);
            self.out.extend_from_slice(window.range(self.pos, end));
            self.pos = end;
        }
    }

    /// How many `>` there are between the beginning of its line and `at`; `None` when there is
    /// something else.
    fn quotes_before<R: ReadAt>(&self, window: &Window<R>, at: u64) -> Option<u64> {
        let bytes = window.range(self.pos, at);
        let n_quotes = bytes.iter().rev().take_while(|it| **it == b'>').count();
        let first = bytes.len() - n_quotes;
        let before = match first.checked_sub(1) {
            Some(last) => (bytes.get(last) == Some(&b'\n')).then_some(0),
            None => self.quotes,
        };
        Some(before? + u64::try_from(n_quotes).ok()?)
    }

    /// Decides about the `From ` at `at`.
    fn look_at<R: ReadAt>(&mut self, window: &Window<R>, at: u64, notices: &mut VecDeque<Notice>) {
        self.search = at + 5;
        let Some(n_quotes) = self.quotes_before(window, at) else { return };
        if n_quotes > 0 {
            return self.unquote(window, at, n_quotes, notices);
        }
        let is_separator = self.own.is_some() && self.end_at.is_none()
            || self.judge_separator(window, at, notices);
        if is_separator {
            self.take_up_to(window, at);
            self.finish();
        }
    }

    /// Decides about a `From ` behind `>`. They are all alike: the last is the one taken away.
    fn unquote<R: ReadAt>(
        &mut self,
        window: &Window<R>,
        at: u64,
        n_quotes: u64,
        notices: &mut VecDeque<Notice>,
    ) {
        let taken = match self.quoting {
            Quoting::None | Quoting::Kept => false,
            Quoting::One => n_quotes == 1,
            Quoting::Any | Quoting::Guessed => true,
        };
        let line = at.saturating_sub(n_quotes);
        match self.quoting {
            Quoting::Kept => self.notice(line, QUOTING_KEPT, notices),
            Quoting::Guessed if n_quotes > 1 => self.notice(line, QUOTING_GUESSED, notices),
            Quoting::Guessed => self.notice(line, QUOTE_GUESSED, notices),
            Quoting::None | Quoting::One | Quoting::Any => {}
        }
        if taken {
            self.take_up_to(window, at - 1);
            self.pos = at;
            self.quotes = None;
        }
    }

    /// Whether the line at `at`, which begins with `From `, is a separator.
    fn judge_separator<R: ReadAt>(
        &mut self,
        window: &Window<R>,
        at: u64,
        notices: &mut VecDeque<Notice>,
    ) -> bool {
        let rest = window.from(at);
        let len = line_len(rest);
        let (line, next) = rest.split_at_checked(len).unwrap_or((rest, b""));
        let is_short = len <= FROM_LINE_BYTES_MAX;
        let dated = is_short && Separator::of(line).is_some_and(|it| it.date.is_some());
        let header = is_short && begins_header(next);
        let after_empty = at == self.start || self.empty_line_before(window, at);
        let (is_separator, what) = match (after_empty, dated, header) {
            (true, true, _) => (true, None),
            (true, false, true) => (true, Some(MISSING_DATE)),
            (false, true, true) => (true, Some(MISSED_EMPTY_LINE)),
            _ => (false, Some(FROM_AS_TEXT)),
        };
        if self.end_at.is_some() {
            if is_separator {
                self.notice(at, SEPARATOR_IN_LENGTH, notices);
            }
            return false;
        }
        if let Some(what) = what {
            self.notice(at, what, notices);
        }
        is_separator
    }

    /// Whether the line before `at` is empty; the separator of this message is not.
    fn empty_line_before<R: ReadAt>(&self, window: &Window<R>, at: u64) -> bool {
        let before = window.range(at.saturating_sub(3), at);
        before.ends_with(b"\n\n") || before == b"\n\r\n"
    }

    fn notice(&mut self, offset: u64, what: &'static str, notices: &mut VecDeque<Notice>) {
        if !self.noticed.contains(&what) {
            self.noticed.push(what);
            notices.push_back(Notice { offset, what });
        }
    }

    /// Ends it: the empty line before the separator, or at the end of the file, is not its own.
    fn finish(&mut self) {
        self.done = true;
        if self.end_at.is_some() {
            return;
        }
        let is_all = self.pos - self.start <= 2;
        let empty_line = match self.out.as_slice() {
            [.., b'\n', b'\r', b'\n'] => 2,
            [.., b'\n', b'\n'] => 1,
            [b'\r', b'\n'] if is_all => 2,
            [b'\n'] if is_all => 1,
            _ => 0,
        };
        self.out.truncate(self.out.len() - empty_line);
        if self.own.is_some_and(|it| it.unterminated) && self.out.ends_with(b"\n") {
            self.out.pop();
        }
    }
}
