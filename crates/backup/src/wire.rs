//! Lines of text with a checksum at the end: what manifests and lists are written in.

use std::fmt::Write as _;

use types::{BlobId, Hash, Position};

use crate::error::{BackupError, damaged};

/// The line that ends a text; its value is the SHA-256 of all before.
const END: &str = "sha256 ";

/// Closes a text with its hash.
pub(crate) fn sealed(mut text: String) -> String {
    let hash = Hash::of(text.as_bytes());
    let _ = writeln!(text, "{END}{hash}");
    text
}

/// The text without its hash, when it has it.
pub(crate) fn opened<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, BackupError> {
    let wrong = || damaged(format!("{what} is damaged"));
    let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
    let end = text.len().checked_sub(END.len() + 65).ok_or_else(wrong)?;
    let (body, seal) = text.split_at_checked(end).ok_or_else(wrong)?;
    let hash = seal.strip_prefix(END).and_then(|it| it.strip_suffix('\n')).ok_or_else(wrong)?;
    if hash_of(hash) == Some(Hash::of(body.as_bytes())) { Ok(body) } else { Err(wrong()) }
}

/// Reads 64 hexadecimal digits.
pub(crate) fn hash_of(text: &str) -> Option<Hash> {
    text.parse().ok().map(|it: BlobId| Hash(it.0))
}

/// A position in a line.
pub(crate) fn position(position: Position) -> String {
    format!("{} {}", position.entries, position.root)
}

/// What stands for a path in a line, without control characters.
pub(crate) fn escaped(path: &str) -> String {
    let mut text = String::new();
    for c in path.chars() {
        if c.is_control() || c == '%' {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(text, "%{byte:02x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// The path that [`escaped`] wrote; `None` when it leads out of the directory that it is in.
pub(crate) fn path_of(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let path = String::from_utf8(bytes).ok()?;
    let is_inside =
        path.split('/').all(|it| !matches!(it, "" | "." | "..")) && !path.contains('\0');
    is_inside.then_some(path)
}

/// The fields of a line of text.
pub(crate) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(line: &'a str) -> Fields<'a> {
        Fields { rest: line }
    }

    /// The next one; empty at the end.
    pub(crate) fn text(&mut self) -> &'a str {
        let (field, rest) = self.rest.split_once(' ').unwrap_or((self.rest, ""));
        self.rest = rest;
        field
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.text().parse().ok()
    }

    pub(crate) fn hash(&mut self) -> Option<Hash> {
        hash_of(self.text())
    }

    pub(crate) fn position(&mut self) -> Option<Position> {
        Some(Position { entries: self.number()?, root: self.hash()? })
    }

    /// The last one, blanks and all.
    pub(crate) fn path(&mut self) -> Option<String> {
        path_of(std::mem::take(&mut self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for path in ["state.db", "stores/a b/segments/1.seg", "a%\n/ä\u{1}"] {
            assert_eq!(path_of(&escaped(path)).as_deref(), Some(path));
        }
        for bad in ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "./a", "%2e%2e/a", "%4", "%00"]
        {
            assert_eq!(path_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_is_whole_or_damaged() {
        let text = sealed("one\ntwo\n".into());
        assert_eq!(opened(text.as_bytes(), "it").unwrap(), "one\ntwo\n");
        for cut in 0..text.len() {
            assert!(opened(&text.as_bytes()[..cut], "it").is_err(), "{cut}");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(opened(&bytes, "it").is_err(), "{at}");
        }
    }
}
