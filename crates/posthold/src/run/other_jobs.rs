//! Jobs that fetch nothing from a mail server: files, and mail that is handed in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archiver::{ImportOptions, Limits, Target};
use commands::{
    Answer, Failure, FailureKind, FileMapping, FileTrees, Job, JobSource, ManyAnswer, ProgressSink,
    RunAnswer, RunOutcome, SmtpReception, StepAnswer, Switch, Trigger, WaitForViews,
};
use disk::SystemClock;
use mail_files::{ScanOptions, scan};
use rules::address::AddressBook;
use state::{PlannedStep, SavedJob, SecretPlace, User};

use super::recorded::Recorded;
use super::stores::Writing;
use super::{blocking, faults, import, job_check, keys, ownership, report, sorting, users};
use crate::context::{Context, DataDir};
use crate::receive;
use crate::serving::Serving;

/// Runs such a job.
pub(super) async fn run(
    context: &Context,
    saved: SavedJob,
    trigger: Trigger,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, job) = (context.data.clone(), saved.job.clone());
    blocking(move || may_run(&data, &job)).await?;
    match saved.job.source.clone() {
        JobSource::Files(trees) => files(context, &saved, trees, trigger, title, progress)
            .await
            .map(|it| Answer::Many(Box::new(it))),
        JobSource::Smtp(source) => {
            smtp(context, saved, source, title, progress).await.map(Answer::Archive)
        }
        _ => Err(Failure::new(FailureKind::Internal, "the job fetches from a mail server")),
    }
}

