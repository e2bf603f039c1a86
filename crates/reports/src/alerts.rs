//! Alerts: what is one, and what became of those that are kept.
//!
//! [`found`] looks at a [`Situation`] and says what is wrong now. [`changes`] compares that with
//! the alerts that are open. Rules: an alert is told when it is raised, when it changes for the
//! worse, and when it is over, and not otherwise; what was not looked at is not over.

mod letter;
mod situation;

use std::collections::BTreeSet;

use commands::{Alert, AlertKind, FailureKind, RunOutcome, Severity};

pub use letter::alert_letter;
pub(crate) use letter::tone;
pub use situation::{
    AccountSituation, AnchorSituation, ClockSituation, DiskSituation, JobSituation, KeySituation,
    MailSituation, NoStoreSituation, QuotaSituation, Situation, StoreSituation, UnknownSituation,
};

use crate::words::{count, counted, duration, minute, size};

/// Lines of details that an alert keeps; the rest is counted.
const DETAILS_MAX: usize = 20;

/// Something that is wrong now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it says.
    pub alert: Alert,
    /// What it is wrong with, by name: another one is a change for the worse.
    pub points: BTreeSet<String>,
    /// How much of it there is: more is a change for the worse.
    pub amount: u64,
}

/// An alert that is open, by its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// Its number.
    pub id: u64,
    /// What was found when it was last looked at.
    pub finding: Finding,
}

/// What becomes of an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is new, and is told.
    Raised(Finding),
    /// It got worse, and is told again.
    Worse(u64, Finding),
    /// It says something else now, which is not told.
    Other(u64, Finding),
    /// It is over, and that is told.
    Resolved(u64),
}

/// What the next message says of an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// It is new.
    Raised,
    /// It got worse.
    Worse,
    /// It is over.
    Resolved,
    /// It began and was over before a message told of it.
    Passed,
}

impl News {
    /// The name that it is kept under.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            News::Raised => "raised",
            News::Worse => "worse",
            News::Resolved => "resolved",
            News::Passed => "passed",
        }
    }

    /// The news of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<News> {
        [News::Raised, News::Worse, News::Resolved, News::Passed]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

/// Compares what was found with the alerts that are open. Alerts of kinds that are not in `looked`
/// stay as they are.
#[must_use]
pub fn changes(open: &[Open], found: Vec<Finding>, looked: &[AlertKind]) -> Vec<Change> {
    let same = |a: &Finding, b: &Finding| {
        a.alert.kind == b.alert.kind && a.alert.subject == b.alert.subject
    };
    let over = open.iter().filter(|it| {
        looked.contains(&it.finding.alert.kind) && !found.iter().any(|now| same(now, &it.finding))
    });
    let mut changes: Vec<Change> = over.map(|it| Change::Resolved(it.id)).collect();
    for now in found {
        match open.iter().find(|it| same(&now, &it.finding)) {
            None => changes.push(Change::Raised(now)),
            Some(it) if it.finding == now => (),
            Some(it) if is_worse(&it.finding, &now) => changes.push(Change::Worse(it.id, now)),
            Some(it) => changes.push(Change::Other(it.id, now)),
        }
    }
    changes
}

fn is_worse(before: &Finding, now: &Finding) -> bool {
    before.alert.severity < now.alert.severity
        || before.amount < now.amount
        || !now.points.is_subset(&before.points)
}

/// Everything that is wrong now.
#[must_use]
pub fn found(it: &Situation) -> Vec<Finding> {
    let mut found = Vec::new();
    for job in &it.jobs {
        found.extend(run(job));
        found.extend(stale(job, it));
        found.extend(quarantine(job));
    }
    found.extend(store(&it.jobs));
    found.extend(it.stores.iter().flat_map(one_store));
    found.extend(it.no_store.as_ref().map(no_store));
    found.extend(it.disk.as_ref().and_then(disk));
    found.extend(it.keys.iter().map(key));
    found.extend(it.insecure.iter().filter(|it| it.is_risky()).map(insecure));
    found.extend(it.quotas.iter().map(quota));
    found.extend(it.unknown.iter().filter(|it| it.addresses != 0).map(unknown));
    found.extend(it.mail.as_ref().map(mail));
    found.extend(it.clock.as_ref().map(clock));
    found.extend(it.anchors.iter().map(anchor));
    found
}

