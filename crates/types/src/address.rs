//! Mail addresses as headers carry them.

use std::fmt;

/// An address with its display name, decoded, as a header gave it (RFC 5322 §3.4).
///
/// Either part may be empty; neither is validated: hostile mail is data.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Address {
    /// Display name, decoded (RFC 2047), or empty.
    pub name: String,
    /// `local@domain` as written, or whatever stood there.
    pub addr: String,
}

impl Address {
    /// An address without a display name.
    pub fn bare(addr: impl Into<String>) -> Address {
        Address { name: String::new(), addr: addr.into() }
    }

    /// The form for comparing: trimmed and lower case.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.addr.trim().to_lowercase()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.is_empty(), self.addr.is_empty()) {
            (true, _) => f.write_str(&self.addr),
            (false, true) => f.write_str(&self.name),
            (false, false) => write!(f, "{} <{}>", self.name, self.addr),
        }
    }
}
