//! Reception of mail by SMTP: what a job of that kind does for as long as it runs.
//!
//! Rules:
//! - It listens until it is stopped; what is under way then is given a moment to end.
//! - It has the store only while a message is under way, so that nobody waits for it at night, and
//!   takes another one when the log stopped writing.
//! - Users who are added or changed count from the next message on.
//! - A run is kept for each day on which anything came, and its counts while it lasts.

mod delivery;
mod diary;
mod keeper;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use archiver::{ReceptionCounts, SortOptions};
use commands::{
    ExcludedCounts, Failure, FailureKind, Progress, ProgressSink, RunAnswer, RunOutcome, Security,
    SmtpAccess, SmtpReception, SmtpRecipients,
};
use net::{Listener, TlsServer};
use smtpd::{
    Access, BareLineEnds, ClearLogin, Config, Encryption, Limits, Policy, Recipients, Server,
    StartTls, TlsRule,
};
use state::JobId;
use tokio::sync::watch;
use types::Secret;

use crate::context::Context;
use delivery::OneLogin;
use diary::Diary;
use keeper::Keeper;

/// How often counts are kept with the run.
const NOTE_EVERY: Duration = Duration::from_secs(15);

/// What a job takes in, with everything that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    /// The job.
    pub(crate) job: JobId,
    /// Its name.
    pub(crate) name: String,
    /// What it says.
    pub(crate) source: SmtpReception,
    /// The password of its clients.
    pub(crate) password: Option<Secret>,
}

/// Takes in mail until it is stopped.
pub(crate) async fn receive(
    context: &Context,
    reception: Reception,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<RunAnswer, Failure> {
    let keeper = Keeper::new(context, &reception, title).await?;
    let mut diary = Diary::new(context, &reception, title);
    let (stop, stopped) = watch::channel(false);
    let mut servers = Vec::new();
    let mut at = Vec::new();
    for address in &reception.source.listen {
        let listener = bind(address).await?;
        at.push(listener.address());
        let server = Server::new(
            config(&reception)?,
            encryption(&reception.source)?,
            keeper.clone(),
            OneLogin::new(reception.source.login.clone(), reception.password.clone()),
            stopped.clone(),
        );
        servers.push(tokio::spawn(server.run(listener)));
    }
    let places: Vec<String> = at.iter().map(SocketAddr::to_string).collect();
    // Whoever started it and went may still want it.
    let told = format!("{} takes mail in at {}.", reception.name, places.join(", "));
    let _ = progress.send(Progress::Notice(told));
    loop {
        tokio::select! {
            () = context.stop.cancelled() => break,
            () = tokio::time::sleep(NOTE_EVERY) => diary.note(&keeper).await,
        }
    }
    stop.send_replace(true);
    for server in servers {
        if let Err(error) = server.await {
            tracing::warn!(%error, "the reception ended badly");
        }
    }
    diary.end(&keeper).await;
    Ok(answer(keeper.counts()))
}

/// What was received, as the answer of a run.
fn answer(counts: ReceptionCounts) -> RunAnswer {
    let ReceptionCounts { archived, already, unclaimed, failed, .. } = counts;
    let failures = (failed > 0).then(|| {
        format!("{failed} times a message could not be stored; its sender was told to come again.")
    });
    RunAnswer {
        outcome: if failed == 0 { RunOutcome::Succeeded } else { RunOutcome::Partial },
        cancelled: false,
        archived,
        already,
        excluded: ExcludedCounts { unknown_address: unclaimed, ..ExcludedCounts::default() },
        quarantined: 0,
        removal: None,
        insecure: Vec::new(),
        warnings: Vec::from_iter(failures),
        mailboxes: Vec::new(),
        searchable: true,
    }
}

async fn bind(text: &str) -> Result<Listener, Failure> {
    let wrong = |message| Failure::new(FailureKind::Configuration, message);
    let address: SocketAddr =
        text.parse().map_err(|_| wrong(format!("{text:?} is no address with a port")))?;
    Listener::bind(address).await.map_err(|error| {
        wrong(format!("failed to listen at {text}: {error}"))
            .with_hint("Another program may listen there. `ss -ltnp` shows them.")
    })
}

fn encryption(source: &SmtpReception) -> Result<Encryption, Failure> {
    let files = || -> Result<TlsServer, Failure> {
        let missing = |what: &str| {
            Failure::new(FailureKind::Configuration, format!("the job has no {what}"))
                .with_hint("Give the files with --certificate and --key.")
        };
        let certificate: &PathBuf =
            source.certificate.as_ref().ok_or_else(|| missing("certificate"))?;
        let key: &PathBuf = source.key.as_ref().ok_or_else(|| missing("key of its certificate"))?;
        TlsServer::from_files(certificate, key)
            .map_err(|it| Failure::chain(FailureKind::Configuration, &it))
    };
    Ok(match source.security {
        Security::Plain => Encryption::Clear,
        Security::StartTls => Encryption::StartTls(files()?),
        Security::Tls => Encryption::FromStart(files()?),
    })
}

fn config(reception: &Reception) -> Result<Config, Failure> {
    let source = &reception.source;
    let wrong = |error: smtpd::ParsePolicyError| {
        Failure::new(FailureKind::Configuration, error.to_string())
    };
    let networks = source.networks.iter().map(|it| it.parse().map_err(wrong));
    let senders = source.senders.iter().map(|it| it.parse().map_err(wrong));
    let plain = source.security == Security::Plain;
    let policy = Policy {
        networks: networks.collect::<Result<_, _>>()?,
        access: match source.access {
            SmtpAccess::Network => Access::Network,
            SmtpAccess::Login => Access::Login,
            SmtpAccess::NetworkAndLogin => Access::NetworkAndLogin,
            SmtpAccess::NetworkOrLogin => Access::NetworkOrLogin,
        },
        tls: if plain { TlsRule::Optional } else { TlsRule::Required },
        clear_login: if plain { ClearLogin::OnLoopback } else { ClearLogin::Never },
        senders: senders.collect::<Result<_, _>>()?,
        recipients: match &source.recipients {
            SmtpRecipients::Known => Recipients::Asked,
            SmtpRecipients::Any => Recipients::Any,
            SmtpRecipients::Listed(listed) => Recipients::Listed(
                listed.iter().map(|it| it.parse().map_err(wrong)).collect::<Result<_, _>>()?,
            ),
        },
        bare_line_ends: BareLineEnds::Keep,
    };
    let limits = Limits { message_bytes_max: source.size_max, ..Limits::default() };
    Ok(Config { host_name: host_name(), start_tls: StartTls::Absent, policy, limits })
}

/// What this machine is called.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().to_owned();
    let fits = !name.is_empty() && name.bytes().all(|it| it.is_ascii_graphic());
    if fits { name } else { "posthold".to_owned() }
}

/// How a job sorts. The caller owns the data directory.
fn sort_options(context: &Context, reception: &Reception) -> Result<SortOptions, Failure> {
    crate::run::sort_options(&context.data, &reception.source.sorting, Some(reception.job))
}
