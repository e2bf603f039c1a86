//! `unknown ...`: addresses on mail that belong to nobody.

use std::sync::Arc;

use archiver::{ResortReport, SortOptions};
use commands::{
    AdminAnswer, Answer, Assign, AssignAs, AssignTo, Assigned, Failure, FailureKind, JobSource,
    ProgressSink, SortingRules, UnclaimedMail, UnknownRequest, WaitForViews,
};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use rules::address::is_same;
use state::{State, User, UserChange};

use super::all_stores::check_have_log;
use super::stores::Writing;
use super::{blocking, faults, ownership, sorting, users};
use crate::context::{Context, DataDir};

/// Carries out a request about unknown addresses.
pub(super) async fn run(
    context: &Context,
    request: UnknownRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let answer = match request {
        UnknownRequest::List => {
            let list = blocking(move || {
                users::open_for_reading(&data)?.unknown().map_err(|it| faults::state(&it))
            });
            AdminAnswer::Unknown(list.await?)
        }
        UnknownRequest::Show(address) => {
            AdminAnswer::Unknown(blocking(move || shown(&data, &address)).await?)
        }
        UnknownRequest::Assign(it) => {
            let _owned = ownership::take(context, title, progress).await?;
            AdminAnswer::Assigned(assign(context, it, title, progress).await?)
        }
    };
    Ok(Answer::Admin(Box::new(answer)))
}

fn shown(data: &DataDir, address: &str) -> Result<Vec<commands::UnknownShown>, Failure> {
    let state = users::open_for_reading(data)?;
    let found = state.unknown_address(&sorting::key(address)).map_err(|it| faults::state(&it))?;
    if found.is_empty() {
        let message = format!("{address} was found on no mail that belongs to nobody");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold unknown list` shows those that were."));
    }
    Ok(found)
}

async fn assign(
    context: &Context,
    request: Assign,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Assigned, Failure> {
    let (data, asked) = (context.data.clone(), request.clone());
    let given = blocking(move || give(&data, &asked)).await?;
    let mut warnings = given.warnings;
    let report = match given.options {
        Some(options) => {
            let writing = Writing::open(context).await?;
            let (log, catalog) = (writing.log(), writing.catalog());
            let (clock, stop) = (Arc::new(SystemClock), context.stop.clone());
            let options = Arc::new(options);
            let report = archiver::resort(log, catalog, clock, options, title, stop).await;
            warnings.extend(writing.close(WaitForViews::Yes, progress).await.warnings);
            report
        }
        None => ResortReport::default(),
    };
    if let Some(failure) = report.failure {
        return Err(super::report::of_failure(failure)
            .with_hint("The user has the address. Give the command again to go on."));
    }
    if report.cancelled {
        let message = "stopped before everything was sorted";
        return Err(Failure::new(FailureKind::Cancelled, message)
            .with_hint("The user has the address. Give the command again to go on."));
    }
    let (data, key) = (context.data.clone(), sorting::key(&request.address));
    blocking(move || users::open(&data)?.forget_unknown(&key).map_err(|it| faults::state(&it)))
        .await?;
    let ResortReport { seen, moved, placed, .. } = report;
    let Assign { address, user, .. } = request;
    Ok(Assigned { address, user, made: given.made, seen, moved, placed, warnings })
}

/// What giving an address left to do.
struct Given {
    made: bool,
    /// How `@catchall` is sorted anew, when there is one.
    options: Option<SortOptions>,
    warnings: Vec<String>,
}

/// Gives a user an address. Giving it again to the same user changes nothing.
fn give(data: &DataDir, request: &Assign) -> Result<Given, Failure> {
    let failed = |it| faults::state(&it);
    let Assign { address, user: name, whom, standing } = request;
    users::check_address(address)?;
    users::refuse_catch_all(name)?;
    let mut state = users::open(data)?;
    let all = state.users().map_err(failed)?;
    let has = |it: &User| it.addresses.iter().chain(&it.aliases).any(|it| is_same(it, address));
    if let Some(other) = all.iter().find(|it| it.name != *name && has(it)) {
        let message = format!("{address} belongs to the user {} already", other.name);
        return Err(Failure::new(FailureKind::Request, message));
    }
    let known = all.into_iter().find(|it| it.name == *name);
    let (user, made) = match (known, whom) {
        (Some(user), AssignTo::Known) => (user, false),
        (Some(user), AssignTo::New) if has(&user) => (user, false),
        (Some(user), AssignTo::New) => {
            let message = format!("there is a user {} already", user.name);
            return Err(Failure::new(FailureKind::Request, message)
                .with_hint("Without --new the user gets the address."));
        }
        (None, AssignTo::New) => {
            let now = SystemClock.now();
            (state.add_user(name, &[], now, &OsRandom).map_err(failed)?, true)
        }
        (None, AssignTo::Known) => {
            let message = format!("there is no user {name}");
            return Err(Failure::new(FailureKind::Request, message)
                .with_hint("--new makes the user, `posthold user list` shows the users."));
        }
    };
    if !has(&user) {
        add(&mut state, &user, address, *standing)?;
    }
    let rows = state.unknown_address(&sorting::key(address)).map_err(failed)?;
    let jobs: Vec<String> = rows.into_iter().filter_map(|it| it.job).collect();
    let mut warnings = Vec::new();
    for name in &jobs {
        let told = format!("What the job {name} left at its source comes with its next run.");
        if leaves(&state, name)? && !warnings.contains(&told) {
            warnings.push(told);
        }
    }
    let has_log = check_have_log(data).is_ok();
    let options = match state.catch_all().map_err(failed)? {
        Some(_) if has_log => Some(resorting(data, &state, jobs.first())?),
        _ => None,
    };
    Ok(Given { made, options, warnings })
}

/// Whether a job leaves at its source what belongs to nobody. By SMTP it was refused for good.
fn leaves(state: &State, job: &str) -> Result<bool, Failure> {
    let saved = state.named_job(job).map_err(|it| faults::state(&it))?;
    let JobSource::Sorting(shared) = saved.job.source else { return Ok(false) };
    Ok(shared.sorting.unclaimed == UnclaimedMail::Left)
}

fn add(state: &mut State, user: &User, address: &str, standing: AssignAs) -> Result<(), Failure> {
    let with = |before: &[String]| {
        Some(before.iter().cloned().chain([address.to_owned()]).collect::<Vec<_>>())
    };
    let change = match standing {
        AssignAs::Address => {
            UserChange { addresses: with(&user.addresses), ..UserChange::default() }
        }
        AssignAs::Alias => UserChange { aliases: with(&user.aliases), ..UserChange::default() },
    };
    state.change_user(&user.name, &change).map_err(|it| faults::state(&it))?;
    Ok(())
}

/// How `@catchall` is sorted anew: as the job does that found the address.
fn resorting(data: &DataDir, state: &State, job: Option<&String>) -> Result<SortOptions, Failure> {
    let job = job.map(|it| state.named_job(it)).transpose().map_err(|it| faults::state(&it))?;
    let rules = match job.map(|it| it.job.source) {
        Some(JobSource::Sorting(it)) => it.sorting,
        Some(JobSource::Smtp(it)) => it.sorting,
        _ => SortingRules::default(),
    };
    sorting::options(data, &SortingRules { unclaimed: UnclaimedMail::CatchAll, ..rules }, None)
}
