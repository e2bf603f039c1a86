//! Commands as values: what can be asked, what is told meanwhile, what is answered.
//!
//! Every command is a [`Request`] carried out by one function, which sends [`Progress`] and ends
//! with an [`Answer`] or a [`Failure`]. The command line makes requests from arguments and renders
//! what comes back; other surfaces do the same, so that all of them can do the same things.
//!
//! What it is not: a wire format (each surface has its own, and converts), and not the function
//! itself. Plain values only: no file, socket, clock or runtime.

mod admin;
mod alert;
mod anchor;
mod answer;
mod apply;
mod approval;
mod audit;
mod backup;
mod daily;
mod demo;
mod doctor;
mod export;
mod failure;
mod job;
mod logged;
mod mail;
mod preset;
mod profile;
mod progress;
mod quarantine;
mod removal;
mod report;
mod request;
mod retention;
mod run;
mod service;
mod store;
mod unknown;
mod user;

pub use admin::{
    AdminAnswer, Insecure, InsecureKind, KeyListed, KeyRequest, KeyShares, KeyShown, KeyStatus,
    MailTested, SettingShown, SettingsRequest, TestAnswer, TestResult, TestStep,
};
pub use alert::{Alert, AlertChoice, AlertKind, AlertRequest, AlertShown, Severity};
pub use anchor::{
    AnchorAdd, AnchorAnswer, AnchorChecked, AnchorChoice, AnchorFiles, AnchorRan, AnchorRequest,
    AnchorShown, AnchorTarget, AnchorsRan,
};
pub use answer::{
    Answer, DamagedMessage, DefectFound, DemoAnswer, DemoImport, DemoSearch, ExcludedCounts,
    ExportAnswer, ImportCounts, IndexReach, MailboxCounts, PartShown, RebuildAnswer, RunAnswer,
    RunOutcome, SearchAnswer, ShowAnswer, UserListed, VerifyAnswer,
};
pub use apply::{Apply, ApplyAnswer, ApplyMode, FieldChange, PlanAction, Planned, Unnamed};
pub use approval::{
    ApprovalChoice, ApprovalRequest, ApprovalShown, ApprovalState, AsPerson, Wanted,
};
pub use audit::{
    Activity, ActivityShown, AuditAnswer, AuditExport, AuditExported, AuditFilter, AuditLock,
    AuditRequest, AuditShown, Grouping, Logged, Shows, Unlock, UnlockScope, UnlockShown,
};
pub use backup::{
    BackupAnswer, BackupCreate, BackupCreated, BackupDefect, BackupKeys, BackupPurged,
    BackupReading, BackupRequest, BackupRestore, BackupShown, BackupVerified, Restored,
    RollbackAccepted,
};
pub use daily::{DailyAccount, DailyJob, DailyReport};
pub use demo::{Demo, KeepDir};
pub use doctor::{CheckResult, DoctorAnswer, DoctorCheck, Examination};
pub use export::{Export, ExportFormat, ExportScope, Proof, ProofCounts};
pub use failure::{ExitCode, Failure, FailureKind};
pub use job::{
    BatchAccounts, EffectiveFolder, FileMapping, FileTrees, JOB_ACCOUNTS_DEFAULT,
    JOB_CONNECTIONS_DEFAULT, Job, JobChange, JobKind, JobRequest, JobShown, JobSource, MasterLogin,
    SMTP_SIZE_MAX_DEFAULT, SharedMailbox, SingleMailbox, SmtpAccess, SmtpReception, SmtpRecipients,
    SortBy, SortingRules, SourceChange, UnclaimedMail,
};
pub use mail::{
    MailChange, MailRequest, MailSettings, MailShown, MailWaiting, OnFailure, RECIPIENTS_MAX,
};
pub use preset::{PresetRequest, PresetShown};
pub use profile::{
    CONNECTIONS_DEFAULT, Counted, Half, HalfChange, HalfName, NAME_BYTES_MAX, OutgoingLogin,
    Profile, ProfileChange, ProfileLimits, ProfileRequest, ProfileShown, ProfileTest, Protocol,
    Security, ServerName, ServerNameError, Switch, check_name, trust_from_words, trust_words,
};
pub use progress::{Gone, Hit, Phase, Progress, ProgressSink, Work};
pub use quarantine::{
    AcceptedShown, QuarantineAccept, QuarantineExport, QuarantineExported, QuarantineId,
    QuarantineRequest, QuarantineShown,
};
pub use removal::{RemovalAnswer, StayedCount};
pub use report::{ReportForm, ReportRequest, RunFilter, RunReport, Sending, StepDetails};
pub use request::{
    Account, Archive, Compression, FolderChoice, FolderScope, Import, MboxForm, Mechanism, Order,
    Plaintext, Request, Scheme, Search, SearchOutput, SharedFolders, Show, ShowForm, Trust, View,
    WaitForViews,
};
pub use retention::{
    ClockConfirmed, Delete, DeleteAnswer, DeleteHow, DeleteWhich, ExplainAnswer, HoldChoice,
    HoldCounts, HoldCovers, HoldLift, HoldMeans, HoldRequest, HoldSet, HoldShown, MessageGoes,
    PolicyAdd, PolicyCounts, PolicyMeans, PolicyPeriods, PolicyScope, PolicySet, PolicyShown,
    RetentionAnswer, RetentionRequest, Reviewed,
};
pub use run::{ManyAnswer, RunShown, RunState, StepAnswer, StepShown, Trigger};
pub use service::{
    ChangeShown, ChangeState, GroupShown, GroupState, NextShown, Reinitialised, RunningShown,
    ServedAnswer, ServiceRequest, ServiceStatus, StuckShown, WorkerGroup,
};
pub use store::{
    CompactAnswer, CompactHow, ErasureShown, ErasuresProven, NewStore, PlainLog, Rescan,
    StoreCounts, StoreEncrypted, StoreMerged, StoreRequest, StoreShown, StoreState, StoreStats,
    StoreStatsShown, StoreTrouble, StoreYear, StoresRead,
};
pub use unknown::{
    Assign, AssignAs, AssignTo, Assigned, MailDirection, UnknownRequest, UnknownShown,
};
pub use user::{LoginBy, Rank, UserSet, UserShown};
