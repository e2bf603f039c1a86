//! The audit log: what is written to it, and what can be asked about it.
//!
//! Rules: [`Request::audited`](crate::Request::audited) says of every command whether and as what
//! it is logged; a new command does not compile without an answer. What is asked for is logged
//! before it is done, and how it ended after; what cannot be logged is not done.

use std::path::PathBuf;
use std::time::Duration;

use types::{BlobId, Hash, Timestamp, UserName};

use crate::profile::Switch;

/// What somebody does, as the audit log calls it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Activity {
    /// A message, its text or a part of it is given out.
    MessageRetrieveContent,
    /// Messages are looked for; hits show who wrote to whom about what.
    MessageSearch,
    /// Messages are written to files.
    MessageExport,
    /// Mail is archived by hand: an account, or files.
    MessageArchive,
    /// Messages are removed, here or at their source.
    MessageRemove,
    /// A job is run.
    JobRun,
    /// A job is made, changed or removed.
    JobChange,
    /// A server profile is made, changed or removed.
    ProfileChange,
    /// A user is made or changed.
    UserChange,
    /// A setting is changed.
    SettingsChange,
    /// What this log records, who may read whose mail, or what is kept how long is changed.
    ComplianceChangeSettings,
    /// A key is changed.
    KeyChange,
    /// A store is made, changed, removed or made anew.
    StoreChange,
    /// A store is read and checked.
    StoreVerify,
    /// What becomes of a message in quarantine is decided.
    QuarantineChange,
    /// It is said that an alert is known.
    AlertChange,
    /// How mail is sent is changed.
    MailChange,
    /// The server is started, paused or goes on.
    ServiceChange,
    /// Somebody gets to read the mail of others, with a reason.
    ArchiveUnlock,
    /// Somebody no longer reads the mail of others.
    ArchiveLock,
    /// A hold is set or lifted.
    HoldChange,
    /// A backup is made.
    BackupRun,
    /// A backup is restored.
    BackupRestore,
    /// Where checkpoints are kept is changed.
    AnchorChange,
    /// A checkpoint is sent to where it is kept.
    AnchorRun,
    /// This log is read.
    AuditRead,
    /// This log is exported.
    AuditExport,
    /// A connection is tried out.
    ConnectionTest,
    /// Settings, jobs, users, runs, reports and alerts are looked at.
    ConfigurationRead,
}

/// Whether an activity can be left out of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditLock {
    /// Never: only those who look after the server do it.
    Locked,
    /// Where a user does it with mail of his own. What is done with the mail of others, and on
    /// the command line of the server, is always logged.
    OwnMail,
    /// Always: it shows no mail and changes nothing.
    Free,
}

impl Activity {
    /// All of them, in the order of their numbers.
    pub const ALL: [Activity; 29] = [
        Activity::MessageRetrieveContent,
        Activity::MessageSearch,
        Activity::MessageExport,
        Activity::MessageArchive,
        Activity::MessageRemove,
        Activity::JobRun,
        Activity::JobChange,
        Activity::ProfileChange,
        Activity::UserChange,
        Activity::SettingsChange,
        Activity::ComplianceChangeSettings,
        Activity::KeyChange,
        Activity::StoreChange,
        Activity::StoreVerify,
        Activity::QuarantineChange,
        Activity::AlertChange,
        Activity::MailChange,
        Activity::ServiceChange,
        Activity::ArchiveUnlock,
        Activity::ArchiveLock,
        Activity::HoldChange,
        Activity::BackupRun,
        Activity::BackupRestore,
        Activity::AnchorChange,
        Activity::AnchorRun,
        Activity::AuditRead,
        Activity::AuditExport,
        Activity::ConnectionTest,
        Activity::ConfigurationRead,
    ];

    /// The number in an entry: from 1, in the order above. Never changed and never used again.
    #[must_use]
    pub fn number(self) -> u16 {
        let place = Activity::ALL.iter().position(|it| *it == self).unwrap_or_default();
        u16::try_from(place + 1).unwrap_or(u16::MAX)
    }

