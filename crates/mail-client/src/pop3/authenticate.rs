//! Proving who we are: choosing a mechanism, carrying its exchange (RFC 5034), understanding a
//! refusal.
//!
//! Rules: a password goes out in clear only over TLS, to this machine, or because the caller asked
//! for a plain connection; a server that does not prove itself where it must gets no password by
//! another way; throttling is no refusal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use net::CertificatePolicy;
use ports::{SourceError, SourceErrorKind};

use super::account::Pop3Settings;
use super::command::Command;
use super::limits::PROMPTS_MAX;
use super::reply::{Reply, no_status};
use super::session::Session;
use crate::sasl::{Credentials, Exchange, Mechanism, SaslError, md5_digest, nonce};
use crate::security;
use crate::trouble;

/// What proves a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Method {
    Sasl(Mechanism),
    /// USER and PASS (RFC 1939 §7).
    UserPass,
    /// APOP (RFC 1939 §7).
    Apop,
}

impl Method {
    fn is_cleartext(self) -> bool {
        match self {
            Method::Sasl(mechanism) => mechanism.is_cleartext(),
            Method::UserPass => true,
            Method::Apop => false,
        }
    }

    /// Its name, for reports.
    fn name(self) -> &'static str {
        match self {
            Method::Sasl(mechanism) => mechanism.name(),
            Method::UserPass => "USER and PASS",
            Method::Apop => "APOP",
        }
    }
}

/// Logs in, and returns how.
pub(crate) async fn log_in(
    session: &mut Session,
    settings: &Pop3Settings,
    greeting: &str,
) -> Result<&'static str, SourceError> {
    let method = choose(session, settings)?;
    if method.is_cleartext() {
        security::check_cleartext(session.stream(), settings.security, "pop3s://")?;
    }
    let refused = match prove(session, settings, method, greeting).await {
        Ok(()) => return Ok(method.name()),
        Err(refused) => refused,
    };
    let Some(fallback) = fallback(session, settings, method, &refused) else { return Err(refused) };
    match prove(session, settings, fallback, greeting).await {
        Ok(()) => {
            session.warn(format!(
                "the server refused {} and accepted {}: it offers what it cannot do",
                method.name(),
                fallback.name()
            ));
            Ok(fallback.name())
        }
        Err(_) => Err(refused),
    }
}

fn offers(session: &Session, mechanism: Mechanism) -> bool {
    let mut offered = session.capabilities().arguments("SASL").iter();
    offered.any(|it| it.eq_ignore_ascii_case(mechanism.name()))
}

/// Servers offer SCRAM also for accounts whose password they only keep hashed in another way.
/// Over TLS with a certificate that was checked, PLAIN tells a proven server what it must know
/// anyway. A server that failed to prove itself gets nothing.
fn fallback(
    session: &Session,
    settings: &Pop3Settings,
    method: Method,
    refused: &SourceError,
) -> Option<Method> {
    let applies = settings.mechanism == Mechanism::Auto
        && method == Method::Sasl(Mechanism::ScramSha256)
        && refused.kind() == SourceErrorKind::Credentials
        && session.stream().tls().is_some()
        && settings.certificates != CertificatePolicy::AcceptAll
        && offers(session, Mechanism::Plain);
    applies.then_some(Method::Sasl(Mechanism::Plain))
}

fn choose(session: &Session, settings: &Pop3Settings) -> Result<Method, SourceError> {
    let acts_for_another = settings.authzid.is_some();
    let asked = settings.mechanism;
    if acts_for_another && asked != Mechanism::Auto && !asked.takes_authzid() {
        return Err(trouble::configuration(
            format!("{asked} cannot act for another account"),
            "PLAIN and SCRAM-SHA-256 can.",
        ));
    }
    // USER opens the mailbox of its login, never another's.
    let may_user = session.capabilities().may_have("USER") && !acts_for_another;
    let method = match asked {
        Mechanism::Auto => {
            let authzid = settings.authzid.as_deref();
            let order = Mechanism::order(session.stream(), &settings.certificates, authzid);
            let found = order.iter().copied().find(|it| offers(session, *it));
            found.map(Method::Sasl).or(may_user.then_some(Method::UserPass))
        }
        Mechanism::Apop => Some(Method::Apop),
        Mechanism::KerioMaster => {
            return Err(trouble::configuration(
                "the master password of Kerio Connect works over IMAP only".into(),
                "Use imaps://.",
            ));
        }
        Mechanism::Login if !offers(session, Mechanism::Login) && may_user => {
            Some(Method::UserPass)
        }
        asked => offers(session, asked).then_some(Method::Sasl(asked)),
    };
    method.ok_or_else(|| no_method(session, settings))
}

fn no_method(session: &Session, settings: &Pop3Settings) -> SourceError {
    let server = session.server();
    let offered = session.capabilities().arguments("SASL").join(", ");
    let is_encrypted = session.stream().tls().is_some();
    if offered.is_empty() && settings.mechanism == Mechanism::Auto && !is_encrypted {
        return trouble::configuration(
            format!("{server} takes no password on this connection"),
            "It wants encryption: use pop3s://, or pop3:// without --plain.",
        );
    }
    let offered = if offered.is_empty() { "none".to_owned() } else { offered };
    trouble::not_offered(server, settings.mechanism, settings.authzid.as_deref(), &offered)
}

