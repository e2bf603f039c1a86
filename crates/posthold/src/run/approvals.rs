//! `approval ...`: removals that wait for a second person, while the setting `four_eyes` is on.
//!
//! Rules:
//! - A person is a name with a passphrase, not a user of the machine: whoever looks after a server
//!   is mostly root to it, and everybody is the same root.
//! - What is approved is what was asked for: messages by their ids, a hold by its id, a run by the
//!   policies that it carries out. Where these changed, it is asked for anew.
//! - Nobody approves what he asked for. What the schedule asks for needs two persons: the first
//!   takes its place.
//! - Persons are taken and left, and the setting is turned off, by two persons as well.

use ::settings::FOUR_EYES;
use commands::{
    AdminAnswer, Answer, ApprovalChoice, ApprovalRequest, ApprovalShown, ApprovalState, AsPerson,
    Delete, DeleteHow, DeleteWhich, Failure, FailureKind, HoldLift, ProgressSink, Wanted,
};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use state::State;
use types::Timestamp;

use super::{blocking, faults, ownership, retention, settings as values_of, users};
use crate::context::{Context, DataDir};

/// How long a request can be approved.
const WAITS_DAYS: i64 = 7;

/// Who asks where nobody did.
const SCHEDULE: &str = "the schedule";

/// The shortest passphrase, in characters.
const PASSPHRASE_MIN: usize = 8;

/// Whether what is asked for may be done now.
pub(super) enum Gate {
    /// It may.
    Open,
    /// It waits for a second person.
    Waits(Box<ApprovalShown>),
}

/// Carries out a request about approvals.
pub(super) async fn run(
    context: &Context,
    request: ApprovalRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let _owned = match request.only_reads() {
        true => None,
        false => Some(ownership::take(context, title, progress).await?),
    };
    let data = context.data.clone();
    let answer = match request {
        ApprovalRequest::List(choice) => blocking(move || listed(&data, choice)).await?,
        ApprovalRequest::Show(id) => blocking(move || one(&data, id)).await?,
        ApprovalRequest::Persons => blocking(move || persons(&data)).await?,
        ApprovalRequest::AddPerson(new, by) => blocking(move || add(&data, &new, by)).await?,
        ApprovalRequest::RemovePerson(name, by) => {
            blocking(move || remove(&data, &name, by)).await?
        }
        ApprovalRequest::TurnOff(by) => blocking(move || turn_off(&data, by)).await?,
        ApprovalRequest::Reject(id, by) => blocking(move || reject(&data, id, &by)).await?,
        ApprovalRequest::Approve(id, by) => approve(context, id, by, progress).await?,
    };
    Ok(Answer::Admin(Box::new(answer)))
}

/// Whether a second person is needed.
pub(super) fn is_needed(state: &State) -> Result<bool, Failure> {
    Ok(values_of::values(state)?.is_on(&FOUR_EYES))
}

/// Lets something be done, or keeps it until a second person has approved it. Blocks.
pub(super) fn gate(
    data: &DataDir,
    wanted: Wanted,
    by: Option<AsPerson>,
    title: &str,
    reason: &str,
) -> Result<Gate, Failure> {
    let mut state = users::open(data)?;
    if !is_needed(&state)? {
        return Ok(Gate::Open);
    }
    let Some(by) = by else {
        let message = "removals need a second person, and this does not say who the first one is";
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Say it with --as NAME. `posthold approval persons` lists the persons."));
    };
    prove(&state, &by)?;
    ask(&mut state, wanted, &by.name, title, reason).map(|it| Gate::Waits(Box::new(it)))
}

fn ask(
    state: &mut State,
    wanted: Wanted,
    by: &str,
    title: &str,
    reason: &str,
) -> Result<ApprovalShown, Failure> {
    let now = SystemClock.now();
    let asked = ApprovalShown {
        id: 0,
        wanted,
        title: title.to_owned(),
        asked_by: by.to_owned(),
        reason: reason.to_owned(),
        asked_at: now,
        expires: now.plus_days(WAITS_DAYS),
        state: ApprovalState::Waits,
        decided: None,
        told: String::new(),
    };
    let id = state.ask_approval(&asked).map_err(|it| faults::state(&it))?;
    state.approval(id).map_err(|it| faults::state(&it))
}

/// What the schedule wants. `true` when it waits for persons now.
pub(crate) async fn ask_by_schedule(context: &Context) -> Result<bool, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let mut state = users::open(&data)?;
        if !is_needed(&state)? {
            return Ok(false);
        }
        let wanted = Wanted::RetentionRun(retention::digest(&state)?);
        ask(&mut state, wanted, SCHEDULE, "retention run", "by the schedule").map(|_| true)
    })
    .await
}

