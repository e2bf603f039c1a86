//! `archive`: one account at a mail server.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use archiver::{
    Accepted, ArchiveOptions, Limits, RemovalOptions, RetryQuarantined, RunReport, SortOptions,
    Target,
};
use commands::{
    Account, Answer, Archive, Compression, Failure, FailureKind, FolderChoice, FolderScope,
    Mechanism, Plaintext, ProgressSink, RemovalAnswer, RunAnswer, Scheme, SharedFolders,
    SortingRules, StepAnswer, Trigger, Trust,
};
use disk::SystemClock;
use ledger::Outcome;
use mail_client::{
    CertificatePolicy, ImapAccount, ImapSettings, Pop3Account, Pop3Settings, Security, Server,
    Timeouts,
};
use ports::{Clock, Connect, Removes};
use rules::filter::Filter;
use rules::removal::{Removal, Way};
use rules::{DefaultFolders, Scope, WordingError};
use state::{JobId, PlannedStep, User};

use super::bounded::{Allowed, Bounded, Ended};
use super::recorded::Recorded;
use super::stores::Writing;
use super::{
    blocking, confirmations, faults, insecure, ownership, quarantine, removal, report, sorting,
    users,
};
use crate::context::Context;

/// One mailbox to archive: what `archive` makes of its arguments, and a job of what is saved.
pub(super) struct Work {
    /// The account, its password, and where it goes.
    pub(super) request: Archive,
    /// Whose mailboxes are opened, whoever logs in: cursors are kept under this name.
    pub(super) opened: String,
    /// Under which name the cursors of its mailboxes are kept, with the account's.
    pub(super) profile: String,
    /// The job that it is done for.
    pub(super) job: Option<JobId>,
    /// How its messages are sorted into the archives of many; `None`: they go to one.
    pub(super) sorting: Option<SortingRules>,
    /// What began it.
    pub(super) trigger: Trigger,
    /// Which messages in quarantine are tried.
    pub(super) quarantine: RetryQuarantined,
    /// What the report says besides: sentences.
    pub(super) warnings: Vec<String>,
    /// How much is asked of the server.
    pub(super) allowed: Allowed,
}

/// Archives an account: a job made on the fly.
pub(super) async fn archive(
    context: &Context,
    request: Archive,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let work = Work {
        profile: request.account.server(),
        opened: opened_account(&request).to_owned(),
        job: None,
        sorting: None,
        trigger: Trigger::Hand,
        // Somebody asked for this run.
        quarantine: RetryQuarantined::All,
        warnings: Vec::new(),
        allowed: Allowed::default(),
        request,
    };
    carry_out(context, work, title, progress).await
}

/// Archives an account, and keeps what became of it among the runs.
pub(super) async fn carry_out(
    context: &Context,
    work: Work,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    // What is wrong with the request is said before anything is made.
    work.check()?;
    let _owned = ownership::take(context, title, progress).await?;
    let (data, name) = (context.data.clone(), work.request.user.clone());
    let user = match work.sorting {
        Some(_) => users::many(),
        None => blocking(move || users::find_or_make(&data, &name)).await?,
    };
    let run = Recorded::begin(context, work.job, work.trigger, title).await?;
    run.plan(vec![work.planned()]).await?;
    run.alive(0).await?;
    let ended = once(context, &work, user, title, progress).await;
    let step = work.answer(Some(ended));
    let mut recorded = run.end_step(0, &step).await;
    recorded = recorded.and(run.end(step.outcome(), &[]).await);
    let Some(ended) = step.ended else {
        return Err(Failure::new(FailureKind::Internal, "a step ended without an answer"));
    };
    let mut answer = ended?;
    answer.warnings.extend(recorded.err().map(|it| format!("{}.", it.message)));
    Ok(Answer::Archive(answer))
}

