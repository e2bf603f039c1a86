//! Text in header fields: folding, encoded words (RFC 2047), raw bytes.
//!
//! Rules: one pass, no failure. Encoded words of one character set that follow one another are
//! decoded as one, because senders cut them in the middle of a character.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use memchr::{memchr2, memmem};

use crate::charset;
use crate::defect::{Defect, Defects};
use crate::transfer;

/// The longest name of a character set that is looked for, in bytes.
const CHARSET_NAME_MAX: usize = 60;

/// Reads an unstructured field: unfolded, decoded, without control characters, trimmed.
pub(crate) fn text(raw: &[u8], defects: &mut Defects) -> String {
    let unfolded = unfold(raw);
    let field = to_str(&unfolded, defects);
    let decoded = match memmem::find(field.as_bytes(), b"=?") {
        None => field,
        Some(_) => decode_words(&field, defects).into(),
    };
    tidy(&decoded)
}

/// An address field for the library: UTF-8, with a line end, and with encoded words joined where
/// they follow one another.
pub(crate) fn joined<'x>(raw: &'x [u8], defects: &mut Defects) -> Cow<'x, [u8]> {
    let has_words = memmem::find(raw, b"=?").is_some();
    if !has_words && raw.ends_with(b"\n") && std::str::from_utf8(raw).is_ok() {
        return raw.into();
    }
    let unfolded = unfold(raw);
    let field = to_str(&unfolded, defects);
    let mut out = if has_words { join_words(&field, defects) } else { field.into_owned() };
    out.push('\n');
    out.into_bytes().into()
}

/// Without the line ends of folding (RFC 5322 §2.2.3). Spaces stay.
fn unfold(raw: &[u8]) -> Cow<'_, [u8]> {
    let raw = raw.trim_ascii();
    let Some(first) = memchr2(b'\r', b'\n', raw) else { return raw.into() };
    let (head, tail) = raw.split_at_checked(first).unwrap_or((raw, b""));
    let mut out = Vec::with_capacity(raw.len());
    out.extend_from_slice(head);
    out.extend(tail.iter().filter(|it| !matches!(it, b'\r' | b'\n')));
    out.into()
}

/// Raw bytes as text. UTF-8 in headers is allowed (RFC 6532); other bytes never were.
fn to_str<'x>(bytes: &'x [u8], defects: &mut Defects) -> Cow<'x, str> {
    let text = charset::unsaid(bytes);
    defects.add_if(matches!(text, Cow::Owned(_)) && !bytes.is_ascii(), Defect::RawBytesInHeader);
    text
}

/// Trimmed, each control character a space.
pub(crate) fn tidy(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.chars().any(char::is_control) {
        let clean = |it: char| if it.is_control() { ' ' } else { it };
        return trimmed.chars().map(clean).collect::<String>().trim().to_owned();
    }
    trimmed.to_owned()
}

/// Shortens to at most `bytes_max` bytes, at the border of a character.
pub(crate) fn shorten(text: &mut String, bytes_max: usize, defects: &mut Defects) {
    if text.len() > bytes_max {
        let end = text.floor_char_boundary(bytes_max);
        text.truncate(end);
        defects.add(Defect::ValueShortened);
    }
}

/// Replaces all encoded words.
fn decode_words(field: &str, defects: &mut Defects) -> String {
    let mut out = String::with_capacity(field.len());
    for piece in pieces(field, defects) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Words { charset, bytes, .. } => {
                out.push_str(&charset::decode(charset.as_bytes(), &bytes, defects));
            }
        }
    }
    out
}

/// Makes one encoded word of each run of several.
fn join_words(field: &str, defects: &mut Defects) -> String {
    let mut out = String::with_capacity(field.len());
    for piece in pieces(field, defects) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Words { count: 1, source, .. } => out.push_str(source),
            Piece::Words { charset, bytes, .. } => {
                let text = charset::decode(charset.as_bytes(), &bytes, defects);
                out.push_str("=?utf-8?Q?");
                for byte in text.bytes() {
                    // Writing to a string does not fail.
                    let _ = write!(out, "={byte:02X}");
                }
                out.push_str("?=");
            }
        }
    }
    out
}

