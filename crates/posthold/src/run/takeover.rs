//! What a server finds when it begins, and leaves when it ends: runs that were cut short, workers
//! that rest.

use std::sync::Arc;

use ::settings::ALERT_STALE_HOURS;
use commands::{Failure, JobKind, RunState, StuckShown, Switch, WorkerGroup};
use disk::SystemClock;
use ports::Clock;
use rules::schedule::{LastRun, Schedule, Utc};
use state::{AccountStanding, JobId, State};
use types::Timestamp;

use super::{blocking, faults, settings as values_of, users, zones};
use crate::context::Context;

const HOUR_SECONDS: i64 = 3_600;

/// A job as the scheduler sees it.
pub(crate) struct ScheduledJob {
    /// Its id.
    pub(crate) id: JobId,
    /// Its name.
    pub(crate) name: String,
    /// Who runs it.
    pub(crate) group: WorkerGroup,
    /// When it runs.
    pub(crate) schedule: Schedule,
    /// The zone of its schedule.
    pub(crate) zone: zones::SharedZone,
    /// The schedule as it was typed.
    pub(crate) words: String,
    /// When it ran last.
    pub(crate) last: LastRun,
    /// Whether it was cut short, and is to go on at once.
    pub(crate) owed: bool,
}

/// Marks runs of a process that is gone, and says which workers rest. The
/// caller owns the data directory, and runs nothing yet.
pub(crate) async fn take_over(context: &Context) -> Result<Vec<WorkerGroup>, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let mut state = users::open(&data)?;
        state.interrupt_runs().map_err(|it| faults::state(&it))?;
        let paused = state.paused_groups().map_err(|it| faults::state(&it))?;
        Ok(paused.iter().filter_map(|it| WorkerGroup::from_name(it)).collect())
    })
    .await
}

/// The jobs that may run, with what the scheduler has to know of them.
pub(crate) async fn scheduled_jobs(context: &Context) -> Result<Vec<ScheduledJob>, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let failed = |it| faults::state(&it);
        let state = users::open_for_reading(&data)?;
        let owed = state.owed_jobs().map_err(failed)?;
        let mut jobs = Vec::new();
        for saved in state.jobs().map_err(failed)? {
            let is_owed = owed.contains(&saved.id);
            if saved.job.switch == Switch::Enabled {
                jobs.push(scheduled(&state, saved, is_owed)?);
            }
        }
        Ok(jobs)
    })
    .await
}

/// Whose workers run a job; those that fetch, when there is none of this name.
pub(crate) async fn group_of(context: &Context, name: &str) -> Result<WorkerGroup, Failure> {
    let jobs = scheduled_jobs(context).await?;
    let found = jobs.into_iter().find(|it| it.name == name);
    Ok(found.map_or(WorkerGroup::Fetch, |it| it.group))
}

fn scheduled(
    state: &State,
    saved: state::SavedJob,
    is_owed: bool,
) -> Result<ScheduledJob, Failure> {
    let state::SavedJob { id, job } = saved;
    let newest = state.newest_run(id).map_err(|it| faults::state(&it))?;
    let read = job.schedule.as_deref().map_or(Ok(Schedule::default()), str::parse);
    let read = read.map_err(|error| error.to_string()).and_then(|schedule| {
        let zone = zones::zone(schedule.zone()).map_err(|it| it.message)?;
        Ok((schedule, zone))
    });
    // Whoever saved it was told; a zone may have gone since.
    let (schedule, zone) = read.unwrap_or_else(|why| {
        tracing::warn!(job = job.name, "it runs by hand only: {why}");
        (Schedule::default(), Arc::new(Utc))
    });
    let last = newest
        .as_ref()
        .map_or(LastRun::default(), |it| LastRun { started: Some(it.began), ended: it.ended });
    let is_interrupted = newest.is_some_and(|it| it.state == RunState::Interrupted);
    let words = job.schedule.unwrap_or_else(|| "by hand".to_owned());
    let owed = is_owed || is_interrupted;
    let group = match job.source.kind() {
        JobKind::Smtp => WorkerGroup::Receive,
        _ => WorkerGroup::Fetch,
    };
    Ok(ScheduledJob { id, name: job.name, group, schedule, zone, words, last, owed })
}

/// Notes that a run of this job ended by a panic.
pub(crate) async fn interrupt_job(context: &Context, name: &str) -> Result<(), Failure> {
    let (data, name) = (context.data.clone(), name.to_owned());
    blocking(move || {
        let mut state = users::open(&data)?;
        let job = state.named_job(&name).map_err(|it| faults::state(&it))?;
        state.interrupt_runs_of(job.id).map_err(|it| faults::state(&it))
    })
    .await
}

