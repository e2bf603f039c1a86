//! Carries out requests: the one function behind every command of every surface.

use commands::{Answer, Failure, FailureKind, ProgressSink, Request};

use crate::context::Context;

/// Carries out `request`. What it tells meanwhile goes to `progress`.
pub(crate) async fn run(
    request: Request,
    context: &Context,
    _progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    Err(Failure::new(
        FailureKind::Internal,
        format!("{} is not wired yet {context:?}", request.name()),
    ))
}
