//! Backups, for people.

use std::io::{self, Write};

use commands::{
    BackupAnswer, BackupCreated, BackupPurged, BackupShown, BackupVerified, Restored,
    RollbackAccepted,
};

use super::{Align, count, count_of, counted, list, table, warnings, words};

/// Writes an answer.
pub(super) fn answer(answer: &BackupAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        BackupAnswer::Created(it) => created(it, out),
        BackupAnswer::Listed(it) => listed(it, out),
        BackupAnswer::Verified(it) => verified(it, out),
        BackupAnswer::Purged(it) => purged(it, out),
        BackupAnswer::Restored(it) => restored(it, out),
        BackupAnswer::Accepted(it) => accepted(it, out),
    }
}

fn created(it: &BackupCreated, out: &mut dyn Write) -> io::Result<()> {
    let BackupShown { number, files, bytes, .. } = it.backup;
    let files = counted(files, "file");
    writeln!(out, "Made backup {number}: {files}, {}.", words::size(bytes))?;
    let (read, written) = (words::size(it.bytes_read), words::size(it.bytes_written));
    writeln!(out, "{read} read, {written} written; the rest was there.")?;
    warnings(&it.warnings, out)
}

fn listed(backups: &[BackupShown], out: &mut dyn Write) -> io::Result<()> {
    if backups.is_empty() {
        return writeln!(out, "There are no backups.");
    }
    let row = |it: &BackupShown| {
        let entries = it.logs.iter().map(|(_, entries)| *entries).sum();
        let told = match (&it.failure, it.erased) {
            (Some(failure), _) => words::line(failure).into_owned(),
            (None, 0) => String::new(),
            (None, n) => format!("holds {} erased since", counted(n, "message")),
        };
        vec![
            it.number.to_string(),
            it.made.map(words::minute).unwrap_or_default(),
            format!("{} entries", count(entries)),
            words::size(it.bytes),
            told,
        ]
    };
    let rows: Vec<_> = backups.iter().map(row).collect();
    let columns = [Align::Right, Align::Left, Align::Right, Align::Right, Align::Left];
    table::write(&columns, &rows, out)
}

fn verified(it: &BackupVerified, out: &mut dyn Write) -> io::Result<()> {
    let checked = format!("{}, {}", counted(it.backups, "backup"), words::size(it.bytes));
    if it.defects.is_empty() {
        writeln!(out, "Everything is as it was written: {checked}.")?;
    } else {
        let defects = counted(count_of(&it.defects), "defect");
        writeln!(out, "Found {defects} in {checked}:")?;
        let line = |it: &commands::BackupDefect| {
            let at = if it.path.is_empty() { String::new() } else { format!(", {}", it.path) };
            format!("backup {}{at}: {}", it.number, it.message)
        };
        list(it.defects.iter().map(line), out)?;
    }
    if !it.erased.is_empty() {
        let messages = counted(count_of(&it.erased), "message");
        writeln!(out, "{messages} were erased since and are in backups still:")?;
        let line = |(number, id, at): &(u32, types::BlobId, types::Timestamp)| {
            format!("backup {number}: {id}, erased {}", words::minute(*at))
        };
        list(it.erased.iter().map(line), out)?;
        writeln!(out, "`posthold backup purge` removes these backups.")?;
    }
    Ok(())
}

fn purged(it: &BackupPurged, out: &mut dyn Write) -> io::Result<()> {
    let numbers: Vec<_> = it.removed.iter().map(u32::to_string).collect();
    match numbers.as_slice() {
        [] => writeln!(out, "Removed no backup.")?,
        [one] => writeln!(out, "Removed backup {one}.")?,
        more => writeln!(out, "Removed backups {}.", more.join(", "))?,
    }
    warnings(&it.warnings, out)
}

fn restored(it: &Restored, out: &mut dyn Write) -> io::Result<()> {
    let BackupShown { number, files, bytes, .. } = it.backup;
    let made = it.backup.made.map(words::minute).unwrap_or_default();
    let to = it.to.display().to_string();
    let files = counted(files, "file");
    let (size, to) = (words::size(bytes), words::line(&to));
    writeln!(out, "Restored backup {number} of {made} to {to}: {files}, {size}.")?;
    writeln!(out, "Every byte was read again there and has its hash.")?;
    for (store, epoch) in &it.epochs {
        writeln!(out, "{}: epoch {epoch} begins.", words::line(store))?;
    }
    writeln!(out, "Catalog and index are made anew when it is opened first.")?;
    warnings(&it.warnings, out)
}

fn accepted(it: &RollbackAccepted, out: &mut dyn Write) -> io::Result<()> {
    let (store, entries) = (words::line(&it.store), count(it.entries));
    writeln!(out, "{store} goes on behind {entries} entries, in epoch {}.", it.epoch)?;
    if it.entries < it.entries_lost {
        writeln!(out, "It had {} entries once.", count(it.entries_lost))?;
    }
    warnings(&it.warnings, out)
}
