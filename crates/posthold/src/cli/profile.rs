//! `profile ...`.

mod preset;

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use commands::{
    Failure, FailureKind, HalfChange, Mechanism, OutgoingLogin, ProfileChange, ProfileRequest,
    ProfileTest, Protocol, Security, ServerName, Switch, Trust,
};

use super::archive::AuthArg;
use super::{Surroundings, WaitArgs};

/// What is done with profiles.
#[derive(Subcommand, Debug)]
pub(super) enum ProfileCommand {
    /// Makes a server profile
    Add(ChangeArgs),
    /// Changes a server profile; what is not named stays
    Set(ChangeArgs),
    /// Makes a server profile like another, with changes
    Copy {
        /// The one that is there
        from: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Lists the server profiles
    List,
    /// Shows a server profile
    Show {
        /// Its name
        name: String,
    },
    /// Tries a server profile step by step, up to one message; changes nothing there
    Test(TestArgs),
    /// Lets a server profile be used
    Enable(NameArgs),
    /// Keeps a server profile from being used
    Disable(NameArgs),
    /// Gives a server profile another name; cursors and history stay
    Rename {
        /// The name that it has
        from: String,
        /// The name that it gets
        to: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Removes a server profile that no job uses, with its passwords
    Remove(NameArgs),
}

/// A name, for what needs nothing else.
#[derive(Args, Debug)]
pub(super) struct NameArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What is tried.
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Its name
    name: String,
    /// An account to log in with [default: the profile's own login]
    #[arg(long)]
    login: Option<String>,
    /// A file whose first line is its password [default: POSTHOLD_PASSWORD, or a prompt]
    #[arg(long, value_name = "FILE", requires = "login")]
    password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum ProtocolArg {
    Imap,
    Pop3,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum SecurityArg {
    /// By host and port, always encrypted
    Auto,
    /// TLS from the first byte
    Tls,
    Starttls,
    /// Not encrypted
    Plain,
}

impl SecurityArg {
    fn value(self) -> Option<Security> {
        match self {
            SecurityArg::Auto => None,
            SecurityArg::Tls => Some(Security::Tls),
            SecurityArg::Starttls => Some(Security::StartTls),
            SecurityArg::Plain => Some(Security::Plain),
        }
    }
}

/// A change.
#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    /// Its name
    name: String,

    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Follow what is known of a kind of server (`posthold preset list`): only for `add`
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,

    /// The server: `[tls:]HOST[:PORT]`; ^0 in it is the domain of a user's primary address
    #[arg(long)]
    host: Option<String>,

    /// The protocol [default: imap]
    #[arg(long)]
    protocol: Option<ProtocolArg>,

    /// How the connection is protected [default: auto]
    #[arg(long)]
    security: Option<SecurityArg>,

    /// How to log in [default: auto]
    #[arg(long, value_name = "MECHANISM")]
    auth: Option<AuthArg>,

    /// The login, when the profile holds the one that all its accounts use
    #[arg(long)]
    login: Option<String>,

    /// Take login and password out of the profile
    #[arg(long, conflicts_with_all = ["login", "password", "password_file"])]
    no_login: bool,

    /// Take the password from POSTHOLD_PASSWORD, or ask for it
    #[arg(long, conflicts_with = "password_file")]
    password: bool,

    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    #[command(flatten)]
    trust: TrustArgs,

    /// How long the server may keep silent; 0 is as long as is usual
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,

    #[command(flatten)]
    outgoing: OutgoingArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

#[derive(Args, Debug)]
pub(super) struct TrustArgs {
    /// Trust the certificates that the system trusts
    #[arg(long, conflicts_with_all = ["ca_file", "fingerprint", "accept_all_certificates"])]
    system_certificates: bool,

    /// Trust certificates that lead to one in this PEM file
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["fingerprint", "accept_all_certificates"])]
    ca_file: Option<PathBuf>,

    /// Trust the certificate with this SHA-256 fingerprint and no other
    #[arg(long, value_name = "HEX", conflicts_with = "accept_all_certificates")]
    fingerprint: Option<String>,

    /// Trust any certificate; every report warns
    #[arg(long)]
    accept_all_certificates: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Outgoing mail")]
struct OutgoingArgs {
    /// The server that takes mail (SMTP): `[tls:]HOST[:PORT]`
    #[arg(long, value_name = "HOST")]
    outgoing_host: Option<String>,

    /// How that connection is protected
    #[arg(long, value_name = "SECURITY")]
    outgoing_security: Option<SecurityArg>,

    /// How to log in there
    #[arg(long, value_name = "MECHANISM")]
    outgoing_auth: Option<AuthArg>,

    /// Use the login of the incoming server
    #[arg(long, conflicts_with = "outgoing_login")]
    same_for_outgoing: bool,

    /// The login there
    #[arg(long, value_name = "LOGIN")]
    outgoing_login: Option<String>,

    /// Its password: the first line of this file
    #[arg(long, value_name = "FILE")]
    outgoing_password_file: Option<PathBuf>,

    /// Trust certificates that lead to one in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "outgoing_accept_all_certificates")]
    outgoing_ca_file: Option<PathBuf>,

    /// Trust any certificate; every report warns
    #[arg(long)]
    outgoing_accept_all_certificates: bool,

    /// Take the outgoing server out of the profile
    #[arg(long, conflicts_with_all = ["outgoing_host", "outgoing_login"])]
    no_outgoing: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Connections at the same time, for each account, or for all of them when the profile holds
    /// the login [default: 10]
    #[arg(long, value_name = "N")]
    connections: Option<NonZeroU16>,

    /// Megabytes to fetch in a day at most; 0 is without limit [default: 0]
    #[arg(long, value_name = "MB")]
    megabytes_per_day: Option<u64>,

    /// The least time between two visits to one account [default: 0]
    #[arg(long, value_name = "SECONDS")]
    poll_every: Option<u32>,

    /// The first pause after a failure; it doubles with each [default: 0.5]
    #[arg(long, value_name = "SECONDS")]
    pause_first: Option<NonZeroU32>,

    /// The longest pause [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pause_max: Option<NonZeroU32>,
}

/// What is done with presets.
#[derive(Subcommand, Debug)]
pub(super) enum PresetCommand {
    /// Lists the presets
    List,
    /// Shows a preset: hosts, ports, logins, folders, and what to know before
    Show {
        /// Its name
        name: String,
    },
}

impl PresetCommand {
    /// The request.
    pub(super) fn request(self) -> commands::PresetRequest {
        match self {
            PresetCommand::List => commands::PresetRequest::List,
            PresetCommand::Show { name } => commands::PresetRequest::Show(name),
        }
    }
}

impl ProfileCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        match self {
            ProfileCommand::Add(it) | ProfileCommand::Set(it) => it.wait.wait,
            ProfileCommand::Copy { change, .. } => change.wait.wait,
            ProfileCommand::Enable(it)
            | ProfileCommand::Disable(it)
            | ProfileCommand::Remove(it) => it.wait.wait,
            ProfileCommand::Rename { wait, .. } => wait.wait,
            ProfileCommand::List | ProfileCommand::Show { .. } | ProfileCommand::Test(_) => false,
        }
    }

