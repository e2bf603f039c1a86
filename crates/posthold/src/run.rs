//! Carries out requests: the one function behind every command of every surface.
//!
//! What it is not: a surface. It parses no argument and prints nothing.
//!
//! Rules: a writing command owns the data directory while it runs, a reading one never waits for
//! another; every error ends as a [`Failure`] that says what the caller can do; a request to stop
//! is a normal end with an answer.

mod accept_rollback;
mod alerts;
mod all_stores;
mod anchors;
mod approvals;
mod archive;
mod audit;
mod backup;
mod bench;
mod bounded;
mod compact;
mod configuration;
mod confirmations;
mod daily;
mod deliver;
mod demo;
mod doctor;
mod encryption;
mod erasures;
mod export;
mod faults;
mod forgetting;
mod governing;
mod identity;
mod import;
mod insecure;
mod job_check;
mod job_work;
mod jobs;
mod keys;
mod mail;
mod many;
mod many_accounts;
mod many_progress;
mod many_test;
mod other_jobs;
mod ownership;
mod presets;
mod profile_test;
mod profiles;
mod quarantine;
mod rebuild;
mod recorded;
mod removal;
mod report;
mod restore;
mod retention;
mod retry;
mod run_state;
mod search;
mod sending;
#[cfg(test)]
mod served;
mod settings;
mod show;
mod sorting;
mod store_admin;
mod store_current;
mod store_merge;
mod store_move;
mod store_stats;
mod stores;
mod succession;
mod takeover;
mod unknown;
mod users;
mod verify;
mod zones;

use std::pin::Pin;

use commands::{Answer, BackupRequest, Failure, JobRequest, Progress, ProgressSink, Request, Work};
use tokio::sync::watch;

pub(crate) use anchors::are_due as anchors_are_due;
pub(crate) use approvals::ask_by_schedule;
pub(crate) use audit::{Asker, Place, Reads, begin_run, end as end_audited};
pub(crate) use bench::{SearchTimes, bench_search};
pub(crate) use deliver::deliver_due;
pub(crate) use governing::Governing;
pub(crate) use jobs::{jobs_of_profile, run_job};
pub(crate) use ownership::{owner, take_lock};
pub(crate) use rebuild::restart_views;
pub(crate) use recorded::Recorded;
pub(crate) use retention::{RetentionWork, look_at_clock, look_for_work};
pub(crate) use retry::retry_due;
pub(crate) use sorting::options as sort_options;
pub(crate) use stores::{Writing, end_logs, end_within};
pub(crate) use takeover::{
    ScheduledJob, group_of, interrupt_job, keep_paused, owe_jobs, scheduled_jobs, settle_job,
    stuck, take_over,
};
pub(crate) use users::open as open_state;

use crate::context::Context;
use crate::serve;

/// Carries out `request`. What it tells meanwhile goes to `progress`.
pub(crate) async fn run(
    request: Request,
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let archives = matches!(
        request,
        Request::Archive(_) | Request::Import(_) | Request::Job(JobRequest::Run(_))
    );
    let title = request.title();
    // A doctor is asked just then.
    if !has_own_directory(&request) && !matches!(request, Request::Doctor(_)) {
        restore::check_is_whole(&context.data)?;
    }
    let begun = audit::begin(context, &request).await?;
    let within = Context { reads: begun.reads(), ..context.clone() };
    let answer = carry_out(request, &within, &begun.noting(progress)).await;
    let answer = audit::end(context, begun, answer).await;
    if archives {
        // Nobody is told twice what the answer says: this is for those who do not see it.
        deliver::after_run(context, &title).await;
    }
    answer
}

