//! Looking after the server: keys, settings, and tests that go step by step.

use std::path::PathBuf;

use types::{Secret, Timestamp};

use crate::alert::AlertShown;
use crate::anchor::AnchorAnswer;
use crate::apply::ApplyAnswer;
use crate::approval::ApprovalShown;
use crate::audit::AuditAnswer;
use crate::backup::BackupAnswer;
use crate::daily::DailyReport;
use crate::doctor::DoctorAnswer;

use crate::job::{EffectiveFolder, JobShown};
use crate::mail::MailShown;
use crate::preset::PresetShown;
use crate::profile::ProfileShown;
use crate::quarantine::{QuarantineExported, QuarantineShown};
use crate::report::{ReportForm, RunReport};
use crate::retention::{
    ClockConfirmed, DeleteAnswer, ExplainAnswer, HoldShown, PolicyShown, RetentionAnswer,
};
use crate::run::RunShown;
use crate::service::{ServedAnswer, ServiceStatus};
use crate::store::{
    CompactAnswer, ErasureShown, ErasuresProven, StoreEncrypted, StoreMerged, StoreShown,
    StoreStatsShown,
};
use crate::unknown::{Assigned, UnknownShown};
use crate::user::UserShown;

/// What can be asked about the keys that secrets are sealed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyRequest {
    /// Where the key is, and what is sealed with it.
    Status,
    /// A new random key, to be put where keys are kept. Nothing changes.
    New,
    /// Seal everything with a new key.
    Rotate,
    /// Shares of the key, for paper: this many, any `needed` of which give it back.
    Split {
        /// How many.
        shares: u8,
        /// How many give the key back.
        needed: u8,
    },
    /// The key that the shares in these files give; `-` is standard input.
    Join(Vec<PathBuf>),
    /// The keys that checkpoints and proofs are checked with.
    Show,
}

impl KeyRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            KeyRequest::Status => "key status",
            KeyRequest::New => "key new",
            KeyRequest::Rotate => "key rotate",
            KeyRequest::Split { .. } => "key split",
            KeyRequest::Join(_) => "key join",
            KeyRequest::Show => "key show",
        }
    }
}

/// What can be asked about settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsRequest {
    /// All of them.
    List,
    /// One of them.
    Get(String),
    /// Set one; `None` goes back to the default.
    Set(String, Option<String>),
    /// What was set, as a file.
    Export,
    /// What is insecure.
    Check,
}

impl SettingsRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            SettingsRequest::List => "settings list",
            SettingsRequest::Get(_) => "settings get",
            SettingsRequest::Set(..) => "settings set",
            SettingsRequest::Export => "settings export",
            SettingsRequest::Check => "settings check",
        }
    }
}

