//! `store compact`: what was erased leaves every file.

use std::ops::ControlFlow;

use commands::{
    AdminAnswer, Answer, CompactAnswer, CompactHow, Failure, FailureKind, Phase, ProgressSink,
    StoreState, WaitForViews, Work,
};
use store::log::{CompactProgress, CompactStep, Compacted};
use store::{Store, StoreCompactPlan};

use super::all_stores::{self, AllStores};
use super::stores::{Writing, options};
use super::{Teller, backup, blocking, faults, forgetting, ownership, store_admin, telling};
use crate::context::{Context, DataDir};

/// What a compaction would take out.
pub(super) fn plan(data: &DataDir, name: Option<&str>) -> Result<CompactAnswer, Failure> {
    let all = AllStores::open(data)?;
    let one = match name {
        Some(name) => all.stores.iter().find(|it| it.name == name),
        None => all.stores.last(),
    };
    let one = one.ok_or_else(|| {
        Failure::new(FailureKind::Request, "there is no such store that can be read")
            .with_hint("`posthold store list` shows the stores.")
    })?;
    let plan = one.reading.store.compact_plan().map_err(|it| faults::store(&it))?;
    Ok(answer(&one.name, CompactHow::Plan, &plan))
}

fn answer(store: &str, how: CompactHow, plan: &StoreCompactPlan) -> CompactAnswer {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let segments = &plan.log.segments;
    CompactAnswer {
        store: store.to_owned(),
        how,
        messages: plan.log.messages,
        segments: count(segments.len()),
        bytes: plan.log.bytes,
        blobs: count(segments.iter().map(|it| it.blobs.len()).sum()),
        details: count(segments.iter().map(|it| it.details.len()).sum()),
        torn: count(plan.log.torn.len()),
        bytes_freed: 0,
        views: plan.views,
        warnings: Vec::new(),
    }
}

/// Compacts a store. What it has done when it is stopped stays done.
pub(super) async fn run(
    context: &Context,
    name: Option<String>,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let _owned = ownership::take(context, title, progress).await?;
    let name = name.unwrap_or_else(|| context.data.place().name.clone());
    let answer = one(context, &name, progress).await?;
    Ok(Answer::Admin(Box::new(AdminAnswer::Compacted(Box::new(answer)))))
}

async fn one(
    context: &Context,
    name: &str,
    progress: &dyn ProgressSink,
) -> Result<CompactAnswer, Failure> {
    match name == context.data.place().name {
        true => this(context, name, progress).await,
        false => other(context, name, progress).await,
    }
}

/// What became of files that something erased was in.
#[derive(Default)]
pub(super) struct Cleared {
    /// The stores that were compacted.
    pub(super) compacted: Vec<CompactAnswer>,
    /// Of which stores files have it still, and why: sentences.
    pub(super) warnings: Vec<String>,
}

/// Compacts every store that has anything that was erased, in a data directory that the caller
/// owns. One that fails does not keep the others from it: the next run goes on with it.
pub(super) async fn everywhere(context: &Context, progress: &dyn ProgressSink) -> Cleared {
    let mut cleared = Cleared::default();
    let data = context.data.clone();
    let noted = blocking(move || Ok(backup::erased::note(&data))).await;
    cleared.warnings.extend(noted.unwrap_or_default());
    let data = context.data.clone();
    let left = match blocking(move || stores_left(&data)).await {
        Ok(left) => left,
        Err(failure) => {
            let why = &failure.message;
            cleared.warnings.push(format!("What was erased may still be in the files: {why}."));
            return cleared;
        }
    };
    for Left { store, state } in left {
        let done = match state {
            StoreState::Current | StoreState::Normal => one(context, &store, progress).await,
            _ => Err(Failure::new(FailureKind::Store, "it is not written to")),
        };
        match done {
            Ok(answer) => cleared.compacted.push(answer),
            Err(failure) => cleared.warnings.push(format!(
                "What was erased is still in the files of the store {store}: {}. `posthold store \
                 compact {store}` goes on.",
                failure.message.trim_end_matches('.')
            )),
        }
    }
    cleared
}

