//! What is copied: told by whoever knows the data directory.

use std::io;
use std::path::PathBuf;

use types::Position;

use crate::erased::ErasedMessage;

/// How a file may change between two backups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// It only grows at its end, or is made anew with another beginning.
    Grows,
    /// It may be another one each time, and is read whole.
    Changes,
}

/// A file to be copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// Its place in the data directory, parts joined by `/`.
    pub path: String,
    /// Where to read it.
    pub from: PathBuf,
    /// How many of its bytes count.
    pub len: u64,
    /// How it may change.
    pub content: Content,
    /// Bytes that it has since it was made, and that one made anew in its place has not: that is
    /// how a file is recognised that changed behind the moment that is copied. May be empty.
    pub mark: Vec<u8>,
    /// Where these are.
    pub mark_at: u64,
}

/// A log, as it is at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogState {
    /// Its place in the data directory.
    pub path: String,
    /// What tells it from every other log.
    pub id: String,
    /// Where it ends.
    pub position: Position,
    /// Which of its histories this is.
    pub epoch: u64,
    /// Erasures below this entry have left its files.
    pub purged: u64,
    /// Its files. Each is there as long as the moment lasts: one that is gone or changed when it
    /// is read was made anew, and the log is asked again.
    pub files: Vec<SourceFile>,
}

/// A data directory that is copied while it is in use.
pub trait Source {
    /// Every log, as it is now.
    fn logs(&mut self) -> io::Result<Vec<LogState>>;

    /// All that is no log, as it is now: asked once, behind the logs. `room` is a directory for
    /// copies that have to be made first; it is removed afterwards.
    fn others(&mut self, room: &std::path::Path) -> io::Result<Vec<SourceFile>>;

    /// Messages of the log `id` whose erasure stands in it at entry `from` or later.
    fn erased(&mut self, id: &str, from: u64) -> io::Result<Vec<ErasedMessage>>;
}