/// What is answered to those who look after the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminAnswer {
    /// Of `key status`.
    KeyStatus(KeyStatus),
    /// The keys that checkpoints and proofs are checked with.
    KeysShown(Vec<KeyShown>),
    /// Of `key new` and `key join`: the key itself.
    KeyNew(Secret),
    /// Of `key split`.
    KeyShares(KeyShares),
    /// Of `key rotate`.
    KeyRotated {
        /// The id of the key that counts now.
        key: String,
        /// Secrets that are sealed with it.
        secrets: u64,
        /// Keys of encrypted stores that are sealed with it.
        segments: u64,
    },
    /// Of `settings list`.
    Settings(Vec<SettingShown>),
    /// Of `settings get` and `settings set`.
    Setting(SettingShown),
    /// Of `apply`.
    Applied(ApplyAnswer),
    /// Of `settings export`: TOML.
    Export(String),
    /// Of `anchor ...`.
    Anchor(Box<AnchorAnswer>),
    /// Of `backup ...`, `restore` and `store accept-rollback`.
    Backup(Box<BackupAnswer>),
    /// Of `settings check`.
    Insecure(Vec<Insecure>),
    /// Of `profile list`.
    Profiles(Vec<ProfileShown>),
    /// Of `profile show` and of what changes one.
    Profile(Box<ProfileShown>),
    /// Of `profile remove`: its name.
    ProfileRemoved(String),
    /// Of `user set` and `user show`.
    User(Box<UserShown>),
    /// Of `preset list`.
    Presets(Vec<PresetShown>),
    /// Of `preset show`.
    Preset(Box<PresetShown>),
    /// Of `job list`.
    Jobs(Vec<JobShown>),
    /// Of `job show` and of what changes one.
    Job(Box<JobShown>),
    /// Of `job remove`: its name.
    JobRemoved(String),
    /// Of `job effective-folders`.
    Folders(Vec<EffectiveFolder>),
    /// Of `run list`.
    Runs(Vec<RunShown>),
    /// Of `run show`.
    Run(Box<RunShown>),
    /// Of `store list`.
    Stores(Vec<StoreShown>),
    /// Of `store show` and of what changes one.
    Store(Box<StoreShown>),
    /// Of `store stats`.
    StoreStats(Vec<StoreStatsShown>),
    /// Of `store merge`.
    StoreMerged(Box<StoreMerged>),
    /// Of `store detach`: its directory.
    StoreDetached(PathBuf),
    /// Of `store compact`.
    Compacted(Box<CompactAnswer>),
    /// Of `store erasures`.
    Erasures(Vec<ErasureShown>),
    /// Of `store erasures --proof`.
    ErasuresProven(ErasuresProven),
    /// Of `store encrypt`.
    StoreEncrypted(StoreEncrypted),
    /// Of `quarantine list`.
    Quarantine(Vec<QuarantineShown>),
    /// Of `quarantine show` and `quarantine accept`.
    Quarantined(Box<QuarantineShown>),
    /// Of `quarantine export`.
    QuarantineExported(QuarantineExported),
    /// Of `unknown list` and `unknown show`.
    Unknown(Vec<UnknownShown>),
    /// Of `unknown assign`.
    Assigned(Assigned),
    /// Of every `test`.
    Test(TestAnswer),
    /// Of `service ...`: how the server is then.
    Service(Box<ServiceStatus>),
    /// Of `serve`.
    Served(ServedAnswer),
    /// Of `alert list`.
    Alerts(Vec<AlertShown>),
    /// Of `alert show` and `alert acknowledge`.
    Alert(Box<AlertShown>),
    /// Of `mail show`, `mail set` and `mail remove`.
    Mail(Box<MailShown>),
    /// Of `mail test`.
    MailTest(MailTested),
    /// Of `run report`.
    RunReport(Box<RunReport>, ReportForm),
    /// Of `report daily`.
    DailyReport(Box<DailyReport>, ReportForm, Vec<String>),
    /// Of `retention list`.
    Policies(Vec<PolicyShown>),
    /// Of `retention show` and of what changes a policy.
    Policy(Box<PolicyShown>),
    /// Of `retention remove`: its name.
    PolicyRemoved(String),
    /// Of `retention plan` and `retention run`.
    Retention(Box<RetentionAnswer>),
    /// Of `retention explain`.
    Explained(Box<ExplainAnswer>),
    /// Of `retention confirm-clock`.
    ClockConfirmed(ClockConfirmed),
    /// Of `hold list`.
    Holds(Vec<HoldShown>),
    /// Of `hold show`, `hold set` and `hold lift`.
    Hold(Box<HoldShown>),
    /// Of `delete`.
    Deleted(DeleteAnswer),
    /// Of `approval list`.
    Approvals(Vec<ApprovalShown>),
    /// Of `approval show` and `approve`, and of what waits for a second person.
    Approval(Box<ApprovalShown>),
    /// Of `approval persons`: names, and since when.
    Persons(Vec<(String, Timestamp)>),
    /// Of `audit ...`.
    Audit(AuditAnswer),
    /// Of `doctor`.
    Doctor(DoctorAnswer),
    /// Of a report that was written to this file.
    Written(PathBuf),
}

/// How a test of outgoing mail went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailTested {
    /// The steps.
    pub test: TestAnswer,
    /// Whether what was changed is applied now; `None` when nothing was changed.
    pub applied: Option<bool>,
}

