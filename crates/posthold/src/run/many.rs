//! A run over many accounts: one step for each, some at the same time, into one open store.
//!
//! Rules:
//! - Every step is in the record of the run before the first begins, so that a run that is killed
//!   shows what it left.
//! - The failure of one account ends its step; the run goes on. What stops the store stops the run.
//! - The run ends like the worst of its steps.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use commands::{
    Answer, Failure, FailureKind, ManyAnswer, ProgressSink, RunAnswer, RunOutcome, StepAnswer,
    Trigger, WaitForViews,
};
use tokio::task::{Id, JoinSet};
use tokio::time::MissedTickBehavior;

use super::archive::{self, Work};
use super::job_work::Ready;
use super::many_accounts::{self, AccountOf, Accounts, NewUsers};
use super::many_progress::{Heard, Sums};
use super::recorded::{self, Recorded};
use super::stores::Writing;
use super::{blocking, faults, identity, ownership};
use crate::context::Context;

/// How often the steps that are at work say so.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Runs a job over many mailboxes.
pub(super) async fn run(
    context: &Context,
    base: Ready,
    trigger: Trigger,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    base.may_run()?;
    let _owned = ownership::take(context, title, progress).await?;
    let recorded = Recorded::begin(context, Some(base.id), trigger, title).await?;
    let run = ManyRun { context, title, trigger, recorded: &recorded };
    match run.carry_out(base, progress).await {
        Ok(mut answer) => {
            let kept = recorded.end(answer.outcome, &answer.warnings).await;
            answer.warnings.extend(kept.err().map(|it| recorded::sentence(&it)));
            Ok(Answer::Many(Box::new(answer)))
        }
        Err(failure) => {
            let told = [recorded::sentence(&failure)];
            if let Err(error) = recorded.end(RunOutcome::Failed, &told).await {
                tracing::warn!(title, "the run is not kept: {}", error.message);
            }
            Err(failure)
        }
    }
}

struct ManyRun<'a> {
    context: &'a Context,
    title: &'a str,
    trigger: Trigger,
    recorded: &'a Recorded,
}

impl ManyRun<'_> {
    async fn carry_out(
        &self,
        base: Ready,
        progress: &dyn ProgressSink,
    ) -> Result<ManyAnswer, Failure> {
        let (data, run, of) = (self.context.data.clone(), self.recorded.id, base.clone());
        let accounts =
            blocking(move || many_accounts::of_job(&data, &of, NewUsers::Made, Some(run)));
        let Accounts { mut list, mut told, is_whole } = accounts.await?;
        self.recorded.plan(list.iter().map(|it| it.planned.clone()).collect()).await?;
        if list.is_empty() {
            told.push("There is no account to archive.".into());
        }
        let at_once = base.accounts_at_once();
        if matches!(base.job.source, commands::JobSource::Master(_)) {
            identity::check(self.context, &base, &mut list, at_once).await?;
        }
        let writing = Arc::new(Writing::open(self.context).await?);
        let steps = Steps::new(self, list, Arc::clone(&writing), at_once).run(progress).await;
        let Some(writing) = Arc::into_inner(writing) else {
            return Err(Failure::new(FailureKind::Internal, "a step has the store still"));
        };
        let closed = writing.close(WaitForViews::Yes, progress).await;
        let steps = steps?;
        told.extend(closed.warnings.into_iter().map(|it| recorded::full_stop(&it)));
        let least = if is_whole { RunOutcome::Succeeded } else { RunOutcome::Partial };
        Ok(ManyAnswer {
            run: self.recorded.id,
            job: base.job.name.clone(),
            outcome: steps.iter().map(StepAnswer::outcome).fold(least, RunOutcome::max),
            cancelled: self.context.stop.is_cancelled(),
            steps,
            warnings: told,
            searchable: closed.searchable,
        })
    }
}

type Ended = Result<RunAnswer, Failure>;

/// The steps of a run, with those that are at work.
struct Steps<'a> {
    run: &'a ManyRun<'a>,
    accounts: Vec<AccountOf>,
    writing: Arc<Writing>,
    at_once: usize,
    waiting: VecDeque<usize>,
    tasks: JoinSet<(usize, Ended)>,
    places: HashMap<Id, usize>,
    ended: Vec<Option<Ended>>,
    sums: Sums,
    /// Why no further step begins.
    stopped: bool,
}

