//! `archive`: one account at a mail server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use archiver::{ArchiveOptions, Limits, RetryQuarantined, RunReport, Target};
use commands::{
    Account, Answer, Archive, Compression, Failure, FailureKind, FolderChoice, FolderScope,
    Mechanism, Plaintext, ProgressSink, Scheme, Trust,
};
use disk::SystemClock;
use mail_client::{CertificatePolicy, ImapAccount, ImapSettings, Security, Server, Timeouts};
use ports::Clock;
use rules::{DefaultFolders, Scope};

use super::stores::Writing;
use super::{blocking, faults, ownership, report, users};
use crate::context::{Context, STORE_NAME};

/// Archives an account.
pub(super) async fn archive(
    context: &Context,
    request: Archive,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    // What is wrong with the request is said before anything is made.
    let scope = scope(&request.folders)?;
    let account = account(&request)?;
    let _owned = ownership::take(context, title, progress).await?;
    let data = context.data.clone();
    let name = request.user.clone();
    let user = blocking(move || users::find_or_make(&data, &name)).await?;
    let writing = Writing::open(context).await?;
    let root = request.root.clone().unwrap_or_else(|| opened_account(&request).to_owned());
    let options = ArchiveOptions {
        target: Target { archive: user.archive, user: user.name, root },
        profile: request.account.server(),
        account: opened_account(&request).to_owned(),
        title: title.to_owned(),
        scope,
        connections: request.connections,
        // Somebody asked for this run.
        quarantine: RetryQuarantined::All,
        cancel: context.stop.clone(),
        limits: Limits::default(),
    };
    let (account, clock) = (Arc::new(account), Arc::new(SystemClock));
    let tell = |it| report::tell(progress, &it);
    let (log, catalog) = (writing.log(), writing.catalog());
    let report =
        archiver::archive_account(account, log, catalog, clock, options.clone(), tell).await;
    let confirmed = confirm(&writing, context, &options, &report).await;
    let mut closed = writing.close(request.wait, progress).await;
    closed.warnings.extend(confirmed.err().map(|it| it.message));
    report::of_run(report).map(|it| Answer::Archive(report::with_end(it, closed)))
}

/// Notes when the certificates of complete mailboxes were found to hold. Those that changed are
/// entries of the log and say so themselves; of the others only this is new.
async fn confirm(
    writing: &Writing,
    context: &Context,
    options: &ArchiveOptions,
    report: &RunReport,
) -> Result<(), Failure> {
    let complete = report.mailboxes.iter().filter(|it| it.complete);
    let complete: HashSet<String> = complete.map(|it| it.mailbox.clone()).collect();
    if complete.is_empty() {
        return Ok(());
    }
    let (catalog, data) = (writing.catalog(), context.data.clone());
    let ArchiveOptions { target, profile, account, .. } = options.clone();
    blocking(move || {
        let rows = catalog.certificates(Some(target.archive));
        let rows = rows.map_err(|it| faults::catalog(&it))?;
        let sources: Vec<_> = rows
            .iter()
            .filter(|it| it.profile == profile && it.account == account)
            .filter(|it| complete.contains(&it.mailbox))
            .map(|it| it.certificate.source)
            .collect();
        let confirmed = users::open(&data)?.confirm(STORE_NAME, &sources, SystemClock.now());
        confirmed.map_err(|it| faults::state(&it))
    })
    .await
}

/// Whose mailboxes are opened: cursors are kept under this name.
fn opened_account(request: &Archive) -> &str {
    request.authzid.as_deref().unwrap_or(&request.account.login)
}

fn scope(folders: &FolderChoice) -> Result<Scope, Failure> {
    let defaults = match folders.scope {
        FolderScope::WithoutDiscarded => DefaultFolders::LeftOut,
        FolderScope::All => DefaultFolders::Kept,
    };
    Scope::parse(defaults, &folders.include, &folders.exclude).map_err(|error| {
        Failure::chain(FailureKind::Request, &error)
            .with_hint("`posthold archive --help` shows how folders are named.")
    })
}

fn account(request: &Archive) -> Result<ImapAccount, Failure> {
    let Account { scheme, login, host, port } = request.account.clone();
    let security = match (scheme, request.plaintext) {
        (Scheme::Imaps, _) => Security::ImplicitTls,
        (Scheme::Imap, Plaintext::LoopbackOnly) => Security::StartTlsIfOffered,
        (Scheme::Imap, Plaintext::Always) => Security::Plain,
    };
    let settings = ImapSettings {
        server: Server { host, port },
        security,
        certificates: certificates(&request.trust)?,
        login,
        authzid: request.authzid.clone(),
        secret: request.password.clone(),
        mechanism: mechanism(request.mechanism),
        compress: request.compression == Compression::WhereOffered,
        timeouts: request.timeout.map_or_else(Timeouts::default, timeouts),
    };
    ImapAccount::new(settings).map_err(|it| faults::source(&it))
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
    }
}
