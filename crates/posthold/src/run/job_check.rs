//! What is checked of a job before it is saved: every rule that is written as text, and whose job
//! it may be.
//!
//! What it is not: a look at a server, or at the mail that is there. That is `job test`.

use std::net::SocketAddr;

use commands::{
    Failure, FailureKind, Job, JobSource, MasterLogin, Rank, Security, SmtpAccess, SmtpReception,
    SmtpRecipients,
};
use rules::WordingError;
use rules::macros::{Identity, LoginForm};
use rules::presets::Preset;
use rules::removal::Removal;
use rules::schedule::Schedule;
use rules::selection::Selection;
use smtpd::{AddressPattern, Network};
use state::State;

use super::{archive, faults, zones};

/// Fails with `Request` at the first thing that is wrong, and points at its place.
pub(super) fn check(state: &State, job: &Job) -> Result<(), Failure> {
    texts(job)?;
    owner(state, job)
}

/// The rules that are written as text, and what goes together. Needs nothing but the job.
pub(super) fn texts(job: &Job) -> Result<(), Failure> {
    archive::scope(&job.folders)?;
    archive::filter(job.filter.as_deref())?;
    removal(job)?;
    known_zone(&schedule(job)?, job.schedule.as_deref().unwrap_or_default())?;
    preset(job)?;
    match &job.source {
        JobSource::Master(it) => master(it).map(|_| ())?,
        JobSource::Smtp(it) => smtp(it)?,
        JobSource::Single(_)
        | JobSource::Batch(_)
        | JobSource::Sorting(_)
        | JobSource::Files(_) => (),
    }
    Ok(())
}

/// Whether its owner may have it: administrators any, others only a single mailbox into their own
/// archive.
pub(super) fn owner(state: &State, job: &Job) -> Result<(), Failure> {
    let owner = state.user(&job.owner).map_err(|it| faults::state(&it))?;
    owner_may(owner.map(|it| it.rank), job)
}

/// The same, when it is known what the owner may do; `None` is no user.
pub(super) fn owner_may(rank: Option<Rank>, job: &Job) -> Result<(), Failure> {
    let Some(rank) = rank else {
        let message = format!("there is no user {:?}", job.owner.as_str());
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold user list` shows the users, `posthold user add` makes one."));
    };
    let is_own = matches!(&job.source, JobSource::Single(it) if it.target == job.owner);
    if rank == Rank::Administrator || is_own {
        return Ok(());
    }
    let message = match &job.source {
        JobSource::Single(it) => format!(
            "the user {} is no administrator, and may not archive into the archive of {}",
            job.owner, it.target
        ),
        other => format!(
            "the user {} is no administrator, and may not own a job of the kind {}",
            job.owner,
            other.kind().name()
        ),
    };
    Err(Failure::new(FailureKind::Request, message).with_hint(
        "Name another owner with --owner, or say `posthold user set NAME --administrator`.",
    ))
}

/// How a master logs in, whose names it sends, and whose mailboxes it opens.
pub(super) fn master(it: &MasterLogin) -> Result<(LoginForm, Identity, Selection), Failure> {
    Ok((
        parsed("--form", "form of the login", &it.form)?,
        parsed("--identity", "identity", &it.identity)?,
        parsed("--users", "choice of users", &it.users)?,
    ))
}

/// When the job runs.
pub(super) fn schedule(job: &Job) -> Result<Schedule, Failure> {
    let text = job.schedule.as_deref();
    text.map_or(Ok(Schedule::default()), |it| parsed("--schedule", "schedule", it))
}

/// Whether this machine knows the time zone of a schedule, which is written like that.
fn known_zone(schedule: &Schedule, text: &str) -> Result<(), Failure> {
    let Some(name) = schedule.zone() else { return Ok(()) };
    zones::zone(Some(name)).map(|_| ()).map_err(|failure| {
        let before = text.rfind(name).and_then(|at| text.get(..at)).unwrap_or_default();
        let caret = format!("{}^ {}", " ".repeat(before.chars().count()), failure.message);
        let message = format!("the schedule (--schedule) is wrong:\n  {text}\n  {caret}");
        Failure { kind: FailureKind::Request, message, ..failure }
    })
}

/// What happens with archived messages at their source.
pub(super) fn removal(job: &Job) -> Result<Removal, Failure> {
    let text = job.removal.as_deref();
    text.map_or(Ok(Removal::default()), |it| parsed("--removal", "removal rule", it))
}

/// The preset that the job follows.
pub(super) fn preset(job: &Job) -> Result<Option<&'static Preset>, Failure> {
    job.preset.as_deref().map(preset_named).transpose()
}

/// The preset of this name.
pub(super) fn preset_named(name: &str) -> Result<&'static Preset, Failure> {
    Preset::named(name).ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("there is no preset {name:?}"))
            .with_hint("`posthold preset list` shows the presets.")
    })
}

fn parsed<T: std::str::FromStr<Err = WordingError>>(
    option: &str,
    what: &str,
    text: &str,
) -> Result<T, Failure> {
    text.parse().map_err(|error: WordingError| {
        let rendered = error.render(text);
        // Text, caret and what is wrong; the hint has a place of its own.
        let shown: Vec<&str> = rendered.lines().take(2).collect();
        let message = format!("the {what} ({option}) is wrong:\n  {}", shown.join("\n  "));
        Failure::new(FailureKind::Request, message).with_hint(error.hint())
    })
}

fn smtp(it: &SmtpReception) -> Result<(), Failure> {
    let wrong = |message: String, hint: &str| {
        Err(Failure::new(FailureKind::Request, message).with_hint(hint))
    };
    for listen in &it.listen {
        if listen.parse::<SocketAddr>().is_err() {
            let message = format!("--listen {listen}: this is no address with a port");
            return wrong(message, "Write 0.0.0.0:25, [::]:25 or 127.0.0.1:2525.");
        }
    }
    if it.networks.is_empty() && it.access != SmtpAccess::Login {
        let hint = "Name a network with --network, or let clients log in with --access login.";
        return wrong("no client could hand in mail: there is no network".into(), hint);
    }
    if it.login.is_none() && it.access != SmtpAccess::Network {
        let hint = "Give it with --login and --password.";
        return wrong("clients have to log in, and there is no login".into(), hint);
    }
    if it.senders.is_empty() {
        let hint = "Name who may send with --sender; * is everybody.";
        return wrong("no client could hand in mail: there is no sender".into(), hint);
    }
    let odd = |option: &str, error: smtpd::ParsePolicyError| {
        Failure::new(FailureKind::Request, format!("{option}: {error}"))
    };
    for network in &it.networks {
        network.parse::<Network>().map_err(|it| odd("--network", it))?;
    }
    for sender in &it.senders {
        sender.parse::<AddressPattern>().map_err(|it| odd("--sender", it))?;
    }
    if let SmtpRecipients::Listed(listed) = &it.recipients {
        for recipient in listed {
            recipient.parse::<AddressPattern>().map_err(|it| odd("--recipient", it))?;
        }
    }
    let has_files = it.certificate.is_some() && it.key.is_some();
    if it.security != Security::Plain && !has_files {
        let hint = "Name both with --certificate and --key, or say --security plain.";
        return wrong("there is no certificate with its key".into(), hint);
    }
    Ok(())
}
