//! Answers about messages that could not be taken, for people.

use std::io::{self, Write};

use commands::{QuarantineExported, QuarantineShown};

use super::{Align, counted, table, warnings, words};

/// Writes what lies in quarantine.
pub(super) fn list(list: &[QuarantineShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "No message is in quarantine.");
    }
    let head = ["ID", "Account", "Mailbox", "UID", "Why", "Tried", "Again at", "Accepted"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for it in list {
        rows.push(vec![
            it.id.to_string(),
            words::line(&it.account).into_owned(),
            words::line(&it.mailbox).into_owned(),
            it.uid.to_string(),
            it.reason.to_owned(),
            it.attempts.to_string(),
            again(it),
            accepted(it).unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    use Align::{Left, Right};
    table::write(&[Left, Left, Left, Right, Left, Right, Left, Left], &rows, out)
}

/// Writes one of them.
pub(super) fn one(it: &QuarantineShown, out: &mut dyn Write) -> io::Result<()> {
    let line = |text: &str| words::line(text).into_owned();
    let rows = [
        ("ID", it.id.to_string()),
        ("User", line(&it.user)),
        ("Job", it.job.as_deref().map_or_else(|| "-".to_owned(), line)),
        ("Account", line(&it.account)),
        ("Mailbox", line(&it.mailbox)),
        ("UID", it.uid.to_string()),
        ("Why", it.meaning.to_owned()),
        ("Said", line(&it.text)),
        (
            "Tried",
            format!("{}, last at {}", counted(it.attempts.into(), "time"), words::minute(it.at)),
        ),
        ("Again at", again(it)),
        ("Accepted", accepted(it).unwrap_or_else(|| "no".to_owned())),
    ];
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table::write(&[Align::Left, Align::Left], &rows, out)
}

/// Writes what was exported.
pub(super) fn exported(it: &QuarantineExported, out: &mut dyn Write) -> io::Result<()> {
    let bytes = counted(it.bytes, "byte");
    writeln!(out, "{bytes} of message {} are in {}.", it.id, it.path.display())?;
    warnings(&it.warnings, out)
}

fn again(it: &QuarantineShown) -> String {
    it.retry_at.map_or_else(|| "only by hand".to_owned(), words::minute)
}

fn accepted(it: &QuarantineShown) -> Option<String> {
    let it = it.accepted.as_ref()?;
    Some(format!(
        "by {} on {} because {}",
        words::line(&it.by),
        words::minute(it.at),
        words::line(&it.reason)
    ))
}
