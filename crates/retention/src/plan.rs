//! What would go, as a value.

use std::collections::BTreeSet;

use ports::{CatalogError, RetentionViews};
use rules::retention::Decides;
use types::{BlobId, MessageKey, MessageSet, Timestamp};

use crate::judge::Judge;

/// Messages whose times are asked for together.
const ASKED_TOGETHER: usize = 1_000;

/// What retention would do with one store now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// How far both views had read the log. Nothing beyond was looked at.
    pub reach: u64,
    /// Messages that were looked at.
    pub seen: u64,
    /// Messages that go.
    pub removes: Vec<PlannedMessage>,
    /// Messages whose time is over, and that a hold keeps.
    pub held: u64,
    /// Messages of which it cannot be told which policy decides, and that therefore stay though
    /// one of these would remove them.
    pub unclear: u64,
    /// Messages whose time is over and that are on their way out already.
    pub waiting: u64,
    /// What each policy does, in their order.
    pub policies: Vec<PolicyCount>,
    /// What each hold covers.
    pub holds: Vec<HoldCount>,
}

/// A message that goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedMessage {
    /// Its key.
    pub message: MessageKey,
    /// Its id.
    pub blob: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// The policy, by its place.
    pub policy: usize,
    /// Since when it may go.
    pub since: Timestamp,
}

/// What a policy does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyCount {
    /// Its name.
    pub name: String,
    /// Messages that it decides over.
    pub decides: u64,
    /// Of these, those whose minimum period is not over.
    pub protected: u64,
    /// Of these, those that go.
    pub removes: u64,
    /// Bytes of those that go.
    pub bytes: u64,
    /// Of these, those that would go, and that a hold keeps.
    pub held: u64,
    /// Messages of which it cannot be told whether this policy covers them.
    pub unclear: u64,
}

/// What a hold covers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HoldCount {
    /// Its name.
    pub name: String,
    /// Messages that it covers for certain.
    pub certain: u64,
    /// Messages that it covers perhaps, and therefore keeps: not every word of them was read.
    pub possible: u64,
}

/// Plans for one store. `condemned` are those that are on their way out already.
pub fn plan(
    views: &impl RetentionViews,
    judge: &Judge<'_>,
    condemned: &BTreeSet<MessageKey>,
    now: Timestamp,
) -> Result<Plan, CatalogError> {
    let count = |(policy, _): &(&crate::Policy, _)| PolicyCount {
        name: policy.name.clone(),
        ..PolicyCount::default()
    };
    let mut plan = Plan {
        reach: views.reach(),
        policies: judge.policies.iter().map(count).collect(),
        holds: hold_counts(judge),
        ..Plan::default()
    };
    let set = concerned(views, judge)?;
    let reach = plan.reach;
    let mut n_first = 0;
    loop {
        let rows = views.times(&set, n_first, ASKED_TOGETHER)?;
        let Some(last) = rows.last() else { break };
        n_first = last.n.saturating_add(1);
        for message in rows.iter().filter(|it| it.key.0 < reach) {
            plan.note(judge, message, condemned, now);
        }
        if n_first == u32::MAX {
            break;
        }
    }
    Ok(plan)
}

/// Those that any policy covers, perhaps, and that are in a folder.
fn concerned(views: &impl RetentionViews, judge: &Judge<'_>) -> Result<MessageSet, CatalogError> {
    let mut set = MessageSet::default();
    for (_, covered) in &judge.policies {
        set.unite(&covered.certain);
        set.unite(&covered.possible);
    }
    set.intersect(&views.all()?);
    Ok(set)
}

/// How many messages each hold covers.
#[must_use]
pub fn hold_counts(judge: &Judge<'_>) -> Vec<HoldCount> {
    let count = |(hold, covered): &(&crate::Hold, ports::Covered)| {
        let certain = covered.certain.len();
        let mut possible = covered.possible.clone();
        possible.subtract(&covered.certain);
        HoldCount { name: hold.name.clone(), certain, possible: possible.len() }
    };
    judge.holds.iter().map(count).collect()
}

impl Plan {
    fn note(
        &mut self,
        judge: &Judge<'_>,
        message: &ports::MessageTimes,
        condemned: &BTreeSet<MessageKey>,
        now: Timestamp,
    ) {
        self.seen += 1;
        let verdict = judge.verdict(message);
        let removed_by = verdict.removed_by(now);
        match &verdict.decides {
            Decides::Nobody => (),
            Decides::Policy(place) => {
                let Some(count) = self.policies.get_mut(*place) else { return };
                count.decides += 1;
                count.protected += u64::from(!verdict.may_be_removed(now));
            }
            Decides::Unclear { policies, .. } => {
                let mut would_go = false;
                for place in policies {
                    let Some(count) = self.policies.get_mut(*place) else { continue };
                    count.unclear += 1;
                    let dates = judge.policies.get(*place).map(|(policy, _)| {
                        policy.periods.of(&crate::judge::times(message)).removed_from
                    });
                    would_go |= dates.flatten().is_some_and(|it| it <= now);
                }
                self.unclear += u64::from(would_go);
            }
        }
        let (Some(policy), Some(since)) = (removed_by, verdict.removed_from) else { return };
        let Some(count) = self.policies.get_mut(policy) else { return };
        if condemned.contains(&message.key) {
            self.waiting += 1;
        } else if judge.is_held(message.n) {
            self.held += 1;
            count.held += 1;
        } else {
            count.removes += 1;
            count.bytes = count.bytes.saturating_add(message.size);
            let ports::MessageTimes { key, blob, size, .. } = *message;
            self.removes.push(PlannedMessage { message: key, blob, size, policy, since });
        }
    }
}
