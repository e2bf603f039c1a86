//! `retention ...`: policies, what they mean for messages, and carrying them out.
//!
//! What it is not: the decision over a message (`rules::retention`), or over many (`retention`).

mod by_hand;
mod carry_out;
mod clock;
mod erasing;
mod holds;
mod schedule;
mod views;

use commands::{
    AdminAnswer, Answer, ClockConfirmed, Delete, DeleteAnswer, DeleteHow, ExplainAnswer, Failure,
    FailureKind, HoldCounts, HoldMeans, MessageGoes, PolicyAdd, PolicyCounts, PolicyMeans,
    PolicyPeriods, PolicyScope, PolicySet, PolicyShown, ProgressSink, RetentionAnswer,
    RetentionRequest, Switch, Wanted,
};
use disk::SystemClock;
use ports::{Clock, RetentionViews};
use retention::{Explained, Judge, Plan, Policy};
use rules::age::Age;
use rules::retention::{Decides, Periods, Verdict};
use state::{PolicyChange, SavedPolicy, State};
use types::Timestamp;
use types::retention::Coverage;

pub(super) use holds::{lift as lifted, run as run_hold};
pub(crate) use schedule::{RetentionWork, look_at_clock, look_for_work};

use self::views::StoreViews;
use super::all_stores::AllStores;
use super::approvals::{self, Gate};
use super::{blocking, faults, ownership, show, users};
use crate::context::{Context, DataDir};
use crate::render::words;

/// Policies, at most.
const POLICIES_MAX: usize = 200;

/// Carries out a request about retention.
pub(super) async fn run(
    context: &Context,
    request: RetentionRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let _owned = match request.only_reads() {
        true => None,
        false => Some(ownership::take(context, title, progress).await?),
    };
    let (data, by) = (context.data.clone(), who(context));
    let answer = match request {
        RetentionRequest::Plan(limit) => {
            let plan = blocking(move || planned(&data, limit)).await?;
            AdminAnswer::Retention(Box::new(plan))
        }
        RetentionRequest::Explain(id) => {
            let explained = blocking(move || explained(&data, &id)).await?;
            AdminAnswer::Explained(Box::new(explained))
        }
        RetentionRequest::Run(person) => {
            let wanted = blocking(move || {
                let digest = digest(&*users::open(&data)?)?;
                let wanted = Wanted::RetentionRun(digest);
                approvals::gate(&data, wanted, person, "retention run", "")
            });
            match wanted.await? {
                Gate::Waits(it) => AdminAnswer::Approval(it),
                Gate::Open => {
                    AdminAnswer::Retention(Box::new(carry_out::run(context, progress).await?))
                }
            }
        }
        RetentionRequest::ConfirmClock => {
            let now = SystemClock.now();
            let stood_still = blocking(move || clock::confirm(&data, now)).await?;
            AdminAnswer::ClockConfirmed(ClockConfirmed { now, stood_still })
        }
        other => blocking(move || policies(&data, other, &by)).await?,
    };
    Ok(Answer::Admin(Box::new(answer)))
}

/// Removes messages, or shows what would go.
pub(super) async fn delete(
    context: &Context,
    request: Delete,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, asked) = (context.data.clone(), request.clone());
    if request.how == DeleteHow::Plan {
        let planned = blocking(move || by_hand::planned(&data, &asked.which)).await?;
        return Ok(Answer::Admin(Box::new(AdminAnswer::Deleted(planned))));
    }
    let _owned = ownership::take(context, title, progress).await?;
    let gate = blocking(move || {
        let Delete { which, reason, by, .. } = asked;
        let ids = by_hand::ids(&data, &which)?;
        if ids.is_empty() {
            return Ok(Gate::Open);
        }
        let n = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        let title = format!("delete {}", words::counted(n, "message"));
        approvals::gate(&data, Wanted::Delete(ids), by, &title, &reason)
    });
    let answer = match gate.await? {
        Gate::Waits(it) => AdminAnswer::Approval(it),
        Gate::Open => AdminAnswer::Deleted(by_hand::delete(context, request, progress).await?),
    };
    Ok(Answer::Admin(Box::new(answer)))
}

