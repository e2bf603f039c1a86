//! Leaves of a query that the index cannot answer: folders, users, flags, ids.
//!
//! What it is not: the answer. The rules which folder or user is meant are here, pure; the
//! catalog applies them and hands back sets of messages.

use std::fmt;

use types::{BlobId, Flags};

use crate::fold::fold;
use crate::pattern::{Pattern, PatternChar};

/// What to ask the catalog.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CatalogTerm {
    /// `folder:`
    Folder(FolderPattern),
    /// `user:`
    User(NamePattern),
    /// `is:`. A message has a flag when one of its placements (that the asker may see) has it.
    Flag(FlagName),
    /// `id:`
    Id(IdPrefix),
    /// Messages that may hold words that were not read. Nobody writes it: it comes from
    /// [`crate::Query::bounds`].
    PartlyRead,
}

/// A flag to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlagName(pub Flags);

impl PartialOrd for FlagName {
    fn partial_cmp(&self, other: &FlagName) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FlagName {
    fn cmp(&self, other: &FlagName) -> std::cmp::Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

/// A name with wildcards; case and accents do not count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NamePattern(Pattern);

impl NamePattern {
    pub(crate) fn new(text: &str) -> NamePattern {
        let chars: Vec<PatternChar> = fold(text).chars().map(PatternChar::read).collect();
        NamePattern(Pattern::new(&chars, usize::MAX))
    }

    /// Whether this name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(&fold(name))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names folders by the end or the middle of their path.
///
/// `inbox` means every folder of that name and all below it; `projects/alpha` every `alpha` that
/// stands in a `projects`; a `/` in front fixes the first part to the root. Parts may have
/// wildcards, which stay within a part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FolderPattern {
    parts: Vec<NamePattern>,
    from_root: bool,
}

impl FolderPattern {
    /// `None` when no part is left between the slashes.
    pub(crate) fn new(text: &str) -> Option<FolderPattern> {
        let parts: Vec<NamePattern> =
            text.split('/').filter(|it| !it.is_empty()).map(NamePattern::new).collect();
        let from_root = text.starts_with('/');
        (!parts.is_empty()).then_some(FolderPattern { parts, from_root })
    }

    /// Whether the folder of this path ([`types::FolderPath::as_str`]) is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        let mut places = path.windows(self.parts.len());
        let fits = |place: &[&str]| self.parts.iter().zip(place).all(|(a, b)| a.matches(b));
        match self.from_root {
            true => places.next().is_some_and(fits),
            false => places.any(fits),
        }
    }
}

impl fmt::Display for FolderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(NamePattern::to_string).collect();
        write!(f, "{}{}", if self.from_root { "/" } else { "" }, parts.join("/"))
    }
}

/// The beginning of a message id: 8 to 64 hexadecimal digits, lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdPrefix(String);

/// The least digits that name a message.
pub const ID_DIGITS_MIN: usize = 8;

impl IdPrefix {
    /// Takes 8 to 64 hexadecimal digits.
    #[must_use]
    pub fn new(text: &str) -> Option<IdPrefix> {
        let digits = text.bytes().all(|it| it.is_ascii_hexdigit());
        let fits = (ID_DIGITS_MIN..=64).contains(&text.len());
        (digits && fits).then(|| IdPrefix(text.to_ascii_lowercase()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id, when all its digits are there.
    #[must_use]
    pub fn whole(&self) -> Option<BlobId> {
        self.0.parse().ok()
    }

    /// Whether this id is meant.
    #[must_use]
    pub fn matches(&self, id: &BlobId) -> bool {
        id.to_string().starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders() {
        let cases = [
            ("inbox", "alice/INBOX", true),
            ("inbox", "alice/INBOX/2026", true),
            ("inbox", "alice/Inbox old", false),
            ("projects/alpha", "alice/Work/Projects/Alpha/x", true),
            ("projects/alpha", "alice/Projects/beta/Alpha", false),
            ("/alice/inbox", "alice/INBOX", true),
            ("/inbox", "alice/INBOX", false),
            ("proj*", "alice/Projects", true),
            ("entwurfe", "alice/Entwürfe", true),
            ("a/b/c/d", "a/b", false),
            ("inbox/", "alice/INBOX", true),
        ];
        for (pattern, path, want) in cases {
            let it = FolderPattern::new(pattern).unwrap();
            assert_eq!(it.matches(path), want, "{pattern} {path}");
        }
        assert_eq!(FolderPattern::new("//"), None);
    }

    #[test]
    fn ids() {
        let id = BlobId::of(b"");
        for (text, want) in [("e3b0c442", true), ("E3B0C44298FC", true), ("e3b0c443", false)] {
            assert_eq!(IdPrefix::new(text).unwrap().matches(&id), want, "{text}");
        }
        for wrong in ["e3b0c44", "e3b0c44x", "", &"0".repeat(65)] {
            assert_eq!(IdPrefix::new(wrong), None, "{wrong}");
        }
        assert_eq!(IdPrefix::new(&id.to_string()).unwrap().whole(), Some(id));
        assert_eq!(IdPrefix::new("e3b0c442").unwrap().whole(), None);
    }
}