    /// The request.
    pub(super) fn request(
        self,
        surroundings: &dyn Surroundings,
    ) -> Result<ProfileRequest, Failure> {
        Ok(match self {
            ProfileCommand::Add(it) => {
                let (name, change) = change(preset::fill_in(it)?, surroundings)?;
                ProfileRequest::Add(name, change)
            }
            ProfileCommand::Set(it) => {
                let (name, change) = change(it, surroundings)?;
                ProfileRequest::Set(name, change)
            }
            ProfileCommand::Copy { from, change: it } => {
                let (to, change) = change(it, surroundings)?;
                ProfileRequest::Copy { from, to, change }
            }
            ProfileCommand::List => ProfileRequest::List,
            ProfileCommand::Show { name } => ProfileRequest::Show(name),
            ProfileCommand::Test(TestArgs { name, login, password_file }) => {
                let secret = |login: &str| {
                    let prompt = format!("Password of {login}: ");
                    surroundings.password(password_file.as_deref(), &prompt)
                };
                let account = login.map(|it| secret(&it).map(|secret| (it, secret))).transpose()?;
                ProfileRequest::Test(ProfileTest { name, account })
            }
            ProfileCommand::Enable(it) => ProfileRequest::Switch(it.name, Switch::Enabled),
            ProfileCommand::Disable(it) => ProfileRequest::Switch(it.name, Switch::Disabled),
            ProfileCommand::Rename { from, to, .. } => ProfileRequest::Rename { from, to },
            ProfileCommand::Remove(it) => ProfileRequest::Remove(it.name),
        })
    }
}

