//! An account at an IMAP server, and how to reach it.

use std::fmt;

use net::{CertificatePolicy, Deadlines, Server, Stream, TlsClient};
use ports::{Connect, SourceError};
use tokio::time::timeout;
use types::Secret;

use super::connection::ImapConnection;
use super::session::Session;
use super::{login, trouble};
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
#[derive(Clone)]
pub struct ImapAccount {
    settings: ImapSettings,
    tls: Option<TlsClient>,
}

impl fmt::Debug for ImapAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapAccount").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ImapAccount {
    /// An account with these settings. Reads the certificates that they name; connects to
    /// nothing. Fails with `Configuration` when they cannot be read.
    pub fn new(settings: ImapSettings) -> Result<ImapAccount, SourceError> {
        let tls = match settings.security {
            Security::Plain => None,
            _ => Some(TlsClient::new(&settings.certificates).map_err(trouble::net)?),
        };
        Ok(ImapAccount { settings, tls })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &ImapSettings {
        &self.settings
    }

    pub(crate) fn tls(&self) -> Option<&TlsClient> {
        self.tls.as_ref()
    }

    /// The deadlines of this account's streams.
    #[must_use]
    pub fn deadlines(&self) -> Deadlines {
        let Timeouts { connect, idle, .. } = self.settings.timeouts;
        Deadlines { connect, idle }
    }

    /// Logs in over a connection that was made in another way: a tunnel, or a pipe in a test.
    /// It is not encrypted yet; with [`Security::ImplicitTls`] the handshake comes first.
    pub async fn connect_over(&self, stream: Stream) -> Result<ImapConnection, SourceError> {
        self.greet_over(stream).await?.log_in().await
    }

    /// The first half of [`connect_over`](Self::connect_over): TLS and the greeting. Nothing
    /// secret has been sent then.
    pub async fn greet_over(&self, stream: Stream) -> Result<ImapGreeted<'_>, SourceError> {
        let Timeouts { connect, login, .. } = self.settings.timeouts;
        // The greeting has a login's time of its own.
        let greeted = timeout(connect + login, async {
            let stream = match (self.settings.security, &self.tls) {
                (Security::ImplicitTls, Some(tls)) => {
                    stream.start_tls(tls).await.map_err(trouble::net)?
                }
                _ => stream,
            };
            login::prepare(Session::new(stream, self.settings.timeouts), self).await
        });
        let greeted = greeted.await;
        let greeted =
            greeted.unwrap_or_else(|_| Err(trouble::too_slow("greet", &self.settings.server)));
        Ok(ImapGreeted { account: self, greeted: greeted? })
    }
}

/// A server that has greeted, over the encryption that was agreed. Nobody is logged in.
#[derive(Debug)]
pub struct ImapGreeted<'a> {
    account: &'a ImapAccount,
    greeted: login::Greeted,
}

impl ImapGreeted<'_> {
    /// `TLS 1.3, SHA256:...`, or `None` without encryption.
    #[must_use]
    pub fn encryption(&self) -> Option<String> {
        let session = &self.greeted.session;
        session.stream().tls().map(|tls| match login::fingerprint(session) {
            Some(fingerprint) => format!("{}, {fingerprint}", tls.version),
            None => tls.version.to_owned(),
        })
    }

    /// Logs in.
    pub async fn log_in(self) -> Result<ImapConnection, SourceError> {
        let ImapGreeted { account, greeted } = self;
        let Timeouts { login, .. } = account.settings.timeouts;
        let opened = timeout(login, login::finish(greeted, account)).await;
        opened.unwrap_or_else(|_| Err(trouble::too_slow("login", &account.settings.server)))
    }
}

impl Connect for ImapAccount {
    type Source = ImapConnection;

    async fn connect(&self) -> Result<ImapConnection, SourceError> {
        let stream = Stream::connect(&self.settings.server, self.deadlines()).await;
        self.connect_over(stream.map_err(trouble::net)?).await
    }
}