/// A field, cut at its encoded words.
enum Piece<'x> {
    /// Text as it stands.
    Plain(&'x str),
    /// Encoded words of one character set with nothing but spaces between them.
    Words { charset: &'x str, bytes: Vec<u8>, count: usize, source: &'x str },
}

fn pieces<'x>(field: &'x str, defects: &mut Defects) -> Vec<Piece<'x>> {
    let cut = |range: Range<usize>| field.get(range).unwrap_or_default();
    let mut out = Vec::new();
    let mut done = 0;
    let mut pos = 0;
    // Behind the last end no word is looked for: no byte is searched twice.
    let last_end = memmem::rfind(field.as_bytes(), b"?=").unwrap_or(0);
    while let Some(at) = field.get(pos..).and_then(|it| memmem::find(it.as_bytes(), b"=?")) {
        let start = pos + at;
        if start >= last_end {
            defects.add(Defect::BrokenEncodedWord);
            break;
        }
        let Some(word) = word_at(field, start) else {
            pos = start + 2;
            continue;
        };
        defects.add_if(word.broken, Defect::BrokenEncodedWord);
        let between = cut(done..start);
        pos = word.end;
        let follows = between.chars().all(char::is_whitespace);
        match out.last_mut() {
            Some(Piece::Words { charset, bytes, count, source })
                if follows && charset.eq_ignore_ascii_case(word.charset) =>
            {
                bytes.extend_from_slice(&word.bytes);
                *count += 1;
                *source = cut(done - source.len()..word.end);
            }
            last => {
                // RFC 2047 §6.2: spaces between encoded words are not shown.
                if !(follows && matches!(last, Some(Piece::Words { .. }))) && start > done {
                    out.push(Piece::Plain(between));
                }
                let Word { charset, bytes, end, .. } = word;
                out.push(Piece::Words { charset, bytes, count: 1, source: cut(start..end) });
            }
        }
        done = pos;
    }
    if done < field.len() {
        out.push(Piece::Plain(cut(done..field.len())));
    }
    out
}

/// An encoded word (RFC 2047 §2).
struct Word<'x> {
    charset: &'x str,
    bytes: Vec<u8>,
    broken: bool,
    end: usize,
}