/// One run, from opening the store to closing it.
async fn once(
    context: &Context,
    work: &Work,
    user: User,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<RunAnswer, Failure> {
    let writing = Writing::open(context).await?;
    let ended = step(context, &writing, work, user, title, progress).await;
    let closed = writing.close(work.request.wait, progress).await;
    ended.map(|it| report::with_end(it, closed))
}

/// One account into an open store: the only way in which accounts are archived.
pub(super) async fn step(
    context: &Context,
    writing: &Writing,
    work: &Work,
    user: User,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<RunAnswer, Failure> {
    let accepted = quarantine::accepted(context, writing.stores())?;
    let options = work.options(context, user, quarantine::of(&accepted), title)?;
    let rule = work.removal()?;
    let bounded = Bounded::new(context, work, &options.account).await?;
    let insecure = insecure::of_archive(&work.request);
    let mut warnings = work.warnings.clone();
    for it in &insecure {
        if !warnings.contains(&it.warning) {
            warnings.push(it.warning.clone());
        }
    }
    for warning in &warnings {
        tracing::warn!(title, "{warning}");
    }
    let sorting = match work.sorting.clone() {
        Some(rules) => {
            let (data, job) = (context.data.clone(), work.job);
            Some(Arc::new(blocking(move || sorting::options(&data, &rules, job)).await?))
        }
        None => None,
    };
    let account = account(&work.request)?;
    // In a box: the compiler counts how deep futures stand in one another.
    let archived = Box::pin(async {
        let (options, rule) = (&options, &rule);
        match account {
            Reached::Imap(it) => {
                let account = bounded.connector(it);
                Box::pin(run(account, sorting, writing, options, rule, progress)).await
            }
            Reached::Pop3(it) => {
                let account = bounded.connector(it);
                Box::pin(run(account, sorting, writing, options, rule, progress)).await
            }
        }
    });
    let (report, removed) = match bounded.alone(work, &options.cancel, archived).await? {
        Ended::Worked(done) => done,
        Ended::NotNow(why) => {
            let outcome = Outcome::Partial;
            (RunReport { outcome, warnings: vec![why], ..RunReport::default() }, None)
        }
    };
    let confirmed = confirmations::note(context, writing, &report, SystemClock.now()).await;
    let mut answer = report::of_run(report)?;
    removal::put(&mut answer, removed);
    let whose = (&options.target, options.profile.as_str(), options.account.as_str());
    quarantine::tell(&mut answer, &accepted, &writing.catalog(), whose)?;
    answer.warnings.extend(confirmed.err().map(|it| format!("{}.", it.message)));
    answer.warnings.extend(warnings);
    answer.insecure = insecure;
    Ok(answer)
}

impl Work {
    /// Whether the request can be carried out, as far as that can be said without a server.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if is_pop3(&self.request) {
            check_pop3(&self.request)?;
        }
        scope(&removal::left_out(&self.request.folders, &self.removal()?))?;
        filter(self.request.filter.as_deref())?;
        account(&self.request).map(|_| ())
    }

    /// The account, as it is kept among the steps of a run.
    pub(super) fn planned(&self) -> PlannedStep {
        PlannedStep { account: self.opened.clone(), target: self.request.user.to_string() }
    }

    /// What became of it.
    pub(super) fn answer(&self, ended: Option<Result<RunAnswer, Failure>>) -> StepAnswer {
        let PlannedStep { account, target } = self.planned();
        StepAnswer { account, target, ended }
    }

    /// What happens with archived messages at the source.
    fn removal(&self) -> Result<Removal, Failure> {
        removal::rule(self.request.removal.as_deref())
    }

    fn options(
        &self,
        context: &Context,
        user: User,
        accepted: Accepted,
        title: &str,
    ) -> Result<ArchiveOptions, Failure> {
        let request = &self.request;
        Ok(ArchiveOptions {
            target: Target {
                archive: user.archive,
                user: user.name,
                root: request.root.clone().unwrap_or_else(|| self.opened.clone()),
            },
            profile: self.profile.clone(),
            account: self.opened.clone(),
            title: title.to_owned(),
            scope: scope(&removal::left_out(&request.folders, &self.removal()?))?,
            filter: filter(request.filter.as_deref())?,
            // One session has the mailbox; another would be refused (RFC 1939 §4).
            connections: if is_pop3(request) { NonZeroU16::MIN } else { request.connections },
            quarantine: match (self.quarantine, self.trigger) {
                // Whoever asks for a run wants everything tried; a schedule has time.
                (RetryQuarantined::All, Trigger::Schedule | Trigger::Start) => {
                    RetryQuarantined::WhenDue
                }
                (asked, _) => asked,
            },
            accepted,
            cancel: context.stop.child(),
            limits: Limits {
                pause_first: self.allowed.limits.pause_first,
                pause_max: self.allowed.limits.pause_max,
                ..Limits::default()
            },
            shared: Some(context.data.shared()),
        })
    }
}