fn prove(state: &State, person: &AsPerson) -> Result<(), Failure> {
    if state.is_approver(person).map_err(|it| faults::state(&it))? {
        return Ok(());
    }
    let message = format!("{:?} is no person who approves, or has another passphrase", person.name);
    Err(Failure::new(FailureKind::Credentials, message)
        .with_hint("`posthold approval persons` lists the persons."))
}

fn listed(data: &DataDir, choice: ApprovalChoice) -> Result<AdminAnswer, Failure> {
    let all = users::open_for_reading(data)?.approvals().map_err(|it| faults::state(&it))?;
    let now = SystemClock.now();
    let is_meant = |it: &ApprovalShown| {
        choice == ApprovalChoice::All || (it.state == ApprovalState::Waits && now < it.expires)
    };
    Ok(AdminAnswer::Approvals(all.into_iter().filter(is_meant).collect()))
}

fn one(data: &DataDir, id: u64) -> Result<AdminAnswer, Failure> {
    let state = users::open_for_reading(data)?;
    let shown = state
        .approval(id)
        .map_err(|it| faults::state(&it).with_hint("`posthold approval list --all` lists them."))?;
    Ok(AdminAnswer::Approval(Box::new(shown)))
}

fn persons(data: &DataDir) -> Result<AdminAnswer, Failure> {
    let state = users::open_for_reading(data)?;
    Ok(AdminAnswer::Persons(state.approvers().map_err(|it| faults::state(&it))?))
}

fn add(data: &DataDir, new: &AsPerson, by: Option<AsPerson>) -> Result<AdminAnswer, Failure> {
    if new.passphrase.declassify().chars().count() < PASSPHRASE_MIN {
        let message = format!("a passphrase has {PASSPHRASE_MIN} characters or more");
        return Err(Failure::new(FailureKind::Request, message));
    }
    let (salt, verifier) = state::proof_of(&new.passphrase, &OsRandom);
    let wanted = Wanted::AddPerson(new.name.clone(), salt.clone(), verifier.clone());
    let title = format!("approval add-person {}", new.name);
    if let Gate::Waits(it) = gate(data, wanted, by, &title, "")? {
        return Ok(AdminAnswer::Approval(it));
    }
    let mut state = users::open(data)?;
    let proof = (salt.as_slice(), verifier.as_slice());
    let added = state.add_approver(&new.name, proof, SystemClock.now());
    added.map_err(|it| faults::state(&it))?;
    drop(state);
    persons(data)
}

fn remove(data: &DataDir, name: &str, by: Option<AsPerson>) -> Result<AdminAnswer, Failure> {
    let title = format!("approval remove-person {name}");
    let wanted = Wanted::RemovePerson(name.to_owned());
    if let Gate::Waits(it) = gate(data, wanted, by, &title, "")? {
        return Ok(AdminAnswer::Approval(it));
    }
    let mut state = users::open(data)?;
    state.remove_approver(name).map_err(|it| faults::state(&it))?;
    drop(state);
    persons(data)
}

fn turn_off(data: &DataDir, by: AsPerson) -> Result<AdminAnswer, Failure> {
    match gate(data, Wanted::FourEyesOff, Some(by), "approval turn-off", "")? {
        Gate::Waits(it) => Ok(AdminAnswer::Approval(it)),
        Gate::Open => Err(Failure::new(FailureKind::Request, "no second person is needed anyway")
            .with_hint("`posthold settings set four_eyes on` asks for one.")),
    }
}

