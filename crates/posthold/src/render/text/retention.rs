//! Answers about retention, legal holds and removals, for people.

use std::io::{self, Write};

use commands::{
    ClockConfirmed, DeleteAnswer, ExplainAnswer, HoldCovers, HoldShown, PolicyPeriods, PolicyShown,
    RetentionAnswer, Switch,
};
use types::retention::{AtTheEnd, CountedFrom, Coverage};
use types::{BlobId, Timestamp};

use super::{Align, counted, stores, table, warnings, words};

fn name(text: &str) -> String {
    words::line(text).into_owned()
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), words::minute)
}

fn scope(query: Option<&str>) -> String {
    query.map_or_else(|| "every message".to_owned(), name)
}

fn in_words(periods: &PolicyPeriods) -> String {
    let mut parts = Vec::new();
    if let Some(minimum) = &periods.minimum {
        parts.push(format!("kept for {minimum}"));
    }
    if let Some(maximum) = &periods.maximum {
        parts.push(match periods.at_the_end {
            AtTheEnd::Removed => format!("removed after {maximum}"),
            AtTheEnd::Stays => format!("to be removed by hand after {maximum}"),
        });
    }
    let from = match periods.from {
        CountedFrom::Archived => "from when it was archived",
        CountedFrom::Message => "from its date, or its arrival when that was later",
    };
    format!("{}, {from}", parts.join(", "))
}

/// Writes the policies.
pub(super) fn policies(list: &[PolicyShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(
            out,
            "There is no retention policy: nothing goes by itself, and what may be removed may be \
             removed at once."
        );
    }
    let mut rows = vec![["", "Policy", "", "Messages", "Periods"].map(str::to_owned).to_vec()];
    for it in list {
        let switch = if it.switch == Switch::Enabled { "" } else { "disabled" };
        rows.push(vec![
            it.place.to_string(),
            name(&it.name),
            switch.to_owned(),
            scope(it.query.as_deref()),
            in_words(&it.periods),
        ]);
    }
    let mut align = [Align::Left; 5];
    align[0] = Align::Right;
    table::write(&align, &rows, out)?;
    writeln!(out, "The first policy that covers a message decides over it.")
}

/// Writes a policy.
pub(super) fn policy(it: &PolicyShown, out: &mut dyn Write) -> io::Result<()> {
    let switch = if it.switch == Switch::Enabled { "" } else { " (disabled)" };
    writeln!(out, "{}. {}{switch}", it.place, name(&it.name))?;
    writeln!(out, "  Messages: {}", scope(it.query.as_deref()))?;
    writeln!(out, "  Periods: {}", in_words(&it.periods))?;
    let (by, at) = (name(&it.changed_by), words::minute(it.changed_at));
    writeln!(out, "  Changed by {by} at {at}")?;
    warnings(&it.warnings, out)
}

