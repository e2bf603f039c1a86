//! Answers about retention, legal holds and removals, for programs.

use commands::{
    ClockConfirmed, DeleteAnswer, ExplainAnswer, HoldCounts, HoldCovers, HoldMeans, HoldShown,
    MessageGoes, PolicyCounts, PolicyMeans, PolicyShown, RetentionAnswer, Switch,
};
use serde::Serialize;
use types::{BlobId, Timestamp};

use super::stores::CompactObject;

fn at(time: Option<Timestamp>) -> Option<String> {
    time.map(|it| it.to_string())
}

#[derive(Serialize)]
pub(super) struct PolicyObject<'a> {
    name: &'a str,
    place: u32,
    enabled: bool,
    query: Option<&'a str>,
    keep: Option<&'a str>,
    remove_after: Option<&'a str>,
    from: &'a str,
    at_the_end: &'a str,
    changed_by: &'a str,
    changed_at: String,
    warnings: &'a [String],
}

impl<'a> From<&'a PolicyShown> for PolicyObject<'a> {
    fn from(it: &'a PolicyShown) -> PolicyObject<'a> {
        PolicyObject {
            name: &it.name,
            place: it.place,
            enabled: it.switch == Switch::Enabled,
            query: it.query.as_deref(),
            keep: it.periods.minimum.as_deref(),
            remove_after: it.periods.maximum.as_deref(),
            from: it.periods.from.name(),
            at_the_end: it.periods.at_the_end.name(),
            changed_by: &it.changed_by,
            changed_at: it.changed_at.to_string(),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct RetentionObject<'a> {
    done: bool,
    seen: u64,
    removes: u64,
    bytes: u64,
    held: u64,
    unclear: u64,
    waiting: u64,
    entries_beyond: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    spared_by_hold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
    policies: Vec<PolicyCountsObject<'a>>,
    holds: Vec<HoldCountsObject<'a>>,
    messages: Vec<GoesObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compacted: Option<Vec<CompactObject<'a>>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct PolicyCountsObject<'a> {
    name: &'a str,
    decides: u64,
    protected: u64,
    removes: u64,
    bytes: u64,
    held: u64,
    unclear: u64,
}

#[derive(Serialize)]
struct HoldCountsObject<'a> {
    name: &'a str,
    certain: u64,
    possible: u64,
}

#[derive(Serialize)]
struct GoesObject<'a> {
    id: String,
    size: u64,
    policy: &'a str,
    since: String,
}

impl<'a> From<&'a HoldCounts> for HoldCountsObject<'a> {
    fn from(it: &'a HoldCounts) -> HoldCountsObject<'a> {
        HoldCountsObject { name: &it.name, certain: it.certain, possible: it.possible }
    }
}

impl<'a> From<&'a RetentionAnswer> for RetentionObject<'a> {
    fn from(it: &'a RetentionAnswer) -> RetentionObject<'a> {
        let counts = |it: &'a PolicyCounts| PolicyCountsObject {
            name: &it.name,
            decides: it.decides,
            protected: it.protected,
            removes: it.removes,
            bytes: it.bytes,
            held: it.held,
            unclear: it.unclear,
        };
        let goes = |it: &'a MessageGoes| GoesObject {
            id: it.id.to_string(),
            size: it.size,
            policy: &it.policy,
            since: it.since.to_string(),
        };
        RetentionObject {
            done: it.done,
            seen: it.seen,
            removes: it.removes,
            bytes: it.bytes,
            held: it.held,
            unclear: it.unclear,
            waiting: it.waiting,
            entries_beyond: it.beyond,
            spared_by_hold: it.reviewed.map(|it| it.held),
            withdrawn: it.reviewed.map(|it| it.withdrawn),
            erased: it.reviewed.map(|it| it.erased),
            policies: it.policies.iter().map(counts).collect(),
            holds: it.holds.iter().map(HoldCountsObject::from).collect(),
            messages: it.messages.iter().map(goes).collect(),
            compacted: it.done.then(|| it.compacted.iter().map(CompactObject::from).collect()),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ExplainedObject<'a> {
    id: String,
    archived: String,
    date: String,
    received: Option<String>,
    decides: Option<&'a str>,
    may_decide: &'a [String],
    kept_until: Option<String>,
    removed_from: Option<String>,
    erased_from: Option<String>,
    told: &'a str,
    policies: Vec<MeansObject<'a>>,
    holds: Vec<HoldMeansObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct MeansObject<'a> {
    name: &'a str,
    enabled: bool,
    covers: &'a str,
    counted_from: String,
    kept_until: Option<String>,
    ends: Option<String>,
    removed_from: Option<String>,
    told: &'a str,
}

#[derive(Serialize)]
struct HoldMeansObject<'a> {
    name: &'a str,
    covers: &'a str,
}