fn finding(kind: AlertKind, subject: &str, severity: Severity, message: String) -> Finding {
    let subject = subject.to_owned();
    let alert = Alert { kind, subject, severity, message, details: Vec::new(), hint: None };
    Finding { alert, points: BTreeSet::new(), amount: 0 }
}

impl Finding {
    fn with_hint(mut self, hint: impl Into<String>) -> Finding {
        self.alert.hint = Some(hint.into());
        self
    }

    /// Keeps the first lines; of the rest the number.
    fn with_details(mut self, details: Vec<String>) -> Finding {
        let rest = details.len().saturating_sub(DETAILS_MAX);
        self.alert.details = details.into_iter().take(DETAILS_MAX).collect();
        if rest != 0 {
            self.alert.details.push(format!("and {} more", count(number(rest))));
        }
        self
    }

    fn with_points(mut self, points: impl IntoIterator<Item = String>) -> Finding {
        self.points = points.into_iter().collect();
        self
    }

    fn with_amount(mut self, amount: u64) -> Finding {
        self.amount = amount;
        self
    }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn run(job: &JobSituation) -> Option<Finding> {
    let severity = match job.outcome? {
        RunOutcome::Succeeded => return None,
        RunOutcome::Partial => Severity::Warning,
        RunOutcome::Failed => Severity::Serious,
    };
    let bad: Vec<&AccountSituation> =
        job.accounts.iter().filter(|it| it.outcome != Some(RunOutcome::Succeeded)).collect();
    let how = match severity {
        Severity::Serious => "failed",
        Severity::Warning => "is not complete",
    };
    let of = match job.accounts.len() {
        0 | 1 => String::new(),
        all => {
            let (n, all) = (count(number(bad.len())), counted(number(all), "account"));
            format!(": {n} of {all}")
        }
    };
    let why = bad.iter().map(|it| match it.why.is_empty() {
        true => it.account.clone(),
        false => format!("{}: {}", it.account, it.why),
    });
    let details = job.told.iter().cloned().chain(why).collect();
    let hint = format!("`posthold run report {}` shows everything.", job.run);
    let message = format!("The job {} {how}{of}.", job.name);
    Some(
        finding(AlertKind::Run, &job.name, severity, message)
            .with_details(details)
            .with_points(bad.iter().map(|it| it.account.clone()))
            .with_hint(hint),
    )
}

/// Accounts that were not proven complete for too long: always when the job runs by a schedule,
/// else only when its newest run left them incomplete.
fn stale(job: &JobSituation, all: &Situation) -> Option<Finding> {
    let limit = all.now.0.saturating_sub(all.stale_after_seconds);
    let is_stale = |it: &&AccountSituation| {
        let since = it.complete_at.unwrap_or(it.first_tried);
        let is_tried = job.is_scheduled || it.outcome != Some(RunOutcome::Succeeded);
        is_tried && since.0 < limit
    };
    let stale: Vec<&AccountSituation> = job.accounts.iter().filter(is_stale).collect();
    let detail = |it: &&AccountSituation| match it.complete_at {
        Some(at) => format!("{}: last proven complete at {}", it.account, minute(at)),
        None => {
            format!("{}: never proven complete, tried since {}", it.account, minute(it.first_tried))
        }
    };
    let message = match stale.as_slice() {
        [] => return None,
        [one] => {
            let since = one.complete_at.unwrap_or(one.first_tried);
            let how_long = duration(all.now.0.saturating_sub(since.0));
            match one.complete_at {
                Some(at) => format!(
                    "{} of the job {} was last proven complete at {}, {how_long} ago.",
                    one.account,
                    job.name,
                    minute(at)
                ),
                None => format!(
                    "{} of the job {} was never proven complete, for {how_long}.",
                    one.account, job.name
                ),
            }
        }
        more => format!(
            "{} of the job {} were not proven complete for more than {}.",
            counted(number(more.len()), "account"),
            job.name,
            duration(all.stale_after_seconds)
        ),
    };
    Some(
        finding(AlertKind::Stale, &job.name, Severity::Serious, message)
            .with_points(stale.iter().map(|it| it.account.clone()))
            .with_details(stale.iter().map(detail).collect())
            .with_hint(format!(
                "`posthold run list --job {:?}` shows its runs, `posthold job test {:?}` tries it.",
                job.name, job.name
            )),
    )
}

fn quarantine(job: &JobSituation) -> Option<Finding> {
    let bad: Vec<&AccountSituation> =
        job.accounts.iter().filter(|it| it.quarantined != 0).collect();
    let sum: u64 = bad.iter().map(|it| it.quarantined).sum();
    if sum == 0 {
        return None;
    }
    let are = if sum == 1 { "is" } else { "are" };
    let message = format!(
        "{} of the job {} {are} quarantined: passed over, and tried again.",
        counted(sum, "message"),
        job.name
    );
    let detail = |it: &&AccountSituation| format!("{}: {}", it.account, count(it.quarantined));
    Some(
        finding(AlertKind::Quarantine, &job.name, Severity::Warning, message)
            .with_details(bad.iter().map(detail).collect())
            .with_amount(sum)
            .with_hint("`posthold quarantine list` shows them, and why."),
    )
}

fn store(jobs: &[JobSituation]) -> Option<Finding> {
    let is_store = |it: &&AccountSituation| {
        let kind = it.failure;
        matches!(
            kind,
            Some(
                FailureKind::Store | FailureKind::DiskFull | FailureKind::Damaged | FailureKind::Io
            )
        )
    };
    // The newest run says how the store is.
    let newest = jobs.iter().filter(|it| it.outcome.is_some()).max_by_key(|it| it.run)?;
    let bad = newest.accounts.iter().find(is_store)?;
    let full = bad.failure == Some(FailureKind::DiskFull);
    let message = match full {
        true => "The disk is full: nothing is archived until there is room.".to_owned(),
        false => "The store could not be opened or written: nothing is archived.".to_owned(),
    };
    let hint = match full {
        true => "Make room on the disk. What was acknowledged is safe.",
        false => "`posthold verify` says what is wrong with it.",
    };
    Some(
        finding(AlertKind::Store, "store", Severity::Serious, message)
            .with_details(vec![bad.why.clone()])
            .with_hint(hint),
    )
}

/// What is wrong with one of several stores.
fn one_store(it: &StoreSituation) -> Vec<Finding> {
    let mut found = Vec::new();
    let subject = format!("store {}", it.name);
    if let Some(why) = &it.trouble {
        let message = format!(
            "The store {} cannot be read: what it holds is not seen, and counts as not archived.",
            it.name
        );
        let finding = finding(AlertKind::StoreError, &subject, Severity::Serious, message);
        found.push(finding.with_details(vec![why.clone()]).with_hint(format!(
            "`posthold store retry {0}` tries it again, `posthold store verify {0}` says what is \
             wrong with it.",
            it.name
        )));
    }
    if let Some(why) = &it.index_failure {
        let message = format!("The index of the store {} is defective.", it.name);
        let finding = finding(AlertKind::StoreIndex, &subject, Severity::Warning, message);
        found.push(finding.with_details(vec![why.clone()]).with_hint(format!(
            "`posthold store rebuild {} --view index` makes it anew.",
            it.name
        )));
    }
    let near = it.messages_recommended / 100 * NEAR_PERCENT;
    if it.is_current && !it.has_successor && near <= it.messages {
        let message = format!(
            "The current store {} has {}; not more than {} are recommended.",
            it.name,
            counted(it.messages, "message"),
            count(it.messages_recommended)
        );
        found.push(finding(AlertKind::StoreFull, &subject, Severity::Warning, message).with_hint(
            "`posthold store create` and `posthold store make-current` begin another one; the \
             setting store_create_at_messages lets that happen by itself.",
        ));
    }
    found
}

/// How full a store is, in percent of what is recommended, when that is told.
const NEAR_PERCENT: u64 = 90;

fn no_store(it: &NoStoreSituation) -> Finding {
    let message = format!("Nothing is archived since {}: {}.", minute(it.since), it.what);
    finding(AlertKind::NoStore, "current store", Severity::Serious, message)
        .with_details(vec![it.why.clone()])
        .with_hint(
            "Make room, or let the setting store_path_pattern name another place; the next run \
             tries it again. `posthold store make-current` takes a store that is there.",
        )
}

fn disk(it: &DiskSituation) -> Option<Finding> {
    let percent = |n: u64| u128::from(n) * 100;
    let least = u128::from(it.least_percent) * u128::from(it.total);
    if it.total == 0 || least <= percent(it.free) {
        return None;
    }
    // A quarter of what should be free is left: soon there is nothing.
    let severity = if percent(it.free) * 4 < least { Severity::Serious } else { Severity::Warning };
    let message = format!(
        "The disk of the data directory is nearly full: {} of {} are free.",
        size(it.free),
        size(it.total)
    );
    let hint = "Make room, or move the data directory to a larger disk. When it is full, nothing \
                is archived, and nothing is lost.";
    Some(finding(AlertKind::Disk, "data directory", severity, message).with_hint(hint))
}

fn key(it: &KeySituation) -> Finding {
    let are = if it.secrets == 1 { "is" } else { "are" };
    let message = format!(
        "The key {} is missing; {} {are} sealed with it.",
        it.id,
        counted(it.secrets, "password")
    );
    finding(AlertKind::Key, &it.id, Severity::Serious, message).with_hint(
        "Bring secret.key back, or name the key with POSTHOLD_KEY_FILE or POSTHOLD_KEY; else give \
         the passwords anew.",
    )
}

fn clock(it: &ClockSituation) -> Finding {
    let how = if it.ahead < 0 { "behind" } else { "ahead of" };
    let message = format!(
        "At {} the clock was {} {how} the last time that was known. Retention stands still.",
        minute(it.since),
        duration(it.ahead)
    );
    finding(AlertKind::Clock, "retention", Severity::Serious, message).with_hint(
        "When the clock is right, or the machine was only off, `posthold retention confirm-clock` \
         lets retention go on.",
    )
}

fn insecure(it: &commands::Insecure) -> Finding {
    let subject = format!("{} {}: {}", it.of, it.name, it.kind.name());
    finding(AlertKind::Insecure, &subject, Severity::Warning, it.warning.clone())
        .with_details(vec![format!("{} {}", it.of, it.name)])
        .with_hint("`posthold settings check` lists every connection that is not safe.")
}

fn quota(it: &QuotaSituation) -> Finding {
    let message = format!(
        "As much was fetched from {} as may be in a day; it goes on at {}.",
        it.server,
        minute(it.until)
    );
    finding(AlertKind::Quota, &it.server, Severity::Warning, message)
        .with_hint("`posthold profile set NAME --megabytes-per-day N` allows more.")
}

fn unknown(it: &UnknownSituation) -> Finding {
    let message = format!(
        "The job {} saw {} that nobody has.",
        it.job,
        counted(it.addresses, "address").replace("addresss", "addresses")
    );
    finding(AlertKind::UnknownAddresses, &it.job, Severity::Warning, message)
        .with_amount(it.addresses)
        .with_details(it.examples.clone())
        .with_hint(it.hint.clone())
}

fn anchor(it: &AnchorSituation) -> Finding {
    let (message, hint) = match &it.failure {
        Some(_) => (
            format!("Checkpoints do not go to the anchor {}.", it.name),
            "`posthold anchor now` tries it again; `posthold anchor verify` holds everything that \
             was anchored against the archive.",
        ),
        None => (
            format!("No checkpoint went to the anchor {} since {}.", it.name, minute(it.since)),
            "`posthold serve` sends them; without it, `posthold anchor now` does.",
        ),
    };
    finding(AlertKind::Anchor, &it.name, Severity::Serious, message)
        .with_details(it.failure.clone().into_iter().collect())
        .with_hint(hint)
}

fn mail(it: &MailSituation) -> Finding {
    let message = format!("Mail about this server could not be sent since {}.", minute(it.since));
    finding(AlertKind::Mail, "outgoing mail", Severity::Serious, message)
        .with_details(vec![it.why.clone()])
        .with_hint("`posthold mail test` tries it step by step.")
}

#[cfg(test)]
mod tests;
