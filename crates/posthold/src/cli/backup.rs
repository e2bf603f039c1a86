//! `backup ...` and `restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use commands::{BackupCreate, BackupKeys, BackupReading, BackupRequest, BackupRestore};

use super::writing::WriteArgs;

/// What is done with backups.
#[derive(Subcommand, Debug)]
pub(super) enum BackupCommand {
    /// Makes a backup of everything, also while mail is archived: what changed since the last one
    /// is copied
    Create(CreateArgs),
    /// Lists the backups in a directory
    List(DirArgs),
    /// Reads backups again and checks every byte; lists what they hold that was erased since
    Verify(VerifyArgs),
    /// Removes backups that hold what was erased since; never the newest one
    Purge(PurgeArgs),
}

/// What is made.
#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    /// The directory of backups; made when missing
    dir: PathBuf,

    /// Read everything again, not only what changed, and write anew what is damaged in the
    /// directory of backups
    #[arg(long)]
    full: bool,

    /// Also copy secret.key, which opens the saved passwords; without it a restored data directory
    /// needs the key from elsewhere
    #[arg(long)]
    with_secret_key: bool,

    #[command(flatten)]
    write: WriteArgs,
}

/// Where backups are.
#[derive(Args, Debug)]
pub(super) struct DirArgs {
    /// The directory of backups
    dir: PathBuf,
}

/// What is checked.
#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The directory of backups
    dir: PathBuf,

    /// Only this one
    #[arg(long, value_name = "NUMBER")]
    backup: Option<u32>,
}

/// What is removed.
#[derive(Args, Debug)]
pub(super) struct PurgeArgs {
    /// The directory of backups
    dir: PathBuf,

    /// Also remove those before the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

/// What is brought back.
#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// The directory of backups
    from: PathBuf,

    /// The data directory to make; empty, or not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Which backup [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    backup: Option<u32>,
}

impl BackupCommand {
    /// What it was told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            BackupCommand::Create(args) => Some(&args.write),
            _ => None,
        }
    }

    /// The request.
    pub(super) fn request(self) -> BackupRequest {
        match self {
            BackupCommand::Create(args) => BackupRequest::Create(BackupCreate {
                dir: args.dir,
                reading: match args.full {
                    true => BackupReading::Everything,
                    false => BackupReading::Changed,
                },
                keys: match args.with_secret_key {
                    true => BackupKeys::With,
                    false => BackupKeys::Without,
                },
            }),
            BackupCommand::List(args) => BackupRequest::List(args.dir),
            BackupCommand::Verify(args) => BackupRequest::Verify(args.dir, args.backup),
            BackupCommand::Purge(args) => BackupRequest::Purge(args.dir, args.keep),
        }
    }
}

impl RestoreArgs {
    /// The request.
    pub(super) fn request(self) -> BackupRequest {
        let RestoreArgs { from, to, backup } = self;
        BackupRequest::Restore(BackupRestore { from, number: backup, to })
    }
}
