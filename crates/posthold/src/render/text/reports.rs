//! Alerts, outgoing mail and reports, for people.

use std::io::{self, Write};
use std::path::Path;

use commands::{
    AlertShown, DailyReport, MailSettings, MailShown, MailTested, ReportForm, RunReport, Severity,
    trust_words,
};

use super::{Align, admin, table, warnings, words};
use crate::render::json;

/// One line per alert.
pub(super) fn alerts(list: &[AlertShown], out: &mut dyn Write) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "There are no alerts.");
    }
    let row = |it: &AlertShown| {
        let since = words::minute(it.raised);
        vec![
            it.id.to_string(),
            since,
            standing(it).to_owned(),
            words::line(&it.alert.message).into_owned(),
        ]
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    table::write(&[Align::Right, Align::Left, Align::Left, Align::Left], &rows, out)
}

fn standing(it: &AlertShown) -> &'static str {
    match (it.resolved, it.acknowledged, it.alert.severity) {
        (Some(_), ..) => "over",
        (None, Some(_), _) => "acknowledged",
        (None, None, Severity::Serious) => "serious",
        (None, None, Severity::Warning) => "warning",
    }
}

/// Everything about one alert.
pub(super) fn alert(it: &AlertShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Alert {}, {}: {}", it.id, standing(it), words::line(&it.alert.message))?;
    for line in &it.alert.details {
        writeln!(out, "  {}", words::line(line))?;
    }
    if let Some(hint) = &it.alert.hint {
        writeln!(out, "  {}", words::line(hint))?;
    }
    let minute = |at: Option<types::Timestamp>| at.map(words::minute).unwrap_or_default();
    let lines = [
        ("Since", words::minute(it.raised)),
        ("Worse", if it.changed == it.raised { String::new() } else { words::minute(it.changed) }),
        ("Known", minute(it.acknowledged)),
        ("Over", minute(it.resolved)),
    ];
    facts(&lines, out)
}

fn facts(lines: &[(&str, String)], out: &mut dyn Write) -> io::Result<()> {
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let head = if head.is_empty() { String::new() } else { format!("{head}:") };
        writeln!(out, "  {head:<14}{}", words::line(value))?;
    }
    Ok(())
}

/// How mail is sent, and what waits.
pub(super) fn mail(shown: &MailShown, out: &mut dyn Write) -> io::Result<()> {
    match &shown.settings {
        None => writeln!(out, "No mail is sent; `posthold mail test` sets up how.")?,
        Some(settings) => mail_settings(settings, shown, out)?,
    }
    if !shown.waiting.is_empty() {
        writeln!(out, "Waiting to be sent:")?;
        for it in &shown.waiting {
            let (written, next) = (words::minute(it.written), words::minute(it.next_try));
            writeln!(out, "  {}", words::line(&it.subject))?;
            let tries = words::counted(it.failures.into(), "failure");
            writeln!(out, "    written {written}, {tries}, next try {next}")?;
            if let Some(why) = &it.why {
                writeln!(out, "    {}", words::line(why))?;
            }
        }
    }
    warnings(&shown.warnings, out)
}

fn mail_settings(
    settings: &MailSettings,
    shown: &MailShown,
    out: &mut dyn Write,
) -> io::Result<()> {
    let half = &settings.server;
    let login = match (&half.login, shown.has_secret) {
        (Some(login), true) => format!("{login}, its password is kept"),
        (Some(login), false) => format!("{login}, no password is kept"),
        (None, _) => "none".to_owned(),
    };
    let (trust, trusted) = trust_words(&half.trust);
    let trusted = trusted.map(|it| format!(" {it}")).unwrap_or_default();
    let nobody = |list: &[String]| match list.is_empty() {
        true => "nobody".to_owned(),
        false => list.join(", "),
    };
    writeln!(out, "Mail is sent from {}.", words::line(&settings.sender.to_string()))?;
    facts(
        &[
            ("Through", admin::server(half)),
            ("Certificates", format!("{}{trusted}", trust.replace('_', " "))),
            ("Login", format!("{login}; mechanism {}", half.mechanism.name())),
            ("Alerts to", nobody(&settings.alerts_to)),
            ("Daily to", nobody(&settings.daily_to)),
            ("Last sent", shown.sent.map(words::minute).unwrap_or_default()),
        ],
        out,
    )
}

/// How a test of outgoing mail went.
pub(super) fn mail_test(it: &MailTested, out: &mut dyn Write) -> io::Result<()> {
    admin::test(&it.test, out)?;
    match it.applied {
        None => Ok(()),
        Some(true) => writeln!(out, "The change is applied."),
        Some(false) => writeln!(
            out,
            "The change is not applied; --apply-anyway applies it whether or not it works."
        ),
    }
}

/// The report of a run.
pub(super) fn run_report(it: &RunReport, form: ReportForm, out: &mut dyn Write) -> io::Result<()> {
    match form {
        ReportForm::Text => out.write_all(reports::text(&reports::run_report(it)).as_bytes()),
        ReportForm::Html => out.write_all(reports::html(&reports::run_report(it)).as_bytes()),
        ReportForm::Json => json::run_report(it, out),
    }
}

/// The daily report, and to whom it was sent.
pub(super) fn daily_report(
    it: &DailyReport,
    form: ReportForm,
    sent_to: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    match form {
        ReportForm::Text => {
            out.write_all(reports::text(&reports::daily_report(it)).as_bytes())?;
            match sent_to {
                [] => Ok(()),
                _ => writeln!(out, "\nSent to {}.", words::line(&sent_to.join(", "))),
            }
        }
        ReportForm::Html => out.write_all(reports::html(&reports::daily_report(it)).as_bytes()),
        ReportForm::Json => json::daily_report(it, sent_to, out),
    }
}

/// Where a report is.
pub(super) fn written(path: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Wrote {}.", words::line(&path.display().to_string()))
}
