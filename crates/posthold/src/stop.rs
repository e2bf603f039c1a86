//! Stopping: the first signal asks for a clean end, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use commands::ExitCode;

/// Says whether and when to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicBool,
    told: Notify,
}

impl Stop {
    /// Asks for a clean end.
    pub(crate) fn ask(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        self.0.told.notify_waiters();
    }

    /// Whether a clean end was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits until a clean end is asked for.
    pub(crate) async fn asked(&self) {
        let told = self.0.told.notified();
        tokio::pin!(told);
        // Registered before the flag is read, or an `ask` in between would be missed.
        told.as_mut().enable();
        if !self.is_asked() {
            told.await;
        }
    }
}

/// Lets SIGINT (Ctrl-C) and SIGTERM ask `stop`; a second one of either ends the process at once.
/// Needs a runtime.
pub(crate) fn on_signals(stop: Stop, at_first: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
            if stop.is_asked() {
                // The log survives this as it survives a crash.
                std::process::exit(ExitCode::Failed as i32);
            }
            stop.ask();
            at_first();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asking_before_and_after_waiting() {
        let stop = Stop::default();
        assert!(!stop.is_asked());
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.asked().await }
        });
        tokio::task::yield_now().await;
        stop.ask();
        assert!(waiting.await.is_ok());
        stop.asked().await;
        assert!(stop.is_asked());
    }
}
