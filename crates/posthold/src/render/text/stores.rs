//! Answers about stores, for people.

use std::io::{self, Write};
use std::path::Path;

use commands::{
    CompactAnswer, CompactHow, ErasureShown, ErasuresProven, StoreMerged, StoreShown, StoreStats,
    StoreStatsShown, StoresRead,
};

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

/// Writes what a compaction would do, or did.
pub(super) fn compacted(it: &CompactAnswer, out: &mut dyn Write) -> io::Result<()> {
    let store = words::line(&it.store);
    if it.segments == 0 && it.torn == 0 && !it.views {
        writeln!(out, "Nothing that was erased is left in the store {store}.")?;
        return warnings(&it.warnings, out);
    }
    let (segments, size) = (counted(it.segments, "segment"), words::size(it.bytes));
    let (blobs, details) = (counted(it.blobs, "blob"), counted(it.details, "detail"));
    match it.how {
        CompactHow::Plan => {
            writeln!(out, "{segments} ({size}) of {store} would be written anew.")?;
            writeln!(out, "{blobs} and {details} would go.")?;
        }
        CompactHow::Run => {
            writeln!(out, "{segments} ({size}) of {store} written anew.")?;
            let freed = words::size(it.bytes_freed);
            writeln!(out, "{blobs} and {details} gone; the log is {freed} shorter.")?;
        }
    }
    if it.torn != 0 {
        writeln!(out, "{} of torn tails removed.", counted(it.torn, "file"))?;
    }
    warnings(&it.warnings, out)
}

/// Writes where the proofs of erasures are.
pub(super) fn erasures_proven(it: &ErasuresProven, out: &mut dyn Write) -> io::Result<()> {
    let (proven, to) = (counted(it.proven, "erasure"), it.to.to_string_lossy());
    writeln!(out, "{proven} proven in {}.", words::line(&to))?;
    if it.unsigned != 0 {
        let unsigned = counted(it.unsigned, "erasure");
        writeln!(out, "{unsigned} not proven: nobody signed that yet. Try again in a minute.")?;
    }
    writeln!(out, "Check it with: posthold-verify {} --key FILE", words::line(&to))
}

/// Writes what is condemned and what was erased.
pub(super) fn erasures(list: &[ErasureShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "Nothing is to be erased, and nothing was.");
    }
    let head = ["Message", "Reason", "Rule", "By", "Condemned", "Erased", "Why"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in list {
        let erased = match it.erased {
            Some((_, at)) => words::minute(at),
            None => format!("from {} on", words::minute(it.due)),
        };
        rows.push(vec![
            it.id.to_string(),
            it.reason.to_owned(),
            words::line(&it.rule).into_owned(),
            words::line(&it.by).into_owned(),
            words::minute(it.condemned),
            erased,
            words::line(&it.why).into_owned(),
        ]);
    }
    table::write(&[Align::Left; 7], &rows, out)
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

/// Writes what stores are made of.
pub(super) fn stats(list: &[StoreStatsShown], out: &mut dyn Write) -> io::Result<()> {
    for (n, shown) in list.iter().enumerate() {
        if n != 0 {
            writeln!(out)?;
        }
        let name = words::line(&shown.name);
        match &shown.stats {
            Ok(stats) => {
                writeln!(out, "{name} ({})", shown.state.name())?;
                stats_of(stats, out)?;
            }
            Err(why) => {
                writeln!(out, "{name} (error)")?;
                warnings(&[format!("{}: {why}", shown.name)], out)?;
            }
        }
    }
    Ok(())
}

fn stats_of(it: &StoreStats, out: &mut dyn Write) -> io::Result<()> {
    let of = |n: u64, bytes: u64| format!("{}, {}", words::count(n), words::size(bytes));
    let mut rows = vec![
        ("  Messages", of(it.messages, it.message_bytes)),
        ("  In folders", of(it.placements, it.placed_bytes)),
        ("  Erased", words::count(it.erased)),
        ("  Kept once", words::size(it.content_bytes)),
        ("    saves", words::size(it.saved_by_single_instance())),
        ("  Compressed", words::size(it.content_stored_bytes)),
        ("    saves", words::size(it.saved_by_compression())),
        ("  By dictionary", words::size(it.by_dictionary_bytes)),
        ("  Dictionaries", of(it.dictionaries, it.dictionary_bytes)),
        ("  Entries", of(it.entries, it.fact_bytes)),
        ("  Log", format!("{}, {}", counted(it.segments, "segment"), words::size(it.log_bytes))),
        ("  Catalog", words::size(it.catalog_bytes)),
        ("  Index", words::size(it.index_bytes)),
    ];
    rows.extend(
        it.years
            .iter()
            .map(|year| ("  Year", format!("{}: {}", year.year, of(year.messages, year.bytes)))),
    );
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table::write(&[Align::Left, Align::Left], &rows, out)
}

/// Writes that one was let go.
pub(super) fn detached(dir: &Path, out: &mut dyn Write) -> io::Result<()> {
    let dir = dir.display().to_string();
    writeln!(out, "The store is no longer used. Its directory is as it was: {}", words::line(&dir))
}

/// Writes that two became one.
pub(super) fn merged(it: &StoreMerged, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} holds what {} held: {} copied, {} there already, {} placed.",
        words::line(&it.into),
        words::line(&it.store),
        counted(it.copied, "message"),
        words::count(it.already),
        words::count(it.placements)
    )?;
    if !it.damaged.is_empty() {
        writeln!(out, "These cannot be read: {}.", it.damaged.join(", "))?;
    }
    writeln!(out, "It lies in {}.", words::line(&it.dir.display().to_string()))?;
    warnings(&it.warnings, out)
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
