//! `alert ...` and `report ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use commands::{AlertChoice, AlertRequest, Failure, ReportForm, ReportRequest, Sending};

use super::WaitArgs;
use super::job::absolute;

/// What is done with alerts.
#[derive(Subcommand, Debug)]
pub(super) enum AlertCommand {
    /// Lists what a person should know; exit code 1 when something waits
    List {
        /// Those too that are over
        #[arg(long)]
        all: bool,
    },
    /// Shows an alert with its details
    Show {
        /// Its number
        id: u64,
    },
    /// Says that you know: it is told again only when it gets worse
    Acknowledge {
        /// Its number
        id: u64,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// What is reported.
#[derive(Subcommand, Debug)]
pub(super) enum ReportCommand {
    /// Shows what the last day brought: what was archived, what is not complete, what waits
    Daily {
        #[command(flatten)]
        output: OutputArgs,
        /// Send it too, to those whom `posthold mail set --daily-to` names
        #[arg(long)]
        send: bool,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// How a report is given.
#[derive(Args, Debug)]
pub(super) struct OutputArgs {
    /// How it is shown
    #[arg(long, default_value = "text")]
    format: FormArg,

    /// Write it to this file, in place of what is there
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum FormArg {
    Text,
    Json,
    /// One page that needs nothing else
    Html,
}

impl OutputArgs {
    fn form(&self) -> ReportForm {
        match self.format {
            FormArg::Text => ReportForm::Text,
            FormArg::Json => ReportForm::Json,
            FormArg::Html => ReportForm::Html,
        }
    }

    /// The request for the report of a run.
    pub(super) fn of_run(self, id: u64) -> Result<ReportRequest, Failure> {
        Ok(ReportRequest::Run { id, form: self.form(), to: self.to.map(absolute).transpose()? })
    }
}

impl AlertCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        matches!(self, AlertCommand::Acknowledge { wait: WaitArgs { wait: true }, .. })
    }

    /// The request.
    pub(super) fn request(&self) -> AlertRequest {
        match self {
            AlertCommand::List { all: false } => AlertRequest::List(AlertChoice::Open),
            AlertCommand::List { all: true } => AlertRequest::List(AlertChoice::All),
            AlertCommand::Show { id } => AlertRequest::Show(*id),
            AlertCommand::Acknowledge { id, .. } => AlertRequest::Acknowledge(*id),
        }
    }
}

impl ReportCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        let ReportCommand::Daily { wait, .. } = self;
        wait.wait
    }

    /// The request.
    pub(super) fn request(self) -> Result<ReportRequest, Failure> {
        let ReportCommand::Daily { output, send, .. } = self;
        let send = if send { Sending::Yes } else { Sending::No };
        let form = output.form();
        Ok(ReportRequest::Daily { form, to: output.to.map(absolute).transpose()?, send })
    }
}
