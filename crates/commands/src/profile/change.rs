//! What is changed about a profile; what is not named stays as it is.

use std::time::Duration;

use types::Secret;

use super::{
    Half, HalfName, NAME_BYTES_MAX, OutgoingLogin, Profile, Protocol, Security, ServerName,
};
use crate::failure::{Failure, FailureKind};
use crate::request::{Mechanism, Trust};

/// A change of a profile. `None` leaves a thing as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProfileChange {
    /// Its description.
    pub description: Option<String>,
    /// The incoming half.
    pub incoming: HalfChange,
    /// The outgoing half; made when it is missing and a host is named.
    pub outgoing: HalfChange,
    /// Takes the outgoing half away.
    pub no_outgoing: bool,
    /// With which login mail is sent.
    pub outgoing_login: Option<OutgoingLogin>,
    /// Connections at the same time.
    pub connections: Option<u16>,
    /// Bytes a day; `Some(None)` is without limit.
    pub bytes_per_day: Option<Option<u64>>,
    /// The least time between two visits to one account.
    pub poll_every: Option<Duration>,
    /// The pause after the first failure.
    pub pause_first: Option<Duration>,
    /// The longest pause.
    pub pause_max: Option<Duration>,
}

/// A change of one half.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HalfChange {
    /// Its protocol.
    pub protocol: Option<Protocol>,
    /// Its host.
    pub host: Option<ServerName>,
    /// Its security; `Some(None)` leaves it to host and port.
    pub security: Option<Option<Security>>,
    /// How to log in.
    pub mechanism: Option<Mechanism>,
    /// The login; `Some(None)` takes it away, with its password.
    pub login: Option<Option<String>>,
    /// The password; replaces the one that is kept.
    pub secret: Option<Secret>,
    /// Which certificates are taken.
    pub trust: Option<Trust>,
    /// How long the server may keep silent; `Some(None)` is as long as is usual.
    pub timeout: Option<Option<Duration>>,
}

impl HalfChange {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == HalfChange::default()
    }

    /// The half with this change; without any before, it is made for this host.
    pub(crate) fn apply(&self, half: Option<Half>, protocol: Protocol) -> Result<Half, Failure> {
        let mut half = match (half, &self.host) {
            (Some(half), _) => half,
            (None, Some(host)) => Half {
                protocol,
                host: host.clone(),
                security: None,
                mechanism: Mechanism::Auto,
                login: None,
                trust: Trust::System,
                timeout: None,
            },
            (None, None) => return Err(wrong("there is no host").with_hint(HOST_HINT)),
        };
        set(&mut half.protocol, self.protocol.as_ref());
        set(&mut half.host, self.host.as_ref());
        set(&mut half.security, self.security.as_ref());
        set(&mut half.mechanism, self.mechanism.as_ref());
        set(&mut half.login, self.login.as_ref());
        set(&mut half.trust, self.trust.as_ref());
        set(&mut half.timeout, self.timeout.as_ref());
        if half.login.as_ref().is_some_and(|it| it.is_empty() || it.contains(char::is_control)) {
            return Err(wrong("a login is empty or has control characters"));
        }
        if half.login.is_none() && self.secret.is_some() {
            return Err(wrong("there is a password and no login that it belongs to").with_hint(
                "A profile holds a login with its password, or neither: then each job has its own.",
            ));
        }
        match half.contradiction() {
            None => Ok(half),
            Some(contradiction) => Err(wrong(contradiction)
                .with_hint("Leave --security out, or name another port or no prefix.")),
        }
    }
}

const HOST_HINT: &str = "Name it with --host [tls:]HOST[:PORT].";

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Request, message)
}

fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        *place = value.clone();
    }
}

impl ProfileChange {
    /// The secret that replaces that of this half.
    #[must_use]
    pub fn secret(&self, half: HalfName) -> Option<&Secret> {
        match half {
            HalfName::Incoming => self.incoming.secret.as_ref(),
            HalfName::Outgoing => self.outgoing.secret.as_ref(),
        }
    }

    /// A new profile of this name with this change.
    pub fn begin(&self, name: &str) -> Result<Profile, Failure> {
        let incoming = self.incoming.apply(None, Protocol::Imap)?;
        self.apply(Profile::new(name.to_owned(), incoming))
    }

    /// `profile` with this change. Fails with `Request` when it contradicts itself.
    pub fn apply(&self, mut profile: Profile) -> Result<Profile, Failure> {
        check_name(&profile.name)?;
        profile.incoming = self.incoming.apply(Some(profile.incoming), Protocol::Imap)?;
        if profile.incoming.protocol == Protocol::Smtp {
            return Err(wrong("mail cannot be fetched by SMTP")
                .with_hint("Choose imap or pop3 with --protocol."));
        }
        if self.no_outgoing {
            profile.outgoing = None;
        } else if !self.outgoing.is_empty() {
            profile.outgoing = Some(self.outgoing.apply(profile.outgoing, Protocol::Smtp)?);
        }
        set(&mut profile.outgoing_login, self.outgoing_login.as_ref());
        set(&mut profile.description, self.description.as_ref());
        let limits = &mut profile.limits;
        set(&mut limits.connections, self.connections.as_ref());
        set(&mut limits.bytes_per_day, self.bytes_per_day.as_ref());
        set(&mut limits.poll_every, self.poll_every.as_ref());
        set(&mut limits.pause_first, self.pause_first.as_ref());
        set(&mut limits.pause_max, self.pause_max.as_ref());
        if limits.connections == 0 {
            return Err(wrong("a profile needs at least one connection"));
        }
        if limits.pause_max < limits.pause_first {
            return Err(wrong("the longest pause is shorter than the first"));
        }
        Ok(profile)
    }
}

/// Checks the name of a profile or job: 1 to [`NAME_BYTES_MAX`] bytes, no control characters, no
/// space at its ends.
pub fn check_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() || NAME_BYTES_MAX < name.len() {
        return Err(wrong(format!("a name has 1 to {NAME_BYTES_MAX} bytes")));
    }
    if name.trim() != name || name.contains(char::is_control) {
        return Err(wrong("a name has no control characters, and no space at its ends"));
    }
    Ok(())
}
