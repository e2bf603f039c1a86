//! `job ...` and `run ...`: saved jobs, and what they did.

use ::settings::SERVER_CONNECTIONS;
use commands::{
    AdminAnswer, Answer, EffectiveFolder, Failure, FailureKind, Job, JobChange, JobKind,
    JobRequest, JobShown, JobSource, ProgressSink, Rank, Switch, Trigger, check_name,
};
use disk::{OsRandom, SystemClock};
use ports::{Clock, Connect, Source};
use rules::Verdict;
use state::{SavedJob, SecretPlace, State};

use super::job_work::{self, Ready};
use super::{
    archive, blocking, faults, job_check, keys, many, many_test, other_jobs, ownership, presets,
    profiles, run_state, settings as values_of, sorting, users,
};
use crate::context::{Context, DataDir, KeySource};

/// Carries out a request about jobs.
pub(super) async fn run(
    context: &Context,
    request: JobRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let admin = |it| Ok(Answer::Admin(Box::new(it)));
    match request {
        JobRequest::Run(name) => run_job(context, &name, Trigger::Hand, progress).await,
        JobRequest::Test(name) => {
            let ready = blocking(move || job_work::ready(&data, &source, &name)).await?;
            let hints = presets::test_hints(&ready.job);
            let mut answer = if is_many(&ready) {
                many_test::test(&context.data, ready).await?
            } else {
                job_work::test(&context.data, ready).await?
            };
            if let AdminAnswer::Test(test) = &mut answer {
                test.warnings.extend(hints);
            }
            admin(answer)
        }
        JobRequest::EffectiveFolders(name) => {
            let ready = blocking(move || job_work::ready(&data, &source, &name)).await?;
            admin(AdminAnswer::Folders(if is_many(&ready) {
                many_test::folders(&context.data, &ready).await?
            } else {
                folders(&ready).await?
            }))
        }
        JobRequest::List | JobRequest::Show(_) | JobRequest::Runs(_) | JobRequest::ShowRun(_) => {
            let mut answer = blocking(move || read(&data, request)).await?;
            if run_state::is_any_running(&mut answer) && !is_at_work(context).await {
                run_state::interrupt(&mut answer);
            }
            admin(answer)
        }
        change => {
            let _owned = ownership::take(context, title, progress).await?;
            let (answer, told) = blocking(move || carry_out(&data, &source, change)).await?;
            if let Some(told) = told {
                // Whoever asked and went may still want it done.
                let _ = progress.send(told);
            }
            admin(answer)
        }
    }
}

fn is_many(ready: &Ready) -> bool {
    matches!(ready.job.source, JobSource::Master(_) | JobSource::Batch(_))
}

/// Whether some process may be at work on a run.
async fn is_at_work(context: &Context) -> bool {
    context.serving.is_some() || ownership::owner(context).await.is_some()
}

/// Runs a job, whatever began it.
pub(crate) async fn run_job(
    context: &Context,
    name: &str,
    trigger: Trigger,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let title = format!("job run {name}");
    let (of, named) = (data.clone(), name.to_owned());
    if let Some(saved) = blocking(move || other_kind(&of, &named)).await? {
        return other_jobs::run(context, saved, trigger, &title, progress).await;
    }
    let name = name.to_owned();
    let ready = blocking(move || job_work::ready(&data, &source, &name)).await?;
    match &ready.job.source {
        JobSource::Master(_) | JobSource::Batch(_) => {
            Box::pin(many::run(context, ready, trigger, &title, progress)).await
        }
        _ => {
            let work = archive::Work { trigger, ..ready.work()? };
            Box::pin(archive::carry_out(context, work, &title, progress)).await
        }
    }
}

/// A job that fetches nothing from a mail server; `None` when it does.
fn other_kind(data: &DataDir, name: &str) -> Result<Option<SavedJob>, Failure> {
    let saved = named(&users::open_for_reading(data)?, name)?;
    let other = matches!(saved.job.source.kind(), JobKind::Smtp | JobKind::Files);
    Ok(other.then_some(saved))
}

