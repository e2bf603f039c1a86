//! The group `mail` of a server: looks whether there is something to tell, and sends it.
//!
//! What it is not: how that is decided or written (`run::deliver_due`).

use std::sync::Arc;
use std::time::Duration;

use commands::WorkerGroup;

use crate::context::Context;
use crate::run;
use crate::serving::Serving;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// How long sending may take before it is given up until the next time: the messages are kept.
const SEND_MAX: Duration = Duration::from_secs(300);

/// Keeps telling until the server is asked to stop.
pub(super) async fn keep(context: Context, serving: Arc<Serving>) {
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
        if let Err(failure) = run::retry_due(&context).await {
            tracing::warn!("stores in error: {}", failure.message);
        }
        if !serving.groups.may_begin(WorkerGroup::Mail) {
            continue;
        }
        let delivering = tokio::time::timeout(SEND_MAX, run::deliver_due(&context));
        let delivered = tokio::select! {
            () = context.stop.cancelled() => return,
            delivered = delivering => delivered,
        };
        let told = match delivered {
            Ok(Ok(it)) if it.waiting != 0 => "mail waits; `posthold mail show` says why".to_owned(),
            Ok(Ok(_)) => String::new(),
            Ok(Err(failure)) => failure.message,
            Err(_) => "the mail server keeps silent".to_owned(),
        };
        if !told.is_empty() {
            tracing::warn!("{told}");
        }
        serving.groups.started(WorkerGroup::Mail, &told);
    }
}
