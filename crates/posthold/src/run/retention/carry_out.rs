//! `retention run` and `delete`: what is decided, carried out store by store.
//!
//! Rules: retention runs by no clock that jumped, and by no archive of which a store cannot be
//! read; before anything goes, every store knows every hold that counts; a hold is asked for once
//! more at the moment of erasure, in the log's own order.

use std::sync::Arc;

use ::settings::ERASURE_GRACE_DAYS;
use commands::{
    Delete, DeleteAnswer, Failure, FailureKind, ProgressSink, RetentionAnswer, Reviewed,
    WaitForViews,
};
use disk::SystemClock;
use ledger::EraseReason;
use ports::{Clock, Condemnation, Erase, Log, RetentionViews};
use retention::{Hold, Judge, Orders, Policy, Report};
use state::SavedStore;
use store::{Access, Member, Store};
use tokio::runtime::Handle;
use types::{BlobId, MessageKey, Timestamp};

use super::erasing::{LogHolds, StoreErase};
use super::holds::{self, takes_entries};
use super::views::StoreViews;
use super::{add, answer_of, clock, is_enabled, policies_of, who};
use crate::context::{Context, DataDir};
use crate::render::words;
use crate::run::all_stores::{AllStores, saved};
use crate::run::compact::{self, Cleared};
use crate::run::stores::Writing;
use crate::run::{blocking, faults, settings as values_of, show, users};

/// What is the same for all stores.
#[derive(Clone)]
struct Wanted {
    policies: Vec<Policy>,
    holds: Vec<Hold>,
    now: Timestamp,
    due: Timestamp,
    by: String,
}

