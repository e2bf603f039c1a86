//! `audit ...`.

use std::collections::BTreeMap;

use ::settings::{
    AUDIT_CONFIGURATION_READ, AUDIT_JOB_RUN, AUDIT_MESSAGE_EXPORT, AUDIT_MESSAGE_RETRIEVE_CONTENT,
    AUDIT_MESSAGE_SEARCH, Setting, Values,
};
use commands::{
    Activity, ActivityShown, AdminAnswer, Answer, AuditAnswer, AuditExport, AuditExported,
    AuditFilter, AuditLock, AuditRequest, AuditShown, Failure, FailureKind, Grouping, ProgressSink,
    Switch, Unlock, UnlockScope, UnlockShown,
};
use disk::SystemClock;
use ports::Clock;
use state::{KeptUnlock, State};
use types::{Hash, UserName};

use super::records::{self, Record};
use crate::context::{Context, DataDir};
use crate::run::export::proofs;
use crate::run::{blocking, faults, ownership, settings as values_of, users};

/// Carries out a request about the audit log.
pub(in crate::run) async fn run(
    context: &Context,
    request: AuditRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let _owned = match request.only_reads() {
        true => None,
        false => Some(ownership::take(context, title, progress).await?),
    };
    let context = context.clone();
    let answer = blocking(move || carry_out(&context, request)).await?;
    Ok(Answer::Admin(Box::new(AdminAnswer::Audit(answer))))
}

fn carry_out(context: &Context, request: AuditRequest) -> Result<AuditAnswer, Failure> {
    let data = &context.data;
    if !data.state().is_file() {
        return Err(faults::no_data_dir(data));
    }
    Ok(match request {
        AuditRequest::List(filter) => AuditAnswer::List(listed(data, &filter)?),
        AuditRequest::Export(it) => AuditAnswer::Exported(exported(data, it)?),
        AuditRequest::Show(number) => AuditAnswer::Entry(Box::new(shown(data, number)?)),
        AuditRequest::Activities => {
            let values = values_of::values(&users::open_for_reading(data)?)?;
            AuditAnswer::Activities(activities(&values))
        }
        AuditRequest::Switch(activity, switch) => {
            AuditAnswer::Activities(switched(data, activity, switch)?)
        }
        AuditRequest::Unlock(unlock) => {
            add_unlock(context, unlock)?;
            AuditAnswer::Unlocks(unlocks(data)?)
        }
        AuditRequest::Lock(scope) => {
            end_unlocks(context, &scope)?;
            AuditAnswer::Unlocks(unlocks(data)?)
        }
        AuditRequest::Unlocks => AuditAnswer::Unlocks(unlocks(data)?),
        AuditRequest::AcceptLoss(reason) => {
            AuditAnswer::Accepted(super::loss::accept(data, &context.asker, &reason)?)
        }
    })
}

/// The setting that says whether an activity is logged, where that can be said.
pub(super) fn setting_of(activity: Activity) -> Option<&'static Setting> {
    match activity {
        Activity::ConfigurationRead => Some(&AUDIT_CONFIGURATION_READ),
        Activity::JobRun => Some(&AUDIT_JOB_RUN),
        Activity::MessageExport => Some(&AUDIT_MESSAGE_EXPORT),
        Activity::MessageRetrieveContent => Some(&AUDIT_MESSAGE_RETRIEVE_CONTENT),
        Activity::MessageSearch => Some(&AUDIT_MESSAGE_SEARCH),
        _ => None,
    }
}

fn activities(values: &Values) -> Vec<ActivityShown> {
    let shown = |activity| {
        let is_on = setting_of(activity).is_none_or(|it| values.is_on(it));
        ActivityShown { activity, switch: if is_on { Switch::Enabled } else { Switch::Disabled } }
    };
    Activity::ALL.into_iter().map(shown).collect()
}

