//! An account at a mail server, whatever the protocol, and how it is reached.
//!
//! A protocol says how a server is greeted ([`Protocol::prepare`]) and how a login is made
//! ([`Protocol::finish`]); connecting, TLS and the time that both may take are the same for all.

use std::fmt;
use std::future::Future;

use net::{CertificatePolicy, Deadlines, Server, Stream, TlsClient};
use ports::SourceError;
use tokio::time::timeout;

use crate::security::{Security, Timeouts, encryption};
use crate::trouble;

/// What the settings of every protocol have.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    /// Where.
    pub server: &'a Server,
    /// How the connection is protected.
    pub security: Security,
    /// Which certificates are accepted.
    pub certificates: &'a CertificatePolicy,
    /// How long waits may take.
    pub timeouts: Timeouts,
}

/// A protocol, named by the settings of its accounts. Those of this crate are all there are.
pub trait Protocol: Clone + fmt::Debug + Send + Sync + Sized + 'static {
    /// A server that has greeted.
    type Greeted: Send;
    /// A session that is logged in.
    type Connection: Send;

    /// How the account is reached.
    fn reach(&self) -> Reach<'_>;

    /// From a stream, encrypted from the start where that was asked for, to where a password may
    /// be sent.
    fn prepare(
        stream: Stream,
        account: &Account<Self>,
    ) -> impl Future<Output = Result<Self::Greeted, SourceError>> + Send;

    /// Logs in.
    fn finish(
        greeted: Self::Greeted,
        account: &Account<Self>,
    ) -> impl Future<Output = Result<Self::Connection, SourceError>> + Send;

    /// The connection of a server that has greeted.
    fn stream(greeted: &Self::Greeted) -> &Stream;
}

/// An account at a mail server. Its connections share TLS sessions.
#[derive(Clone)]
pub struct Account<P> {
    settings: P,
    tls: Option<TlsClient>,
}

impl<P: fmt::Debug> fmt::Debug for Account<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<P: Protocol> Account<P> {
    /// An account with these settings. Reads the certificates that they name; connects to
    /// nothing. Fails with `Configuration` when they cannot be read.
    pub fn new(settings: P) -> Result<Account<P>, SourceError> {
        let Reach { security, certificates, .. } = settings.reach();
        let tls = match security {
            Security::Plain => None,
            _ => Some(TlsClient::new(certificates).map_err(trouble::net)?),
        };
        Ok(Account { settings, tls })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &P {
        &self.settings
    }

    pub(crate) fn tls(&self) -> Option<&TlsClient> {
        self.tls.as_ref()
    }

    /// The deadlines of this account's streams.
    #[must_use]
    pub fn deadlines(&self) -> Deadlines {
        let Timeouts { connect, idle, .. } = self.settings.reach().timeouts;
        Deadlines { connect, idle }
    }

    /// Logs in over a connection that was made in another way: a tunnel, or a pipe in a test.
    /// It is not encrypted yet; with [`Security::ImplicitTls`] the handshake comes first.
    pub async fn connect_over(&self, stream: Stream) -> Result<P::Connection, SourceError> {
        self.greet_over(stream).await?.log_in().await
    }

    /// The first half of [`connect_over`](Self::connect_over): TLS and the greeting. Nothing
    /// secret has been sent then.
    pub async fn greet_over(&self, stream: Stream) -> Result<Greeted<'_, P>, SourceError> {
        let Reach { server, security, timeouts, .. } = self.settings.reach();
        // The greeting has a login's time of its own.
        let greeted = timeout(timeouts.connect + timeouts.login, async {
            let stream = match (security, &self.tls) {
                (Security::ImplicitTls, Some(tls)) => {
                    stream.start_tls(tls).await.map_err(trouble::net)?
                }
                _ => stream,
            };
            P::prepare(stream, self).await
        });
        let greeted = greeted.await;
        let greeted = greeted.unwrap_or_else(|_| Err(trouble::too_slow("greet", server)));
        Ok(Greeted { account: self, greeted: greeted? })
    }

    /// Connects and logs in.
    pub async fn open(&self) -> Result<P::Connection, SourceError> {
        let stream = Stream::connect(self.settings.reach().server, self.deadlines()).await;
        self.connect_over(stream.map_err(trouble::net)?).await
    }
}

/// A server that has greeted, over the encryption that was agreed. Nobody is logged in.
pub struct Greeted<'a, P: Protocol> {
    account: &'a Account<P>,
    greeted: P::Greeted,
}

impl<P: Protocol> fmt::Debug for Greeted<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeted").field("account", self.account).finish_non_exhaustive()
    }
}

impl<P: Protocol> Greeted<'_, P> {
    /// `TLS 1.3, SHA256:...`, or `None` without encryption.
    #[must_use]
    pub fn encryption(&self) -> Option<String> {
        encryption(P::stream(&self.greeted))
    }

    /// Logs in.
    pub async fn log_in(self) -> Result<P::Connection, SourceError> {
        let Greeted { account, greeted } = self;
        let Reach { server, timeouts, .. } = account.settings.reach();
        let opened = timeout(timeouts.login, P::finish(greeted, account)).await;
        opened.unwrap_or_else(|_| Err(trouble::too_slow("login", server)))
    }
}
