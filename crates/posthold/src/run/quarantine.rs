//! `quarantine ...`: messages that could not be taken.
//!
//! Rules: what lies there is what the log says; that somebody gave a message up is kept in the
//! state, by the mailbox epoch and the UID; nothing that is exported from there is archived.

use std::collections::HashMap;
use std::sync::Arc;

use archiver::{Accepted, RetryQuarantined, Target};
use commands::{
    AcceptedShown, AdminAnswer, Answer, BatchAccounts, Failure, FailureKind, JobSource,
    MasterLogin, ProgressSink, QuarantineAccept, QuarantineId, QuarantineRequest, QuarantineShown,
    RunAnswer, SharedMailbox, SingleMailbox,
};
use disk::SystemClock;
use ledger::{QuarantineReason, SourceRef};
use ports::Clock;
use state::{AcceptedMessage, State};
use store::{AllCatalog, QuarantineListed, Stores};
use types::{ArchiveId, SourceId, UserName};

use super::all_stores::{check_have_log, tell_missing};
use super::many_accounts::{self, NewUsers};
use super::stores::reading_catalog;
use super::{archive, blocking, faults, job_work, ownership, users};
use crate::context::{Context, DataDir};

mod exported;

/// Accepted messages that one report names.
const NAMED_MAX: usize = 20;

/// Carries out a request about the quarantine.
pub(super) async fn run(
    context: &Context,
    request: QuarantineRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let answer = match request {
        QuarantineRequest::List(user) => {
            let listed = blocking(move || listed(&data, user.as_ref())).await?;
            tell_missing(&context.data, progress).await;
            AdminAnswer::Quarantine(listed)
        }
        QuarantineRequest::Show(id) => {
            AdminAnswer::Quarantined(Box::new(blocking(move || shown(&data, id)).await?))
        }
        QuarantineRequest::Accept(it) => {
            let _owned = ownership::take(context, title, progress).await?;
            AdminAnswer::Quarantined(Box::new(blocking(move || accept(&data, &it)).await?))
        }
        QuarantineRequest::Retry(id) => {
            let mut work = work(context, id).await?;
            work.quarantine = RetryQuarantined::One(place(id));
            return archive::carry_out(context, work, title, progress).await;
        }
        QuarantineRequest::Export(it) => {
            let work = work(context, it.id).await?;
            AdminAnswer::QuarantineExported(exported::export(context, work, it).await?)
        }
    };
    Ok(Answer::Admin(Box::new(answer)))
}

fn place(id: QuarantineId) -> SourceRef {
    SourceRef { source: SourceId(id.source), uid: id.uid }
}

/// What lies in quarantine, for showing.
fn listed(data: &DataDir, user: Option<&UserName>) -> Result<Vec<QuarantineShown>, Failure> {
    let state = users::open_for_reading(data)?;
    let archive = user.map(|it| users::find(data, it)).transpose()?.map(|it| it.archive);
    if check_have_log(data).is_err() {
        return Ok(Vec::new());
    }
    let catalog = reading_catalog(data)?;
    let rows = catalog.quarantine(archive).map_err(|it| faults::catalog(&it))?;
    let whose = Whose::read(&state, &catalog)?;
    Ok(rows.into_iter().map(|it| whose.show(it)).collect())
}

fn shown(data: &DataDir, id: QuarantineId) -> Result<QuarantineShown, Failure> {
    let found = listed(data, None)?.into_iter().find(|it| it.id == id);
    found.ok_or_else(|| {
        Failure::new(FailureKind::NotFound, format!("no message {id} is in quarantine"))
            .with_hint("`posthold quarantine list` shows those that are.")
    })
}

