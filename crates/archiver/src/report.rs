//! What a run says at its end, and on its way.

use std::sync::Arc;

use ledger::{Outcome, RunCounts};
use ports::{CatalogError, LogError, LogErrorKind, SourceError, SourceErrorKind};
use rules::OutReason;
use types::SourceId;

/// What an archiving run did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunReport {
    /// How it ended. `Succeeded` only when every mailbox in scope is complete.
    pub outcome: Outcome,
    /// Counts over all mailboxes that it saw, those left out included.
    pub counts: RunCounts,
    /// What deserves attention: sentences without a full stop.
    pub warnings: Vec<String>,
    /// The mailboxes in scope, by path.
    pub mailboxes: Vec<MailboxReport>,
    /// The mailboxes that were left out, by path.
    pub excluded_folders: Vec<ExcludedFolder>,
    /// Whether it was asked to end early, and did.
    pub cancelled: bool,
    /// What ended it, or kept it from beginning.
    pub failure: Option<RunFailure>,
}

/// One mailbox of a run, or one folder of an import.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MailboxReport {
    /// The path of the mailbox at the source; of an import, that of the folder below the root.
    pub mailbox: String,
    /// The epoch that it is in, when the archive knows it; of an import, nothing.
    pub source: Option<SourceId>,
    /// Messages that the source holds; of an import, that were read.
    pub server_count: u64,
    /// Placed in this root by this run.
    pub archived: u64,
    /// In this root of this archive before this run.
    pub already: u64,
    /// Left out by rules, inside this mailbox.
    pub excluded: u64,
    /// Of these, because their addresses belong to nobody.
    pub unknown: u64,
    /// Passed over knowingly, to be tried again.
    pub quarantined: u64,
    /// Of these, how many somebody accepted: it is complete without them.
    pub accepted: u64,
    /// Whether everything in scope is archived.
    pub complete: bool,
    /// What kept it from being complete, when something went wrong.
    pub error: Option<String>,
}

/// A mailbox that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExcludedFolder {
    /// The path of the mailbox at the source.
    pub path: String,
    /// Its messages, or `None` when the server would not say without opening it.
    pub count: Option<u64>,
    /// Why.
    pub reason: OutReason,
}

/// What ended a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunFailure {
    /// What the caller can do.
    pub kind: RunFailureKind,
    /// What happened, with its causes: lower case, without a full stop.
    pub message: String,
    /// What a person can do: a sentence.
    pub hint: Option<String>,
}

/// What the caller can do about a failed run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunFailureKind {
    /// Give the right name and password.
    Credentials,
    /// Change host, port, certificate, security or folder lists.
    Configuration,
    /// Try again later: the server or the network did not answer.
    Unavailable,
    /// Try again later: the server asked for a pause.
    Throttled,
    /// Report it: the server broke its protocol.
    Protocol,
    /// Make room on the disk.
    DiskFull,
    /// Look at the store: its log or its catalog failed.
    Store,
}

impl RunFailure {
    /// Whether the store is the reason: then nothing more can be told to its log.
    pub(crate) fn is_of_store(&self) -> bool {
        matches!(self.kind, RunFailureKind::Store | RunFailureKind::DiskFull)
    }

    /// A failure that no port reported.
    pub(crate) fn new(kind: RunFailureKind, message: impl Into<String>) -> RunFailure {
        RunFailure { kind, message: message.into(), hint: None }
    }
}

impl From<&SourceError> for RunFailure {
    fn from(error: &SourceError) -> RunFailure {
        let kind = match error.kind() {
            SourceErrorKind::Credentials => RunFailureKind::Credentials,
            SourceErrorKind::Configuration => RunFailureKind::Configuration,
            SourceErrorKind::Throttled { .. } => RunFailureKind::Throttled,
            SourceErrorKind::Protocol => RunFailureKind::Protocol,
            _ => RunFailureKind::Unavailable,
        };
        let hint = error.hint().map(str::to_owned);
        RunFailure { kind, message: with_causes(error), hint }
    }
}

impl From<LogError> for RunFailure {
    fn from(error: LogError) -> RunFailure {
        let kind = match error.kind() {
            LogErrorKind::DiskFull => RunFailureKind::DiskFull,
            _ => RunFailureKind::Store,
        };
        RunFailure::new(kind, with_causes(&error))
    }
}

impl From<CatalogError> for RunFailure {
    fn from(error: CatalogError) -> RunFailure {
        RunFailure::new(RunFailureKind::Store, with_causes(&error))
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        let more = it.to_string();
        // Some errors repeat their cause in their own text.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = it.source();
    }
    text
}

/// `1 message is`, `2 messages are`.
pub(crate) fn messages_are(count: u64) -> String {
    if count == 1 { "1 message is".to_owned() } else { format!("{count} messages are") }
}

/// What an import did. `read = archived + already + quarantined`, always.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Messages that were read, and those that could not be.
    pub read: u64,
    /// Placed in this root by this import.
    pub archived: u64,
    /// In this root of this archive before.
    pub already: u64,
    /// Could not be read.
    pub quarantined: u64,
    /// Files that are known not to be mail.
    pub skipped: u64,
    /// What could be read in more than one way, what could not be read, what was passed over.
    pub warnings: Vec<String>,
    /// The folders that messages went to, by path below the root.
    pub folders: Vec<MailboxReport>,
    /// Whether it was asked to end early, and did.
    pub cancelled: bool,
    /// What ended it.
    pub failure: Option<RunFailure>,
}

/// How far a run is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// The mailbox that it acknowledged something of last.
    pub mailbox: Option<Arc<str>>,
    /// Messages done, of those that this run has to fetch or read.
    pub messages_done: u64,
    /// All of them, when known.
    pub messages_total: Option<u64>,
    /// Message bytes done.
    pub bytes_done: u64,
    /// All of them, when known (files).
    pub bytes_total: Option<u64>,
}

impl Progress {
    /// Nothing is done yet.
    pub(crate) fn begin(phase: Phase) -> Progress {
        Progress {
            phase,
            mailbox: None,
            messages_done: 0,
            messages_total: None,
            bytes_done: 0,
            bytes_total: None,
        }
    }
}

/// What a run does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It connects and lists mailboxes.
    Connecting,
    /// It compares mailboxes with the archive.
    Comparing,
    /// It fetches or reads, and archives.
    Archiving,
}

/// The most warnings in one report; a last one counts the rest.
const WARNINGS_MAX: usize = 200;

/// Collects warnings up to the limit.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    kept: Vec<String>,
    left_out: u64,
}

impl Warnings {
    pub(crate) fn add(&mut self, warning: String) {
        if self.kept.len() < WARNINGS_MAX {
            self.kept.push(warning);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds one that another connection may have told already.
    pub(crate) fn add_new(&mut self, warning: String) {
        if !self.kept.contains(&warning) {
            self.add(warning);
        }
    }

    pub(crate) fn into_list(self) -> Vec<String> {
        let Warnings { mut kept, left_out } = self;
        if left_out > 0 {
            kept.push(format!("and {left_out} more warnings"));
        }
        kept
    }
}