/// A store with files that something erased is in.
pub(crate) struct Left {
    /// Its name.
    pub(crate) store: String,
    state: StoreState,
}

impl Left {
    /// Whether it can be taken out of them now.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.state, StoreState::Current | StoreState::Normal)
    }
}

/// The stores in use that have files with what was erased. Blocks.
pub(super) fn stores_left(data: &DataDir) -> Result<Vec<Left>, Failure> {
    let saved = all_stores::saved(data)?;
    let mut left = Vec::new();
    for one in AllStores::open(data)?.stores {
        let is_clear = one.reading.store.is_clear().map_err(|it| faults::store(&it))?;
        let state = saved.iter().find(|it| it.name == one.name).map(|it| it.state);
        if let (false, Some(state)) = (is_clear, state) {
            left.push(Left { store: one.name, state });
        }
    }
    Ok(left)
}

/// The current store, which a server may have open.
async fn this(
    context: &Context,
    name: &str,
    progress: &dyn ProgressSink,
) -> Result<CompactAnswer, Failure> {
    if let Some(serving) = &context.serving {
        // They give the store back at their next batch, and go on afterwards.
        serving.running.begin_again(|_| true);
    }
    let writing = Writing::open_alone(context).await?;
    let (data, stop, name) = (context.data.clone(), context.stop.clone(), name.to_owned());
    let works = telling(progress, move |teller| {
        let done = compact(&data, &writing.store(), &name, &stop, teller);
        Ok((writing, done))
    });
    let (writing, done) = works.await?;
    let closed = writing.close(WaitForViews::Yes, progress).await;
    let mut answer = done?;
    answer.warnings.extend(closed.warnings);
    Ok(answer)
}

/// Another store, which nobody else has open for writing.
async fn other(
    context: &Context,
    name: &str,
    progress: &dyn ProgressSink,
) -> Result<CompactAnswer, Failure> {
    // A server may have it open: it opens it anew afterwards.
    let _alone = store_admin::alone(context).await?;
    let (data, stop, name) = (context.data.clone(), context.stop.clone(), name.to_owned());
    telling(progress, move |teller| {
        let place = data.at(&store_admin::named(&data, &name)?);
        let opened = Store::open(&place.store(), options(&place, Vec::new()));
        let (store, _) = opened.map_err(|it| faults::store(&it))?;
        let done = compact(&data, &store, &name, &stop, teller);
        let closed = store.close().map_err(|it| faults::store(&it));
        let done = done?;
        closed.map(|_| done)
    })
    .await
}

fn compact(
    data: &DataDir,
    store: &Store,
    name: &str,
    stop: &archiver::CancelToken,
    teller: &Teller,
) -> Result<CompactAnswer, Failure> {
    let plan = store.compact_plan().map_err(|it| faults::store(&it))?;
    if plan.views {
        forgetting::forget(data, store)?;
    }
    let mut go_on = |CompactProgress { step, bytes, bytes_total, .. }: CompactProgress| {
        teller.tell(match step {
            CompactStep::Log => Work {
                phase: Phase::Compacting,
                bytes,
                bytes_total: Some(bytes_total),
                ..Work::default()
            },
            CompactStep::Catalog | CompactStep::Index => {
                Work { phase: Phase::Clearing, ..Work::default() }
            }
        });
        if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let done = store.compact(&plan, &mut go_on).map_err(|it| faults::store(&it))?;
    let Compacted { segments, blobs, details, bytes_freed, torn, is_stopped } = done;
    if is_stopped {
        let message = format!("stopped behind {segments} segments");
        return Err(Failure::new(FailureKind::Cancelled, message)
            .with_hint("What is done stays done. Run it again for the rest."));
    }
    let planned = answer(name, CompactHow::Run, &plan);
    Ok(CompactAnswer { segments, blobs, details, bytes_freed, torn, ..planned })
}
