//! A client and a scripted SMTP server at the two ends of a pipe.

use mail_client::{
    CertificatePolicy, Letter, Mechanism, Security, Server, SmtpAccount, SmtpConnection, SmtpLogin,
    SmtpSettings, Timeouts, Told,
};
use net::Stream;
use ports::SourceError;
use testkit::scripted::{Delivery, Played, Speech, play};
use tokio::io::duplex;
use types::Secret;

/// A server that takes mail without a login.
pub(crate) const OPEN: &str = "
    S: 220 mail.example.org ESMTP
    C: EHLO [127.0.0.1]
    S: 250-mail.example.org
    S: 250-SIZE 1000
    S: 250 8BITMIME
";

/// No login, at a server that counts as this machine.
pub(crate) fn settings() -> SmtpSettings {
    SmtpSettings {
        server: Server { host: "127.0.0.1".into(), port: 587 },
        security: Security::Plain,
        certificates: CertificatePolicy::SystemRoots,
        login: None,
        mechanism: Mechanism::Auto,
        hello: None,
        timeouts: Timeouts::default(),
    }
}

/// `alice` with the password `secret`.
pub(crate) fn with_login() -> SmtpSettings {
    let login = SmtpLogin { name: "alice".into(), secret: Secret::new("secret".into()) };
    SmtpSettings { login: Some(login), ..settings() }
}

/// Plays `script` to a client that logs in and then does what `client` does.
pub(crate) async fn with<T>(
    script: &str,
    settings: SmtpSettings,
    delivery: Delivery,
    client: impl AsyncFnOnce(&mut SmtpConnection) -> Result<T, SourceError>,
) -> (Result<T, SourceError>, Played) {
    let (near, far) = duplex(1 << 20);
    let client = async move {
        let account = SmtpAccount::new(settings)?;
        let stream = Stream::over(near, account.settings().server.clone(), account.deadlines());
        let mut connection = account.connect_over(stream).await?;
        let result = client(&mut connection).await;
        connection.close().await;
        result
    };
    tokio::join!(client, play(Speech::Smtp, script, far, delivery))
}

/// Recipients of these names.
pub(crate) fn to(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| format!("{it}@example.org")).collect()
}

/// A message to these recipients.
pub(crate) fn letter<'a>(recipients: &'a [String], message: &'a str) -> Letter<'a> {
    Letter { sender: "archive@example.org", recipients, message: message.as_bytes() }
}

/// Answers, or an error with its hint, as lines.
pub(crate) fn shown(result: &Result<Vec<Told>, SourceError>) -> String {
    match result {
        Ok(answers) => answers.iter().map(|it| format!("{it:?}\n")).collect(),
        Err(error) => {
            let hint = error.hint().map(|it| format!("hint: {it}\n")).unwrap_or_default();
            format!("{:?}: {error}\n{hint}", error.kind())
        }
    }
}
