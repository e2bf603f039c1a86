//! The limits of reading files. The sizes of messages and their pieces are limited by
//! [`types::limits`].

/// Names of one directory that are held at once to be sorted. More are handed out in runs.
pub const NAMES_HELD_MAX: usize = 100_000;

/// How deep directories are followed.
pub const DIR_DEPTH_MAX: usize = 100;

/// The longest separator line of an mbox, in bytes.
pub const FROM_LINE_BYTES_MAX: usize = 1_024;

/// Bytes of a header in an mbox that are searched for its length and its flags.
pub const MBOX_HEADER_BYTES_MAX: usize = 64 << 10;

/// Bytes read from a file at a time.
pub const READ_BYTES: usize = 256 << 10;

/// Different keywords of one Maildir folder: the letters a to z.
pub const MAILDIR_KEYWORDS_MAX: usize = 26;
