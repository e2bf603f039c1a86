//! Answers of the commands that look after the server, for people.

use std::io::{self, Write};

use commands::{
    AdminAnswer, ApplyAnswer, Counted, Half, Insecure, KeyStatus, OutgoingLogin, Profile,
    ProfileShown, Rank, SettingShown, Switch, TestAnswer, TestResult, UserShown, trust_words,
};

use super::{Align, counted, table, warnings, words};
use super::{
    approvals, backups, doctor, jobs, presets, quarantine, reports, retention, service, stores,
    unknown,
};

/// Writes an answer.
pub(super) fn answer(answer: &AdminAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AdminAnswer::KeyStatus(it) => key_status(it, out),
        AdminAnswer::KeysShown(keys) if keys.is_empty() => {
            writeln!(out, "Nothing was signed yet; the key is made with the first entry.")
        }
        // The output is a file for `posthold-verify --key`, which passes over lines with a #.
        AdminAnswer::KeysShown(keys) => keys.iter().try_for_each(|it| match it.store.as_str() {
            "(audit)" => writeln!(out, "# audit log\n{}", it.key),
            store => writeln!(out, "# store {store}\n{}", it.key),
        }),
        AdminAnswer::KeyNew(key) => writeln!(out, "{}", key.declassify()),
        AdminAnswer::KeyShares(it) => {
            let text = |it: &types::Secret| it.declassify().to_owned();
            out.write_all(it.shares.iter().map(text).collect::<Vec<_>>().join("\n").as_bytes())
        }
        AdminAnswer::KeyRotated { key, secrets, segments } => {
            let passwords = counted(*secrets, "password");
            let segments = match segments {
                0 => String::new(),
                n => format!(" and {}", counted(*n, "key of stores")),
            };
            writeln!(out, "Key {key} counts now; {passwords}{segments} sealed with it.")
        }
        AdminAnswer::Doctor(it) => doctor::checks(it, out),
        AdminAnswer::StoreEncrypted(it) => doctor::encrypted(it, out),
        AdminAnswer::Settings(list) => settings(list, out),
        AdminAnswer::Setting(it) => {
            writeln!(out, "{} = {}", it.key, it.value)?;
            writeln!(out, "  {}", it.doc)?;
            let applied = match it.applies {
                "none" => "at once, nothing is interrupted",
                "part" => "the profiles and jobs that it concerns connect anew",
                _ => "everything begins anew, between two batches",
            };
            writeln!(out, "  The default is {}. Applying: {applied}.", it.default)
        }
        AdminAnswer::Applied(it) => applied(it, out),
        AdminAnswer::Backup(it) => backups::answer(it, out),
        AdminAnswer::Export(toml) => out.write_all(toml.as_bytes()),
        AdminAnswer::Insecure(list) => insecure(list, out),
        AdminAnswer::Profiles(list) => profiles(list, out),
        AdminAnswer::Profile(it) => profile(it, out),
        AdminAnswer::ProfileRemoved(name) => {
            writeln!(out, "Removed the server profile {}.", words::line(name))
        }
        AdminAnswer::User(it) => user(it, out),
        AdminAnswer::Jobs(list) => jobs::list(list, out),
        AdminAnswer::Job(it) => jobs::one(it, out),
        AdminAnswer::Presets(list) => presets::list(list, out),
        AdminAnswer::Preset(it) => presets::one(it, out),
        AdminAnswer::JobRemoved(name) => {
            writeln!(out, "Removed the job {}; what it archived stays.", words::line(name))
        }
        AdminAnswer::Folders(list) => jobs::folders(list, out),
        AdminAnswer::Runs(list) => jobs::runs(list, out),
        AdminAnswer::Run(it) => jobs::run(it, out),
        other => more(other, out),
    }
}

