//! Where messages of an import come from: files that are read once, front to back.
//!
//! What it is not: a [`Source`](crate::Source). Files keep no UIDs, no cursor and no counts of
//! their own; the reader says what it met, item by item, and every item is accounted for.
//!
//! The contract: calls block and belong on the blocking pool. A reader holds at most
//! `PARSE_BYTES_MAX` bytes of one message (and a few buffers), however large the files are. It
//! writes nothing, anywhere. The same files give the same items in the same order. After a fault
//! it goes on with what comes next; it never ends early without an item that says so.

use std::fmt;
use std::io;

use types::{Flags, Timestamp};

/// Reads messages from files, one after the other.
pub trait MailReader: Send {
    /// The next item; `None` when everything was read.
    ///
    /// What is left of a [`FileBody::Pieces`] that the caller did not read to its end is passed
    /// over.
    fn next(&mut self) -> Option<ReadItem>;

    /// The next bytes of the message that [`next`](Self::next) gave last, when its body is
    /// [`FileBody::Pieces`]: `CHUNK_BYTES` each, the last one shorter; then `None`.
    ///
    /// An error means that this message cannot be read: it counts as
    /// [`ReadItem::Unreadable`], whatever came before. No further pieces follow.
    fn piece(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// How far it is.
    fn progress(&self) -> ReadProgress;
}

/// What a [`MailReader`] met.
#[derive(Debug)]
pub enum ReadItem {
    /// A message.
    Message(Box<FileMessage>),
    /// Something that is or may hold a message, and that could not be read: one message for the
    /// quarantine.
    Unreadable {
        /// Which file.
        origin: Origin,
        /// The folder that it would have gone to.
        folder: FileFolder,
        /// What the disk said.
        cause: io::Error,
    },
    /// Where the files can be read in more than one way. The message that it is about is
    /// delivered all the same, before or after this; the report names it.
    Ambiguous {
        /// Where in which file.
        origin: Origin,
        /// What, and how it was read: lower case, without a full stop.
        what: &'static str,
    },
    /// A file that was passed over because it is known not to be mail, or not yet mail. It counts
    /// neither as read nor as quarantined; the report may name it.
    Skipped {
        /// Which file.
        origin: Origin,
        /// Why: lower case, without a full stop.
        why: &'static str,
    },
}

/// A message as a file held it.
#[derive(Debug)]
pub struct FileMessage {
    /// Where it stood.
    pub origin: Origin,
    /// `eml`, `maildir` or `mbox`: how it came, for its placement detail.
    pub transport: &'static str,
    /// The folder that it belongs in.
    pub folder: FileFolder,
    /// System flags, where the format keeps them.
    pub flags: Flags,
    /// Keywords, where the format keeps them.
    pub keywords: Vec<String>,
    /// When it was received, where the format says so (Maildir: the file's name or time; mbox:
    /// the `From ` line). A plain file says nothing: its time is that of the last copy.
    pub received: Option<Timestamp>,
    /// The bytes.
    pub body: FileBody,
}

/// The bytes of a message from a file.
#[derive(Debug)]
pub enum FileBody {
    /// All of them, at most `PARSE_BYTES_MAX`. May be empty: an empty message is a message.
    Whole(Vec<u8>),
    /// More than that: to be taken from [`MailReader::piece`].
    Pieces,
}

/// Where in which file something stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The path, beginning as it was given. Bytes that are not UTF-8 are written `\xNN`.
    pub path: String,
    /// For files that hold many messages: where this one begins, in bytes from the start.
    pub offset: Option<u64>,
}

/// `path`, or `path:offset`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            None => f.write_str(&self.path),
            Some(offset) => write!(f, "{}:{offset}", self.path),
        }
    }
}

/// The folder that files suggest for a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileFolder {
    /// What to call the top when the caller has no name for it: the name of an mbox file that
    /// was given itself. `None` where the files have no name for it either.
    pub top: Option<String>,
    /// The folders below what was given, decoded; empty for what was given itself.
    pub below: Vec<String>,
}

/// How far a reader is, in bytes of the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadProgress {
    /// Bytes behind it.
    pub bytes_done: u64,
    /// Bytes of everything that it was given, as the disk said at the start.
    pub bytes_total: u64,
}