/// What a job that sorts cannot be saved with, and what there is to warn of.
fn sorting_warnings(data: &DataDir, state: &State, job: &Job) -> Result<Vec<String>, Failure> {
    let profile = job.source.profile().map(|it| profiles::named(state, it)).transpose()?;
    sorting::checked(data, job, profile.map(|it| sorting::protocol(&it.profile)))
}

fn read(data: &DataDir, request: JobRequest) -> Result<AdminAnswer, Failure> {
    let failed = |it| faults::state(&it);
    let state = users::open_for_reading(data)?;
    Ok(match request {
        JobRequest::Show(name) => {
            let saved = named(&state, &name)?;
            AdminAnswer::Job(Box::new(shown(&state, saved, None)?))
        }
        JobRequest::Runs(filter) => {
            let job = filter.job.as_ref().map(|it| named(&state, it)).transpose()?;
            let runs = state.find_runs(job.map(|it| it.id), &filter);
            AdminAnswer::Runs(runs.map_err(failed)?)
        }
        JobRequest::ShowRun(id) => {
            AdminAnswer::Run(Box::new(state.run(id).map_err(|it| {
                failed(it).with_hint("`posthold run list` shows the newest runs.")
            })?))
        }
        _ => {
            let jobs = state.jobs().map_err(failed)?;
            let jobs = jobs.into_iter().map(|it| shown(&state, it, None));
            AdminAnswer::Jobs(jobs.collect::<Result<_, _>>()?)
        }
    })
}

type Told = Option<commands::Progress>;

fn carry_out(
    data: &DataDir,
    source: &KeySource,
    request: JobRequest,
) -> Result<(AdminAnswer, Told), Failure> {
    let mut state = users::open(data)?;
    let now = SystemClock.now();
    let (saved, next_run) = match request {
        JobRequest::Add(name, change) => {
            check_name(&name)?;
            let change = presets::fill_in(with_owner(&state, *change)?)?;
            return add(&mut state, data, source, &change.begin(&name)?, &change);
        }
        JobRequest::Copy { from, to, change } => {
            check_name(&to)?;
            let from = named(&state, &from)?.job;
            return add(
                &mut state,
                data,
                source,
                &change.apply(Job { name: to, ..from })?,
                &change,
            );
        }
        JobRequest::Set(name, change) => {
            let SavedJob { id, job: before } = named(&state, &name)?;
            let job = change.apply(before.clone())?;
            job_check::check(&state, &job)?;
            let warnings = sorting_warnings(data, &state, &job)?;
            let next_run = next_run(&before, &job)?;
            let saved = SavedJob { id, job };
            let (keys, told) = keys_for(&change, data, source, &state)?;
            let secret = change.secret.as_ref().zip(keys.as_ref());
            let changed = state.change_job(&saved, secret, now, &OsRandom);
            changed.map_err(|it| faults::state(&it))?;
            let mut shown = shown(&state, saved, Some(next_run))?;
            shown.warnings.extend(warnings);
            return Ok((AdminAnswer::Job(Box::new(shown)), told));
        }
        JobRequest::Switch(name, switch) => {
            let SavedJob { id, job } = named(&state, &name)?;
            (SavedJob { id, job: Job { switch, ..job } }, None)
        }
        JobRequest::Rename { from, to } => {
            check_name(&to)?;
            let SavedJob { id, job } = named(&state, &from)?;
            (SavedJob { id, job: Job { name: to, ..job } }, None)
        }
        JobRequest::Remove(name) => {
            named(&state, &name)?;
            state.remove_job(&name).map_err(|it| faults::state(&it))?;
            return Ok((AdminAnswer::JobRemoved(name), None));
        }
        _ => return Err(Failure::new(FailureKind::Internal, "reading is no change")),
    };
    state.change_job(&saved, None, now, &OsRandom).map_err(|it| faults::state(&it))?;
    Ok((AdminAnswer::Job(Box::new(shown(&state, saved, next_run)?)), None))
}

