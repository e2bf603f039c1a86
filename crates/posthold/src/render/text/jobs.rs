//! Answers about jobs and runs, for people.

use std::io::{self, Write};

use commands::{EffectiveFolder, FolderScope, JobShown, RunOutcome, RunShown, Switch};

use super::{Align, count, table, warnings, words};

/// One line per job.
pub(super) fn list(jobs: &[JobShown], out: &mut dyn Write) -> io::Result<()> {
    if jobs.is_empty() {
        return writeln!(out, "There are no jobs; `posthold job add` makes one.");
    }
    let row = |it: &JobShown| {
        let last = it.last_run.as_ref().map_or("never run".into(), |run| {
            format!("{} {}", outcome(run.outcome), words::minute(run.began))
        });
        let last = if it.job.switch == Switch::Disabled { "disabled".into() } else { last };
        let name = words::line(&it.job.name).into_owned();
        let profile = words::line(&it.job.profile).into_owned();
        vec![name, format!("into {}", it.job.target), format!("from {profile}"), last]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    table::write(&[Align::Left; 4], &rows, out)
}

/// Everything about one job.
pub(super) fn one(shown: &JobShown, out: &mut dyn Write) -> io::Result<()> {
    let it = &shown.job;
    let enabled = if it.switch == Switch::Enabled { "enabled" } else { "disabled" };
    writeln!(out, "Job {}, {enabled}: archives a single mailbox.", words::line(&it.name))?;
    let login = match (&it.login, shown.has_secret) {
        (Some(login), true) => format!("{login}, its password is kept"),
        (Some(login), false) => format!("{login}, no password is kept"),
        (None, _) => "the login of the server profile".to_owned(),
    };
    let scope = match it.folders.scope {
        FolderScope::WithoutDiscarded => "all but Trash, Junk, Drafts and Outbox",
        FolderScope::All => "all",
    };
    let limits: Vec<String> =
        shown.limits.iter().map(|(name, limit)| format!("{name} {limit}")).collect();
    let counts = shown.limits.first().map_or("", |(name, _)| *name);
    let connections =
        format!("{}: that of the {counts} counts ({})", shown.connections, limits.join(", "));
    let last = shown.last_run.as_ref().map(|run| {
        format!("{}, {} (run {})", outcome(run.outcome), words::minute(run.began), run.id)
    });
    let lines = [
        ("For", it.description.clone()),
        ("Owner", it.owner.to_string()),
        ("Into", format!("the archive of {}", it.target)),
        ("Root", it.root.clone().unwrap_or_else(|| "the login of the account".into())),
        ("From", format!("the server profile {}", it.profile)),
        ("Account", login),
        ("Mailbox of", it.authzid.clone().unwrap_or_default()),
        ("Folders", scope.to_owned()),
        ("Only", it.folders.include.join(", ")),
        ("Never", it.folders.exclude.join(", ")),
        ("Messages", it.filter.clone().unwrap_or_default()),
        ("Connections", connections),
        ("Last run", last.unwrap_or_default()),
    ];
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "  {:<14}{}", format!("{head}:"), words::line(value))?;
    }
    writeln!(out, "{}", shown.next_run)?;
    warnings(&shown.warnings, out)
}

/// Which folders are archived, and why others are not.
pub(super) fn folders(folders: &[EffectiveFolder], out: &mut dyn Write) -> io::Result<()> {
    let row = |it: &EffectiveFolder| {
        let messages = it.messages.map_or("?".into(), count);
        let what = it.excluded.as_deref().unwrap_or("archived");
        vec![words::line(&it.mailbox).into_owned(), messages, words::line(what).into_owned()]
    };
    let rows: Vec<_> = folders.iter().map(row).collect();
    table::write(&[Align::Left, Align::Right, Align::Left], &rows, out)
}

/// One line per run.
pub(super) fn runs(runs: &[RunShown], out: &mut dyn Write) -> io::Result<()> {
    if runs.is_empty() {
        return writeln!(out, "There are no runs.");
    }
    let row = |it: &RunShown| {
        let archived = it.steps.iter().map(|it| it.archived).sum();
        vec![
            it.id.to_string(),
            words::minute(it.began),
            outcome(it.outcome).to_owned(),
            format!("{} archived", count(archived)),
            words::line(&it.title).into_owned(),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    use Align::{Left, Right};
    table::write(&[Right, Left, Left, Right, Left], &rows, out)
}

/// One run with its steps.
pub(super) fn run(run: &RunShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Run {}: {}", run.id, words::line(&run.title))?;
    let ended = run.ended.map_or("not ended".into(), |it| format!("to {}", words::minute(it)));
    writeln!(out, "  {}, from {} {ended}", outcome(run.outcome), words::minute(run.began))?;
    for it in &run.steps {
        let counts = format!(
            "{} archived, {} there already, {} excluded, {} quarantined",
            count(it.archived),
            count(it.already),
            count(it.excluded),
            count(it.quarantined)
        );
        let (account, target) = (words::line(&it.account), words::line(&it.target));
        writeln!(out, "  {account} into {target}: {}: {counts}", outcome(it.outcome))?;
        for told in &it.told {
            writeln!(out, "    {}", words::line(told))?;
        }
    }
    Ok(())
}

fn outcome(outcome: Option<RunOutcome>) -> &'static str {
    match outcome {
        Some(RunOutcome::Succeeded) => "succeeded",
        Some(RunOutcome::Partial) => "done in part",
        Some(RunOutcome::Failed) => "failed",
        None => "not ended",
    }
}
