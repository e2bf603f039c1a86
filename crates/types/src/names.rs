//! Names of users, of our folders, and of other people's mailboxes.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// What a name must be and is not.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{what} {why}: {text:?}")]
pub struct NameError {
    what: &'static str,
    why: &'static str,
    text: String,
}

fn name_error(what: &'static str, why: &'static str, text: &str) -> NameError {
    NameError { what, why, text: text.chars().take(80).collect() }
}

/// The name of a user of Posthold: 1 to 255 bytes, no control characters, no `/`, not trimmed
/// away. Compared as written after NFC.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UserName(String);

impl UserName {
    /// The name of the archive for mail that belongs to nobody. It is no user.
    pub const CATCH_ALL: &str = "@catchall";

    /// What is told in place of a user where mail is sorted into the archives of many.
    pub const MANY: &str = "@many";

    /// The same as a name.
    #[must_use]
    pub fn many() -> UserName {
        UserName(UserName::MANY.to_owned())
    }

    /// [`CATCH_ALL`](Self::CATCH_ALL) as a name, for the details of its folders.
    #[must_use]
    pub fn catch_all() -> UserName {
        UserName(UserName::CATCH_ALL.to_owned())
    }

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<UserName, NameError> {
        let wrong = |why| Err(name_error("a user name", why, text));
        if text.is_empty() || text.len() > 255 {
            return wrong("has 1 to 255 bytes");
        }
        if text.trim() != text {
            return wrong("neither begins nor ends with a space");
        }
        if text.chars().any(|it| it.is_control() || it == '/') {
            return wrong("has no control characters and no slash");
        }
        Ok(UserName(text.nfc().collect()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of a folder in an archive: parts joined by `/`, from the root down.
///
/// Parts are shown as received and compared in NFC; a `/` inside a remote name is `%2F` (and a
/// `%` that would be misread is `%25`). The first part is the root that a job writes to.
#[derive(Clone, Debug)]
pub struct FolderPath(String);

impl FolderPath {
    /// Joins parts as a server named them; each is escaped. Empty parts are kept as `%`, so
    /// that no two different lists of parts give the same path.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> FolderPath {
        let escaped: Vec<String> = parts.into_iter().map(escape_part).collect();
        FolderPath(escaped.join("/"))
    }

    /// Takes a path as [`as_str`](Self::as_str) gave it.
    #[must_use]
    pub fn from_stored(path: String) -> FolderPath {
        FolderPath(path)
    }

    /// This folder's child, named `part` by a server.
    #[must_use]
    pub fn child(&self, part: &str) -> FolderPath {
        FolderPath(format!("{}/{}", self.0, escape_part(part)))
    }

    /// The path, escaped, parts joined by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first part.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The form in which two paths are the same folder: NFC.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.nfc().collect()
    }
}

fn escape_part(part: &str) -> String {
    if part.is_empty() {
        return "%".into();
    }
    part.replace('%', "%25").replace('/', "%2F")
}

impl PartialEq for FolderPath {
    fn eq(&self, other: &FolderPath) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for FolderPath {}

impl PartialOrd for FolderPath {
    fn partial_cmp(&self, other: &FolderPath) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FolderPath {
    fn cmp(&self, other: &FolderPath) -> Ordering {
        self.0.nfc().cmp(other.0.nfc())
    }
}

impl Hash for FolderPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mailbox at a remote account, spelled as the server spells it.
///
/// The raw bytes are the key; the parts are what people read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName {
    /// The name as the server sent it, byte for byte.
    pub raw: Vec<u8>,
    /// The name cut at the server's hierarchy separator and decoded for showing.
    pub parts: Vec<String>,
}

impl MailboxName {
    /// A mailbox of a flat or path-like source whose names are plain text.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> MailboxName {
        let parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
        MailboxName { raw: parts.join("/").into_bytes(), parts }
    }

    /// The decoded parts joined by `/`, from the mailbox root: what folder rules match.
    #[must_use]
    pub fn path(&self) -> String {
        FolderPath::from_parts(self.parts.iter().map(String::as_str)).as_str().to_owned()
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailboxName({})", self.raw.escape_ascii())
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_escape_without_loss() {
        let cases: [(&[&str], &str); 5] = [
            (&["alice@example.org", "INBOX"], "alice@example.org/INBOX"),
            (&["a/b", "c"], "a%2Fb/c"),
            (&["a%2Fb"], "a%252Fb"),
            (&["", "x"], "%/x"),
            (&["100%"], "100%25"),
        ];
        for (parts, want) in cases {
            assert_eq!(FolderPath::from_parts(parts.iter().copied()).as_str(), want);
        }
    }

    #[test]
    fn nfc_and_nfd_are_one_folder() {
        let nfc = FolderPath::from_parts(["Entw\u{fc}rfe"]);
        let nfd = FolderPath::from_parts(["Entwu\u{308}rfe"]);
        assert_eq!(nfc, nfd);
        assert_ne!(nfc.as_str(), nfd.as_str(), "shown as received");
    }

    #[test]
    fn user_names() {
        for good in ["alice", "alice@example.org", "Ünal Öz"] {
            assert!(UserName::new(good).is_ok(), "{good}");
        }
        for bad in ["", " alice", "a/b", "a\nb", &"x".repeat(256)] {
            assert!(UserName::new(bad).is_err(), "{bad}");
        }
    }
}
