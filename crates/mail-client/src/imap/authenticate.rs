//! Proving who we are: choosing a mechanism, carrying its exchange, understanding a refusal.
//!
//! Rules: a password goes out in clear only over TLS, to this machine, or because the caller asked
//! for a plain connection; a server that does not prove itself where it must gets no password by
//! another way; throttling is no refusal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use net::{CertificatePolicy, Server};
use ports::{SourceError, SourceErrorKind};

use super::account::ImapSettings;
use super::capability::Capabilities;
use super::command::Command;
use super::kerio;
use super::limits::{IDLE_REPLIES_MAX, INITIAL_RESPONSE_BYTES_MAX};
use super::reply::{Code, Reply, Status, StatusKind};
use super::session::Session;
use super::trouble;
use crate::sasl::{Credentials, Exchange, Mechanism, SaslError, nonce};
use crate::security;

/// What proves a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    Sasl(Mechanism),
    /// The LOGIN command (RFC 9051 §6.2.3).
    LoginCommand,
    /// The master password of Kerio Connect.
    KerioMaster,
}

impl Method {
    fn is_cleartext(self) -> bool {
        match self {
            Method::Sasl(mechanism) => mechanism.is_cleartext(),
            Method::LoginCommand => true,
            Method::KerioMaster => false,
        }
    }

    /// Its name, for reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Sasl(mechanism) => mechanism.name(),
            Method::LoginCommand => "LOGIN command",
            Method::KerioMaster => "X-MASTERAUTH",
        }
    }
}

/// Logs in, and returns how.
pub(crate) async fn log_in(
    session: &mut Session,
    settings: &ImapSettings,
) -> Result<Method, SourceError> {
    let method = choose(session, settings)?;
    if method.is_cleartext() {
        security::check_cleartext(session.stream(), settings.security, "imaps://")?;
    }
    let refused = match prove(session, settings, method).await {
        Ok(()) => return Ok(method),
        Err(refused) => refused,
    };
    let fallback = fallback(session, settings, method, &refused);
    let Some(fallback) = fallback else { return Err(refused) };
    match prove(session, settings, fallback).await {
        Ok(()) => {
            session.warn(format!(
                "the server refused {} and accepted {}: it offers what it cannot do",
                method.name(),
                fallback.name()
            ));
            Ok(fallback)
        }
        Err(_) => Err(refused),
    }
}

/// Servers offer SCRAM also for accounts whose password they only keep hashed in another way.
/// Over TLS with a certificate that was checked, PLAIN tells a proven server what it must know
/// anyway. A server that failed to prove itself gets nothing.
fn fallback(
    session: &Session,
    settings: &ImapSettings,
    method: Method,
    refused: &SourceError,
) -> Option<Method> {
    let applies = settings.mechanism == Mechanism::Auto
        && method == Method::Sasl(Mechanism::ScramSha256)
        && refused.kind() == SourceErrorKind::Credentials
        && session.stream().tls().is_some()
        && settings.certificates != CertificatePolicy::AcceptAll
        && session.capabilities().has("AUTH=PLAIN");
    applies.then_some(Method::Sasl(Mechanism::Plain))
}

fn choose(session: &Session, settings: &ImapSettings) -> Result<Method, SourceError> {
    let capabilities = session.capabilities();
    let offers = |it: Mechanism| capabilities.has(&format!("AUTH={}", it.name()));
    let acts_for_another = settings.authzid.is_some();
    let asked = settings.mechanism;
    if acts_for_another && asked != Mechanism::Auto && !asked.takes_authzid() {
        return Err(trouble::configuration(
            format!("{asked} cannot act for another account"),
            "PLAIN and SCRAM-SHA-256 can.",
        ));
    }
    // The LOGIN command opens the mailboxes of its login, never another's.
    let may_log_in = !capabilities.has("LOGINDISABLED") && !acts_for_another;
    let method = match asked {
        Mechanism::Auto => {
            let authzid = settings.authzid.as_deref();
            let order = Mechanism::order(session.stream(), &settings.certificates, authzid);
            let found = order.iter().copied().find(|it| offers(*it)).map(Method::Sasl);
            found.or(may_log_in.then_some(Method::LoginCommand))
        }
        // It is not among the capabilities.
        Mechanism::KerioMaster => Some(Method::KerioMaster),
        Mechanism::Login if !offers(Mechanism::Login) && may_log_in => Some(Method::LoginCommand),
        asked => offers(asked).then_some(Method::Sasl(asked)),
    };
    method.ok_or_else(|| no_method(capabilities, settings, session.server()))
}

fn no_method(capabilities: &Capabilities, settings: &ImapSettings, server: &Server) -> SourceError {
    let offered: Vec<&str> =
        capabilities.names().filter_map(|it| it.strip_prefix("AUTH=")).collect();
    let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
    if capabilities.has("LOGINDISABLED") && settings.mechanism == Mechanism::Auto {
        return trouble::configuration(
            format!("{server} takes no password on this connection (LOGINDISABLED)"),
            "It wants encryption: use imaps://, or imap:// without --plain.",
        );
    }
    trouble::not_offered(server, settings.mechanism, settings.authzid.as_deref(), &offered)
}

