//! Backups: made, listed, checked, removed, brought back.

use std::path::PathBuf;

use types::Timestamp;

/// What can be asked about backups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackupRequest {
    /// Make one.
    Create(BackupCreate),
    /// List those in a directory.
    List(PathBuf),
    /// Read those in a directory again, or the one of this number.
    Verify(PathBuf, Option<u32>),
    /// Remove those that hold what was erased since, and with a number those before the newest so
    /// many.
    Purge(PathBuf, Option<u32>),
    /// Bring one back.
    Restore(BackupRestore),
}

impl BackupRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            BackupRequest::Create(_) => "backup create",
            BackupRequest::List(_) => "backup list",
            BackupRequest::Verify(..) => "backup verify",
            BackupRequest::Purge(..) => "backup purge",
            BackupRequest::Restore(_) => "restore",
        }
    }
}

/// Make a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupCreate {
    /// The directory of backups; made when missing.
    pub dir: PathBuf,
    /// Which files are read.
    pub reading: BackupReading,
    /// Whether the keys that secrets are sealed with are in it.
    pub keys: BackupKeys,
}

/// Which files are read for a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BackupReading {
    /// Those that changed since the one before.
    #[default]
    Changed,
    /// All, and what is damaged in the directory of backups is written anew.
    Everything,
}

/// Whether the keys that secrets are sealed with are in a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BackupKeys {
    /// They are kept elsewhere.
    #[default]
    Without,
    /// They are.
    With,
}

/// Bring a backup back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupRestore {
    /// The directory of backups.
    pub from: PathBuf,
    /// The number of the backup; `None` is the newest.
    pub number: Option<u32>,
    /// The data directory to make: empty, or not there.
    pub to: PathBuf,
}

/// A backup, as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupShown {
    /// Its number.
    pub number: u32,
    /// When it was begun.
    pub made: Option<Timestamp>,
    /// Its logs, with how many entries each has.
    pub logs: Vec<(String, u64)>,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that it holds and that were erased since.
    pub erased: u64,
    /// Why it cannot be used, if it cannot.
    pub failure: Option<String>,
}

/// A backup was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupCreated {
    /// As lists show it.
    pub backup: BackupShown,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Bytes that were written.
    pub bytes_written: u64,
    /// Whether every store is in it; the warnings say which are not.
    pub is_whole: bool,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// Backups were checked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BackupVerified {
    /// How many.
    pub backups: u64,
    /// Bytes that were read and hashed.
    pub bytes: u64,
    /// What is wrong.
    pub defects: Vec<BackupDefect>,
    /// Messages that backups hold and that were erased since: number of the backup, id of the
    /// message, when it was erased.
    pub erased: Vec<(u32, types::BlobId, Timestamp)>,
}

/// What is wrong with a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupDefect {
    /// The number of the backup.
    pub number: u32,
    /// The file in it; empty: the backup itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// Backups were removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BackupPurged {
    /// Their numbers.
    pub removed: Vec<u32>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A backup was brought back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The data directory.
    pub to: PathBuf,
    /// As lists show it.
    pub backup: BackupShown,
    /// Stores, with the epoch that each begins.
    pub epochs: Vec<(String, u64)>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A store goes on from an older state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RollbackAccepted {
    /// The store.
    pub store: String,
    /// The epoch that it begins.
    pub epoch: u64,
    /// Entries that its log has.
    pub entries: u64,
    /// Entries that it was known to have.
    pub entries_lost: u64,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// What is answered about backups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackupAnswer {
    /// Of `backup create`.
    Created(BackupCreated),
    /// Of `backup list`.
    Listed(Vec<BackupShown>),
    /// Of `backup verify`.
    Verified(BackupVerified),
    /// Of `backup purge`.
    Purged(BackupPurged),
    /// Of `restore`.
    Restored(Restored),
    /// Of `store accept-rollback`.
    Accepted(RollbackAccepted),
}

impl BackupAnswer {
    /// Whether it found nothing that should be otherwise.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        match self {
            BackupAnswer::Created(it) => it.is_whole,
            BackupAnswer::Listed(list) => list.iter().all(|it| it.failure.is_none()),
            BackupAnswer::Verified(it) => it.defects.is_empty() && it.erased.is_empty(),
            _ => true,
        }
    }
}
