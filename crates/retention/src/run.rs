//! The plan carried out, and what was condemned before looked at again.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{EraseReason, SpareReason};
use ports::{Condemnation, CondemnedRow, Erase, Holds, RetentionViews, Sparing};
use types::{BlobId, MessageKey, Timestamp};

use crate::RetentionError;
use crate::judge::Judge;
use crate::plan::{Plan, plan};

/// Messages that are condemned together.
const CONDEMNED_TOGETHER: usize = 16_384;

/// What stands in the record of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Orders<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// When what is condemned now may be erased.
    pub due: Timestamp,
    /// Who wants it.
    pub by: &'a str,
}

/// What a run did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The plan that was carried out.
    pub plan: Plan,
    /// Messages that were condemned.
    pub condemned: u64,
    /// Messages that were condemned before, and that a hold spared.
    pub spared_by_hold: u64,
    /// Messages that were condemned before, and that no policy removes any more.
    pub withdrawn: u64,
    /// Messages whose days of grace were over, and that are erased.
    pub erased: u64,
    /// Their ids.
    pub gone: Vec<BlobId>,
}

/// What becomes of messages that were condemned before; of those that are spared by what.
#[derive(Default)]
struct Verdicts {
    held: BTreeMap<String, Vec<MessageKey>>,
    withdrawn: BTreeMap<String, Vec<MessageKey>>,
    due: Vec<MessageKey>,
    /// The ids of those that are due.
    ids: BTreeMap<MessageKey, BlobId>,
}

/// Looks again at what is condemned, erases what is due, and condemns what goes now.
pub async fn run(
    views: &impl RetentionViews,
    judge: &Judge<'_>,
    erase: &impl Erase,
    holds: &impl Holds,
    orders: Orders<'_>,
) -> Result<Report, RetentionError> {
    let mut report = Report::default();
    let condemned = erase.condemned()?;
    let verdicts = review(views, judge, &condemned, orders.now)?;
    report.withdrawn = spare(erase, &verdicts.withdrawn, SpareReason::Withdrawn, orders).await?;
    report.spared_by_hold = spare(erase, &verdicts.held, SpareReason::Hold, orders).await?;
    if !verdicts.due.is_empty() {
        let erased = erase.erase(&verdicts.due, orders.now, holds).await?;
        report.erased = count(erased.erased.len());
        let ids = erased.erased.iter().filter_map(|it| verdicts.ids.get(it));
        report.gone = ids.copied().collect();
        report.spared_by_hold += count(erased.held.len());
    }
    let spared: BTreeSet<MessageKey> =
        verdicts.held.values().chain(verdicts.withdrawn.values()).flatten().copied().collect();
    let waiting: BTreeSet<MessageKey> =
        condemned.iter().map(|it| it.message).filter(|it| !spared.contains(it)).collect();
    report.plan = plan(views, judge, &waiting, orders.now)?;
    // Those that are gone now do not wait, though the views show them still.
    report.plan.waiting = report.plan.waiting.saturating_sub(report.erased);
    for (place, policy) in judge.policies.iter().enumerate() {
        let removes = report.plan.removes.iter().filter(|it| it.policy == place);
        let messages: Vec<MessageKey> = removes.map(|it| it.message).collect();
        for messages in messages.chunks(CONDEMNED_TOGETHER) {
            let what = Condemnation {
                messages: messages.to_vec(),
                reason: EraseReason::Retention,
                due: orders.due,
                rule: policy.0.name.clone(),
                by: orders.by.to_owned(),
                why: "its period is over".to_owned(),
            };
            erase.condemn(what).await?;
            report.condemned += count(messages.len());
        }
    }
    Ok(report)
}

/// Looks at what is condemned as if it were new. What both views do not show is left alone.
fn review(
    views: &impl RetentionViews,
    judge: &Judge<'_>,
    condemned: &[CondemnedRow],
    now: Timestamp,
) -> Result<Verdicts, RetentionError> {
    let mut verdicts = Verdicts::default();
    for row in condemned {
        let Some(message) = views.message(row.message)? else { continue };
        if views.reach() <= message.key.0 {
            continue;
        }
        if let Some(hold) = judge.hold_of(message.n) {
            verdicts.held.entry(hold.to_owned()).or_default().push(row.message);
        } else if row.reason == EraseReason::Retention
            && judge.verdict(&message).removed_by(now).is_none()
        {
            let rule = "the policies".to_owned();
            verdicts.withdrawn.entry(rule).or_default().push(row.message);
        } else if row.due <= now {
            verdicts.due.push(row.message);
            verdicts.ids.insert(row.message, message.blob);
        }
    }
    Ok(verdicts)
}

async fn spare(
    erase: &impl Erase,
    by_rule: &BTreeMap<String, Vec<MessageKey>>,
    reason: SpareReason,
    orders: Orders<'_>,
) -> Result<u64, RetentionError> {
    let mut spared = 0;
    for (rule, messages) in by_rule {
        for messages in messages.chunks(CONDEMNED_TOGETHER) {
            let why = match reason {
                SpareReason::Hold => "a legal hold covers it",
                _ => "no policy removes it any more",
            };
            let what = Sparing {
                messages: messages.to_vec(),
                reason,
                rule: rule.clone(),
                by: orders.by.to_owned(),
                why: why.to_owned(),
            };
            erase.spare(what).await?;
            spared += count(messages.len());
        }
    }
    Ok(spared)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