async fn carry_out(
    request: Request,
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let title = request.title();
    let own = || ownership::take(context, &title, progress);
    match request {
        Request::Archive(it) => archive::archive(context, *it, &title, progress).await,
        Request::Import(it) => import::import(context, it, &title, progress).await,
        Request::Search(it) => search::search(context, it, progress).await,
        Request::Show(it) => show::show(context, it, progress).await,
        Request::Export(it) => export::export(context, it, progress).await.map(Answer::Export),
        Request::Verify(it) => verify::verify(context, it, progress).await.map(Answer::Verify),
        Request::Rebuild(view) => {
            let _owned = own().await?;
            rebuild::rebuild(context, view, progress).await.map(Answer::Rebuild)
        }
        Request::UserAdd(name) => {
            let _owned = own().await?;
            users::add(context, name).await
        }
        Request::Key(it) => keys::run(context, it, &title, progress).await,
        Request::Settings(it) => settings::run(context, it, &title, progress).await,
        Request::Profile(it) => profiles::run(context, it, &title, progress).await,
        Request::Preset(it) => presets::run(&it),
        Request::Job(it) => jobs::run(context, it, &title, progress).await,
        Request::UserSet(it) => {
            let _owned = own().await?;
            users::set(context, *it).await
        }
        Request::UserShow(name) => users::show(context, name).await,
        Request::Store(it) => store_admin::run(context, it, &title, progress).await,
        Request::UserList => users::list(context, progress).await,
        Request::Serve => serve::serve(context, &title, progress).await,
        Request::Service(it) => serve::service(context, it, &title, progress).await,
        Request::Quarantine(it) => quarantine::run(context, it, &title, progress).await,
        Request::Unknown(it) => unknown::run(context, it, &title, progress).await,
        Request::Apply(it) => configuration::apply(context, it, &title, progress).await,
        Request::Backup(it) => backup::run(context, it, &title, progress).await,
        Request::AcceptRollback(store) => {
            let _owned = own().await?;
            accept_rollback::accept(context, store).await
        }
        Request::Alert(it) => alerts::run(context, it, &title, progress).await,
        Request::Mail(it) => mail::run(context, it, &title, progress).await,
        Request::Anchor(it) => anchors::run(context, it, &title, progress).await,
        Request::Report(it) => daily::run(context, it, &title, progress).await,
        Request::Retention(it) => retention::run(context, it, &title, progress).await,
        Request::Hold(it) => retention::run_hold(context, it, &title, progress).await,
        Request::Approval(it) => approvals::run(context, it, &title, progress).await,
        Request::Delete(it) => retention::delete(context, it, &title, progress).await,
        Request::Audit(it) => audit::run(context, it, &title, progress).await,
        Request::Doctor(it) => doctor::doctor(context, it).await,
        Request::Demo(it) => demo::demo(context, it, progress).await,
    }
}

/// Whether a request is about directories that it names, and not about the data directory.
fn has_own_directory(request: &Request) -> bool {
    match request {
        Request::Demo(_) => true,
        Request::Backup(it) => !matches!(it, BackupRequest::Create(_)),
        _ => false,
    }
}

/// The same, for commands that carry out commands.
pub(crate) fn boxed<'a>(
    request: Request,
    context: &'a Context,
    progress: &'a dyn ProgressSink,
) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>> {
    Box::pin(run(request, context, progress))
}

/// Runs `work` on the blocking pool: files, SQLite, hashing, compression.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(faults::ended_early(&error)),
    }
}

/// Says how far work on the blocking pool is. Only the newest counts.
struct Teller(watch::Sender<Work>);

impl Teller {
    fn tell(&self, work: Work) {
        self.0.send_replace(work);
    }
}

/// Runs `work` on the blocking pool, and passes on how far it is.
async fn telling<T: Send + 'static>(
    progress: &dyn ProgressSink,
    work: impl FnOnce(&Teller) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (told, mut news) = watch::channel(Work::default());
    let works = blocking(move || work(&Teller(told)));
    tokio::pin!(works);
    loop {
        tokio::select! {
            result = &mut works => return result,
            Ok(()) = news.changed() => {
                let work = *news.borrow_and_update();
                // Whoever asked and went may still want it done.
                let _ = progress.send(Progress::Work(work));
            }
        }
    }
}
