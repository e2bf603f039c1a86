//! The report of a run: how it ended, what is missing and why, then account by account.

use commands::{
    Insecure, MailboxCounts, RunOutcome, RunReport, RunShown, RunState, StepDetails, StepShown,
};

use crate::document::{
    Align, Block, Document, Fact, Note, Section, Segment, Table, Tile, Tone, Unfolded,
};
use crate::words::{self, count, counted};

/// Accounts whose mailboxes a page shows at once; of more, only those that are not complete.
const UNFOLDED_MAX: usize = 3;

/// The report of a run.
#[must_use]
pub fn run_report(report: &RunReport) -> Document {
    let RunReport { run, details } = report;
    let none = StepDetails::default();
    let steps: Vec<Step<'_>> = run
        .steps
        .iter()
        .enumerate()
        .map(|(place, shown)| Step { shown, details: details.get(place).unwrap_or(&none) })
        .collect();
    let sums = Sums::of(&steps);
    let mut blocks = vec![Block::Facts(facts(run, &steps)), Block::Tiles(sums.tiles())];
    blocks.push(Block::Bar(sums.bar()));
    blocks.extend(missing(&steps));
    blocks.extend(insecure(&steps));
    blocks.extend(attention(run, &steps));
    blocks.extend(excluded(&steps));
    blocks.extend(accounts(&steps));
    blocks.extend(steps.iter().filter_map(|it| mailboxes(it, steps.len())));
    Document {
        title: format!("Run {}: {}", run.id, run.title),
        tone: tone(run.state.outcome()),
        verdict: verdict(run, &steps, &sums),
        lead: Vec::new(),
        blocks,
        foot: "Times are in UTC. Missing is what the server counts and nothing here accounts for."
            .to_owned(),
    }
}

/// How good an outcome is.
pub(crate) fn tone(outcome: Option<RunOutcome>) -> Tone {
    match outcome {
        Some(RunOutcome::Succeeded) => Tone::Good,
        Some(RunOutcome::Partial) => Tone::Warn,
        Some(RunOutcome::Failed) => Tone::Bad,
        None => Tone::Plain,
    }
}

/// An outcome in a word or two.
pub(crate) fn outcome(outcome: Option<RunOutcome>) -> &'static str {
    match outcome {
        Some(RunOutcome::Succeeded) => "succeeded",
        Some(RunOutcome::Partial) => "done in part",
        Some(RunOutcome::Failed) => "failed",
        None => "not ended",
    }
}

/// A state in a word or two.
fn state_words(state: RunState) -> &'static str {
    match state {
        RunState::Waiting => "waits",
        RunState::Running => "runs",
        RunState::Interrupted => "interrupted",
        RunState::Ended(it) => outcome(Some(it)),
    }
}

/// A step with its details.
struct Step<'a> {
    shown: &'a StepShown,
    details: &'a StepDetails,
}

impl Step<'_> {
    fn name(&self) -> String {
        format!("{} into {}", self.shown.account, self.shown.target)
    }

    fn is_complete(&self) -> bool {
        self.shown.state.outcome() == Some(RunOutcome::Succeeded)
    }

    /// What was told of it that no table has.
    fn told(&self) -> Vec<&String> {
        let of_mailbox = |told: &&String| {
            self.details.mailboxes.iter().any(|it| {
                it.failure.as_ref().is_some_and(|why| {
                    told.strip_prefix(it.mailbox.as_str())
                        .and_then(|rest| rest.strip_prefix(": "))
                        .is_some_and(|rest| rest.trim_end_matches('.') == why.trim_end_matches('.'))
                })
            })
        };
        let is_insecure =
            |told: &&String| self.details.insecure.iter().any(|it| it.warning == **told);
        let told = self.shown.told.iter().chain(&self.details.warnings);
        let mut kept: Vec<&String> = Vec::new();
        for it in told.filter(|it| !of_mailbox(it) && !is_insecure(it)) {
            if !kept.contains(&it) {
                kept.push(it);
            }
        }
        kept
    }
}

#[derive(Default)]
struct Sums {
    archived: u64,
    already: u64,
    excluded: u64,
    quarantined: u64,
    missing: u64,
    removed: u64,
}

