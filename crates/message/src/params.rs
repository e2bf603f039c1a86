//! `Content-Type` and `Content-Disposition`: a value and its parameters (RFC 2045 §5.1,
//! RFC 2183 §2), continued and encoded as RFC 2231 has it.
//!
//! Rules: one pass, no failure; parameters that nobody asks for are not kept; pieces of a value
//! are joined before they are decoded, because senders cut them in the middle of a character.

use std::borrow::Cow;

use crate::charset;
use crate::defect::{Defect, Defects};
use crate::limits;
use crate::transfer::hex;
use crate::words;

/// The value of a field with the parameters that the parser uses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Params {
    /// `text/plain`, `attachment`: lower case, without comments.
    pub value: String,
    /// Raw bytes.
    pub boundary: Option<Vec<u8>>,
    /// Raw bytes.
    pub charset: Option<Vec<u8>>,
    /// `filename`, else `name`; decoded.
    pub name: Option<String>,
}

/// Reads a field.
pub(crate) fn parse(raw: &[u8], defects: &mut Defects) -> Params {
    let (value, mut rest) = split_at_semicolon(raw);
    let mut params = Params { value: clean_value(value), ..Params::default() };
    let mut pieces = Vec::new();
    for count in 0.. {
        if rest.is_empty() {
            break;
        }
        if count == limits::PARAMETERS_MAX {
            defects.add(Defect::TooManyParameters);
            break;
        }
        let Some(param) = next_param(&mut rest) else { continue };
        pieces.extend(Piece::of(param));
    }
    // By index, stable: a piece without one comes first.
    pieces.sort_by_key(|it| it.index);
    let joined = |wanted| join(wanted, &pieces).map(|it| (it.bytes, it.charset, it.encoded));
    params.boundary = joined(Wanted::Boundary).map(|it| it.0);
    params.charset = joined(Wanted::Charset).map(|it| it.0);
    let name = joined(Wanted::Filename).or_else(|| joined(Wanted::Name));
    params.name = name.map(|(bytes, charset, encoded)| {
        let mut name = match encoded {
            true => words::tidy(&charset::decode(&charset, &bytes, defects)),
            false => words::text(&bytes, defects),
        };
        words::shorten(&mut name, limits::NAME_BYTES_MAX, defects);
        name
    });
    params
}

/// The parameters that are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Boundary,
    Charset,
    Filename,
    Name,
}

/// A parameter or a piece of one (RFC 2231 §3).
struct Piece<'x> {
    wanted: Wanted,
    /// Number after the first `*`, or 0.
    index: u32,
    /// Whether it says that it is percent-encoded (RFC 2231 §4).
    encoded: bool,
    value: Cow<'x, [u8]>,
}

impl<'x> Piece<'x> {
    fn of((name, value): (&'x [u8], Cow<'x, [u8]>)) -> Option<Piece<'x>> {
        const WANTED: [(&[u8], Wanted); 4] = [
            (b"boundary", Wanted::Boundary),
            (b"charset", Wanted::Charset),
            (b"filename", Wanted::Filename),
            (b"name", Wanted::Name),
        ];
        let mut parts = name.split(|it| *it == b'*');
        let name = parts.next()?;
        let (_, wanted) = WANTED.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        let mut piece = Piece { wanted: *wanted, index: 0, encoded: false, value };
        for part in parts {
            match std::str::from_utf8(part).ok().and_then(|it| it.parse().ok()) {
                Some(index) => piece.index = index,
                None => piece.encoded = part.is_empty(),
            }
        }
        Some(piece)
    }
}

/// A value put together from its pieces.
#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    charset: Vec<u8>,
    encoded: bool,
}

