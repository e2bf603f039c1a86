//! Separator lines, and what the header behind one says of the message.

use memchr::memchr;
use message::{body_start, header_fields, parse_date};
use types::{Flags, Timestamp};

use crate::limits::FROM_LINE_BYTES_MAX;

/// The sender in the separator lines that our export writes: what follows is mboxrd.
pub(crate) const OWN_SENDER: &str = "mboxrd-1@posthold.invalid";

/// The same, of a message whose last line has no line end: the one in the file was added.
/// As long as the other, so that it can be put in its place when that is known.
pub(crate) const OWN_SENDER_UNTERMINATED: &str = "mboxrd-0@posthold.invalid";

/// What a separator line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Separator {
    pub date: Option<Timestamp>,
    /// Written by our export.
    pub own: Option<Own>,
}

/// A message in our own export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Own {
    /// Whether its last line end was added.
    pub unterminated: bool,
}

impl Separator {
    /// Reads a line that begins with `From `; `None` for another one.
    pub(crate) fn of(line: &[u8]) -> Option<Separator> {
        let rest = line.strip_prefix(b"From ")?;
        let text = String::from_utf8_lossy(rest.get(..FROM_LINE_BYTES_MAX).unwrap_or(rest));
        let (sender, date) = text.split_once(' ').unwrap_or(("", &text));
        // Thunderbird and others leave the sender out or have spaces in it.
        let date = parse_date(date).or_else(|| parse_date(&text));
        let own = match sender {
            OWN_SENDER => Some(Own { unterminated: false }),
            OWN_SENDER_UNTERMINATED => Some(Own { unterminated: true }),
            _ => None,
        };
        Some(Separator { date, own })
    }
}

/// The length of the first line with its line end; of all there is without one.
pub(crate) fn line_len(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |it| it + 1)
}

/// Whether a file that begins with `head` is an mbox: a separator line that has a date or is
/// followed by a header. An empty line or two may be before it.
#[must_use]
pub fn is_mbox(head: &[u8]) -> bool {
    let mut rest = head;
    for _ in 0..2 {
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
    }
    let (line, next) = rest.split_at_checked(line_len(rest)).unwrap_or((rest, b""));
    Separator::of(line).is_some_and(|it| it.date.is_some() || begins_header(next))
}

/// Whether bytes begin with a header field, as far as they go.
pub(crate) fn begins_header(bytes: &[u8]) -> bool {
    let is_name = |it: &u8| it.is_ascii_graphic() && *it != b':';
    let name = bytes.iter().take(100).take_while(|it| is_name(it)).count();
    let rest = bytes.get(name..).unwrap_or_default();
    name > 0 && rest.trim_ascii_start().starts_with(b":")
}

/// What a header says of its message as an mbox keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hints {
    pub flags: Flags,
    pub keywords: Vec<String>,
    /// `Content-Length`.
    pub length: Option<u64>,
    /// Where the body begins, in bytes from the start of the header.
    pub body: Option<u64>,
}

/// Reads the fields that keep state in an mbox.
pub(crate) fn hints(header: &[u8]) -> Hints {
    let mut hints =
        Hints { body: body_start(header).and_then(|it| it.try_into().ok()), ..Hints::default() };
    for (name, value) in header_fields(header) {
        // All of them are short, and all but one begin with X.
        if name.len() > 20 {
            continue;
        }
        let text = String::from_utf8_lossy(value.get(..1_000).unwrap_or(value));
        let text = text.trim();
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" => hints.length = text.parse().ok(),
            b"status" | b"x-status" => hints.flags = hints.flags.with(status(text)),
            b"x-mozilla-status" => hints.flags = hints.flags.with(mozilla_status(text)),
            b"x-keywords" | b"x-mozilla-keys" => {
                let words = text.split([' ', ',']).filter(|it| !it.is_empty());
                hints.keywords.extend(words.map(str::to_owned));
            }
            _ => {}
        }
    }
    hints
}

/// The letters of `Status` (`R` read, `O` old) and `X-Status` (answered, flagged, deleted,
/// draft), as mail programs on Unix write them.
fn status(text: &str) -> Flags {
    text.chars().fold(Flags::default(), |flags, letter| match letter {
        'R' => flags.with(Flags::SEEN),
        'A' => flags.with(Flags::ANSWERED),
        'F' => flags.with(Flags::FLAGGED),
        'D' => flags.with(Flags::DELETED),
        'T' => flags.with(Flags::DRAFT),
        _ => flags,
    })
}

/// The bits of Mozilla's `X-Mozilla-Status`.
fn mozilla_status(text: &str) -> Flags {
    const BITS: [(u32, Flags); 5] = [
        (0x0001, Flags::SEEN),
        (0x0002, Flags::ANSWERED),
        (0x0004, Flags::FLAGGED),
        (0x0008, Flags::DELETED),
        (0x1000, Flags::FORWARDED),
    ];
    let bits = u32::from_str_radix(text, 16).unwrap_or(0);
    let set = BITS.iter().filter(|(bit, _)| bits & bit != 0);
    set.fold(Flags::default(), |flags, (_, flag)| flags.with(*flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separator_lines() {
        let cases = [
            ("From bob@example.org Tue Mar  4 10:15:00 2025\n", "2025-03-04T10:15:00Z"),
            ("From - Tue Mar 04 10:15:00 2025\r\n", "2025-03-04T10:15:00Z"),
            ("From 123@xxx Tue Mar 04 10:15:00 +0100 2025\n", "2025-03-04T09:15:00Z"),
            ("From \"a b\"@c Tue Mar  4 10:15:00 2025", "2025-03-04T10:15:00Z"),
            ("From Tue Mar  4 10:15:00 2025", "2025-03-04T10:15:00Z"),
            ("From MAILER-DAEMON Tue Mar  4 10:15:00 2025 remote from x", "2025-03-04T10:15:00Z"),
            ("From my point of view at 10:15\n", ""),
            ("From bob@example.org\n", ""),
        ];
        for (line, want) in cases {
            let separator = Separator::of(line.as_bytes()).unwrap();
            assert_eq!(separator.date.map(|it| it.to_string()).unwrap_or_default(), want, "{line}");
            assert_eq!(separator.own, None);
        }
        assert_eq!(Separator::of(b"From: bob"), None);
    }

    #[test]
    fn files_that_are_mboxes() {
        let cases: [(&[u8], bool); 8] = [
            (b"From a Tue Mar  4 10:15:00 2025\nSubject: x\n", true),
            (b"From a Tue Mar  4 10:15:00 2025\n", true),
            (b"\nFrom a Tue Mar  4 10:15:00 2025\n", true),
            (b"From somebody\nSubject: x\n", true),
            (b"From now on\nwe meet at ten\n", false),
            (b"From: a\nSubject: x\n", false),
            (b"", false),
            (b"Subject: x\n\nFrom a Tue Mar  4 10:15:00 2025\n", false),
        ];
        for (head, want) in cases {
            assert_eq!(is_mbox(head), want, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn state_in_headers() {
        let hints = hints(
            b"Status: RO\nX-Status: AF\nX-Keywords: $Label1  Work  \nContent-Length: 12\n\
              X-Mozilla-Status: 1000\nSubject: Status: D\n\nX-Status: D\n",
        );
        let flags = [Flags::SEEN, Flags::ANSWERED, Flags::FLAGGED, Flags::FORWARDED];
        let want = flags.into_iter().fold(Flags::default(), Flags::with);
        assert_eq!((hints.flags, hints.length, hints.body), (want, Some(12), Some(114)));
        assert_eq!(hints.keywords, ["$Label1", "Work"]);
    }
}
