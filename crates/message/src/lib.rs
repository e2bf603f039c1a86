//! Mail as values: what a parser reads in the bytes of a message, and the text to find it by.
//!
//! What it is not: the truth. The bytes are; everything here can be made again from them.
//!
//! Rules: parsing never fails, never panics, never exceeds the limits of `limits`; what is wrong
//! with a message is a [`Defect`].

use types::{Address, Hash, Timestamp};

/// Counts up whenever the same bytes may give another [`Message`].
pub const PARSER_VERSION: u32 = 1;

/// What the parser read in a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// From (or Sender).
    pub from: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc, where the header is there.
    pub bcc: Vec<Address>,
    /// Subject, decoded.
    pub subject: String,
    /// The `Message-ID` header without angle brackets; it never decides identity.
    pub message_id_header: String,
    /// `In-Reply-To` and `References`, oldest first, without repeats.
    pub references: Vec<String>,
    /// The date by the ladder Date, topmost Received. INTERNALDATE comes after these.
    pub date: Option<Timestamp>,
    /// SHA-256 of the header block as received, up to and without the empty line.
    pub header_hash: Hash,
    /// SHA-256 with line ends normalised and transport headers left out.
    pub canonical_hash: Hash,
    /// Attachments and other named parts.
    pub parts: Vec<Part>,
    /// Text for the index: text parts, then HTML parts as text, shortened to the limit.
    pub text: String,
}

/// One part of a message that has a name or is an attachment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// File name, decoded, or empty.
    pub name: String,
    /// `type/subtype`, lower case.
    pub media_type: String,
    /// Decoded size in bytes.
    pub size: u64,
    /// Whether it counts as an attachment (against an inline picture or a named text body).
    pub attachment: bool,
}
