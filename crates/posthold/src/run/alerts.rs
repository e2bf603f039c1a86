//! `alert ...`, and looking whether there is something to alert of.
//!
//! What it is not: the decision. It gathers a situation, `reports::alerts` says what is wrong with
//! it, and `state` keeps that.

use ::settings::{ALERT_DISK_FREE_PERCENT, ALERT_STALE_HOURS, STORE_CREATE_AT_MESSAGES, Values};
use commands::{
    AdminAnswer, AlertKind, AlertRequest, Answer, Failure, KeyStatus, ProgressSink, StoreState,
    Switch,
};
use disk::SystemClock;
use ports::Clock;
use reports::alerts::{
    AccountSituation, ClockSituation, DiskSituation, JobSituation, KeySituation, MailSituation,
    NoStoreSituation, QuotaSituation, Situation, StoreSituation, UnknownSituation,
};
use state::{AccountStanding, State};
use types::Timestamp;

use super::{anchors, blocking, faults, insecure, keys, ownership, settings as values_of, users};
use crate::context::{Context, DataDir, KeySource};
use crate::render::words;

/// How long a message may wait before that is an alert itself.
const MAIL_WAITS_SECONDS: i64 = 600;

/// Carries out a request about alerts.
pub(super) async fn run(
    context: &Context,
    request: AlertRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let _owned = match request {
        AlertRequest::Acknowledge(_) => Some(ownership::take(context, title, progress).await?),
        AlertRequest::List(_) | AlertRequest::Show(_) => None,
    };
    let failed = |it| faults::state(&it).with_hint("`posthold alert list --all` lists them.");
    let answer = blocking(move || {
        let now = SystemClock.now();
        Ok(match request {
            AlertRequest::List(choice) => {
                if !data.state().is_file() {
                    return Err(faults::no_data_dir(&data));
                }
                // What another process keeps meanwhile is as new as what we would find.
                if let Err(failure) = look(&data, &source, now, Keys::Unknown) {
                    tracing::debug!(failure.message, "alerts are shown as they were");
                }
                let state = users::open_for_reading(&data)?;
                AdminAnswer::Alerts(state.alerts(choice).map_err(failed)?)
            }
            AlertRequest::Show(id) => {
                let state = users::open_for_reading(&data)?;
                AdminAnswer::Alert(Box::new(state.alert(id).map_err(failed)?))
            }
            AlertRequest::Acknowledge(id) => {
                let mut state = users::open(&data)?;
                state.acknowledge_alert(id, now).map_err(failed)?;
                AdminAnswer::Alert(Box::new(state.alert(id).map_err(failed)?))
            }
        })
    })
    .await?;
    Ok(Answer::Admin(Box::new(answer)))
}

/// Whether the keys of this process are those that jobs run with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keys {
    /// They are: what is missing here is missing.
    Ours,
    /// Whoever only looks may have another environment.
    Unknown,
}

/// Looks what is wrong now, and keeps what changed. Blocks.
pub(super) fn look(
    data: &DataDir,
    source: &KeySource,
    now: Timestamp,
    whose: Keys,
) -> Result<(), Failure> {
    let mut state = users::open(data)?;
    let (situation, looked) = situation(data, source, &state, now, whose)?;
    let open = state.open_alerts().map_err(|it| faults::state(&it))?;
    let found = reports::alerts::found(&situation);
    for it in &found {
        tracing::debug!(kind = it.alert.kind.name(), subject = it.alert.subject, "found");
    }
    let changes = reports::alerts::changes(&open, found, &looked);
    state.change_alerts(&changes, now).map_err(|it| faults::state(&it))
}

/// How things are, and what of it could be looked at.
fn situation(
    data: &DataDir,
    source: &KeySource,
    state: &State,
    now: Timestamp,
    whose: Keys,
) -> Result<(Situation, Vec<AlertKind>), Failure> {
    let values = values_of::values(state)?;
    let mut looked: Vec<AlertKind> = AlertKind::ALL.to_vec();
    let mut not_looked = |kind| looked.retain(|it| *it != kind);
    let disk = disk(data, &values);
    if disk.is_none() {
        not_looked(AlertKind::Disk);
    }
    let keys = match keys::status(data, source) {
        Ok(AdminAnswer::KeyStatus(status)) if whose == Keys::Ours => missing_keys(&status),
        _ => {
            not_looked(AlertKind::Key);
            Vec::new()
        }
    };
    let hours = i64::try_from(values.number(&ALERT_STALE_HOURS)).unwrap_or(i64::MAX);
    let situation = Situation {
        now,
        stale_after_seconds: hours.saturating_mul(3_600),
        jobs: jobs(state)?,
        disk,
        keys,
        insecure: insecure::all(state)?,
        quotas: quotas(state, now)?,
        unknown: unknown(state)?,
        mail: mail(state, now)?,
        clock: clock(state)?,
        anchors: anchors::in_trouble(state, now)?,
        stores: stores(data, state, &values, STORE_MESSAGES_RECOMMENDED)?,
        no_store: no_store(state)?,
    };
    Ok((situation, looked))
}

