//! `store accept-rollback`: a store goes on from an older state than was recorded.

use std::sync::Arc;

use commands::{AdminAnswer, Answer, BackupAnswer, Failure, FailureKind, RollbackAccepted};
use disk::RealDisk;
use store::{Description, accept_rollback};

use super::stores::{options, recorded_of_store};
use super::{anchors, blocking, faults, store_admin, users};
use crate::context::Context;

/// Lets a store go on. The caller owns the data directory.
pub(super) async fn accept(context: &Context, name: Option<String>) -> Result<Answer, Failure> {
    let data = match &name {
        Some(name) => context.data.at(&store_admin::named(&context.data, name)?),
        None => context.data.clone(),
    };
    let place = data.place();
    let (name, dir) = (place.name, place.dir);
    if let Some(serving) = &context.serving
        && context.data.place().name == name
        && serving.store.look(|_| ()).await.is_some()
    {
        let message = "the store is open: it has everything that was recorded of it";
        return Err(Failure::new(FailureKind::Request, message));
    }
    let recorded = {
        let (data, name, dir) = (data.clone(), name.clone(), dir.clone());
        blocking(move || {
            let state = users::open(&data)?;
            recorded_of_store(&state, &name, &dir)
        })
        .await?
    };
    let lost = recorded.iter().map(|it| it.position.entries).max().unwrap_or(0);
    let accepted = accept_rollback(&dir, options(&data, recorded)).await;
    let (epoch, position) = accepted.map_err(|it| faults::store(&it))?;
    let warnings = vec![
        "Catalog and index are made anew when the store is opened next.".to_owned(),
        "Mail that was archived after that state is archived again by the next runs of its jobs, \
         where it is still at its source."
            .to_owned(),
    ];
    let store = name.clone();
    blocking(move || {
        let mut state = users::open(&data)?;
        let failed = |it| faults::state(&it);
        state.set_store_head(&name, position).map_err(failed)?;
        let description = Description::read(&RealDisk, &dir).map_err(|it| faults::store(&it))?;
        if let Some(description) = &description {
            let evidence = description.evidence(Arc::new(RealDisk), &dir);
            anchors::complete_list(&state, &evidence)?;
        }
        let id = description.map(|it| it.id).unwrap_or_default();
        state.forget_backed_up(&id).map_err(|it| faults::state(&it))
    })
    .await?;
    let answer = BackupAnswer::Accepted(RollbackAccepted {
        store,
        epoch,
        entries: position.entries,
        entries_lost: lost,
        warnings,
    });
    Ok(Answer::Admin(Box::new(AdminAnswer::Backup(Box::new(answer)))))
}
