//! An account at an IMAP server, and how to reach it.

use net::{CertificatePolicy, Server, Stream};
use ports::{Connect, SourceError};
use types::Secret;

use super::connection::ImapConnection;
use super::login;
use super::session::Session;
use crate::account::{Account, Greeted, Protocol, Reach};
use crate::sasl::Mechanism;
use crate::security::{Security, Timeouts};
use crate::server_url::{Scheme, ServerUrl};

/// Everything that an account is reached and opened with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImapSettings {
    /// Where.
    pub server: Server,
    /// How the connection is protected.
    pub security: Security,
    /// Which certificates are accepted.
    pub certificates: CertificatePolicy,
    /// Whose password it is: the account's own login, or that of a master user.
    pub login: String,
    /// Whose mailboxes are opened, when not those of `login` (RFC 4616 §2, `authzid`).
    pub authzid: Option<String>,
    /// The password, or the access token for [`Mechanism::XOAuth2`].
    pub secret: Secret,
    /// How the login is proven.
    pub mechanism: Mechanism,
    /// Asks for COMPRESS=DEFLATE (RFC 4978) where it is offered.
    pub compress: bool,
    /// How long waits may take.
    pub timeouts: Timeouts,
}

impl ImapSettings {
    /// The settings that a URL asks for, everything else as most accounts need it.
    #[must_use]
    pub fn new(url: &ServerUrl, secret: Secret) -> ImapSettings {
        ImapSettings {
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
            compress: false,
            timeouts: Timeouts::default(),
        }
    }
}

/// An account at an IMAP server. Its connections share TLS sessions.
pub type ImapAccount = Account<ImapSettings>;

/// A server that has greeted, over the encryption that was agreed. Nobody is logged in.
pub type ImapGreeted<'a> = Greeted<'a, ImapSettings>;

impl Protocol for ImapSettings {
    type Greeted = login::Greeted;
    type Connection = ImapConnection;

    fn reach(&self) -> Reach<'_> {
        let ImapSettings { server, security, certificates, timeouts, .. } = self;
        Reach { server, security: *security, certificates, timeouts: *timeouts }
    }

    async fn prepare(stream: Stream, account: &ImapAccount) -> Result<login::Greeted, SourceError> {
        login::prepare(Session::new(stream, account.settings().timeouts), account).await
    }

    async fn finish(
        greeted: login::Greeted,
        account: &ImapAccount,
    ) -> Result<ImapConnection, SourceError> {
        login::finish(greeted, account).await
    }

    fn stream(greeted: &login::Greeted) -> &Stream {
        greeted.session.stream()
    }
}

impl Connect for ImapAccount {
    type Source = ImapConnection;

    async fn connect(&self) -> Result<ImapConnection, SourceError> {
        self.open().await
    }
}
