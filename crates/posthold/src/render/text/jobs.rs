//! Answers about jobs and runs, for people.

use std::io::{self, Write};

mod many;
mod source;

use commands::{
    EffectiveFolder, FolderScope, JobShown, RunOutcome, RunShown, RunState, SharedFolders, Switch,
};

pub(super) use many::many;

use super::{Align, count, table, warnings, words};

/// One line per job.
pub(super) fn list(jobs: &[JobShown], out: &mut dyn Write) -> io::Result<()> {
    if jobs.is_empty() {
        return writeln!(out, "There are no jobs; `posthold job add` makes one.");
    }
    let row = |it: &JobShown| {
        let last = it.last_run.as_ref().map_or("never run".into(), |run| {
            format!("{} {}", state(run.state), words::minute(run.began))
        });
        let last = if it.job.switch == Switch::Disabled { "disabled".into() } else { last };
        let name = words::line(&it.job.name).into_owned();
        let from = it.job.source.profile().map(|it| format!("from {}", words::line(it)));
        let into = it.job.source.target().map(|it| format!("into {it}"));
        let kind = it.job.source.kind().name().to_owned();
        vec![name, kind, from.unwrap_or_default(), into.unwrap_or_default(), last]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    table::write(&[Align::Left; 5], &rows, out)
}

/// Everything about one job.
pub(super) fn one(shown: &JobShown, out: &mut dyn Write) -> io::Result<()> {
    let it = &shown.job;
    let enabled = if it.switch == Switch::Enabled { "enabled" } else { "disabled" };
    let does = it.source.kind().does();
    writeln!(out, "Job {}, {enabled}: {does}.", words::line(&it.name))?;
    let scope = match it.folders.scope {
        FolderScope::WithoutDiscarded => "all but Trash, Junk, Drafts and Outbox",
        FolderScope::All => "all",
    };
    let shared = match it.folders.shared {
        SharedFolders::Archived => "",
        SharedFolders::LeftOut => ", and not those of others",
    };
    let connections = smallest(&shown.limits, "to an account");
    let last = shown
        .last_run
        .as_ref()
        .map(|run| format!("{}, {} (run {})", state(run.state), words::minute(run.began), run.id));
    let mut lines = vec![
        ("For", it.description.clone()),
        ("Owner", it.owner.to_string()),
        ("Preset", it.preset.clone().unwrap_or_default()),
    ];
    lines.extend(source::lines(&it.source, shown.has_secret));
    if it.source.profile().is_some() {
        lines.extend([
            ("Folders", format!("{scope}{shared}")),
            ("Only", it.folders.include.join(", ")),
            ("Never", it.folders.exclude.join(", ")),
            ("Messages", it.filter.clone().unwrap_or_default()),
            ("Removal", it.removal.clone().unwrap_or_else(|| "never".into())),
            ("Connections", connections),
        ]);
    }
    if source::has_many(&it.source) {
        lines.push(("Accounts", smallest(&shown.account_limits, "at the same time")));
    }
    lines.extend([
        ("Runs", it.schedule.clone().unwrap_or_else(|| "by hand".into())),
        ("Last run", last.unwrap_or_default()),
    ]);
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "  {:<14}{}", format!("{head}:"), words::line(value))?;
    }
    writeln!(out, "{}", shown.next_run)?;
    warnings(&shown.warnings, out)
}

/// `3 to an account: that of the job counts (job 3, profile 10, server 20)`
fn smallest(limits: &[(&'static str, u64)], what: &str) -> String {
    let named: Vec<String> = limits.iter().map(|(name, it)| format!("{name} {it}")).collect();
    let (counts, limit) = limits.first().copied().unwrap_or_default();
    format!("{limit} {what}: that of the {counts} counts ({})", named.join(", "))
}

/// Which folders are archived, and why others are not.
pub(super) fn folders(folders: &[EffectiveFolder], out: &mut dyn Write) -> io::Result<()> {
    let first = folders.first().map(|it| &it.account);
    let has_many = folders.iter().any(|it| Some(&it.account) != first);
    let row = |it: &EffectiveFolder| {
        let messages = it.messages.map_or("?".into(), count);
        let what = it.excluded.as_deref().unwrap_or("archived");
        let mut row = vec![words::line(&it.mailbox).into_owned(), messages];
        row.push(words::line(what).into_owned());
        if has_many {
            row.insert(0, words::line(&it.account).into_owned());
        }
        row
    };
    let rows: Vec<_> = folders.iter().map(row).collect();
    let aligned = [Align::Left, Align::Left, Align::Right, Align::Left];
    table::write(aligned.get(usize::from(!has_many)..).unwrap_or(&aligned), &rows, out)
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
            state(it.state).to_owned(),
            words::counted(it.steps.len() as u64, "account"),
            format!("{} archived", count(archived)),
            words::line(&it.title).into_owned(),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    use Align::{Left, Right};
    table::write(&[Right, Left, Left, Right, Right, Left], &rows, out)
}

/// One run with its steps.
pub(super) fn run(run: &RunShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Run {}: {}", run.id, words::line(&run.title))?;
    let ended = run.ended.map_or("not ended".into(), |it| format!("to {}", words::minute(it)));
    let began = words::minute(run.began);
    let trigger = run.trigger.name();
    writeln!(out, "  {}, from {began} {ended}, begun by {trigger}", state(run.state))?;
    for told in &run.told {
        writeln!(out, "  {}", words::line(told))?;
    }
    for it in &run.steps {
        let counts = format!(
            "{} archived, {} there already, {}, {} quarantined",
            count(it.archived),
            count(it.already),
            words::excluded(it.excluded),
            count(it.quarantined)
        );
        let (account, target) = (words::line(&it.account), words::line(&it.target));
        writeln!(out, "  {account} into {target}: {}: {counts}", state(it.state))?;
        for told in &it.told {
            writeln!(out, "    {}", words::line(told))?;
        }
    }
    Ok(())
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Ended(ended) => outcome(ended),
        RunState::Waiting => "waiting",
        RunState::Running => "not ended",
        RunState::Interrupted => "interrupted",
    }
}

fn outcome(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Partial => "done in part",
        RunOutcome::Failed => "failed",
    }
}