fn add(
    state: &mut State,
    data: &DataDir,
    source: &KeySource,
    job: &Job,
    change: &JobChange,
) -> Result<(AdminAnswer, Told), Failure> {
    job_check::check(state, job)?;
    let warnings = sorting_warnings(data, state, job)?;
    if state.jobs().map_err(|it| faults::state(&it))?.iter().any(|it| it.job.name == job.name) {
        return Err(Failure::new(
            FailureKind::Request,
            format!("there is a job {:?} already", job.name),
        )
        .with_hint("`posthold job list` shows the jobs."));
    }
    let (keys, told) = keys_for(change, data, source, state)?;
    let secret = change.secret.as_ref().zip(keys.as_ref());
    let saved = state.add_job(job, secret, SystemClock.now(), &OsRandom);
    let saved = saved.map_err(|it| faults::state(&it))?;
    let mut shown = shown(state, saved, None)?;
    shown.warnings.extend(warnings);
    Ok((AdminAnswer::Job(Box::new(shown)), told))
}

/// A job without one user as its target belongs to the administrator, when there is one only.
fn with_owner(state: &State, change: JobChange) -> Result<JobChange, Failure> {
    let is_single = matches!(change.kind, None | Some(JobKind::Single));
    if change.owner.is_some() || (is_single && change.source.target.is_some()) {
        return Ok(change);
    }
    let users = state.users().map_err(|it| faults::state(&it))?;
    let mut administrators = users.into_iter().filter(|it| it.rank == Rank::Administrator);
    match (administrators.next(), administrators.next()) {
        (Some(only), None) => Ok(JobChange { owner: Some(only.name), ..change }),
        _ => Ok(change),
    }
}

fn keys_for(
    change: &JobChange,
    data: &DataDir,
    source: &KeySource,
    state: &State,
) -> Result<(Option<sealing::KeyRing>, Told), Failure> {
    match change.secret {
        None => Ok((None, None)),
        Some(_) => keys::found_or_made(data, source, state).map(|(keys, told)| (Some(keys), told)),
    }
}

/// The names of the jobs that use a server profile.
pub(crate) async fn jobs_of_profile(
    context: &Context,
    profile: &str,
) -> Result<Vec<String>, Failure> {
    let (data, profile) = (context.data.clone(), profile.to_owned());
    blocking(move || {
        let jobs = users::open_for_reading(&data)?.jobs().map_err(|it| faults::state(&it))?;
        let jobs = jobs
            .into_iter()
            .map(|it| it.job)
            .filter(|it| it.source.profile() == Some(profile.as_str()));
        Ok(jobs.map(|it| it.name).collect())
    })
    .await
}

/// The job of this name; a failure when there is none.
pub(super) fn named(state: &State, name: &str) -> Result<SavedJob, Failure> {
    state
        .named_job(name)
        .map_err(|it| faults::state(&it).with_hint("`posthold job list` shows the jobs."))
}

/// What limits the connections of a job, the smallest first.
pub(super) fn limits(
    state: &State,
    job: &Job,
    profile: Option<&commands::Profile>,
) -> Result<Vec<(&'static str, u64)>, Failure> {
    let server = values_of::values(state)?.number(&SERVER_CONNECTIONS);
    let of_profile = profile.map(|it| ("profile", u64::from(it.limits.connections)));
    let of_job = ("job", u64::from(job.connections));
    let mut limits: Vec<_> = [of_job].into_iter().chain(of_profile).collect();
    limits.push(("server", server));
    limits.sort_by_key(|(_, limit)| *limit);
    Ok(limits)
}