impl Sums {
    fn of(steps: &[Step<'_>]) -> Sums {
        let mut sums = Sums::default();
        for Step { shown, details } in steps {
            sums.archived += shown.archived;
            sums.already += shown.already;
            sums.excluded += shown.excluded.total();
            sums.quarantined += shown.quarantined;
            sums.missing += details.missing();
            sums.removed += details.removed;
        }
        sums
    }

    fn tiles(&self) -> Vec<Tile> {
        let unless_zero = |value, tone| if value == 0 { Tone::Plain } else { tone };
        let tile = |name, value, tone| Tile { name, value, tone };
        let mut tiles = vec![
            tile("archived", self.archived, Tone::Plain),
            tile("there already", self.already, Tone::Plain),
            tile("excluded", self.excluded, Tone::Plain),
            tile("quarantined", self.quarantined, unless_zero(self.quarantined, Tone::Warn)),
            tile("missing", self.missing, unless_zero(self.missing, Tone::Bad)),
        ];
        if self.removed != 0 {
            tiles.push(tile("removed at the source", self.removed, Tone::Plain));
        }
        tiles
    }

    fn bar(&self) -> Vec<Segment> {
        let segment = |name, value| Segment { name, value };
        vec![
            segment("archived", self.archived),
            segment("already", self.already),
            segment("excluded", self.excluded),
            segment("quarantined", self.quarantined),
            segment("missing", self.missing),
        ]
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn verdict(run: &RunShown, steps: &[Step<'_>], sums: &Sums) -> String {
    let complete = number(steps.iter().filter(|it| it.is_complete()).count());
    let all = number(steps.len());
    let accounts = match all {
        1 => String::new(),
        _ => format!(" {} of {} are complete.", count(complete), counted(all, "account")),
    };
    match run.state.outcome() {
        Some(RunOutcome::Succeeded) if sums.archived == 0 => {
            "Succeeded: everything in scope is archived, nothing was new.".to_owned()
        }
        Some(RunOutcome::Succeeded) => {
            let new = counted(sums.archived, "new message");
            format!("Succeeded: everything in scope is archived, {new}.")
        }
        Some(RunOutcome::Partial) => {
            format!("Done in part: not everything is archived yet.{accounts}")
        }
        Some(RunOutcome::Failed) => match steps {
            [one] if !one.told().is_empty() => {
                format!("Failed: {}", one.told().first().map_or("", |it| it.as_str()))
            }
            _ => format!("Failed.{accounts}"),
        },
        None => match run.state {
            RunState::Interrupted => {
                "Interrupted: its process is gone. What was archived is archived, and the next run \
                 goes on from there."
                    .to_owned()
            }
            _ => "It runs still.".to_owned(),
        },
    }
}

fn facts(run: &RunShown, steps: &[Step<'_>]) -> Vec<Fact> {
    let fact = |name, value| Fact { name, value };
    let mut facts = Vec::new();
    facts.extend(run.job.as_ref().map(|it| fact("Job", it.clone())));
    facts.push(fact("Began", words::minute(run.began)));
    match run.ended {
        None => facts.push(fact("Ended", "not ended".to_owned())),
        Some(ended) => {
            facts.push(fact("Ended", words::minute(ended)));
            facts.push(fact("Took", words::duration(ended.0 - run.began.0)));
        }
    }
    facts.push(fact("Outcome", state_words(run.state).to_owned()));
    if let [one] = steps {
        facts.push(fact("Account", one.name()));
        facts.extend(last_complete(one).map(|it| fact("Last proven complete", it)));
    } else {
        facts.push(fact("Accounts", count(number(steps.len()))));
    }
    facts
}

fn last_complete(step: &Step<'_>) -> Option<String> {
    match (step.details.complete_at, step.is_complete()) {
        (Some(at), _) => Some(words::minute(at)),
        (None, true) => None,
        (None, false) => Some("never".to_owned()),
    }
}

/// What is missing, and why: every mailbox and account that is not complete.
fn missing(steps: &[Step<'_>]) -> Option<Block> {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("account", Left),
        ("mailbox", Left),
        ("missing", Right),
        ("quarantined", Right),
        ("why", Left),
    ]);
    for step in steps.iter().filter(|it| !it.is_complete()) {
        let before = table.rows.len();
        for it in step.details.mailboxes.iter().filter(|it| !it.complete) {
            let tone =
                if it.failure.is_some() || it.missing() != 0 { Tone::Bad } else { Tone::Warn };
            let account = step.shown.account.clone();
            let numbers = [it.missing(), it.quarantined].map(count);
            let [missing, quarantined] = numbers;
            table.push(tone, [account, it.mailbox.clone(), missing, quarantined, why(it)]);
        }
        if table.rows.len() == before {
            let told = step.told().first().map_or(state_words(step.shown.state), |it| it.as_str());
            let account = step.shown.account.clone();
            let quarantined = count(step.shown.quarantined);
            let cells = [account, "(all)".into(), "?".into(), quarantined, told.to_owned()];
            table.push(tone(step.shown.state.outcome()), cells);
        }
    }
    if table.rows.is_empty() {
        return None;
    }
    let section = Section::new("What is missing, and why", vec![Block::Table(table)]);
    Some(Block::Section(Section { tone: Tone::Bad, ..section }))
}

fn why(it: &MailboxCounts) -> String {
    match (&it.failure, it.quarantined, it.complete) {
        (Some(failure), _, _) => failure.clone(),
        (None, 0, false) => "not complete yet".to_owned(),
        (None, _, false) => "could not be read; tried again by itself".to_owned(),
        (None, _, true) => String::new(),
    }
}

fn insecure(steps: &[Step<'_>]) -> Option<Block> {
    let mut used: Vec<&Insecure> = Vec::new();
    for it in steps.iter().flat_map(|it| &it.details.insecure) {
        // Many accounts are reached by one connection's settings.
        if !used.iter().any(|known| known.warning == it.warning) {
            used.push(it);
        }
    }
    if used.is_empty() {
        return None;
    }
    let note = |it: &&Insecure| Note::warn(it.warning.clone());
    let notes = Block::Notes(used.iter().map(note).collect());
    Some(Block::Section(Section::new("Insecure settings that were used", vec![notes])))
}

fn attention(run: &RunShown, steps: &[Step<'_>]) -> Option<Block> {
    let mut notes: Vec<Note> = run.told.iter().map(Note::warn).collect();
    for step in steps {
        let tone = match step.shown.state.outcome() {
            Some(RunOutcome::Failed) => Tone::Bad,
            _ => Tone::Warn,
        };
        for told in step.told() {
            let text = match steps.len() {
                1 => told.clone(),
                _ => format!("{}: {told}", step.shown.account),
            };
            notes.push(Note { tone, text, hint: None });
        }
    }
    if notes.is_empty() {
        return None;
    }
    Some(Block::Section(Section::new("What deserves attention", vec![Block::Notes(notes)])))
}

fn excluded(steps: &[Step<'_>]) -> Option<Block> {
    use Align::{Left, Right};
    let mut sums = commands::ExcludedCounts::default();
    for Step { shown, .. } in steps {
        sums += shown.excluded;
    }
    let reasons = [
        ("in folders that are left out by default", sums.default_folders),
        ("in folders that the job leaves out", sums.folder_list),
        ("by the filter of the job", sums.filter),
        ("to and from addresses that nobody has", sums.unknown_address),
    ];
    let mut table = Table::new(&[("left out", Left), ("messages", Right)]);
    for (reason, n) in reasons.into_iter().filter(|(_, n)| *n != 0) {
        table.push(Tone::Plain, [reason.to_owned(), count(n)]);
    }
    if table.rows.is_empty() {
        return None;
    }
    Some(Block::Section(Section::new("Left out by rules", vec![Block::Table(table)])))
}

fn accounts(steps: &[Step<'_>]) -> Option<Block> {
    use Align::{Left, Right};
    if steps.len() < 2 {
        return None;
    }
    let mut table = Table::new(&[
        ("account", Left),
        ("into", Left),
        ("archived", Right),
        ("already", Right),
        ("excluded", Right),
        ("quarantined", Right),
        ("missing", Right),
        ("last proven complete", Left),
        ("outcome", Left),
    ]);
    for step in steps {
        let it = step.shown;
        let mut cells = vec![it.account.clone(), it.target.clone()];
        let missing = step.details.missing();
        let numbers = [it.archived, it.already, it.excluded.total(), it.quarantined, missing];
        cells.extend(numbers.map(count));
        cells.push(last_complete(step).unwrap_or_default());
        cells.push(state_words(it.state).to_owned());
        table.push(tone(it.state.outcome()), cells);
    }
    Some(Block::Section(Section::new("Accounts", vec![Block::Table(table)])))
}

fn mailboxes(step: &Step<'_>, of: usize) -> Option<Block> {
    use Align::{Left, Right};
    if step.details.mailboxes.is_empty() {
        return None;
    }
    let mut table = Table::new(&[
        ("mailbox", Left),
        ("there", Right),
        ("archived", Right),
        ("already", Right),
        ("excluded", Right),
        ("quarantined", Right),
        ("missing", Right),
        ("state", Left),
    ]);
    for it in &step.details.mailboxes {
        let numbers =
            [it.server_count, it.archived, it.already, it.excluded, it.quarantined, it.missing()];
        let (tone, state) = state(it);
        let mut cells = vec![it.mailbox.clone()];
        cells.extend(numbers.map(count));
        cells.push(state);
        table.push(tone, cells);
    }
    let unfolded = match (of, step.is_complete()) {
        (1, _) => Unfolded::Always,
        (2..=UNFOLDED_MAX, _) | (_, false) => Unfolded::AtFirst,
        _ => Unfolded::OnDemand,
    };
    let n =
        counted(number(step.details.mailboxes.len()), "mailbox").replace("mailboxs", "mailboxes");
    Some(Block::Section(Section {
        title: if of == 1 {
            "Mailboxes".to_owned()
        } else {
            format!("Mailboxes of {}", step.name())
        },
        summary: if of == 1 {
            String::new()
        } else {
            format!("{n}, {}", state_words(step.shown.state))
        },
        tone: tone(step.shown.state.outcome()),
        unfolded,
        blocks: vec![Block::Table(table)],
    }))
}

fn state(it: &MailboxCounts) -> (Tone, String) {
    let reason = it.excluded_reason.as_deref();
    match (&it.failure, it.complete) {
        (Some(failure), _) => (Tone::Bad, failure.clone()),
        (None, false) => (Tone::Warn, why(it)),
        (None, true) => match reason {
            Some(reason) => (Tone::Plain, reason.to_owned()),
            None => (Tone::Good, "complete".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests;
