//! Which job runs when: the agenda of `jobs`, kept for the jobs that are saved.
//!
//! Rules: a job runs once at a time, whoever begins it; what a stop, a pause or a killed server
//! cut short runs again at once; of what is due, the first to come is the first to run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ::jobs::{Agenda, Entry, JobKey, Why};
use commands::{Gone, NextShown, Progress, ProgressSink, Trigger, WorkerGroup};
use disk::SystemClock;
use ports::Clock;
use rules::schedule::LastRun;
use state::JobId;
use tokio::task::JoinSet;
use types::Timestamp;

use super::jobs;
use crate::context::Context;
use crate::run::{self, ScheduledJob};
use crate::serving::{Entered, Serving};

/// Jobs that run at the same time. Each has its own limits, and so has each server.
const JOBS_MAX: usize = 16;

/// How often the saved jobs are read when nobody says that they changed.
const READ_EVERY: Duration = Duration::from_secs(60);

/// The longest that it sleeps: a clock may be put forward.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long a job that takes mail in waits before it listens again, after it could not.
const LISTEN_AGAIN_SECONDS: i64 = 30;

/// The same after it ended well: it was changed, or rested.
const LISTEN_ON_SECONDS: i64 = 1;

/// How often it looks whether a job that takes mail in may listen again.
const LISTENERS_LOOK: Duration = Duration::from_secs(1);

/// How long it waits before it reads the saved jobs once more, when that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Keeps the agenda of a server.
pub(super) struct Scheduler {
    context: Context,
    serving: Arc<Serving>,
    agenda: Agenda,
    saved: BTreeMap<JobKey, ScheduledJob>,
    /// What is to run as soon as there is a place, and why.
    queue: VecDeque<(JobKey, Trigger)>,
    running: BTreeSet<JobKey>,
    /// When jobs were last tried by this server, also where that made no run: a job that cannot
    /// begin is not begun again and again.
    tried: BTreeMap<JobKey, LastRun>,
    runs: JoinSet<()>,
    read_at: Option<Timestamp>,
}

impl Scheduler {
    /// A scheduler that has not begun.
    pub(super) fn new(context: Context, serving: Arc<Serving>) -> Scheduler {
        Scheduler {
            context,
            serving,
            agenda: Agenda::new(SystemClock.now()),
            saved: BTreeMap::new(),
            queue: VecDeque::new(),
            running: BTreeSet::new(),
            tried: BTreeMap::new(),
            runs: JoinSet::new(),
            read_at: None,
        }
    }

    /// Runs jobs until the server is asked to stop, and returns when they have ended.
    pub(super) async fn keep(mut self) {
        let mut changed = self.serving.saved.subscribe();
        let (mut runs, mut groups) =
            (self.serving.running.changes(), self.serving.groups.changes());
        self.read().await;
        self.agenda.start();
        while !self.context.stop.is_cancelled() {
            self.note_runs();
            self.begin_receivers();
            self.begin_due();
            let sleeps = self.publish();
            let is_new = tokio::select! {
                () = self.context.stop.cancelled() => break,
                changed = changed.changed() => changed.is_ok(),
                _ = runs.changed() => false,
                _ = groups.changed() => false,
                Some(_) = self.runs.join_next() => false,
                () = tokio::time::sleep(sleeps) => false,
            };
            if is_new {
                // Whatever was wrong with a job may be right now.
                self.tried.clear();
            }
            if is_new || self.is_stale() {
                self.read().await;
            }
        }
        self.owe().await;
        while self.runs.join_next().await.is_some() {}
    }

    /// Remembers what the stop cuts short: the next server goes on with it.
    async fn owe(&mut self) {
        self.note_runs();
        let waiting = self.queue.iter().filter(|(_, trigger)| *trigger == Trigger::Start);
        let is_fetched = |it: &&JobKey| self.group(**it) == Some(WorkerGroup::Fetch);
        let cut = self.running.iter().chain(waiting.map(|(key, _)| key)).filter(is_fetched);
        let jobs = cut.map(|it| JobId(it.0)).collect();
        if let Err(failure) = run::owe_jobs(&self.context, jobs).await {
            tracing::warn!("what was not done is not remembered: {}", failure.message);
        }
    }

