//! Answers about stores, for people.

use std::io::{self, Write};
use std::path::Path;

use commands::{StoreShown, StoresRead};

use super::{Align, counted, table, warnings, words};

/// Says that stores are missing from an answer, when some are.
pub(super) fn read(read: &StoresRead, out: &mut dyn Write) -> io::Result<()> {
    match read.told() {
        Some(told) => writeln!(out, "warning: {}", words::line(&told)),
        None => Ok(()),
    }
}

/// Writes which stores there are.
pub(super) fn list(list: &[StoreShown], out: &mut dyn Write) -> io::Result<()> {
    let head = ["Store", "State", "Messages", "Log", "Catalog", "Index", "Directory"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in list {
        let number = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        rows.push(vec![
            words::line(&it.name).into_owned(),
            it.shown_state().to_owned(),
            number(it.counts.map(|it| words::count(it.messages))),
            number(it.counts.map(|it| words::size(it.log_bytes))),
            number(it.counts.map(|it| words::size(it.catalog_bytes))),
            number(it.counts.map(|it| words::size(it.index_bytes))),
            words::line(&it.dir.display().to_string()).into_owned(),
        ]);
    }
    use Align::{Left, Right};
    table::write(&[Left, Left, Right, Right, Right, Right, Left], &rows, out)?;
    list.iter().try_for_each(|it| warnings(&told(it), out))
}

/// Writes one of them.
pub(super) fn one(it: &StoreShown, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = vec![
        ("Store", words::line(&it.name).into_owned()),
        ("State", it.shown_state().to_owned()),
        ("Directory", words::line(&it.dir.display().to_string()).into_owned()),
        ("Id", it.id.clone().unwrap_or_else(|| "-".to_owned())),
        ("Made", it.created.map_or_else(|| "-".to_owned(), words::minute)),
    ];
    if let Some(counts) = it.counts {
        rows.extend([
            ("Holds", counted(counts.messages, "message")),
            ("Entries", words::count(counts.entries)),
            ("Log", words::size(counts.log_bytes)),
            ("Catalog", words::size(counts.catalog_bytes)),
            ("Index", words::size(counts.index_bytes)),
        ]);
        if counts.deferred != 0 {
            rows.push(("Deferred", format!("{} wait here", counted(counts.deferred, "change"))));
        }
    }
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table::write(&[Align::Left, Align::Left], &rows, out)?;
    warnings(&told(it), out)
}

/// Writes that one was let go.
pub(super) fn detached(dir: &Path, out: &mut dyn Write) -> io::Result<()> {
    let dir = dir.display().to_string();
    writeln!(out, "The store is no longer used. Its directory is as it was: {}", words::line(&dir))
}

fn told(it: &StoreShown) -> Vec<String> {
    let trouble = it.trouble.as_ref().map(|trouble| {
        let again =
            trouble.retry_at.map(|it| format!(" It is tried again at {}.", words::minute(it)));
        let since = words::minute(trouble.at);
        let why = trouble.why.trim_end_matches('.');
        format!("{}: in error since {since}: {why}.{}", it.name, again.unwrap_or_default())
    });
    let warnings = it.warnings.iter().map(|warning| format!("{}: {warning}", it.name));
    trouble.into_iter().chain(warnings).collect()
}
