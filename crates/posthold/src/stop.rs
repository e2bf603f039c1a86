//! Stopping: the first signal asks for a clean end, the second ends the process.

use archiver::CancelToken;
use commands::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Lets SIGINT (Ctrl-C) and SIGTERM ask for a clean end by `stop`; a second one of either ends
/// the process at once. Needs a runtime.
pub(crate) fn on_signals(
    stop: CancelToken,
    at_first: impl Fn() + Send + 'static,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
            if stop.is_cancelled() {
                // The log survives this as it survives a crash.
                std::process::exit(ExitCode::Failed as i32);
            }
            stop.cancel();
            at_first();
        }
    });
    Ok(())
}
