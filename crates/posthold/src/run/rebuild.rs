//! `store rebuild-catalog`, `store rebuild-index`: a view is made anew from the log alone.

use commands::{
    Failure, FailureKind, Phase, ProgressSink, RebuildAnswer, View, WaitForViews, Work,
};
use store::{RebuildProgress, Rebuilt};

use super::stores::{Writing, check_has_log};
use super::{faults, telling};
use crate::context::Context;

/// Makes a view anew. The caller owns the data directory.
pub(super) async fn rebuild(
    context: &Context,
    view: View,
    progress: &dyn ProgressSink,
) -> Result<RebuildAnswer, Failure> {
    check_has_log(&context.data)?;
    let writing = Writing::open_alone(context).await?;
    let rebuilds = telling(progress, move |teller| {
        let mut tell = |RebuildProgress { messages, .. }| {
            teller.tell(Work { phase: Phase::Rebuilding, messages, ..Work::default() });
        };
        let rebuilt = match view {
            View::Catalog => writing.store().rebuild_catalog(&mut tell),
            View::Index => writing.store().rebuild_index(&mut tell),
        };
        rebuilt.map(|it| (writing, it)).map_err(|it| faults::store(&it))
    });
    let (writing, rebuilt) = tokio::select! {
        rebuilt = rebuilds => rebuilt?,
        // The old view is in its place until the new one is whole; the process ends meanwhile.
        () = context.stop.cancelled() => {
            let message = "stopped before the new view was whole";
            return Err(Failure::new(FailureKind::Cancelled, message)
                .with_hint("The old one is still in use. Run it again."));
        }
    };
    let closed = writing.close(WaitForViews::Yes, progress).await;
    let Rebuilt { position, messages, unreadable } = rebuilt;
    let mut warnings = closed.warnings;
    if unreadable != 0 {
        warnings.push(format!(
            "{unreadable} messages cannot be read and are not in the index; `posthold verify` \
             says why"
        ));
    }
    Ok(RebuildAnswer { view, entries: position.entries, messages, unreadable, warnings })
}
