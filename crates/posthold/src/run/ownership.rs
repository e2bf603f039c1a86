//! Owning the data directory: one process at a time writes.

use std::io;
use std::time::Duration;

use commands::{Failure, FailureKind, Progress, ProgressSink};
use disk::{DataLock, LockError, LockErrorKind, OsRandom, RealDisk, SystemClock};
use ports::Disk;

use super::{blocking, faults, users};
use crate::context::{Context, DataDir, Ownership};
use crate::serve::is_served;

/// How often a waiting command looks again. flock(2) could wait by itself, but not for a signal.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The right to write to the data directory, until it is dropped.
pub(super) struct Owned {
    /// Nothing in the process that serves the directory: it owns it as long as it runs.
    _lock: Option<DataLock>,
}

/// Makes the data directory when it is missing, and owns it until the value is dropped. `title`
/// is what others are told.
pub(super) async fn take(
    context: &Context,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Owned, Failure> {
    if context.serving.is_some() {
        return Ok(Owned { _lock: None });
    }
    let lock = taken(context, title, progress, Served::IsBusy).await?;
    let data = context.data.clone();
    blocking(move || interrupt_runs(&data)).await?;
    Ok(Owned { _lock: Some(lock) })
}

/// Runs that have not ended never will: whoever ran them is gone.
fn interrupt_runs(data: &DataDir) -> Result<(), Failure> {
    if !data.state().is_file() {
        return Ok(());
    }
    users::open(data)?.interrupt_runs().map_err(|it| faults::state(&it))
}

/// The same, with the lock itself: for the process that is going to serve.
pub(crate) async fn take_lock(
    context: &Context,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<DataLock, Failure> {
    taken(context, title, progress, Served::IsWaitedFor).await
}

/// Who owns the data directory, in words; `None` when nobody does.
pub(crate) async fn owner(context: &Context) -> Option<String> {
    let data = context.data.clone();
    let taken = tokio::task::spawn_blocking(move || {
        DataLock::take(data.path(), "posthold service status", &SystemClock, &OsRandom)
    });
    let error = taken.await.ok()?.err()?;
    matches!(error.kind(), LockErrorKind::Owned { .. }).then(|| error.to_string())
}

/// What to do where a server owns the data directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    /// Say so at once: the command can be handed over to it.
    IsBusy,
    /// Wait for its end, when that was asked for.
    IsWaitedFor,
}

async fn taken(
    context: &Context,
    title: &str,
    progress: &dyn ProgressSink,
    served: Served,
) -> Result<DataLock, Failure> {
    let data = context.data.clone();
    blocking(move || make(&data)).await?;
    let mut told = false;
    loop {
        let data = context.data.clone();
        let command = format!("posthold {title}");
        let taken = tokio::task::spawn_blocking(move || {
            DataLock::take(data.path(), &command, &SystemClock, &OsRandom)
        });
        let error = match taken.await.map_err(|it| faults::ended_early(&it))? {
            Ok(lock) => return Ok(lock),
            Err(error) => error,
        };
        let is_owned = matches!(error.kind(), LockErrorKind::Owned { .. });
        if !is_owned || context.ownership == Ownership::AtOnce {
            return Err(refused(&error));
        }
        if served == Served::IsBusy && is_served(&context.data).await {
            return Err(refused(&error));
        }
        if !told {
            told = true;
            // Whoever asked and went may still want it done.
            let _ = progress.send(Progress::Waiting(error.to_string()));
        }
        tokio::select! {
            () = context.stop.cancelled() => {
                return Err(Failure::new(FailureKind::Cancelled, "stopped while it waited"));
            }
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

fn make(data: &DataDir) -> Result<(), Failure> {
    RealDisk.create_dir_all(data.path()).map_err(|error: io::Error| {
        faults::io(&error, "failed to make the data directory")
            .with_hint("Name another directory with --data or POSTHOLD_DATA.")
    })
}

fn refused(error: &LockError) -> Failure {
    match error.kind() {
        LockErrorKind::Owned { .. } => Failure::new(FailureKind::Busy, error.to_string())
            .with_hint("Wait for it to end, or let this command wait with --wait."),
        _ => Failure::chain(FailureKind::Io, error),
    }
}
