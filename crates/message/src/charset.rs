//! Bytes to text, by the character set that a message names, or by looking.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use crate::defect::{Defect, Defects};
use crate::library;

/// Decodes `bytes`, which say to be in `charset` (empty: nothing said). Never fails.
///
/// Names are not always true. Text that says to be US-ASCII or Latin and is valid UTF-8 with
/// characters outside ASCII is UTF-8: Latin text that is so by chance is next to impossible.
pub(crate) fn decode<'x>(charset: &[u8], bytes: &'x [u8], defects: &mut Defects) -> Cow<'x, str> {
    let charset = clean_label(charset);
    if bytes.is_ascii() && !is_stateful(charset) && !has_escapes(bytes) {
        return to_utf8(bytes);
    }
    match kind(charset) {
        Kind::Unsaid => unsaid(bytes),
        Kind::Ascii => {
            let text = unsaid(bytes);
            defects.add_if(!has_escapes(bytes), Defect::WrongCharset);
            text
        }
        Kind::Utf8 => utf8(bytes, defects),
        Kind::Latin => match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_ascii() => {
                defects.add(Defect::WrongCharset);
                text.into()
            }
            _ => named(charset, bytes, defects),
        },
        Kind::Other => named(charset, bytes, defects),
    }
}

/// Text that names no character set: UTF-8 if it is, ISO-2022-JP if it has its escapes, else
/// windows-1252.
pub(crate) fn unsaid(bytes: &[u8]) -> Cow<'_, str> {
    if has_escapes(bytes) && bytes.is_ascii() {
        return iso_2022_jp(bytes).unwrap_or_else(|| to_utf8(bytes));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => windows_1252(bytes),
    }
}

/// The windows-1252 reading, which exists for all bytes.
pub(crate) fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    library::decode(b"windows-1252", bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes))
}

/// What a name says.
enum Kind {
    Unsaid,
    Ascii,
    Utf8,
    Latin,
    Other,
}

fn kind(charset: &[u8]) -> Kind {
    const KINDS: [(&[u8], Kind); 9] = [
        (b"", Kind::Unsaid),
        (b"us-ascii", Kind::Ascii),
        (b"ascii", Kind::Ascii),
        (b"utf-8", Kind::Utf8),
        (b"utf8", Kind::Utf8),
        (b"iso-8859-1", Kind::Latin),
        (b"iso-8859-15", Kind::Latin),
        (b"latin1", Kind::Latin),
        (b"windows-1252", Kind::Latin),
    ];
    let known = KINDS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(charset));
    known.map_or(Kind::Other, |(_, kind)| kind)
}

/// Without quotes, spaces and the language that RFC 2231 §5 allows after a `*`.
fn clean_label(charset: &[u8]) -> &[u8] {
    let end = memchr(b'*', charset).unwrap_or(charset.len());
    let label = charset.get(..end).unwrap_or_default();
    let outer = |it: &u8| it.is_ascii_whitespace() || matches!(it, b'"' | b'\'');
    let start = label.iter().position(|it| !outer(it)).unwrap_or(label.len());
    let end = label.iter().rposition(|it| !outer(it)).map_or(start, |it| it + 1);
    label.get(start..end).unwrap_or_default()
}

/// Whether ASCII bytes may be something else in this character set.
fn is_stateful(charset: &[u8]) -> bool {
    let prefixes: [&[u8]; 6] =
        [b"utf-7", b"utf7", b"unicode-1-1-utf-7", b"utf-16", b"utf16", b"hz"];
    let starts = |prefix: &&[u8]| {
        charset.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
    };
    prefixes.iter().any(starts)
}

/// Whether ISO-2022 escapes to a character set of two bytes are in it.
fn has_escapes(bytes: &[u8]) -> bool {
    memchr(0x1b, bytes).is_some() && memmem::find(bytes, b"\x1b$").is_some()
}

