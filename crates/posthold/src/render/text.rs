//! Answers for people: short, aligned, a sentence where something is wrong.

mod admin;
mod anchors;
mod approvals;
mod audit;
mod backups;
mod doctor;
mod jobs;
mod presets;
mod quarantine;
mod reports;
mod retention;
mod service;
mod stores;
mod unknown;

use std::io::{self, Write};

use commands::{
    AdminAnswer, Answer, DefectFound, DemoAnswer, DemoImport, ExportAnswer, Failure, Hit,
    ImportCounts, IndexReach, LoginBy, Rank, RebuildAnswer, RemovalAnswer, RunAnswer, RunOutcome,
    SearchAnswer, ShowAnswer, Switch, UserListed, VerifyAnswer, View,
};
use types::Address;

use super::table::{self, Align};
use super::words::{self, count, counted};

/// Hexadecimal digits of an id that are shown: 48 bits, so that two of a million messages share
/// them once in 500 such archives; `show` says so then.
const ID_DIGITS: usize = 12;

/// Columns of a sender in a line of hits.
const FROM_COLUMNS: usize = 24;

/// Things of one kind that are listed before the rest is only counted.
const LISTED_MAX: usize = 20;

/// One line per hit.
pub(crate) fn hits(hits: &[Hit], width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    for hit in hits {
        let from = words::padded(&words::line(&sender(&hit.from)), FROM_COLUMNS);
        let subject = if hit.subject.is_empty() { "(no subject)" } else { &hit.subject };
        let mut id = hit.id.to_string();
        id.truncate(ID_DIGITS);
        let date = words::minute(hit.date);
        let line = format!("{id}  {date}  {from}  {}", words::line(subject));
        let line = width.map_or(line.as_str().into(), |width| words::cut(&line, width));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The name of the first sender, or its address.
fn sender(from: &str) -> String {
    let name = from.split_once(" <").map_or(from, |(name, _)| name);
    if name.is_empty() { "(no sender)".into() } else { name.into() }
}

/// Writes an answer.
pub(crate) fn answer(answer: &Answer, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    match answer {
        Answer::Archive(it) => run(it, None, out),
        Answer::Many(it) => jobs::many(it, out),
        Answer::Import(it, read) => run(it, Some(read), out),
        Answer::Search(it) => searched(it, err),
        Answer::Count(it) => {
            writeln!(out, "{}", it.count)?;
            index_reach(it.index, err)
        }
        Answer::Show(it) => show(it, out),
        Answer::Raw => Ok(()),
        Answer::Export(it) => export(it, out),
        Answer::Verify(it) => verify(it, out),
        Answer::Rebuild(it) => rebuild(it, out),
        Answer::Admin(it) => admin::answer(it, out),
        Answer::UserAdd(name) => writeln!(out, "Made the user {name}."),
        Answer::UserList(users) => user_list(users, out),
        Answer::Demo(it) => demo(it, out),
    }
}

/// Writes the answer that a report is, alone.
pub(crate) fn report(answer: &AdminAnswer, out: &mut dyn Write) -> io::Result<()> {
    admin::answer(answer, out)
}

/// A sentence, and a hint where there is one.
pub(crate) fn failure(failure: &Failure, err: &mut dyn Write) -> io::Result<()> {
    writeln!(err, "error: {}", words::lines(&failure.message))?;
    match &failure.hint {
        Some(hint) => writeln!(err, "  {}", words::lines(hint)),
        None => Ok(()),
    }
}

fn run(run: &RunAnswer, read: Option<&ImportCounts>, out: &mut dyn Write) -> io::Result<()> {
    let opening = match (run.outcome, run.cancelled) {
        (RunOutcome::Succeeded, _) => "All done",
        (RunOutcome::Partial, false) => "Done in part",
        (RunOutcome::Partial, true) => "Stopped as asked; the next run goes on from here",
        (RunOutcome::Failed, _) => "Failed",
    };
    let mut counts = vec![
        format!("{} archived", count(run.archived)),
        format!("{} there already", count(run.already)),
    ];
    if let Some(read) = read {
        counts.insert(0, format!("{} read", count(read.read)));
    }
    if run.excluded.total() != 0 {
        counts.push(words::excluded(run.excluded));
    }
    if run.quarantined != 0 {
        counts.push(format!("{} quarantined", count(run.quarantined)));
    }
    writeln!(out, "{opening}: {}.", counts.join(", "))?;
    if let Some(skipped) = read.map(|it| it.skipped).filter(|it| *it != 0) {
        writeln!(out, "Passed over {} known not to be mail.", counted(skipped, "file"))?;
    }
    for told in run.removal.iter().flat_map(RemovalAnswer::told) {
        writeln!(out, "{}", words::line(&told))?;
    }
    mailboxes(run, out)?;
    if !run.warnings.is_empty() || !run.searchable {
        writeln!(out)?;
    }
    warnings(&run.warnings, out)?;
    if !run.searchable {
        writeln!(out, "The index still reads what was archived; searches say how far it is.")?;
    }
    Ok(())
}

fn mailboxes(run: &RunAnswer, out: &mut dyn Write) -> io::Result<()> {
    if run.mailboxes.is_empty() {
        return Ok(());
    }
    let heads = ["mailbox", "there", "archived", "already", "excluded", "quarantined", ""];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for it in &run.mailboxes {
        let mut notes: Vec<String> = Vec::new();
        match (&it.failure, it.complete) {
            (Some(failure), _) => notes.push(failure.clone()),
            (None, false) => notes.push("not complete".into()),
            (None, true) => (),
        }
        notes.extend(it.excluded_reason.clone());
        let numbers =
            [it.server_count, it.archived, it.already, it.excluded, it.quarantined].map(count);
        let mut row = vec![words::line(&it.mailbox).into_owned()];
        row.extend(numbers);
        row.push(words::line(&notes.join("; ")).into_owned());
        rows.push(row);
    }
    use Align::{Left, Right};
    writeln!(out)?;
    table::write(&[Left, Right, Right, Right, Right, Right, Left], &rows, out)
}

fn warnings(warnings: &[String], out: &mut dyn Write) -> io::Result<()> {
    warnings.iter().try_for_each(|it| writeln!(out, "warning: {}", words::line(it)))
}

fn searched(search: &SearchAnswer, err: &mut dyn Write) -> io::Result<()> {
    if search.count == 0 {
        writeln!(err, "Nothing found.")?;
    } else if search.shown < search.count {
        writeln!(err, "{} of {} hits.", count(search.shown), count(search.count))?;
    }
    index_reach(search.index, err)
}

fn index_reach(index: IndexReach, err: &mut dyn Write) -> io::Result<()> {
    if index.is_complete() {
        return Ok(());
    }
    let (read, entries) = (count(index.read), count(index.entries));
    writeln!(err, "The index has read {read} of {entries} entries; newer mail is not found yet.")
}

fn show(show: &ShowAnswer, out: &mut dyn Write) -> io::Result<()> {
    let addresses = |list: &[Address]| {
        let all: Vec<String> = list.iter().map(ToString::to_string).collect();
        all.join(", ")
    };
    let folders: Vec<&str> = show.folders.iter().map(|(_, path)| path.as_str()).collect();
    let heads = [
        ("Date", show.date.map(|it| it.to_string()).unwrap_or_default()),
        ("From", addresses(&show.from)),
        ("To", addresses(&show.to)),
        ("Cc", addresses(&show.cc)),
        ("Bcc", addresses(&show.bcc)),
        ("Subject", show.subject.clone()),
        ("Message-ID", show.message_id_header.clone()),
        ("Folders", folders.join(", ")),
        ("Size", words::size(show.size)),
        ("Id", show.id.to_string()),
        ("Defects", show.defects.join(", ")),
    ];
    for (head, value) in heads.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{:<12}{}", format!("{head}:"), words::line(value))?;
    }
    let text = words::lines(&show.text);
    if !text.trim().is_empty() {
        writeln!(out, "\n{}", text.trim_end())?;
    }
    if show.parts.is_empty() {
        return stores::read(&show.stores, out);
    }
    writeln!(out, "\nParts:")?;
    let part = |it: &commands::PartShown| {
        let name = if it.name.is_empty() { "(no name)" } else { &it.name };
        vec![
            words::line(name).into_owned(),
            words::line(&it.media_type).into_owned(),
            words::size(it.size),
        ]
    };
    let rows: Vec<Vec<String>> = show.parts.iter().map(part).collect();
    table::write(&[Align::Left, Align::Left, Align::Right], &rows, out)?;
    stores::read(&show.stores, out)
}

fn export(export: &ExportAnswer, out: &mut dyn Write) -> io::Result<()> {
    let exported = counted(export.exported, "message");
    let opening = if export.cancelled { "Stopped as asked: exported" } else { "Exported" };
    write!(out, "{opening} {exported} ({})", words::size(export.bytes))?;
    writeln!(out, " to {}.", words::line(&export.to.display().to_string()))?;
    if export.already != 0 {
        writeln!(out, "{} there already, byte for byte.", counted(export.already, "message"))?;
    }
    if !export.missing.is_empty() {
        writeln!(out, "{} missing in the log:", counted(count_of(&export.missing), "message"))?;
        list(export.missing.iter().map(ToString::to_string), out)?;
    }
    if !export.damaged.is_empty() {
        writeln!(out, "{} damaged, not written:", counted(count_of(&export.damaged), "message"))?;
        list(export.damaged.iter().map(|it| format!("{}: {}", it.id, it.message)), out)?;
    }
    if !export.conflicts.is_empty() {
        let files = counted(count_of(&export.conflicts), "file");
        writeln!(out, "{files} there with other content, left alone:")?;
        list(export.conflicts.iter().map(|it| it.display().to_string()), out)?;
    }
    if let Some(proof) = &export.proof {
        let proven = counted(proof.proven, "proof");
        writeln!(out, "Wrote {proven}; `posthold-verify DIR --key FILE` checks them.")?;
        if proof.unsigned != 0 {
            let unsigned = counted(proof.unsigned, "message");
            writeln!(out, "{unsigned} without a proof: not signed yet. Try again in a minute.")?;
        }
    }
    stores::read(&export.stores, out)?;
    views_reach(export.index, out)
}

fn views_reach(index: IndexReach, out: &mut dyn Write) -> io::Result<()> {
    if index.is_complete() {
        return Ok(());
    }
    let (read, entries) = (count(index.read), count(index.entries));
    writeln!(out, "The views have read {read} of {entries} entries; newer mail is left out.")
}

fn count_of<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

fn list(lines: impl ExactSizeIterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let more = lines.len().saturating_sub(LISTED_MAX);
    for line in lines.take(LISTED_MAX) {
        writeln!(out, "  {}", words::line(&line))?;
    }
    if more != 0 {
        writeln!(out, "  and {more} more")?;
    }
    Ok(())
}

fn verify(verify: &VerifyAnswer, out: &mut dyn Write) -> io::Result<()> {
    let checked = [
        counted(verify.messages, "message"),
        counted(verify.blobs, "blob"),
        format!("{} entries", count(verify.entries)),
        counted(verify.checkpoints, "checkpoint"),
        words::size(verify.bytes),
    ];
    let checked = checked.join(", ");
    if verify.cancelled {
        writeln!(out, "Stopped as asked, before everything was checked: {checked}.")?;
    }
    if verify.defects.is_empty() {
        return if verify.cancelled {
            Ok(())
        } else {
            writeln!(out, "Everything is as it was stored: {checked}.")
        };
    }
    let defects = counted(count_of(&verify.defects), "defect");
    writeln!(out, "Found {defects} in {checked}:")?;
    let of = |it: &DefectFound| {
        let store = if it.store.is_empty() { String::new() } else { format!("{}, ", it.store) };
        format!("{store}{}, {}: {}", it.part, it.place, it.message)
    };
    list(verify.defects.iter().map(of), out)
}

fn rebuild(rebuild: &RebuildAnswer, out: &mut dyn Write) -> io::Result<()> {
    let view = match rebuild.view {
        View::Catalog => "catalog",
        View::Index => "index",
    };
    let messages = counted(rebuild.messages, "message");
    writeln!(out, "Made the {view} anew: {messages}, {} entries.", count(rebuild.entries))?;
    warnings(&rebuild.warnings, out)
}

fn user_list(users: &[UserListed], out: &mut dyn Write) -> io::Result<()> {
    if users.is_empty() {
        return writeln!(out, "There are no users.");
    }
    let row = |it: &UserListed| {
        let messages = counted(it.messages, "message");
        let what = match (it.switch, it.rank, it.login_by) {
            (Switch::Disabled, ..) => "deactivated",
            (_, Rank::Administrator, LoginBy::Nothing) => "administrator, cannot log in yet",
            (_, Rank::Administrator, _) => "administrator",
            (_, Rank::Ordinary, LoginBy::Nothing) => "cannot log in yet",
            (_, Rank::Ordinary, _) => "",
        };
        let since = format!("since {}", words::minute(it.created));
        vec![it.name.to_string(), messages, since, what.to_owned()]
    };
    let rows: Vec<Vec<String>> = users.iter().map(row).collect();
    table::write(&[Align::Left, Align::Right, Align::Left, Align::Left], &rows, out)
}

fn demo(demo: &DemoAnswer, out: &mut dyn Write) -> io::Result<()> {
    let data = demo.data.display();
    for DemoImport { user, run: it, read } in &demo.imports {
        writeln!(out, "$ posthold import mail/{user} --user {user}")?;
        run(it, Some(read), out)?;
        writeln!(out)?;
    }
    for search in &demo.searches {
        writeln!(out, "$ posthold search '{}'", search.query)?;
        hits(&search.hits, None, out)?;
        writeln!(out)?;
    }
    writeln!(out, "$ posthold export --all --to out")?;
    export(&demo.exported, out)?;
    writeln!(out, "\n$ posthold verify")?;
    verify(&demo.verify, out)?;
    writeln!(out)?;
    if demo.kept {
        writeln!(out, "The archive is in {data}. Try:")?;
        writeln!(out, "  posthold --data {data} search invoice")?;
        writeln!(out, "  posthold --data {data} show ID")?;
    } else {
        writeln!(out, "The archive of this demonstration is removed; --keep keeps it. Try:")?;
    }
    writeln!(out, "  posthold import ~/Mail --user alice")?;
    writeln!(out, "  posthold archive imaps://alice@mail.example.org/ --user alice")
}

#[cfg(test)]
mod tests;
