//! From the archiver's reports to answers.

use archiver::{
    ExcludedFolder, ImportReport, MailboxReport, RunFailure, RunFailureKind, RunReport,
};
use commands::{
    ExcludedCounts, Failure, FailureKind, ImportCounts, MailboxCounts, Phase, Progress,
    ProgressSink, RunAnswer, RunOutcome, Work,
};
use ledger::{Excluded, Outcome};

use super::stores::Closed;

/// Tells how far a run is.
pub(super) fn tell(progress: &dyn ProgressSink, it: &archiver::Progress) {
    let phase = match it.phase {
        archiver::Phase::Connecting | archiver::Phase::Comparing => Phase::Connecting,
        archiver::Phase::Archiving => Phase::Archiving,
    };
    let work = Work {
        phase,
        messages: it.messages_done,
        messages_total: it.messages_total,
        bytes: it.bytes_done,
        bytes_total: it.bytes_total,
    };
    // Whoever asked and went may still want it done.
    let _ = progress.send(Progress::Work(work));
}

/// Adds how the store ended to an answer.
pub(super) fn with_end(mut answer: RunAnswer, closed: Closed) -> RunAnswer {
    answer.searchable = closed.searchable;
    answer.warnings.extend(sentences(closed.warnings));
    answer
}

/// The answer of an archiving run. A run that ended before it saw a mailbox is a failure.
pub(super) fn of_run(report: RunReport) -> Result<RunAnswer, Failure> {
    let nothing_seen = report.mailboxes.is_empty() && report.excluded_folders.is_empty();
    let mut warnings = sentences(report.warnings);
    if let Some(failure) = report.failure {
        // A pause that the server asks for is no failure: the run is partial, and goes on.
        if nothing_seen && failure.kind != RunFailureKind::Throttled {
            return Err(of_failure(failure));
        }
        warnings.insert(0, told(&failure));
    }
    let excluded_folders = report.excluded_folders.into_iter().map(excluded);
    let mut mailboxes: Vec<MailboxCounts> =
        report.mailboxes.into_iter().map(mailbox).chain(excluded_folders).collect();
    mailboxes.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
    Ok(RunAnswer {
        outcome: outcome(report.outcome),
        cancelled: report.cancelled,
        archived: report.counts.archived,
        already: report.counts.already,
        excluded: excluded_counts(&report.counts.excluded),
        quarantined: report.counts.quarantined,
        warnings,
        mailboxes,
        removal: None,
        searchable: true,
        insecure: Vec::new(),
    })
}

/// The answer of an import. One that ended before it read a message is a failure.
pub(super) fn of_import(report: ImportReport) -> Result<(RunAnswer, ImportCounts), Failure> {
    let mut warnings = sentences(report.warnings);
    if let Some(failure) = report.failure {
        if report.read == 0 {
            return Err(of_failure(failure));
        }
        warnings.insert(0, told(&failure));
    }
    let answer = RunAnswer {
        outcome: outcome(report.outcome),
        cancelled: report.cancelled,
        archived: report.archived,
        already: report.already,
        excluded: ExcludedCounts::default(),
        quarantined: report.quarantined,
        warnings,
        mailboxes: report.folders.into_iter().map(mailbox).collect(),
        removal: None,
        searchable: true,
        insecure: Vec::new(),
    };
    Ok((answer, ImportCounts { read: report.read, skipped: report.skipped }))
}

fn excluded_counts(excluded: &Excluded) -> ExcludedCounts {
    let Excluded { default_folders, folder_list, filter, unknown_address } = *excluded;
    ExcludedCounts { default_folders, folder_list, filter, unknown_address }
}

fn outcome(outcome: Outcome) -> RunOutcome {
    match outcome {
        Outcome::Succeeded => RunOutcome::Succeeded,
        Outcome::Partial => RunOutcome::Partial,
        Outcome::Failed => RunOutcome::Failed,
    }
}

fn mailbox(it: MailboxReport) -> MailboxCounts {
    MailboxCounts {
        mailbox: it.mailbox,
        server_count: it.server_count,
        archived: it.archived,
        already: it.already,
        excluded: it.excluded,
        excluded_reason: match (it.excluded - it.unknown, it.unknown) {
            (0, 0) => None,
            (_, 0) => Some("left out by the filter".to_owned()),
            (0, _) => Some("unknown address".to_owned()),
            (filtered, unknown) => {
                Some(format!("{filtered} left out by the filter, {unknown} for an unknown address"))
            }
        },
        quarantined: it.quarantined,
        complete: it.complete,
        failure: it.error,
    }
}

/// A mailbox that was left out is complete: nothing of it is in scope.
fn excluded(it: ExcludedFolder) -> MailboxCounts {
    let count = it.count.unwrap_or(0);
    MailboxCounts {
        mailbox: it.path,
        server_count: count,
        archived: 0,
        already: 0,
        excluded: count,
        excluded_reason: Some(it.reason.to_string()),
        quarantined: 0,
        complete: true,
        failure: None,
    }
}

pub(super) fn of_failure(failure: RunFailure) -> Failure {
    let kind = match failure.kind {
        RunFailureKind::Credentials => FailureKind::Credentials,
        RunFailureKind::Configuration => FailureKind::Configuration,
        RunFailureKind::Unavailable => FailureKind::Unavailable,
        RunFailureKind::Throttled => FailureKind::Throttled,
        RunFailureKind::Protocol => FailureKind::Protocol,
        RunFailureKind::DiskFull => FailureKind::DiskFull,
        RunFailureKind::Store => FailureKind::Store,
    };
    Failure { kind, message: failure.message, hint: failure.hint }
}

/// A failure with its hint, as a sentence.
pub(super) fn told(failure: &RunFailure) -> String {
    match &failure.hint {
        Some(hint) => format!("{}. {hint}", failure.message),
        None => format!("{}.", failure.message),
    }
}

fn sentences(warnings: Vec<String>) -> Vec<String> {
    warnings.into_iter().map(|it| if it.ends_with('.') { it } else { it + "." }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(mailboxes: Vec<MailboxReport>) -> RunReport {
        let failure = RunFailure {
            kind: RunFailureKind::Unavailable,
            message: "the connection ended".into(),
            hint: Some("Run it again.".into()),
        };
        RunReport {
            outcome: Outcome::Partial,
            warnings: vec!["the certificate was not checked".into()],
            mailboxes,
            failure: Some(failure),
            ..RunReport::default()
        }
    }

    #[test]
    fn a_run_that_saw_nothing_is_a_failure() {
        let failure = of_run(failed(Vec::new())).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!(failure.hint.as_deref(), Some("Run it again."));
    }

    #[test]
    fn a_pause_makes_a_run_partial() {
        let mut report = failed(Vec::new());
        report.failure =
            report.failure.map(|it| RunFailure { kind: RunFailureKind::Throttled, ..it });
        let answer = of_run(report).unwrap();
        assert_eq!(answer.outcome, RunOutcome::Partial);
        assert_eq!(
            answer.warnings.first().map(String::as_str),
            Some("the connection ended. Run it again.")
        );
    }

    #[test]
    fn a_run_that_ended_early_says_why_first() {
        let inbox = MailboxReport { mailbox: "INBOX".into(), ..MailboxReport::default() };
        let answer = of_run(failed(vec![inbox])).unwrap();
        assert_eq!(answer.outcome, RunOutcome::Partial);
        let want = ["the connection ended. Run it again.", "the certificate was not checked."];
        assert_eq!(answer.warnings, want);
    }
}
