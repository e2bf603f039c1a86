//! `quarantine ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use commands::{
    Failure, FailureKind, QuarantineAccept, QuarantineExport, QuarantineId, QuarantineRequest,
    Request,
};

use super::writing::WriteArgs;
use super::{name_of, user_name};

/// What is done about messages that could not be taken.
#[derive(Subcommand, Debug)]
pub(super) enum QuarantineCommand {
    /// Lists the messages that could not be taken
    List {
        /// Only those that would go to the archive of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Shows why a message lies there, and what became of it
    Show {
        /// Its id, as `quarantine list` shows it
        id: String,
    },
    /// Tries a message again now, by a run of its job
    Retry(RetryArgs),
    /// Writes what the server gives of a message to a file, whole or not
    Export(ExportArgs),
    /// Takes note that a message cannot be had: runs are complete without it
    Accept(AcceptArgs),
}

/// Which message is tried.
#[derive(Args, Debug)]
pub(super) struct RetryArgs {
    /// Its id, as `quarantine list` shows it
    id: String,

    #[command(flatten)]
    write: WriteArgs,
}

/// Which message is written, and whither.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Its id, as `quarantine list` shows it
    id: String,

    /// The file, which must not be there
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Which message is given up.
#[derive(Args, Debug)]
pub(super) struct AcceptArgs {
    /// Its id, as `quarantine list` shows it
    id: String,

    /// Why it cannot be had
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Who takes note [default: who runs the command]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

impl QuarantineCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            QuarantineCommand::Retry(it) => Some(&it.write),
            QuarantineCommand::Accept(it) => Some(&it.write),
            _ => None,
        }
    }

    /// The request. `person` is who runs the command.
    pub(super) fn request(self, person: impl Fn() -> String) -> Result<Request, Failure> {
        Ok(Request::Quarantine(match self {
            QuarantineCommand::List { user } => {
                QuarantineRequest::List(user.map(|it| user_name(&it)).transpose()?)
            }
            QuarantineCommand::Show { id } => QuarantineRequest::Show(read(&id)?),
            QuarantineCommand::Retry(it) => QuarantineRequest::Retry(read(&it.id)?),
            QuarantineCommand::Export(it) => {
                QuarantineRequest::Export(QuarantineExport { id: read(&it.id)?, to: it.to })
            }
            QuarantineCommand::Accept(it) => QuarantineRequest::Accept(QuarantineAccept {
                id: read(&it.id)?,
                by: name_of("--by", it.by.unwrap_or_else(person))?,
                reason: name_of("--reason", it.reason)?,
            }),
        }))
    }
}

fn read(id: &str) -> Result<QuarantineId, Failure> {
    id.parse().map_err(|message| {
        Failure::new(FailureKind::Request, message)
            .with_hint("`posthold quarantine list` shows the ids.")
    })
}
