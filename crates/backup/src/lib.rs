//! Backups of a data directory: made while it is written to, one behind the other, each whole.
//!
//! What it is not: a store. What must be copied, and up to where each file counts, is told by a
//! [`Source`]; what the bytes mean is the business of those who wrote them.
//!
//! ```text
//! DIR/posthold-backup        what this is; docs/format/backup.md
//! DIR/manifests/000003       one backup: its files, and the pieces they are made of
//! DIR/pieces/ab/cdef...      contents, up to 8 MiB each, named by their SHA-256
//! DIR/erased                 messages that must not come back
//! ```
//!
//! Rules:
//! - A backup exists once its manifest has its name; before that, every byte that it names is
//!   durable. Whatever else lies in the directory is no backup, and is used up or removed by the
//!   next one.
//! - Contents are read back by their hash, always. What does not match is reported, never used.
//! - A file is read again unless its first and last bytes, up to where it was copied, are the same.
//! - All positions in a backup are those of one moment of each log: a log that rewrote anything
//!   while it was copied is copied again.
//! - What was erased at the source after a backup was made is listed, and not brought back.

mod create;
mod erased;
mod error;
mod manifest;
mod purge;
mod repository;
mod restore;
mod source;
mod verify;
mod wire;

pub use create::{Created, Reread, create};
pub use erased::{ErasedMessage, Held, note_erased};
pub use error::{BackupError, BackupErrorKind};
pub use manifest::{FileKept, LogKept, Manifest};
pub use purge::{Purged, purge};
pub use repository::{Listed, Repository};
pub use restore::{Restored, UNFINISHED, finish, restore};
pub use source::{Content, LogState, Source, SourceFile};
pub use verify::{Defect, Verdict, verify};

/// Bytes of a piece; the last one of a file is shorter.
pub const PIECE_BYTES: usize = 8 << 20;

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Files that are done.
    pub files: u64,
    /// Bytes that are done.
    pub bytes: u64,
    /// Bytes that there are.
    pub bytes_total: u64,
}

/// Who watches, and may end it between two pieces.
pub trait Watch {
    /// Hears how far it is.
    fn step(&mut self, step: Step);

    /// Whether it should end.
    fn is_cancelled(&self) -> bool;
}

fn check_cancelled(watch: &dyn Watch) -> Result<(), BackupError> {
    if watch.is_cancelled() {
        return Err(BackupError::new(BackupErrorKind::Cancelled, "stopped as asked"));
    }
    Ok(())
}
