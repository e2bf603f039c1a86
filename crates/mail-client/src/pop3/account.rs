//! An account at a POP3 server, and how to reach it.

use net::{CertificatePolicy, Server, Stream};
use ports::{Connect, SourceError};
use types::Secret;

use super::connection::Pop3Connection;
use super::login;
use super::session::Session;
use crate::account::{Account, Greeted, Protocol, Reach};
use crate::sasl::Mechanism;
use crate::security::{Security, Timeouts};
use crate::server_url::{Scheme, ServerUrl};

/// Everything that an account is reached and opened with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pop3Settings {
    /// Where.
    pub server: Server,
    /// How the connection is protected.
    pub security: Security,
    /// Which certificates are accepted.
    pub certificates: CertificatePolicy,
    /// Whose password it is: the account's own login, or that of a master user.
    pub login: String,
    /// Whose mailbox is opened, when not that of `login` (RFC 4616 §2, `authzid`).
    pub authzid: Option<String>,
    /// The password, or the access token for [`Mechanism::XOAuth2`].
    pub secret: Secret,
    /// How the login is proven.
    pub mechanism: Mechanism,
    /// How long waits may take.
    pub timeouts: Timeouts,
}

impl Pop3Settings {
    /// The settings that a URL asks for, everything else as most accounts need it.
    #[must_use]
    pub fn new(url: &ServerUrl, secret: Secret) -> Pop3Settings {
        Pop3Settings {
            server: url.server.clone(),
            security: match url.scheme {
                Scheme::Imaps | Scheme::Pop3s => Security::ImplicitTls,
                Scheme::Imap | Scheme::Pop3 => Security::StartTlsIfOffered,
            },
            certificates: CertificatePolicy::SystemRoots,
            login: url.login.clone(),
            authzid: None,
            secret,
            mechanism: url.mechanism,
            timeouts: Timeouts::default(),
        }
    }
}

/// An account at a POP3 server. Most servers let it have one session at a time (RFC 1939 §4).
pub type Pop3Account = Account<Pop3Settings>;

/// A server that has greeted, over the encryption that was agreed. Nobody is logged in.
pub type Pop3Greeted<'a> = Greeted<'a, Pop3Settings>;

impl Protocol for Pop3Settings {
    type Greeted = login::Greeted;
    type Connection = Pop3Connection;

    fn reach(&self) -> Reach<'_> {
        let Pop3Settings { server, security, certificates, timeouts, .. } = self;
        Reach { server, security: *security, certificates, timeouts: *timeouts }
    }

    async fn prepare(stream: Stream, account: &Pop3Account) -> Result<login::Greeted, SourceError> {
        login::prepare(Session::new(stream, account.settings().timeouts), account).await
    }

    async fn finish(
        greeted: login::Greeted,
        account: &Pop3Account,
    ) -> Result<Pop3Connection, SourceError> {
        let (session, method) = login::finish(greeted, account).await?;
        Ok(Pop3Connection::new(session, method))
    }

    fn stream(greeted: &login::Greeted) -> &Stream {
        greeted.session.stream()
    }
}

impl Connect for Pop3Account {
    type Source = Pop3Connection;

    async fn connect(&self) -> Result<Pop3Connection, SourceError> {
        let connection = self.open().await?;
        Ok(connection.again_by(self.clone()))
    }
}
