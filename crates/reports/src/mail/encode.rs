//! How text stands in messages: header fields, addresses, dates and bodies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::{Address, Civil, Timestamp};

use crate::words;

/// Columns of a header line (RFC 5322 §2.1.1).
const LINE_MAX: usize = 78;

/// Characters of an encoded word (RFC 2047 §2).
const WORD_MAX: usize = 75;

/// What stands around the base64 of an encoded word.
const WORD_FRAME: usize = "=?UTF-8?B??=".len();

/// Characters of a line of an encoded body (RFC 2045 §6.7, §6.8).
const BODY_LINE_MAX: usize = 76;

/// Why an address cannot stand in a message of ours. Lower case, without a full stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressError(String);

impl std::fmt::Display for AddressError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

/// Checks that this is `local@domain` as every server takes it: a dot-atom in ASCII on both sides
/// (RFC 5322 §3.4.1).
pub fn check_address(text: &str) -> Result<(), AddressError> {
    let wrong = |why: &str| Err(AddressError(format!("{text:?} {why}")));
    let Some((local, domain)) = text.rsplit_once('@') else {
        return wrong("is no mail address: it has no @");
    };
    if !text.is_ascii() {
        return wrong("has letters that not every mail server takes");
    }
    let is_atom = |it: &str| !it.is_empty() && it.bytes().all(is_atext);
    let is_dotted = |it: &str| it.split('.').all(is_atom);
    if !is_dotted(local) || !is_dotted(domain) || 254 < text.len() {
        return wrong("is no mail address");
    }
    Ok(())
}

/// RFC 5322 §3.2.3.
fn is_atext(it: u8) -> bool {
    it.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&it)
}

/// A date and time (RFC 5322 §3.3), in UTC.
pub(super) fn date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second } = at.civil();
    let weekday = usize::try_from(at.0.div_euclid(86_400).rem_euclid(7)).unwrap_or_default();
    let weekday = DAYS.get(weekday).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(month).saturating_sub(1)).copied().unwrap_or_default();
    format!("{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

/// A mailbox with its display name.
pub(super) fn mailbox(field: &str, it: &Address) -> String {
    let name = words::line(&it.name);
    let is_plain = |it: char| it.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(it);
    if name.trim().is_empty() {
        return it.addr.clone();
    }
    let fits = field.len() + name.len() + it.addr.len() + 5 < LINE_MAX;
    if fits && name.chars().all(is_plain) && !name.contains("=?") {
        return format!("{name} <{}>", it.addr);
    }
    if fits && name.is_ascii() && !name.contains("=?") {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        return format!("\"{quoted}\" <{}>", it.addr);
    }
    format!("{}\r\n <{}>", encoded_words(&name, field.len()), it.addr)
}

/// The value of a field without structure, as it stands after `field`.
pub(super) fn unstructured(field: &str, text: &str) -> String {
    let text = words::line(text);
    let text = text.trim();
    let fits = field.len() + text.len() <= LINE_MAX;
    if fits && text.bytes().all(|it| (0x20..0x7f).contains(&it)) && !text.contains("=?") {
        return text.to_owned();
    }
    encoded_words(text, field.len())
}

/// Encoded words (RFC 2047 §2), one a line, none of which cuts a character.
fn encoded_words(text: &str, first_column: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut piece = String::new();
    for it in text.chars() {
        let before = if lines.is_empty() { first_column } else { 1 };
        let most = WORD_MAX.min(LINE_MAX - before) - WORD_FRAME;
        let bytes_max = most / 4 * 3;
        if !piece.is_empty() && bytes_max < piece.len() + it.len_utf8() {
            lines.push(encoded_word(&piece));
            piece.clear();
        }
        piece.push(it);
    }
    lines.push(encoded_word(&piece));
    lines.join("\r\n ")
}

fn encoded_word(text: &str) -> String {
    format!("=?UTF-8?B?{}?=", STANDARD.encode(text))
}

/// The encoding of a body, and the body in it: quoted-printable where most of it stays readable,
/// else base64.
pub(super) fn body(text: &str) -> (&'static str, String) {
    let text = text.replace("\r\n", "\n");
    let foreign = text.bytes().filter(|it| !it.is_ascii()).count();
    if foreign * 4 < text.len() {
        ("quoted-printable", quoted_printable(&text))
    } else {
        ("base64", base64_lines(&text.replace('\n', "\r\n")))
    }
}

fn base64_lines(text: &str) -> String {
    let mut lines = String::new();
    for bytes in text.as_bytes().chunks(BODY_LINE_MAX / 4 * 3) {
        STANDARD.encode_string(bytes, &mut lines);
        lines.push_str("\r\n");
    }
    lines
}

/// RFC 2045 §6.7. `text` has LF as line end.
fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        quoted_line(line, &mut out);
        if lines.peek().is_some() {
            out.push_str("\r\n");
        }
    }
    out
}

fn quoted_line(line: &str, out: &mut String) {
    let bytes = line.as_bytes();
    let mut columns = 0;
    for (place, byte) in bytes.iter().enumerate() {
        let is_last = place + 1 == bytes.len();
        // Servers take spaces off the end of a line, and mbox files change `From ` at its start.
        let is_plain = match byte {
            b' ' | b'\t' => !is_last,
            b'F' => place != 0 || !line.starts_with("From "),
            b'=' => false,
            _ => (0x21..0x7f).contains(byte),
        };
        let width = if is_plain { 1 } else { 3 };
        // The soft line break takes a column, which the last character needs not keep free.
        let most = if is_last { BODY_LINE_MAX } else { BODY_LINE_MAX - 1 };
        if most < columns + width {
            out.push_str("=\r\n");
            columns = 0;
        }
        columns += width;
        if is_plain {
            out.push(char::from(*byte));
        } else {
            out.push('=');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                out.push(digit.to_ascii_uppercase());
            }
        }
    }
}
