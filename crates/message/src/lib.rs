//! Mail as values: what a parser reads in the bytes of a message, and the text to find it by.
//!
//! What it is not: the truth. The bytes are; everything here can be made again from them.
//!
//! Rules: parsing never fails, never panics, never exceeds the limits of [`limits`]; what is wrong
//! with a message is a [`Defect`].

mod charset;
mod date;
mod defect;
mod delimiter;
mod entity;
mod fallback;
mod guard;
mod hash;
mod header;
mod html;
mod journal;
mod library;
pub mod limits;
mod params;
pub mod parts;
mod reading;
mod transfer;
mod vocabulary;
mod walk;
mod words;

use types::limits::PARSE_BYTES_MAX;
use types::{Address, Hash, Timestamp};

pub use date::parse_date;
pub use defect::Defect;
pub use hash::header_hash;
pub use header::{body_start, header_fields};
pub use journal::{
    Addressing, Journal, JournalDefect, JournalEnvelope, JournalKey, JournalRecipient,
    JournalReport, Via, journal, merge as merge_journal,
};

use defect::Defects;
use reading::Reading;

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

/// Reads a message. Never fails and never panics; what is wrong with the message is said beside
/// it, each defect once.
///
/// Of more than `PARSE_BYTES_MAX` bytes the rest is not looked at.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Message, Vec<Defect>) {
    parse_prefix(bytes, u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// Reads the first bytes of a message of `total_size` bytes, as far as they go.
///
/// The canonical hash of a part of a message groups it with nothing.
#[must_use]
pub fn parse_prefix(bytes: &[u8], total_size: u64) -> (Message, Vec<Defect>) {
    let bytes = bytes.get(..PARSE_BYTES_MAX).unwrap_or(bytes);
    let (mut message, mut defects) = guarded(bytes, read);
    message.header_hash = header_hash(bytes);
    message.canonical_hash = hash::canonical_hash(bytes, total_size);
    let is_prefix = u64::try_from(bytes.len()).is_ok_and(|it| it < total_size);
    defects.add_if(is_prefix, Defect::PartlyParsed);
    let mut defects = defects.into_sorted();
    // The end that is missing is only out of sight.
    defects.retain(|it| !is_prefix || *it != Defect::MultipartUnclosed);
    (message, defects)
}

/// Reads with `read`, or in the simple way when that panics.
fn guarded(bytes: &[u8], read: fn(&[u8]) -> (Message, Defects)) -> (Message, Defects) {
    guard::quietly(|| read(bytes)).unwrap_or_else(|| {
        let mut defects = Defects::default();
        defects.add(Defect::ParserPanicked);
        (guard::quietly(|| fallback::read(bytes)).unwrap_or_default(), defects)
    })
}

fn read(bytes: &[u8]) -> (Message, Defects) {
    let mut reading = Reading::default();
    let (end, body) = header::block_end(bytes, 0, |_| false);
    let (entity, start) = reading.root_header(bytes, end, body);
    walk::walk(&mut reading, bytes, start, entity, 0);
    reading.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_parser_panics_the_header_is_read_all_the_same() {
        let bytes = b"From: \"Bob B.\" <bob@example.org>\r\nTo: a@b, <c@d>\r\nSubject: =?utf-8?Q?x?=\r\n\
            Date: Tue, 4 Mar 2025 10:15:00 +0100\r\nMessage-ID: <id@example.org>\r\n\r\nbody\xff\r\n";
        let (message, defects) = guarded(bytes, |_| panic!("as a library might"));
        assert_eq!(defects.into_sorted(), [Defect::ParserPanicked]);
        let bob = Address { name: "Bob B.".into(), addr: "bob@example.org".into() };
        assert_eq!(message.from, [bob]);
        assert_eq!(message.to, [Address::bare("a@b"), Address::bare("c@d")]);
        assert_eq!(message.subject, "=?utf-8?Q?x?=");
        assert_eq!(message.message_id_header, "id@example.org");
        assert_eq!(message.date.map(|it| it.to_string()).as_deref(), Some("2025-03-04T09:15:00Z"));
        assert_eq!(message.text, "body\u{fffd}");
    }
}
