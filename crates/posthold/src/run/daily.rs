//! Reports: of one run, and of a day.

use std::path::{Path, PathBuf};

use commands::{
    AdminAnswer, AlertChoice, Answer, DailyAccount, DailyJob, DailyReport, Failure, FailureKind,
    ProgressSink, ReportForm, ReportRequest, RunOutcome, RunReport, Sending,
};
use disk::{RealDisk, SystemClock};
use ports::{Access, Clock, Disk};
use state::State;
use types::Timestamp;

use super::{alerts, blocking, deliver, faults, insecure, ownership, settings as values_of, users};
use crate::context::{Context, DataDir};
use crate::render;

/// Carries out a request for a report.
pub(super) async fn run(
    context: &Context,
    request: ReportRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let (answer, to) = match request {
        ReportRequest::Run { id, form, to } => {
            let report = blocking(move || of_run(&users::open_for_reading(&data)?, id)).await?;
            (AdminAnswer::RunReport(Box::new(report), form), to)
        }
        ReportRequest::Daily { form, to, send: Sending::No } => {
            let report = blocking(move || now(&data, &users::open_for_reading(&data)?)).await?;
            (AdminAnswer::DailyReport(Box::new(report), form, Vec::new()), to)
        }
        ReportRequest::Daily { form, to, send: Sending::Yes } => {
            let _owned = ownership::take(context, title, progress).await?;
            (sent(context, form).await?, to)
        }
    };
    let answer = match to {
        None => answer,
        Some(path) => blocking(move || written(&answer, path)).await?,
    };
    Ok(Answer::Admin(Box::new(answer)))
}

/// Everything that is kept of a run.
fn of_run(state: &State, id: u64) -> Result<RunReport, Failure> {
    let run = state
        .run(id)
        .map_err(|it| faults::state(&it).with_hint("`posthold run list` shows the newest runs."))?;
    let details = state.details(id, run.steps.len()).map_err(|it| faults::state(&it))?;
    Ok(RunReport { run, details })
}

/// The report of the last day, until now.
fn now(data: &DataDir, state: &State) -> Result<DailyReport, Failure> {
    let until = SystemClock.now();
    report(data, state, until.plus_days(-1), until)
}

/// What happened in this time, and how things stand.
pub(super) fn report(
    data: &DataDir,
    state: &State,
    since: Timestamp,
    until: Timestamp,
) -> Result<DailyReport, Failure> {
    let failed = |it| faults::state(&it);
    let sums = state.run_sums(since, until).map_err(failed)?;
    let of_job = |it: &reports::alerts::JobSituation| {
        let sums = sums.iter().find(|sum| sum.job.as_deref() == Some(it.name.as_str()));
        let is_open =
            |it: &&reports::alerts::AccountSituation| it.outcome != Some(RunOutcome::Succeeded);
        DailyJob {
            name: Some(it.name.clone()),
            runs: sums.map_or(0, |it| it.runs),
            archived: sums.map_or(0, |it| it.archived),
            quarantined: it.accounts.iter().map(|it| it.quarantined).sum(),
            accounts: u64::try_from(it.accounts.len()).unwrap_or(u64::MAX),
            outcome: it.outcome,
            incomplete: it
                .accounts
                .iter()
                .filter(is_open)
                .map(|it| DailyAccount {
                    account: it.account.clone(),
                    why: it.why.clone(),
                    complete_at: it.complete_at,
                })
                .collect(),
        }
    };
    let mut jobs: Vec<DailyJob> = alerts::jobs(state)?.iter().map(of_job).collect();
    jobs.sort_by(|a, b| a.name.cmp(&b.name));
    let by_hand = sums.iter().filter(|it| it.job.is_none());
    jobs.extend(by_hand.map(|it| DailyJob {
        runs: it.runs,
        archived: it.archived,
        ..DailyJob::default()
    }));
    let mut waiting = state.alerts(AlertChoice::Open).map_err(failed)?;
    waiting.retain(commands::AlertShown::waits);
    let disk = alerts::disk(data, &values_of::values(state)?);
    Ok(DailyReport {
        host: deliver::host(),
        since,
        until,
        jobs,
        waiting,
        insecure: insecure::all(state)?,
        disk: disk.map(|it| (it.free, it.total)),
    })
}

/// Sends the report of the last day now.
async fn sent(context: &Context, form: ReportForm) -> Result<AdminAnswer, Failure> {
    let data = context.data.clone();
    let (report, to) = blocking(move || {
        let mut state = users::open(&data)?;
        let settings = state.mail_settings().map_err(|it| faults::state(&it))?;
        let nobody = |message: &str| {
            Failure::new(FailureKind::Configuration, message)
                .with_hint("Name them with `posthold mail set --daily-to ADDRESS`.")
        };
        let settings = settings.ok_or_else(|| {
            nobody("it is not set how mail is sent")
                .with_hint("`posthold mail test` with the options of `mail set` sets it up.")
        })?;
        if settings.daily_to.is_empty() {
            return Err(nobody("nobody gets the daily report"));
        }
        let report = now(&data, &state)?;
        deliver::queue_daily(&mut state, &settings, &report, SystemClock.now())?;
        Ok((report, settings.daily_to))
    })
    .await?;
    let delivered = deliver::deliver_due(context).await?;
    if delivered.waiting != 0 {
        let message = "the report could not be sent yet; it is kept and tried again";
        return Err(Failure::new(FailureKind::Unavailable, message)
            .with_hint("`posthold mail show` says why."));
    }
    Ok(AdminAnswer::DailyReport(Box::new(report), form, to))
}

/// Writes a report to a file, in place of what is there.
fn written(answer: &AdminAnswer, path: PathBuf) -> Result<AdminAnswer, Failure> {
    let failed = |it| faults::io(&it, &format!("failed to write {}", path.display()));
    let mut page = Vec::new();
    render::report(answer, &mut page).map_err(failed)?;
    replace(&path, &page).map_err(failed)?;
    Ok(AdminAnswer::Written(path))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match RealDisk.remove(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let file = RealDisk.open(&new, Access::CreateNew)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    RealDisk.rename(&new, path)
}
