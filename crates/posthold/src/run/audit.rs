//! The audit log, where commands are carried out: what is asked for is written to it before it is
//! done, and how it ended after.
//!
//! What it is not: the decision what is logged; that stands in `commands` (`Request::audited`),
//! and who may read whose mail in `rules::access`.
//!
//! Rules:
//! - Whoever cannot be logged is refused: nothing is shown or changed before its entry is durable.
//!   What only looks (`verify`, the audit log itself, a list of settings) goes on and says so, and
//!   so does `serve`: that mail is archived comes first.
//! - The log is a ledger of its own, `DATA/audit`. Every process that carries out commands writes
//!   it, one at a time: `DATA/audit/lock` is held for one entry, never for a command.
//! - Nobody who reads waits for anything but the sync of that entry.

mod asker;
mod configuration;
mod loss;
mod reads;
mod records;
mod requests;
mod rights;

use commands::{
    Activity, Answer, AuditLock, AuditRequest, ExitCode, Failure, FailureKind, Gone, JobRequest,
    Logged, Progress, ProgressSink, Request, Shows, Trigger,
};
use ledger::{AuditDetail, AuditOutcome, Audited};
use types::EntryNumber;

pub(crate) use asker::{Asker, Place};
pub(super) use configuration::changed as configuration_changed;
pub(crate) use reads::Reads;
pub(super) use records::{AUDIT_HEAD, broken, check, defect, dir};
pub(super) use requests::run;
pub(super) use rights::{Whose, may_read};

use super::settings as values_of;
use super::{blocking, faults, has_own_directory, users};
use crate::context::{Context, DataDir};

/// A command that stands in the audit log, or need not.
pub(crate) struct Begun {
    /// Where it stands, and as what.
    entry: Option<(EntryNumber, Activity)>,
    /// The messages that it shows.
    reads: Reads,
}

/// Writes down what is asked for, and refuses what must not be read.
pub(crate) async fn begin(context: &Context, request: &Request) -> Result<Begun, Failure> {
    let none = || Begun { entry: None, reads: Reads::default() };
    let Some(logged) = request.audited() else { return Ok(none()) };
    // It logs itself, as the first thing that the log says again.
    if matches!(request, Request::Audit(AuditRequest::AcceptLoss(_))) {
        return Ok(none());
    }
    let is_there = context.data.state().is_file();
    // Where nothing is, nothing can be read.
    let is_elsewhere = has_own_directory(request) || *request == Request::Serve;
    if !is_there && (request.only_reads() || is_elsewhere) {
        return Ok(none());
    }
    let shows = logged.shows.clone();
    let begun = begin_as(context, logged, is_needed(request)).await?;
    let whose = match shows {
        Shows::Nothing | Shows::Message => return Ok(begun),
        Shows::User(name) => Whose::Users(vec![name.to_string()]),
        Shows::Everybody => Whose::Everybody,
    };
    let (data, asker) = (context.data.clone(), context.asker.clone());
    match blocking(move || may_read(&data, &asker, &whose)).await {
        Ok(()) => Ok(begun),
        Err(failure) => end(context, begun, Err(failure)).await.and(Ok(none())),
    }
}

/// Whether something is refused when it cannot be logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needed {
    Yes,
    No,
}

fn is_needed(request: &Request) -> Needed {
    let activity = request.audited().map(|it| it.activity);
    let only_looks = matches!(
        activity,
        None | Some(
            Activity::StoreVerify
                | Activity::AuditRead
                | Activity::AuditExport
                | Activity::ConfigurationRead
        )
    );
    if only_looks || *request == Request::Serve { Needed::No } else { Needed::Yes }
}

async fn begin_as(context: &Context, logged: Logged, needed: Needed) -> Result<Begun, Failure> {
    let Logged { activity, objects, .. } = logged;
    let reads = Reads::default();
    let data = context.data.clone();
    let asker = context.asker.clone();
    let written = blocking(move || {
        if !is_logged(&data, activity)? {
            return Ok(None);
        }
        let detail = AuditDetail { objects, ..asker.detail() };
        let audited =
            Audited { activity: activity.number(), outcome: AuditOutcome::Asked, of: None };
        records::append(&data, audited, detail).map(Some)
    });
    match written.await {
        Ok(number) => Ok(Begun { entry: number.map(|it| (it, activity)), reads }),
        Err(failure) if needed == Needed::Yes => Err(unlogged(failure)),
        Err(failure) => {
            tracing::warn!("not in the audit log: {}", failure.message);
            Ok(Begun { entry: None, reads })
        }
    }
}

