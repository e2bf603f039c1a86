//! What alerts are decided from: values that others gathered.

use commands::{FailureKind, Insecure, RunOutcome};
use types::Timestamp;

/// How things are at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Situation {
    /// The moment.
    pub now: Timestamp,
    /// How long an account may be without a proof that it is complete.
    pub stale_after_seconds: i64,
    /// The jobs that may run and have run.
    pub jobs: Vec<JobSituation>,
    /// The disk of the data directory, when it could be asked.
    pub disk: Option<DiskSituation>,
    /// Keys that are needed and missing.
    pub keys: Vec<KeySituation>,
    /// Connections that are not safe.
    pub insecure: Vec<Insecure>,
    /// Budgets that are used up.
    pub quotas: Vec<QuotaSituation>,
    /// Addresses that nobody has, by job.
    pub unknown: Vec<UnknownSituation>,
    /// Mail that could not be sent for a while.
    pub mail: Option<MailSituation>,
    /// A clock that jumped.
    pub clock: Option<ClockSituation>,
    /// Anchors that checkpoints do not go to.
    pub anchors: Vec<AnchorSituation>,
    /// The stores that people see.
    pub stores: Vec<StoreSituation>,
    /// That nothing is archived, when there is no store that it could go to.
    pub no_store: Option<NoStoreSituation>,
}

/// A clock that jumped, which retention does not believe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClockSituation {
    /// When that was seen, by this clock.
    pub since: Timestamp,
    /// By how many seconds it was ahead of the last time that was known; below zero: behind.
    pub ahead: i64,
}

/// A store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreSituation {
    /// Its name.
    pub name: String,
    /// Whether new mail goes there.
    pub is_current: bool,
    /// Why it cannot be read.
    pub trouble: Option<String>,
    /// Why its index does not follow.
    pub index_failure: Option<String>,
    /// Messages in it.
    pub messages: u64,
    /// Messages that a store should have at most.
    pub messages_recommended: u64,
    /// Whether another store takes its place by itself before it has more.
    pub has_successor: bool,
}

/// Archiving has no store to go to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NoStoreSituation {
    /// Since when.
    pub since: Timestamp,
    /// What failed: lower case, without a full stop.
    pub what: String,
    /// Why.
    pub why: String,
}

/// A job and its newest run that ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobSituation {
    /// The name of the job.
    pub name: String,
    /// Whether it runs by itself.
    pub is_scheduled: bool,
    /// The number of its newest run that ended.
    pub run: u64,
    /// How that ended.
    pub outcome: Option<RunOutcome>,
    /// What it told that belongs to no single account.
    pub told: Vec<String>,
    /// Its accounts.
    pub accounts: Vec<AccountSituation>,
}

/// An account of a job.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccountSituation {
    /// The account.
    pub account: String,
    /// How its newest step ended.
    pub outcome: Option<RunOutcome>,
    /// Why it is not complete; empty when it is.
    pub why: String,
    /// How it failed, when it did as a whole.
    pub failure: Option<FailureKind>,
    /// Messages that are quarantined.
    pub quarantined: u64,
    /// When it was last proven complete.
    pub complete_at: Option<Timestamp>,
    /// When it was first tried.
    pub first_tried: Timestamp,
}

/// Room on a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskSituation {
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that there are.
    pub total: u64,
    /// Percent that should be free; 0 asks for none.
    pub least_percent: u64,
}

/// A key that is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySituation {
    /// Its id.
    pub id: String,
    /// Passwords that are sealed with it.
    pub secrets: u64,
}

/// A budget that is used up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuotaSituation {
    /// Of which server or account.
    pub server: String,
    /// When it begins anew.
    pub until: Timestamp,
}

/// Addresses that nobody has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownSituation {
    /// The job that saw them.
    pub job: String,
    /// How many.
    pub addresses: u64,
    /// Some of them.
    pub examples: Vec<String>,
    /// What a person can do: a sentence.
    pub hint: String,
}

/// An anchor that checkpoints do not go to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnchorSituation {
    /// Its name.
    pub name: String,
    /// When one went there last, or since when there is this anchor.
    pub since: Timestamp,
    /// Why none does, when that was tried.
    pub failure: Option<String>,
}

/// Mail that could not be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailSituation {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
}