/// Joins the pieces of a parameter. An encoded form goes before a plain one (RFC 6266 §4.3 has
/// the same rule for HTTP), and of several equal ones the first counts.
fn join(wanted: Wanted, pieces: &[Piece<'_>]) -> Option<Joined> {
    let of_it = || pieces.iter().filter(|it| it.wanted == wanted);
    let first = of_it().find(|it| it.encoded && it.index == 0).or_else(|| of_it().next())?;
    let mut joined = Joined::default();
    let mut next_index = 0;
    let rest = of_it().filter(|it| it.index > 0 && !std::ptr::eq(*it, first));
    for piece in std::iter::once(first).chain(rest) {
        if piece.index != next_index && next_index > 0 {
            continue;
        }
        next_index = piece.index + 1;
        let value = match (piece.encoded, piece.index) {
            (true, 0) => {
                joined.encoded = true;
                let (charset, value) = split_charset(&piece.value);
                joined.charset = charset.to_vec();
                value
            }
            _ => &piece.value,
        };
        match piece.encoded {
            true => push_percent_decoded(&mut joined.bytes, value),
            false => joined.bytes.extend_from_slice(value),
        }
    }
    Some(joined)
}

/// RFC 2231 §4: `charset'language'value`.
fn split_charset(value: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = value.splitn(3, |it| *it == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(value)) => (charset, value),
        _ => (b"", value),
    }
}

fn push_percent_decoded(out: &mut Vec<u8>, mut value: &[u8]) {
    while let Some((&byte, tail)) = value.split_first() {
        match (byte, tail) {
            (b'%', [high, low, rest @ ..]) if hex(*high, *low).is_some() => {
                out.extend(hex(*high, *low));
                value = rest;
            }
            _ => {
                out.push(byte);
                value = tail;
            }
        }
    }
}

/// The first word before any comment, lower case.
fn clean_value(value: &[u8]) -> String {
    let value = value.trim_ascii();
    let ends = |it: &u8| it.is_ascii_whitespace() || *it == b'(';
    let end = value.iter().take(limits::NAME_BYTES_MAX).position(ends);
    let end = end.unwrap_or(value.len().min(limits::NAME_BYTES_MAX));
    let mut text = String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned();
    text.make_ascii_lowercase();
    text
}

/// What stands before and after the next `;`.
fn split_at_semicolon(raw: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b';', raw) {
        Some(at) => (raw.get(..at).unwrap_or_default(), raw.get(at + 1..).unwrap_or_default()),
        None => (raw, b""),
    }
}

/// Takes the next `name=value` off `rest`; `None` for what is not one.
fn next_param<'x>(rest: &mut &'x [u8]) -> Option<(&'x [u8], Cow<'x, [u8]>)> {
    let all = rest.trim_ascii_start();
    let end = all.iter().position(|it| matches!(it, b'=' | b';')).unwrap_or(all.len());
    let (name, tail) = all.split_at_checked(end)?;
    let Some(value) = tail.strip_prefix(b"=") else {
        *rest = tail.get(1..).unwrap_or_default();
        return None;
    };
    let value = value.trim_ascii_start();
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let (text, tail) = unquote(quoted);
        *rest = split_at_semicolon(tail).1;
        return Some((name.trim_ascii(), text));
    }
    let (token, tail) = split_at_semicolon(value);
    *rest = tail;
    let token = token.trim_ascii();
    // A name may have spaces though it is not quoted; elsewhere they begin a comment.
    let is_name = name.len() >= 4 && name.get(name.len() - 4..) == Some(b"name");
    let end = token.iter().position(u8::is_ascii_whitespace).filter(|_| !is_name);
    Some((name.trim_ascii(), token.get(..end.unwrap_or(token.len()))?.into()))
}