fn to_utf8(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// UTF-8 with single broken places stays UTF-8; what is mostly broken is windows-1252.
fn utf8<'x>(bytes: &'x [u8], defects: &mut Defects) -> Cow<'x, str> {
    let text = to_utf8(bytes);
    let Cow::Owned(lossy) = &text else { return text };
    defects.add(Defect::WrongCharset);
    let count = |wanted: fn(char) -> bool| lossy.chars().filter(|it| wanted(*it)).count();
    let broken = count(|it| it == char::REPLACEMENT_CHARACTER);
    let good = count(|it| !it.is_ascii() && it != char::REPLACEMENT_CHARACTER);
    if broken > good { windows_1252(bytes) } else { text }
}

/// The library reads two escapes in a row as an error. Mail has them wherever a sender cut a
/// text and put the pieces together.
fn iso_2022_jp(bytes: &[u8]) -> Option<Cow<'_, str>> {
    const TO_ASCII: &[u8] = b"\x1b(B";
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memmem::find(rest, b"\x1b(B\x1b") {
        let (head, tail) = rest.split_at_checked(at)?;
        plain.extend_from_slice(head);
        rest = tail.strip_prefix(TO_ASCII)?;
    }
    plain.extend_from_slice(rest);
    let text = library::decode(b"iso-2022-jp", &plain)?;
    Some(text.into_owned().into())
}

/// By its name, when that is known and makes anything of the bytes.
fn named<'x>(charset: &[u8], bytes: &'x [u8], defects: &mut Defects) -> Cow<'x, str> {
    let is_japanese = charset.get(..11).is_some_and(|it| it.eq_ignore_ascii_case(b"iso-2022-jp"));
    let decoded = if is_japanese { iso_2022_jp(bytes) } else { library::decode(charset, bytes) };
    match decoded {
        Some(text) if !text.chars().all(|it| it == char::REPLACEMENT_CHARACTER) => text,
        _ => {
            defects.add(Defect::UnknownCharset);
            unsaid(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_named_and_guessed() {
        let none: &[Defect] = &[];
        let wrong: &[Defect] = &[Defect::WrongCharset];
        let unknown: &[Defect] = &[Defect::UnknownCharset];
        let cases: [(&str, &[u8], &str, &[Defect]); 20] = [
            ("", b"plain", "plain", none),
            ("utf-8", "Käse".as_bytes(), "Käse", none),
            ("UTF-8", b"K\xe4se", "Käse", wrong),
            (
                "utf-8",
                "Größe, Höhe, \u{20ac}\u{20ac}".as_bytes().split_last().unwrap().1,
                "Größe, Höhe, €\u{fffd}",
                wrong,
            ),
            ("us-ascii", b"K\xe4se", "Käse", wrong),
            ("us-ascii", "Käse".as_bytes(), "Käse", wrong),
            ("", "Käse".as_bytes(), "Käse", none),
            ("", b"K\xe4se \x80", "Käse €", none),
            ("iso-8859-1", b"K\xe4se \x93x\x94", "Käse “x”", none),
            ("iso-8859-1", "Käse".as_bytes(), "Käse", wrong),
            ("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", none),
            ("\"KOI8-R\"", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", none),
            ("koi8-r*ru", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", none),
            ("iso-2022-jp", b"\x1b$B%O%m!<\x1b(B", "ハロー", none),
            ("", b"\x1b$B%O%m!<\x1b(B", "ハロー", none),
            ("ISO-2022-JP", b"\x1b$B%O%m\x1b(B\x1b$B!<\x1b(B!", "ハロー!", none),
            ("us-ascii", b"\x1b$B%O%m!<\x1b(B", "ハロー", none),
            ("utf-7", b"+ZYeB9FH6-", "文致出", none),
            ("x-nothing", b"K\xe4se", "Käse", unknown),
            ("hz-gb-2312", b"~{<:Ky2;S{~}", "~{<:Ky2;S{~}", unknown),
        ];
        for (charset, bytes, want, want_defects) in cases {
            let mut defects = Defects::default();
            let got = decode(charset.as_bytes(), bytes, &mut defects);
            assert_eq!(got, want, "{charset:?}");
            assert_eq!(defects.into_sorted(), want_defects, "{charset:?} {want}");
        }
    }
}
