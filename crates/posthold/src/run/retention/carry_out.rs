//! `retention run`: what is decided, carried out store by store.
//!
//! Rules: retention runs by no clock that jumped, and by no archive of which a store cannot be
//! read; before anything goes, every store knows every hold that counts; a hold is asked for once
//! more at the moment of erasure, in the log's own order.

use std::sync::Arc;

use ::settings::ERASURE_GRACE_DAYS;
use commands::{Failure, FailureKind, ProgressSink, RetentionAnswer, Reviewed, WaitForViews};
use disk::SystemClock;
use ports::{Clock, Log};
use retention::{Hold, Judge, Orders, Policy, Report};
use store::{Access, Member, Store};
use tokio::runtime::Handle;
use types::Timestamp;

use super::erasing::{LogHolds, StoreErase};
use super::holds;
use super::views::StoreViews;
use super::{add, answer_of, clock, is_enabled, policies_of, who};
use crate::context::{Context, DataDir};
use crate::run::all_stores::AllStores;
use crate::run::audit::Reads;
use crate::run::compact::{self, Cleared};
use crate::run::stores::Writing;
use crate::run::{blocking, faults, settings as values_of, users};

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
    let ran = all_stores(&writing, &wanted, (&mut sum, &mut reviewed), &context.reads).await;
    sum.warnings.extend(writing.close(WaitForViews::Yes, progress).await.warnings);
    ran?;
    sum.reviewed = Some(reviewed);
    // Also what an earlier run left there.
    let Cleared { compacted, warnings } = compact::everywhere(context, progress).await;
    sum.compacted = compacted;
    sum.warnings.extend(warnings);
    Ok(sum)
}

/// One store after another; what is erased is noted for the audit log. The only one that fails
/// ends it: what was done stays done.
async fn all_stores(
    writing: &Writing,
    wanted: &Wanted,
    (sum, reviewed): (&mut RetentionAnswer, &mut Reviewed),
    noted: &Reads,
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
        report.gone.iter().for_each(|it| noted.note(it));
        add(sum, answer, 0);
    }
    Ok(())
}

/// A store, open for writing, which knows every hold.
pub(super) async fn opened(writing: &Writing, member: &Member) -> Result<Arc<Store>, Failure> {
    let carried = writing.stores().carry_holds_into(member.name()).await;
    carried.map_err(|it| faults::log(&it))?;
    Ok(member.store())
}

/// Every store, or none: a hold may stand in one that cannot be read.
pub(super) fn read_all(data: &DataDir) -> Result<AllStores, Failure> {
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
pub(super) fn due(state: &state::State, now: Timestamp) -> Result<Timestamp, Failure> {
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