/// The encoded word that begins at `start`, if one does. Spaces inside it are tolerated.
fn word_at(field: &str, start: usize) -> Option<Word<'_>> {
    let rest = field.get(start + 2..)?;
    let name_len = rest.bytes().take(CHARSET_NAME_MAX).position(|it| it == b'?')?;
    let charset = rest.get(..name_len).filter(|it| !it.is_empty())?;
    let rest = rest.get(name_len + 1..)?;
    let encoding = rest.bytes().next().filter(|it| b"BbQq".contains(it))?;
    let encoded = rest.get(1..)?.strip_prefix('?')?;
    let len = memmem::find(encoded.as_bytes(), b"?=")?;
    let content = encoded.get(..len)?.as_bytes();
    let (bytes, broken) = match encoding {
        b'B' | b'b' => transfer::base64(content),
        _ => {
            let spaced: Vec<u8> =
                content.iter().map(|it| if *it == b'_' { b' ' } else { *it }).collect();
            transfer::quoted_printable(&spaced)
        }
    };
    let end = field.len() - encoded.len() + len + 2;
    Some(Word { charset, bytes, broken, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects() {
        let none: &[Defect] = &[];
        let raw: &[Defect] = &[Defect::RawBytesInHeader];
        let broken: &[Defect] = &[Defect::BrokenEncodedWord];
        let cases: [(&[u8], &str, &[Defect]); 23] = [
            (b" plain\r\n", "plain", none),
            (b" folded\r\n  twice\r\n\tover\r\n", "folded  twice over", none),
            (b"=?utf-8?Q?K=C3=A4se_und?= Brot", "Käse und Brot", none),
            (b"=?iso-8859-1?q?=E4?= =?iso-8859-1?q?=F6?=", "äö", none),
            (b"=?utf-8?B?S8OkcyBr?=", "Käs k", none),
            // A character cut in two by the sender.
            (b"=?utf-8?Q?K=C3?=\r\n =?UTF-8?Q?=A4se?=", "Käse", none),
            (b"=?utf-8?B?S8M=?= =?utf-8?B?pHNl?=", "Käse", none),
            (b"=?utf-8?Q?a?= =?iso-8859-1?Q?=E4?=", "aä", none),
            (b"Re: =?utf-8?Q?=C3=A4?=: x", "Re: ä: x", none),
            (b"a =?utf-8?Q?b?= c =?utf-8?Q?d?=", "a b c d", none),
            (b"=?koi8-r?B?8NLJ18XU?=", "Привет", none),
            (b"=?iso-2022-jp?B?GyRCJU8lbSE8GyhC?=", "ハロー", none),
            (b"=?utf-8*de?Q?=C3=A4?=", "ä", none),
            (b"=?x-odd?Q?=E4?=", "ä", &[Defect::UnknownCharset]),
            (b"=?utf-8?Q?no end", "=?utf-8?Q?no end", broken),
            (b"=?utf-8?X?what?= =?utf-8?Q?=C3=A4?=", "=?utf-8?X?what?= ä", none),
            (b"=??Q?a?=", "=??Q?a?=", none),
            (b"=?utf-8?B?S8Ok!c2U=?=", "Käse", broken),
            (b"=?utf-8?Q?with space?=", "with space", none),
            (b"K\xe4se", "Käse", raw),
            ("Käse".as_bytes(), "Käse", none),
            (b"nul\0 and \x07 bell", "nul  and   bell", none),
            (b"=?utf-8?Q?line=0Abreak?=", "line break", none),
        ];
        for (field, want, want_defects) in cases {
            let mut defects = Defects::default();
            assert_eq!(text(field, &mut defects), want, "{}", field.escape_ascii());
            assert_eq!(defects.into_sorted(), want_defects, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn runs_of_words_are_joined_for_the_library() {
        let cases: [(&[u8], &str); 6] = [
            (b"a <b@c>", "a <b@c>\n"),
            (b"a\r\n <b@c>\r\n", "a\r\n <b@c>\r\n"),
            (b"\xe4 <b@c>\r\n", "ä <b@c>\n"),
            (b"=?utf-8?Q?a?= <b@c>", "=?utf-8?Q?a?= <b@c>\n"),
            (b"=?utf-8?Q?=C3?= =?utf-8?Q?=A4?= <b@c>", "=?utf-8?Q?=C3=A4?= <b@c>\n"),
            (
                b"\"x\" <b@c>,\r\n =?utf-8?Q?=C3?=\r\n =?utf-8?Q?=A4?= <d@e>",
                "\"x\" <b@c>, =?utf-8?Q?=C3=A4?= <d@e>\n",
            ),
        ];
        for (field, want) in cases {
            let got = joined(field, &mut Defects::default());
            assert_eq!(std::str::from_utf8(&got), Ok(want));
        }
    }

    #[test]
    fn many_beginnings_without_an_end_take_linear_time() {
        let mut defects = Defects::default();
        let field = "=?a?Q?x ".repeat(100_000);
        assert_eq!(text(field.as_bytes(), &mut defects), field.trim());
        for piece in ["=?a?X?x", "=?a?X", "=?", "=?aaa", "=?a?X?x?=", "=?a?Q?="] {
            let field = piece.repeat(100_000) + "?=";
            text(field.as_bytes(), &mut defects);
        }
    }

    #[test]
    fn values_are_shortened_between_characters() {
        let mut value = "ää".to_owned();
        let mut defects = Defects::default();
        shorten(&mut value, 3, &mut defects);
        assert_eq!(value, "ä");
        assert_eq!(defects.into_sorted(), [Defect::ValueShortened]);
    }
}