fn may_run(data: &DataDir, job: &Job) -> Result<(), Failure> {
    if job.switch == Switch::Disabled {
        let message = format!("the job {:?} is disabled", job.name);
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold job enable` lets it run."));
    }
    job_check::owner(&users::open_for_reading(data)?, job)
}

/// Takes mail in until it is stopped.
async fn smtp(
    context: &Context,
    saved: SavedJob,
    source: SmtpReception,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<RunAnswer, Failure> {
    let _owned = ownership::take(context, title, progress).await?;
    let (data, keys_of, id) = (context.data.clone(), context.keys.clone(), saved.id);
    let password = blocking(move || {
        let failed = |it| faults::state(&it);
        let state = users::open(&data)?;
        let place = SecretPlace::Job(id);
        match state.has_secret(place).map_err(failed)? {
            true => state.secret(place, &keys::needed(&data, &keys_of)?).map_err(failed),
            false => Ok(None),
        }
    });
    let password = password.await?;
    let reception = receive::Reception { job: saved.id, name: saved.job.name, source, password };
    if context.serving.is_some() {
        return receive::receive(context, reception, title, progress).await;
    }
    // Alone it is a small server: the store is opened once, and anew when it stopped writing.
    let serving = Arc::new(Serving::new());
    let within = Context { serving: Some(Arc::clone(&serving)), ..context.clone() };
    let ended = receive::receive(&within, reception, title, progress).await;
    drop(within);
    let closed = match serving.store.take().await {
        Some(store) => super::stores::close(&context.data, store).await,
        None => Ok(()),
    };
    let mut answer = ended?;
    answer.warnings.extend(closed.err().map(|it| format!("{}.", it.message)));
    Ok(answer)
}

/// Files of one user.
struct Share {
    user: User,
    paths: Vec<PathBuf>,
}

/// Imports directory trees, user by user.
async fn files(
    context: &Context,
    saved: &SavedJob,
    trees: FileTrees,
    trigger: Trigger,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<ManyAnswer, Failure> {
    let _owned = ownership::take(context, title, progress).await?;
    let (data, mapping) = (context.data.clone(), trees.clone());
    let (shares, mut warnings) = blocking(move || shares(&data, &mapping)).await?;
    let run = Recorded::begin(context, Some(saved.id), trigger, title).await?;
    run.plan(shares.iter().map(planned).collect()).await?;
    let writing = Writing::open(context).await?;
    let mut steps = Vec::new();
    for (place, share) in shares.into_iter().enumerate() {
        let PlannedStep { account, target } = planned(&share);
        if context.stop.is_cancelled() {
            steps.push(StepAnswer { account, target, ended: None });
            continue;
        }
        run.alive(place).await?;
        let ended = one(context, &writing, &trees, share, title, progress).await;
        let step = StepAnswer { account, target, ended: Some(ended) };
        run.end_step(place, &step).await?;
        steps.push(step);
    }
    let closed = writing.close(WaitForViews::Yes, progress).await;
    let left = !warnings.is_empty();
    warnings.extend(closed.warnings.iter().map(|it| format!("{it}.")));
    let worst = steps.iter().map(StepAnswer::outcome).max_by_key(|it| severity(*it));
    let mut outcome = worst.unwrap_or(RunOutcome::Succeeded);
    if left && outcome == RunOutcome::Succeeded {
        // What nobody has is not archived.
        outcome = RunOutcome::Partial;
    }
    run.end(outcome, &warnings).await?;
    Ok(ManyAnswer {
        run: run.id,
        job: saved.job.name.clone(),
        outcome,
        cancelled: context.stop.is_cancelled(),
        steps,
        warnings,
        searchable: closed.searchable,
    })
}

fn severity(outcome: RunOutcome) -> u8 {
    match outcome {
        RunOutcome::Succeeded => 0,
        RunOutcome::Partial => 1,
        RunOutcome::Failed => 2,
    }
}

fn planned(share: &Share) -> PlannedStep {
    let paths: Vec<String> = share.paths.iter().map(|it| it.display().to_string()).collect();
    PlannedStep { account: paths.join(" "), target: share.user.name.to_string() }
}

async fn one(
    context: &Context,
    writing: &Writing,
    trees: &FileTrees,
    share: Share,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<RunAnswer, Failure> {
    let Share { user, paths } = share;
    let mbox = import::variant(trees.mbox);
    let reader = blocking(move || Ok(scan(&paths, ScanOptions { mbox }))).await?;
    let root = trees.root.clone().unwrap_or_else(|| user.name.as_str().to_owned());
    let options = ImportOptions {
        target: Target { archive: user.archive, user: user.name, root },
        folder: None,
        title: title.to_owned(),
        cancel: context.stop.clone(),
        limits: Limits::default(),
    };
    let (log, catalog) = (writing.log(), writing.catalog());
    let tell = |it| report::tell(progress, &it);
    let imported =
        archiver::import(reader, log, catalog, Arc::new(SystemClock), options, tell).await;
    report::of_import(imported).map(|(answer, _)| answer)
}

/// Whose which files are, and what belongs to nobody: sentences. Blocks.
fn shares(data: &DataDir, trees: &FileTrees) -> Result<(Vec<Share>, Vec<String>), Failure> {
    import::check(&trees.paths)?;
    let all = users::open_for_reading(data)?.users().map_err(|it| faults::state(&it))?;
    let mut warnings = Vec::new();
    match &trees.mapping {
        FileMapping::User(name) => {
            let user = users::find(data, name)?;
            Ok((vec![Share { user, paths: trees.paths.clone() }], warnings))
        }
        FileMapping::FirstLevel => {
            let book = sorting::book(&all)?;
            let mut shares: Vec<Share> = Vec::new();
            for path in first_level(&trees.paths, &mut warnings)? {
                let Some(user) = owner(&path, &all, &book) else {
                    let path = path.display();
                    warnings.push(format!(
                        "{path}: left out, because no user is called like it or has this address."
                    ));
                    continue;
                };
                match shares.iter_mut().find(|it| it.user.name == user.name) {
                    Some(share) => share.paths.push(path),
                    None => shares.push(Share { user: user.clone(), paths: vec![path] }),
                }
            }
            Ok((shares, warnings))
        }
    }
}

/// The directories of the first level, in the order of their names.
fn first_level(
    paths: &[PathBuf],
    warnings: &mut Vec<String>,
) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    for path in paths {
        let failed = |it: std::io::Error| {
            faults::io(&it, &format!("failed to read the directory {}", path.display()))
        };
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let inside = entry.map_err(failed)?.path();
            if inside.is_dir() {
                found.insert(inside);
            } else {
                let inside = inside.display();
                warnings.push(format!("{inside}: left out, because it is in no user's directory."));
            }
        }
    }
    Ok(found)
}

/// Whose directory it is: by name, else by address.
fn owner<'a>(path: &Path, all: &'a [User], book: &AddressBook) -> Option<&'a User> {
    let name = path.file_name()?.to_str()?;
    let by_name = all.iter().find(|it| it.name.as_str() == name);
    let by_address = || {
        let owner = book.owner(name)?;
        all.iter().find(|it| it.name == owner.name)
    };
    by_name.or_else(by_address)
}
