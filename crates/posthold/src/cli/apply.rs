//! `apply`.

use std::path::PathBuf;

use clap::Args;
use commands::{Apply, ApplyMode, Request, Unnamed};

use super::WaitArgs;

/// The whole configuration as a file.
#[derive(Args, Debug)]
pub(super) struct ApplyArgs {
    /// The file, as `posthold settings export` writes it
    file: PathBuf,

    /// Only show what it would change
    #[arg(long)]
    plan: bool,

    /// Remove jobs, server profiles, anchors and retention policies that the file does not name,
    /// deactivate users, and set settings back to their defaults; archives stay
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

impl ApplyArgs {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        self.wait.wait
    }

    /// The request.
    pub(super) fn request(self) -> Request {
        Request::Apply(Apply {
            file: self.file,
            mode: if self.plan { ApplyMode::Plan } else { ApplyMode::Apply },
            unnamed: if self.prune { Unnamed::Goes } else { Unnamed::Stays },
        })
    }
}
