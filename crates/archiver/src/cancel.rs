//! Asking a run to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

/// Asks a run to end at the next batch. Clones ask the same run.
///
/// What was acknowledged by then is kept, and the next run goes on from there.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    changed: Notify,
    /// Those that are asked with it.
    children: Mutex<Vec<Weak<Shared>>>,
}

impl CancelToken {
    /// A token that nobody has used yet.
    #[must_use]
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// A token for a part of the work: it is asked whenever this one is, and may be asked alone.
    #[must_use]
    pub fn child(&self) -> CancelToken {
        let child = CancelToken::new();
        let mut children = self.shared.children();
        // Under the lock, so that a call meanwhile does not miss it.
        if self.is_cancelled() {
            child.cancel();
        }
        children.retain(|it| it.strong_count() != 0);
        children.push(Arc::downgrade(&child.shared));
        child
    }

    /// Asks the run to end. Asking twice is asking once.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Waits until somebody asks.
    pub async fn cancelled(&self) {
        loop {
            // Registered before looking, so that a call between the two is not missed.
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_cancelled() {
                return;
            }
            changed.await;
        }
    }
}

impl Shared {
    fn children(&self) -> MutexGuard<'_, Vec<Weak<Shared>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.changed.notify_waiters();
        let children: Vec<_> = self.children().drain(..).filter_map(|it| it.upgrade()).collect();
        children.iter().for_each(|it| it.cancel());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_asked_with_the_whole_and_alone() {
        let whole = CancelToken::new();
        let (part, other) = (whole.child(), whole.child());
        let of_part = part.child();
        part.cancel();
        assert!(of_part.is_cancelled() && !other.is_cancelled() && !whole.is_cancelled());
        whole.cancel();
        assert!(other.is_cancelled() && whole.child().is_cancelled());
    }

    #[tokio::test]
    async fn waiting_ends_before_and_after_the_call() {
        let token = CancelToken::new();
        let waiting = tokio::spawn({
            let token = token.clone();
            async move { token.cancelled().await }
        });
        tokio::task::yield_now().await;
        assert!(!token.is_cancelled());
        token.cancel();
        waiting.await.unwrap();
        token.cancelled().await;
        assert!(token.is_cancelled());
    }
}
