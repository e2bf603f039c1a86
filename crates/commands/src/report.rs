//! What is kept of a run, and the reports that are made of it.

use std::path::PathBuf;

use types::{Timestamp, UserName};

use crate::admin::Insecure;
use crate::answer::{MailboxCounts, RunOutcome};
use crate::failure::FailureKind;
use crate::run::RunShown;

/// What is kept of one account of a run besides its sums.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepDetails {
    /// Removed or moved at the source.
    pub removed: u64,
    /// How the account failed as a whole, when it did.
    pub failure: Option<FailureKind>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
    /// Connections that were not safe.
    pub insecure: Vec<Insecure>,
    /// Mailbox by mailbox.
    pub mailboxes: Vec<MailboxCounts>,
    /// When the account was last proven complete, this run included.
    pub complete_at: Option<Timestamp>,
}

/// A run with everything that is kept of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunReport {
    /// The run and its steps.
    pub run: RunShown,
    /// The details of each step, in the same order.
    pub details: Vec<StepDetails>,
}

impl MailboxCounts {
    /// Messages that the source says it holds and nobody accounts for.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let known = [self.archived, self.already, self.excluded, self.quarantined];
        self.server_count.saturating_sub(known.iter().fold(0, |sum, it| sum.saturating_add(*it)))
    }
}

impl StepDetails {
    /// Messages of all mailboxes that nobody accounts for.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.mailboxes.iter().map(MailboxCounts::missing).sum()
    }
}

/// Which runs are listed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunFilter {
    /// Those of this job.
    pub job: Option<String>,
    /// Those that began then or later.
    pub since: Option<Timestamp>,
    /// Those that ended like this.
    pub outcome: Option<RunOutcome>,
    /// Those into the archive of this user.
    pub user: Option<UserName>,
}

/// How a report is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReportForm {
    /// For a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
    /// A page that needs nothing else.
    Html,
}

/// What can be asked of reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportRequest {
    /// The report of one run.
    Run {
        /// Its number.
        id: u64,
        /// How it is shown.
        form: ReportForm,
        /// The file that it is written to; `None` answers it.
        to: Option<PathBuf>,
    },
    /// The daily report.
    Daily {
        /// How it is shown.
        form: ReportForm,
        /// The file that it is written to; `None` answers it.
        to: Option<PathBuf>,
        /// Whether it is sent to those who get it.
        send: Sending,
    },
}

/// Whether something is sent by mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sending {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes,
}

impl ReportRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ReportRequest::Run { .. } => "run report",
            ReportRequest::Daily { .. } => "report daily",
        }
    }
}
