//! How a connection to a mail server is protected, and how long it may keep silent.

use std::time::Duration;

use net::Stream;
use ports::SourceError;

use crate::trouble;

/// How a connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// TLS from the first byte (RFC 8314 §3.2).
    ImplicitTls,
    /// STARTTLS, or STLS; without it there is no connection.
    StartTls,
    /// STARTTLS, or STLS, where the server offers it. Where it does not, only a server on this
    /// machine is talked to.
    StartTlsIfOffered,
    /// None, on purpose.
    Plain,
}

/// How long waits may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// TCP connection; the TLS handshake has as long again.
    pub connect: Duration,
    /// Until the greeting comes; from there to the end of the login as long again.
    pub login: Duration,
    /// One wait for bytes; also one line.
    pub idle: Duration,
    /// A command that moves no messages, answer included; of one that does, the longest time
    /// without a message.
    pub command: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(30),
            login: Duration::from_mins(2),
            idle: Duration::from_mins(5),
            command: Duration::from_mins(30),
        }
    }
}

/// How a connection is encrypted: `TLS 1.3, SHA256:...`; `None` without encryption.
pub(crate) fn encryption(stream: &Stream) -> Option<String> {
    let tls = stream.tls()?;
    Some(match &tls.fingerprint {
        Some(fingerprint) => format!("{}, {fingerprint}", tls.version),
        None => tls.version.to_owned(),
    })
}

/// Lets a password go out over this stream, or says which kind of URL (`encrypted`) to use
/// instead: without encryption only to this machine, or when somebody asked for it.
pub(crate) fn check_cleartext(
    stream: &Stream,
    security: Security,
    encrypted: &str,
) -> Result<(), SourceError> {
    if stream.tls().is_some() || stream.server().is_loopback() || security == Security::Plain {
        return Ok(());
    }
    Err(trouble::configuration(
        format!("no password is sent to {} without encryption", stream.server()),
        &format!("Use {encrypted}. --plain sends the password where others can read it."),
    ))
}
