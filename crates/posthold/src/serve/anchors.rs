//! Checkpoints by the schedule of a server: to each anchor when its time has come.

use std::sync::Arc;
use std::time::Duration;

use commands::{AnchorChoice, AnchorRequest, ExitCode, Gone, Progress, ProgressSink, Request};

use super::apply;
use super::caught::caught;
use crate::context::Context;
use crate::run::{self, Asker};
use crate::serving::Serving;

/// How often it looks whether the time of one has come.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Nobody waits for it.
struct Silent;

impl ProgressSink for Silent {
    fn send(&self, _: Progress) -> Result<(), Gone> {
        Ok(())
    }
}

/// Sends checkpoints until the server is asked to stop.
pub(super) async fn keep(context: Context, serving: Arc<Serving>) {
    let asker = Asker::schedule("anchor now --due".to_owned());
    let context = Context { asker, ..context };
    loop {
        match run::anchors_are_due(&context).await {
            Ok(true) => carry_out(&context, &serving).await,
            Ok(false) => (),
            Err(failure) => tracing::warn!("anchors: {}", failure.message),
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

async fn carry_out(context: &Context, serving: &Serving) {
    let request = Request::Anchor(AnchorRequest::Now(AnchorChoice::Due));
    let ran = caught(Box::pin(apply::carry_out(serving, context, request, &Silent)));
    match ran.await {
        Ok(answer) if answer.exit_code() == ExitCode::Done => tracing::info!("anchored"),
        Ok(_) => tracing::warn!("not every checkpoint went to its anchor; `posthold anchor list`"),
        Err(failure) => tracing::warn!("nothing was anchored: {}", failure.message),
    }
}
