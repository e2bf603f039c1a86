//! The agenda: which job is due, and when the next one is.
//!
//! What it is not: a clock, or a runner. Whoever keeps it tells the time, runs what is due, and
//! says when that began and ended.
//!
//! Rules:
//! - A job that runs is not due again until it has ended.
//! - A time of a cron expression counts for [`LATE_MAX_SECONDS`]; one that passed longer ago, while
//!   nothing could run, is not made up for. What a maintenance window puts off is not forgotten.
//! - When the clock is put back, times come again; a job that ran at one of them does not run at
//!   it twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use rules::schedule::{AtStart, LastRun, Schedule, Zone};
use types::Timestamp;

/// How long a time counts that nobody looked at when it came, in seconds.
const LATE_MAX_SECONDS: i64 = 120;

/// A clock that is put back by more was wrong before: nothing is concluded from what it said.
const BACK_MAX_SECONDS: i64 = 2 * 3600;

/// A job, to whoever keeps the agenda.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobKey(pub u64);

/// A job on the agenda.
#[derive(Clone)]
pub struct Entry {
    /// When it runs.
    pub schedule: Schedule,
    /// The zone of its schedule.
    pub zone: Arc<dyn Zone + Send + Sync>,
    /// When it ran last.
    pub last: LastRun,
    /// It does not run before, whatever its schedule says: the interval between two visits to
    /// its account, or a pause of its server.
    pub not_before: Option<Timestamp>,
}

/// Why a job is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The service started.
    Start,
    /// Its time has come.
    Time,
}

/// A job that is to run now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// Which.
    pub job: JobKey,
    /// Why.
    pub why: Why,
}

struct Planned {
    entry: Entry,
    /// When its last run began, by the clock of then. In `entry.last` it is never in the future.
    began: Option<Timestamp>,
    runs: bool,
    /// What is to be done as soon as it may.
    owed: Option<Why>,
}

/// Which jobs run when.
pub struct Agenda {
    jobs: BTreeMap<JobKey, Planned>,
    /// Up to when it was looked at.
    seen: Timestamp,
}

impl Agenda {
    /// An agenda that begins now, with nothing on it.
    #[must_use]
    pub fn new(now: Timestamp) -> Agenda {
        Agenda { jobs: BTreeMap::new(), seen: now }
    }

    /// Puts a job on it, or changes it. What it owes and whether it runs stays.
    pub fn set(&mut self, job: JobKey, entry: Entry) {
        match self.jobs.get_mut(&job) {
            Some(planned) => {
                planned.began = entry.last.started;
                planned.entry = entry;
            }
            None => {
                let began = entry.last.started;
                self.jobs.insert(job, Planned { entry, began, runs: false, owed: None });
            }
        }
    }

    /// The service starts: jobs that run then are due.
    pub fn start(&mut self) {
        for planned in self.jobs.values_mut() {
            if planned.entry.schedule.at_start() == AtStart::Runs {
                planned.owed = Some(Why::Start);
            }
        }
    }

    /// Takes a job off it. What runs of it is not its business.
    pub fn remove(&mut self, job: JobKey) {
        self.jobs.remove(&job);
    }

    /// The jobs on it.
    pub fn jobs(&self) -> impl Iterator<Item = JobKey> {
        self.jobs.keys().copied()
    }

    /// A run of a job began, whoever began it.
    pub fn began(&mut self, job: JobKey, now: Timestamp) {
        if let Some(planned) = self.jobs.get_mut(&job) {
            planned.runs = true;
            planned.owed = None;
            planned.began = Some(now);
            planned.entry.last = LastRun { started: Some(now), ended: None };
        }
    }

    /// It ended. `not_before`: when the next one may begin at the earliest.
    pub fn ended(&mut self, job: JobKey, now: Timestamp, not_before: Option<Timestamp>) {
        if let Some(planned) = self.jobs.get_mut(&job) {
            planned.runs = false;
            planned.entry.last.ended = Some(now);
            planned.entry.not_before = not_before;
        }
    }

    /// What is due. Each is due until [`Agenda::began`] is told.
    pub fn due(&mut self, now: Timestamp) -> Vec<Due> {
        // Put back, put forward, or asleep: what passed is passed.
        let from = Timestamp(self.seen.0.clamp(now.0.saturating_sub(LATE_MAX_SECONDS), now.0));
        self.seen = now;
        let mut due = Vec::new();
        for (job, planned) in &mut self.jobs {
            if planned.runs {
                continue;
            }
            planned.hold_to(now);
            if planned.owed.is_none() && planned.came(from, now) {
                planned.owed = Some(Why::Time);
            }
            if let Some(why) = planned.owed
                && planned.may_begin(now) == Some(now)
            {
                due.push(Due { job: *job, why });
            }
        }
        due
    }

    /// When something is due next; `now` when something is. `None`: when somebody says so.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.jobs.values().filter_map(|it| it.next(now)).min()
    }

    /// The same of one job.
    #[must_use]
    pub fn next_of(&self, job: JobKey, now: Timestamp) -> Option<Timestamp> {
        self.jobs.get(&job)?.next(now)
    }
}

impl Planned {
    /// A last run in the future is a clock that was wrong: intervals count from now on.
    fn hold_to(&mut self, now: Timestamp) {
        let last = &mut self.entry.last;
        last.started = last.started.map(|it| it.min(now));
        last.ended = last.ended.map(|it| it.min(now));
    }

    /// Whether a time of it came behind `from` and up to `now`.
    fn came(&self, from: Timestamp, now: Timestamp) -> bool {
        let Entry { schedule, zone, last, .. } = &self.entry;
        // At the end of an interval it is due without any time of its own.
        if schedule.next_after(now, *last, zone.as_ref()) == Some(now) {
            return true;
        }
        let began = self.began.filter(|it| it.0 <= now.0.saturating_add(BACK_MAX_SECONDS));
        let from = began.map_or(from, |it| it.max(from)).min(now);
        // Without its last run only expressions are left, and intervals that are due.
        let next = schedule.next_after(from, *last, zone.as_ref());
        next.is_some_and(|it| it <= now)
    }

    /// The first moment from `now` on at which it may begin.
    fn may_begin(&self, now: Timestamp) -> Option<Timestamp> {
        let Entry { schedule, zone, not_before, .. } = &self.entry;
        let from = not_before.map_or(now, |it| it.max(now));
        schedule.open_from(from, zone.as_ref())
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.runs {
            return None;
        }
        if self.owed.is_some() {
            return self.may_begin(now);
        }
        let Entry { schedule, zone, last, .. } = &self.entry;
        let next = schedule.next_after(now, *last, zone.as_ref())?;
        self.may_begin(next.max(now))
    }
}

#[cfg(test)]
mod tests;