fn switched(
    data: &DataDir,
    activity: Activity,
    switch: Switch,
) -> Result<Vec<ActivityShown>, Failure> {
    let Some(setting) = setting_of(activity) else {
        debug_assert_eq!(activity.lock(), AuditLock::Locked);
        let message = format!("{} is always logged", activity.name());
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold audit activities` shows what can be left out."));
    };
    let value = if switch == Switch::Enabled { "on" } else { "off" };
    let mut state = users::open(data)?;
    state.set_value(setting.key, Some(value)).map_err(|it| faults::state(&it))?;
    Ok(activities(&values_of::values(&state)?))
}

fn add_unlock(context: &Context, unlock: Unlock) -> Result<(), Failure> {
    let mut state = users::open(&context.data)?;
    let whose = named(&state, &unlock.scope)?;
    let since = SystemClock.now();
    let seconds = i64::try_from(unlock.lasts.as_secs()).unwrap_or(i64::MAX);
    let kept = KeptUnlock {
        who: context.asker.who().to_owned(),
        whose,
        reason: unlock.reason,
        since,
        until: types::Timestamp(since.0.saturating_add(seconds)),
    };
    state.add_unlock(&kept).map_err(|it| faults::state(&it))
}

fn named(state: &State, scope: &UnlockScope) -> Result<Option<String>, Failure> {
    let UnlockScope::User(name) = scope else { return Ok(None) };
    let user = state.user(name).map_err(|it| faults::state(&it))?;
    match user.is_some() || *name == UserName::catch_all() {
        true => Ok(Some(name.to_string())),
        false => {
            let message = format!("there is no user {:?}", name.as_str());
            Err(Failure::new(FailureKind::Request, message)
                .with_hint("`posthold user list` shows the users."))
        }
    }
}

fn end_unlocks(context: &Context, scope: &UnlockScope) -> Result<(), Failure> {
    let whose = match scope {
        UnlockScope::User(name) => Some(name.as_str()),
        UnlockScope::Everybody => None,
    };
    let mut state = users::open(&context.data)?;
    let ended = state.end_unlocks(context.asker.who(), whose, SystemClock.now());
    if ended.map_err(|it| faults::state(&it))? == 0 {
        let of = whose.unwrap_or("everybody");
        let message = format!("you have not unlocked the mail of {of}");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold audit unlocks` shows what is unlocked."));
    }
    Ok(())
}

fn unlocks(data: &DataDir) -> Result<Vec<UnlockShown>, Failure> {
    let state = users::open_for_reading(data)?;
    let kept = state.unlocks(SystemClock.now()).map_err(|it| faults::state(&it))?;
    let shown = |it: KeptUnlock| {
        let scope = match it.whose.as_deref().map(UserName::new) {
            Some(Ok(name)) => UnlockScope::User(name),
            _ => UnlockScope::Everybody,
        };
        let KeptUnlock { who, reason, since, until, .. } = it;
        UnlockShown { who, scope, reason, since, until }
    };
    Ok(kept.into_iter().map(shown).collect())
}

/// The entries that a filter lets through, the newest last.
pub(super) fn listed(data: &DataDir, filter: &AuditFilter) -> Result<Vec<AuditShown>, Failure> {
    let limit = filter.limit.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    let mut rows: BTreeMap<u64, AuditShown> = BTreeMap::new();
    records::read(data, 0, &mut |record| match record.audited.of {
        Some(of) => {
            if let Some(row) = rows.get_mut(&of.0) {
                finish(row, record);
            }
        }
        None => {
            let row = row(record);
            if lets_through(filter, &row) {
                rows.insert(row.number, row);
                if limit < rows.len() {
                    rows.pop_first();
                }
            }
        }
    })?;
    let rows = rows.into_values().collect();
    Ok(match filter.grouping {
        Grouping::BySecond => grouped(rows),
        Grouping::Each => rows,
    })
}

/// Writes the entries that a filter lets through, with what proves them.
fn exported(data: &DataDir, request: AuditExport) -> Result<AuditExported, Failure> {
    let AuditExport { filter, to } = request;
    let rows = listed(data, &AuditFilter { grouping: Grouping::Each, limit: None, ..filter })?;
    let asked: Vec<(u64, Option<u64>)> = rows.iter().map(|it| (it.number, it.ended_by)).collect();
    let Some((log, evidence)) = records::open_with_evidence(data)? else {
        return Ok(AuditExported { to, proven: 0, unsigned: 0 });
    };
    let counts = proofs::write_audit(&evidence, &log, &to, &asked)?;
    Ok(AuditExported { to, proven: counts.proven, unsigned: counts.unsigned })
}

fn shown(data: &DataDir, number: u64) -> Result<AuditShown, Failure> {
    let mut found: Option<AuditShown> = None;
    records::read(data, number, &mut |record| match (&mut found, record.audited.of) {
        (None, None) if record.number == number => found = Some(row(record)),
        (Some(row), Some(of)) if of.0 == number => finish(row, record),
        _ => (),
    })?;
    found.ok_or_else(|| {
        let message = format!("nothing begins with entry {number} of the audit log");
        Failure::new(FailureKind::Request, message)
            .with_hint("`posthold audit list` shows the entries.")
    })
}

