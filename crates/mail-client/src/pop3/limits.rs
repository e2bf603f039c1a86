//! Limits towards a POP3 server, each with its reason.

use std::time::Duration;

/// Capabilities of one server.
pub(crate) const CAPABILITIES_MAX: usize = 1_000;

/// Messages of one mailbox.
pub(crate) const MESSAGES_MAX: usize = 5_000_000;

/// A header block, in bytes. A message with a longer one has no
/// [`HeaderItem`](ports::HeaderItem).
pub(crate) const HEADER_BYTES_MAX: usize = 4 << 20;

/// The largest message. Nothing announces where one ends, so that a server could send for ever.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 8 << 30;

/// Commands in flight at a server that takes more than one (RFC 2449 §6.6). All of them fit into
/// the smallest socket buffer.
pub(crate) const WINDOW: usize = 32;

/// Bytes that a message is expected to have when the server does not say.
pub(crate) const SIZE_GUESS: usize = 64 << 10;

/// Pieces of a large message between us and the archiver.
pub(crate) const PIECES_AHEAD: usize = 2;

/// A message may take one idle deadline and a second for each of these bytes.
pub(crate) const BYTES_PER_SECOND_MIN: u64 = 1024;

/// Messages whose announced sizes were looked at, before the others' are believed.
pub(crate) const SIZES_MIN: u64 = 8;

/// Prompts in one login.
pub(crate) const PROMPTS_MAX: usize = 20;

/// How long a polite goodbye may take.
pub(crate) const QUIT_MAX: Duration = Duration::from_secs(5);

/// Warnings kept of one connection.
pub(crate) const WARNINGS_MAX: usize = 50;