/// Jobs that may run, with their newest run that ended, and how their accounts stand.
pub(super) fn jobs(state: &State) -> Result<Vec<JobSituation>, Failure> {
    let failed = |it| faults::state(&it);
    let jobs = state.jobs().map_err(failed)?;
    let (ended, standings) =
        (state.ended_runs().map_err(failed)?, state.standings().map_err(failed)?);
    let account = |it: &AccountStanding| AccountSituation {
        account: it.account.clone(),
        outcome: Some(it.outcome),
        why: it.why.clone(),
        failure: it.failure,
        quarantined: it.quarantined,
        complete_at: it.complete_at,
        first_tried: it.first_tried,
    };
    let situation = |saved: state::SavedJob| {
        let run = ended.iter().find(|it| it.job == saved.id)?;
        Some(JobSituation {
            is_scheduled: saved.job.schedule.is_some(),
            name: saved.job.name,
            run: run.run,
            outcome: run.outcome,
            told: run.told.clone(),
            accounts: standings.iter().filter(|it| it.job == saved.id).map(account).collect(),
        })
    };
    let may_run = jobs.into_iter().filter(|it| it.job.switch == Switch::Enabled);
    Ok(may_run.filter_map(situation).collect())
}

/// Budgets of a day that are used up.
fn quotas(state: &State, now: Timestamp) -> Result<Vec<QuotaSituation>, Failure> {
    let failed = |it| faults::state(&it);
    let profiles = state.profiles().map_err(failed)?;
    let limited = profiles.iter().filter_map(|it| Some((it, it.profile.limits.bytes_per_day?)));
    let limited: Vec<_> = limited.collect();
    if limited.is_empty() {
        return Ok(Vec::new());
    }
    let today = now.day_start();
    let fetched = state.fetched_on(today.0.div_euclid(86_400)).map_err(failed)?;
    let mut used_up = Vec::new();
    for (saved, max) in limited {
        let half = &saved.profile.incoming;
        // As the governor names budgets: the profile, or each account at its server.
        let profile = format!("profile:{:016x}", saved.id.0);
        let server = ::jobs::ServerKey::new(&half.host.host, half.resolved().1);
        let account = format!("{} ", server.as_str());
        for (budget, bytes) in fetched.iter().filter(|(_, bytes)| max <= *bytes) {
            let name = match budget.strip_prefix(&account) {
                Some(account) => format!("{account} at {}", saved.profile.name),
                None if *budget == profile => saved.profile.name.clone(),
                None => continue,
            };
            tracing::debug!(name, bytes, "the budget of the day is used up");
            used_up.push(QuotaSituation { server: name, until: today.plus_days(1) });
        }
    }
    Ok(used_up)
}

/// Addresses that nobody has, by the job that saw them.
fn unknown(state: &State) -> Result<Vec<UnknownSituation>, Failure> {
    let mut found: Vec<UnknownSituation> = Vec::new();
    // Strangers are no news; an address in a domain of ours is a user or an alias that is missing.
    let unknown = state.unknown().map_err(|it| faults::state(&it))?;
    for it in unknown.into_iter().filter(|it| it.ours) {
        let job = it.job.unwrap_or_else(|| "(removed)".to_owned());
        let example = format!("{} ({})", it.address, words::counted(it.messages, "message"));
        match found.iter_mut().find(|that| that.job == job) {
            Some(that) => {
                that.addresses += 1;
                that.examples.push(example);
            }
            None => found.push(UnknownSituation {
                job,
                addresses: 1,
                examples: vec![example],
                hint: "`posthold unknown list` shows them, `posthold unknown assign` gives one to \
                       a user and sorts its mail."
                    .to_owned(),
            }),
        }
    }
    Ok(found)
}

/// Messages that a store should have at most: what is beyond takes longer to verify and to mend.
pub(super) const STORE_MESSAGES_RECOMMENDED: u64 = 5_000_000;

