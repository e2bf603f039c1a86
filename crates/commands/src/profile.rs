//! Server profiles: how one kind of server is reached, and how much is asked of it.
//!
//! One shape for every protocol. What it is not: an account (a login at such a server) or a
//! password, which is kept sealed and never stands in a value that is shown.

mod change;
mod server_name;

use std::path::PathBuf;
use std::time::Duration;

use types::Secret;

pub use change::{HalfChange, ProfileChange, check_name};
pub use server_name::{ServerName, ServerNameError};

use crate::request::{Mechanism, Trust};

/// Connections at the same time when a profile does not say.
pub const CONNECTIONS_DEFAULT: u16 = 10;

/// The longest name of a profile or job, in bytes.
pub const NAME_BYTES_MAX: usize = 100;

/// A server profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// What people call it; unique.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether it may be used.
    pub switch: Switch,
    /// Where mail is fetched.
    pub incoming: Half,
    /// Where mail is sent, when it is.
    pub outgoing: Option<Half>,
    /// With which login mail is sent.
    pub outgoing_login: OutgoingLogin,
    /// How much is asked of the server.
    pub limits: ProfileLimits,
}

/// Whether something may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Switch {
    /// It may.
    #[default]
    Enabled,
    /// It may not, until somebody enables it.
    Disabled,
}

/// With which login the outgoing half is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutgoingLogin {
    /// That of the incoming half (`same_for_outgoing`).
    #[default]
    Same,
    /// Its own.
    Own,
}

/// One direction of a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Half {
    /// Which protocol.
    pub protocol: Protocol,
    /// `[tls:]host[:port]`; `^0` stands for the domain of the user's primary address.
    pub host: ServerName,
    /// How the connection is protected; `None` leaves it to host and port, always encrypted.
    pub security: Option<Security>,
    /// How to log in.
    pub mechanism: Mechanism,
    /// The login when the profile holds the credentials, else each account has its own.
    pub login: Option<String>,
    /// Which certificates are taken.
    pub trust: Trust,
    /// How long the server may keep silent; `None` is as long as is usual.
    pub timeout: Option<Duration>,
}

/// A protocol of mail servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// IMAP: ports 143 and 993.
    Imap,
    /// POP3: ports 110 and 995.
    Pop3,
    /// Submission of mail: ports 587 and 465.
    Smtp,
}

impl Protocol {
    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Imap => "imap",
            Protocol::Pop3 => "pop3",
            Protocol::Smtp => "smtp",
        }
    }

    /// The protocol of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Protocol> {
        [Protocol::Imap, Protocol::Pop3, Protocol::Smtp].into_iter().find(|it| it.name() == name)
    }

    /// The port where TLS comes first (RFC 8314 §3), and the other one.
    #[must_use]
    pub fn ports(self) -> (u16, u16) {
        match self {
            Protocol::Imap => (993, 143),
            Protocol::Pop3 => (995, 110),
            Protocol::Smtp => (465, 587),
        }
    }
}

/// How a connection is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// TLS from the first byte (RFC 8314 §3).
    Tls,
    /// STARTTLS; without it there is no connection.
    StartTls,
    /// Not at all.
    Plain,
}

impl Security {
    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Security::Tls => "tls",
            Security::StartTls => "starttls",
            Security::Plain => "plain",
        }
    }

    /// The security of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Security> {
        [Security::Tls, Security::StartTls, Security::Plain]
            .into_iter()
            .find(|it| it.name() == name)
    }
}

impl Half {
    /// How the connection is protected, and its port: what was left open is filled in.
    ///
    /// The secure port of the protocol and the prefix `tls:` both mean TLS from the first byte.
    /// Without anything it is TLS at the secure port; at the protocol's other port STARTTLS.
    #[must_use]
    pub fn resolved(&self) -> (Security, u16) {
        let (secure, other) = self.protocol.ports();
        let security = match (self.security, self.host.port) {
            _ if self.host.tls || self.host.port == Some(secure) => Security::Tls,
            (Some(security), _) => security,
            (None, Some(port)) if port == other => Security::StartTls,
            (None, _) => Security::Tls,
        };
        let port = match security {
            Security::Tls => secure,
            Security::StartTls | Security::Plain => other,
        };
        (security, self.host.port.unwrap_or(port))
    }

    /// What is contradictory in it, if anything: lower case, without a full stop.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let (resolved, _) = self.resolved();
        let asked = self.security?;
        (asked != resolved).then(|| {
            let why = if self.host.tls { "the prefix tls:" } else { "its port" };
            format!("{} of {} means TLS from the first byte, not {}", why, self.host, asked.name())
        })
    }
}

