//! Limits towards a server, each with its reason.

use std::time::Duration;

/// The text of one response without its literals, in bytes. A FETCH response has about 200.
pub(crate) const TEXT_BYTES_MAX: usize = 256 << 10;

/// The same for responses that list the messages of a mailbox: SEARCH names each by up to
/// eleven bytes, so this is enough for five million.
pub(crate) const LISTING_BYTES_MAX: usize = 56 << 20;

/// A literal that is not a message: a mailbox name, a label. Longer ones are passed over.
pub(crate) const LITERAL_BYTES_MAX: usize = 64 << 10;

/// The most literals in one response.
pub(crate) const LITERALS_MAX: usize = 64;

/// A header block, in bytes. A message with a longer one has no
/// [`HeaderItem`](ports::HeaderItem).
pub(crate) const HEADER_BYTES_MAX: usize = 4 << 20;

/// The largest message: IMAP4rev1 sizes have 32 bits (RFC 3501 §9, `number`).
pub(crate) const MESSAGE_BYTES_MAX: u64 = u32::MAX as u64;

/// Parentheses inside parentheses in one response.
pub(crate) const DEPTH_MAX: usize = 64;

/// Responses to one command, other than messages: enough to list all mailboxes with their state.
pub(crate) const IDLE_REPLIES_MAX: usize = 500_000;

/// Mailboxes of one account.
pub(crate) const MAILBOXES_MAX: usize = 200_000;

/// Messages of one mailbox.
pub(crate) const UIDS_MAX: usize = 20_000_000;

/// UIDs in one FETCH.
pub(crate) const FETCH_UIDS_MAX: usize = 256;

/// The UID set of one FETCH as text, in bytes: RFC 7162 §4 advises lines of 8192 bytes at
/// most, and old servers take 1000.
pub(crate) const FETCH_SET_BYTES_MAX: usize = 900;

/// FETCH commands in flight. One is being answered while the next is being received.
pub(crate) const FETCH_WINDOW: usize = 3;

/// LIST and STATUS commands in flight; all of them fit into the smallest socket buffer.
pub(crate) const LIST_WINDOW: usize = 32;

/// Pieces of a large message between us and the archiver.
pub(crate) const PIECES_AHEAD: usize = 2;

/// A literal may take one idle deadline and a second for each of these bytes.
pub(crate) const LITERAL_BYTES_PER_SECOND_MIN: u64 = 1024;

/// How long a polite goodbye may take.
pub(crate) const LOGOUT_MAX: Duration = Duration::from_secs(5);

/// The longest first line of AUTHENTICATE; a longer initial response is sent on its own line,
/// because servers cut command lines at different lengths.
pub(crate) const INITIAL_RESPONSE_BYTES_MAX: usize = 1500;

/// Warnings kept of one connection.
pub(crate) const WARNINGS_MAX: usize = 50;
