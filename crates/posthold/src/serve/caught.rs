//! A panic in one command or run is its own failure.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use commands::{Answer, Failure, FailureKind};

/// What is waited for. Boxed: what a server does is deeply nested.
pub(super) type Work<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

/// Waits for `work`. Where it panics, that is why it failed.
pub(super) async fn caught(mut work: Work<'_>) -> Result<Answer, Failure> {
    poll_fn(|context| {
        // What it leaves behind is not looked at again: it is dropped, and locks of its own that
        // it held are taken by others as they are, which all of them are prepared for.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(failure(&*panic))))
    })
    .await
}

fn failure(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let message = format!("it ended by a defect of the program: {text}");
    Failure::new(FailureKind::Internal, message)
        .with_hint("The server goes on. Please report it with what was done.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_of_its_own() {
        let panics = async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "told");
            Ok(Answer::Raw)
        };
        let failure = caught(Box::pin(panics)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Internal);
        assert!(failure.message.contains("told"), "{}", failure.message);
        assert_eq!(caught(Box::pin(async { Ok(Answer::Raw) })).await, Ok(Answer::Raw));
    }
}