async fn prove(
    session: &mut Session,
    settings: &ImapSettings,
    method: Method,
) -> Result<(), SourceError> {
    // What is offered now may change with the login.
    let before = session.capabilities().clone();
    let status = match method {
        Method::LoginCommand => {
            let (user, password) = (settings.login.as_str(), &settings.secret);
            let command = Command::Login { user, password };
            let mut fresh = false;
            let status = session.run(&command, |it| {
                fresh |= matches!(it, Reply::Capability(_));
                Ok(())
            });
            let status = status.await?;
            (status, fresh)
        }
        Method::KerioMaster => (kerio::log_in(session, settings).await?, false),
        Method::Sasl(mechanism) => authenticate(session, settings, mechanism, &before).await?,
    };
    let (status, fresh) = status;
    if status.kind != StatusKind::Ok {
        return Err(login_refused(session, &status));
    }
    let in_code = status.code.as_ref().is_some_and(|it| it.name() == "CAPABILITY");
    if !fresh && !in_code {
        session.forget_capabilities();
    }
    Ok(())
}

/// Carries a SASL exchange (RFC 9051 §6.2.2). Returns the tagged status, and whether
/// capabilities came with it.
async fn authenticate(
    session: &mut Session,
    settings: &ImapSettings,
    mechanism: Mechanism,
    offered: &Capabilities,
) -> Result<(Status, bool), SourceError> {
    let credentials = Credentials {
        login: &settings.login,
        authzid: settings.authzid.as_deref(),
        secret: &settings.secret,
    };
    let mut exchange = Exchange::new(mechanism, &credentials, &nonce()?).map_err(trouble::unfit)?;
    let mut initial = None;
    if mechanism.is_client_first() && offered.has("SASL-IR") {
        let response = BASE64.encode(exchange.respond(b"").map_err(trouble::unfit)?);
        initial = Some(response);
    }
    let inline = initial.as_deref().filter(|it| it.len() <= INITIAL_RESPONSE_BYTES_MAX);
    let command = Command::Authenticate { mechanism: mechanism.name(), initial: inline };
    session.begin()?;
    session.send(&command).await?;
    // A response that was too long for the command's line answers the first prompt.
    let mut held = initial.as_ref().filter(|_| inline.is_none()).cloned();
    let mut fresh = false;
    let mut failed: Option<SaslError> = None;
    for _ in 0..IDLE_REPLIES_MAX {
        match session.reply().await? {
            Reply::Continue(challenge) => {
                let line = match held.take() {
                    Some(response) => response,
                    None => match answer(&mut exchange, &challenge) {
                        Ok(response) => response,
                        Err(error) => {
                            failed = Some(error);
                            "*".to_owned()
                        }
                    },
                };
                session.write(format!("{line}\r\n").as_bytes()).await?;
            }
            Reply::Tagged { tag, status } => {
                session.complete(&tag)?;
                session.settle();
                return finish(status, fresh, &exchange, failed);
            }
            reply => fresh |= matches!(reply, Reply::Capability(_)),
        }
    }
    Err(session.endless())
}

fn answer(exchange: &mut Exchange, challenge: &[u8]) -> Result<String, SaslError> {
    // Some servers put text into the first, empty prompt: what is no base64 is no challenge.
    let challenge = BASE64.decode(challenge).unwrap_or_default();
    exchange.respond(&challenge).map(|it| BASE64.encode(it))
}

fn finish(
    status: Status,
    fresh: bool,
    exchange: &Exchange,
    failed: Option<SaslError>,
) -> Result<(Status, bool), SourceError> {
    if let Some(error) = failed {
        return Err(trouble::distrust(&error));
    }
    if status.kind != StatusKind::Ok {
        let Some(refusal) = exchange.refusal() else { return Ok((status, fresh)) };
        let text = format!("{} {}", status.text, trouble::shown(refusal.as_bytes()));
        return Ok((Status { text, ..status }, fresh));
    }
    exchange.finish().map_err(|error| trouble::distrust(&error))?;
    Ok((status, fresh))
}

/// What a refused login means.
pub(crate) fn login_refused(session: &Session, status: &Status) -> SourceError {
    let server = session.server();
    let reason = session.reason(status);
    if let Some(kind) = trouble::throttled(status) {
        let message = format!("{server} wants a pause before it takes a login: {reason}");
        return trouble::paused(kind, status, message)
            .with_hint("This is no wrong password. Wait, then run again.");
    }
    let code = status.code.as_ref().map(Code::name);
    // RFC 5530 §3.
    let (kind, message, hint) = match code {
        Some("PRIVACYREQUIRED") => (
            SourceErrorKind::Configuration,
            format!("{server} wants encryption before a login: {reason}"),
            "Use imaps://, or imap:// without --plain.",
        ),
        Some("EXPIRED") => (
            SourceErrorKind::Credentials,
            format!("the password for {server} has expired: {reason}"),
            "Change it at the server, then give the new one with --password-file.",
        ),
        Some("AUTHORIZATIONFAILED") => (
            SourceErrorKind::Credentials,
            format!("{server} took the password, but not for this account: {reason}"),
            "The login may not act for the account whose mailboxes were asked for.",
        ),
        _ if status.kind == StatusKind::Bad => (
            SourceErrorKind::Configuration,
            format!("{server} did not understand the login: {reason}"),
            "Name another mechanism.",
        ),
        _ => (
            SourceErrorKind::Credentials,
            format!("{server} refused login or password: {reason}"),
            "Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some \
             providers want an app password or an access token there.",
        ),
    };
    SourceError::new(kind, message).with_hint(hint)
}