impl<'a> Steps<'a> {
    fn new(
        run: &'a ManyRun<'a>,
        accounts: Vec<AccountOf>,
        writing: Arc<Writing>,
        at_once: NonZeroU16,
    ) -> Steps<'a> {
        Steps {
            run,
            writing,
            at_once: usize::from(at_once.get()),
            waiting: (0..accounts.len()).collect(),
            tasks: JoinSet::new(),
            places: HashMap::new(),
            ended: accounts.iter().map(|_| None).collect(),
            sums: Sums::new(accounts.len()),
            accounts,
            stopped: false,
        }
    }

    async fn run(mut self, progress: &dyn ProgressSink) -> Result<Vec<StepAnswer>, Failure> {
        let ran = self.run_all(progress).await;
        // What is at work has the store; nothing is left when it did not break off.
        self.tasks.shutdown().await;
        ran?;
        self.answers().await
    }

    async fn run_all(&mut self, progress: &dyn ProgressSink) -> Result<(), Failure> {
        let mut alive = tokio::time::interval(ALIVE_EVERY);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.begin().await?;
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.end(ended).await?;
                    self.begin().await?;
                }
                heard = self.sums.heard() => {
                    let Heard(told) = heard;
                    // Whoever asked and went may still want it done.
                    let _ = progress.send(told);
                }
                _ = alive.tick() => self.tell_alive().await,
            }
        }
        Ok(())
    }

    /// Begins steps while there is room. Two never work on one account at once.
    async fn begin(&mut self) -> Result<(), Failure> {
        while self.tasks.len() < self.at_once {
            if self.stopped || self.run.context.stop.is_cancelled() {
                return Ok(());
            }
            let busy: BTreeSet<String> =
                self.places.values().filter_map(|it| self.account(*it)).collect();
            let is_free =
                |place: &usize| self.account(*place).is_some_and(|it| !busy.contains(&it));
            let Some(at) = self.waiting.iter().position(is_free) else { return Ok(()) };
            let Some(place) = self.waiting.remove(at) else { return Ok(()) };
            self.begin_one(place).await?;
        }
        Ok(())
    }

    fn account(&self, place: usize) -> Option<String> {
        self.accounts.get(place).map(|it| it.planned.account.to_lowercase())
    }

    async fn begin_one(&mut self, place: usize) -> Result<(), Failure> {
        let Some(account) = self.accounts.get(place) else { return Ok(()) };
        self.run.recorded.alive(place).await?;
        let prepared = account.ready.clone().and_then(|ready| {
            let work = Work { trigger: self.run.trigger, ..ready.work()? };
            work.check()?;
            Ok((work, ready.target))
        });
        let (work, user) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => return self.keep(place, Err(failure)).await,
        };
        let (context, writing) = (self.run.context.clone(), Arc::clone(&self.writing));
        let (title, sink) = (self.run.title.to_owned(), self.sums.sink(place));
        let task = self.tasks.spawn(async move {
            let step = archive::step(&context, &writing, &work, user, &title, &sink);
            let ended = Box::pin(step).await;
            (place, ended)
        });
        self.places.insert(task.id(), place);
        Ok(())
    }

    async fn end(
        &mut self,
        ended: Result<(Id, (usize, Ended)), tokio::task::JoinError>,
    ) -> Result<(), Failure> {
        let (id, result) = match ended {
            Ok((id, (_, ended))) => (id, ended),
            // One step that broke off is one account that failed.
            Err(error) => (error.id(), Err(faults::ended_early(&error))),
        };
        match self.places.remove(&id) {
            Some(place) => self.keep(place, result).await,
            None => Ok(()),
        }
    }

    async fn keep(&mut self, place: usize, ended: Ended) -> Result<(), Failure> {
        let stops =
            |kind| matches!(kind, FailureKind::DiskFull | FailureKind::Store | FailureKind::Io);
        self.stopped |= ended.as_ref().is_err_and(|it| stops(it.kind));
        let answer = self.answer(place, Some(ended.clone()));
        if let Some(slot) = self.ended.get_mut(place) {
            *slot = Some(ended);
        }
        self.run.recorded.end_step(place, &answer).await
    }

    async fn tell_alive(&self) {
        for place in self.places.values() {
            if let Err(failure) = self.run.recorded.alive(*place).await {
                tracing::warn!("a step is not noted as alive: {}", failure.message);
            }
        }
    }

    fn answer(&self, place: usize, ended: Option<Ended>) -> StepAnswer {
        let planned = self.accounts.get(place).map(|it| it.planned.clone());
        let (account, target) = planned.map(|it| (it.account, it.target)).unwrap_or_default();
        StepAnswer { account, target, ended }
    }

    /// What became of each. Those that did not begin are kept as such.
    async fn answers(mut self) -> Result<Vec<StepAnswer>, Failure> {
        let ended = std::mem::take(&mut self.ended);
        let mut answers = Vec::new();
        for (place, ended) in ended.into_iter().enumerate() {
            let answer = self.answer(place, ended);
            if answer.ended.is_none() {
                self.run.recorded.end_step(place, &answer).await?;
            }
            answers.push(answer);
        }
        Ok(answers)
    }
}