/// Carries retention out; whoever has to has approved it.
pub(super) async fn carried_out(
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<RetentionAnswer, Failure> {
    carry_out::run(context, progress).await
}

/// Removes messages; whoever has to has approved it.
pub(super) async fn deleted(
    context: &Context,
    request: Delete,
    progress: &dyn ProgressSink,
) -> Result<DeleteAnswer, Failure> {
    by_hand::delete(context, request, progress).await
}

/// Says which policies a run would carry out: others have another digest.
pub(super) fn digest(state: &State) -> Result<String, Failure> {
    let policies = policies_of(state, is_enabled)?;
    Ok(types::Hash::of(format!("{policies:?}").as_bytes()).to_string())
}

/// Who gives the command, as people know him.
pub(super) fn who(context: &Context) -> String {
    context.asker.who().to_owned()
}

/// What is done with the list of policies.
fn policies(data: &DataDir, request: RetentionRequest, by: &str) -> Result<AdminAnswer, Failure> {
    let failed = |it| faults::state(&it).with_hint("`posthold retention list` shows the policies.");
    if let RetentionRequest::List | RetentionRequest::Show(_) = &request {
        let state = users::open_for_reading(data)?;
        let RetentionRequest::Show(name) = request else {
            return Ok(AdminAnswer::Policies(all_shown(&state)?));
        };
        return one_shown(&state, &name);
    }
    let mut state = users::open(data)?;
    let name = match request {
        RetentionRequest::Add(it) => {
            let PolicyAdd { name, query, periods } = *it;
            check_number(state.policies().map_err(failed)?.len() + 1)?;
            let saved = saved(&name, query, &periods, by)?;
            state.change_policy(PolicyChange::Add(Box::new(saved))).map_err(failed)?;
            name
        }
        RetentionRequest::Set(it) => {
            let before = named(&state, &it.name)?;
            let name = before.name.clone();
            let saved = changed(before, *it, by)?;
            state.change_policy(PolicyChange::Replace(Box::new(saved))).map_err(failed)?;
            name
        }
        RetentionRequest::Switch(name, switch) => {
            let changed_by = by.to_owned();
            let changed_at = SystemClock.now();
            let saved = SavedPolicy { switch, changed_by, changed_at, ..named(&state, &name)? };
            state.change_policy(PolicyChange::Replace(Box::new(saved))).map_err(failed)?;
            name
        }
        RetentionRequest::Move(name, place) => {
            let place = usize::try_from(place.saturating_sub(1)).unwrap_or(usize::MAX);
            state.change_policy(PolicyChange::Move(name.clone(), place)).map_err(failed)?;
            name
        }
        RetentionRequest::Remove(name) => {
            state.change_policy(PolicyChange::Remove(name.clone())).map_err(failed)?;
            return Ok(AdminAnswer::PolicyRemoved(name));
        }
        _ => return Err(Failure::new(FailureKind::Internal, "this changes no policy")),
    };
    one_shown(&state, &name)
}

/// Checks a number of policies.
pub(super) fn check_number(n: usize) -> Result<(), Failure> {
    if n <= POLICIES_MAX {
        return Ok(());
    }
    let message = format!("there are {POLICIES_MAX} retention policies at most");
    Err(Failure::new(FailureKind::Request, message))
}

fn all_shown(state: &State) -> Result<Vec<PolicyShown>, Failure> {
    let all = state.policies().map_err(|it| faults::state(&it))?;
    let shown = |(it, place): (SavedPolicy, u32)| PolicyShown {
        warnings: warnings_of(&it),
        name: it.name,
        place,
        query: it.query,
        periods: it.periods,
        switch: it.switch,
        changed_by: it.changed_by,
        changed_at: it.changed_at,
    };
    Ok(all.into_iter().zip(1..).map(shown).collect())
}

fn one_shown(state: &State, name: &str) -> Result<AdminAnswer, Failure> {
    let found = all_shown(state)?.into_iter().find(|it| it.name == name);
    found.map(|it| AdminAnswer::Policy(Box::new(it))).ok_or_else(|| unknown_policy(name))
}

fn named(state: &State, name: &str) -> Result<SavedPolicy, Failure> {
    let all = state.policies().map_err(|it| faults::state(&it))?;
    all.into_iter().find(|it| it.name == name).ok_or_else(|| unknown_policy(name))
}

fn unknown_policy(name: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no retention policy {name:?}"))
        .with_hint("`posthold retention list` shows the policies.")
}

/// A query whose words may stand in an attachment is unclear for every message that has one.
fn warnings_of(policy: &SavedPolicy) -> Vec<String> {
    let parsed = policy.query.as_deref().map(|it| query::parse(it, Timestamp(0)));
    let is_unclear = |it: &query::Query| {
        let bounds = it.bounds();
        bounds.certain != bounds.possible
    };
    match parsed {
        Some(Ok(query)) if is_unclear(&query) => vec![
            "Words of messages that were only partly read, and of attachments, are not known: \
             where the query looks for words there, such messages stay."
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

/// A policy as it is kept, enabled; its query and periods are checked.
pub(super) fn saved(
    name: &str,
    query: Option<String>,
    periods: &PolicyPeriods,
    by: &str,
) -> Result<SavedPolicy, Failure> {
    query.as_deref().map(views::check_query).transpose()?;
    let read = read_periods(periods)?;
    read.check().map_err(|it| {
        Failure::new(FailureKind::Request, it.to_string())
            .with_hint("Give --keep, --remove-after, or both: 90d, 2w, 6m, 10y.")
    })?;
    let periods = PolicyPeriods {
        minimum: read.minimum.map(Age::short),
        maximum: read.maximum.map(Age::short),
        ..periods.clone()
    };
    Ok(SavedPolicy {
        name: name.to_owned(),
        query,
        periods,
        switch: Switch::Enabled,
        changed_by: by.to_owned(),
        changed_at: SystemClock.now(),
    })
}

fn changed(before: SavedPolicy, change: PolicySet, by: &str) -> Result<SavedPolicy, Failure> {
    let query = match change.query {
        None => before.query,
        Some(PolicyScope::All) => None,
        Some(PolicyScope::Query(query)) => Some(query),
    };
    let period = |before: Option<String>, change: Option<String>| match change {
        None => before,
        Some(text) => Some(text).filter(|it| !it.is_empty()),
    };
    let periods = PolicyPeriods {
        minimum: period(before.periods.minimum, change.minimum),
        maximum: period(before.periods.maximum, change.maximum),
        from: change.from.unwrap_or(before.periods.from),
        at_the_end: change.at_the_end.unwrap_or(before.periods.at_the_end),
    };
    let saved = saved(&before.name, query, &periods, by)?;
    Ok(SavedPolicy { switch: before.switch, ..saved })
}

fn read_periods(written: &PolicyPeriods) -> Result<Periods, Failure> {
    let age = |text: &Option<String>| {
        let read = text.as_deref().map(|it| {
            Age::read(it).ok_or_else(|| {
                let message = format!("{it:?} is no period");
                Failure::new(FailureKind::Request, message)
                    .with_hint("Write 90d, 2w, 6m or 10y: days, weeks, months or years.")
            })
        });
        read.transpose()
    };
    Ok(Periods {
        minimum: age(&written.minimum)?,
        maximum: age(&written.maximum)?,
        from: written.from,
        at_the_end: written.at_the_end,
    })
}

/// Those of the saved policies that `takes` takes, for the engine.
fn policies_of(
    state: &State,
    takes: impl Fn(&SavedPolicy) -> bool,
) -> Result<Vec<Policy>, Failure> {
    let all = state.policies().map_err(|it| faults::state(&it))?;
    let read = |it: SavedPolicy| {
        let periods = read_periods(&it.periods)?;
        Ok(Policy { name: it.name, query: it.query, periods })
    };
    all.into_iter().filter(takes).map(read).collect()
}

fn is_enabled(policy: &SavedPolicy) -> bool {
    policy.switch == Switch::Enabled
}

/// What a run would do now.
fn planned(data: &DataDir, limit: u64) -> Result<RetentionAnswer, Failure> {
    let failed = |it| faults::catalog(&it);
    let now = SystemClock.now();
    let state = users::open_for_reading(data)?;
    let policies = policies_of(&state, is_enabled)?;
    let all = AllStores::open(data)?;
    let holds = holds::open_holds(&all)?;
    let mut sum = RetentionAnswer::default();
    sum.warnings.extend(all.read().told());
    for one in &all.stores {
        let views = StoreViews::new(&one.reading.store)?;
        let judge = Judge::new(&views, &policies, &holds).map_err(failed)?;
        let condemned = one.reading.store.log().condemned().map_err(|it| faults::log(&it))?;
        let condemned = condemned.iter().map(|it| it.message).collect();
        let plan = retention::plan(&views, &judge, &condemned, now).map_err(failed)?;
        let mut answer = answer_of(&plan, &judge, limit);
        answer.beyond = one.reading.entries().saturating_sub(plan.reach);
        add(&mut sum, answer, limit);
    }
    sum.warnings.extend(clock::warning(&state, clock::last_of(&all)?, now)?);
    Ok(sum)
}

/// Adds what another store says. Policies and holds are the same in all of them.
fn add(sum: &mut RetentionAnswer, other: RetentionAnswer, limit: u64) {
    sum.seen += other.seen;
    sum.removes += other.removes;
    sum.bytes += other.bytes;
    sum.held += other.held;
    sum.unclear += other.unclear;
    sum.waiting += other.waiting;
    sum.beyond += other.beyond;
    if sum.policies.is_empty() {
        sum.policies = other.policies;
    } else {
        for (it, more) in sum.policies.iter_mut().zip(other.policies) {
            it.decides += more.decides;
            it.protected += more.protected;
            it.removes += more.removes;
            it.bytes += more.bytes;
            it.held += more.held;
            it.unclear += more.unclear;
        }
    }
    if sum.holds.is_empty() {
        sum.holds = other.holds;
    } else {
        for (it, more) in sum.holds.iter_mut().zip(other.holds) {
            it.certain += more.certain;
            it.possible += more.possible;
        }
    }
    sum.messages.extend(other.messages);
    sum.messages.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    sum.warnings.extend(other.warnings);
}

fn answer_of(plan: &Plan, judge: &Judge<'_>, limit: u64) -> RetentionAnswer {
    let policies: Vec<PolicyCounts> = plan
        .policies
        .iter()
        .map(|it| PolicyCounts {
            name: it.name.clone(),
            decides: it.decides,
            protected: it.protected,
            removes: it.removes,
            bytes: it.bytes,
            held: it.held,
            unclear: it.unclear,
        })
        .collect();
    let hold = |it: &retention::HoldCount| HoldCounts {
        name: it.name.clone(),
        certain: it.certain,
        possible: it.possible,
    };
    let names = judge.policy_names();
    let goes = |it: &retention::PlannedMessage| MessageGoes {
        id: it.blob,
        size: it.size,
        policy: names.get(it.policy).copied().unwrap_or_default().to_owned(),
        since: it.since,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    RetentionAnswer {
        seen: plan.seen,
        removes: policies.iter().map(|it| it.removes).sum(),
        bytes: policies.iter().map(|it| it.bytes).sum(),
        held: plan.held,
        unclear: plan.unclear,
        waiting: plan.waiting,
        policies,
        holds: plan.holds.iter().map(hold).collect(),
        messages: plan.removes.iter().take(limit).map(goes).collect(),
        ..RetentionAnswer::default()
    }
}

/// What becomes of one message.
fn explained(data: &DataDir, id: &str) -> Result<ExplainAnswer, Failure> {
    let failed = |it| faults::catalog(&it);
    let now = SystemClock.now();
    let state = users::open_for_reading(data)?;
    let saved = state.policies().map_err(|it| faults::state(&it))?;
    let (enabled, all) = (policies_of(&state, is_enabled)?, policies_of(&state, |_| true)?);
    let stores = AllStores::open(data)?;
    let held = show::found(&stores, id)?;
    let Some((one, row)) = held.copies.first() else {
        return Err(Failure::new(FailureKind::NotFound, format!("there is no message {id}")));
    };
    let views = StoreViews::new(&one.reading.store)?;
    let holds = holds::open_holds(&stores)?;
    let message = views.message(row.key).map_err(failed)?;
    let message = message.ok_or_else(|| {
        Failure::new(FailureKind::NotFound, format!("the catalog does not know {id}"))
    })?;
    let judge = Judge::new(&views, &enabled, &holds).map_err(failed)?;
    let verdict = judge.verdict(&message);
    let judge_all = Judge::new(&views, &all, &holds).map_err(failed)?;
    let explained = retention::explain(&judge_all, &message);
    let names = judge.policy_names();
    let (decides, may_decide) = deciders(&verdict, &names);
    let condemned = one.reading.store.log().condemned().map_err(|it| faults::log(&it))?;
    let condemned = condemned.into_iter().find(|it| it.message == message.key);
    let mut warnings: Vec<String> = stores.read().told().into_iter().collect();
    if 1 < held.copies.len() {
        warnings.push(format!(
            "Several stores have it, each with times of its own: these are those in {}.",
            one.name
        ));
    }
    if views.reach() <= message.key.0 {
        warnings.push(
            "Not both views have read this message yet; retention does not look at it.".to_owned(),
        );
    }
    Ok(ExplainAnswer {
        id: message.blob,
        archived: message.archived,
        date: message.date,
        received: message.received,
        told: told(&verdict, &explained, &names, now, condemned.as_ref().map(|it| it.due)),
        policies: means(&explained, &saved, decides.as_deref(), &may_decide),
        holds: explained
            .holds
            .iter()
            .map(|it| HoldMeans { name: it.name.clone(), covers: it.coverage })
            .collect(),
        decides,
        may_decide,
        kept_until: verdict.kept_until,
        removed_from: verdict.removed_from,
        erased_from: condemned.map(|it| it.due),
        warnings,
    })
}

fn deciders(verdict: &Verdict, names: &[&str]) -> (Option<String>, Vec<String>) {
    let name = |place: &usize| names.get(*place).map(|it| (*it).to_owned());
    match &verdict.decides {
        Decides::Nobody => (None, Vec::new()),
        Decides::Policy(place) => (name(place), Vec::new()),
        Decides::Unclear { policies, .. } => (None, policies.iter().filter_map(name).collect()),
    }
}

/// What the next runs do with a message that goes; `due` is when it may be erased, when it is
/// condemned.
fn going(due: Option<Timestamp>, now: Timestamp) -> String {
    match due {
        None => "the next run condemns it".to_owned(),
        Some(due) if due <= now => "the next run erases it".to_owned(),
        Some(due) => format!("the first run from {} on erases it", words::minute(due)),
    }
}

/// What it comes to, in a sentence or two.
fn told(
    verdict: &Verdict,
    explained: &Explained,
    names: &[&str],
    now: Timestamp,
    due: Option<Timestamp>,
) -> String {
    let name = |place: &usize| names.get(*place).copied().unwrap_or_default();
    let by_policy = match &verdict.decides {
        Decides::Nobody => "No policy covers it: whoever may remove mail may remove it.".to_owned(),
        Decides::Policy(place) => {
            let until = verdict.kept_until.filter(|it| now < *it);
            match (until, verdict.removed_from) {
                (Some(until), _) => format!(
                    "Nobody may remove it before {}: the policy {:?} keeps it.",
                    words::minute(until),
                    name(place)
                ),
                (None, Some(from)) if from <= now => {
                    format!("The policy {:?} removes it: {}.", name(place), going(due, now))
                }
                (None, Some(from)) => format!(
                    "The policy {:?} removes it from {} on; it may be removed by hand before.",
                    name(place),
                    words::minute(from)
                ),
                (None, None) => format!(
                    "The policy {:?} lets it be removed by hand, and removes nothing itself.",
                    name(place)
                ),
            }
        }
        Decides::Unclear { policies, .. } => {
            let named: Vec<String> = policies.iter().map(|it| format!("{:?}", name(it))).collect();
            format!(
                "Not every word of it was read, so it cannot be told whether {} covers it: no \
                 policy removes it.",
                named.join(" or ")
            )
        }
    };
    match explained.holds.first() {
        Some(hold) => {
            let hold = &hold.name;
            format!("It stays: the legal hold {hold:?} covers it. Without the hold: {by_policy}")
        }
        None => by_policy,
    }
}

fn means(
    explained: &Explained,
    saved: &[SavedPolicy],
    decides: Option<&str>,
    may_decide: &[String],
) -> Vec<PolicyMeans> {
    let mut is_decided = false;
    let of = |(it, saved): (&retention::PolicyEffect, &SavedPolicy)| {
        let told = if saved.switch == Switch::Disabled {
            "It is disabled."
        } else if it.coverage == Coverage::No {
            "It does not cover the message."
        } else if decides == Some(it.name.as_str()) {
            is_decided = true;
            "It is the first that covers the message, so it decides."
        } else if may_decide.contains(&it.name) {
            is_decided |= it.coverage == Coverage::Yes;
            "It may be the one that decides."
        } else if is_decided {
            "One before it decides."
        } else {
            "It does not decide."
        };
        PolicyMeans {
            name: it.name.clone(),
            switch: saved.switch,
            covers: it.coverage,
            counted_from: it.dates.counted_from,
            kept_until: it.dates.kept_until,
            ends: it.dates.ends,
            removed_from: it.dates.removed_from,
            told: told.to_owned(),
        }
    };
    explained.policies.iter().zip(saved).map(of).collect()
}
