//! Mail in files: EML files and trees of them, Maildir, mbox. Read for imports, written for
//! exports.
//!
//! What it is not: a judge. It says what it met, file by file, and what could be read in another
//! way; what becomes of it is decided by the engine that drives it.
//!
//! Rules: reading writes nothing; memory is bounded whatever the files are; the exact bytes of a
//! message come out, and what is known not to be one of its bytes (separators, quoting) does
//! not; a file that cannot be read is an item like any other; every file is accounted for.

mod dirs;
pub mod limits;
mod maildir;
mod mbox;
mod names;
mod scan;
mod window;
pub mod write;

pub use mbox::{Mbox, MboxMessage, MboxVariant, Notice, is_mbox};
pub use scan::{MailFiles, ScanOptions, scan};
pub use window::ReadAt;
