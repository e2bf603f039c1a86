//! Writes messages to files: the formats of an export.
//!
//! What it is not: durable by itself. Nothing is synced; an export can be made again.
//!
//! Rules: messages are written as a stream, in pieces of any size; one that cannot be finished
//! leaves nothing behind; a file has its name only when it is whole; folder names become directory
//! names without loss and without leaving the target directory.
//!
//! - **eml**: `FOLDER/ID.eml`, the exact bytes.
//! - **mbox**: `FOLDER.mbox`, mboxrd. Reading it with [`scan`](crate::scan()) gives the exact
//!   bytes: a last line without a line end gets one, and the separator line says so
//!   (`mboxrd-0@posthold.invalid` instead of `mboxrd-1@…`). Flags are not kept; to keep them
//!   would change messages.
//! - **maildir**: `FOLDER/{cur,new,tmp}`, nested as the folders are. Names are
//!   `ID,R=SECONDS:2,FLAGS`: they begin with the id, and say when the message was received.
//!   Keywords stand in `dovecot-keywords`.

mod dir_name;
mod eml;
mod maildir;
mod mbox;
mod quoter;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::Disk;
use types::{BlobId, Flags, FolderPath, Timestamp};

/// A format of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteFormat {
    /// A file for each message.
    Eml,
    /// A file for each folder, as mboxrd.
    Mbox,
    /// A directory for each folder.
    Maildir,
}

/// A message to be written, without its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'m> {
    /// Its id.
    pub id: BlobId,
    /// The folder that it is in.
    pub folder: &'m FolderPath,
    /// Its flags.
    pub flags: Flags,
    /// Its keywords.
    pub keywords: &'m [String],
    /// When it was received; without that, its date.
    pub received: Option<Timestamp>,
}

/// What could not be written as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// Keywords that the format has no place for.
    pub keywords: u64,
}

/// Writes messages, one after the other: [`begin`](Self::begin), any number of
/// [`write`](Self::write), then [`finish`](Self::finish) or [`cancel`](Self::cancel); at the end
/// [`close`](Self::close).
pub trait MailWriter: Send {
    /// The file that a message has to itself, there already or not; `None` where messages share
    /// a file. Whoever must not replace a file looks there first: [`finish`](Self::finish) does
    /// not.
    fn place(&mut self, message: &Outgoing<'_>) -> io::Result<Option<PathBuf>>;

    /// Begins a message. One that was not finished is cancelled.
    fn begin(&mut self, message: &Outgoing<'_>) -> io::Result<()>;

    /// Writes the next bytes of the message.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Ends the message; gives the file that it is in.
    fn finish(&mut self) -> io::Result<PathBuf>;

    /// Takes back what was written of the message.
    fn cancel(&mut self) -> io::Result<()>;

    /// Writes what belongs to all messages, and says what had no place.
    fn close(self: Box<Self>) -> io::Result<LeftOut>;
}

/// A writer of this format that writes below `dir`.
pub fn writer(format: WriteFormat, disk: Arc<dyn Disk>, dir: &Path) -> Box<dyn MailWriter> {
    let dir = dir.to_owned();
    match format {
        WriteFormat::Eml => Box::new(eml::EmlWriter::new(disk, dir)),
        WriteFormat::Mbox => Box::new(mbox::MboxWriter::new(disk, dir)),
        WriteFormat::Maildir => Box::new(maildir::MaildirWriter::new(disk, dir)),
    }
}

/// A call that the order of calls forbids.
fn no_message() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no message was begun")
}

#[cfg(test)]
mod tests;