fn change(
    args: ChangeArgs,
    surroundings: &dyn Surroundings,
) -> Result<(String, Box<ProfileChange>), Failure> {
    let seconds = |it: NonZeroU32| Duration::from_secs(it.get().into());
    let outgoing_login = match (args.outgoing.same_for_outgoing, &args.outgoing.outgoing_login) {
        (true, _) => Some(OutgoingLogin::Same),
        (false, Some(_)) => Some(OutgoingLogin::Own),
        (false, None) => None,
    };
    let no_outgoing = args.outgoing.no_outgoing;
    let limits = &args.limits;
    let change = ProfileChange {
        description: args.description,
        outgoing: outgoing(args.outgoing, surroundings)?,
        no_outgoing,
        outgoing_login,
        connections: limits.connections.map(NonZeroU16::get),
        bytes_per_day: limits.megabytes_per_day.map(|it| match it {
            0 => None,
            megabytes => Some(megabytes.saturating_mul(1_000_000)),
        }),
        poll_every: limits.poll_every.map(|it| Duration::from_secs(it.into())),
        pause_first: limits.pause_first.map(seconds),
        pause_max: limits.pause_max.map(seconds),
        incoming: HalfChange {
            protocol: args.protocol.map(|it| match it {
                ProtocolArg::Imap => Protocol::Imap,
                ProtocolArg::Pop3 => Protocol::Pop3,
            }),
            host: host("--host", args.host.as_deref())?,
            security: args.security.map(SecurityArg::value),
            mechanism: args.auth.map(Mechanism::from),
            login: if args.no_login { Some(None) } else { args.login.map(Some) },
            secret: match (args.password, &args.password_file) {
                (false, None) => None,
                (_, file) => {
                    let prompt = format!("Password of the server profile {}: ", args.name);
                    Some(surroundings.password(file.as_deref(), &prompt)?)
                }
            },
            trust: args.trust.trust(),
            timeout: args.timeout.map(|it| match it {
                0 => None,
                seconds => Some(Duration::from_secs(seconds.into())),
            }),
        },
    };
    Ok((args.name, Box::new(change)))
}

fn outgoing(args: OutgoingArgs, surroundings: &dyn Surroundings) -> Result<HalfChange, Failure> {
    let file = args.outgoing_password_file;
    Ok(HalfChange {
        protocol: None,
        host: host("--outgoing-host", args.outgoing_host.as_deref())?,
        security: args.outgoing_security.map(SecurityArg::value),
        mechanism: args.outgoing_auth.map(Mechanism::from),
        login: if args.same_for_outgoing { Some(None) } else { args.outgoing_login.map(Some) },
        secret: file.map(|it| surroundings.password(Some(&it), "")).transpose()?,
        trust: match args.outgoing_ca_file {
            Some(file) => Some(ca_file(file)),
            None => args.outgoing_accept_all_certificates.then_some(Trust::AcceptAll),
        },
        timeout: None,
    })
}

impl TrustArgs {
    /// Which certificates are taken; `None` names none.
    pub(super) fn trust(self) -> Option<Trust> {
        match (self.ca_file, self.fingerprint) {
            _ if self.accept_all_certificates => Some(Trust::AcceptAll),
            _ if self.system_certificates => Some(Trust::System),
            (_, Some(fingerprint)) => Some(Trust::Fingerprint(fingerprint)),
            (Some(file), None) => Some(ca_file(file)),
            (None, None) => None,
        }
    }
}

/// It is saved, and read wherever a server is started.
fn ca_file(path: PathBuf) -> Trust {
    Trust::CaFile(std::path::absolute(&path).unwrap_or(path))
}

fn host(option: &str, text: Option<&str>) -> Result<Option<ServerName>, Failure> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|error| {
        Failure::new(FailureKind::Request, format!("{option} {text}: {error}"))
            .with_hint("Write HOST, HOST:PORT, or tls:HOST:PORT.")
    })
}