async fn prove(
    session: &mut Session,
    settings: &Pop3Settings,
    method: Method,
    greeting: &str,
) -> Result<(), SourceError> {
    let reply = match method {
        Method::Sasl(mechanism) => exchange(session, settings, mechanism).await?,
        Method::UserPass => {
            let user = session.run(Command::User(&settings.login)).await?;
            if !user.is_ok {
                return Err(refused(session, &user));
            }
            session.run(Command::Pass(&settings.secret)).await?
        }
        Method::Apop => {
            let Some(timestamp) = timestamp(greeting) else {
                return Err(trouble::configuration(
                    format!("{} does not offer APOP", session.server()),
                    "Name another mechanism, or none to let us choose.",
                ));
            };
            let digest = md5_digest(timestamp.as_bytes(), &settings.secret);
            session.run(Command::Apop { user: &settings.login, digest: &digest }).await?
        }
    };
    if reply.is_ok { Ok(()) } else { Err(refused(session, &reply)) }
}

/// `<process.clock@host>` in a greeting.
fn timestamp(greeting: &str) -> Option<&str> {
    let start = greeting.find('<')?;
    let end = start + greeting.get(start..)?.find('>')?;
    greeting.get(start..=end).filter(|it| it.is_ascii())
}

/// Carries a SASL exchange. No initial response is sent: some servers only take it after their
/// prompt, and lines are short.
async fn exchange(
    session: &mut Session,
    settings: &Pop3Settings,
    mechanism: Mechanism,
) -> Result<Reply, SourceError> {
    let credentials = Credentials {
        login: &settings.login,
        authzid: settings.authzid.as_deref(),
        secret: &settings.secret,
    };
    let mut exchange = Exchange::new(mechanism, &credentials, &nonce()?).map_err(trouble::unfit)?;
    session.begin()?;
    session.send(&[Command::Auth { mechanism: mechanism.name() }]).await?;
    let mut failed: Option<SaslError> = None;
    for _ in 0..PROMPTS_MAX {
        session.read_line().await?;
        if let Some(reply) = Reply::read(session.line()) {
            session.settle();
            return finish(reply, &exchange, failed);
        }
        let Some(challenge) = session.line().strip_prefix(b"+") else {
            return Err(no_status(session.line()));
        };
        // Some servers put text into the first, empty prompt: what is no base64 is no challenge.
        let challenge = BASE64.decode(challenge.trim_ascii()).unwrap_or_default();
        let line = match exchange.respond(&challenge) {
            Ok(response) => BASE64.encode(response),
            Err(error) => {
                failed = Some(error);
                "*".to_owned()
            }
        };
        session.write(format!("{line}\r\n").as_bytes()).await?;
    }
    Err(trouble::protocol(format!("{} asks in a login without end", session.server())))
}

fn finish(
    reply: Reply,
    exchange: &Exchange,
    failed: Option<SaslError>,
) -> Result<Reply, SourceError> {
    if let Some(error) = failed {
        return Err(trouble::distrust(&error));
    }
    if !reply.is_ok {
        let Some(refusal) = exchange.refusal() else { return Ok(reply) };
        let text = format!("{} {}", reply.text, trouble::shown(refusal.as_bytes()));
        return Ok(Reply { text, ..reply });
    }
    exchange.finish().map_err(|error| trouble::distrust(&error))?;
    Ok(reply)
}

/// What a refused login means (RFC 2449 §8.1, RFC 3206 §4).
fn refused(session: &Session, reply: &Reply) -> SourceError {
    let (server, reason) = (session.server(), reply.shown());
    if reply.code.as_deref() == Some("IN-USE") {
        let kind = SourceErrorKind::Throttled { retry_after: None };
        let message = format!("another session has the mailbox at {server} open: {reason}");
        return reply
            .paused(kind, message)
            .with_hint("This is no wrong password. Wait until it has ended, then run again.");
    }
    if reply.code.as_deref() == Some("SYS/TEMP") {
        return trouble::transient(format!("{server} cannot take a login now: {reason}"))
            .with_hint("This is no wrong password. Wait, then run again.");
    }
    if let Some(kind) = reply.pause(session.capabilities().login_delay()) {
        let message = format!("{server} wants a pause before it takes a login: {reason}");
        return reply
            .paused(kind, message)
            .with_hint("This is no wrong password. Wait, then run again.");
    }
    if reply.code.as_deref() == Some("SYS/PERM") {
        return trouble::configuration(
            format!("{server} cannot open this mailbox: {reason}"),
            "This is no wrong password. Whoever looks after the server has to look.",
        );
    }
    SourceError::new(
        SourceErrorKind::Credentials,
        format!("{server} refused login or password: {reason}"),
    )
    .with_hint(
        "Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some \
         providers want an app password or an access token there.",
    )
}
