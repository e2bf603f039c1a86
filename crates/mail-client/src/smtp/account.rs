//! A server that mail is sent by, and how to reach it.

use net::{CertificatePolicy, Server, Stream};
use ports::SourceError;
use types::Secret;

use super::connection::SmtpConnection;
use super::login;
use super::session::Session;
use crate::account::{Account, Greeted, Protocol, Reach};
use crate::sasl::Mechanism;
use crate::security::{Security, Timeouts};

/// Everything that a server is reached with to send mail by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmtpSettings {
    /// Where.
    pub server: Server,
    /// How the connection is protected.
    pub security: Security,
    /// Which certificates are accepted.
    pub certificates: CertificatePolicy,
    /// Who logs in; a server may take mail without.
    pub login: Option<SmtpLogin>,
    /// How the login is proven: SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5 or XOAUTH2.
    pub mechanism: Mechanism,
    /// What this machine calls itself (RFC 5321 §4.1.4); `None` is an address.
    pub hello: Option<String>,
    /// How long waits may take.
    pub timeouts: Timeouts,
}

/// A login at the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmtpLogin {
    /// The name.
    pub name: String,
    /// The password, or the access token for [`Mechanism::XOAuth2`].
    pub secret: Secret,
}

/// A server that mail is sent by.
pub type SmtpAccount = Account<SmtpSettings>;

/// A server that has greeted, over the encryption that was agreed. Nobody is logged in.
pub type SmtpGreeted<'a> = Greeted<'a, SmtpSettings>;

impl SmtpAccount {
    /// What this machine calls itself. What is no name becomes an address.
    pub(crate) fn hello(&self) -> &str {
        let is_name = |it: &&str| {
            let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
            !it.is_empty() && it.len() <= 255 && it.chars().all(fits)
        };
        self.settings().hello.as_deref().filter(is_name).unwrap_or("[127.0.0.1]")
    }
}

impl Protocol for SmtpSettings {
    type Greeted = Session;
    type Connection = SmtpConnection;

    fn reach(&self) -> Reach<'_> {
        let SmtpSettings { server, security, certificates, timeouts, .. } = self;
        Reach { server, security: *security, certificates, timeouts: *timeouts }
    }

    async fn prepare(stream: Stream, account: &SmtpAccount) -> Result<Session, SourceError> {
        login::prepare(Session::new(stream, account.settings().timeouts), account).await
    }

    async fn finish(
        greeted: Session,
        account: &SmtpAccount,
    ) -> Result<SmtpConnection, SourceError> {
        login::finish(greeted, account).await
    }

    fn stream(greeted: &Session) -> &Stream {
        greeted.stream()
    }
}
