//! Header blocks: where they end, and their fields as raw bytes (RFC 5322 §2.2).
//!
//! What it is not: an interpretation of any field.
//!
//! Rules: a header block ends at the first empty line, whatever its lines look like, as IMAP
//! servers have it; a line that is no field is handed out as such and the fields go on after it.

use memchr::memchr;

/// A line at `pos`, without its line end (CRLF or LF), and where the next one begins. The last
/// line may have no line end. `None` at the end of `bytes`.
pub(crate) fn line_at(bytes: &[u8], pos: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(pos..).filter(|it| !it.is_empty())?;
    let (line, next) = match memchr(b'\n', rest) {
        Some(len) => (rest.get(..len)?, pos + len + 1),
        None => (rest, bytes.len()),
    };
    Some((line.strip_suffix(b"\r").unwrap_or(line), next))
}

/// Where the header block that begins at `start` ends, and where the body begins behind its
/// empty line. Without an empty line both are the end, or the first line that `stops`.
pub(crate) fn block_end(
    bytes: &[u8],
    start: usize,
    stops: impl Fn(&[u8]) -> bool,
) -> (usize, usize) {
    let mut pos = start;
    while let Some((line, next)) = line_at(bytes, pos) {
        if line.is_empty() {
            return (pos, next);
        }
        if line.starts_with(b"--") && stops(line) {
            return (pos, pos);
        }
        pos = next;
    }
    (bytes.len(), bytes.len())
}

/// The fields of the header block that `bytes` begin with: name and value as they stand, folded
/// and with its line end. Lines that are no fields are left out.
pub fn header_fields(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (end, _) = block_end(bytes, 0, |_| false);
    lines(bytes.get(..end).unwrap_or_default()).filter_map(|it| match it {
        Line::Field { name, value, .. } => Some((name, value)),
        Line::Malformed(_) => None,
    })
}

/// Where the body of a message begins: behind the first empty line. `None` without one.
#[must_use]
pub fn body_start(bytes: &[u8]) -> Option<usize> {
    let (end, body) = block_end(bytes, 0, |_| false);
    (body > end).then_some(body)
}

/// What stands in a header block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line<'x> {
    /// A field: its name, its value as it stands (folded, with its line end), and all of it.
    Field { name: &'x [u8], value: &'x [u8], whole: &'x [u8] },
    /// Something else, with its line end.
    Malformed(&'x [u8]),
}

/// Cuts a header block into fields.
pub(crate) fn lines(block: &[u8]) -> Lines<'_> {
    Lines { rest: block }
}

/// The iterator of [`lines`].
#[derive(Clone, Debug)]
pub(crate) struct Lines<'x> {
    rest: &'x [u8],
}

impl<'x> Iterator for Lines<'x> {
    type Item = Line<'x>;

    fn next(&mut self) -> Option<Line<'x>> {
        if self.rest.is_empty() {
            return None;
        }
        let len = folded_len(self.rest);
        let (whole, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let Some((name, value)) = split_field(whole) else {
            return Some(Line::Malformed(whole));
        };
        Some(Line::Field { name, value, whole })
    }
}

/// The length of the first line with the lines that continue it (RFC 5322 §2.2.3).
fn folded_len(rest: &[u8]) -> usize {
    let mut len = 0;
    while let Some(end) = rest.get(len..).and_then(|it| memchr(b'\n', it)) {
        len += end + 1;
        if !matches!(rest.get(len), Some(b' ' | b'\t')) {
            return len;
        }
    }
    rest.len()
}

/// Name and value, when `whole` is a field. RFC 5322 §4.5: spaces before the colon are allowed
/// in old mail.
fn split_field(whole: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = whole.iter().take(MAX_NAME).position(|it| !is_name_byte(*it))?;
    let (name, rest) = whole.split_at_checked(colon)?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    // A colon behind a line end is not that of this name.
    let between = rest.len() - value.len();
    let spaces = rest.get(..between).unwrap_or_default();
    (!name.is_empty() && !spaces.contains(&b'\n')).then_some((name, value))
}

/// A name longer than this is not a field.
const MAX_NAME: usize = 256;

/// RFC 5322 §2.2: printable US-ASCII except the colon.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