fn accept(data: &DataDir, request: &QuarantineAccept) -> Result<QuarantineShown, Failure> {
    let QuarantineAccept { id, by, reason } = request;
    let it = shown(data, *id)?;
    let catalog = reading_catalog(data)?;
    let Some((store, source)) = catalog.stores().split(SourceId(id.source)) else {
        let message = format!("the store of message {id} is not open");
        return Err(Failure::new(FailureKind::NotFound, message));
    };
    let accepted = AcceptedMessage {
        source,
        uid: id.uid,
        account: it.account,
        mailbox: it.mailbox,
        by: by.clone(),
        reason: reason.clone(),
        at: SystemClock.now(),
    };
    let kept = users::open(data)?.accept_missing(&store, &accepted);
    kept.map_err(|it| faults::state(&it))?;
    shown(data, *id)
}

/// Whose messages are, which jobs meet them, and which of them were accepted.
struct Whose {
    users: HashMap<u64, String>,
    /// Jobs for one account, by server profile and account, as cursors name them.
    jobs: HashMap<(String, String), String>,
    /// Jobs for many, by server profile.
    many: HashMap<String, String>,
    accepted: HashMap<SourceRef, AcceptedMessage>,
}

impl Whose {
    fn read(state: &State, catalog: &AllCatalog) -> Result<Whose, Failure> {
        let failed = |it| faults::state(&it);
        let users = state.users().map_err(failed)?;
        let (mut jobs, mut many) = (HashMap::new(), HashMap::new());
        let profile_of = |name: &str| state.named_profile(name).map_err(failed);
        for saved in state.jobs().map_err(failed)? {
            let name = saved.job.name;
            match saved.job.source {
                JobSource::Single(SingleMailbox { profile, login, authzid, .. })
                | JobSource::Sorting(SharedMailbox { profile, login, authzid, .. }) => {
                    let profile = profile_of(&profile)?;
                    let login = login.or(profile.profile.incoming.login);
                    if let Some(account) = authzid.or(login) {
                        jobs.insert((job_work::cursors_of(profile.id), account), name);
                    }
                }
                JobSource::Master(MasterLogin { profile, .. })
                | JobSource::Batch(BatchAccounts { profile, .. }) => {
                    many.insert(job_work::cursors_of(profile_of(&profile)?.id), name);
                }
                _ => (),
            }
        }
        let accepted = everywhere(state, catalog.stores())?.into_iter();
        Ok(Whose {
            users: users.into_iter().map(|it| (it.archive.0, it.name.to_string())).collect(),
            jobs,
            many,
            accepted: accepted.map(|it| (place_of(&it), it)).collect(),
        })
    }

    fn job(&self, row: &QuarantineListed) -> Option<&String> {
        let key = (row.profile.clone(), row.account.clone());
        self.jobs.get(&key).or_else(|| self.many.get(&row.profile))
    }

    fn show(&self, row: QuarantineListed) -> QuarantineShown {
        let place = SourceRef { source: row.source, uid: row.uid };
        let accepted = self.accepted.get(&place).map(|it| AcceptedShown {
            by: it.by.clone(),
            reason: it.reason.clone(),
            at: it.at,
        });
        let (reason, meaning) = words(row.reason);
        QuarantineShown {
            id: QuarantineId { source: row.source.0, uid: row.uid },
            user: self.users.get(&row.archive.0).cloned().unwrap_or_else(|| "-".to_owned()),
            job: self.job(&row).cloned(),
            account: row.account,
            mailbox: row.mailbox,
            uid: row.uid,
            reason,
            meaning,
            text: row.text,
            attempts: row.attempts,
            retry_at: accepted.is_none().then_some(row.retry_at),
            at: row.at,
            accepted,
        }
    }
}

fn place_of(it: &AcceptedMessage) -> SourceRef {
    SourceRef { source: it.source, uid: it.uid }
}

