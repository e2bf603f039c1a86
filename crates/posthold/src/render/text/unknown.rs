//! Answers about addresses that belong to nobody, for people.

use std::io::{self, Write};

use commands::{Assigned, UnknownShown};

use super::{Align, counted, table, warnings, words};

/// Writes the addresses.
pub(super) fn list(list: &[UnknownShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "No mail was found whose addresses belong to nobody.");
    }
    let head = ["Address", "", "Domain", "Messages", "Last seen", "Job", "Example"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in list {
        rows.push(vec![
            words::line(&it.address).into_owned(),
            it.direction.name().to_owned(),
            if it.ours { "ours" } else { "foreign" }.to_owned(),
            it.messages.to_string(),
            words::minute(it.last),
            words::line(it.job.as_deref().unwrap_or("-")).into_owned(),
            words::line(&it.example).into_owned(),
        ]);
    }
    let mut align = [Align::Left; 7];
    align[3] = Align::Right;
    table::write(&align, &rows, out)?;
    writeln!(out, "`posthold unknown assign ADDRESS --user NAME` gives one to a user.")
}

/// Writes what giving one to somebody did.
pub(super) fn assigned(it: &Assigned, out: &mut dyn Write) -> io::Result<()> {
    let made = if it.made { ", who was made for it" } else { "" };
    writeln!(out, "{} belongs to {}{made}.", words::line(&it.address), it.user)?;
    if it.seen > 0 {
        let (moved, seen) = (counted(it.moved, "message"), counted(it.seen, "message"));
        writeln!(out, "{moved} of {seen} moved out of @catchall.")?;
    }
    warnings(&it.warnings, out)
}
