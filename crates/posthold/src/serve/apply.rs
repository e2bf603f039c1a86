//! Changes while the server runs (hot apply): in turn, and without interrupting a batch.
//!
//! A change is saved first; then the runs that it concerns end at their next batch and begin
//! again with what is saved. Who asked for it is told how far that is, and so is whoever looks at
//! `service status`.

use std::time::Duration;

use commands::{
    Answer, ApplyMode, ChangeShown, ChangeState, Failure, FailureKind, JobRequest, KeyRequest,
    ProfileRequest, Progress, ProgressSink, Reinitialised, Request, SettingsRequest, Switch,
    Trigger, WorkerGroup,
};
use disk::SystemClock;
use ports::Clock;
use settings::Applies;

use super::jobs;
use crate::context::Context;
use crate::run;
use crate::serving::{Asked, Begins, Serving};

/// How long somebody who asked for a change waits until it counts everywhere. It goes on then.
const APPLIED_WAIT: Duration = Duration::from_secs(60);

/// What a change concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Concerns {
    /// Nothing that runs: what begins next has it.
    Nothing,
    /// This job.
    Job(String),
    /// This job, which must not go on.
    Ends(String),
    /// The jobs of this server profile.
    Profile(String),
    /// Every job.
    Everything(Reinitialised),
}

/// Carries out a command of the server. A change takes its turn and is applied.
pub(super) async fn carry_out(
    serving: &Serving,
    context: &Context,
    request: Request,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    match &request {
        Request::Job(JobRequest::Run(name)) => {
            let group = run::group_of(context, name).await?;
            let entered = jobs::enter(serving, context, group, name)?;
            return jobs::run(serving, context, name, Trigger::Hand, entered, progress).await;
        }
        // It asks what runs; it is none of it.
        Request::Service(_) => return run::boxed(request, context, progress).await,
        _ => (),
    }
    let title = title(&request);
    let Some(concerns) = change_of(&request) else {
        let begins = Begins { title, job: None, group: None, now: SystemClock.now() };
        let entered = serving
            .running
            .enter(begins, &context.stop)
            .map_err(|it| Failure::new(FailureKind::Busy, format!("{} runs already", it.0)))?;
        let context = Context { stop: entered.stop(), ..context.clone() };
        return run::boxed(request, &context, &entered.noting(progress)).await;
    };
    let number = serving.changes.asked(&title, SystemClock.now());
    if let Some(before) = serving.changes.before(number) {
        let _ = progress.send(Progress::Notice(format!("Waiting for a change: {before}")));
    }
    let note = |it: &dyn Fn(&mut ChangeShown)| serving.changes.note(number, it);
    let turn = serving.changes.turn().await;
    note(&|it| it.state = ChangeState::Applying(0));
    let changed = run::boxed(request, context, progress).await;
    let Ok(answer) = changed else {
        note(&|it| it.state = ChangeState::Refused);
        return changed;
    };
    let (class, asked) = ask(serving, context, &concerns).await;
    let jobs: Vec<String> = asked.iter().map(|it| it.job.clone()).collect();
    note(&|it| {
        it.reinitialised = class;
        it.jobs.clone_from(&jobs);
    });
    drop(turn);
    serving.saved.send_modify(|it| *it = it.wrapping_add(1));
    if !asked.is_empty() {
        let what = if matches!(concerns, Concerns::Ends(_)) { "Ending" } else { "Connecting anew" };
        let _ = progress.send(Progress::Notice(format!("{what}: {}.", jobs.join(", "))));
    }
    let applying = await_ended(serving, &asked, |percent| {
        note(&|it| it.state = ChangeState::Applying(percent));
        serving.groups.changing(WorkerGroup::Fetch, percent);
    });
    if tokio::time::timeout(APPLIED_WAIT, applying).await.is_err() {
        let told = "The change is saved, and some runs have not come to their next batch yet.";
        let _ = progress.send(Progress::Notice(told.into()));
    }
    serving.groups.changing(WorkerGroup::Fetch, 100);
    note(&|it| it.state = ChangeState::Applied);
    Ok(answer)
}