    /// The activity with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Activity> {
        let place = usize::from(number).checked_sub(1)?;
        Activity::ALL.get(place).copied()
    }

    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Activity::MessageRetrieveContent => "MessageRetrieveContent",
            Activity::MessageSearch => "MessageSearch",
            Activity::MessageExport => "MessageExport",
            Activity::MessageArchive => "MessageArchive",
            Activity::MessageRemove => "MessageRemove",
            Activity::JobRun => "JobRun",
            Activity::JobChange => "JobChange",
            Activity::ProfileChange => "ProfileChange",
            Activity::UserChange => "UserChange",
            Activity::SettingsChange => "SettingsChange",
            Activity::ComplianceChangeSettings => "ComplianceChangeSettings",
            Activity::KeyChange => "KeyChange",
            Activity::StoreChange => "StoreChange",
            Activity::StoreVerify => "StoreVerify",
            Activity::QuarantineChange => "QuarantineChange",
            Activity::AlertChange => "AlertChange",
            Activity::MailChange => "MailChange",
            Activity::ServiceChange => "ServiceChange",
            Activity::ArchiveUnlock => "ArchiveUnlock",
            Activity::ArchiveLock => "ArchiveLock",
            Activity::HoldChange => "HoldChange",
            Activity::BackupRun => "BackupRun",
            Activity::BackupRestore => "BackupRestore",
            Activity::AnchorChange => "AnchorChange",
            Activity::AnchorRun => "AnchorRun",
            Activity::AuditRead => "AuditRead",
            Activity::AuditExport => "AuditExport",
            Activity::ConnectionTest => "ConnectionTest",
            Activity::ConfigurationRead => "ConfigurationRead",
        }
    }

    /// The activity of this name, in any case of letters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Activity> {
        Activity::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Whether it can be left out of the log.
    #[must_use]
    pub fn lock(self) -> AuditLock {
        match self {
            Activity::MessageRetrieveContent
            | Activity::MessageSearch
            | Activity::MessageExport
            | Activity::JobRun => AuditLock::OwnMail,
            Activity::ConfigurationRead => AuditLock::Free,
            _ => AuditLock::Locked,
        }
    }

    /// What it is: a sentence.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Activity::MessageRetrieveContent => "A message is given out, decoded or as it is.",
            Activity::MessageSearch => "Messages are looked for; hits show sender and subject.",
            Activity::MessageExport => "Messages are written to files.",
            Activity::MessageArchive => "Mail is archived by hand.",
            Activity::MessageRemove => "Messages are removed, here or at their source.",
            Activity::JobRun => "A job is run by hand, or by its schedule where it removes mail.",
            Activity::JobChange => "A job is made, changed or removed.",
            Activity::ProfileChange => "A server profile is made, changed or removed.",
            Activity::UserChange => "A user is made or changed.",
            Activity::SettingsChange => "Settings are changed.",
            Activity::ComplianceChangeSettings => {
                "What is logged, who may read whose mail, or what is kept how long is changed."
            }
            Activity::KeyChange => "Keys are changed.",
            Activity::StoreChange => "A store or one of its views is made, changed or made anew.",
            Activity::StoreVerify => "A store is read and checked.",
            Activity::QuarantineChange => "What becomes of a message in quarantine is decided.",
            Activity::AlertChange => "Somebody says that an alert is known.",
            Activity::MailChange => "How mail is sent is changed.",
            Activity::ServiceChange => "The server is started, paused or goes on.",
            Activity::ArchiveUnlock => "Somebody unlocks the mail of others, with a reason.",
            Activity::ArchiveLock => "Somebody locks the mail of others again.",
            Activity::HoldChange => "A hold is set or lifted.",
            Activity::BackupRun => "A backup is made.",
            Activity::BackupRestore => "A backup is restored.",
            Activity::AnchorChange => "Where checkpoints are kept is changed.",
            Activity::AnchorRun => "A checkpoint is sent to where it is kept.",
            Activity::AuditRead => "The audit log is read.",
            Activity::AuditExport => "The audit log is exported.",
            Activity::ConnectionTest => "A connection is tried out.",
            Activity::ConfigurationRead => "Settings, users, jobs, runs and alerts are looked at.",
        }
    }
}

/// As what a request is logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logged {
    /// The activity.
    pub activity: Activity,
    /// What it is done to: `user:alice`, `job:office`, `message:3f...`, ...
    pub objects: Vec<String>,
    /// Whose mail it shows.
    pub shows: Shows,
}

/// Whose mail a request shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shows {
    /// None.
    Nothing,
    /// That of the archives that a message is in, which has to be looked up.
    Message,
    /// That of this user.
    User(UserName),
    /// That of everybody.
    Everybody,
}

/// What can be asked of the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditRequest {
    /// List what was done.
    List(AuditFilter),
    /// Write entries with proofs.
    Export(AuditExport),
    /// Show everything that is known of one entry.
    Show(u64),
    /// List the activities, and whether they are logged.
    Activities,
    /// Log an activity, or leave it out.
    Switch(Activity, Switch),
    /// Read the mail of others for a while.
    Unlock(Unlock),
    /// End that.
    Lock(UnlockScope),
    /// List who may read the mail of others at present.
    Unlocks,
    /// Go on although what was logged is lost or damaged, for this reason.
    AcceptLoss(String),
}