/// Writes a plan, or what became of it.
pub(super) fn plan(it: &RetentionAnswer, out: &mut dyn Write) -> io::Result<()> {
    let (removes, bytes) = (counted(it.removes, "message"), words::size(it.bytes));
    match it.done {
        true => writeln!(out, "{removes} ({bytes}) condemned.")?,
        false => writeln!(out, "A run would remove {removes} ({bytes}).")?,
    }
    if let Some(reviewed) = it.reviewed {
        let erased = counted(reviewed.erased, "message");
        writeln!(out, "{erased} erased that were condemned before.")?;
        if reviewed.held != 0 {
            writeln!(out, "{} spared by legal holds.", counted(reviewed.held, "message"))?;
        }
        if reviewed.withdrawn != 0 {
            let spared = counted(reviewed.withdrawn, "message");
            writeln!(out, "{spared} spared that no policy removes any more.")?;
        }
    }
    if !it.policies.is_empty() {
        let head = ["Policy", "Decides over", "Kept", "Removes", "", "Held", "Unclear"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for it in &it.policies {
            let numbers = [it.decides, it.protected, it.removes].map(|it| it.to_string());
            let mut row = vec![name(&it.name)];
            row.extend(numbers);
            row.extend([words::size(it.bytes), it.held.to_string(), it.unclear.to_string()]);
            rows.push(row);
        }
        let mut align = [Align::Right; 7];
        align[0] = Align::Left;
        table::write(&align, &rows, out)?;
    }
    for (count, one, many) in [
        (it.held, "stays because of a legal hold", "stay because of a legal hold"),
        (
            it.unclear,
            "stays because not every word of it was read",
            "stay because not every word of them was read",
        ),
        (it.waiting, "is condemned already", "are condemned already"),
    ] {
        if count != 0 {
            let what = if count == 1 { one } else { many };
            writeln!(out, "{} of those whose time is over {what}.", words::count(count))?;
        }
    }
    for hold in &it.holds {
        let held = held(hold.certain, hold.possible);
        writeln!(out, "Legal hold {}: {held}.", name(&hold.name))?;
    }
    for it in &it.messages {
        let (id, since) = (it.id.to_string(), words::minute(it.since));
        let short: String = id.chars().take(16).collect();
        writeln!(out, "  {short}  {}  {} since {since}", words::size(it.size), name(&it.policy))?;
    }
    if it.beyond != 0 {
        let entries = counted(it.beyond, "entry");
        writeln!(out, "The views have not read {entries} yet: what these say was not looked at.")?;
    }
    it.compacted.iter().try_for_each(|it| stores::compacted(it, out))?;
    warnings(&it.warnings, out)
}

/// Writes what becomes of a message.
pub(super) fn explained(it: &ExplainAnswer, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", it.id)?;
    writeln!(out, "  {}", it.told)?;
    let received = it
        .received
        .map_or_else(String::new, |it| format!(", first received {}", words::minute(it)));
    let (archived, date) = (words::minute(it.archived), words::minute(it.date));
    writeln!(out, "  Archived {archived}, dated {date}{received}.")?;
    if let Some(at) = it.erased_from {
        writeln!(out, "  It is condemned, and may be erased from {} on.", words::minute(at))?;
    }
    for hold in &it.holds {
        let perhaps = if hold.covers == Coverage::Yes { "" } else { ", perhaps" };
        writeln!(out, "  Legal hold {}{perhaps}", name(&hold.name))?;
    }
    if !it.policies.is_empty() {
        let head = ["Policy", "Covers it", "Kept until", "Ends", "Removed from", ""];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for it in &it.policies {
            rows.push(vec![
                name(&it.name),
                it.covers.name().to_owned(),
                moment(it.kept_until),
                moment(it.ends),
                moment(it.removed_from),
                it.told.clone(),
            ]);
        }
        table::write(&[Align::Left; 6], &rows, out)?;
    }
    warnings(&it.warnings, out)
}

/// Writes that the clock was confirmed.
pub(super) fn clock(it: &ClockConfirmed, out: &mut dyn Write) -> io::Result<()> {
    let now = words::minute(it.now);
    match it.stood_still {
        true => writeln!(out, "It is {now}. Retention goes on."),
        false => writeln!(out, "It is {now}. Retention did not stand still."),
    }
}

/// How many messages a hold covers, and how many more perhaps.
fn held(certain: u64, possible: u64) -> String {
    let certain = counted(certain, "message");
    match possible {
        0 => certain,
        more => format!("{certain}, perhaps {} more", words::count(more)),
    }
}

fn covers(it: &HoldShown) -> String {
    match &it.covers {
        Some(HoldCovers::All) => "every message".to_owned(),
        Some(HoldCovers::User(user)) => format!("the archive of {user}"),
        Some(HoldCovers::Query(query)) => name(query),
        None => "every message (its query cannot be read)".to_owned(),
    }
}

/// Writes the holds.
pub(super) fn holds(list: &[HoldShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "There is no legal hold.");
    }
    let head = ["Hold", "Covers", "Set", "By", "Reason", "Lifted"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in list {
        let lifted = it.lifted.as_ref().map_or_else(String::new, |(by, at, _)| {
            format!("{} by {}", words::minute(*at), name(by))
        });
        rows.push(vec![
            name(&it.name),
            covers(it),
            words::minute(it.set_at),
            name(&it.set_by),
            name(&it.reason),
            lifted,
        ]);
    }
    table::write(&[Align::Left; 6], &rows, out)
}

/// Writes a hold.
pub(super) fn hold(it: &HoldShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Legal hold {} ({})", name(&it.name), it.id)?;
    writeln!(out, "  Covers {}", covers(it))?;
    let (by, at) = (name(&it.set_by), words::minute(it.set_at));
    writeln!(out, "  Set by {by} at {at}: {}", name(&it.reason))?;
    if let Some((by, at, reason)) = &it.lifted {
        let (by, at) = (name(by), words::minute(*at));
        writeln!(out, "  Lifted by {by} at {at}: {}", name(reason))?;
    }
    if let Some(counts) = &it.counts {
        writeln!(out, "  Holds {}", held(counts.certain, counts.possible))?;
    }
    warnings(&it.warnings, out)
}

/// Ids that are listed, at most, of each that a query removes or does not.
const LISTED_MAX: usize = 20;

/// Writes what became of messages that were to be removed, or what would.
pub(super) fn deleted(it: &DeleteAnswer, out: &mut dyn Write) -> io::Result<()> {
    let how = if it.done { "condemned" } else { "would be condemned" };
    let condemned = of_messages(it.condemned.len());
    match it.erased_from {
        Some(at) if !it.condemned.is_empty() => {
            writeln!(out, "{condemned} {how}, to be erased from {} on.", words::minute(at))?;
        }
        _ => writeln!(out, "{condemned} {how}.")?,
    }
    if !it.done {
        listed(&it.condemned, out)?;
    }
    for (id, why) in it.kept.iter().take(LISTED_MAX) {
        writeln!(out, "{id} stays: {why}.")?;
    }
    if let Some(more) = more_than_listed(it.kept.len()) {
        writeln!(out, "{more} stay, as the answer with --json says.")?;
    }
    if !it.waiting.is_empty() {
        let waiting = of_messages(it.waiting.len());
        writeln!(out, "{waiting} condemned before.")?;
    }
    if !it.unclear.is_empty() {
        let unclear = of_messages(it.unclear.len());
        writeln!(
            out,
            "{unclear} not touched: not every word was read, so the query may mean them or not. \
             Look at them, and name them by their ids:"
        )?;
        listed(&it.unclear, out)?;
    }
    warnings(&it.warnings, out)
}

fn of_messages(n: usize) -> String {
    counted(u64::try_from(n).unwrap_or(u64::MAX), "message")
}

fn more_than_listed(n: usize) -> Option<String> {
    let more = n.checked_sub(LISTED_MAX).filter(|it| *it != 0)?;
    Some(format!("{} more", words::count(u64::try_from(more).unwrap_or(u64::MAX))))
}

pub(super) fn listed(ids: &[BlobId], out: &mut dyn Write) -> io::Result<()> {
    ids.iter().take(LISTED_MAX).try_for_each(|it| writeln!(out, "  {it}"))?;
    match more_than_listed(ids.len()) {
        Some(more) => writeln!(out, "  {more}; --json lists them all."),
        None => Ok(()),
    }
}