fn shown(
    state: &State,
    SavedJob { id, job }: SavedJob,
    next_run: Option<String>,
) -> Result<JobShown, Failure> {
    let failed = |it| faults::state(&it);
    let profile = job.source.profile().map(|it| profiles::named(state, it)).transpose()?;
    let profile = profile.map(|it| it.profile);
    let has_secret = state.has_secret(SecretPlace::Job(id)).map_err(failed)?;
    let last_run = state.newest_run(id).map_err(failed)?;
    let limits = limits(state, &job, profile.as_ref())?;
    let mut warnings = Vec::new();
    if let Some(profile) = &profile {
        warnings.extend(values_of::insecure(profile).into_iter().map(|it| it.warning));
        let has_login = match job.source.may_keep_secret() {
            true => has_secret,
            false => profile.incoming.login.is_some(),
        };
        if !has_login && job.source.kind() != JobKind::Batch {
            warnings.push("The account has no login with a password yet.".into());
        }
        if profile.switch == Switch::Disabled {
            warnings.push("Its server profile is disabled.".into());
        }
    }
    let next_run = match (job.switch, next_run, &last_run) {
        (Switch::Disabled, _, _) => "It is disabled and does not run.".to_owned(),
        (Switch::Enabled, Some(next_run), Some(_)) => next_run,
        (Switch::Enabled, _, None) => {
            "The first run enumerates every mailbox, and fetches what the archive has not.".into()
        }
        (Switch::Enabled, None, Some(_)) => {
            "The next run goes on where the last one ended, with the folders shown here.".into()
        }
    };
    let connections = limits.first().map_or(0, |(_, limit)| *limit);
    let account_limits = account_limits(&job, &limits);
    Ok(JobShown {
        job,
        has_secret,
        connections,
        limits,
        account_limits,
        next_run,
        last_run,
        warnings,
    })
}

/// What limits how many accounts are archived at the same time, the smallest first.
fn account_limits(job: &Job, limits: &[(&'static str, u64)]) -> Vec<(&'static str, u64)> {
    if !matches!(job.source, JobSource::Master(_) | JobSource::Batch(_)) {
        return Vec::new();
    }
    let others = limits.iter().filter(|(of, _)| *of != "job").copied();
    let mut limits: Vec<_> = others.chain([("job", u64::from(job.accounts))]).collect();
    limits.sort_by_key(|(_, limit)| *limit);
    limits
}

/// What a change means for the next run: a sentence.
fn next_run(before: &Job, after: &Job) -> Result<String, Failure> {
    let scopes = (archive::scope(&before.folders)?, archive::scope(&after.folders)?);
    let is_many = matches!(after.source, JobSource::Master(_) | JobSource::Batch(_));
    let same_server = before.source.profile() == after.source.profile();
    Ok(if before.source != after.source && is_many && same_server {
        "The choice of accounts changed: those that were archived before go on where they ended, \
         new ones begin, and what is archived of others stays."
    } else if before.source != after.source {
        "Account or target changed: the next run begins there anew. What was archived stays where \
         it is."
    } else if scopes.0.fingerprint() != scopes.1.fingerprint()
        || before.filter != after.filter
        || before.folders.shared != after.folders.shared
    {
        "The choice of folders or messages changed: the next run enumerates every mailbox again, \
         and fetches only what is not archived yet."
    } else {
        "The next run goes on where the last one ended, with the same folders."
    }
    .to_owned())
}

pub(super) async fn folders(ready: &Ready) -> Result<Vec<EffectiveFolder>, Failure> {
    let work = ready.work()?;
    let scope = archive::scope(&work.request.folders)?;
    let account = archive::account(&work.request)?;
    let failed = |it| faults::source(&it);
    let archive::Reached::Imap(account) = account else {
        let message = "POP3 knows no folders: the job archives the inbox";
        return Err(Failure::new(FailureKind::Request, message));
    };
    let mut connection = account.connect().await.map_err(failed)?;
    let mailboxes = connection.mailboxes().await.map_err(failed)?;
    connection.close().await;
    let mailboxes: Vec<_> = mailboxes.into_iter().filter(|it| it.selectable).collect();
    let listed: Vec<_> = mailboxes.iter().map(archiver::as_listed).collect();
    let folder = |(it, verdict): (&ports::MailboxInfo, Verdict)| EffectiveFolder {
        account: work.opened.clone(),
        mailbox: it.name.path(),
        messages: it.status.map(|it| it.messages),
        excluded: match verdict {
            Verdict::In => None,
            Verdict::Out(reason) => Some(reason.to_string()),
        },
    };
    let mut folders: Vec<_> = mailboxes.iter().zip(scope.apply(&listed)).map(folder).collect();
    folders.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
    Ok(folders)
}
