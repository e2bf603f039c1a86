//! Lines that separate the parts of a message: delimiters (RFC 2046 §5.1.1).
//!
//! Both who parses a message and who splits it look for them here, so that both see the same parts.

use memchr::memmem::Finder;

use crate::header;

/// A line that is a delimiter.
pub(crate) struct Delimiter {
    /// Of which multipart, counted from the outermost.
    pub(crate) level: usize,
    /// Whether it is the last one of its multipart.
    pub(crate) closes: bool,
    /// Where its line begins.
    pub(crate) start: usize,
    /// Where the next line begins.
    pub(crate) next: usize,
}

/// Finds delimiters. Costs something to make.
pub(crate) struct DelimiterFinder(Finder<'static>);

impl DelimiterFinder {
    pub(crate) fn new() -> DelimiterFinder {
        DelimiterFinder(Finder::new(b"\n--"))
    }

    /// The next line at or behind `pos` (the beginning of a line) that `level_of` takes for one.
    pub(crate) fn next(
        &self,
        bytes: &[u8],
        pos: usize,
        level_of: impl Fn(&[u8]) -> Option<(usize, bool)>,
    ) -> Option<Delimiter> {
        let mut pos = pos;
        loop {
            let rest = bytes.get(pos..)?;
            if !rest.starts_with(b"--") {
                pos += self.0.find(rest)? + 1;
            }
            let (line, next) = header::line_at(bytes, pos)?;
            if let Some((level, closes)) = level_of(line) {
                return Some(Delimiter { level, closes, start: pos, next });
            }
            pos = next;
        }
    }
}

/// Which boundary's delimiter a line is, and whether it closes it. The innermost goes first.
/// RFC 2046 §5.1.1: what follows the boundary on its line does not matter; here it does not
/// begin with a letter, as boundaries may begin like one another.
pub(crate) fn level_of<'a, I>(line: &[u8], boundaries: I) -> Option<(usize, bool)>
where
    I: DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator,
{
    let line = line.strip_prefix(b"--")?;
    boundaries.enumerate().rev().find_map(|(level, boundary)| {
        let tail = line.strip_prefix(boundary)?;
        let closes = tail.starts_with(b"--");
        (closes || tail.first().is_none_or(u8::is_ascii_whitespace)).then_some((level, closes))
    })
}

/// Where the body ends that begins at `pos`, and whose delimiter begins at `start`: the line end
/// between them belongs to the delimiter.
pub(crate) fn end_before(bytes: &[u8], pos: usize, start: usize) -> usize {
    let body = bytes.get(pos..start).unwrap_or_default();
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    pos + body.strip_suffix(b"\r").unwrap_or(body).len()
}