/// Carries the policies out.
pub(super) async fn run(
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<RetentionAnswer, Failure> {
    let (data, by) = (context.data.clone(), who(context));
    let wanted = blocking(move || {
        let now = SystemClock.now();
        let all = read_all(&data)?;
        let mut state = users::open(&data)?;
        clock::check(&mut state, clock::last_of(&all)?, now)?;
        let policies = policies_of(&state, is_enabled)?;
        let (holds, due) = (holds::open_holds(&all)?, due(&state, now)?);
        Ok(Wanted { policies, holds, now, due, by })
    })
    .await?;
    let mut sum = RetentionAnswer { done: true, ..RetentionAnswer::default() };
    let mut reviewed = Reviewed::default();
    let writing = Writing::open(context).await?;
    let ran = all_stores(&writing, &wanted, &mut sum, &mut reviewed).await;
    sum.warnings.extend(writing.close(WaitForViews::Yes, progress).await.warnings);
    ran?;
    sum.reviewed = Some(reviewed);
    // Also what an earlier run left there.
    let Cleared { compacted, warnings } = compact::everywhere(context, progress).await;
    sum.compacted = compacted;
    sum.warnings.extend(warnings);
    Ok(sum)
}

/// One store after another. The only one that fails ends it: what was done stays done.
async fn all_stores(
    writing: &Writing,
    wanted: &Wanted,
    sum: &mut RetentionAnswer,
    reviewed: &mut Reviewed,
) -> Result<(), Failure> {
    for member in writing.stores().members() {
        if member.access() == Access::Protected {
            let name = member.name();
            sum.warnings.push(format!("The store {name} is not written to: nothing left it."));
            continue;
        }
        let asked = wanted.clone();
        let store = opened(writing, &member).await?;
        let (report, answer) = blocking(move || one_store(&store, &asked)).await?;
        reviewed.held += report.spared_by_hold;
        reviewed.withdrawn += report.withdrawn;
        reviewed.erased += report.erased;
        add(sum, answer, 0);
    }
    Ok(())
}

/// A store, open for writing, which knows every hold.
async fn opened(writing: &Writing, member: &Member) -> Result<Arc<Store>, Failure> {
    let carried = writing.stores().carry_holds_into(member.name()).await;
    carried.map_err(|it| faults::log(&it))?;
    Ok(member.store())
}

/// Every store, or none: a hold may stand in one that cannot be read.
fn read_all(data: &DataDir) -> Result<AllStores, Failure> {
    let all = AllStores::open(data)?;
    match all.read().told() {
        None => Ok(all),
        Some(told) => {
            let message = format!("nothing is removed while a store cannot be read: {told}");
            Err(Failure::new(FailureKind::Store, message.trim_end_matches('.'))
                .with_hint("A legal hold may stand there. `posthold store list` shows why."))
        }
    }
}

/// When what is condemned now may be erased.
fn due(state: &state::State, now: Timestamp) -> Result<Timestamp, Failure> {
    let days = values_of::values(state)?.number(&ERASURE_GRACE_DAYS);
    Ok(now.plus_days(i64::try_from(days).unwrap_or(i64::MAX)))
}

fn one_store(store: &Store, wanted: &Wanted) -> Result<(Report, RetentionAnswer), Failure> {
    let runtime = Handle::current();
    runtime.block_on(store.flush());
    let entries = store.log().position().entries;
    let views = StoreViews::new(store)?;
    let judge = Judge::new(&views, &wanted.policies, &wanted.holds);
    let judge = judge.map_err(|it| faults::catalog(&it))?;
    let erase = StoreErase::new(store);
    let log_holds = LogHolds::new(store, &wanted.holds);
    let orders = Orders { now: wanted.now, due: wanted.due, by: &wanted.by };
    let ran = runtime.block_on(retention::run(&views, &judge, &erase, &log_holds, orders));
    let report = ran.map_err(|it| match it {
        retention::RetentionError::Views(it) => faults::catalog(&it),
        retention::RetentionError::Log(it) => faults::log(&it),
    })?;
    let mut answer = answer_of(&report.plan, &judge, 0);
    answer.beyond = entries.saturating_sub(report.plan.reach);
    Ok((report, answer))
}

/// The ids of messages, whole.
pub(super) fn whole_ids(data: &DataDir, ids: &[String]) -> Result<Vec<BlobId>, Failure> {
    let all = AllStores::open(data)?;
    let mut whole = Vec::new();
    for id in ids {
        note(&mut whole, show::found(&all, id)?.id);
    }
    Ok(whole)
}

/// A message that may go, in one store.
struct Goes {
    store: SavedStore,
    key: MessageKey,
}

/// Removes messages, as far as nothing keeps them.
pub(in crate::run) async fn delete(
    context: &Context,
    request: Delete,
    progress: &dyn ProgressSink,
) -> Result<DeleteAnswer, Failure> {
    let Delete { ids, reason, .. } = request;
    let (data, now) = (context.data.clone(), SystemClock.now());
    let (looked, due) = blocking(move || {
        let all = read_all(&data)?;
        let state = users::open_for_reading(&data)?;
        Ok((look(&data, &all, &ids, now)?, due(&state, now)?))
    })
    .await?;
    let (goes, mut answer) = looked;
    let mut stores: Vec<SavedStore> = Vec::new();
    for it in &goes {
        if !stores.iter().any(|known| known.name == it.store.name) {
            stores.push(it.store.clone());
        }
    }
    let mut condemns = Vec::new();
    for store in stores {
        let keys = goes.iter().filter(|it| it.store.name == store.name).map(|it| it.key);
        let what = Condemnation {
            messages: keys.collect(),
            reason: EraseReason::Request,
            due,
            rule: "delete".to_owned(),
            by: who(context),
            why: reason.clone(),
        };
        condemns.push((store.name.clone(), what));
    }
    if !condemns.is_empty() {
        let writing = Writing::open(context).await?;
        let done = condemn(&writing, condemns).await;
        answer.warnings.extend(writing.close(WaitForViews::Yes, progress).await.warnings);
        done?;
    }
    answer.erased_from = (!answer.condemned.is_empty()).then_some(due);
    Ok(answer)
}

async fn condemn(writing: &Writing, condemns: Vec<(String, Condemnation)>) -> Result<(), Failure> {
    for (name, what) in condemns {
        let members = writing.stores().members();
        let Some(member) = members.iter().find(|it| it.name() == name) else { continue };
        let store = opened(writing, member).await?;
        blocking(move || {
            let condemned = Handle::current().block_on(StoreErase::new(&store).condemn(what));
            condemned.map_err(|it| faults::log(&it))
        })
        .await?;
    }
    Ok(())
}

fn look(
    data: &DataDir,
    all: &AllStores,
    ids: &[String],
    now: Timestamp,
) -> Result<(Vec<Goes>, DeleteAnswer), Failure> {
    let state = users::open_for_reading(data)?;
    let policies = policies_of(&state, is_enabled)?;
    let holds = holds::open_holds(all)?;
    let stores = saved(data)?;
    let mut judged = Vec::new();
    for one in &all.stores {
        let views = StoreViews::new(&one.reading.store)?;
        judged.push((one.name.as_str(), views));
    }
    let mut judges = Vec::new();
    for (name, views) in &judged {
        let judge = Judge::new(views, &policies, &holds).map_err(|it| faults::catalog(&it))?;
        judges.push((*name, views, judge));
    }
    let (mut goes, mut answer) = (Vec::new(), DeleteAnswer::default());
    for id in ids {
        let held = show::found(all, id)?;
        let mut copies = Vec::new();
        let mut kept = None;
        for (one, row) in &held.copies {
            let judge = judges.iter().find(|(name, ..)| *name == one.name);
            let store = stores.iter().find(|it| it.name == one.name);
            let (Some((_, views, judge)), Some(store)) = (judge, store) else { continue };
            kept = kept.or(keeps(views, judge, row.key, store, now)?);
            copies.push(Goes { store: store.clone(), key: row.key });
        }
        match kept {
            Some(why) => answer.kept.push((held.id, why)),
            None => {
                note(&mut answer.condemned, held.id);
                goes.extend(copies);
            }
        }
    }
    Ok((goes, answer))
}

fn note(ids: &mut Vec<BlobId>, id: BlobId) {
    if !ids.contains(&id) {
        ids.push(id);
    }
}

/// Why a message stays; `None` when it may go.
fn keeps(
    views: &StoreViews<'_>,
    judge: &Judge<'_>,
    key: MessageKey,
    store: &SavedStore,
    now: Timestamp,
) -> Result<Option<String>, Failure> {
    if !takes_entries(store) {
        return Ok(Some(format!("the store {} is not written to", store.name)));
    }
    let message = views.message(key).map_err(|it| faults::catalog(&it))?;
    let Some(message) = message.filter(|it| it.key.0 < views.reach()) else {
        return Ok(Some("not both views have read it yet".to_owned()));
    };
    if let Some(hold) = judge.hold_of(message.n) {
        return Ok(Some(format!("the legal hold {hold:?} covers it")));
    }
    let verdict = judge.verdict(&message);
    let until = verdict.kept_until.filter(|it| now < *it);
    Ok(until.map(|it| format!("retention keeps it until {}", words::minute(it))))
}
