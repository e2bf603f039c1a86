//! The daily report: what was archived, what is not complete, what waits for a person.

use types::Timestamp;

use crate::admin::Insecure;
use crate::alert::AlertShown;
use crate::answer::RunOutcome;

/// What a day brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DailyReport {
    /// The machine.
    pub host: String,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Job by job, by name; what was run without a job comes last.
    pub jobs: Vec<DailyJob>,
    /// Alerts that wait for a person.
    pub waiting: Vec<AlertShown>,
    /// Connections that are not safe.
    pub insecure: Vec<Insecure>,
    /// Bytes of the data directory's disk that are free, and that there are.
    pub disk: Option<(u64, u64)>,
}

/// What a job did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DailyJob {
    /// Its name; `None` for what was run without one.
    pub name: Option<String>,
    /// Runs that began.
    pub runs: u64,
    /// Messages that they archived.
    pub archived: u64,
    /// Messages that are quarantined now.
    pub quarantined: u64,
    /// Its accounts.
    pub accounts: u64,
    /// How its newest run ended.
    pub outcome: Option<RunOutcome>,
    /// Accounts that are not complete.
    pub incomplete: Vec<DailyAccount>,
}

/// An account that is not complete.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DailyAccount {
    /// The account.
    pub account: String,
    /// Why it is not.
    pub why: String,
    /// When it was last proven complete.
    pub complete_at: Option<Timestamp>,
}

impl DailyReport {
    /// Messages that were archived.
    #[must_use]
    pub fn archived(&self) -> u64 {
        self.jobs.iter().map(|it| it.archived).sum()
    }

    /// Accounts that are not complete.
    #[must_use]
    pub fn incomplete(&self) -> usize {
        self.jobs.iter().map(|it| it.incomplete.len()).sum()
    }
}
