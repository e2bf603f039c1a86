//! From the greeting to a session that is logged in: STARTTLS, login, extensions.
//!
//! Rules: what a server offered before encryption or login is forgotten after it; a server that
//! is logged in before it is encrypted is not believed.

use ports::{SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::account::{ImapAccount, ImapSettings};
use super::authenticate::{Method, log_in};
use super::capability::Capabilities;
use super::command::Command;
use super::connection::{Extensions, ImapConnection};
use super::listing::Namespaces;
use super::reply::{Reply, StatusKind};
use super::session::Session;
use super::trouble;
use crate::security::Security;

/// How the server greeted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Greeting {
    LogIn,
    LoggedIn,
}

/// A session that was greeted and, where it was agreed, encrypted.
#[derive(Debug)]
pub struct Greeted {
    pub(crate) session: Session,
    greeting: Greeting,
}

/// Waits for the greeting and encrypts, on a stream that has just been connected.
pub(crate) async fn prepare(
    mut session: Session,
    account: &ImapAccount,
) -> Result<Greeted, SourceError> {
    let settings = account.settings();
    let greeting = greet(&mut session).await?;
    refresh_capabilities(&mut session).await?;
    if greeting == Greeting::LoggedIn {
        check_early_login(&session, settings)?;
    }
    if session.stream().tls().is_none() && greeting == Greeting::LogIn {
        session = encrypt(session, account).await?;
    }
    Ok(Greeted { session, greeting })
}

/// Logs in.
pub(crate) async fn finish(
    Greeted { mut session, greeting }: Greeted,
    account: &ImapAccount,
) -> Result<ImapConnection, SourceError> {
    let settings = account.settings();
    let method = match greeting {
        Greeting::LogIn => Some(log_in(&mut session, settings).await?),
        Greeting::LoggedIn => None,
    };
    refresh_capabilities(&mut session).await?;
    let extensions = extend(&mut session).await?;
    if settings.compress {
        compress(&mut session).await?;
    }
    Ok(ImapConnection::new(session, extensions, method.map_or("PREAUTH", Method::name)))
}

async fn greet(session: &mut Session) -> Result<Greeting, SourceError> {
    const HINT: &str = "Is this the port of an IMAP server?";
    let deadline = session.timeouts().login;
    let Ok(greeting) = timeout(deadline, session.reply()).await else {
        let message = format!("{} does not greet", session.server());
        return Err(trouble::transient(message).with_hint(
            "Check the port: servers that encrypt from the start wait for the client (imaps://).",
        ));
    };
    let greeting = greeting.map_err(|error| match error.kind() {
        SourceErrorKind::Protocol => error.with_hint(HINT),
        _ => error,
    });
    match greeting? {
        Reply::PreAuth(_) => Ok(Greeting::LoggedIn),
        Reply::Status(status) if status.kind == StatusKind::Ok => Ok(Greeting::LogIn),
        Reply::Status(status) => Err(trouble::bye(session.server(), &status)),
        _ => {
            let error = trouble::undecodable("no greeting", session.framer().text());
            Err(error.with_hint(HINT))
        }
    }
}

/// Asks for capabilities, unless the last answer brought them.
async fn refresh_capabilities(session: &mut Session) -> Result<(), SourceError> {
    if session.capabilities().names().next().is_some() {
        return Ok(());
    }
    let status = session.run(&Command::Capability, |_| Ok(())).await?;
    if status.kind == StatusKind::Ok {
        return Ok(());
    }
    let kind = trouble::throttled(&status).unwrap_or(SourceErrorKind::Protocol);
    let message = format!("the server does not say what it can do: {}", status.shown());
    Err(SourceError::new(kind, message))
}

/// Whoever sits between us and the server can greet with PREAUTH, so that STARTTLS is not
/// possible any more (RFC 9051 §11.3).
fn check_early_login(session: &Session, settings: &ImapSettings) -> Result<(), SourceError> {
    let stream = session.stream();
    let agreed = stream.tls().is_some()
        || settings.security == Security::Plain
        || (settings.security == Security::StartTlsIfOffered && stream.server().is_loopback());
    if agreed {
        return Ok(());
    }
    Err(trouble::configuration(
        format!("{} is logged in before it is encrypted", stream.server()),
        "Use imaps://. If the server is meant to be like that, --plain takes it as it is.",
    ))
}