fn words(reason: QuarantineReason) -> (&'static str, &'static str) {
    match reason {
        QuarantineReason::Omitted => ("omitted", "the server left it out of its answer, twice"),
        QuarantineReason::Nil => ("nil", "the server answered NIL in place of it, twice"),
        QuarantineReason::Refused => ("refused", "the server refused it, twice"),
        QuarantineReason::Truncated => {
            ("truncated", "its bytes end early, or have another length than announced")
        }
        QuarantineReason::Unreadable => ("unreadable", "it could not be read"),
        QuarantineReason::TooLarge => ("too-large", "it is larger than one message may be"),
        QuarantineReason::UnknownAddress => ("unknown-address", "it belongs to nobody here"),
    }
}

/// The work of the job that meets a message.
async fn work(context: &Context, id: QuarantineId) -> Result<archive::Work, Failure> {
    let (data, keys) = (context.data.clone(), context.keys.clone());
    blocking(move || {
        let it = shown(&data, id)?;
        let Some(job) = it.job else {
            let message = format!("no job archives {}", it.account);
            return Err(Failure::new(FailureKind::Request, message).with_hint(
                "A run by hand (`posthold archive`, `posthold job run`) tries everything in \
                 quarantine.",
            ));
        };
        let ready = job_work::ready(&data, &keys, &job)?;
        if matches!(ready.job.source, JobSource::Single(_) | JobSource::Sorting(_)) {
            return ready.work();
        }
        let accounts = many_accounts::of_job(&data, &ready, NewUsers::Told, None)?;
        let account = accounts.list.into_iter().find(|of| of.planned.account == it.account);
        let account = account.ok_or_else(|| {
            let message = format!("the job {job:?} does not archive {} any more", it.account);
            Failure::new(FailureKind::NotFound, message)
        })?;
        account.ready?.work()
    })
    .await
}

/// What was accepted as missing, for a run. Blocks for as long as a look-up takes.
pub(super) fn accepted(
    context: &Context,
    stores: &Arc<Stores>,
) -> Result<Vec<AcceptedMessage>, Failure> {
    everywhere(&*users::open(&context.data)?, stores)
}

/// What was accepted as missing in any store, with sources as everybody calls them.
fn everywhere(state: &State, stores: &Arc<Stores>) -> Result<Vec<AcceptedMessage>, Failure> {
    let mut all = Vec::new();
    for member in stores.members() {
        let accepted = state.accepted_missing(member.name()).map_err(|it| faults::state(&it))?;
        for mut it in accepted {
            let called = stores.join(member.name(), it.source);
            if let Some(source) = called.map_err(|it| faults::catalog(&it))? {
                it.source = source;
                all.push(it);
            }
        }
    }
    Ok(all)
}

/// The same for the archiver.
pub(super) fn of(accepted: &[AcceptedMessage]) -> Accepted {
    Accepted::new(accepted.iter().map(place_of))
}

/// Names in the report of a run what is missing and was accepted.
pub(super) fn tell(
    answer: &mut RunAnswer,
    accepted: &[AcceptedMessage],
    catalog: &AllCatalog,
    (target, profile, account): (&Target, &str, &str),
) -> Result<(), Failure> {
    if accepted.is_empty() || answer.quarantined == 0 {
        return Ok(());
    }
    let rows = catalog.quarantine(None).map_err(|it| faults::catalog(&it))?;
    // What is sorted into the archives of many is noted under none of them.
    let archives = [target.archive, ArchiveId::SHARED];
    let ours = rows
        .iter()
        .filter(|it| it.profile == profile && it.account == account)
        .filter(|it| archives.contains(&it.archive));
    let missing: Vec<&AcceptedMessage> = ours
        .filter_map(|row| accepted.iter().find(|it| (it.source, it.uid) == (row.source, row.uid)))
        .collect();
    let named = missing.iter().take(NAMED_MAX).map(|it| {
        format!(
            "{}: UID {} is not archived; accepted by {} on {} because {}.",
            it.mailbox, it.uid, it.by, it.at, it.reason
        )
    });
    answer.warnings.extend(named);
    if missing.len() > NAMED_MAX {
        let more = missing.len() - NAMED_MAX;
        answer.warnings.push(format!("{more} more messages are missing and were accepted."));
    }
    Ok(())
}
