//! Message flags (RFC 9051 §2.3.2).

use std::fmt;

/// System flags as bits; keywords are text and stand in a placement's detail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// `\Seen`
    pub const SEEN: Flags = Flags(1);
    /// `\Answered`
    pub const ANSWERED: Flags = Flags(1 << 1);
    /// `\Flagged`
    pub const FLAGGED: Flags = Flags(1 << 2);
    /// `\Deleted`
    pub const DELETED: Flags = Flags(1 << 3);
    /// `\Draft`
    pub const DRAFT: Flags = Flags(1 << 4);
    /// `$Forwarded` (RFC 5788), Maildir's `P`.
    pub const FORWARDED: Flags = Flags(1 << 5);

    const NAMES: [(Flags, &'static str); 6] = [
        (Flags::SEEN, "seen"),
        (Flags::ANSWERED, "answered"),
        (Flags::FLAGGED, "flagged"),
        (Flags::DELETED, "deleted"),
        (Flags::DRAFT, "draft"),
        (Flags::FORWARDED, "forwarded"),
    ];

    /// Whether every flag of `other` is set here.
    #[must_use]
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// The flag that a search names `is:NAME`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Flags> {
        Flags::NAMES.iter().find(|(_, it)| *it == name).map(|(flag, _)| *flag)
    }

    /// The flag for an IMAP flag such as `\Seen`, in any case; `None` for a keyword.
    #[must_use]
    pub fn from_imap(flag: &str) -> Option<Flags> {
        let name = flag.strip_prefix(['\\', '$'])?.to_ascii_lowercase();
        let found = Flags::from_name(&name)?;
        let dollar = flag.starts_with('$');
        (dollar == (found == Flags::FORWARDED)).then_some(found)
    }

    /// The names of the set flags, in bit order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imap_names_map_to_flags() {
        let cases = [
            ("\\Seen", Some(Flags::SEEN)),
            ("\\FLAGGED", Some(Flags::FLAGGED)),
            ("$Forwarded", Some(Flags::FORWARDED)),
            ("\\Recent", None),
            ("$Junk", None),
            ("Seen", None),
            ("$seen", None),
        ];
        for (text, want) in cases {
            assert_eq!(Flags::from_imap(text), want, "{text}");
        }
        assert_eq!(format!("{:?}", Flags::SEEN.with(Flags::DRAFT)), r#"{"seen", "draft"}"#);
    }
}
