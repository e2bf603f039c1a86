//! Answers about removals that wait for a second person, for people.

use std::io::{self, Write};

use commands::{ApprovalShown, ApprovalState, Wanted};
use types::Timestamp;

use super::{Align, table, words};

fn name(text: &str) -> String {
    words::line(text).into_owned()
}

/// Writes the requests.
pub(super) fn list(list: &[ApprovalShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "Nothing waits for a second person.");
    }
    let head = ["", "What", "Asked by", "At", "State", "Decided by"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in list {
        rows.push(vec![
            it.id.to_string(),
            name(&it.title),
            name(&it.asked_by),
            words::minute(it.asked_at),
            it.state.name().to_owned(),
            it.decided.as_ref().map_or_else(String::new, |(by, _)| name(by)),
        ]);
    }
    let mut align = [Align::Left; 6];
    align[0] = Align::Right;
    table::write(&align, &rows, out)
}

/// Writes a request.
pub(super) fn one(it: &ApprovalShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}. {}", it.id, name(&it.title))?;
    let (by, at) = (name(&it.asked_by), words::minute(it.asked_at));
    writeln!(out, "  Asked for by {by} at {at}")?;
    if !it.reason.is_empty() {
        writeln!(out, "  Reason: {}", name(&it.reason))?;
    }
    if let Wanted::Delete(ids) = &it.wanted {
        super::retention::listed(ids, out)?;
    }
    if let Some((by, at)) = &it.decided {
        writeln!(out, "  {} by {} at {}", it.state.name(), name(by), words::minute(*at))?;
    }
    if !it.told.is_empty() {
        writeln!(out, "  {}", name(&it.told))?;
    }
    if it.state == ApprovalState::Waits {
        let until = words::minute(it.expires);
        writeln!(out, "It waits until {until} for somebody else than {by} to approve it:")?;
        writeln!(out, "  posthold approval approve {} --as NAME", it.id)?;
    }
    Ok(())
}

/// Writes the persons.
pub(super) fn persons(list: &[(String, Timestamp)], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "There is no person who approves.");
    }
    let row = |(person, since): &(String, Timestamp)| vec![name(person), words::minute(*since)];
    let rows: Vec<_> = list.iter().map(row).collect();
    table::write(&[Align::Left; 2], &rows, out)
}
