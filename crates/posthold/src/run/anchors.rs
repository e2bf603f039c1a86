//! `anchor ...`: checkpoints go to where whoever runs the archive cannot change them, and what is
//! there is held against the archive.
//!
//! Rules:
//! - Before a checkpoint goes out, the log is held against everything that was anchored of it. One
//!   that is not what it was gets no new checkpoint anywhere; that is said, and raises an alert.
//! - What went out is kept in the state and beside the log, so that one of them shows what was done
//!   to the other.
//! - An anchor that fails keeps no other one from getting its checkpoints.

mod files;
mod logs;
mod sending;
mod stamp;

use std::path::Path;

use commands::{
    AdminAnswer, AnchorAdd, AnchorAnswer, AnchorChoice, AnchorRequest, AnchorShown, AnchorTarget,
    Answer, Failure, FailureKind, MailSettings, ProgressSink, RECIPIENTS_MAX,
};
use disk::SystemClock;
use net::HttpUrl;
use ports::Clock;
use reports::alerts::AnchorSituation;
use reports::mail::check_address;
use reports::pacing;
use stamps::Roots;
use state::{State, StateErrorKind};
use types::Timestamp;

use super::{blocking, faults, ownership, users};
use crate::context::{Context, DataDir};

pub(super) use logs::{complete_list, of_audit_log, of_store};

/// The most hours between two checkpoints: a year.
const EVERY_HOURS_MAX: u32 = 8_760;

const HOUR_SECONDS: i64 = 3_600;

/// How long a checkpoint may be late before that is an alert, at most.
const GRACE_HOURS_MAX: u32 = 6;

/// Carries out a request about anchors.
pub(super) async fn run(
    context: &Context,
    request: AnchorRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let _owned = match request.only_reads() {
        true => None,
        false => Some(ownership::take(context, title, progress).await?),
    };
    let data = context.data.clone();
    let answer = match request {
        AnchorRequest::Now(choice) => AnchorAnswer::Ran(sending::run(context, choice).await?),
        AnchorRequest::Verify(it) => {
            AnchorAnswer::Verified(blocking(move || files::verified(&data, &it)).await?)
        }
        AnchorRequest::List => blocking(move || match data.state().is_file() {
            true => listed(&users::open_for_reading(&data)?),
            false => Err(faults::no_data_dir(&data)),
        })
        .await
        .map(AnchorAnswer::List)?,
        AnchorRequest::Add(it) => {
            let who = context.asker.who().to_owned();
            AnchorAnswer::List(blocking(move || added(&data, &it, &who)).await?)
        }
        AnchorRequest::Remove(name) => {
            blocking(move || {
                users::open(&data)?.remove_anchor(&name).map_err(|it| missing(&it))?;
                Ok(AnchorAnswer::Removed(name))
            })
            .await?
        }
    };
    Ok(Answer::Admin(Box::new(AdminAnswer::Anchor(Box::new(answer)))))
}

fn missing(error: &state::StateError) -> Failure {
    faults::state(error).with_hint("`posthold anchor list` shows the anchors.")
}

fn listed(state: &State) -> Result<Vec<AnchorShown>, Failure> {
    state.anchors().map_err(|it| faults::state(&it))
}

fn added(data: &DataDir, it: &AnchorAdd, who: &str) -> Result<Vec<AnchorShown>, Failure> {
    check_target(&it.target)?;
    check_hours(it.every_hours)?;
    let mut state = users::open(data)?;
    let mut it = it.clone();
    match (&mut it.target, &it.ca_file) {
        (AnchorTarget::Mail(_), _) => drop(mail_settings(&state)?),
        (AnchorTarget::Tsa { roots, .. }, Some(path)) => *roots = pem(path)?,
        _ => (),
    }
    state.add_anchor(&it, who, SystemClock.now()).map_err(|it| match it.kind() {
        StateErrorKind::NameTaken => faults::state(&it)
            .with_hint("Give it another name with --name, or remove that one first."),
        _ => faults::state(&it),
    })?;
    Ok(vec![state.anchor(&it.name).map_err(|it| missing(&it))?])
}

/// Whether checkpoints could go there, as far as that can be told from how it is written. The
/// certificates of an authority are checked where they are read.
pub(super) fn check_target(target: &AnchorTarget) -> Result<(), Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Request, message);
    match target {
        AnchorTarget::File(_) => Ok(()),
        AnchorTarget::Tsa { url, .. } if HttpUrl::parse(url).is_none() => {
            Err(wrong(format!("{url:?} is no address of a time-stamp authority"))
                .with_hint("Write http://host/path or https://host/path."))
        }
        AnchorTarget::Tsa { .. } => Ok(()),
        AnchorTarget::Mail(people) if people.is_empty() => {
            Err(wrong("a message goes to somebody".to_owned()))
        }
        AnchorTarget::Mail(people) if RECIPIENTS_MAX < people.len() => {
            Err(wrong(format!("a message goes to {RECIPIENTS_MAX} people at most")))
        }
        AnchorTarget::Mail(people) => people.iter().try_for_each(|address| {
            check_address(address).map_err(|error| {
                wrong(error.to_string()).with_hint("Write an address as name@example.org.")
            })
        }),
    }
}

/// Checks the hours between two checkpoints.
pub(super) fn check_hours(every_hours: u32) -> Result<(), Failure> {
    if (1..=EVERY_HOURS_MAX).contains(&every_hours) {
        return Ok(());
    }
    let message = format!("every_hours is a number from 1 to {EVERY_HOURS_MAX}");
    Err(Failure::new(FailureKind::Request, message))
}

/// Checks the certificates of an authority. What is wrong is said in lower case.
pub(super) fn check_roots(pem: &str) -> Result<(), String> {
    Roots::from_pem(pem.as_bytes()).map(drop).map_err(|it| it.to_string())
}