/// Where the key is, and what is sealed with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyStatus {
    /// Where keys are read from.
    pub source: String,
    /// The keys at hand, the one that seals first, and those that are missing.
    pub keys: Vec<KeyListed>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A key that checkpoints and proofs of a store are checked with. It is no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyShown {
    /// The store.
    pub store: String,
    /// The key, as notes have it: name, number and key.
    pub key: String,
}

impl KeyStatus {
    /// Whether everything that is sealed can be opened.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.keys.iter().all(|it| it.at_hand || it.secrets + it.segments == 0)
    }
}

/// A key, without the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyListed {
    /// Its id.
    pub id: String,
    /// Secrets that are sealed with it.
    pub secrets: u64,
    /// Keys of encrypted stores that are sealed with it: one for each segment, and one more.
    pub segments: u64,
    /// Whether it is there.
    pub at_hand: bool,
}

/// A key in shares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyShares {
    /// The id of the key.
    pub key: String,
    /// How many shares give it back.
    pub needed: u8,
    /// The shares as they are printed.
    pub shares: Vec<Secret>,
}

/// A setting with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingShown {
    /// Its name.
    pub key: String,
    /// The value that counts.
    pub value: String,
    /// What counts while nobody has set it.
    pub default: String,
    /// Whether somebody has set it.
    pub is_set: bool,
    /// What applying it does: `none`, `part` or `all`.
    pub applies: &'static str,
    /// What it is for: sentences.
    pub doc: String,
}

/// A connection that is not safe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Insecure {
    /// Of what: a server profile, later a directory or a database.
    pub of: String,
    /// Its name.
    pub name: String,
    /// In which way.
    pub kind: InsecureKind,
    /// What is not safe: a sentence.
    pub warning: String,
}

/// In which way a connection is not safe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum InsecureKind {
    /// It is not encrypted.
    Plain,
    /// It is not encrypted, and stays on this machine.
    PlainHere,
    /// Any certificate is accepted.
    AnyCertificate,
}

impl InsecureKind {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            InsecureKind::Plain => "plain",
            InsecureKind::PlainHere => "plain_on_this_machine",
            InsecureKind::AnyCertificate => "any_certificate",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<InsecureKind> {
        [InsecureKind::Plain, InsecureKind::PlainHere, InsecureKind::AnyCertificate]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

impl Insecure {
    /// Whether somebody else could read or change what goes over it.
    #[must_use]
    pub fn is_risky(&self) -> bool {
        self.kind != InsecureKind::PlainHere
    }
}

/// How a test went that was done step by step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestAnswer {
    /// What was tested.
    pub subject: String,
    /// The steps, in order.
    pub steps: Vec<TestStep>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

impl TestAnswer {
    /// Whether no step failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.steps.iter().all(|it| it.result != TestResult::Failure)
    }
}

/// One step of a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestStep {
    /// What is tried: `resolve`, `connect`, `tls`, `login`, ...
    pub name: &'static str,
    /// How it went.
    pub result: TestResult,
    /// What was found, or what went wrong, or why it was not run. Lower case, without a full stop.
    pub told: String,
    /// What a person can do: a sentence.
    pub hint: Option<String>,
}

impl TestStep {
    /// A step that succeeded.
    pub fn success(name: &'static str, told: impl Into<String>) -> TestStep {
        TestStep { name, result: TestResult::Success, told: told.into(), hint: None }
    }

    /// A step that was left out.
    pub fn not_run(name: &'static str, told: impl Into<String>) -> TestStep {
        TestStep { name, result: TestResult::NotRun, told: told.into(), hint: None }
    }

    /// A step that failed.
    pub fn failure(name: &'static str, told: impl Into<String>, hint: Option<String>) -> TestStep {
        TestStep { name, result: TestResult::Failure, told: told.into(), hint }
    }
}

/// How a step went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TestResult {
    /// It was not tried.
    NotRun,
    /// It is as it should be.
    Success,
    /// It is not.
    Failure,
}

impl TestResult {
    /// The name in machine-readable answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TestResult::NotRun => "not_run",
            TestResult::Success => "success",
            TestResult::Failure => "failure",
        }
    }
}
