//! `store merge`: what a store holds goes into another one, and the store is let go.
//!
//! Rules: nothing is removed: the store that ends stays on the disk with its history and proofs; it
//! is let go only when everything that it shows is in the other one; killed in between, it is done
//! again and makes nothing twice.

use commands::{
    Failure, FailureKind, Phase, Progress, ProgressSink, StoreMerged, StoreState, Work,
};

use super::{blocking, faults, store_admin, store_current};
use crate::context::Context;

/// Merges. Nobody else has the stores open.
pub(super) async fn merge(
    context: &Context,
    name: &str,
    into: &str,
    progress: &dyn ProgressSink,
) -> Result<StoreMerged, Failure> {
    let data = context.data.clone();
    let (from_name, into_name) = (name.to_owned(), into.to_owned());
    blocking(move || check(&data, &from_name, &into_name)).await?;
    let stores = store_current::all_open(&context.data, name).await?;
    let (told, mut news) = tokio::sync::watch::channel((0, 0));
    let tell = move |done: u64, of: u64| _ = told.send_replace((done, of));
    let merged = {
        let merging = stores.merge(name, into, &tell);
        tokio::pin!(merging);
        loop {
            tokio::select! {
                merged = &mut merging => break merged,
                Ok(()) = news.changed() => {
                    let (messages, of) = *news.borrow_and_update();
                    // Whoever asked and went may still want it done.
                    let _ = progress.send(Progress::Work(work(messages, of)));
                }
            }
        }
    };
    store_current::end(&context.data, stores).await?;
    let merged = merged.map_err(|it| faults::log(&it))?;
    let data = context.data.clone();
    let (name, into) = (name.to_owned(), into.to_owned());
    blocking(move || {
        let saved = store_admin::named(&data, &name)?;
        let mut answer = StoreMerged {
            dir: data.at(&saved).store(),
            copied: merged.copied,
            already: merged.already,
            placements: merged.placements,
            damaged: merged.damaged.iter().map(ToString::to_string).collect(),
            store: name,
            into,
            warnings: Vec::new(),
        };
        if answer.damaged.is_empty() {
            store_admin::detach(&data, &answer.store)?;
            answer.warnings.push(
                "Its directory is as it was. Remove it when its history and its proofs are not \
                 needed any more."
                    .to_owned(),
            );
        } else {
            answer.warnings.push(
                "It is in use still, because not everything of it could be read; `posthold store \
                 verify` says why."
                    .to_owned(),
            );
        }
        Ok(answer)
    })
    .await
}

fn work(messages: u64, of: u64) -> Work {
    Work { phase: Phase::Archiving, messages, messages_total: Some(of), ..Work::default() }
}

fn check(data: &crate::context::DataDir, name: &str, into: &str) -> Result<(), Failure> {
    let refused = |message: String, hint: &str| {
        Err(Failure::new(FailureKind::Request, message).with_hint(hint.to_owned()))
    };
    let (from, target) = (store_admin::named(data, name)?, store_admin::named(data, into)?);
    if name == into {
        return refused("a store cannot be merged into itself".into(), "Name two stores.");
    }
    if from.state == StoreState::Current {
        return refused(
            format!("the store {name:?} is current, and cannot end"),
            "`posthold store make-current NAME` lets another store take its place first.",
        );
    }
    if from.state != StoreState::Normal {
        return refused(
            format!("the store {name:?} is {}", from.state.name()),
            "`posthold store set-state NAME normal` prepares it.",
        );
    }
    if !matches!(target.state, StoreState::Normal | StoreState::Current) {
        return refused(
            format!("the store {into:?} is {}", target.state.name()),
            "`posthold store set-state NAME normal` lets it take changes.",
        );
    }
    Ok(())
}
