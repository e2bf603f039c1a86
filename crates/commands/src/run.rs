//! Runs: what jobs and `archive` did, account by account.

use types::Timestamp;

use crate::answer::{ExcludedCounts, RunAnswer, RunOutcome};
use crate::failure::Failure;

/// What began a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Trigger {
    /// A person.
    #[default]
    Hand,
    /// The schedule of the job.
    Schedule,
    /// The start of the service.
    Start,
}

impl Trigger {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Trigger::Hand => "hand",
            Trigger::Schedule => "schedule",
            Trigger::Start => "start",
        }
    }

    /// The trigger of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Trigger> {
        [Trigger::Hand, Trigger::Schedule, Trigger::Start].into_iter().find(|it| it.name() == name)
    }
}

/// How far a run is, or one of its steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// It has not begun.
    Waiting,
    /// It is at work.
    Running,
    /// Its process is gone, and it never ended. What it archived is archived; the next run goes
    /// on from there.
    Interrupted,
    /// It ended.
    Ended(RunOutcome),
}

impl RunState {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunState::Waiting => "waiting",
            RunState::Running => "running",
            RunState::Interrupted => "interrupted",
            RunState::Ended(outcome) => outcome.name(),
        }
    }

    /// How it ended, when it did.
    #[must_use]
    pub fn outcome(self) -> Option<RunOutcome> {
        match self {
            RunState::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// One execution of a job or of `archive`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunShown {
    /// Its number.
    pub id: u64,
    /// The job, when there is one still.
    pub job: Option<String>,
    /// What was asked for, without secrets.
    pub title: String,
    /// What began it.
    pub trigger: Trigger,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it runs, and when it never did.
    pub ended: Option<Timestamp>,
    /// How far it is.
    pub state: RunState,
    /// What it told that belongs to no single account: sentences.
    pub told: Vec<String>,
    /// One for each account.
    pub steps: Vec<StepShown>,
}

/// One account within a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepShown {
    /// The account.
    pub account: String,
    /// Whose archive its mail went to.
    pub target: String,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How far it is.
    pub state: RunState,
    /// Placed by this run.
    pub archived: u64,
    /// There before.
    pub already: u64,
    /// Left out by rules, by reason.
    pub excluded: ExcludedCounts,
    /// Passed over knowingly.
    pub quarantined: u64,
    /// What was wrong, and what deserves attention: sentences.
    pub told: Vec<String>,
}

/// What a run over many accounts did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManyAnswer {
    /// The number under which it is kept.
    pub run: u64,
    /// The job.
    pub job: String,
    /// How it ended: as the worst of its steps.
    pub outcome: RunOutcome,
    /// Whether it was asked to stop before the end.
    pub cancelled: bool,
    /// One for each account, in the order of the job.
    pub steps: Vec<StepAnswer>,
    /// What belongs to no single account: sentences.
    pub warnings: Vec<String>,
    /// Whether what was archived can be found already.
    pub searchable: bool,
}

/// What became of one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepAnswer {
    /// The account.
    pub account: String,
    /// Whose archive its mail went to.
    pub target: String,
    /// What it did, or why it could not; `None` when it did not begin.
    pub ended: Option<Result<RunAnswer, Failure>>,
}

impl StepAnswer {
    /// How it ended. What did not begin is not archived yet.
    #[must_use]
    pub fn outcome(&self) -> RunOutcome {
        match &self.ended {
            Some(Ok(run)) => run.outcome,
            Some(Err(_)) => RunOutcome::Failed,
            None => RunOutcome::Partial,
        }
    }
}

impl ManyAnswer {
    /// The runs of those steps that came to their end.
    pub fn ended(&self) -> impl Iterator<Item = &RunAnswer> {
        self.steps.iter().filter_map(|it| it.ended.as_ref()?.as_ref().ok())
    }
}