/// The fields that the parser reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    From,
    Sender,
    To,
    Cc,
    Bcc,
    Subject,
    Date,
    Received,
    MessageId,
    InReplyTo,
    References,
    ContentType,
    ContentTransferEncoding,
    ContentDisposition,
    ContentId,
    Other,
}

/// Which field a name names.
pub(crate) fn name(bytes: &[u8]) -> Name {
    let known: &[(&[u8], Name)] = match bytes.len() {
        2 => &[(b"to", Name::To), (b"cc", Name::Cc)],
        3 => &[(b"bcc", Name::Bcc)],
        4 => &[(b"from", Name::From), (b"date", Name::Date)],
        6 => &[(b"sender", Name::Sender)],
        7 => &[(b"subject", Name::Subject)],
        8 => &[(b"received", Name::Received)],
        10 => &[
            (b"message-id", Name::MessageId),
            (b"references", Name::References),
            (b"content-id", Name::ContentId),
        ],
        11 => &[(b"in-reply-to", Name::InReplyTo)],
        12 => &[(b"content-type", Name::ContentType)],
        19 => &[(b"content-disposition", Name::ContentDisposition)],
        25 => &[(b"content-transfer-encoding", Name::ContentTransferEncoding)],
        _ => &[],
    };
    known
        .iter()
        .find(|(it, _)| it.eq_ignore_ascii_case(bytes))
        .map_or(Name::Other, |(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(block: &[u8]) -> Vec<String> {
        lines(block)
            .map(|it| match it {
                Line::Field { name, value, .. } => {
                    format!("{}={}", name.escape_ascii(), value.escape_ascii())
                }
                Line::Malformed(line) => format!("? {}", line.escape_ascii()),
            })
            .collect()
    }

    #[test]
    fn fields_and_lines_that_are_none() {
        let cases: [(&[u8], &[&str]); 9] = [
            (b"A: b\r\nC: d\r\n", &["A= b\\r\\n", "C= d\\r\\n"]),
            (b"A: b\n c\n\td\nE:\n", &["A= b\\n c\\n\\td\\n", "E=\\n"]),
            (b"A : b", &["A= b"]),
            (b"no colon\nA: b\n", &["? no colon\\n", "A= b\\n"]),
            (
                b"From x@y Thu Jan  1 00:00:00 1970\nA: b\n",
                &["? From x@y Thu Jan  1 00:00:00 1970\\n", "A= b\\n"],
            ),
            (b" folded first\nA: b\n", &["?  folded first\\n", "A= b\\n"]),
            (b": x\n", &["? : x\\n"]),
            (b"word\n : x\n", &["? word\\n : x\\n"]),
            (b"", &[]),
        ];
        for (block, want) in cases {
            assert_eq!(names(block), want, "{}", block.escape_ascii());
        }
    }

    #[test]
    fn a_block_ends_at_the_first_empty_line() {
        let cases: [(&[u8], (usize, usize)); 7] = [
            (b"A: b\r\n\r\nbody", (6, 8)),
            (b"A: b\n\nbody", (5, 6)),
            (b"\nbody", (0, 1)),
            (b"A: b\n", (5, 5)),
            (b"A: b", (4, 4)),
            (b"", (0, 0)),
            (b"A: b\n \nC: d\n\nbody", (12, 13)),
        ];
        for (bytes, want) in cases {
            assert_eq!(block_end(bytes, 0, |_| false), want, "{}", bytes.escape_ascii());
        }
        assert_eq!(block_end(b"A: b\n--x\n\nbody", 0, |it| it == b"--x"), (5, 5));
    }

    #[test]
    fn fields_of_a_message_and_where_its_body_begins() {
        let bytes = b"A: b\n c\nno field\nD: e\n\nF: g\n";
        let fields: Vec<_> = header_fields(bytes).collect();
        assert_eq!(fields, [(&b"A"[..], &b" b\n c\n"[..]), (b"D", b" e\n")]);
        assert_eq!(body_start(bytes), Some(23));
        assert_eq!(body_start(b"A: b\n"), None);
        assert_eq!(body_start(b"\n"), Some(1));
    }

    #[test]
    fn names_in_any_case() {
        assert_eq!(name(b"SUBJECT"), Name::Subject);
        assert_eq!(name(b"Content-Transfer-encoding"), Name::ContentTransferEncoding);
        assert_eq!(name(b"Subjects"), Name::Other);
        assert_eq!(name(b""), Name::Other);
    }
}
