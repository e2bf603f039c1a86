//! Alerts, outgoing mail and reports, for programs.

use commands::{
    AlertShown, DailyAccount, DailyJob, DailyReport, MailShown, MailTested, MailWaiting,
    RunOutcome, RunReport, StepDetails, trust_words,
};
use serde::Serialize;

use super::MailboxObject;
use super::admin::{InsecureObject, TestObject};
use super::jobs::RunObject;

#[derive(Serialize)]
pub(super) struct AlertObject<'a> {
    alert: u64,
    kind: &'static str,
    subject: &'a str,
    severity: &'static str,
    message: &'a str,
    details: &'a [String],
    hint: Option<&'a str>,
    raised: String,
    changed: String,
    acknowledged: Option<String>,
    resolved: Option<String>,
}

impl<'a> From<&'a AlertShown> for AlertObject<'a> {
    fn from(it: &'a AlertShown) -> AlertObject<'a> {
        AlertObject {
            alert: it.id,
            kind: it.alert.kind.name(),
            subject: &it.alert.subject,
            severity: it.alert.severity.name(),
            message: &it.alert.message,
            details: &it.alert.details,
            hint: it.alert.hint.as_deref(),
            raised: it.raised.to_string(),
            changed: it.changed.to_string(),
            acknowledged: it.acknowledged.map(|it| it.to_string()),
            resolved: it.resolved.map(|it| it.to_string()),
        }
    }
}

#[derive(Serialize)]
pub(super) struct MailObject<'a> {
    server: Option<ServerObject<'a>>,
    sender: Option<SenderObject<'a>>,
    alerts_to: &'a [String],
    daily_to: &'a [String],
    waiting: Vec<WaitingObject<'a>>,
    last_sent: Option<String>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct ServerObject<'a> {
    host: &'a str,
    port: u16,
    security: &'static str,
    auth: &'static str,
    login: Option<&'a str>,
    has_password: bool,
    trust: &'static str,
    trusted: Option<String>,
    timeout_seconds: Option<u64>,
}

#[derive(Serialize)]
struct SenderObject<'a> {
    name: &'a str,
    address: &'a str,
}

#[derive(Serialize)]
struct WaitingObject<'a> {
    subject: &'a str,
    written: String,
    failures: u32,
    next_try: String,
    why: Option<&'a str>,
}

impl<'a> From<&'a MailWaiting> for WaitingObject<'a> {
    fn from(it: &'a MailWaiting) -> WaitingObject<'a> {
        WaitingObject {
            subject: &it.subject,
            written: it.written.to_string(),
            failures: it.failures,
            next_try: it.next_try.to_string(),
            why: it.why.as_deref(),
        }
    }
}

impl<'a> From<&'a MailShown> for MailObject<'a> {
    fn from(shown: &'a MailShown) -> MailObject<'a> {
        let settings = shown.settings.as_ref();
        let server = |it: &'a commands::MailSettings| {
            let half = &it.server;
            let (security, port) = half.resolved();
            let (trust, trusted) = trust_words(&half.trust);
            ServerObject {
                host: &half.host.host,
                port,
                security: security.name(),
                auth: half.mechanism.name(),
                login: half.login.as_deref(),
                has_password: shown.has_secret,
                trust,
                trusted,
                timeout_seconds: half.timeout.map(|it| it.as_secs()),
            }
        };
        let sender = |it: &'a commands::MailSettings| SenderObject {
            name: &it.sender.name,
            address: &it.sender.addr,
        };
        MailObject {
            server: settings.map(server),
            sender: settings.map(sender),
            alerts_to: settings.map_or(&[], |it| &it.alerts_to),
            daily_to: settings.map_or(&[], |it| &it.daily_to),
            waiting: shown.waiting.iter().map(WaitingObject::from).collect(),
            last_sent: shown.sent.map(|it| it.to_string()),
            warnings: &shown.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct MailTestObject<'a> {
    #[serde(flatten)]
    test: TestObject<'a>,
    applied: Option<bool>,
}

impl<'a> From<&'a MailTested> for MailTestObject<'a> {
    fn from(it: &'a MailTested) -> MailTestObject<'a> {
        MailTestObject { test: TestObject::from(&it.test), applied: it.applied }
    }
}

#[derive(Serialize)]
pub(super) struct RunReportObject<'a> {
    #[serde(flatten)]
    run: RunObject<'a>,
    details: Vec<DetailsObject<'a>>,
}

/// What a step is besides its sums, in the order of `steps`.
#[derive(Serialize)]
struct DetailsObject<'a> {
    account: &'a str,
    missing: u64,
    removed: u64,
    failure: Option<&'static str>,
    last_complete: Option<String>,
    insecure: Vec<InsecureObject<'a>>,
    mailboxes: Vec<MailboxObject<'a>>,
}

impl<'a> From<&'a RunReport> for RunReportObject<'a> {
    fn from(it: &'a RunReport) -> RunReportObject<'a> {
        let details = |(step, details): (&'a commands::StepShown, &'a StepDetails)| DetailsObject {
            account: &step.account,
            missing: details.missing(),
            removed: details.removed,
            failure: details.failure.map(commands::FailureKind::name),
            last_complete: details.complete_at.map(|it| it.to_string()),
            insecure: details.insecure.iter().map(InsecureObject::from).collect(),
            mailboxes: details.mailboxes.iter().map(MailboxObject::from).collect(),
        };
        RunReportObject {
            run: RunObject::from(&it.run),
            details: it.run.steps.iter().zip(&it.details).map(details).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct DailyObject<'a> {
    host: &'a str,
    since: String,
    until: String,
    archived: u64,
    jobs: Vec<DailyJobObject<'a>>,
    alerts: Vec<AlertObject<'a>>,
    insecure: Vec<InsecureObject<'a>>,
    disk: Option<DiskObject>,
    sent_to: &'a [String],
}

#[derive(Serialize)]
struct DailyJobObject<'a> {
    job: Option<&'a str>,
    runs: u64,
    archived: u64,
    accounts: u64,
    quarantined: u64,
    outcome: Option<&'static str>,
    incomplete: Vec<IncompleteObject<'a>>,
}

#[derive(Serialize)]
struct IncompleteObject<'a> {
    account: &'a str,
    message: &'a str,
    last_complete: Option<String>,
}

#[derive(Serialize)]
struct DiskObject {
    free: u64,
    total: u64,
}

impl<'a> DailyObject<'a> {
    pub(super) fn new(it: &'a DailyReport, sent_to: &'a [String]) -> DailyObject<'a> {
        let incomplete = |it: &'a DailyAccount| IncompleteObject {
            account: &it.account,
            message: &it.why,
            last_complete: it.complete_at.map(|it| it.to_string()),
        };
        let job = |it: &'a DailyJob| DailyJobObject {
            job: it.name.as_deref(),
            runs: it.runs,
            archived: it.archived,
            accounts: it.accounts,
            quarantined: it.quarantined,
            outcome: it.outcome.map(RunOutcome::name),
            incomplete: it.incomplete.iter().map(incomplete).collect(),
        };
        DailyObject {
            host: &it.host,
            since: it.since.to_string(),
            until: it.until.to_string(),
            archived: it.archived(),
            jobs: it.jobs.iter().map(job).collect(),
            alerts: it.waiting.iter().map(AlertObject::from).collect(),
            insecure: it.insecure.iter().map(InsecureObject::from).collect(),
            disk: it.disk.map(|(free, total)| DiskObject { free, total }),
            sent_to,
        }
    }
}

#[derive(Serialize)]
pub(super) struct WrittenObject {
    pub(super) written: String,
}
