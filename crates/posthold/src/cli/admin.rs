//! `key ...` and `settings ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use commands::{KeyRequest, SettingsRequest};

use super::WaitArgs;

/// What is done with keys.
#[derive(Subcommand, Debug)]
pub(super) enum KeyCommand {
    /// Shows where the keys are and what each has sealed
    Status,
    /// Prints a new random key, for POSTHOLD_KEY or a key file; changes nothing
    New,
    /// Seals everything with a new key; in POSTHOLD_KEY the first key is the new one
    Rotate(WaitArgs),
    /// Prints the key in shares for paper, any few of which give it back; changes nothing
    Split(SplitArgs),
    /// Prints the key that shares give
    Join(JoinArgs),
    /// Prints the keys that checkpoints and proofs are checked with; keep a copy elsewhere, for
    /// `posthold-verify --key`
    Show,
}

/// How a key is split.
#[derive(Args, Debug)]
pub(super) struct SplitArgs {
    /// How many shares
    #[arg(long, value_name = "N")]
    shares: u8,
    /// How many of them give the key back
    #[arg(long, value_name = "K")]
    needed: u8,
}

/// Which shares are joined.
#[derive(Args, Debug)]
pub(super) struct JoinArgs {
    /// Files with shares as they were printed, one or several in each; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl KeyCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        matches!(self, KeyCommand::Rotate(WaitArgs { wait: true }))
    }

    /// The request.
    pub(super) fn request(self) -> KeyRequest {
        match self {
            KeyCommand::Status => KeyRequest::Status,
            KeyCommand::New => KeyRequest::New,
            KeyCommand::Rotate(_) => KeyRequest::Rotate,
            KeyCommand::Split(SplitArgs { shares, needed }) => KeyRequest::Split { shares, needed },
            KeyCommand::Join(JoinArgs { files }) => KeyRequest::Join(files),
            KeyCommand::Show => KeyRequest::Show,
        }
    }
}

/// What is done with settings.
#[derive(Subcommand, Debug)]
pub(super) enum SettingsCommand {
    /// Lists every setting with its value
    List,
    /// Shows one setting
    Get {
        /// Its name
        key: String,
    },
    /// Sets one setting
    Set(SetArgs),
    /// Prints settings, users, server profiles and jobs as a TOML file for `apply`; passwords are
    /// named, not shown
    Export,
    /// Lists connections that are not safe; exit code 1 when there are any
    Check,
}

/// What is set.
#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Its name
    key: String,
    /// Its value
    #[arg(required_unless_present = "default")]
    value: Option<String>,
    /// Go back to the default
    #[arg(long, conflicts_with = "value")]
    default: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

impl SettingsCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        matches!(self, SettingsCommand::Set(it) if it.wait.wait)
    }

    /// The request.
    pub(super) fn request(self) -> SettingsRequest {
        match self {
            SettingsCommand::List => SettingsRequest::List,
            SettingsCommand::Get { key } => SettingsRequest::Get(key),
            SettingsCommand::Set(it) => SettingsRequest::Set(it.key, it.value),
            SettingsCommand::Export => SettingsRequest::Export,
            SettingsCommand::Check => SettingsRequest::Check,
        }
    }
}
