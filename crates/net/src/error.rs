//! What can go wrong between two machines, and what a person can do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::fingerprint::Fingerprint;
use crate::stream::Server;

/// What the caller of a connection can do about an error.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NetErrorKind {
    /// Ask for another name: this host is not in the DNS.
    UnknownHost,
    /// Ask for another port: nothing listens there.
    Refused,
    /// Try again later: no answer in time.
    Timeout,
    /// Try again later: the connection was cut.
    Reset,
    /// Ask a person: the server's certificate was not accepted.
    Certificate {
        /// What to pin when the certificate is the right one.
        fingerprint: Fingerprint,
        /// Why it was not accepted.
        reason: String,
    },
    /// Ask a person: the server does not speak TLS as we do, or sent bytes where it must not.
    Tls,
    /// Ask a person: a certificate file cannot be used.
    Settings,
    /// Ask a person: the server answered something else than it was asked for.
    Answer,
    /// Look at the cause: the network failed in another way.
    Io,
}

/// A connection failed.
#[derive(Debug)]
pub struct NetError {
    kind: NetErrorKind,
    message: String,
    hint: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl NetError {
    pub(crate) fn new(kind: NetErrorKind, message: impl Into<String>) -> NetError {
        NetError { kind, message: message.into(), hint: None, cause: None }
    }

    pub(crate) fn hint_is(mut self, hint: impl Into<String>) -> NetError {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn caused_by(
        mut self,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> NetError {
        self.cause = Some(cause.into());
        self
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> &NetErrorKind {
        &self.kind
    }

    /// What a person can do: a sentence.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// No answer within the deadline while doing `what`.
    pub(crate) fn timeout(what: &str, server: &Server) -> NetError {
        NetError::new(NetErrorKind::Timeout, format!("{server} gave no answer in time ({what})"))
    }

    /// The peer closed the connection.
    pub(crate) fn closed(server: &Server) -> NetError {
        NetError::new(NetErrorKind::Reset, format!("{server} closed the connection"))
    }

    /// An I/O error on a connection that was made.
    pub(crate) fn io(cause: io::Error, server: &Server) -> NetError {
        use io::ErrorKind as Io;
        let error = match cause.kind() {
            Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::UnexpectedEof => {
                let message = format!("the connection to {server} was cut");
                NetError::new(NetErrorKind::Reset, message)
            }
            Io::TimedOut => NetError::timeout("the network gave up", server),
            Io::InvalidData => NetError::new(
                NetErrorKind::Tls,
                format!("the encrypted connection to {server} is broken"),
            ),
            _ => NetError::new(NetErrorKind::Io, format!("the connection to {server} failed")),
        };
        error.caused_by(cause)
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for NetError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|it| it as &(dyn StdError + 'static))
    }
}
