//! Anchors, for people.

use std::io::{self, Write};

use commands::{AnchorAnswer, AnchorChecked, AnchorRan, AnchorShown, AnchorsRan};

use super::{Align, count, count_of, counted, table, words};

/// Writes an answer about anchors.
pub(super) fn answer(answer: &AnchorAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AnchorAnswer::List(list) => anchors(list, out),
        AnchorAnswer::Removed(name) => {
            writeln!(out, "Removed the anchor {}; what went there counts on.", words::line(name))
        }
        AnchorAnswer::Ran(it) => ran(it, out),
        AnchorAnswer::Verified(list) => verified(list, out),
    }
}

fn anchors(list: &[AnchorShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "There are no anchors; `posthold anchor add` makes one.");
    }
    let row = |it: &AnchorShown| {
        let done = it.done.map_or_else(|| "never".to_owned(), words::minute);
        vec![
            words::line(&it.name).into_owned(),
            it.target.kind().to_owned(),
            words::line(&it.target.place()).into_owned(),
            format!("every {} h", it.every_hours),
            done,
            words::line(it.failure.as_deref().unwrap_or_default()).into_owned(),
        ]
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    table::write(&[Align::Left; 6], &rows, out)
}

fn ran(it: &AnchorsRan, out: &mut dyn Write) -> io::Result<()> {
    if it.anchors.is_empty() {
        writeln!(out, "No checkpoint was to be sent.")?;
    }
    for AnchorRan { name, sent, unchanged, failure } in &it.anchors {
        let name = words::line(name);
        let had = match unchanged {
            0 => String::new(),
            n => format!(" ({} it had)", count(*n)),
        };
        writeln!(out, "{name}: {}{had}.", counted(*sent, "checkpoint"))?;
        if let Some(why) = failure {
            writeln!(out, "  Failed: {}.", words::line(why))?;
        }
    }
    it.refused.iter().try_for_each(|it| writeln!(out, "{}", words::line(it)))
}

fn verified(list: &[AnchorChecked], out: &mut dyn Write) -> io::Result<()> {
    let wrong: Vec<&AnchorChecked> = list.iter().filter(|it| it.failure.is_some()).collect();
    let of = counted(count_of(list), "anchored checkpoint");
    match wrong.is_empty() {
        true if list.is_empty() => return writeln!(out, "Nothing was anchored yet."),
        true => writeln!(out, "The archive has everything that was anchored: {of}.")?,
        false => writeln!(out, "Wrong: {} of {of}.", count(count_of(&wrong)))?,
    }
    let told = wrong.into_iter().chain(list.iter().filter(|it| it.note.is_some()));
    told.into_iter().try_for_each(|it| {
        let what = it.failure.as_deref().or(it.note.as_deref()).unwrap_or_default();
        writeln!(out, "  {}{}", words::line(&source(it)), words::line(what))
    })
}

/// Where it stands, and of what it is.
fn source(it: &AnchorChecked) -> String {
    let mut parts = vec![it.place.clone(), it.store.clone(), it.anchor.clone()];
    parts.extend(it.at.map(|it| it.to_string()));
    parts.retain(|it| !it.is_empty());
    if parts.is_empty() { String::new() } else { format!("{}: ", parts.join(", ")) }
}
