//! Runs as people look them up later.

use commands::{Failure, RunAnswer, RunOutcome, StepShown};
use disk::SystemClock;
use ports::Clock;

use super::archive::{Work, opened_account};
use super::{blocking, faults, users};
use crate::context::Context;

/// Lines that are kept of what a run told.
const TOLD_MAX: usize = 50;

/// Notes that a run begins, and gives its number. The caller owns the data directory.
pub(super) async fn begin(context: &Context, work: &Work, title: &str) -> Result<u64, Failure> {
    let (data, job, title) = (context.data.clone(), work.job, title.to_owned());
    let account = opened_account(&work.request).to_owned();
    let target = work.request.user.to_string();
    blocking(move || {
        let mut state = users::open(&data)?;
        let begun = state.begin_run(job, &title, &account, &target, SystemClock.now());
        begun.map_err(|it| faults::state(&it))
    })
    .await
}

/// Notes how it ended.
pub(super) async fn end(
    context: &Context,
    run: u64,
    work: &Work,
    ended: &Result<RunAnswer, Failure>,
) -> Result<(), Failure> {
    let data = context.data.clone();
    let step = step(work, ended);
    blocking(move || {
        let mut state = users::open(&data)?;
        state.end_run(run, &step, SystemClock.now()).map_err(|it| faults::state(&it))
    })
    .await
}

fn step(work: &Work, ended: &Result<RunAnswer, Failure>) -> StepShown {
    let step = StepShown {
        account: opened_account(&work.request).to_owned(),
        target: work.request.user.to_string(),
        outcome: Some(RunOutcome::Failed),
        archived: 0,
        already: 0,
        excluded: 0,
        quarantined: 0,
        told: Vec::new(),
    };
    match ended {
        Err(failure) => {
            let hint = failure.hint.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            StepShown { told: vec![format!("{}.{hint}", failure.message)], ..step }
        }
        Ok(run) => {
            let failed = run.mailboxes.iter().filter_map(|it| {
                it.failure.as_ref().map(|failure| format!("{}: {failure}.", it.mailbox))
            });
            let told = run.warnings.iter().cloned().chain(failed);
            StepShown {
                outcome: Some(run.outcome),
                archived: run.archived,
                already: run.already,
                excluded: run.excluded.total(),
                quarantined: run.quarantined,
                told: told.take(TOLD_MAX).map(|it| it.replace('\n', " ")).collect(),
                ..step
            }
        }
    }
}
