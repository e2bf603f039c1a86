//! `store rebuild-catalog`, `store rebuild-index`: a view is made anew from the log alone.

use commands::{
    Failure, FailureKind, Phase, ProgressSink, RebuildAnswer, View, WaitForViews, Work, WorkerGroup,
};
use store::{RebuildProgress, Rebuilt, Store};

use super::stores::{self, Writing, check_has_log};
use super::{blocking, faults, telling, users};
use crate::context::{Context, DataDir};

/// Ends the threads of the views of a server and starts them again.
pub(crate) async fn restart_views(
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<(), Failure> {
    let writing = Writing::open_alone(context).await?;
    let restarted = blocking(move || {
        let restarted = writing.store().restart_views().map_err(|it| faults::store(&it));
        restarted.map(|()| writing)
    });
    let closed = restarted.await?.close(WaitForViews::No, progress).await;
    closed.warnings.into_iter().for_each(|it| tracing::warn!("{it}"));
    Ok(())
}

/// Makes a view of one store anew, which nobody else has open.
pub(super) async fn of_store(
    place: DataDir,
    view: View,
    progress: &dyn ProgressSink,
) -> Result<RebuildAnswer, Failure> {
    check_has_log(&place)?;
    let rebuilt = telling(progress, move |teller| {
        let name = place.place().name;
        let recorded = stores::recorded_by_state(&*users::open(&place)?, &name);
        let recorded = recorded.map_err(|it| faults::state(&it))?;
        let opened = Store::open(&place.store(), stores::options(&place, recorded));
        let (store, _) = opened.map_err(|it| faults::store(&it))?;
        let mut tell = |RebuildProgress { messages, .. }| {
            teller.tell(Work { phase: Phase::Rebuilding, messages, ..Work::default() });
        };
        let rebuilt = match view {
            View::Catalog => store.rebuild_catalog(&mut tell),
            View::Index => store.rebuild_index(&mut tell),
        };
        let rebuilt = rebuilt.map_err(|it| faults::store(&it))?;
        let position = store.close().map_err(|it| faults::store(&it))?;
        stores::record(&place, &[(name.clone(), position)])?;
        if view == View::Index {
            let mut state = users::open(&place)?;
            state.set_index_trouble(&name, None).map_err(|it| faults::state(&it))?;
        }
        Ok(rebuilt)
    })
    .await?;
    let Rebuilt { position, messages, unreadable } = rebuilt;
    let warnings = Vec::new();
    Ok(RebuildAnswer { view, entries: position.entries, messages, unreadable, warnings })
}

/// Makes a view anew. The caller owns the data directory.
pub(super) async fn rebuild(
    context: &Context,
    view: View,
    progress: &dyn ProgressSink,
) -> Result<RebuildAnswer, Failure> {
    check_has_log(&context.data)?;
    let serving = context.serving.clone();
    if let Some(serving) = &serving {
        // They give the store back at their next batch, and go on when the view is whole.
        serving.running.begin_again(|_| true);
    }
    let writing = Writing::open_alone(context).await?;
    let rebuilds = telling(progress, move |teller| {
        let mut tell = |RebuildProgress { messages, entries, entries_total }| {
            teller.tell(Work { phase: Phase::Rebuilding, messages, ..Work::default() });
            if let Some(serving) = &serving {
                let percent = entries.saturating_mul(100).checked_div(entries_total);
                let percent = u8::try_from(percent.unwrap_or(0)).unwrap_or(99).min(99);
                serving.groups.changing(WorkerGroup::Views, percent);
            }
        };
        let rebuilt = match view {
            View::Catalog => writing.store().rebuild_catalog(&mut tell),
            View::Index => writing.store().rebuild_index(&mut tell),
        };
        if let Some(serving) = &serving {
            serving.groups.changing(WorkerGroup::Views, 100);
        }
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