/// An account, by the protocol that it is reached with.
pub(super) enum Reached {
    /// By IMAP.
    Imap(ImapAccount),
    /// By POP3.
    Pop3(Pop3Account),
}

/// Archives, and removes at the source what may leave it then.
async fn run<C>(
    account: C,
    sorting: Option<Arc<SortOptions>>,
    writing: &Writing,
    options: &ArchiveOptions,
    rule: &Removal,
    progress: &dyn ProgressSink,
) -> (RunReport, Option<RemovalAnswer>)
where
    C: Connect,
    C::Source: Removes,
{
    let (account, clock) = (Arc::new(account), Arc::new(SystemClock));
    let tell = |it| report::tell(progress, &it);
    let (log, catalog) = (writing.log(), writing.catalog());
    let (source, asked) = (Arc::clone(&account), options.clone());
    let report = match sorting.clone() {
        Some(it) => archiver::sort_account(source, log, catalog, clock, asked, it, tell).await,
        None => archiver::archive_account(source, log, catalog, clock, asked, tell).await,
    };
    let what = RemovalOptions {
        archive: options,
        sorting: sorting.as_deref(),
        rule,
        backed_up: Vec::new(),
    };
    let removed = removal::after(account, writing, what, &report).await;
    (report, removed)
}

fn is_pop3(request: &Archive) -> bool {
    matches!(request.account.scheme, Scheme::Pop3 | Scheme::Pop3s)
}

/// What was asked for and POP3 has not is an error: whoever asked would take it for done.
fn check_pop3(request: &Archive) -> Result<(), Failure> {
    let FolderChoice { scope, shared, include, exclude } = &request.folders;
    let wrong = |option: &str, why: &str, hint: &str| {
        let message = format!("{option} does not go with POP3: {why}");
        Err(Failure::new(FailureKind::Request, message).with_hint(hint))
    };
    let folders = |option| {
        let why = "it knows no folders, only the inbox";
        wrong(option, why, "Leave it out, or use imaps:// where the server speaks IMAP.")
    };
    if *scope == FolderScope::All {
        return folders("--all-folders");
    }
    if *shared == SharedFolders::LeftOut {
        return folders("--no-shared-folders");
    }
    if !include.is_empty() {
        return folders("--include");
    }
    if !exclude.is_empty() {
        return folders("--exclude");
    }
    if request.filter.is_some() {
        let why = "it tells nothing of a message but its size";
        return wrong("--filter", why, "Leave it out, or use imaps://.");
    }
    if let Way::Moved(_) = removal::rule(request.removal.as_deref())?.way {
        let why = "it has no mailbox that messages could be moved to";
        return wrong("into MAILBOX", why, "Leave it out of the removal rule, or use imaps://.");
    }
    if request.compression == Compression::WhereOffered {
        return wrong("--compress", "it has no compression", "Leave it out.");
    }
    Ok(())
}

/// Whose mailboxes a request opens.
pub(super) fn opened_account(request: &Archive) -> &str {
    request.authzid.as_deref().unwrap_or(&request.account.login)
}

/// Which mailboxes a choice of folders means.
pub(super) fn scope(folders: &FolderChoice) -> Result<Scope, Failure> {
    let defaults = match folders.scope {
        FolderScope::WithoutDiscarded => DefaultFolders::LeftOut,
        FolderScope::All => DefaultFolders::Kept,
    };
    let scope = Scope::parse(defaults, &folders.include, &folders.exclude).map_err(|error| {
        Failure::chain(FailureKind::Request, &error)
            .with_hint("`posthold archive --help` shows how folders are named.")
    })?;
    Ok(match folders.shared {
        SharedFolders::Archived => scope,
        SharedFolders::LeftOut => scope.own_only(),
    })
}

