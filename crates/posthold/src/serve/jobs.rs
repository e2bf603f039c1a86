//! Runs of jobs in the server, whoever begins them.

use commands::{Answer, Failure, FailureKind, Progress, ProgressSink, Request, WorkerGroup};
use disk::SystemClock;
use ports::Clock;

use crate::context::Context;
use crate::run;
use crate::serving::{Begins, Serving};

/// Runs a job, and again when it was changed meanwhile. Refuses a second run of one job.
pub(super) async fn run(
    serving: &Serving,
    context: &Context,
    name: &str,
    request: Request,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    loop {
        if !serving.groups.may_begin(WorkerGroup::Fetch) {
            let message = format!("the job {name:?} was not run: the workers rest");
            return Err(Failure::new(FailureKind::Busy, message)
                .with_hint("`posthold service resume fetch` lets them go on."));
        }
        let begins = Begins {
            title: format!("{} {name}", request.title()),
            job: Some(name.to_owned()),
            group: Some(WorkerGroup::Fetch),
            now: SystemClock.now(),
        };
        let entered = serving.running.enter(begins, &context.stop).map_err(|_| {
            Failure::new(FailureKind::Busy, format!("the job {name:?} runs already"))
                .with_hint("`posthold service status` shows how far it is.")
        })?;
        let within = Context { stop: entered.stop(), ..context.clone() };
        let ended = run::boxed(request.clone(), &within, &entered.noting(progress)).await;
        if context.stop.is_cancelled() || !entered.is_to_begin_again() {
            return ended;
        }
        // Whoever asked and went may still want it done.
        let _ = progress.send(Progress::Notice("What is saved changed: beginning again.".into()));
    }
}
