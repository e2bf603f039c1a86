//! The lock of a data directory: one process owns it.
//!
//! `DATA/lock` is locked with flock(2), which ends with the process however it ends. What stands
//! in the file says who took it last; it is for people, and nothing is decided by it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ports::{Clock, Random};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;
use types::Timestamp;

use crate::path_error::at;

/// The most of a lock file that is read, in bytes.
const LOCK_BYTES_MAX: u64 = 4096;

/// The most of a command's text that is kept, in bytes.
const COMMAND_BYTES_MAX: usize = 1000;

/// Who owns a data directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owner {
    /// Random; a new one whenever the lock is taken. 32 hexadecimal digits.
    pub id: String,
    /// The process.
    pub pid: u32,
    /// Its command, without secrets.
    pub command: String,
    /// When it took the lock.
    pub since: Timestamp,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} (\"{}\", since {})", self.pid, self.command, self.since)
    }
}

impl Owner {
    fn to_text(&self) -> String {
        let Owner { id, pid, command, since } = self;
        format!("id {id}\npid {pid}\nsince {}\ncommand {command}\n", since.0)
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` when it is something else, or the
    /// owner is only just writing it.
    fn from_text(text: &str) -> Option<Owner> {
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|it| it.split_once(' '));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Some(Owner {
            id: field("id")?.to_owned(),
            pid: field("pid")?.parse().ok()?,
            since: Timestamp(field("since")?.parse().ok()?),
            command: field("command")?.to_owned(),
        })
    }
}

/// The data directory could not be taken.
#[derive(Debug, Error)]
pub struct LockError {
    kind: LockErrorKind,
    dir: PathBuf,
    #[source]
    cause: Option<io::Error>,
}

/// What the caller can do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LockErrorKind {
    /// Wait, or use the process that owns it.
    Owned {
        /// Who; `None` when it has not said so yet.
        owner: Option<Owner>,
    },
    /// Look at the cause: the lock file could not be made or locked.
    Io,
}

impl LockError {
    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> &LockErrorKind {
        &self.kind
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = self.dir.display();
        match &self.kind {
            LockErrorKind::Owned { owner: Some(owner) } => {
                write!(f, "the data directory {dir} is in use by {owner}")
            }
            LockErrorKind::Owned { owner: None } => {
                write!(f, "the data directory {dir} is in use by another process")
            }
            LockErrorKind::Io => write!(f, "failed to lock the data directory {dir}"),
        }
    }
}

/// Owns a data directory until it is dropped.
#[derive(Debug)]
pub struct DataLock {
    owner: Owner,
    /// Closing it releases the lock. The file stays: removing it would let two processes lock
    /// two files of one name.
    _file: File,
}

impl DataLock {
    /// Takes the data directory `dir`, which must exist, without waiting. `command` is shown to
    /// others; it holds no secrets.
    ///
    /// # Errors
    ///
    /// `Owned` when another process (or another lock of this one) has it, else `Io`.
    pub fn take(
        dir: &Path,
        command: &str,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<DataLock, LockError> {
        let failed = |kind, cause| LockError { kind, dir: dir.to_owned(), cause };
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options
            .open(&path)
            .map_err(|it| failed(LockErrorKind::Io, Some(at("open", &path)(it))))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(Errno::WOULDBLOCK) => {
                let owner = read_owner(&mut file);
                return Err(failed(LockErrorKind::Owned { owner }, None));
            }
            Err(errno) => return Err(failed(LockErrorKind::Io, Some(errno.into()))),
        }
        let mut id = [0; 16];
        random.fill(&mut id);
        let owner = Owner {
            id: id.iter().map(|it| format!("{it:02x}")).collect(),
            pid: std::process::id(),
            command: one_line(command),
            since: clock.now(),
        };
        let text = owner.to_text();
        file.set_len(0)
            .and_then(|()| file.write_all_at(text.as_bytes(), 0))
            .map_err(|it| failed(LockErrorKind::Io, Some(at("write", &path)(it))))?;
        Ok(DataLock { owner, _file: file })
    }

    /// This process, as others see it.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

fn read_owner(file: &mut File) -> Option<Owner> {
    let mut text = String::new();
    file.take(LOCK_BYTES_MAX).read_to_string(&mut text).ok()?;
    Owner::from_text(&text)
}

fn one_line(command: &str) -> String {
    let end = command.floor_char_boundary(COMMAND_BYTES_MAX);
    let kept = command.get(..end).unwrap_or_default();
    kept.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OsRandom, SystemClock};

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(1_795_284_100)
        }
    }

    fn take(dir: &Path, command: &str) -> Result<DataLock, LockError> {
        DataLock::take(dir, command, &Noon, &OsRandom)
    }

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path(), "posthold archive\nimap://x").unwrap();
        let error = take(dir.path(), "posthold import").unwrap_err();
        let LockErrorKind::Owned { owner: Some(owner) } = error.kind() else { panic!("{error}") };
        assert_eq!(owner, first.owner());
        let text = error.to_string().replace(&dir.path().display().to_string(), "DATA");
        let text = text.replace(&std::process::id().to_string(), "PID");
        expect_test::expect![[r#"the data directory DATA is in use by process PID ("posthold archive imap://x", since 2026-11-21T18:01:40Z)"#]].assert_eq(&text);
        drop(first);
        let third = take(dir.path(), "posthold import").unwrap();
        assert_ne!(third.owner().id, owner.id);
    }

    #[test]
    fn what_stands_in_the_file_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let stale = "id 0\npid 1\nsince 5\ncommand posthold serve\n".repeat(100);
        std::fs::write(dir.path().join("lock"), &stale).unwrap();
        let lock = take(dir.path(), "posthold verify").unwrap();
        let text = std::fs::read_to_string(dir.path().join("lock")).unwrap();
        assert_eq!(Owner::from_text(&text).as_ref(), Some(lock.owner()));
        assert!(!text.contains("serve"));
        std::fs::write(dir.path().join("lock"), b"\xff\xfe").unwrap();
        let error = take(dir.path(), "x").unwrap_err();
        assert_eq!(error.kind(), &LockErrorKind::Owned { owner: None });
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let error =
            DataLock::take(Path::new("/no/such"), "x", &SystemClock, &OsRandom).unwrap_err();
        assert_eq!(error.kind(), &LockErrorKind::Io);
    }
}
