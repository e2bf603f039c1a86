//! `service ...`: what the server does, and workers that pause, go on and begin anew.

use std::sync::Arc;

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, GroupShown, GroupState, ProgressSink,
    ServiceRequest, ServiceStatus, WorkerGroup,
};

use ports::Log;
use store::{Stores, ViewsReach};

use super::{SOCKET, is_served};
use crate::context::Context;
use crate::run;
use crate::serving::Serving;

/// Carries out a request about the server: in it, or says that there is none.
pub(crate) async fn service(
    context: &Context,
    request: ServiceRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let Some(serving) = &context.serving else {
        return without_server(context, request, title).await;
    };
    match request {
        ServiceRequest::Status => (),
        ServiceRequest::Pause(group) => {
            can_rest(group)?.into_iter().for_each(|it| serving.pause(it));
            run::keep_paused(context, serving.groups.resting()).await?;
        }
        ServiceRequest::Resume(group) => {
            chosen(group).into_iter().for_each(|it| serving.groups.resume(it));
            run::keep_paused(context, serving.groups.resting()).await?;
        }
        ServiceRequest::Restart(group) => {
            super::apply::restart(serving, context, &chosen(group), title, progress).await?;
            run::keep_paused(context, serving.groups.resting()).await?;
        }
    }
    Ok(answer(status(context, serving).await))
}

fn chosen(group: Option<WorkerGroup>) -> Vec<WorkerGroup> {
    group.map_or(WorkerGroup::ALL.to_vec(), |it| vec![it])
}

/// The views cannot rest: whatever archives asks the catalog what it has.
fn can_rest(group: Option<WorkerGroup>) -> Result<Vec<WorkerGroup>, Failure> {
    if group == Some(WorkerGroup::Views) {
        let message = "the views cannot be paused: whatever archives asks the catalog what it has";
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold service pause fetch` and `receive` leave them nothing to do."));
    }
    Ok(chosen(group).into_iter().filter(|it| *it != WorkerGroup::Views).collect())
}

fn answer(status: ServiceStatus) -> Answer {
    Answer::Admin(Box::new(AdminAnswer::Service(Box::new(status))))
}

/// Busy when a server is there: the command is handed over to it.
async fn without_server(
    context: &Context,
    request: ServiceRequest,
    title: &str,
) -> Result<Answer, Failure> {
    if is_served(&context.data).await {
        return Err(Failure::new(FailureKind::Busy, format!("{title} is for the server")));
    }
    let owner = run::owner(context).await;
    if request != ServiceRequest::Status {
        let dir = context.data.path().display();
        let message = match owner {
            Some(owner) => owner,
            None => format!("no server runs in {dir}"),
        };
        return Err(Failure::new(FailureKind::Unavailable, message)
            .with_hint("`posthold serve` starts one."));
    }
    let state = if owner.is_some() { GroupState::Unknown } else { GroupState::Stopped };
    let shown = |group| GroupShown { group, state, told: String::new() };
    Ok(answer(ServiceStatus {
        groups: WorkerGroup::ALL.into_iter().map(shown).collect(),
        warnings: owner.into_iter().map(|it| format!("No server answers: {it}.")).collect(),
        ..empty(context)
    }))
}

fn empty(context: &Context) -> ServiceStatus {
    ServiceStatus {
        data: context.data.path().to_owned(),
        pid: None,
        uptime: None,
        socket: context.data.path().join(SOCKET),
        groups: Vec::new(),
        running: Vec::new(),
        next: Vec::new(),
        stuck: Vec::new(),
        changes: Vec::new(),
        entries: None,
        warnings: Vec::new(),
    }
}

async fn status(context: &Context, serving: &Serving) -> ServiceStatus {
    let mut groups = serving.groups.shown(|it| serving.running.count(it));
    let look = |it: &Arc<Stores>| {
        let store = it.current().store();
        (store.log().position().entries, store.reach())
    };
    let (entries, reach) = serving.store.look(look).await.unzip();
    if let (Some(entries), Some(reach)) = (entries, reach)
        && let Some(views) = groups.iter_mut().find(|it| it.group == WorkerGroup::Views)
    {
        views_in(entries, &reach, views);
    }
    let (stuck, warnings) = match run::stuck(context).await {
        Ok(stuck) => (stuck, Vec::new()),
        Err(failure) => (Vec::new(), vec![format!("{}.", failure.message)]),
    };
    ServiceStatus {
        stuck,
        warnings,
        pid: Some(std::process::id()),
        uptime: Some(serving.began.elapsed()),
        groups,
        running: serving.running.shown(),
        next: serving.next(),
        changes: serving.changes.newest(),
        entries,
        ..empty(context)
    }
}

/// How the views are, as far as they say it themselves.
fn views_in(entries: u64, reach: &ViewsReach, views: &mut GroupShown) {
    if views.state != GroupState::Running {
        return;
    }
    let index = reach.index.as_ref();
    let failures = [Some(&reach.catalog), index].into_iter().flatten();
    if let Some(why) = failures.filter_map(|it| it.failure.as_ref()).next() {
        views.state = GroupState::Failed;
        views.told.clone_from(why);
        return;
    }
    let behind = |read: u64| entries.saturating_sub(read);
    let (catalog, index) =
        (behind(reach.catalog.entries), index.map_or(0, |it| behind(it.entries)));
    if catalog.max(index) != 0 {
        views.told = format!("{} entries are still to be read", catalog.max(index));
    }
}