/// Checks a change of the setting that asks for a second person: turned on only with two persons,
/// and turned off not at all this way.
pub(super) fn check_setting(state: &State, key: &str, value: Option<&str>) -> Result<(), Failure> {
    if key != FOUR_EYES.key {
        return Ok(());
    }
    let (is_on, becomes_on) = (is_needed(state)?, value.unwrap_or(FOUR_EYES.default) == "on");
    if is_on && !becomes_on {
        return Err(Failure::new(FailureKind::Request, "one person cannot turn four_eyes off")
            .with_hint("`posthold approval turn-off --as NAME` asks a second one."));
    }
    let n_persons = state.approvers().map_err(|it| faults::state(&it))?.len();
    if becomes_on && n_persons < 2 {
        let message = "four_eyes needs two persons who can approve, or nothing could be removed";
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold approval add-person NAME` takes them."));
    }
    Ok(())
}

fn reject(data: &DataDir, id: u64, by: &AsPerson) -> Result<AdminAnswer, Failure> {
    let mut state = users::open(data)?;
    prove(&state, by)?;
    waiting(&state, id, SystemClock.now())?;
    decide(&mut state, id, &by.name, ApprovalState::Rejected)?;
    drop(state);
    one(data, id)
}

fn decide(state: &mut State, id: u64, by: &str, as_what: ApprovalState) -> Result<(), Failure> {
    let now = SystemClock.now();
    match state.decide_approval(id, by, as_what, now).map_err(|it| faults::state(&it))? {
        true => Ok(()),
        false => Err(decided_already(id)),
    }
}

fn decided_already(id: u64) -> Failure {
    Failure::new(
        FailureKind::Request,
        format!("somebody has decided over the approval {id} before"),
    )
    .with_hint("`posthold approval show` shows who.")
}

fn waiting(state: &State, id: u64, now: Timestamp) -> Result<ApprovalShown, Failure> {
    let shown = state
        .approval(id)
        .map_err(|it| faults::state(&it).with_hint("`posthold approval list` shows what waits."))?;
    if shown.state != ApprovalState::Waits {
        return Err(decided_already(id));
    }
    if shown.expires <= now {
        let message = format!("the approval {id} waited for more than {WAITS_DAYS} days");
        return Err(Failure::new(FailureKind::Request, message).with_hint("Ask for it anew."));
    }
    Ok(shown)
}

async fn approve(
    context: &Context,
    id: u64,
    by: AsPerson,
    progress: &dyn ProgressSink,
) -> Result<AdminAnswer, Failure> {
    let data = context.data.clone();
    let approved = blocking(move || approved(&data, id, &by)).await?;
    let (data, shown) = (context.data.clone(), approved);
    let Some(shown) = shown else { return blocking(move || one(&data, id)).await };
    let done = carry_out(context, shown, progress).await;
    let (state, told) = match &done {
        Ok(told) => (ApprovalState::Done, told.clone()),
        Err(failure) => (ApprovalState::Failed, failure.message.clone()),
    };
    let answer = blocking(move || {
        let ended = users::open(&data)?.end_approval(id, state, &told);
        ended.map_err(|it| faults::state(&it))?;
        one(&data, id)
    })
    .await?;
    done.map(|_| answer)
}

/// Notes the approval; `None` when another person is still needed.
fn approved(data: &DataDir, id: u64, by: &AsPerson) -> Result<Option<ApprovalShown>, Failure> {
    let mut state = users::open(data)?;
    prove(&state, by)?;
    let shown = waiting(&state, id, SystemClock.now())?;
    if shown.asked_by == SCHEDULE {
        state.adopt_approval(id, &by.name).map_err(|it| faults::state(&it))?;
        return Ok(None);
    }
    if shown.asked_by == by.name {
        let message = format!("{} asked for it, so somebody else has to approve it", by.name);
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold approval persons` lists the persons."));
    }
    if let Wanted::RetentionRun(digest) = &shown.wanted
        && *digest != retention::digest(&state)?
    {
        let message = "the retention policies have changed since it was asked for";
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Reject it, and let `posthold retention run` ask anew."));
    }
    decide(&mut state, id, &by.name, ApprovalState::Approved)?;
    Ok(Some(shown))
}

async fn carry_out(
    context: &Context,
    shown: ApprovalShown,
    progress: &dyn ProgressSink,
) -> Result<String, Failure> {
    let ApprovalShown { wanted, reason, .. } = shown;
    let data = context.data.clone();
    Ok(match wanted {
        Wanted::RetentionRun(_) => {
            let done = retention::carried_out(context, progress).await?;
            let erased = done.reviewed.unwrap_or_default().erased;
            format!("condemned {}, erased {erased}", done.removes)
        }
        Wanted::Delete(ids) => {
            let which = DeleteWhich::Ids(ids.iter().map(ToString::to_string).collect());
            let request = Delete { which, how: DeleteHow::Run, reason, by: None };
            let done = retention::deleted(context, request, progress).await?;
            format!("condemned {}, kept {}", done.condemned.len(), done.kept.len())
        }
        Wanted::LiftHold(id) => {
            let request = HoldLift { name: id.to_string(), reason, by: None };
            retention::lifted(context, request, progress).await?;
            "lifted".to_owned()
        }
        Wanted::FourEyesOff => {
            let off = blocking(move || {
                let mut state = users::open(&data)?;
                state.set_value(FOUR_EYES.key, None).map_err(|it| faults::state(&it))
            });
            off.await.map(|()| "turned off".to_owned())?
        }
        Wanted::AddPerson(name, salt, verifier) => {
            let added = blocking(move || {
                let proof = (salt.as_slice(), verifier.as_slice());
                let now = SystemClock.now();
                let added = users::open(&data)?.add_approver(&name, proof, now);
                added.map_err(|it| faults::state(&it))
            });
            added.await.map(|()| "taken".to_owned())?
        }
        Wanted::RemovePerson(name) => {
            let removed = blocking(move || {
                let removed = users::open(&data)?.remove_approver(&name);
                removed.map_err(|it| faults::state(&it))
            });
            removed.await.map(|()| "removed".to_owned())?
        }
    })
}
