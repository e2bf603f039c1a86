//! Runs of jobs in the server, whoever begins them.

use commands::{Answer, Failure, FailureKind, Progress, ProgressSink, Trigger, WorkerGroup};
use disk::SystemClock;
use ports::Clock;

use super::caught::caught;
use crate::context::Context;
use crate::run;
use crate::serving::{Begins, Entered, Serving};

/// Notes that a job begins. Refuses a second run of one job, and any while the workers rest.
pub(super) fn enter(
    serving: &Serving,
    context: &Context,
    group: WorkerGroup,
    name: &str,
) -> Result<Entered, Failure> {
    if !serving.groups.may_begin(group) {
        let message = format!("the job {name:?} was not run: the workers rest");
        return Err(Failure::new(FailureKind::Busy, message)
            .with_hint(format!("`posthold service resume {}` lets them go on.", group.name())));
    }
    let begins = Begins {
        title: format!("job run {name}"),
        job: Some(name.to_owned()),
        group: Some(group),
        now: SystemClock.now(),
    };
    serving.running.enter(begins, &context.stop).map_err(|_| {
        Failure::new(FailureKind::Busy, format!("the job {name:?} runs already"))
            .with_hint("`posthold service status` shows how far it is.")
    })
}

/// Runs a job that was entered, and again when it was changed meanwhile.
pub(super) async fn run(
    serving: &Serving,
    context: &Context,
    name: &str,
    trigger: Trigger,
    mut entered: Entered,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    loop {
        let within = Context { stop: entered.stop(), ..context.clone() };
        let noting = entered.noting(progress);
        let begun = run::begin_run(&within, name, trigger).await?;
        let ended = caught(Box::pin(run::run_job(&within, name, trigger, &noting))).await;
        let ended = run::end_audited(&within, begun, ended).await;
        if ended.as_ref().is_err_and(|it| it.kind == FailureKind::Internal) {
            // Nobody else says in the record that it is over.
            if let Err(failure) = run::interrupt_job(context, name).await {
                tracing::warn!(job = name, "{}", failure.message);
            }
        }
        if context.stop.is_cancelled() || !entered.is_to_begin_again() {
            return ended;
        }
        // Whoever asked and went may still want it done.
        let _ = progress.send(Progress::Notice("What is saved changed: beginning again.".into()));
        let group = entered.group();
        drop(entered);
        entered = enter(serving, context, group, name)?;
    }
}
