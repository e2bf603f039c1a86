//! From a file and what is there to a plan, and from the plan to what is there then.

use commands::{
    AnchorTarget, Apply, ApplyAnswer, Failure, FailureKind, Job, Progress, ProgressSink, Unnamed,
};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use sealing::KeyRing;
use state::{PolicyChange, SavedJob, SavedProfile, SecretPlace, State};
use types::{Secret, UserName};

use super::super::{faults, job_check, keys, mail, profiles, retention};
use super::plan::{Deed, NewPasswords, Passwords, Plan, Step};
use super::present::Present;
use super::wanted::{Password, Wanted};
use crate::context::{DataDir, KeySource};
use crate::password;

/// The plan.
pub(super) fn planned(
    state: &State,
    data: &DataDir,
    source: &KeySource,
    wanted: &Wanted,
    request: &Apply,
) -> Result<Plan, Failure> {
    // Whether plain connections are allowed is asked of the settings that the file brings.
    let values = values_with(state, wanted)?;
    for it in &wanted.profiles {
        profiles::check_with(&values, &it.profile).map_err(|failure| {
            let message = format!("server profile {:?}: {}", it.profile.name, failure.message);
            Failure { message, ..failure }
        })?;
    }
    if let Some(it) = &wanted.mail {
        mail::check_with(&values, &it.settings).map_err(|failure| {
            let message = format!("mail: {}", failure.message);
            Failure { message, ..failure }
        })?;
    }
    let keys = keys::at_hand(data, source)?;
    let present = Present::read(state)?;
    for it in &wanted.jobs {
        check_job(&present, wanted, &it.job).map_err(|failure| {
            let message = format!("job {:?}: {}", it.job.name, failure.message);
            Failure { message, ..failure }
        })?;
    }
    check_anchors(&present, wanted, request.unnamed)?;
    let is_other = |name: &str| wanted.policies.iter().all(|it| it.name != name);
    let others = present.policies.iter().filter(|it| is_other(&it.name)).count();
    let others = if request.unnamed == Unnamed::Stays { others } else { 0 };
    retention::check_number(wanted.policies.len() + others)?;
    let passwords = passwords(state, keys.as_ref(), &present, wanted)?;
    Ok(Plan::new(&present, wanted, passwords, request.unnamed))
}

/// The passwords that the file gives and that are not the ones kept.
fn passwords(
    state: &State,
    keys: Option<&KeyRing>,
    present: &Present,
    wanted: &Wanted,
) -> Result<Passwords, Failure> {
    let new = |place: Option<SecretPlace>, password: &Password| {
        let Some(secret) = resolved(password)? else { return Ok(None) };
        let kept = place.zip(keys).and_then(|(place, keys)| kept(state, place, keys));
        Ok(Some(secret).filter(|it| kept.as_ref() != Some(it)))
    };
    let mut passwords = Passwords::default();
    for it in &wanted.profiles {
        let found =
            present.profiles.iter().find(|(saved, _)| saved.profile.name == it.profile.name);
        let mut of_profile = NewPasswords::new();
        for (half, password) in &it.passwords {
            let place = found.map(|(saved, _)| SecretPlace::Profile(saved.id, *half));
            of_profile.extend(new(place, password)?.map(|secret| (*half, secret)));
        }
        passwords.profiles.push(of_profile);
    }
    for it in &wanted.jobs {
        let found = present.jobs.iter().find(|(saved, _)| saved.job.name == it.job.name);
        let place = found.map(|(saved, _)| SecretPlace::Job(saved.id));
        passwords.jobs.push(match &it.password {
            Some(password) => new(place, password)?,
            None => None,
        });
    }
    if let Some(password) = wanted.mail.as_ref().and_then(|it| it.password.as_ref()) {
        passwords.mail = new(Some(SecretPlace::Mail), password)?;
    }
    Ok(passwords)
}

/// What can be said of a job before the users and profiles of the file are there.
fn check_job(present: &Present, wanted: &Wanted, job: &Job) -> Result<(), Failure> {
    job_check::texts(job)?;
    let rank = |name: &UserName| {
        let in_file = wanted.users.iter().find(|it| it.name == *name).map(|it| it.rank);
        in_file.or(present.users.iter().find(|it| it.name == *name).map(|it| it.rank))
    };
    job_check::owner_may(rank(&job.owner), job)?;
    if let Some(target) = job.source.target().filter(|it| rank(it).is_none()) {
        let message = format!("there is no user {:?}", target.as_str());
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Write a [[user]] for it, or make it with `posthold user add`."));
    }
    let Some(name) = job.source.profile() else { return Ok(()) };
    let in_file = wanted.profiles.iter().any(|it| it.profile.name == name);
    if !in_file && !present.profiles.iter().any(|(it, _)| it.profile.name == name) {
        let message = format!("there is no server profile {name:?}");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Write a [[profile]] for it, or make it with `posthold profile add`."));
    }
    Ok(())
}

/// Mail can only go to an anchor when it is known through which server.
fn check_anchors(present: &Present, wanted: &Wanted, unnamed: Unnamed) -> Result<(), Failure> {
    let is_mail = |it: &&commands::AnchorAdd| matches!(it.target, AnchorTarget::Mail(_));
    let has_mail = wanted.mail.is_some() || (present.mail.is_some() && unnamed == Unnamed::Stays);
    match wanted.anchors.iter().find(is_mail) {
        Some(it) if !has_mail => {
            let message = format!("anchor {:?}: it is not set how mail is sent", it.name);
            Err(Failure::new(FailureKind::Request, message)
                .with_hint("Write [mail] for it, or set it up with `posthold mail set`."))
        }
        _ => Ok(()),
    }
}