/// Remembers jobs that were cut short.
pub(crate) async fn owe_jobs(context: &Context, jobs: Vec<JobId>) -> Result<(), Failure> {
    let data = context.data.clone();
    blocking(move || users::open(&data)?.owe_jobs(&jobs).map_err(|it| faults::state(&it))).await
}

/// Forgets that a job was cut short: it begins again.
pub(crate) async fn settle_job(context: &Context, job: JobId) -> Result<(), Failure> {
    let data = context.data.clone();
    blocking(move || users::open(&data)?.settle_job(job).map_err(|it| faults::state(&it))).await
}

/// Remembers which groups of workers rest.
pub(crate) async fn keep_paused(
    context: &Context,
    groups: Vec<&'static str>,
) -> Result<(), Failure> {
    let data = context.data.clone();
    blocking(move || {
        users::open(&data)?.set_paused_groups(&groups).map_err(|it| faults::state(&it))
    })
    .await
}

/// Accounts of scheduled jobs that were last proven complete too long ago.
pub(crate) async fn stuck(context: &Context) -> Result<Vec<StuckShown>, Failure> {
    let data = context.data.clone();
    blocking(move || stuck_at(&users::open_for_reading(&data)?, SystemClock.now())).await
}

fn stuck_at(state: &State, now: Timestamp) -> Result<Vec<StuckShown>, Failure> {
    let failed = |it| faults::state(&it);
    let hours = values_of::values(state)?.number(&ALERT_STALE_HOURS);
    let seconds = i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(HOUR_SECONDS);
    let before = Timestamp(now.0.saturating_sub(seconds));
    let jobs = state.jobs().map_err(failed)?;
    let scheduled = |it: &AccountStanding| {
        let job = jobs.iter().find(|job| job.id == it.job)?;
        let runs = job.job.switch == Switch::Enabled && job.job.schedule.is_some();
        runs.then(|| job.job.name.clone())
    };
    let standings = state.standings().map_err(failed)?;
    let is_stale = |it: &&AccountStanding| it.complete_at.unwrap_or(it.first_tried) < before;
    let stuck = standings.iter().filter(is_stale).filter_map(|it| {
        let (account, complete_at) = (it.account.clone(), it.complete_at);
        Some(StuckShown { job: scheduled(it)?, account, complete_at })
    });
    Ok(stuck.collect())
}

#[cfg(test)]
mod tests {
    use commands::{JobChange, RunOutcome, SourceChange, StepDetails, Trigger};
    use disk::OsRandom;
    use state::StepEnd;
    use types::UserName;

    use super::*;

    const DAY: i64 = 24 * HOUR_SECONDS;

    #[test]
    fn an_account_is_stuck_when_its_last_proof_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        let alice = UserName::new("alice").unwrap();
        state.add_user(&alice, &[], Timestamp(1), &OsRandom).unwrap();
        let source = SourceChange {
            paths: Some(vec!["mail".into()]),
            by_first_level: Some(()),
            ..SourceChange::default()
        };
        let change = JobChange {
            kind: Some(JobKind::Files),
            owner: Some(alice),
            schedule: Some(Some("every 1 hours".into())),
            source,
            ..JobChange::default()
        };
        let job = change.begin("j").unwrap();
        let job = state.add_job(&job, None, Timestamp(1), &OsRandom).unwrap().id;
        let mut ran = |at: i64, outcome| {
            let at = Timestamp(at);
            let run = state.begin_run(Some(job), Trigger::Schedule, "job run j", at).unwrap();
            let (account, target, why) = ("alice", "alice", "");
            let job = Some(job);
            let end =
                StepEnd { run, place: 0, job, account, target, outcome, why, quarantined: 0, at };
            state.keep_details(&end, &StepDetails::default()).unwrap();
            state.end_run(run, outcome, &[], at).unwrap();
        };
        ran(DAY, RunOutcome::Succeeded);
        ran(2 * DAY, RunOutcome::Failed);
        let at = |day: i64| stuck_at(&state, Timestamp(day * DAY)).unwrap();
        assert!(at(2).is_empty());
        let stuck = StuckShown {
            job: "j".into(),
            account: "alice".into(),
            complete_at: Some(Timestamp(DAY)),
        };
        assert_eq!(at(60), [stuck]);
    }
}
