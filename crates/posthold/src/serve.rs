//! `serve`: the process that owns a data directory, runs jobs, and carries out the commands of
//! others.
//!
//! What it is not: another way to do things. A command comes as it was typed and goes through
//! `cli`, `run` and `render` like one of its own process.
//!
//! Rules:
//! - Who asks is root or the owner of the directory; nobody else can connect.
//! - Stopping takes ten seconds at most: what runs ends at its next batch, what does not is cut
//!   off, and the log is whole after either.
//! - A panic ends the step or command that it is in, and nothing else.

mod anchors;
mod apply;
mod caught;
mod client;
mod jobs;
mod mail;
mod retention;
mod scheduler;
mod socket;
mod status;
mod wire;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, Progress, ProgressSink, ServedAnswer, WaitForViews,
    WorkerGroup,
};
use net::LocalListener;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub(crate) use client::{Typed, hand_over, is_served};
pub(crate) use status::service;

use crate::context::{Context, Ownership};
use crate::run::{self, Writing};
use crate::serving::Serving;
use scheduler::Scheduler;

/// The socket, in the data directory.
const SOCKET: &str = "posthold.sock";

/// Commands that are carried out at the same time.
const COMMANDS_MAX: usize = 64;

/// How long what runs may take to end, once the server is asked to stop.
const END_WAIT: Duration = Duration::from_secs(7);

/// How long the views may take then. What they do not reach they read when it opens next.
const VIEWS_WAIT: Duration = Duration::from_secs(2);

/// How long a listener pauses that cannot accept: there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The version of program and command line: what both ends of the socket must have in common.
fn version() -> String {
    let page = crate::reference::page(&crate::cli::command());
    let digest = Sha256::digest(page.as_bytes());
    let mut version = format!("{} (command line ", env!("CARGO_PKG_VERSION"));
    for byte in digest.iter().take(4) {
        // Writing to a string does not fail.
        let _ = write!(version, "{byte:02x}");
    }
    version.push(')');
    version
}

/// Serves the data directory until `context.stop` is asked.
pub(crate) async fn serve(
    context: &Context,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    if context.serving.is_some() {
        let message = "the data directory is served already";
        return Err(Failure::new(FailureKind::Request, message));
    }
    let _lock = run::take_lock(context, title, progress).await?;
    let serving = Arc::new(Serving::new());
    let context = Context {
        ownership: Ownership::AtOnce,
        serving: Some(Arc::clone(&serving)),
        ..context.clone()
    };
    let writing = Writing::open(&context).await?;
    let warnings = writing.close(WaitForViews::No, progress).await.warnings;
    let data = context.data.path().to_owned();
    let listener = LocalListener::bind(&data, SOCKET).map_err(|error| {
        let message = format!("failed to listen at {}: {error}", data.join(SOCKET).display());
        Failure::new(FailureKind::Io, message)
            .with_hint("The file system of the data directory must be able to hold sockets.")
    })?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    for group in run::take_over(&context).await? {
        serving.groups.pause(group);
    }
    for group in [WorkerGroup::Receive, WorkerGroup::Mail, WorkerGroup::Views] {
        serving.groups.started(group, "");
    }
    // Whoever started it and went still wants it.
    let _ = progress
        .send(Progress::Notice(format!("Serving {}. Ctrl-C or SIGTERM ends it.", data.display())));
    let mut tasks = JoinSet::new();
    tasks.spawn(mail::keep(context.clone(), Arc::clone(&serving)));
    tasks.spawn(retention::keep(context.clone(), Arc::clone(&serving)));
    tasks.spawn(anchors::keep(context.clone(), Arc::clone(&serving)));
    tasks.spawn(Scheduler::new(context.clone(), Arc::clone(&serving)).keep());
    accept(&context, &listener, &mut tasks).await;
    // Whoever comes now is told that the directory is in use, and by whom.
    drop(listener);
    let cut_off = end(&context, &serving, tasks).await;
    let served = ServedAnswer { uptime: serving.began.elapsed(), cut_off, warnings };
    Ok(Answer::Admin(Box::new(AdminAnswer::Served(served))))
}

/// Takes commands until it is asked to stop.
async fn accept(context: &Context, listener: &LocalListener, tasks: &mut JoinSet<()>) {
    let places = Arc::new(Semaphore::new(COMMANDS_MAX));
    loop {
        let accepted = tokio::select! {
            () = context.stop.cancelled() => return,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let peer = match accepted {
            Ok(peer) => peer,
            Err(error) => {
                tracing::warn!(%error, "a command could not connect");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !listener.is_welcome(peer.uid) {
            let message = format!("the server takes no commands of user {}", peer.uid);
            let hint = "Give them as root, or as the user that the server runs as.";
            tasks.spawn(socket::turn_away(peer, message, hint));
            continue;
        }
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let context = context.clone();
                tasks.spawn(async move {
                    socket::serve_peer(context, peer).await;
                    drop(place);
                });
            }
            Err(_) => {
                let message = format!("the server carries out {COMMANDS_MAX} commands already");
                tasks.spawn(socket::turn_away(peer, message, "Wait for some to end."));
            }
        }
    }
}

/// Waits for what runs, cuts off what does not end, and closes the store. Returns what was cut off.
async fn end(context: &Context, serving: &Serving, mut tasks: JoinSet<()>) -> Vec<String> {
    let all = async { while tasks.join_next().await.is_some() {} };
    let mut cut_off = Vec::new();
    if tokio::time::timeout(END_WAIT, all).await.is_err() {
        cut_off = serving.running.shown().into_iter().map(|it| it.title).collect();
        tracing::warn!(?cut_off, "cut off: what did not end in time");
        tasks.abort_all();
    }
    let began = Instant::now();
    let ended = match tokio::time::timeout(VIEWS_WAIT / 2, serving.store.take()).await {
        Ok(Some(store)) => {
            let wait = VIEWS_WAIT.saturating_sub(began.elapsed());
            run::end_within(&context.data, store, wait).await
        }
        Ok(None) => Ok(()),
        // Somebody who was cut off holds it still: what was acknowledged ends cleanly all the same.
        Err(_) => match serving.store.look(Arc::clone).await {
            Some(stores) => run::end_logs(&context.data, stores).await,
            None => Ok(()),
        },
    };
    if let Err(failure) = ended {
        tracing::warn!("the store did not end cleanly: {}", failure.message);
    }
    cut_off
}
