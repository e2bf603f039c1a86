//! Why a log does not open, and what had to be done to open it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use frames::{Flaw, ReadFlaw};
use ports::{LogError, LogErrorKind, ReadError, ReadErrorKind};
use types::Position;

/// What the caller can do about a log that does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// Put the store into the state `error`: bytes that were durable are missing or changed.
    /// Nothing was cut or repaired.
    Damaged,
    /// Put the store into the state `error`: the log ends before something that was recorded.
    /// It may be an older copy.
    Rollback,
    /// The log is long enough, but what is recorded is not a part of it. A view may be thrown
    /// away and rebuilt; when it is not a view, the log is another one.
    OtherHistory,
    /// Use a newer program: an older one cannot read this log.
    Unsupported,
    /// Bring the key that the log is encrypted with: it is not at hand.
    Key,
    /// Look at the cause: the disk or the file system failed.
    Io,
}

/// A log that does not open.
#[derive(Debug)]
pub struct OpenError {
    kind: OpenErrorKind,
    segment: Option<u32>,
    offset: Option<u64>,
    who: Option<&'static str>,
    what: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl OpenError {
    pub(super) fn new(kind: OpenErrorKind, what: impl Into<String>) -> OpenError {
        let what = what.into();
        OpenError { kind, segment: None, offset: None, who: None, what, source: None }
    }

    /// Wrong bytes in `segment`.
    pub(super) fn flaw(segment: u32, offset: u64, flaw: &Flaw) -> OpenError {
        let kind = match flaw {
            Flaw::UnknownKind(_) | Flaw::UnknownCodec(_) | Flaw::UnknownVersion(_) => {
                OpenErrorKind::Unsupported
            }
            _ => OpenErrorKind::Damaged,
        };
        OpenError::new(kind, flaw.to_string()).at(segment, offset)
    }

    /// Reading `segment` failed, or found wrong bytes.
    pub(super) fn read(segment: u32) -> impl FnOnce(ReadFlaw) -> OpenError {
        move |error| match error {
            ReadFlaw::Io(error) => OpenError::from(error),
            ReadFlaw::Flaw { offset, flaw } => OpenError::flaw(segment, offset, &flaw),
        }
    }

    pub(super) fn at(mut self, segment: u32, offset: u64) -> OpenError {
        self.segment = Some(segment);
        self.offset = Some(offset);
        self
    }

    /// Adds how it is known that the bytes are wrong.
    pub(super) fn because(mut self, reason: &str) -> OpenError {
        self.what = format!("{}; {reason}", self.what);
        self
    }

    /// Adds what led to it.
    pub(super) fn caused_by(mut self, cause: Box<dyn StdError + Send + Sync>) -> OpenError {
        self.source = Some(cause);
        self
    }

    /// A look-up in the log failed.
    pub(super) fn from_log(error: LogError) -> OpenError {
        let kind = match error.kind() {
            LogErrorKind::Damaged => OpenErrorKind::Damaged,
            _ => OpenErrorKind::Io,
        };
        let mut open = OpenError::new(kind, "failed to look for what was recorded");
        open.source = Some(Box::new(error));
        open
    }

    pub(super) fn recorded_by(mut self, who: &'static str) -> OpenError {
        self.who = Some(who);
        self
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> OpenErrorKind {
        self.kind
    }

    /// The number of the segment that is wrong, if one is.
    #[must_use]
    pub fn segment(&self) -> Option<u32> {
        self.segment
    }

    /// Where in the segment.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// Whose recorded position it is that the log does not have.
    #[must_use]
    pub fn who(&self) -> Option<&'static str> {
        self.who
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        let mut open = OpenError::new(OpenErrorKind::Io, "failed to read or write the log");
        open.source = Some(Box::new(error));
        open
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.segment, self.offset) {
            (Some(segment), Some(offset)) => {
                write!(f, "segment {segment}, offset {offset}: {}", self.what)
            }
            _ => f.write_str(&self.what),
        }
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|it| it as &(dyn StdError + 'static))
    }
}

/// What opening a log found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenReport {
    /// Where the log ends.
    pub position: Position,
    /// What recovery did, when the log did not end cleanly.
    pub recovery: Option<Recovery>,
    /// Tails that were set aside.
    pub torn: Vec<TornTail>,
}

/// What recovery did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// The segment that did not end cleanly. The log goes on in the next one.
    pub segment: u32,
    /// Whole batches that nobody had recorded; they were copied into the next segment.
    pub batches_kept: u64,
    /// Bytes behind the last whole batch: a batch that was never acknowledged.
    pub torn_bytes: u64,
}

/// Bytes behind the durable end of a segment, kept beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The file they are in now.
    pub name: String,
    /// The segment that they were in.
    pub segment: u32,
    /// Where they began.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// Reading a segment while the log is open failed.
pub(super) fn log_error(segment: u32) -> impl Fn(ReadFlaw) -> LogError {
    move |error| match error {
        ReadFlaw::Io(error) => io_error(error),
        ReadFlaw::Flaw { offset, flaw } => {
            let message = format!("segment {segment} is damaged at offset {offset}");
            LogError::new(LogErrorKind::Damaged, message).caused_by(flaw)
        }
    }
}

/// A call to the disk failed.
pub(super) fn io_error(error: io::Error) -> LogError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogErrorKind::DiskFull,
        _ => LogErrorKind::Io,
    };
    LogError::new(kind, "failed to read or write the log").caused_by(error)
}

/// The same for the reader of a blob.
pub(super) fn read_error(error: LogError) -> ReadError {
    let kind = match error.kind() {
        LogErrorKind::Damaged => ReadErrorKind::Damaged,
        _ => ReadErrorKind::Io,
    };
    ReadError::new(kind, "failed to look for the blob").caused_by(error)
}
