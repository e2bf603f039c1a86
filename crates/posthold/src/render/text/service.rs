//! Answers about the server that runs, for people.

use std::io::{self, Write};
use std::time::Duration;

use commands::{
    ChangeShown, ChangeState, GroupState, Reinitialised, RunningShown, ServedAnswer, ServiceStatus,
};

use super::{Align, count, counted, table, warnings, words};

/// How the server is.
pub(super) fn status(status: &ServiceStatus, out: &mut dyn Write) -> io::Result<()> {
    let data = status.data.display().to_string();
    let data = words::line(&data);
    match (status.pid, status.uptime) {
        (Some(pid), Some(uptime)) => {
            writeln!(out, "Serving {data} for {}, process {pid}.", duration(uptime))?;
            let socket = status.socket.display().to_string();
            writeln!(out, "  Commands at {}", words::line(&socket))?;
        }
        _ => writeln!(out, "No server runs in {data}; `posthold serve` starts one.")?,
    }
    if let Some(entries) = status.entries {
        writeln!(out, "  Entries in the log: {}", count(entries))?;
    }
    writeln!(out, "Workers:")?;
    let row = |it: &commands::GroupShown| {
        let state = match it.state {
            GroupState::Reinitialising(percent) => format!("{} {percent} %", it.state.name()),
            state => state.name().to_owned(),
        };
        vec![format!("  {}", it.group.name()), state, words::line(&it.told).into_owned()]
    };
    let rows: Vec<_> = status.groups.iter().map(row).collect();
    table::write(&[Align::Left; 3], &rows, out)?;
    if !status.running.is_empty() {
        writeln!(out, "Running:")?;
        let rows: Vec<_> = status.running.iter().map(running).collect();
        table::write(&[Align::Left; 3], &rows, out)?;
    }
    if !status.next.is_empty() {
        writeln!(out, "Next:")?;
        let row = |it: &commands::NextShown| {
            let at = it.at.map_or("by hand".to_owned(), words::minute);
            let job = words::line(&it.job).into_owned();
            vec![format!("  {at}"), job, words::line(&it.why).into_owned()]
        };
        let rows: Vec<_> = status.next.iter().map(row).collect();
        table::write(&[Align::Left; 3], &rows, out)?;
    }
    for it in &status.stuck {
        let account = words::line(&it.account);
        let since = it.complete_at.map_or("never proven complete".to_owned(), |at| {
            format!("last proven complete at {}", words::minute(at))
        });
        writeln!(out, "Stuck: {account} of the job {}: {since}", words::line(&it.job))?;
    }
    if !status.changes.is_empty() {
        writeln!(out, "Changes:")?;
        let rows: Vec<_> = status.changes.iter().map(change).collect();
        table::write(&[Align::Left; 4], &rows, out)?;
    }
    warnings(&status.warnings, out)
}

fn running(it: &RunningShown) -> Vec<String> {
    let messages = match it.messages_total {
        Some(total) => format!("{} of {} messages", count(it.messages), count(total)),
        None if it.messages == 0 => String::new(),
        None => counted(it.messages, "message"),
    };
    let since = format!("since {}", words::minute(it.since));
    vec![format!("  {}", words::line(&it.title)), since, messages]
}

fn change(it: &ChangeShown) -> Vec<String> {
    let state = match it.state {
        ChangeState::Applying(percent) => format!("{} {percent} %", it.state.name()),
        state => state.name().to_owned(),
    };
    let what = match (it.reinitialised, it.jobs.as_slice()) {
        (Reinitialised::None, _) => "nothing re-initialised".to_owned(),
        (class, []) => format!("re-initialised: {}, nothing of it ran", class.name()),
        (class, jobs) => format!("re-initialised: {} ({})", class.name(), jobs.join(", ")),
    };
    let title = words::line(&it.title).into_owned();
    vec![format!("  {}", words::minute(it.asked)), title, state, words::line(&what).into_owned()]
}

/// How it ended.
pub(super) fn served(it: &ServedAnswer, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Served for {}.", duration(it.uptime))?;
    for title in &it.cut_off {
        let title = words::line(title);
        writeln!(out, "Cut off, as it did not end in time: {title}; the next run goes on.")?;
    }
    warnings(&it.warnings, out)
}

fn duration(it: Duration) -> String {
    let seconds = it.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
