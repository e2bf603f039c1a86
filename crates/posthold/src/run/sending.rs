//! The outgoing half of a server profile: what mail is sent by, and a test of it step by step.
//!
//! Rules: a step that cannot be tried is told as not run, with the reason; the login goes out only
//! after the connection is what the profile asks for; a message is sent only when the caller gives
//! one.

use commands::{Failure, Half, Security, TestStep};
use mail_client::{
    Letter, Server, SmtpAccount, SmtpConnection, SmtpLogin, SmtpSettings, Timeouts, Told,
};
use net::Stream;
use types::Secret;

use super::profile_test::{of_net, of_source};
use super::{archive, faults};

/// The steps, in order.
const STEPS: [&str; 5] =
    ["outgoing resolve", "outgoing connect", "outgoing tls", "outgoing login", MESSAGE];

const MESSAGE: &str = "outgoing message";

/// What mail is sent by: the half at this server, with a login when there is one.
pub(super) fn account(
    half: &Half,
    server: Server,
    login: Option<(String, Secret)>,
) -> Result<SmtpAccount, Failure> {
    let (security, _) = half.resolved();
    let settings = SmtpSettings {
        server,
        security: match security {
            Security::Tls => mail_client::Security::ImplicitTls,
            Security::StartTls => mail_client::Security::StartTls,
            Security::Plain => mail_client::Security::Plain,
        },
        certificates: archive::certificates(&half.trust)?,
        login: login.map(|(name, secret)| SmtpLogin { name, secret }),
        mechanism: archive::mechanism(half.mechanism),
        hello: None,
        timeouts: half.timeout.map_or_else(Timeouts::default, archive::timeouts),
    };
    SmtpAccount::new(settings).map_err(|it| faults::source(&it))
}

/// Every step; those behind one that failed were not run. `domain` stands for `^0`. What the
/// connection warns of goes to `warnings`.
pub(super) async fn tried(
    half: &Half,
    login: Option<(String, Secret)>,
    domain: Option<&str>,
    letter: Option<&Letter<'_>>,
    warnings: &mut Vec<String>,
) -> Result<Vec<TestStep>, Failure> {
    let mut steps = Vec::new();
    let connected = connected(half, login, domain, &mut steps).await?;
    if let Some(mut connection) = connected {
        let message = match letter {
            Some(letter) => sent(&mut connection, letter).await,
            None => TestStep::not_run(MESSAGE, "no message was asked for"),
        };
        steps.push(message);
        let told = connection.warnings();
        warnings.extend(told.into_iter().map(|it| if it.ends_with('.') { it } else { it + "." }));
        connection.close().await;
    }
    for name in STEPS.iter().skip(steps.len()) {
        steps.push(TestStep::not_run(name, "a step before it failed"));
    }
    Ok(steps)
}

/// The steps up to the login; `None` when one of them failed.
async fn connected(
    half: &Half,
    login: Option<(String, Secret)>,
    domain: Option<&str>,
    steps: &mut Vec<TestStep>,
) -> Result<Option<SmtpConnection>, Failure> {
    let [resolve, connect, tls, log_in, _] = STEPS;
    let (security, port) = half.resolved();
    let Some(host) = half.host.host_for(domain) else {
        let hint = "Name an account with --login whose domain can stand for it.".to_owned();
        steps.push(TestStep::failure(resolve, "^0 stands for no domain here", Some(hint)));
        return Ok(None);
    };
    let server = Server { host, port };
    match net::resolve(&server).await {
        Ok(found) => {
            let addresses: Vec<String> = found.iter().map(|it| it.ip().to_string()).collect();
            steps.push(TestStep::success(resolve, addresses.join(", ")));
        }
        Err(error) => {
            steps.push(of_net(resolve, &error));
            return Ok(None);
        }
    }
    let name = login.as_ref().map(|(name, _)| name.clone());
    let account = account(half, server.clone(), login)?;
    let stream = match Stream::connect(&server, account.deadlines()).await {
        Ok(stream) => stream,
        Err(error) => {
            steps.push(of_net(connect, &error));
            return Ok(None);
        }
    };
    let greeted = match account.greet_over(stream).await {
        Ok(greeted) => greeted,
        Err(error) if security == Security::Plain => {
            steps.push(of_source(connect, &error));
            return Ok(None);
        }
        Err(error) => {
            steps.push(TestStep::success(connect, server.to_string()));
            steps.push(of_source(tls, &error));
            return Ok(None);
        }
    };
    steps.push(TestStep::success(connect, server.to_string()));
    steps.push(match greeted.encryption() {
        Some(encryption) => TestStep::success(tls, encryption),
        None => TestStep::not_run(tls, "the connection is not encrypted"),
    });
    match greeted.log_in().await {
        Ok(connection) => {
            steps.push(match name {
                Some(name) => {
                    let how = connection.describe().login;
                    TestStep::success(log_in, format!("{name}, by {how}"))
                }
                None => TestStep::not_run(log_in, "no login is kept or given (--login)"),
            });
            Ok(Some(connection))
        }
        Err(error) => {
            steps.push(of_source(log_in, &error));
            Ok(None)
        }
    }
}

/// Hands a message in. One refused recipient makes it a failure.
async fn sent(connection: &mut SmtpConnection, letter: &Letter<'_>) -> TestStep {
    let answers = match connection.send(letter).await {
        Ok(answers) => answers,
        Err(error) => return of_source(MESSAGE, &error),
    };
    let named = letter.recipients.iter().zip(&answers);
    let not_taken: Vec<String> = named
        .filter_map(|(recipient, answer)| match answer {
            Told::Accepted(_) => None,
            Told::Later { text, .. } => Some(format!("{recipient}: {text}, for now")),
            Told::Refused(text) => Some(format!("{recipient}: {text}")),
        })
        .collect();
    if not_taken.is_empty() {
        return TestStep::success(MESSAGE, format!("sent to {}", letter.recipients.join(", ")));
    }
    let hint = "Check sender and recipients. A server that says \"for now\" may take the same \
                message in some minutes.";
    TestStep::failure(MESSAGE, not_taken.join("; "), Some(hint.to_owned()))
}
