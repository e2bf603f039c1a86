//! `service ...`: what the server does, and workers that pause, go on and begin anew.

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, GroupShown, GroupState, ProgressSink,
    ServiceRequest, ServiceStatus, WorkerGroup,
};

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
    let chosen = |group: Option<WorkerGroup>| match group {
        Some(group) => vec![group],
        None => WorkerGroup::ALL.to_vec(),
    };
    match request {
        ServiceRequest::Status => (),
        ServiceRequest::Pause(group) => {
            for group in chosen(group) {
                serving.groups.pause(group);
                serving.running.end_group(group);
            }
        }
        ServiceRequest::Resume(group) => {
            chosen(group).into_iter().for_each(|it| serving.groups.resume(it));
        }
        ServiceRequest::Restart(group) => {
            super::apply::restart(serving, &chosen(group), title, progress).await;
        }
    }
    Ok(answer(status(context, serving).await))
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
    let position = serving.store.position().await;
    ServiceStatus {
        pid: Some(std::process::id()),
        uptime: Some(serving.began.elapsed()),
        groups: serving.groups.shown(|it| serving.running.count(it)),
        running: serving.running.shown(),
        changes: serving.changes.newest(),
        entries: position.map(|it| it.entries),
        ..empty(context)
    }
}