async fn encrypt(mut session: Session, account: &ImapAccount) -> Result<Session, SourceError> {
    let security = account.settings().security;
    let offered = session.capabilities().has("STARTTLS");
    let tls = match (security, account.tls()) {
        (Security::StartTls, Some(tls)) if offered => tls,
        (Security::StartTlsIfOffered, Some(tls)) if offered => tls,
        (Security::StartTls, _) => {
            return Err(trouble::configuration(
                format!("{} does not offer STARTTLS", session.server()),
                "Use imaps:// if the server offers it.",
            ));
        }
        (Security::StartTlsIfOffered, _) if !session.server().is_loopback() => {
            return Err(trouble::configuration(
                format!("{} offers no encryption", session.server()),
                "Use imaps://. --plain sends the password where others can read it.",
            ));
        }
        _ => return Ok(session),
    };
    let status = session.run(&Command::StartTls, |_| Ok(())).await?;
    if status.kind != StatusKind::Ok {
        let message = format!("{} refused STARTTLS: {}", session.server(), status.shown());
        let error = trouble::configuration(message, "Use imaps:// if the server offers it.");
        return Err(match trouble::throttled(&status) {
            Some(kind) => SourceError::new(kind, error.to_string()),
            None => error,
        });
    }
    let mut session = session.start_tls(tls).await?;
    session.forget_capabilities();
    refresh_capabilities(&mut session).await?;
    Ok(session)
}

/// Asks who the server is, switches extensions on and learns about namespaces: one round trip.
async fn extend(session: &mut Session) -> Result<Extensions, SourceError> {
    let offered = session.capabilities().clone();
    // UTF8=ACCEPT (RFC 6855): without it, messages with UTF-8 headers are hidden or rewritten.
    let utf8 = offered.has("UTF8=ACCEPT") || offered.has("UTF8=ONLY");
    let mut wanted = Vec::new();
    if offered.has("ENABLE") || offered.has("IMAP4REV2") {
        if offered.has("QRESYNC") {
            wanted.push("QRESYNC");
        } else if offered.has("CONDSTORE") {
            wanted.push("CONDSTORE");
        }
        if utf8 {
            wanted.push("UTF8=ACCEPT");
        }
    }
    let mut commands = Vec::new();
    if offered.has("ID") {
        commands.push(Command::Id);
    }
    if !wanted.is_empty() {
        commands.push(Command::Enable { capabilities: &wanted });
    }
    if offered.has("NAMESPACE") || offered.has("IMAP4REV2") {
        commands.push(Command::Namespace);
    }
    let mut enabled = Capabilities::default();
    let mut namespaces = Namespaces::default();
    let mut server_id = Vec::new();
    // A refusal of any of these only means to do without.
    session
        .run_all(&commands, commands.len(), |reply| {
            match reply {
                Reply::Enabled(words) => {
                    enabled = Capabilities::new(words.iter().map(String::as_str));
                }
                Reply::Namespace(found) => namespaces = Namespaces(found),
                Reply::Id(fields) => server_id = fields,
                _ => (),
            }
            Ok(())
        })
        .await?;
    let qresync = enabled.has("QRESYNC");
    Ok(Extensions {
        qresync,
        condstore: offered.has_condstore(),
        utf8_names: enabled.has("UTF8=ACCEPT") || offered.is_rev2_only(),
        namespaces,
        server_id,
    })
}

async fn compress(session: &mut Session) -> Result<(), SourceError> {
    if !session.capabilities().has("COMPRESS=DEFLATE") {
        session.warn("the server offers no compression".into());
        return Ok(());
    }
    let status = session.run(&Command::Compress, |_| Ok(())).await?;
    if status.kind == StatusKind::Ok {
        session.start_deflate();
    } else {
        session.warn(format!("the server refused compression: {}", status.shown()));
    }
    Ok(())
}