fn row(record: Record) -> AuditShown {
    let Record { number, entry, audited, detail } = record;
    let activity = match Activity::from_number(audited.activity) {
        Some(activity) => activity.name().to_owned(),
        None => audited.activity.to_string(),
    };
    AuditShown {
        number,
        ended_by: None,
        at: entry.time,
        ended: None,
        activity,
        outcome: audited.outcome.name(),
        who: detail.who,
        identity: detail.identity,
        channel: detail.channel,
        endpoint: detail.endpoint,
        workstation: detail.workstation,
        agent: detail.agent,
        command: detail.command,
        objects: detail.objects,
        reason: detail.reason,
        told: detail.told,
        messages: detail.messages,
        n_messages: detail.n_messages,
        messages_hash: Some(detail.messages_hash).filter(|it| *it != Hash::default()),
        times: 1,
    }
}

/// Adds how it ended.
fn finish(row: &mut AuditShown, record: Record) {
    row.ended_by = Some(record.number);
    row.ended = Some(record.entry.time);
    row.outcome = record.audited.outcome.name();
    row.told = record.detail.told;
    row.messages = record.detail.messages;
    row.n_messages = record.detail.n_messages;
    let hash = record.detail.messages_hash;
    row.messages_hash = Some(hash).filter(|it| *it != Hash::default());
}

fn lets_through(filter: &AuditFilter, row: &AuditShown) -> bool {
    let AuditFilter { from, until, who, activities, object, .. } = filter;
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let is_by = |it: &String| has(&row.who, it) || has(&row.identity, it);
    let is_on = |it: &String| row.objects.iter().any(|that| has(that, it));
    from.is_none_or(|it| it <= row.at)
        && until.is_none_or(|it| row.at < it)
        && who.as_ref().is_none_or(is_by)
        && (activities.is_empty() || activities.iter().any(|it| it.name() == row.activity))
        && object.as_ref().is_none_or(is_on)
}

/// Reads of one person in one second are one line.
fn grouped(rows: Vec<AuditShown>) -> Vec<AuditShown> {
    let mut grouped: Vec<AuditShown> = Vec::new();
    for row in rows {
        let is_read = Activity::from_name(&row.activity).is_some_and(|it| {
            matches!(
                it,
                Activity::MessageRetrieveContent
                    | Activity::MessageSearch
                    | Activity::ConfigurationRead
            )
        });
        match grouped.last_mut().filter(|it| is_read && is_alike(it, &row)) {
            Some(last) => join(last, row),
            None => grouped.push(row),
        }
    }
    grouped
}

fn is_alike(one: &AuditShown, other: &AuditShown) -> bool {
    let of = |it: &AuditShown| {
        let AuditShown { at, activity, outcome, who, channel, endpoint, reason, .. } = it.clone();
        (at, activity, outcome, who, channel, endpoint, reason)
    };
    of(one) == of(other)
}

fn join(last: &mut AuditShown, row: AuditShown) {
    last.times += 1;
    last.ended_by = row.ended_by;
    last.ended = row.ended;
    last.objects.extend(row.objects);
    last.messages.extend(row.messages);
    last.n_messages += row.n_messages;
    last.messages_hash = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_left_out_has_a_setting() {
        for activity in Activity::ALL {
            let is_locked = activity.lock() == AuditLock::Locked;
            assert_eq!(setting_of(activity).is_none(), is_locked, "{}", activity.name());
        }
    }

    #[test]
    fn reads_of_one_second_are_one_line() {
        let row = |number, at, activity: Activity, who: &str| AuditShown {
            number,
            at: types::Timestamp(at),
            activity: activity.name().into(),
            who: who.into(),
            outcome: "done",
            n_messages: 2,
            times: 1,
            ..AuditShown::default()
        };
        let (reads, changes) = (Activity::MessageRetrieveContent, Activity::SettingsChange);
        let rows = vec![
            row(0, 5, reads, "a"),
            row(2, 5, reads, "a"),
            row(4, 5, reads, "b"),
            row(6, 6, reads, "b"),
            row(8, 6, changes, "b"),
            row(10, 6, changes, "b"),
        ];
        let all: Vec<_> =
            grouped(rows).iter().map(|it| (it.number, it.times, it.n_messages)).collect();
        assert_eq!(all, [(0, 2, 4), (4, 1, 2), (6, 1, 2), (8, 1, 2), (10, 1, 2)]);
    }
}