/// Whether an activity on the command line of the server is logged.
fn is_logged(data: &DataDir, activity: Activity) -> Result<bool, Failure> {
    if activity.lock() != AuditLock::Free {
        return Ok(true);
    }
    if !data.state().is_file() {
        return Ok(false);
    }
    let values = values_of::values(&users::open_for_reading(data)?)?;
    Ok(requests::setting_of(activity).is_some_and(|it| values.is_on(it)))
}

fn unlogged(failure: Failure) -> Failure {
    let message =
        format!("nothing was done, because the audit log cannot say so: {}", failure.message);
    let hint = "Name another directory with --data or POSTHOLD_DATA, or make this one writable.";
    Failure { message, hint: failure.hint.or_else(|| Some(hint.to_owned())), ..failure }
}

impl Begun {
    /// Where a command says which messages it shows.
    pub(crate) fn reads(&self) -> Reads {
        self.reads.clone()
    }

    /// Passes progress on, and notes the messages in it.
    pub(crate) fn noting<'a>(&self, sink: &'a dyn ProgressSink) -> Noting<'a> {
        Noting { sink, reads: self.reads.clone() }
    }
}

/// Passes progress on, and notes the messages in it.
pub(crate) struct Noting<'a> {
    sink: &'a dyn ProgressSink,
    reads: Reads,
}

impl ProgressSink for Noting<'_> {
    fn send(&self, progress: Progress) -> Result<(), Gone> {
        if let Progress::Hits(hits) = &progress {
            hits.iter().for_each(|it| self.reads.note(&it.id));
        }
        self.sink.send(progress)
    }
}

/// Writes down how it ended, and passes that on.
pub(crate) async fn end(
    context: &Context,
    begun: Begun,
    ended: Result<Answer, Failure>,
) -> Result<Answer, Failure> {
    let Begun { entry, reads } = begun;
    let Some((number, activity)) = entry else { return ended };
    let (outcome, told) = outcome(&ended);
    let detail = AuditDetail { told, ..reads.detail() };
    let audited = Audited { activity: activity.number(), outcome, of: Some(number) };
    let data = context.data.clone();
    let written = blocking(move || records::append(&data, audited, detail)).await;
    match (written, ended) {
        (Ok(_), ended) => ended,
        (Err(failure), Ok(_)) => {
            let message = format!(
                "what was asked for is done, but the audit log cannot say so: {}",
                failure.message
            );
            Err(Failure { message, ..failure })
        }
        (Err(failure), ended) => {
            tracing::warn!("not in the audit log: {}", failure.message);
            ended
        }
    }
}

fn outcome(ended: &Result<Answer, Failure>) -> (AuditOutcome, String) {
    let failure = match ended {
        Ok(answer) => {
            let outcome = match answer.exit_code() {
                ExitCode::Done => AuditOutcome::Done,
                ExitCode::Partly => AuditOutcome::Partly,
                ExitCode::Wrong => AuditOutcome::Refused,
                ExitCode::Failed => AuditOutcome::Failed,
            };
            return (outcome, String::new());
        }
        Err(failure) => failure,
    };
    let outcome = match failure.kind {
        FailureKind::Request
        | FailureKind::Configuration
        | FailureKind::Credentials
        | FailureKind::NotFound
        | FailureKind::Busy => AuditOutcome::Refused,
        _ => AuditOutcome::Failed,
    };
    (outcome, failure.message.clone())
}

/// Writes down that a job is run: by hand, or by the schedule where it removes mail at its source.
pub(crate) async fn begin_run(
    context: &Context,
    name: &str,
    trigger: Trigger,
) -> Result<Begun, Failure> {
    if trigger == Trigger::Hand {
        return begin(context, &Request::Job(JobRequest::Run(name.to_owned()))).await;
    }
    let (data, job) = (context.data.clone(), name.to_owned());
    let removes = blocking(move || {
        let jobs = users::open_for_reading(&data)?.jobs().map_err(|it| faults::state(&it))?;
        Ok(jobs.iter().any(|it| it.job.name == job && it.job.removal.is_some()))
    });
    if !removes.await? {
        return Ok(Begun { entry: None, reads: Reads::default() });
    }
    let asker = Asker::schedule(format!("job run {name}"));
    let context = Context { asker, ..context.clone() };
    let objects = vec![format!("job:{name}")];
    let logged = Logged { activity: Activity::JobRun, objects, shows: Shows::Nothing };
    begin_as(&context, logged, Needed::Yes).await
}
