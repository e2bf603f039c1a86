//! Carries out requests: the one function behind every command of every surface.
//!
//! What it is not: a surface. It parses no argument and prints nothing.
//!
//! Rules: a writing command owns the data directory while it runs, a reading one never waits for
//! another; every error ends as a [`Failure`] that says what the caller can do; a request to stop
//! is a normal end with an answer.

mod faults;
mod ownership;
mod report;
mod users;

use commands::{Answer, Failure, FailureKind, ProgressSink, Request};

use crate::context::Context;

/// Carries out `request`. What it tells meanwhile goes to `progress`.
pub(crate) async fn run(
    request: Request,
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let _owned = match request.writes() {
        true => Some(ownership::take(context, &request.title(), progress).await?),
        false => None,
    };
    match request {
        Request::UserAdd(name) => users::add(context, name).await,
        Request::UserList => users::list(context).await,
        request => {
            let message = format!("{} is not there yet", request.name());
            Err(Failure::new(FailureKind::Internal, message))
        }
    }
}

/// Runs `work` on the blocking pool: files, SQLite, hashing, compression.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(faults::ended_early(&error)),
    }
}