/// The text of a quoted string whose opening quote is gone, and what follows its closing one.
/// Without a closing one it ends with the field.
fn unquote(quoted: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let Some(end) = memchr::memchr2(b'"', b'\\', quoted) else {
        return (quoted.trim_ascii_end().into(), b"");
    };
    if quoted.get(end) == Some(&b'"') {
        let text = quoted.get(..end).unwrap_or_default();
        return (text.into(), quoted.get(end + 1..).unwrap_or_default());
    }
    let mut text = Vec::new();
    let mut bytes = quoted;
    while let Some((&byte, tail)) = bytes.split_first() {
        bytes = tail;
        match byte {
            b'"' => return (text.into(), bytes),
            b'\\' => match bytes.split_first() {
                Some((&escaped, tail)) => {
                    text.push(escaped);
                    bytes = tail;
                }
                None => text.push(byte),
            },
            _ => text.push(byte),
        }
    }
    (text.into(), b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(field: &[u8]) -> String {
        let params = parse(field, &mut Defects::default());
        let bytes = |it: &Option<Vec<u8>>| {
            it.as_ref().map_or("-".into(), |it| it.escape_ascii().to_string())
        };
        let name = params.name.as_deref().unwrap_or("-");
        format!(
            "{} b={} c={} n={name}",
            params.value,
            bytes(&params.boundary),
            bytes(&params.charset)
        )
    }

    #[test]
    fn fields() {
        let cases: [(&[u8], &str); 27] = [
            (b"text/plain", "text/plain b=- c=- n=-"),
            (b" TEXT/Plain; CharSet=UTF-8\r\n", "text/plain b=- c=UTF-8 n=-"),
            (b"text/plain; charset=\"utf-8\"; format=flowed", "text/plain b=- c=utf-8 n=-"),
            (b"text/plain; charset=us-ascii (Plain text)", "text/plain b=- c=us-ascii n=-"),
            (b"text/plain (really); charset = x", "text/plain b=- c=x n=-"),
            (b"multipart/mixed;\r\n\tboundary=\"a b;c\"", "multipart/mixed b=a b;c c=- n=-"),
            (b"multipart/mixed; boundary=abc; x", "multipart/mixed b=abc c=- n=-"),
            (b"multipart/mixed; boundary*0=ab; boundary*1=cd", "multipart/mixed b=abcd c=- n=-"),
            (b"a/b; name=\"q\\\"uote\\\\\"", "a/b b=- c=- n=q\"uote\\"),
            (b"a/b; name=two words.pdf; x=y", "a/b b=- c=- n=two words.pdf"),
            (b"a/b; name=\"no end", "a/b b=- c=- n=no end"),
            (b"a/b; name==?utf-8?Q?K=C3=A4se?=", "a/b b=- c=- n=Käse"),
            (b"a/b; name=\"=?utf-8?B?S8OkcyBr?=\"", "a/b b=- c=- n=Käs k"),
            (b"attachment; filename*=utf-8''K%C3%A4se.txt", "attachment b=- c=- n=Käse.txt"),
            (b"attachment; filename*=iso-8859-1'de'K%E4se", "attachment b=- c=- n=Käse"),
            // Cut in the middle of a character.
            (
                b"attachment; filename*0*=utf-8''K%C3; filename*1*=%A4se",
                "attachment b=- c=- n=Käse",
            ),
            (
                b"attachment; filename*1*=%A4se; filename*0*=utf-8''K%C3",
                "attachment b=- c=- n=Käse",
            ),
            (
                b"attachment; filename*0*=utf-8''K%C3%A4; filename*1=\"se %41\"",
                "attachment b=- c=- n=Käse %41",
            ),
            (
                b"attachment; filename=plain; filename*=utf-8''K%C3%A4se",
                "attachment b=- c=- n=Käse",
            ),
            (b"attachment; filename=one; filename=two", "attachment b=- c=- n=one"),
            (b"attachment; filename*0=a; filename*2=c", "attachment b=- c=- n=a"),
            (b"attachment; filename*=100%", "attachment b=- c=- n=100%"),
            (b"attachment; filename=K\xe4se", "attachment b=- c=- n=Käse"),
            ("attachment; filename=Käse".as_bytes(), "attachment b=- c=- n=Käse"),
            (b"", " b=- c=- n=-"),
            (b";;;=;a=;=b", " b=- c=- n=-"),
            (b"a/b; name=x; filename=y", "a/b b=- c=- n=y"),
        ];
        for (field, want) in cases {
            assert_eq!(show(field), want, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn parameters_are_counted() {
        let mut defects = Defects::default();
        parse("a/b; x=y".repeat(limits::PARAMETERS_MAX).as_bytes(), &mut defects);
        assert!(defects.clone().into_sorted().is_empty());
        parse("; x=y".repeat(limits::PARAMETERS_MAX + 1).as_bytes(), &mut defects);
        assert_eq!(defects.into_sorted(), [Defect::TooManyParameters]);
        // Not quadratic either.
        let pieces: String = (0..90).map(|it| format!("; name*{it}*=%41%")).collect();
        let params = parse(format!("a/b{pieces}").as_bytes(), &mut Defects::default());
        assert_eq!(params.name, Some("A%".repeat(90)));
    }
}
