//! Retention by the schedule of a server: once a day at its hour.
//!
//! Rules: the clock is looked at often, so that a jump is noticed when it happens; what a run did,
//! or why it did not begin, is traced; a run that is due while the server is down is left to the
//! next day.

use std::sync::Arc;
use std::time::Duration;

use commands::{
    AdminAnswer, Answer, CompactHow, Gone, Progress, ProgressSink, Request, RetentionRequest,
    StoreRequest,
};
use disk::SystemClock;
use ports::Clock;

use super::apply;
use super::caught::caught;
use crate::context::Context;
use crate::run::{self, Asker};
use crate::serving::Serving;

/// How often it looks what time it is.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Nobody waits for it.
struct Silent;

impl ProgressSink for Silent {
    fn send(&self, _: Progress) -> Result<(), Gone> {
        Ok(())
    }
}

/// Carries the policies out once a day, until the server is asked to stop.
pub(super) async fn keep(context: Context, serving: Arc<Serving>) {
    let asker = Asker::schedule("retention run".to_owned());
    let context = Context { asker, ..context };
    let mut last_day = None;
    loop {
        let now = SystemClock.now();
        let due = run::look_at_clock(&context, now).await;
        if due.hour == Some(now.civil().hour) && last_day != Some(now.day_start()) {
            last_day = Some(now.day_start());
            carry_out(&context, &serving).await;
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

async fn carry_out(context: &Context, serving: &Serving) {
    match run::ask_by_schedule(context).await {
        Ok(false) => (),
        Ok(true) => return tracing::info!("retention waits for approval"),
        Err(failure) => return tracing::warn!("retention did not run: {}", failure.message),
    }
    let request = Request::Retention(RetentionRequest::Run(None));
    let ran = caught(Box::pin(apply::carry_out(serving, context, request, &Silent)));
    match ran.await {
        Ok(answer) if has_erased(&answer) => compact(context, serving).await,
        Ok(_) => tracing::info!("retention ran"),
        Err(failure) => tracing::warn!("retention did not run: {}", failure.message),
    }
}

fn has_erased(answer: &Answer) -> bool {
    let Answer::Admin(answer) = answer else { return false };
    let AdminAnswer::Retention(answer) = &**answer else { return false };
    answer.reviewed.is_some_and(|it| it.erased != 0)
}

/// Takes the bytes of what was erased out of the files of the current store. Of the others they go
/// by `posthold store compact`.
async fn compact(context: &Context, serving: &Serving) {
    let request = Request::Store(StoreRequest::Compact { name: None, how: CompactHow::Run });
    let ran = caught(Box::pin(apply::carry_out(serving, context, request, &Silent)));
    match ran.await {
        Ok(_) => tracing::info!("retention ran, and what was erased is out of the files"),
        Err(failure) => tracing::warn!("what was erased is in the files: {}", failure.message),
    }
}
