//! Jobs: saved definitions of what is archived.

mod change;
mod source;

use types::UserName;

pub use change::{JobChange, SourceChange};
pub use source::{
    BatchAccounts, FileMapping, FileTrees, JobKind, JobSource, MasterLogin, SMTP_SIZE_MAX_DEFAULT,
    SharedMailbox, SingleMailbox, SmtpAccess, SmtpReception, SmtpRecipients, SortBy, SortingRules,
    UnclaimedMail,
};

use crate::profile::Switch;
use crate::report::RunFilter;
use crate::request::FolderChoice;
use crate::run::RunShown;

/// Connections of a job to one account when it does not say.
pub const JOB_CONNECTIONS_DEFAULT: u16 = 3;

/// Accounts that a job archives at the same time when it does not say.
pub const JOB_ACCOUNTS_DEFAULT: u16 = 4;

/// A saved definition of what is archived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// What people call it; unique.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether it may run.
    pub switch: Switch,
    /// Whose job it is.
    pub owner: UserName,
    /// The preset that it was made from: its hints are shown. What it says is in the job.
    pub preset: Option<String>,
    /// Which folders of each account.
    pub folders: FolderChoice,
    /// Which messages, in the words of `archive --filter`; `None` is all of them.
    pub filter: Option<String>,
    /// What happens with archived messages at their source (`docs/reference/removal.md`);
    /// `None` is nothing.
    pub removal: Option<String>,
    /// When it runs (`docs/reference/schedule.md`); `None` is by hand.
    pub schedule: Option<String>,
    /// Connections to one account at the same time, at most.
    pub connections: u16,
    /// Accounts at the same time, at most.
    pub accounts: u16,
    /// What it archives from.
    pub source: JobSource,
}

/// What can be asked of jobs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobRequest {
    /// Make one.
    Add(String, Box<JobChange>),
    /// Change one.
    Set(String, Box<JobChange>),
    /// Make one like another, with changes.
    Copy {
        /// The one that is there.
        from: String,
        /// The name of the new one.
        to: String,
        /// What is different.
        change: Box<JobChange>,
    },
    /// List them.
    List,
    /// Show one.
    Show(String),
    /// Try one, step by step.
    Test(String),
    /// Ask the server which folders it would archive.
    EffectiveFolders(String),
    /// Run one now.
    Run(String),
    /// Let it run, or not.
    Switch(String, Switch),
    /// Give it another name.
    Rename {
        /// The name that it has.
        from: String,
        /// The name that it gets.
        to: String,
    },
    /// Remove it. What it archived stays.
    Remove(String),
    /// List the newest runs.
    Runs(RunFilter),
    /// Show one run.
    ShowRun(u64),
}

impl JobRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JobRequest::Add(..) => "job add",
            JobRequest::Set(..) => "job set",
            JobRequest::Copy { .. } => "job copy",
            JobRequest::List => "job list",
            JobRequest::Show(_) => "job show",
            JobRequest::Test(_) => "job test",
            JobRequest::EffectiveFolders(_) => "job effective-folders",
            JobRequest::Run(_) => "job run",
            JobRequest::Switch(_, Switch::Enabled) => "job enable",
            JobRequest::Switch(_, Switch::Disabled) => "job disable",
            JobRequest::Rename { .. } => "job rename",
            JobRequest::Remove(_) => "job remove",
            JobRequest::Runs(_) => "run list",
            JobRequest::ShowRun(_) => "run show",
        }
    }
}

/// A job as it is shown: with what follows from it, without secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobShown {
    /// What is saved.
    pub job: Job,
    /// Whether the password of its account is kept.
    pub has_secret: bool,
    /// Connections that it will use: the smallest of `limits`.
    pub connections: u64,
    /// What limits its connections, by name, the one that counts first.
    pub limits: Vec<(&'static str, u64)>,
    /// What limits how many accounts are archived at the same time, by name, the one that
    /// counts first. Empty where there is one account.
    pub account_limits: Vec<(&'static str, u64)>,
    /// What the next run does: a sentence.
    pub next_run: String,
    /// The newest run.
    pub last_run: Option<RunShown>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A folder that a job sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EffectiveFolder {
    /// The account.
    pub account: String,
    /// Its path at the source.
    pub mailbox: String,
    /// Its messages, when the server says so without opening it.
    pub messages: Option<u64>,
    /// Why it is left out; `None` when it is archived.
    pub excluded: Option<String>,
}

#[cfg(test)]
mod tests;
