//! Proving who we are (RFC 4954).
//!
//! Rules: a password goes out in clear only over TLS, to this machine, or because the caller asked
//! for a plain connection; a server that does not prove itself where it must gets no password by
//! another way; a refusal for now is no wrong password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use net::CertificatePolicy;
use ports::{SourceError, SourceErrorKind};

use super::account::{SmtpLogin, SmtpSettings};
use super::limits::{AUTH_LINE_BYTES_MAX, PROMPTS_MAX};
use super::reply::Reply;
use super::session::Session;
use crate::sasl::{Credentials, Exchange, Mechanism, SaslError, nonce};
use crate::security;
use crate::trouble;

/// Logs in, and returns how.
pub(crate) async fn log_in(
    session: &mut Session,
    settings: &SmtpSettings,
    login: &SmtpLogin,
) -> Result<&'static str, SourceError> {
    let mechanism = choose(session, settings)?;
    if mechanism.is_cleartext() {
        security::check_cleartext(session.stream(), settings.security, "TLS or STARTTLS")?;
    }
    let refused = match prove(session, login, mechanism).await {
        Ok(()) => return Ok(mechanism.name()),
        Err(refused) => refused,
    };
    // Servers offer SCRAM also for accounts whose password they only keep hashed in another way.
    let plain_will_do = settings.mechanism == Mechanism::Auto
        && mechanism == Mechanism::ScramSha256
        && refused.kind() == SourceErrorKind::Credentials
        && session.stream().tls().is_some()
        && settings.certificates != CertificatePolicy::AcceptAll
        && offers(session, Mechanism::Plain);
    if plain_will_do && prove(session, login, Mechanism::Plain).await.is_ok() {
        session.warn(
            "the server refused SCRAM-SHA-256 and accepted PLAIN: it offers what it cannot do"
                .into(),
        );
        return Ok(Mechanism::Plain.name());
    }
    Err(refused)
}

fn offered(session: &Session) -> &str {
    session.extension("AUTH").unwrap_or_default()
}

fn offers(session: &Session, mechanism: Mechanism) -> bool {
    let mut words = offered(session).split_ascii_whitespace();
    words.any(|it| it.eq_ignore_ascii_case(mechanism.name()))
}

fn choose(session: &Session, settings: &SmtpSettings) -> Result<Mechanism, SourceError> {
    let order = match settings.mechanism {
        Mechanism::Auto => Mechanism::order(session.stream(), &settings.certificates, None),
        ref asked => std::slice::from_ref(asked),
    };
    if let Some(found) = order.iter().copied().find(|it| offers(session, *it)) {
        return Ok(found);
    }
    let (server, offered) = (session.server(), offered(session));
    if offered.is_empty() {
        let hint = match session.stream().tls() {
            Some(_) => "Leave the login out, or use the port for submission (465 or 587).",
            None => "It may want encryption first: use STARTTLS (587) or TLS (465).",
        };
        let message = format!("{server} takes no login on this connection");
        return Err(trouble::configuration(message, hint));
    }
    Err(trouble::not_offered(server, settings.mechanism, None, offered))
}

async fn prove(
    session: &mut Session,
    login: &SmtpLogin,
    mechanism: Mechanism,
) -> Result<(), SourceError> {
    let credentials = Credentials { login: &login.name, authzid: None, secret: &login.secret };
    let mut exchange = Exchange::new(mechanism, &credentials, &nonce()?).map_err(trouble::unfit)?;
    let mut held = None;
    let mut line = format!("AUTH {}", mechanism.name());
    if mechanism.is_client_first() {
        let response = BASE64.encode(exchange.respond(b"").map_err(trouble::unfit)?);
        if line.len() + 1 + response.len() <= AUTH_LINE_BYTES_MAX {
            // RFC 4954 §4: `=` is the empty response.
            line = format!("{line} {}", if response.is_empty() { "=" } else { &response });
        } else {
            held = Some(response);
        }
    }
    let mut reply = session.run(&line).await?;
    let mut failed: Option<SaslError> = None;
    for _ in 0..PROMPTS_MAX {
        if reply.code != 334 {
            return finish(session, &reply, &exchange, failed);
        }
        let answer = held.take().map_or_else(|| answer(&mut exchange, &reply), Ok);
        let line = answer.unwrap_or_else(|error| {
            failed = Some(error);
            "*".to_owned()
        });
        reply = session.run(&line).await?;
    }
    Err(trouble::protocol(format!("{} asks in a login without end", session.server())))
}

fn answer(exchange: &mut Exchange, reply: &Reply) -> Result<String, SaslError> {
    // Some servers put text into the first, empty prompt: what is no base64 is no challenge.
    let challenge = BASE64.decode(reply.text().trim()).unwrap_or_default();
    exchange.respond(&challenge).map(|it| BASE64.encode(it))
}

fn finish(
    session: &Session,
    reply: &Reply,
    exchange: &Exchange,
    failed: Option<SaslError>,
) -> Result<(), SourceError> {
    if let Some(error) = failed {
        return Err(trouble::distrust(&error));
    }
    if !reply.is_done() {
        return Err(refused(session, reply, exchange.refusal()));
    }
    exchange.finish().map_err(|error| trouble::distrust(&error))
}

/// What a refused login means (RFC 4954 §6).
fn refused(session: &Session, reply: &Reply, refusal: Option<&str>) -> SourceError {
    let server = session.server();
    let because = refusal.map(|it| format!(" {}", trouble::shown(it.as_bytes())));
    let reason = reply.shown() + because.as_deref().unwrap_or_default();
    if reply.is_for_now() {
        let message = format!("{server} wants a pause before it takes a login: {reason}");
        return SourceError::new(reply.kind(), message)
            .with_hint("This is no wrong password. Wait, then run again.");
    }
    match reply.code {
        530 | 538 => trouble::configuration(
            format!("{server} wants encryption before a login: {reason}"),
            "Use STARTTLS (587) or TLS from the first byte (465).",
        ),
        534 => trouble::configuration(
            format!("{server} does not take this way to log in: {reason}"),
            "Name another mechanism, or none to let us choose.",
        ),
        500..=504 => trouble::configuration(
            format!("{server} did not understand the login: {reason}"),
            "Name another mechanism.",
        ),
        _ => SourceError::new(
            SourceErrorKind::Credentials,
            format!("{server} refused login or password: {reason}"),
        )
        .with_hint("Check both. Some providers want an app password or an access token there."),
    }
}
