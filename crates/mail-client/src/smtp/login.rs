//! From the greeting to a session that may send: EHLO, STARTTLS, login.
//!
//! Rules: what a server offered before encryption is forgotten after it; a server that refuses to
//! encrypt gets no password in the clear instead.

use std::collections::BTreeMap;

use ports::{SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::account::SmtpAccount;
use super::authenticate::log_in;
use super::connection::SmtpConnection;
use super::session::Session;
use crate::security::Security;
use crate::trouble;

/// From a stream that has just been connected to where a password may be sent.
pub(crate) async fn prepare(
    mut session: Session,
    account: &SmtpAccount,
) -> Result<Session, SourceError> {
    greet(&mut session).await?;
    say_hello(&mut session, account).await?;
    if session.stream().tls().is_none() {
        session = encrypt(session, account).await?;
    }
    Ok(session)
}

/// Logs in, where the account has a login.
pub(crate) async fn finish(
    mut session: Session,
    account: &SmtpAccount,
) -> Result<SmtpConnection, SourceError> {
    let method = match &account.settings().login {
        Some(login) => Some(log_in(&mut session, account.settings(), login).await?),
        None => None,
    };
    Ok(SmtpConnection::new(session, method))
}

async fn greet(session: &mut Session) -> Result<(), SourceError> {
    const HINT: &str = "Is this the port of an SMTP server? Usual ones are 465 (TLS from the \
                        first byte) and 587 (STARTTLS).";
    let deadline = session.timeouts().login;
    let Ok(greeting) = timeout(deadline, session.greeting()).await else {
        let message = format!("{} does not greet", session.server());
        return Err(trouble::transient(message).with_hint(
            "Check the port: servers that encrypt from the start (465) wait for the client.",
        ));
    };
    let greeting = greeting.map_err(|error| match error.kind() {
        SourceErrorKind::Protocol => error.with_hint(HINT),
        _ => error,
    })?;
    match greeting.code {
        220 => Ok(()),
        _ => Err(session.refused("the connection", &greeting)),
    }
}

/// EHLO, or HELO at a server that does not know it: then there are no extensions.
async fn say_hello(session: &mut Session, account: &SmtpAccount) -> Result<(), SourceError> {
    let name = account.hello();
    let reply = session.run(&format!("EHLO {name}")).await?;
    if reply.is_done() {
        let named = reply.lines.iter().skip(1).map(|it| extension(it)).collect();
        session.set_extensions(named);
        return Ok(());
    }
    if reply.is_for_now() {
        return Err(session.refused("to talk", &reply));
    }
    let reply = session.run(&format!("HELO {name}")).await?;
    session.set_extensions(BTreeMap::new());
    if reply.is_done() { Ok(()) } else { Err(session.refused("to talk", &reply)) }
}

/// `AUTH PLAIN LOGIN`, also in the spelling of old servers, `AUTH=PLAIN LOGIN`.
fn extension(line: &str) -> (String, String) {
    let (name, parameters) = line.split_once([' ', '=']).unwrap_or((line, ""));
    (name.to_ascii_uppercase(), parameters.trim().to_owned())
}

async fn encrypt(mut session: Session, account: &SmtpAccount) -> Result<Session, SourceError> {
    let offered = session.extension("STARTTLS").is_some();
    let tls = match (account.settings().security, account.tls()) {
        (Security::StartTls | Security::StartTlsIfOffered, Some(tls)) if offered => tls,
        (Security::StartTls, _) => {
            return Err(trouble::configuration(
                format!("{} does not offer STARTTLS", session.server()),
                "Use TLS from the first byte (port 465) if the server offers it.",
            ));
        }
        (Security::StartTlsIfOffered, _) if !session.server().is_loopback() => {
            return Err(trouble::configuration(
                format!("{} offers no encryption", session.server()),
                "Use TLS from the first byte (port 465) if the server offers it.",
            ));
        }
        _ => return Ok(session),
    };
    let reply = session.run("STARTTLS").await?;
    if reply.code != 220 {
        return Err(session.refused("STARTTLS", &reply));
    }
    let mut session = session.start_tls(tls).await?;
    say_hello(&mut session, account).await?;
    Ok(session)
}
