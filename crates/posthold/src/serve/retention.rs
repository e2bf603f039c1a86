//! Retention by the schedule of a server: once a day at its hour.
//!
//! Rules: the clock is looked at often, so that a jump is noticed when it happens; what a run did,
//! or why it did not begin, is traced; a run that is due while the server is down is left to the
//! next day. What was erased and is still in files is taken out of them when the server starts and
//! behind each run.

use std::sync::Arc;
use std::time::Duration;

use commands::{CompactHow, Gone, Progress, ProgressSink, Request, RetentionRequest, StoreRequest};
use disk::SystemClock;
use ports::Clock;

use super::apply;
use super::caught::caught;
use crate::context::Context;
use crate::run::{self, Asker, RetentionWork};
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
    // What a server that was stopped had not finished.
    clear_left(&context, &serving).await;
    let mut last_day = None;
    loop {
        let now = SystemClock.now();
        let due = run::look_at_clock(&context, now).await;
        if due.hour == Some(now.civil().hour) && last_day != Some(now.day_start()) {
            last_day = Some(now.day_start());
            if look_for_work(&context).await.is_due {
                carry_out(&context, &serving).await;
            }
            // A run clears what it erased. This is for what it could not.
            clear_left(&context, &serving).await;
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

async fn look_for_work(context: &Context) -> RetentionWork {
    run::look_for_work(context).await.unwrap_or_else(|failure| {
        tracing::warn!("retention cannot tell what there is to do: {}", failure.message);
        RetentionWork::default()
    })
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
        Ok(_) => tracing::info!("retention ran"),
        Err(failure) => tracing::warn!("retention did not run: {}", failure.message),
    }
}

/// Takes what was erased out of the files of every store that has it still.
async fn clear_left(context: &Context, serving: &Serving) {
    for store in look_for_work(context).await.left {
        let request = StoreRequest::Compact { name: Some(store.clone()), how: CompactHow::Run };
        let request = Request::Store(request);
        let ran = caught(Box::pin(apply::carry_out(serving, context, request, &Silent)));
        match ran.await {
            Ok(_) => tracing::info!(store, "what was erased is out of the files"),
            Err(failure) => {
                let why = failure.message;
                tracing::warn!(store, why, "what was erased is still in the files");
            }
        }
    }
}