/// What is asked for, as it is typed, without secrets.
fn title(request: &Request) -> String {
    let of = match request {
        Request::Settings(SettingsRequest::Set(key, value)) => {
            format!("{key} {}", value.as_deref().unwrap_or("--default"))
        }
        Request::UserSet(it) => it.name.to_string(),
        Request::Profile(it) => match it {
            ProfileRequest::Add(name, _)
            | ProfileRequest::Set(name, _)
            | ProfileRequest::Switch(name, _)
            | ProfileRequest::Remove(name) => name.clone(),
            ProfileRequest::Copy { from, to, .. } | ProfileRequest::Rename { from, to } => {
                format!("{from} {to}")
            }
            _ => String::new(),
        },
        Request::Job(it) => match it {
            JobRequest::Add(name, _)
            | JobRequest::Set(name, _)
            | JobRequest::Switch(name, _)
            | JobRequest::Remove(name) => name.clone(),
            JobRequest::Copy { from, to, .. } | JobRequest::Rename { from, to } => {
                format!("{from} {to}")
            }
            _ => String::new(),
        },
        _ => String::new(),
    };
    format!("{} {of}", request.title()).trim_end().to_owned()
}

/// What a request changes; `None` when it is no change.
fn change_of(request: &Request) -> Option<Concerns> {
    Some(match request {
        Request::Settings(SettingsRequest::Set(key, _)) => match settings::find(key) {
            Some(setting) => match setting.applies {
                Applies::None => Concerns::Nothing,
                Applies::Part => Concerns::Everything(Reinitialised::Part),
                Applies::All => Concerns::Everything(Reinitialised::All),
            },
            None => Concerns::Nothing,
        },
        Request::Profile(it) => match it {
            ProfileRequest::Set(name, _)
            | ProfileRequest::Switch(name, _)
            | ProfileRequest::Remove(name) => Concerns::Profile(name.clone()),
            ProfileRequest::Add(..) | ProfileRequest::Copy { .. } => Concerns::Nothing,
            ProfileRequest::Rename { .. } => Concerns::Nothing,
            _ => return None,
        },
        Request::Job(it) => match it {
            JobRequest::Set(name, _) | JobRequest::Switch(name, Switch::Enabled) => {
                Concerns::Job(name.clone())
            }
            JobRequest::Switch(name, Switch::Disabled) | JobRequest::Remove(name) => {
                Concerns::Ends(name.clone())
            }
            JobRequest::Add(..) | JobRequest::Copy { .. } | JobRequest::Rename { .. } => {
                Concerns::Nothing
            }
            _ => return None,
        },
        Request::Apply(it) if it.mode == ApplyMode::Apply => {
            Concerns::Everything(Reinitialised::All)
        }
        // Selections of users are read when a run begins.
        Request::UserAdd(_) | Request::UserSet(_) | Request::Key(KeyRequest::Rotate) => {
            Concerns::Nothing
        }
        _ => return None,
    })
}

/// Asks the runs that a change concerns to end, and mostly to begin again.
async fn ask(
    serving: &Serving,
    context: &Context,
    concerns: &Concerns,
) -> (Reinitialised, Vec<Asked>) {
    let running = &serving.running;
    match concerns {
        Concerns::Nothing => (Reinitialised::None, Vec::new()),
        Concerns::Job(name) => (Reinitialised::Part, running.begin_again(|it| it == name)),
        Concerns::Ends(name) => (Reinitialised::Part, running.end_jobs(|it| it == name)),
        Concerns::Profile(name) => {
            let jobs = run::jobs_of_profile(context, name).await.unwrap_or_default();
            let is_meant = |job: &str| jobs.iter().any(|it| it == job);
            (Reinitialised::Part, running.begin_again(is_meant))
        }
        Concerns::Everything(class) => (*class, running.begin_again(|_| true)),
    }
}

/// Waits until these runs have ended; tells so many of a hundred parts.
async fn await_ended(serving: &Serving, asked: &[Asked], tell: impl Fn(u8)) {
    let mut changes = serving.running.changes();
    loop {
        let left = serving.running.left(asked);
        if left == 0 {
            return;
        }
        let percent = (asked.len() - left) * 100 / asked.len();
        tell(u8::try_from(percent).unwrap_or(99).min(99));
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Lets workers begin anew.
pub(super) async fn restart(
    serving: &Serving,
    context: &Context,
    groups: &[WorkerGroup],
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<(), Failure> {
    groups.iter().for_each(|it| serving.groups.resume(*it));
    let asked = serving.running.begin_again(|_| true);
    let waits = await_ended(serving, &asked, |percent| {
        groups.iter().for_each(|it| serving.groups.changing(*it, percent));
    });
    if tokio::time::timeout(APPLIED_WAIT, waits).await.is_err() {
        let told = format!("{title}: some runs have not come to their next batch yet.");
        let _ = progress.send(Progress::Notice(told));
    }
    if groups.contains(&WorkerGroup::Views) {
        run::restart_views(context, progress).await?;
    }
    groups.iter().for_each(|it| serving.groups.started(*it, ""));
    Ok(())
}