    fn is_stale(&self) -> bool {
        let every = i64::try_from(READ_EVERY.as_secs()).unwrap_or(i64::MAX);
        self.read_at.is_none_or(|it| every <= SystemClock.now().0.saturating_sub(it.0))
    }

    /// Reads the saved jobs.
    async fn read(&mut self) {
        let jobs = match run::scheduled_jobs(&self.context).await {
            Ok(jobs) => jobs,
            Err(failure) => {
                self.serving.groups.failed(WorkerGroup::Fetch, &failure.message);
                tokio::time::sleep(AGAIN_AFTER).await;
                return;
            }
        };
        if self.read_at.is_none() {
            let owed = jobs.iter().filter(|it| it.owed && it.group == WorkerGroup::Fetch);
            self.queue.extend(owed.map(|it| (JobKey(it.id.0), Trigger::Start)));
        }
        self.read_at = Some(SystemClock.now());
        let saved: BTreeMap<_, _> = jobs.into_iter().map(|it| (JobKey(it.id.0), it)).collect();
        for key in self.saved.keys().filter(|it| !saved.contains_key(it)) {
            self.agenda.remove(*key);
        }
        for (key, job) in saved.iter().filter(|(_, it)| it.group == WorkerGroup::Fetch) {
            let entry = Entry {
                schedule: job.schedule.clone(),
                zone: Arc::clone(&job.zone),
                last: match self.tried.get(key) {
                    Some(tried) if job.last.started < tried.started => *tried,
                    _ => job.last,
                },
                not_before: None,
            };
            self.agenda.set(*key, entry);
        }
        self.queue.retain(|(key, _)| saved.contains_key(key));
        self.saved = saved;
        self.serving.groups.started(WorkerGroup::Fetch, "");
    }

    fn group(&self, key: JobKey) -> Option<WorkerGroup> {
        self.saved.get(&key).map(|it| it.group)
    }

    /// Tells the agenda what began and ended, whoever began it.
    fn note_runs(&mut self) {
        let names = self.serving.running.jobs();
        let now = SystemClock.now();
        let at_work = |it: &ScheduledJob| names.contains(&it.name);
        for (key, job) in &self.saved {
            match (self.running.contains(key), at_work(job)) {
                (false, true) => {
                    self.agenda.began(*key, now);
                    self.running.insert(*key);
                    self.tried.insert(*key, LastRun { started: Some(now), ended: None });
                }
                (true, false) => {
                    self.agenda.ended(*key, now, None);
                    self.running.remove(key);
                    self.tried.entry(*key).or_default().ended = Some(now);
                }
                _ => (),
            }
        }
        for name in self.serving.take_owed() {
            let is_it = |it: &ScheduledJob| it.name == name && it.group == WorkerGroup::Fetch;
            let found = self.saved.iter().find(|(_, it)| is_it(it));
            if let Some((key, _)) = found {
                self.queue.push_back((*key, Trigger::Start));
            }
        }
    }

    fn begin_due(&mut self) {
        for due in self.agenda.due(SystemClock.now()) {
            let trigger = match due.why {
                Why::Start => Trigger::Start,
                Why::Time => Trigger::Schedule,
            };
            if !self.queue.iter().any(|(key, _)| *key == due.job) {
                self.queue.push_back((due.job, trigger));
            }
        }
        if !self.serving.groups.may_begin(WorkerGroup::Fetch) {
            return;
        }
        while self.n_fetching() < JOBS_MAX {
            let next = self.queue.iter().position(|(key, _)| !self.running.contains(key));
            let Some((key, trigger)) = next.and_then(|it| self.queue.remove(it)) else { return };
            self.begin(key, trigger);
        }
    }

    fn n_fetching(&self) -> usize {
        let is_fetched = |it: &&JobKey| self.group(**it) == Some(WorkerGroup::Fetch);
        self.running.iter().filter(is_fetched).count()
    }

