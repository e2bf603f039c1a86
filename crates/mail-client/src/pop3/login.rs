//! From the greeting to a session that is logged in: STLS, login, capabilities.
//!
//! Rules: what a server offered before encryption or login is forgotten after it; a server that
//! refuses to encrypt gets no password in the clear instead.

use ports::{SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::account::Pop3Account;
use super::authenticate::log_in;
use super::capability::Capabilities;
use super::command::Command;
use super::limits::CAPABILITIES_MAX;
use super::session::Session;
use crate::security::Security;
use crate::trouble;

/// A session that is encrypted as agreed. Nobody is logged in.
#[derive(Debug)]
pub struct Greeted {
    pub(crate) session: Session,
    /// What the server greeted with: APOP proves the password by it (RFC 1939 §7).
    greeting: String,
}

/// From a stream that has just been connected to where the password may be sent.
pub(crate) async fn prepare(
    mut session: Session,
    account: &Pop3Account,
) -> Result<Greeted, SourceError> {
    let greeting = greet(&mut session).await?;
    refresh_capabilities(&mut session).await?;
    if session.stream().tls().is_none() {
        session = encrypt(session, account).await?;
    }
    Ok(Greeted { session, greeting })
}

/// Logs in. Tells how the login was proven.
pub(crate) async fn finish(
    greeted: Greeted,
    account: &Pop3Account,
) -> Result<(Session, &'static str), SourceError> {
    let Greeted { mut session, greeting } = greeted;
    if session.capabilities().has("UTF8") {
        // Refused or not, we go on.
        session.run(Command::Utf8).await?;
    }
    let method = log_in(&mut session, account.settings(), &greeting).await?;
    let before = session.capabilities().clone();
    refresh_capabilities(&mut session).await?;
    if !session.capabilities().are_known() {
        session.set_capabilities(before);
    }
    if session.capabilities().expires_at_once() {
        session.warn(
            "the server may remove what was fetched (EXPIRE 0); the session is ended without a \
             goodbye, so that it does not"
                .into(),
        );
    }
    Ok((session, method))
}

/// The text of the greeting.
async fn greet(session: &mut Session) -> Result<String, SourceError> {
    const HINT: &str = "Is this the port of a POP3 server?";
    let deadline = session.timeouts().login;
    let Ok(greeting) = timeout(deadline, session.reply()).await else {
        let message = format!("{} does not greet", session.server());
        return Err(trouble::transient(message).with_hint(
            "Check the port: servers that encrypt from the start wait for the client (pop3s://).",
        ));
    };
    let greeting = greeting.map_err(|error| match error.kind() {
        SourceErrorKind::Protocol => error.with_hint(HINT),
        _ => error,
    })?;
    if greeting.is_ok { Ok(greeting.text) } else { Err(session.ended(&greeting)) }
}

/// Asks for capabilities. A server that does not know the question has none that are known.
async fn refresh_capabilities(session: &mut Session) -> Result<(), SourceError> {
    let deadline = session.timeouts().command;
    let server = session.server().clone();
    let asked = timeout(deadline, capabilities(session)).await;
    let asked = asked.unwrap_or_else(|_| Err(trouble::too_slow("capabilities", &server)))?;
    session.set_capabilities(asked);
    Ok(())
}

async fn capabilities(session: &mut Session) -> Result<Capabilities, SourceError> {
    let reply = session.run(Command::Capa).await?;
    if !reply.is_ok {
        return Ok(Capabilities::default());
    }
    session.begin()?;
    let mut lines = Vec::new();
    while let Some(line) = session.list_line().await? {
        lines.push(String::from_utf8_lossy(line).into_owned());
        if lines.len() > CAPABILITIES_MAX {
            return Err(trouble::protocol("the server lists capabilities without end".into()));
        }
    }
    session.settle();
    Ok(Capabilities::new(lines.iter().map(String::as_str)))
}

async fn encrypt(mut session: Session, account: &Pop3Account) -> Result<Session, SourceError> {
    let security = account.settings().security;
    let offered = session.capabilities().has("STLS");
    let tls = match (security, account.tls()) {
        (Security::StartTls | Security::StartTlsIfOffered, Some(tls)) if offered => tls,
        (Security::StartTls, _) => {
            return Err(trouble::configuration(
                format!("{} does not offer STLS", session.server()),
                "Use pop3s:// if the server offers it.",
            ));
        }
        (Security::StartTlsIfOffered, _) if !session.server().is_loopback() => {
            return Err(trouble::configuration(
                format!("{} offers no encryption", session.server()),
                "Use pop3s://. --plain sends the password where others can read it.",
            ));
        }
        _ => return Ok(session),
    };
    let reply = session.run(Command::Stls).await?;
    if !reply.is_ok {
        let message = format!("{} refused STLS: {}", session.server(), reply.shown());
        return Err(match reply.pause(None) {
            Some(kind) => SourceError::new(kind, message),
            None => trouble::configuration(message, "Use pop3s:// if the server offers it."),
        });
    }
    let mut session = session.start_tls(tls).await?;
    refresh_capabilities(&mut session).await?;
    Ok(session)
}
