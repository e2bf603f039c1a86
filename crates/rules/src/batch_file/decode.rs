//! From the bytes of a file to text: Unicode where it is, else a code page.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::BatchError;

/// The text of a file. A byte order mark counts more than `code_page`; so do the zero bytes of
/// UTF-16, which no code page has.
pub(super) fn text<'x>(
    bytes: &'x [u8],
    code_page: Option<&str>,
) -> Result<Cow<'x, str>, BatchError> {
    let named = code_page.map(named).transpose()?;
    let (encoding, start) = match Encoding::for_bom(bytes) {
        Some(found) => found,
        None => (utf_16(bytes).or(named).unwrap_or_else(|| guessed(bytes)), 0),
    };
    let bytes = bytes.get(start..).unwrap_or_default();
    let (text, wrong) = encoding.decode_without_bom_handling(bytes);
    if !wrong {
        return Ok(text);
    }
    let before = text.split(char::REPLACEMENT_CHARACTER).next().unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let what = format!("this is not text in {}", encoding.name());
    let hint = "Save the file as UTF-8, or name its code page, such as windows-1250.";
    Err(BatchError::new((line, column), what, hint))
}

/// The code page of a name: `windows-1252`, `cp1252`, `1252`, `latin1`, `shift_jis`.
fn named(name: &str) -> Result<&'static Encoding, BatchError> {
    let name = name.trim();
    let number = name.trim_start_matches(|it: char| !it.is_ascii_digit());
    let found = Encoding::for_label_no_replacement(name.as_bytes())
        .or_else(|| Encoding::for_label(format!("windows-{number}").as_bytes()))
        .or_else(|| Encoding::for_label(format!("ibm{number}").as_bytes()));
    found.ok_or_else(|| {
        let shown: String = name.chars().filter(|it| !it.is_control()).take(40).collect();
        let what = format!("there is no code page named \"{shown}\"");
        let hint = "Name one such as windows-1252, iso-8859-2 or shift_jis, or use UTF-8.";
        BatchError::new((1, 1), what, hint)
    })
}

/// UTF-16 without a mark: every other byte of the beginning is zero.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match *bytes {
        [first, 0, second, 0, ..] if first != 0 && second != 0 => Some(UTF_16LE),
        [0, first, 0, second, ..] if first != 0 && second != 0 => Some(UTF_16BE),
        _ => None,
    }
}

fn guessed(bytes: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 }
}