    /// Jobs that take mail in run all the time. One that ended could not listen, or was changed.
    fn begin_receivers(&mut self) {
        let now = SystemClock.now();
        let wait = match self.serving.groups.has_failed(WorkerGroup::Receive) {
            true => LISTEN_AGAIN_SECONDS,
            false => LISTEN_ON_SECONDS,
        };
        let is_early = |tried: Option<&LastRun>| {
            let ended = tried.and_then(|it| it.ended);
            ended.is_some_and(|it| now.0.saturating_sub(it.0) < wait)
        };
        let receivers = self.saved.iter().filter(|(_, it)| it.group == WorkerGroup::Receive);
        let idle = receivers.filter(|(key, _)| !self.running.contains(key));
        let idle: Vec<JobKey> =
            idle.map(|(key, _)| *key).filter(|it| !is_early(self.tried.get(it))).collect();
        if self.serving.groups.may_begin(WorkerGroup::Receive) && !idle.is_empty() {
            self.serving.groups.started(WorkerGroup::Receive, "");
            idle.into_iter().for_each(|it| self.begin(it, Trigger::Start));
        }
    }

    fn begin(&mut self, key: JobKey, trigger: Trigger) {
        let Some(job) = self.saved.get(&key) else { return };
        // Whoever began it by hand meanwhile does the same.
        let entered = jobs::enter(&self.serving, &self.context, job.group, &job.name);
        let Ok(entered) = entered else { return };
        let now = SystemClock.now();
        self.agenda.began(key, now);
        self.running.insert(key);
        self.tried.insert(key, LastRun { started: Some(now), ended: None });
        let run = Run { id: job.id, name: job.name.clone(), trigger, entered };
        self.runs.spawn(run.end_of_run(Arc::clone(&self.serving), self.context.clone()));
    }

    /// Shows what is next, and says how long there is nothing to do.
    fn publish(&self) -> Duration {
        let now = SystemClock.now();
        let mut next: Vec<NextShown> = Vec::new();
        for (key, job) in &self.saved {
            if self.running.contains(key) || job.group != WorkerGroup::Fetch {
                continue;
            }
            let waits = self.queue.iter().any(|(waiting, _)| waiting == key);
            let at = if waits { Some(now) } else { self.agenda.next_of(*key, now) };
            let why = if waits { "waits for a place".to_owned() } else { job.words.clone() };
            next.push(NextShown { job: job.name.clone(), at, why });
        }
        next.sort_by_key(|it| (it.at.is_none(), it.at, it.job.clone()));
        self.serving.set_next(next);
        let left = self.agenda.next(now).map(|it| it.0.saturating_sub(now.0));
        let left = left.and_then(|it| u64::try_from(it).ok()).map(Duration::from_secs);
        // What is due now and not begun waits for a place, or for workers that go on.
        let sleeps = left.filter(|it| !it.is_zero()).map_or(LOOK_EVERY, |it| it.min(LOOK_EVERY));
        let is_idle = |(key, job): (&JobKey, &ScheduledJob)| {
            job.group == WorkerGroup::Receive && !self.running.contains(key)
        };
        match self.saved.iter().any(is_idle) {
            true => sleeps.min(LISTENERS_LOOK),
            false => sleeps,
        }
    }
}

/// A run that nobody watches.
struct Run {
    id: JobId,
    name: String,
    trigger: Trigger,
    entered: Entered,
}

impl Run {
    async fn end_of_run(self, serving: Arc<Serving>, context: Context) {
        let Run { id, name, trigger, entered } = self;
        let group = entered.group();
        if let Err(failure) = run::settle_job(&context, id).await {
            tracing::warn!(job = name, "{}", failure.message);
        }
        let told = Told { serving: &serving, group };
        let ran = jobs::run(&serving, &context, &name, trigger, entered, &told).await;
        match ran {
            Ok(answer) => tracing::info!(job = name, code = answer.exit_code() as u8, "ran"),
            Err(failure) => {
                tracing::warn!(job = name, "did not run: {}", failure.message);
                if group == WorkerGroup::Receive {
                    let told = format!("the job {name}: {}", failure.message);
                    serving.groups.failed(group, &told);
                }
            }
        }
    }
}

/// What a run tells that nobody watches. Where it takes mail in is of use later.
struct Told<'a> {
    serving: &'a Serving,
    group: WorkerGroup,
}

impl ProgressSink for Told<'_> {
    fn send(&self, progress: Progress) -> Result<(), Gone> {
        if let (WorkerGroup::Receive, Progress::Notice(text)) = (self.group, progress) {
            self.serving.groups.started(self.group, text.trim_end_matches('.'));
        }
        Ok(())
    }
}