/// The stores that people see. `recommended` is how many messages one should have at most.
fn stores(
    data: &DataDir,
    state: &State,
    values: &Values,
    recommended: u64,
) -> Result<Vec<StoreSituation>, Failure> {
    let at_messages = values.number(&STORE_CREATE_AT_MESSAGES);
    let by_count = (1..=recommended).contains(&at_messages);
    let mut found = Vec::new();
    for saved in state.stores().map_err(|it| faults::state(&it))? {
        if !saved.state.is_active() {
            continue;
        }
        let is_current = saved.state == StoreState::Current;
        let messages = match is_current && saved.trouble.is_none() {
            true => {
                super::store_admin::messages(data, &data.at(&saved).store()).unwrap_or_default()
            }
            false => 0,
        };
        found.push(StoreSituation {
            name: saved.name,
            is_current,
            trouble: saved.trouble.map(|it| it.why),
            index_failure: saved.index_trouble,
            messages,
            messages_recommended: recommended,
            has_successor: by_count,
        });
    }
    Ok(found)
}

/// That nothing is archived for want of a store.
fn no_store(state: &State) -> Result<Option<NoStoreSituation>, Failure> {
    let failure = state.store_failure().map_err(|it| faults::state(&it))?;
    let current = state.current_store().map_err(|it| faults::state(&it))?;
    let in_error = current.and_then(|it| Some((it.name, it.trouble?)));
    let of_current = in_error.map(|(name, it)| NoStoreSituation {
        since: it.at,
        what: format!("the current store {name} cannot be opened"),
        why: it.why,
    });
    let of_next = failure.map(|it| NoStoreSituation { since: it.at, what: it.what, why: it.why });
    Ok(of_next.or(of_current))
}

fn missing_keys(status: &KeyStatus) -> Vec<KeySituation> {
    let missing = status.keys.iter().filter(|it| !it.at_hand && it.secrets + it.segments != 0);
    missing.map(|it| KeySituation { id: it.id.clone(), secrets: it.secrets }).collect()
}

/// Room on the disk of the data directory; `None` when it cannot be asked.
pub(super) fn disk(data: &DataDir, values: &Values) -> Option<DiskSituation> {
    let (free, total) = disk::room(data.path()).ok()?;
    Some(DiskSituation { free, total, least_percent: values.number(&ALERT_DISK_FREE_PERCENT) })
}

/// A clock that jumped and that nobody has confirmed.
fn clock(state: &State) -> Result<Option<ClockSituation>, Failure> {
    let memory = state.clock_memory().map_err(|it| faults::state(&it))?;
    let stopped = memory.and_then(|it| it.stopped);
    Ok(stopped.map(|(since, ahead)| ClockSituation { since, ahead }))
}

/// A message that waits for long, and why.
fn mail(state: &State, now: Timestamp) -> Result<Option<MailSituation>, Failure> {
    let waiting = state.waiting_mail().map_err(|it| faults::state(&it))?;
    let oldest = waiting.into_iter().find(|it| it.failures != 0);
    Ok(oldest
        .filter(|it| it.written.0 + MAIL_WAITS_SECONDS < now.0)
        .map(|it| MailSituation { since: it.written, why: it.why.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::served::Served;

    /// The kinds that are found when a store should have at most a hundred messages.
    fn found(served: &Served) -> Vec<AlertKind> {
        let data = &served.context.data;
        let state = users::open_for_reading(data).unwrap();
        let values = values_of::values(&state).unwrap();
        let stores = stores(data, &state, &values, 100).unwrap();
        let situation = Situation { stores, ..Situation::default() };
        reports::alerts::found(&situation).into_iter().map(|it| it.alert.kind).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_current_store_that_is_nearly_full_is_told_until_another_follows() {
        let served = Served::new();
        for n in 0..89 {
            served.write_mail(&format!("number {n}"));
        }
        assert_eq!(served.import("the last but one").await.archived, 90);
        assert_eq!(found(&served), [AlertKind::StoreFull]);
        // Another one will take its place by itself.
        served.ok(&["settings", "set", "store_create_at_messages", "95"]).await;
        assert_eq!(found(&served), []);
        served.ok(&["settings", "set", "store_create_at_messages", "200"]).await;
        assert_eq!(found(&served), [AlertKind::StoreFull], "too late");
        served.ok(&["store", "create", "second"]).await;
        served.ok(&["store", "make-current", "second"]).await;
        assert_eq!(found(&served), []);
    }
}