/// The answers of stores, of what is kept and removed, of the service and of reports.
fn more(answer: &AdminAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AdminAnswer::Stores(list) => stores::list(list, out),
        AdminAnswer::StoreStats(list) => stores::stats(list, out),
        AdminAnswer::Store(it) => stores::one(it, out),
        AdminAnswer::Compacted(it) => stores::compacted(it, out),
        AdminAnswer::Erasures(list) => stores::erasures(list, out),
        AdminAnswer::ErasuresProven(it) => stores::erasures_proven(it, out),
        AdminAnswer::StoreMerged(it) => stores::merged(it, out),
        AdminAnswer::StoreDetached(dir) => stores::detached(dir, out),
        AdminAnswer::Quarantine(list) => quarantine::list(list, out),
        AdminAnswer::Quarantined(it) => quarantine::one(it, out),
        AdminAnswer::QuarantineExported(it) => quarantine::exported(it, out),
        AdminAnswer::Unknown(list) => unknown::list(list, out),
        AdminAnswer::Assigned(it) => unknown::assigned(it, out),
        AdminAnswer::Test(it) => test(it, out),
        AdminAnswer::Service(it) => service::status(it, out),
        AdminAnswer::Served(it) => service::served(it, out),
        AdminAnswer::Alerts(list) => reports::alerts(list, out),
        AdminAnswer::Alert(it) => reports::alert(it, out),
        AdminAnswer::Mail(it) => reports::mail(it, out),
        AdminAnswer::MailTest(it) => reports::mail_test(it, out),
        AdminAnswer::RunReport(it, form) => reports::run_report(it, *form, out),
        AdminAnswer::DailyReport(it, form, to) => reports::daily_report(it, *form, to, out),
        AdminAnswer::Policies(list) => retention::policies(list, out),
        AdminAnswer::Policy(it) => retention::policy(it, out),
        AdminAnswer::PolicyRemoved(name) => {
            writeln!(out, "Removed the retention policy {}; messages stay.", words::line(name))
        }
        AdminAnswer::Retention(it) => retention::plan(it, out),
        AdminAnswer::Explained(it) => retention::explained(it, out),
        AdminAnswer::ClockConfirmed(it) => retention::clock(it, out),
        AdminAnswer::Holds(list) => retention::holds(list, out),
        AdminAnswer::Hold(it) => retention::hold(it, out),
        AdminAnswer::Approvals(list) => approvals::list(list, out),
        AdminAnswer::Approval(it) => approvals::one(it, out),
        AdminAnswer::Persons(list) => approvals::persons(list, out),
        AdminAnswer::Deleted(it) => retention::deleted(it, out),
        AdminAnswer::Audit(it) => super::audit::answer(it, out),
        AdminAnswer::Anchor(it) => super::anchors::answer(it, out),
        AdminAnswer::Written(path) => reports::written(path, out),
        // One that is in neither list would be no answer at all.
        _ => Err(io::Error::other("this answer has no form")),
    }
}

fn applied(answer: &ApplyAnswer, out: &mut dyn Write) -> io::Result<()> {
    if answer.plan.is_empty() {
        writeln!(out, "Everything is as the file says.")?;
    } else if answer.applied {
        // The plan was shown before it was carried out.
        let steps = answer.plan.len().try_into().unwrap_or(u64::MAX);
        writeln!(out, "Done: {}.", counted(steps, "change"))?;
    } else {
        for step in &answer.plan {
            writeln!(out, "{}", words::planned(step))?;
        }
    }
    if !answer.unnamed.is_empty() {
        writeln!(out, "Not in the file, and left as it is:")?;
        for (kind, name) in &answer.unnamed {
            writeln!(out, "  {kind} {}", words::line(name))?;
        }
    }
    warnings(&answer.warnings, out)
}

fn key_status(status: &KeyStatus, out: &mut dyn Write) -> io::Result<()> {
    let place = words::line(&status.source);
    if status.keys.is_empty() {
        writeln!(out, "There is no key in {place} yet; one is made with the first password.")?;
    } else {
        writeln!(out, "Keys are in {place}.")?;
    }
    let mut rows = Vec::new();
    for (it, place) in status.keys.iter().zip(0..) {
        let what = match (it.at_hand, place) {
            (false, _) => "missing",
            (true, 0) => "seals",
            (true, _) => "opens only",
        };
        let mut sealed = counted(it.secrets, "password");
        if it.segments != 0 {
            sealed = format!("{sealed}, {}", counted(it.segments, "key of stores"));
        }
        rows.push(vec![it.id.clone(), what.to_owned(), sealed]);
    }
    table::write(&[Align::Left, Align::Left, Align::Right], &rows, out)?;
    warnings(&status.warnings, out)
}

fn settings(list: &[SettingShown], out: &mut dyn Write) -> io::Result<()> {
    let row = |it: &SettingShown| {
        let set = if it.is_set { "set" } else { "default" };
        vec![it.key.clone(), it.value.clone(), set.to_owned(), it.applies.to_owned()]
    };
    let heads = ["setting", "value", "", "applies"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(heads).chain(list.iter().map(row)).collect();
    table::write(&[Align::Left; 4], &rows, out)
}

fn insecure(list: &[Insecure], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "Every connection is encrypted, and every certificate checked.");
    }
    for it in list {
        writeln!(out, "{} {}: {}", it.of, words::line(&it.name), words::line(&it.warning))?;
    }
    Ok(())
}