impl<'a> From<&'a ExplainAnswer> for ExplainedObject<'a> {
    fn from(it: &'a ExplainAnswer) -> ExplainedObject<'a> {
        let means = |it: &'a PolicyMeans| MeansObject {
            name: &it.name,
            enabled: it.switch == Switch::Enabled,
            covers: it.covers.name(),
            counted_from: it.counted_from.to_string(),
            kept_until: at(it.kept_until),
            ends: at(it.ends),
            removed_from: at(it.removed_from),
            told: &it.told,
        };
        let hold = |it: &'a HoldMeans| HoldMeansObject { name: &it.name, covers: it.covers.name() };
        ExplainedObject {
            id: it.id.to_string(),
            archived: it.archived.to_string(),
            date: it.date.to_string(),
            received: at(it.received),
            decides: it.decides.as_deref(),
            may_decide: &it.may_decide,
            kept_until: at(it.kept_until),
            removed_from: at(it.removed_from),
            erased_from: at(it.erased_from),
            told: &it.told,
            policies: it.policies.iter().map(means).collect(),
            holds: it.holds.iter().map(hold).collect(),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ClockObject {
    now: String,
    stood_still: bool,
}

impl From<&ClockConfirmed> for ClockObject {
    fn from(it: &ClockConfirmed) -> ClockObject {
        ClockObject { now: it.now.to_string(), stood_still: it.stood_still }
    }
}

#[derive(Serialize)]
pub(super) struct HoldObject<'a> {
    id: String,
    name: &'a str,
    covers: &'a str,
    user: Option<&'a str>,
    query: Option<&'a str>,
    reason: &'a str,
    set_by: &'a str,
    set_at: String,
    lifted_by: Option<&'a str>,
    lifted_at: Option<String>,
    lifted_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certain: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<u64>,
    warnings: &'a [String],
}

impl<'a> From<&'a HoldShown> for HoldObject<'a> {
    fn from(it: &'a HoldShown) -> HoldObject<'a> {
        let (covers, user, query) = match &it.covers {
            Some(HoldCovers::User(user)) => ("user", Some(user.as_str()), None),
            Some(HoldCovers::Query(query)) => ("query", None, Some(query.as_str())),
            Some(HoldCovers::All) | None => ("all", None, None),
        };
        HoldObject {
            id: it.id.to_string(),
            name: &it.name,
            covers,
            user,
            query,
            reason: &it.reason,
            set_by: &it.set_by,
            set_at: it.set_at.to_string(),
            lifted_by: it.lifted.as_ref().map(|(by, ..)| by.as_str()),
            lifted_at: it.lifted.as_ref().map(|(_, at, _)| at.to_string()),
            lifted_reason: it.lifted.as_ref().map(|(.., reason)| reason.as_str()),
            certain: it.counts.as_ref().map(|it| it.certain),
            possible: it.counts.as_ref().map(|it| it.possible),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct DeletedObject<'a> {
    done: bool,
    condemned: Vec<String>,
    erased_from: Option<String>,
    kept: Vec<KeptObject<'a>>,
    waiting: Vec<String>,
    unclear: Vec<String>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct KeptObject<'a> {
    id: String,
    why: &'a str,
}

impl<'a> From<&'a DeleteAnswer> for DeletedObject<'a> {
    fn from(it: &'a DeleteAnswer) -> DeletedObject<'a> {
        let kept = it.kept.iter().map(|(id, why)| KeptObject { id: id.to_string(), why });
        let ids = |ids: &[BlobId]| ids.iter().map(ToString::to_string).collect();
        DeletedObject {
            done: it.done,
            condemned: ids(&it.condemned),
            erased_from: at(it.erased_from),
            kept: kept.collect(),
            waiting: ids(&it.waiting),
            unclear: ids(&it.unclear),
            warnings: &it.warnings,
        }
    }
}