impl AuditRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            AuditRequest::List(_) => "audit list",
            AuditRequest::Export(_) => "audit export",
            AuditRequest::Show(_) => "audit show",
            AuditRequest::Activities => "audit activities",
            AuditRequest::Switch(_, Switch::Enabled) => "audit enable",
            AuditRequest::Switch(_, Switch::Disabled) => "audit disable",
            AuditRequest::Unlock(_) => "audit unlock",
            AuditRequest::Lock(_) => "audit lock",
            AuditRequest::Unlocks => "audit unlocks",
            AuditRequest::AcceptLoss(_) => "audit accept-loss",
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        match self {
            AuditRequest::List(_)
            | AuditRequest::Export(_)
            | AuditRequest::Show(_)
            | AuditRequest::Activities
            | AuditRequest::Unlocks => true,
            AuditRequest::Switch(..)
            | AuditRequest::Unlock(_)
            | AuditRequest::Lock(_)
            | AuditRequest::AcceptLoss(_) => false,
        }
    }
}

/// Write entries of the audit log, with what proves them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditExport {
    /// Which.
    pub filter: AuditFilter,
    /// The directory; made when missing.
    pub to: PathBuf,
}

/// Entries of the audit log were written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditExported {
    /// The directory.
    pub to: PathBuf,
    /// Entries with a proof.
    pub proven: u64,
    /// Entries that no checkpoint covers yet.
    pub unsigned: u64,
}

/// Which entries of the audit log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// By this person: a name, or a part of what is known of who it was.
    pub who: Option<String>,
    /// Only these; none is all.
    pub activities: Vec<Activity>,
    /// What it was done to: a part of it, such as `user:alice` or a query.
    pub object: Option<String>,
    /// The newest ones, so many at most.
    pub limit: Option<u64>,
    /// Whether reads of one second are one line.
    pub grouping: Grouping,
}

/// Whether reads of one person in one second are shown as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Grouping {
    /// They are.
    #[default]
    BySecond,
    /// Each is shown.
    Each,
}

/// Somebody wants to read the mail of others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlock {
    /// Whose.
    pub scope: UnlockScope,
    /// Why.
    pub reason: String,
    /// For how long.
    pub lasts: Duration,
}

/// Whose mail is unlocked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnlockScope {
    /// That of this user.
    User(UserName),
    /// That of everybody.
    Everybody,
}

/// An entry of the audit log, with how it ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditShown {
    /// Its number in the audit log.
    pub number: u64,
    /// The number of the entry that says how it ended.
    pub ended_by: Option<u64>,
    /// When it was asked for.
    pub at: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The activity; of a later version, its number.
    pub activity: String,
    /// How it ended: `asked` (nothing is known), `done`, `partly`, `refused`, `failed`.
    pub outcome: &'static str,
    /// Who.
    pub who: String,
    /// What the machine knows of who it was.
    pub identity: String,
    /// The way it came.
    pub channel: String,
    /// Where it came from.
    pub endpoint: String,
    /// The machine that it came from.
    pub workstation: String,
    /// The program.
    pub agent: String,
    /// What was asked for.
    pub command: String,
    /// What it was done to.
    pub objects: Vec<String>,
    /// Why.
    pub reason: String,
    /// How it ended, in words.
    pub told: String,
    /// Messages that were shown, the first ones.
    pub messages: Vec<BlobId>,
    /// How many there were.
    pub n_messages: u64,
    /// SHA-256 over all their ids.
    pub messages_hash: Option<Hash>,
    /// How many reads of that second this line stands for.
    pub times: u64,
}

/// An activity, and whether it is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActivityShown {
    /// Which.
    pub activity: Activity,
    /// Whether it is logged, as far as that can be changed.
    pub switch: Switch,
}

/// Somebody who may read the mail of others at present.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnlockShown {
    /// Who.
    pub who: String,
    /// Whose.
    pub scope: UnlockScope,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What is answered about the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditAnswer {
    /// Of `audit export`.
    Exported(AuditExported),
    /// Of `audit list`.
    List(Vec<AuditShown>),
    /// Of `audit show`.
    Entry(Box<AuditShown>),
    /// Of `audit activities`, `audit enable` and `audit disable`.
    Activities(Vec<ActivityShown>),
    /// Of `audit unlock`, `audit lock` and `audit unlocks`: those that hold now.
    Unlocks(Vec<UnlockShown>),
    /// Of `audit accept-loss`: what was wrong.
    Accepted(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back() {
        for activity in Activity::ALL {
            assert_eq!(Activity::from_number(activity.number()), Some(activity));
            assert_eq!(Activity::from_name(activity.name()), Some(activity));
            assert!(activity.told().ends_with('.'));
        }
        assert_eq!(Activity::from_number(0), None);
        assert_eq!(Activity::ComplianceChangeSettings.number(), 11);
        assert_eq!(Activity::ComplianceChangeSettings.lock(), AuditLock::Locked);
    }
}
