//! Lines of commands out of bytes, however they are grouped, in bounded memory.
//!
//! Rules: a line ends with CR LF. What ends with a bare LF is handed over as a fault, so that it
//! is answered and never obeyed; a line that is too long is passed over up to its end.

use crate::limits::LINE_BYTES_MAX;

/// Collects one line at a time.
#[derive(Debug, Default)]
pub(crate) struct LineReader {
    line: Vec<u8>,
    length: usize,
    last: u8,
}

/// A line, or why it is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// Without its end; has no control character.
    Text(String),
    /// Longer than [`LINE_BYTES_MAX`].
    TooLong,
    /// It ended with LF alone.
    BareLf,
    /// It holds a control character, or is not UTF-8.
    NotText,
}

impl LineReader {
    /// Reads `input` up to the end of a line, and returns how many bytes it took.
    pub(crate) fn take(&mut self, input: &[u8]) -> (usize, Option<Line>) {
        let end = input.iter().position(|it| *it == b'\n');
        let (piece, _) = input.split_at_checked(end.unwrap_or(input.len())).unwrap_or_default();
        self.length = self.length.saturating_add(piece.len());
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend(piece.iter().take(room));
        self.last = piece.last().copied().unwrap_or(self.last);
        match end {
            None => (input.len(), None),
            Some(end) => (end + 1, Some(self.line())),
        }
    }

    fn line(&mut self) -> Line {
        let LineReader { mut line, length, last } = std::mem::take(self);
        if length.saturating_add(1) > LINE_BYTES_MAX {
            return Line::TooLong;
        }
        if last != b'\r' {
            return Line::BareLf;
        }
        line.pop();
        match String::from_utf8(line) {
            Ok(text) if !text.chars().any(char::is_control) => Line::Text(text),
            _ => Line::NotText,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<Line> {
        let (mut reader, mut rest, mut lines) = (LineReader::default(), input, Vec::new());
        while !rest.is_empty() {
            let (n, line) = reader.take(rest);
            rest = &rest[n..];
            lines.extend(line);
        }
        lines
    }

    #[test]
    fn lines_and_faults() {
        let text = |it: &str| Line::Text(it.into());
        assert_eq!(read(b"NOOP\r\n\r\nQU"), [text("NOOP"), text("")]);
        assert_eq!(read(b"NOOP\nRSET\r\n"), [Line::BareLf, text("RSET")]);
        assert_eq!(read(b"\n"), [Line::BareLf]);
        assert_eq!(read(b"NO\rOP\r\n"), [Line::NotText]);
        assert_eq!(read(b"NO\0OP\r\n"), [Line::NotText]);
        assert_eq!(read(b"\xff\r\n"), [Line::NotText]);
        let long = [&[b'a'; LINE_BYTES_MAX - 2][..], b"\r\n"].concat();
        assert_eq!(read(&long).len(), 1);
        assert!(matches!(read(&long)[0], Line::Text(_)));
        assert_eq!(read(&[b"a", &long[..]].concat()), [Line::TooLong]);
    }
}
