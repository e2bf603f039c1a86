//! The limits of the parser. What exceeds one is left out, and a defect says so.
//!
//! The bytes given to the parser and the text kept are limited by
//! [`types::limits::PARSE_BYTES_MAX`] and [`types::limits::INDEX_TEXT_BYTES_MAX`].

/// Bytes of one header block that are read for fields.
pub const HEADER_BYTES_MAX: usize = 1 << 20;

/// Bytes of one header field that are read.
pub const FIELD_BYTES_MAX: usize = 512 << 10;

/// Parts of a message, multiparts and nested messages counted like the others.
pub const PARTS_MAX: usize = 1_000;

/// How deep multiparts and messages may stand inside one another.
pub const NESTING_MAX: usize = 100;

/// How deep messages that are base64 or quoted-printable may stand inside one another. Each has
/// to be decoded before it can be read.
pub const ENCODED_NESTING_MAX: usize = 2;

/// Parameters of one `Content-Type` or `Content-Disposition` field.
pub const PARAMETERS_MAX: usize = 100;

/// Addresses kept of each of From, To, Cc and Bcc.
pub const ADDRESSES_MAX: usize = 10_000;

/// Message-IDs kept of `In-Reply-To` and `References`.
pub const REFERENCES_MAX: usize = 500;

/// Bytes kept of a subject.
pub const SUBJECT_BYTES_MAX: usize = 8 << 10;

/// Bytes kept of a Message-ID.
pub const MESSAGE_ID_BYTES_MAX: usize = 998;

/// Bytes kept of a name, an address or a file name.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Bytes of HTML that are turned into text, over all parts of a message.
pub const HTML_BYTES_MAX: usize = 4 << 20;

/// Bytes of the text part of a journal report that are read, before its transfer encoding is
/// undone.
pub const JOURNAL_TEXT_BYTES_MAX: usize = 8 << 20;
