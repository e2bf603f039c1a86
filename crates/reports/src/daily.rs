//! The daily report: what was archived per job, what is not complete, what waits for a person.

use commands::{DailyReport, RunOutcome};

use crate::document::{Align, Block, Document, Fact, Note, Section, Table, Tile, Tone};
use crate::run::{outcome, tone};
use crate::words::{count, counted, minute, size};

/// Accounts that are listed; of the rest the number.
const ACCOUNTS_MAX: usize = 200;

/// The subject of the message that carries it.
#[must_use]
pub fn daily_subject(it: &DailyReport) -> String {
    format!("[Posthold {}] {}", it.host, verdict(it))
}

/// The daily report.
#[must_use]
pub fn daily_report(it: &DailyReport) -> Document {
    let incomplete = number(it.incomplete());
    let waiting = number(it.waiting.len());
    let bad_if = |n, tone| if n == 0 { Tone::Plain } else { tone };
    let tile = |name, value, tone| Tile { name, value, tone };
    let mut blocks = vec![
        Block::Facts(vec![
            Fact { name: "From", value: minute(it.since) },
            Fact { name: "Until", value: minute(it.until) },
            Fact { name: "Machine", value: it.host.clone() },
            Fact { name: "Disk", value: disk(it) },
        ]),
        Block::Tiles(vec![
            tile("archived", it.archived(), Tone::Plain),
            tile("accounts incomplete", incomplete, bad_if(incomplete, Tone::Bad)),
            tile("alerts waiting", waiting, bad_if(waiting, Tone::Warn)),
        ]),
    ];
    blocks.extend(waits(it));
    blocks.extend(not_complete(it));
    blocks.extend(jobs(it));
    if !it.insecure.is_empty() {
        let notes = it.insecure.iter().map(|it| Note::warn(it.warning.clone())).collect();
        blocks.push(Block::Section(Section::new(
            "Connections that are not safe",
            vec![Block::Notes(notes)],
        )));
    }
    Document {
        title: format!("Posthold on {}: daily report", it.host),
        tone: tone_of(it),
        verdict: verdict(it),
        lead: Vec::new(),
        blocks,
        foot: "Times are in UTC.".to_owned(),
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn verdict(it: &DailyReport) -> String {
    let archived = counted(it.archived(), "message");
    let are = |n| if n == 1 { "is" } else { "are" };
    let incomplete = number(it.incomplete());
    let waiting = number(it.waiting.len());
    let ran = it.jobs.iter().any(|it| it.runs != 0);
    match (incomplete, waiting) {
        (0, 0) if !ran => "Nothing ran.".to_owned(),
        (0, 0) => format!("All is well: {archived} archived."),
        (0, n) => {
            let waits = if n == 1 { "waits" } else { "wait" };
            format!("{archived} archived, {} {waits}.", counted(n, "alert"))
        }
        (n, _) => {
            format!("{archived} archived, {} {} not complete.", counted(n, "account"), are(n))
        }
    }
}

fn tone_of(it: &DailyReport) -> Tone {
    let failed = it.jobs.iter().any(|it| it.outcome == Some(RunOutcome::Failed));
    match (it.incomplete(), it.waiting.len()) {
        _ if failed => Tone::Bad,
        (0, 0) => Tone::Good,
        _ => Tone::Warn,
    }
}

fn disk(it: &DailyReport) -> String {
    it.disk.map_or("unknown".to_owned(), |(free, total)| {
        format!("{} of {} are free", size(free), size(total))
    })
}

fn waits(it: &DailyReport) -> Option<Block> {
    if it.waiting.is_empty() {
        return None;
    }
    let note = |it: &commands::AlertShown| Note {
        tone: crate::alerts::tone(it.alert.severity),
        text: format!("{} (since {})", it.alert.message, minute(it.raised)),
        hint: it.alert.hint.clone(),
    };
    let notes = Block::Notes(it.waiting.iter().map(note).collect());
    Some(Block::Section(Section::new("What waits for a person", vec![notes])))
}

fn not_complete(it: &DailyReport) -> Option<Block> {
    use Align::Left;
    let mut table = Table::new(&[
        ("account", Left),
        ("job", Left),
        ("last proven complete", Left),
        ("why not now", Left),
    ]);
    let accounts = it.jobs.iter().flat_map(|job| job.incomplete.iter().map(move |it| (job, it)));
    for (job, account) in accounts.clone().take(ACCOUNTS_MAX) {
        let at = account.complete_at.map_or("never".to_owned(), minute);
        let job = job.name.clone().unwrap_or_default();
        table.push(Tone::Bad, [account.account.clone(), job, at, account.why.clone()]);
    }
    if table.rows.is_empty() {
        return None;
    }
    let mut blocks = vec![Block::Table(table)];
    let rest = accounts.count().saturating_sub(ACCOUNTS_MAX);
    if rest != 0 {
        blocks.push(Block::Text(format!("And {} more.", count(number(rest)))));
    }
    Some(Block::Section(Section::new("What is not complete", blocks)))
}

fn jobs(it: &DailyReport) -> Option<Block> {
    use Align::{Left, Right};
    if it.jobs.is_empty() {
        return None;
    }
    let mut table = Table::new(&[
        ("job", Left),
        ("runs", Right),
        ("archived", Right),
        ("accounts", Right),
        ("not complete", Right),
        ("quarantined", Right),
        ("newest run", Left),
    ]);
    for job in &it.jobs {
        let name = job.name.clone().unwrap_or_else(|| "(by hand, without a job)".to_owned());
        let incomplete = number(job.incomplete.len());
        let mut cells = vec![name];
        cells
            .extend([job.runs, job.archived, job.accounts, incomplete, job.quarantined].map(count));
        cells.push(match (job.outcome, job.runs) {
            _ if job.name.is_none() => String::new(),
            (None, 0) => "never run".to_owned(),
            (it, _) => outcome(it).to_owned(),
        });
        table.push(tone(job.outcome), cells);
    }
    Some(Block::Section(Section::new("Jobs", vec![Block::Table(table)])))
}

#[cfg(test)]
mod tests;
