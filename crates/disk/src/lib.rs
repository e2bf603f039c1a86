//! The only file writes of the product, the clock and the system's randomness.
//!
//! What it is not: a format. What is written where is the business of `store` and `state`.
//!
//! Rules:
//! - Every error names the path, and keeps its [`std::io::ErrorKind`].
//! - Files and directories that are made belong to their owner alone (0600, 0700): they are
//!   other people's mail.
//! - Nothing here syncs by itself: the caller knows what must be durable, and when.

mod clock;
mod encrypted_files;
mod file_system;
mod lock;
mod path_error;
mod real_disk;

pub use clock::{OsRandom, SystemClock};
pub use encrypted_files::{FileEncryption, file_encryption};
pub use file_system::{RefusedFileSystem, check_file_system, room};
pub use lock::{DataLock, LockError, LockErrorKind, Owner};
pub use real_disk::{RealDisk, append, remove_tree};
