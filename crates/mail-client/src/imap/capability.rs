//! What a server offers (RFC 9051 §7.2.2).

use std::collections::BTreeSet;

/// Capabilities, upper case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Takes the words of a CAPABILITY response.
    pub(crate) fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Capabilities {
        Capabilities(words.into_iter().map(str::to_ascii_uppercase).collect())
    }

    /// Whether `name`, upper case, is offered.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether it speaks IMAP4rev2 (RFC 9051) without the older one, so that names are UTF-8.
    pub(crate) fn is_rev2_only(&self) -> bool {
        self.has("IMAP4REV2") && !self.has("IMAP4REV1")
    }

    /// Whether LIST takes RETURN options (RFC 5258); IMAP4rev2 has them built in.
    pub(crate) fn has_list_extended(&self) -> bool {
        self.has("LIST-EXTENDED") || self.has("IMAP4REV2")
    }

    /// Whether LIST can return STATUS (RFC 5819).
    pub(crate) fn has_list_status(&self) -> bool {
        self.has_list_extended() && (self.has("LIST-STATUS") || self.has("IMAP4REV2"))
    }

    /// Whether LIST can be asked for special uses (RFC 6154).
    pub(crate) fn has_special_use(&self) -> bool {
        self.has_list_extended() && (self.has("SPECIAL-USE") || self.has("IMAP4REV2"))
    }

    /// Whether SEARCH takes RETURN options (RFC 4731).
    pub(crate) fn has_esearch(&self) -> bool {
        self.has("ESEARCH") || self.has("IMAP4REV2")
    }

    /// Whether mailboxes have modification sequences (RFC 7162); QRESYNC implies it.
    pub(crate) fn has_condstore(&self) -> bool {
        self.has("CONDSTORE") || self.has("QRESYNC")
    }

    /// Whether messages have labels (Gmail).
    pub(crate) fn has_labels(&self) -> bool {
        self.has("X-GM-EXT-1")
    }

    /// All of them, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