/// Which messages of it, by its words.
pub(super) fn filter(text: Option<&str>) -> Result<Filter, Failure> {
    let Some(text) = text else { return Ok(Filter::default()) };
    text.parse().map_err(|error: WordingError| {
        let rendered = error.render(text);
        // Text, caret and what is wrong; the hint has a place of its own.
        let shown: Vec<&str> = rendered.lines().take(2).collect();
        let message = format!("the filter is wrong:\n  {}", shown.join("\n  "));
        Failure::new(FailureKind::Request, message).with_hint(error.hint())
    })
}

/// The connection that a request asks for.
pub(super) fn account(request: &Archive) -> Result<Reached, Failure> {
    let Account { scheme, login, host, port } = request.account.clone();
    let security = match (scheme, request.plaintext) {
        (Scheme::Imaps | Scheme::Pop3s, _) => Security::ImplicitTls,
        (Scheme::Imap | Scheme::Pop3, Plaintext::LoopbackOnly) => Security::StartTlsIfOffered,
        (Scheme::Imap | Scheme::Pop3, Plaintext::Never) => Security::StartTls,
        (Scheme::Imap | Scheme::Pop3, Plaintext::Always) => Security::Plain,
    };
    let server = Server { host, port };
    let certificates = certificates(&request.trust)?;
    let (authzid, secret) = (request.authzid.clone(), request.password.clone());
    let mechanism = mechanism(request.mechanism);
    let timeouts = request.timeout.map_or_else(Timeouts::default, timeouts);
    let made = match scheme {
        Scheme::Imap | Scheme::Imaps => {
            let compress = request.compression == Compression::WhereOffered;
            ImapAccount::new(ImapSettings {
                server,
                security,
                certificates,
                login,
                authzid,
                secret,
                mechanism,
                compress,
                timeouts,
            })
            .map(Reached::Imap)
        }
        Scheme::Pop3 | Scheme::Pop3s => Pop3Account::new(Pop3Settings {
            server,
            security,
            certificates,
            login,
            authzid,
            secret,
            mechanism,
            timeouts,
        })
        .map(Reached::Pop3),
    };
    made.map_err(|it| faults::source(&it))
}

/// One silence for every wait.
pub(super) fn timeouts(silence: Duration) -> Timeouts {
    Timeouts { connect: silence, login: silence, idle: silence, command: silence }
}

/// From the request to the connection.
pub(super) fn certificates(trust: &Trust) -> Result<CertificatePolicy, Failure> {
    Ok(match trust {
        Trust::System => CertificatePolicy::SystemRoots,
        Trust::CaFile(path) => CertificatePolicy::CaFile(path.clone()),
        Trust::Fingerprint(text) => {
            let fingerprint = text.parse().map_err(|error: net::ParseFingerprintError| {
                Failure::new(FailureKind::Request, format!("--fingerprint {text}: {error}"))
            })?;
            CertificatePolicy::Fingerprint(fingerprint)
        }
        Trust::AcceptAll => CertificatePolicy::AcceptAll,
    })
}

/// Likewise.
pub(super) fn mechanism(mechanism: Mechanism) -> mail_client::Mechanism {
    match mechanism {
        Mechanism::Auto => mail_client::Mechanism::Auto,
        Mechanism::Plain => mail_client::Mechanism::Plain,
        Mechanism::Login => mail_client::Mechanism::Login,
        Mechanism::CramMd5 => mail_client::Mechanism::CramMd5,
        Mechanism::ScramSha256 => mail_client::Mechanism::ScramSha256,
        Mechanism::XOAuth2 => mail_client::Mechanism::XOAuth2,
        Mechanism::Apop => mail_client::Mechanism::Apop,
        Mechanism::KerioMaster => mail_client::Mechanism::KerioMaster,
    }
}
