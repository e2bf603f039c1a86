//! The server that owns a data directory: what is asked of it, and what it says of itself.

use std::path::PathBuf;
use std::time::Duration;

use types::Timestamp;

/// What can be asked of the server that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServiceRequest {
    /// What it does.
    Status,
    /// Begin nothing more, of a group of workers or of all; what runs ends at its next batch.
    Pause(Option<WorkerGroup>),
    /// Go on.
    Resume(Option<WorkerGroup>),
    /// End what runs at its next batch, connect anew and go on.
    Restart(Option<WorkerGroup>),
}

impl ServiceRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ServiceRequest::Status => "service status",
            ServiceRequest::Pause(_) => "service pause",
            ServiceRequest::Resume(_) => "service resume",
            ServiceRequest::Restart(_) => "service restart",
        }
    }
}

/// Workers that are paused and restarted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WorkerGroup {
    /// Those that run jobs.
    Fetch,
    /// Those that take mail by SMTP.
    Receive,
    /// Those that send reports and alerts.
    Mail,
    /// Those that bring catalog and index up to date.
    Views,
}

impl WorkerGroup {
    /// All of them.
    pub const ALL: [WorkerGroup; 4] =
        [WorkerGroup::Fetch, WorkerGroup::Receive, WorkerGroup::Mail, WorkerGroup::Views];

    /// The name in commands and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WorkerGroup::Fetch => "fetch",
            WorkerGroup::Receive => "receive",
            WorkerGroup::Mail => "mail",
            WorkerGroup::Views => "views",
        }
    }

    /// The group of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<WorkerGroup> {
        WorkerGroup::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// How a group of workers is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupState {
    /// Nobody could be asked.
    Unknown,
    /// It begins.
    Starting,
    /// It works, or waits for work.
    Running,
    /// It ends what it does, at the next batch, and begins nothing.
    Draining,
    /// It does nothing.
    Stopped,
    /// A change is being applied, so many of a hundred parts are done.
    Reinitialising(u8),
    /// It gave up: it says why.
    Failed,
}

impl GroupState {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Unknown => "unknown",
            GroupState::Starting => "starting",
            GroupState::Running => "running",
            GroupState::Draining => "draining",
            GroupState::Stopped => "stopped",
            GroupState::Reinitialising(_) => "re-initialising",
            GroupState::Failed => "failed",
        }
    }
}

/// A group of workers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupShown {
    /// Which one.
    pub group: WorkerGroup,
    /// How it is.
    pub state: GroupState,
    /// What it does, or why it does nothing: lower case, without a full stop; may be empty.
    pub told: String,
}

/// A command or job that runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunningShown {
    /// What it is, as it is typed, without secrets.
    pub title: String,
    /// The job, when it is a run of one.
    pub job: Option<String>,
    /// When it began.
    pub since: Timestamp,
    /// Messages that are done.
    pub messages: u64,
    /// Messages to do, where it is known.
    pub messages_total: Option<u64>,
}

/// A job that waits for its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextShown {
    /// The job.
    pub job: String,
    /// When it runs; `None` where only a person begins it.
    pub at: Option<Timestamp>,
    /// Why then: lower case, without a full stop.
    pub why: String,
}

/// A source that has not been proven complete for long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StuckShown {
    /// The job.
    pub job: String,
    /// The account.
    pub account: String,
    /// When everything of it was last archived; `None` when it never was.
    pub complete_at: Option<Timestamp>,
}

/// What applying a change does to what runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reinitialised {
    /// Nothing.
    None,
    /// Those jobs connect anew that it concerns.
    Part,
    /// Everything begins anew.
    All,
}

impl Reinitialised {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reinitialised::None => "none",
            Reinitialised::Part => "part",
            Reinitialised::All => "all",
        }
    }
}

/// How far a change is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeState {
    /// Others come first.
    Waiting,
    /// What runs with the old values ends at its next batch; so many of a hundred parts are done.
    Applying(u8),
    /// It counts everywhere.
    Applied,
    /// It was refused, and nothing changed.
    Refused,
}

impl ChangeState {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ChangeState::Waiting => "waiting",
            ChangeState::Applying(_) => "applying",
            ChangeState::Applied => "applied",
            ChangeState::Refused => "refused",
        }
    }
}

/// A change of a setting, profile, job or user while the server runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeShown {
    /// What was asked for, as it is typed, without secrets.
    pub title: String,
    /// When.
    pub asked: Timestamp,
    /// How far it is.
    pub state: ChangeState,
    /// What applying it does.
    pub reinitialised: Reinitialised,
    /// The jobs that connect anew for it.
    pub jobs: Vec<String>,
}

/// What a server says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceStatus {
    /// The data directory.
    pub data: PathBuf,
    /// Its process; `None` when none serves the directory.
    pub pid: Option<u32>,
    /// How long it runs.
    pub uptime: Option<Duration>,
    /// Where it listens for commands.
    pub socket: PathBuf,
    /// The groups of workers.
    pub groups: Vec<GroupShown>,
    /// What runs now, the oldest first.
    pub running: Vec<RunningShown>,
    /// What is next, the soonest first.
    pub next: Vec<NextShown>,
    /// Sources that are stuck.
    pub stuck: Vec<StuckShown>,
    /// The newest changes, the newest first.
    pub changes: Vec<ChangeShown>,
    /// Entries of the log; `None` while it is not open.
    pub entries: Option<u64>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

impl ServiceStatus {
    /// Whether a server runs and all of it works.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.pid.is_some() && self.groups.iter().all(|it| it.state != GroupState::Failed)
    }
}

/// How a server ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServedAnswer {
    /// How long it ran.
    pub uptime: Duration,
    /// What was cut off because it did not end in time: titles of runs and commands.
    pub cut_off: Vec<String>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}
