//! The audit log, for people.

use std::io::{self, Write};

use commands::{
    ActivityShown, AuditAnswer, AuditExported, AuditLock, AuditShown, Switch, UnlockScope,
    UnlockShown,
};

use super::{Align, list, table, words};

/// Writes an answer about the audit log.
pub(super) fn answer(answer: &AuditAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AuditAnswer::List(rows) => entries(rows, out),
        AuditAnswer::Exported(AuditExported { to, proven, unsigned }) => {
            let (to, entries) = (to.display().to_string(), words::counted(*proven, "entry"));
            let entries = entries.replace("entrys", "entries");
            writeln!(out, "Wrote {entries} with proofs to {}.", words::line(&to))?;
            match unsigned {
                0 => Ok(()),
                n => writeln!(out, "{n} are in no checkpoint yet."),
            }
        }
        AuditAnswer::Entry(it) => entry(it, out),
        AuditAnswer::Activities(rows) => activities(rows, out),
        AuditAnswer::Unlocks(rows) => unlocks(rows, out),
        AuditAnswer::Accepted(what) => {
            writeln!(out, "The audit log goes on, and says what is lost: {}.", words::line(what))
        }
    }
}

fn entries(rows: &[AuditShown], out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "There are no such entries.");
    }
    let row = |it: &AuditShown| {
        let times = if it.times == 1 { String::new() } else { format!("{}x", it.times) };
        vec![
            it.number.to_string(),
            it.at.to_string(),
            words::line(&it.who).into_owned(),
            it.activity.clone(),
            it.outcome.to_owned(),
            times,
            words::line(&it.objects.join(" ")).into_owned(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    use Align::{Left, Right};
    table::write(&[Right, Left, Left, Left, Left, Right, Left], &rows, out)
}

fn entry(it: &AuditShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Entry {} of the audit log: {}, {}", it.number, it.activity, it.outcome)?;
    let messages = match it.n_messages {
        0 => String::new(),
        n_messages => words::counted(n_messages, "message"),
    };
    let hash = it.messages_hash.map(|it| it.to_string()).unwrap_or_default();
    let ended = it.ended.map(|it| it.to_string()).unwrap_or_default();
    let ended_by = it.ended_by.map(|it| format!(", entry {it}")).unwrap_or_default();
    let lines = [
        ("When", it.at.to_string()),
        ("Ended", format!("{ended}{ended_by}")),
        ("Who", it.who.clone()),
        ("Identity", it.identity.clone()),
        ("Channel", it.channel.clone()),
        ("From", it.endpoint.clone()),
        ("Machine", it.workstation.clone()),
        ("Program", it.agent.clone()),
        ("Command", it.command.clone()),
        ("On", it.objects.join(" ")),
        ("Reason", it.reason.clone()),
        ("Told", it.told.clone()),
        ("Showed", messages),
        ("Their hash", hash),
    ];
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "  {:<12}{}", format!("{head}:"), words::line(value))?;
    }
    list(it.messages.iter().map(ToString::to_string), out)
}

fn activities(rows: &[ActivityShown], out: &mut dyn Write) -> io::Result<()> {
    let row = |it: &ActivityShown| {
        let state = match (it.activity.lock(), it.switch) {
            (AuditLock::Locked, _) => "always",
            (AuditLock::OwnMail, Switch::Enabled) => "on",
            (AuditLock::OwnMail, Switch::Disabled) => "off for own mail",
            (AuditLock::Free, Switch::Enabled) => "on",
            (AuditLock::Free, Switch::Disabled) => "off",
        };
        vec![it.activity.name().to_owned(), state.to_owned(), it.activity.told().to_owned()]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    table::write(&[Align::Left, Align::Left, Align::Left], &rows, out)
}

fn unlocks(rows: &[UnlockShown], out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "Nobody has unlocked the mail of others.");
    }
    for it in rows {
        let whose = match &it.scope {
            UnlockScope::User(name) => name.to_string(),
            UnlockScope::Everybody => "everybody".to_owned(),
        };
        let (who, reason) = (words::line(&it.who), words::line(&it.reason));
        let (since, until) = (words::minute(it.since), words::minute(it.until));
        writeln!(out, "{who} may read the mail of {whose} from {since} to {until}: {reason}")?;
    }
    Ok(())
}