/// How much is asked of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProfileLimits {
    /// Connections at the same time, over everything that [`Profile::counted`] says.
    pub connections: u16,
    /// Bytes fetched in a day at most; `None` is without limit.
    pub bytes_per_day: Option<u64>,
    /// The least time between two visits to one account.
    pub poll_every: Duration,
    /// The pause after the first failure; it doubles with each.
    pub pause_first: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for ProfileLimits {
    fn default() -> ProfileLimits {
        ProfileLimits {
            connections: CONNECTIONS_DEFAULT,
            bytes_per_day: None,
            poll_every: Duration::ZERO,
            pause_first: Duration::from_millis(500),
            pause_max: Duration::from_mins(1),
        }
    }
}

/// Over what the connections of a profile are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// Each account by itself.
    PerAccount,
    /// All of them together: the profile holds the one login that they all use.
    PerProfile,
}

impl Counted {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Counted::PerAccount => "account",
            Counted::PerProfile => "profile",
        }
    }
}

impl Profile {
    /// A profile for this server; everything else as most need it.
    #[must_use]
    pub fn new(name: String, incoming: Half) -> Profile {
        Profile {
            name,
            description: String::new(),
            switch: Switch::Enabled,
            incoming,
            outgoing: None,
            outgoing_login: OutgoingLogin::Same,
            limits: ProfileLimits::default(),
        }
    }

    /// Over what its connections are counted.
    #[must_use]
    pub fn counted(&self) -> Counted {
        match self.incoming.login {
            Some(_) => Counted::PerProfile,
            None => Counted::PerAccount,
        }
    }

    /// Its halves, by name.
    pub fn halves(&self) -> impl Iterator<Item = (HalfName, &Half)> {
        let outgoing = self.outgoing.iter().map(|it| (HalfName::Outgoing, it));
        std::iter::once((HalfName::Incoming, &self.incoming)).chain(outgoing)
    }
}

/// Which half of a profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HalfName {
    /// Where mail is fetched.
    Incoming,
    /// Where mail is sent.
    Outgoing,
}

impl HalfName {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HalfName::Incoming => "incoming",
            HalfName::Outgoing => "outgoing",
        }
    }
}

/// What can be asked of profiles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProfileRequest {
    /// Make one.
    Add(String, Box<ProfileChange>),
    /// Change one.
    Set(String, Box<ProfileChange>),
    /// Make one like another, with changes.
    Copy {
        /// The one that is there.
        from: String,
        /// The name of the new one.
        to: String,
        /// What is different.
        change: Box<ProfileChange>,
    },
    /// List them.
    List,
    /// Show one.
    Show(String),
    /// Try one, step by step.
    Test(ProfileTest),
    /// Let it be used, or not.
    Switch(String, Switch),
    /// Give it another name.
    Rename {
        /// The name that it has.
        from: String,
        /// The name that it gets.
        to: String,
    },
    /// Remove it.
    Remove(String),
}

impl ProfileRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ProfileRequest::Add(..) => "profile add",
            ProfileRequest::Set(..) => "profile set",
            ProfileRequest::Copy { .. } => "profile copy",
            ProfileRequest::List => "profile list",
            ProfileRequest::Show(_) => "profile show",
            ProfileRequest::Test(_) => "profile test",
            ProfileRequest::Switch(_, Switch::Enabled) => "profile enable",
            ProfileRequest::Switch(_, Switch::Disabled) => "profile disable",
            ProfileRequest::Rename { .. } => "profile rename",
            ProfileRequest::Remove(_) => "profile remove",
        }
    }
}

/// Try a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileTest {
    /// Which.
    pub name: String,
    /// An account to log in with, when the profile holds no credentials.
    pub account: Option<(String, Secret)>,
}

/// A profile as it is shown: with what follows from it, without secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileShown {
    /// What is saved.
    pub profile: Profile,
    /// Whether a password is kept for each half: incoming, outgoing.
    pub has_secret: (bool, bool),
    /// Jobs that use it, by name.
    pub jobs: Vec<String>,
    /// What is insecure about it: sentences.
    pub warnings: Vec<String>,
}

/// The file or fingerprint of a trust, as text with the name of its kind.
#[must_use]
pub fn trust_words(trust: &Trust) -> (&'static str, Option<String>) {
    match trust {
        Trust::System => ("system", None),
        Trust::CaFile(path) => ("ca_file", Some(path.to_string_lossy().into_owned())),
        Trust::Fingerprint(text) => ("fingerprint", Some(text.clone())),
        Trust::AcceptAll => ("accept_all", None),
    }
}

/// The trust that [`trust_words`] gave these words for.
#[must_use]
pub fn trust_from_words(kind: &str, value: Option<String>) -> Option<Trust> {
    match (kind, value) {
        ("system", _) => Some(Trust::System),
        ("ca_file", Some(path)) => Some(Trust::CaFile(PathBuf::from(path))),
        ("fingerprint", Some(text)) => Some(Trust::Fingerprint(text)),
        ("accept_all", _) => Some(Trust::AcceptAll),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
