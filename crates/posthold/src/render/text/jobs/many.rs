//! What a run over many accounts did, for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use commands::{ExcludedCounts, ManyAnswer, RunAnswer, RunOutcome, StepAnswer};

use super::super::{Align, LISTED_MAX, count, table, warnings, words};
use super::outcome;

/// How it ended in one line, then account by account, then what deserves attention.
pub(in super::super) fn many(run: &ManyAnswer, out: &mut dyn Write) -> io::Result<()> {
    let opening = match (run.outcome, run.cancelled) {
        (_, true) => "Stopped as asked; the next run goes on from here",
        (RunOutcome::Succeeded, _) => "All done",
        (RunOutcome::Partial, _) => "Done in part",
        (RunOutcome::Failed, _) => "Failed",
    };
    let sum = |of: fn(&RunAnswer) -> u64| run.ended().map(of).sum();
    let mut excluded = ExcludedCounts::default();
    run.ended().for_each(|it| excluded += it.excluded);
    let mut counts = vec![
        words::counted(run.steps.len() as u64, "account"),
        format!("{} archived", count(sum(|it| it.archived))),
        format!("{} there already", count(sum(|it| it.already))),
    ];
    if excluded.total() != 0 {
        counts.push(words::excluded(excluded));
    }
    let quarantined = sum(|it| it.quarantined);
    if quarantined != 0 {
        counts.push(format!("{} quarantined", count(quarantined)));
    }
    writeln!(out, "{opening}: {}.", counts.join(", "))?;
    accounts(run, out)?;
    left_out(run, out)?;
    told(run, out)?;
    warnings(&run.warnings, out)?;
    if !run.searchable {
        writeln!(out, "The index still reads what was archived; searches say how far it is.")?;
    }
    Ok(())
}

fn accounts(run: &ManyAnswer, out: &mut dyn Write) -> io::Result<()> {
    if run.steps.is_empty() {
        return Ok(());
    }
    let heads = ["account", "user", "", "archived", "already", "excluded", "quarantined"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for it in &run.steps {
        let mut row =
            vec![words::line(&it.account).into_owned(), it.target.clone(), what(it).to_owned()];
        if let Some(Ok(it)) = &it.ended {
            let numbers = [it.archived, it.already, it.excluded.total(), it.quarantined];
            row.extend(numbers.map(count));
        } else {
            row.extend(std::iter::repeat_n(String::new(), 4));
        }
        rows.push(row);
    }
    use Align::{Left, Right};
    writeln!(out)?;
    table::write(&[Left, Left, Left, Right, Right, Right, Right], &rows, out)
}

fn what(step: &StepAnswer) -> &'static str {
    match &step.ended {
        None => "not begun",
        Some(_) => outcome(step.outcome()),
    }
}

/// Folders that were left out: reason by reason, over all accounts.
fn left_out(run: &ManyAnswer, out: &mut dyn Write) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for mailbox in run.ended().flat_map(|it| &it.mailboxes) {
        if let Some(reason) = &mailbox.excluded_reason {
            let (folders, messages) = reasons.entry(reason).or_default();
            *folders += 1;
            *messages += mailbox.excluded;
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for (reason, (folders, messages)) in reasons {
        let (folders, messages) =
            (words::counted(folders, "folder"), words::counted(messages, "message"));
        writeln!(out, "Excluded: {messages} in {folders}: {}.", words::line(reason))?;
    }
    Ok(())
}

/// What went wrong and deserves attention, account by account; the same words once.
fn told(run: &ManyAnswer, out: &mut dyn Write) -> io::Result<()> {
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for step in &run.steps {
        for line in lines(step) {
            let place = *places.entry(line.clone()).or_insert_with(|| {
                told.push((line, Vec::new()));
                told.len() - 1
            });
            if let Some((_, accounts)) = told.get_mut(place) {
                accounts.push(&step.account);
            }
        }
    }
    if !told.is_empty() {
        writeln!(out)?;
    }
    for (line, accounts) in &told {
        let shown: Vec<_> = accounts.iter().take(LISTED_MAX).map(|it| words::line(it)).collect();
        let more = accounts.len() - shown.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        writeln!(out, "{}{more}: {}", shown.join(", "), words::line(line))?;
    }
    Ok(())
}

fn lines(step: &StepAnswer) -> Vec<String> {
    match &step.ended {
        None => Vec::new(),
        Some(Err(failure)) => {
            let hint = failure.hint.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
            vec![format!("{}.{hint}", failure.message)]
        }
        Some(Ok(run)) => {
            let failed = run.mailboxes.iter().filter_map(|it| match (&it.failure, it.complete) {
                (Some(failure), _) => Some(format!("{}: {failure}.", it.mailbox)),
                (None, false) => Some(format!("{}: not complete.", it.mailbox)),
                (None, true) => None,
            });
            run.warnings.iter().cloned().chain(failed).collect()
        }
    }
}