fn profiles(list: &[ProfileShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "There are no server profiles; `posthold profile add` makes one.");
    }
    let row = |it: &ProfileShown| {
        let Profile { name, switch, incoming, .. } = &it.profile;
        let jobs = counted(u64::try_from(it.jobs.len()).unwrap_or(u64::MAX), "job");
        let mut notes = Vec::new();
        if *switch == Switch::Disabled {
            notes.push("disabled");
        }
        if !it.warnings.is_empty() {
            notes.push("see warnings");
        }
        vec![words::line(name).into_owned(), server(incoming), jobs, notes.join(", ")]
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    table::write(&[Align::Left, Align::Left, Align::Right, Align::Left], &rows, out)
}

/// A server in a few words.
pub(super) fn server(half: &Half) -> String {
    let (security, port) = half.resolved();
    let host = words::line(&half.host.host).into_owned();
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{} {host}:{port} {}", half.protocol.name(), security.name())
}

fn profile(shown: &ProfileShown, out: &mut dyn Write) -> io::Result<()> {
    let it = &shown.profile;
    let enabled = if it.switch == Switch::Enabled { "enabled" } else { "disabled" };
    writeln!(out, "Server profile {}, {enabled}.", words::line(&it.name))?;
    let per = match it.counted() {
        Counted::PerAccount => "for each account",
        Counted::PerProfile => "for all accounts together, which use the profile's login",
    };
    let limits = &it.limits;
    let bytes = limits.bytes_per_day.map_or("no limit".to_owned(), words::size);
    let pause = format!("{:?} to {:?}", limits.pause_first, limits.pause_max);
    let mut lines = vec![("For", it.description.clone())];
    half_lines("Incoming", &it.incoming, shown.has_secret.0, &mut lines);
    if let Some(half) = &it.outgoing {
        half_lines("Outgoing", half, shown.has_secret.1, &mut lines);
        if it.outgoing_login == OutgoingLogin::Same {
            lines.push(("", "with the login of the incoming server".into()));
        }
    }
    lines.push(("Connections", format!("{} {per}", limits.connections)));
    lines.push(("A day", bytes));
    if !limits.poll_every.is_zero() {
        let visits = format!("not more often than every {:?}", limits.poll_every);
        lines.push(("Visits", visits));
    }
    lines.push(("Pauses", pause));
    lines.push(("Jobs", shown.jobs.join(", ")));
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let head = if head.is_empty() { String::new() } else { format!("{head}:") };
        writeln!(out, "  {head:<14}{}", words::line(value))?;
    }
    warnings(&shown.warnings, out)
}

fn half_lines(head: &'static str, half: &Half, has: bool, lines: &mut Vec<(&str, String)>) {
    lines.push((head, server(half)));
    let login = match (&half.login, has) {
        (Some(login), true) => format!("as {login}, its password is kept"),
        (Some(login), false) => format!("as {login}, no password is kept"),
        (None, _) => "as each account".to_owned(),
    };
    lines.push(("", format!("{login}; mechanism {}", half.mechanism.name())));
    let (trust, trusted) = trust_words(&half.trust);
    let trusted = trusted.map(|it| format!(" {it}")).unwrap_or_default();
    lines.push(("", format!("certificates: {}{trusted}", trust.replace('_', " "))));
    if let Some(timeout) = half.timeout {
        lines.push(("", format!("may keep silent for {timeout:?}")));
    }
}

fn user(it: &UserShown, out: &mut dyn Write) -> io::Result<()> {
    let active = if it.switch == Switch::Enabled { "active" } else { "deactivated" };
    let rank = if it.rank == Rank::Administrator { ", administrator" } else { "" };
    writeln!(out, "User {}, {active}{rank}.", it.name)?;
    let lines = [
        ("Logs in", words::login_by(it.login_by).to_owned()),
        ("Full name", it.full_name.clone()),
        ("Addresses", it.addresses.join(", ")),
        ("Aliases", it.aliases.join(", ")),
        ("Since", words::minute(it.created)),
        ("Jobs", it.jobs.join(", ")),
    ];
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "  {:<14}{}", format!("{head}:"), words::line(value))?;
    }
    warnings(&it.warnings, out)
}

/// How a test went.
pub(super) fn test(test: &TestAnswer, out: &mut dyn Write) -> io::Result<()> {
    let opening = if test.is_clean() { "Nothing failed" } else { "Failed" };
    writeln!(out, "{opening}: {}.", words::line(&test.subject))?;
    let mut rows = Vec::new();
    for it in &test.steps {
        let result = match it.result {
            TestResult::NotRun => "Not run",
            TestResult::Success => "Success",
            TestResult::Failure => "Failure",
        };
        let told = words::line(&it.told).into_owned();
        rows.push(vec![it.name.to_owned(), result.to_owned(), told]);
    }
    table::write(&[Align::Left; 3], &rows, out)?;
    for hint in test.steps.iter().filter_map(|it| it.hint.as_ref()) {
        writeln!(out, "  {}", words::line(hint))?;
    }
    warnings(&test.warnings, out)
}