/// The certificates in a PEM file.
pub(super) fn pem(path: &Path) -> Result<String, Failure> {
    let wrong = |why: String| {
        let message = format!("{}: {why}", path.display());
        Failure::new(FailureKind::Configuration, message)
            .with_hint("Get the certificate of the authority's root from the authority, as PEM.")
    };
    let text = std::fs::read_to_string(path).map_err(|it| wrong(it.to_string()))?;
    check_roots(&text).map_err(wrong)?;
    Ok(text)
}

/// Mail can only go out when it is known through which server.
fn mail_settings(state: &State) -> Result<MailSettings, Failure> {
    let settings = state.mail_settings().map_err(|it| faults::state(&it))?;
    settings.ok_or_else(|| {
        Failure::new(FailureKind::Configuration, "it is not set how mail is sent")
            .with_hint("`posthold mail test` with the options of `mail set` sets it up.")
    })
}

fn every_seconds(it: &AnchorShown) -> i64 {
    i64::from(it.every_hours) * HOUR_SECONDS
}

/// The anchors that are meant.
fn chosen(state: &State, choice: &AnchorChoice) -> Result<Vec<AnchorShown>, Failure> {
    let now = SystemClock.now();
    Ok(match choice {
        AnchorChoice::All => listed(state)?,
        AnchorChoice::Named(name) => vec![state.anchor(name).map_err(|it| missing(&it))?],
        AnchorChoice::Due => {
            let mut due = Vec::new();
            for it in listed(state)? {
                let failures = state.anchor_failures(&it.name).map_err(|it| faults::state(&it))?;
                due.extend(is_due(&it, failures, now).then_some(it));
            }
            due
        }
    })
}

fn is_due(it: &AnchorShown, failures: u32, now: Timestamp) -> bool {
    let rests = it.tried.filter(|_| failures != 0).map(|at| pacing::next_try(failures, at));
    let is_late = it.done.is_none_or(|done| done.0.saturating_add(every_seconds(it)) <= now.0);
    is_late && rests.is_none_or(|it| it <= now)
}

/// Whether checkpoints are to be sent to any anchor now.
pub(crate) async fn are_due(context: &Context) -> Result<bool, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let state = users::open_for_reading(&data)?;
        Ok(!chosen(&state, &AnchorChoice::Due)?.is_empty())
    })
    .await
}

/// Anchors that failed, or wait for a checkpoint for too long.
pub(super) fn in_trouble(state: &State, now: Timestamp) -> Result<Vec<AnchorSituation>, Failure> {
    let trouble = |it: AnchorShown| {
        let since = it.done.unwrap_or(it.made);
        let grace = i64::from(it.every_hours.min(GRACE_HOURS_MAX)) * HOUR_SECONDS;
        let is_late = since.0.saturating_add(every_seconds(&it)).saturating_add(grace) < now.0;
        let situation = AnchorSituation { name: it.name, since, failure: it.failure };
        (is_late || situation.failure.is_some()).then_some(situation)
    };
    Ok(listed(state)?.into_iter().filter_map(trouble).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(done: Option<i64>, tried: Option<i64>) -> AnchorShown {
        AnchorShown {
            name: "worm".into(),
            target: AnchorTarget::File("/worm".into()),
            every_hours: 24,
            made_by: "ann".into(),
            made: Timestamp(0),
            done: done.map(Timestamp),
            tried: tried.map(Timestamp),
            failure: None,
        }
    }

    #[test]
    fn an_anchor_that_is_overdue_is_told_with_a_clock() {
        let mut state = State::empty().unwrap();
        let target = AnchorTarget::File("/worm".into());
        let add = AnchorAdd { name: "worm".into(), target, every_hours: 24, ca_file: None };
        state.add_anchor(&add, "ann", Timestamp(0)).unwrap();
        let said = |state: &State, hour: i64| {
            let found = in_trouble(state, Timestamp(hour * HOUR_SECONDS + 1)).unwrap();
            let told = |it: AnchorSituation| (it.since.0 / HOUR_SECONDS, it.failure);
            found.into_iter().map(told).collect::<Vec<_>>()
        };
        // A day, and the hours of grace: counted from when it was made, as none went out.
        assert_eq!(said(&state, 29), []);
        assert_eq!(said(&state, 30), [(0, None)]);
        state.note_anchored("worm", &[], None, Timestamp(31 * HOUR_SECONDS)).unwrap();
        assert_eq!(said(&state, 60), []);
        assert_eq!(said(&state, 61), [(31, None)]);
        // One that failed is told at once.
        let at = Timestamp(62 * HOUR_SECONDS);
        state.note_anchored("worm", &[], Some("no such directory"), at).unwrap();
        assert_eq!(said(&state, 62), [(31, Some("no such directory".to_owned()))]);
        state.note_anchored("worm", &[], None, Timestamp(63 * HOUR_SECONDS)).unwrap();
        assert_eq!(said(&state, 63), []);
    }

    #[test]
    fn what_is_due() {
        let day = 24 * HOUR_SECONDS;
        let cases = [
            (anchor(None, None), 0, 5, true),
            (anchor(Some(5), Some(5)), 0, 6, false),
            (anchor(Some(5), Some(5)), 0, 5 + day - 1, false),
            (anchor(Some(5), Some(5)), 0, 5 + day, true),
            (anchor(None, Some(5)), 1, 6, false),
            (anchor(None, Some(5)), 1, 5 + day, true),
            (anchor(Some(5), Some(5 + day)), 3, 6 + day, false),
        ];
        for (it, failures, now, want) in cases {
            assert_eq!(is_due(&it, failures, Timestamp(now)), want, "{it:?} at {now}");
        }
    }
}
