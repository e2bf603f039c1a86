//! A real Postfix that takes mail of those whom a real Dovecot knows.

use expect_test::expect;
use mail_client::{
    CertificatePolicy, Mechanism, Security, Server, SmtpAccount, SmtpLogin, SmtpSettings, Told,
};
use ports::SourceErrorKind;
use testkit::dovecot::PASSWORD;
use testkit::peers::free_port;
use testkit::{Dovecot, DovecotOptions, Postfix};
use types::Secret;

use super::wire::{letter, settings};

struct Servers {
    dovecot: Dovecot,
    postfix: Postfix,
}

impl Servers {
    fn start_or_leave_out() -> Option<Servers> {
        let logins = free_port();
        let options = DovecotOptions { logins: Some(logins), ..DovecotOptions::default() };
        let dovecot = Dovecot::start_with_or_leave_out(options)?;
        let postfix = Postfix::submission_or_leave_out(logins, dovecot.certificates())?;
        Some(Servers { dovecot, postfix })
    }

    fn settings(&self, security: Security) -> SmtpSettings {
        let address = match security {
            Security::ImplicitTls => self.postfix.encrypted(),
            _ => self.postfix.address(),
        };
        let login = SmtpLogin { name: "alice".into(), secret: Secret::new(PASSWORD.into()) };
        SmtpSettings {
            server: Server { host: address.ip().to_string(), port: address.port() },
            security,
            certificates: CertificatePolicy::CaFile(self.dovecot.ca_file()),
            login: Some(login),
            ..settings()
        }
    }
}

const MESSAGE: &str = "Subject: hi\r\n\r\n.dot\r\n..\r\nend\r\n";

#[tokio::test]
async fn mail_is_submitted_and_arrives() {
    let Some(servers) = Servers::start_or_leave_out() else { return };
    let every = [
        (Security::ImplicitTls, Mechanism::Auto, "SCRAM-SHA-256"),
        (Security::StartTls, Mechanism::Plain, "PLAIN"),
        (Security::StartTls, Mechanism::Login, "LOGIN"),
        (Security::StartTls, Mechanism::CramMd5, "CRAM-MD5"),
    ];
    let recipients = ["alice@example.test", "nobody@example.test"].map(str::to_owned);
    for (security, mechanism, want) in every {
        let settings = SmtpSettings { mechanism, ..servers.settings(security) };
        let mut connection = SmtpAccount::new(settings).unwrap().open().await.unwrap();
        let described = connection.describe();
        assert_eq!(described.login, want);
        assert!(described.encryption.unwrap().starts_with("TLS 1.3"));
        let answers = connection.send(&letter(&recipients, MESSAGE)).await.unwrap();
        assert!(matches!(&answers[0], Told::Accepted(it) if it.contains("queued")), "{answers:?}");
        assert!(matches!(&answers[1], Told::Refused(it) if it.contains("5.1.1")), "{answers:?}");
        connection.close().await;
    }
    let arrived = servers.postfix.delivered("alice");
    for mail in arrived {
        let text = String::from_utf8(mail).unwrap();
        assert!(text.ends_with(&MESSAGE.replace("\r\n", "\n")), "{text}");
    }
}

#[tokio::test]
async fn what_postfix_refuses_is_understood() {
    let Some(servers) = Servers::start_or_leave_out() else { return };
    let wrong = SmtpLogin { name: "alice".into(), secret: Secret::new("wrong".into()) };
    let settings = SmtpSettings { login: Some(wrong), ..servers.settings(Security::StartTls) };
    let error = SmtpAccount::new(settings).unwrap().open().await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Credentials, "{error}");

    // Nothing is offered before encryption.
    let settings = servers.settings(Security::Plain);
    let error = SmtpAccount::new(settings).unwrap().open().await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Configuration, "{error}");

    let settings = SmtpSettings { login: None, ..servers.settings(Security::StartTls) };
    let mut connection = SmtpAccount::new(settings).unwrap().open().await.unwrap();
    let recipients = ["alice@example.test".to_owned()];
    let answers = connection.send(&letter(&recipients, MESSAGE)).await.unwrap();
    expect![[r#"
        Refused("554 5.7.1 <alice@example.test>: Recipient address rejected: Access denied")
    "#]]
    .assert_eq(&super::wire::shown(&Ok(answers)));
    let large = "x".repeat(100_001);
    let answers = connection.send(&letter(&recipients, &large)).await.unwrap();
    expect![[r#"
        Refused("the message has 100003 bytes, and the server takes 100000")
    "#]]
    .assert_eq(&super::wire::shown(&Ok(answers)));
    connection.close().await;
}