/// The settings that will count.
fn values_with(state: &State, wanted: &Wanted) -> Result<::settings::Values, Failure> {
    let mut set = state.set_values().map_err(|it| faults::state(&it))?;
    set.extend(wanted.settings.clone());
    Ok(::settings::Values::new(set))
}

/// The password that is kept, when it can be opened. One that cannot is replaced.
fn kept(state: &State, place: SecretPlace, keys: &KeyRing) -> Option<Secret> {
    state.secret(place, keys).ok().flatten()
}

fn resolved(password: &Password) -> Result<Option<Secret>, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Request, message);
    match password {
        Password::Kept => Ok(None),
        Password::File(path) => password::from_file(path).map(Some).map_err(|it| {
            it.with_hint("Its first line is the password; its path begins where the file lies.")
        }),
        Password::Environment(name) => match std::env::var(name) {
            Ok(text) if !text.is_empty() => Ok(Some(Secret::new(text))),
            _ => Err(wrong(format!("the variable {name} holds no password")).with_hint(
                "It is read from the environment of the process that applies the file.",
            )),
        },
    }
}

/// Carries out a plan, step by step. Each is durable; what was done before one that failed stays,
/// and the file can be applied again.
/// Returns what a person should know besides.
pub(super) fn apply(
    state: &mut State,
    data: &DataDir,
    source: &KeySource,
    plan: &Plan,
    by: &str,
) -> Result<Option<Progress>, Failure> {
    let needs_key = plan.steps.iter().any(|it| match &it.deed {
        Deed::Profile(_, _, new) => !new.is_empty(),
        Deed::Job(_, _, new) | Deed::Mail(_, new) => new.is_some(),
        _ => false,
    });
    let (ring, told) = match needs_key {
        true => keys::found_or_made(data, source, state).map(|(ring, told)| (Some(ring), told))?,
        false => (None, None),
    };
    for (done, step) in plan.steps.iter().enumerate() {
        carry_out(state, step, ring.as_ref(), by).map_err(|failure| {
            let message = format!(
                "{} {} {:?}: {} ({done} of {} steps were done before)",
                step.shown.action.name(),
                step.shown.kind,
                step.shown.name,
                failure.message,
                plan.steps.len()
            );
            Failure { message, ..failure }
        })?;
    }
    Ok(told)
}

fn carry_out(
    state: &mut State,
    step: &Step,
    keys: Option<&KeyRing>,
    by: &str,
) -> Result<(), Failure> {
    let failed = |it| faults::state(&it);
    let now = SystemClock.now();
    match &step.deed {
        Deed::Setting(key, value) => {
            crate::run::approvals::check_setting(state, key, value.as_deref())?;
            state.set_value(key, value.as_deref()).map_err(failed)
        }
        Deed::AddUser(name, change) => {
            state.add_user(name, &[], now, &OsRandom).map_err(failed)?;
            state.change_user(name, change).map(drop).map_err(failed)
        }
        Deed::ChangeUser(name, change) => state.change_user(name, change).map(drop).map_err(failed),
        Deed::Profile(None, profile, new) => {
            state.add_profile(profile, new, keys, now, &OsRandom).map(drop).map_err(failed)
        }
        Deed::Profile(Some(id), profile, new) => {
            let saved = SavedProfile { id: *id, profile: (**profile).clone() };
            state.change_profile(&saved, new, keys, now, &OsRandom).map_err(failed)
        }
        Deed::Job(id, job, new) => {
            job_check::check(state, job)?;
            let secret = new.as_ref().zip(keys);
            match id {
                None => state.add_job(job, secret, now, &OsRandom).map(drop).map_err(failed),
                Some(id) => {
                    let saved = SavedJob { id: *id, job: (**job).clone() };
                    state.change_job(&saved, secret, now, &OsRandom).map_err(failed)
                }
            }
        }
        Deed::Mail(settings, new) => {
            let secret = new.as_ref().zip(keys);
            state.set_mail_settings(settings, secret, now, &OsRandom).map_err(failed)
        }
        Deed::AddAnchor(it) => state.add_anchor(it, by, now).map_err(failed),
        Deed::ChangeAnchor(it) => state.change_anchor(it, by, now).map_err(failed),
        Deed::RemoveAnchor(name) => state.remove_anchor(name).map_err(failed),
        Deed::Policies(all) => state.change_policy(PolicyChange::All(all.clone())).map_err(failed),
        Deed::WithPolicies => Ok(()),
        Deed::RemoveMail => state.remove_mail_settings().map_err(failed),
        Deed::RemoveJob(name) => state.remove_job(name).map_err(failed),
        Deed::RemoveProfile(name) => state.remove_profile(name).map_err(failed),
    }
}

/// The answer.
pub(super) fn answer(plan: Plan, applied: bool) -> ApplyAnswer {
    let Plan { steps, unnamed, warnings } = plan;
    let plan = steps.into_iter().map(|it| it.shown).collect();
    ApplyAnswer { plan, applied, unnamed, warnings }
}

/// Shows a plan before it is carried out.
pub(super) fn show(plan: &Plan, progress: &dyn ProgressSink) {
    for step in &plan.steps {
        // Whoever asked and went may still want it done.
        let _ = progress.send(Progress::Notice(crate::render::words::planned(&step.shown)));
    }
}
