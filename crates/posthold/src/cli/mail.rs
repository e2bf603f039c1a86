//! `mail ...`.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use commands::{
    Failure, FailureKind, HalfChange, MailChange, MailRequest, Mechanism, OnFailure, Security,
    ServerName, Trust,
};

use super::archive::AuthArg;
use super::job::absolute;
use super::profile::TrustArgs;
use super::{Surroundings, WaitArgs};

/// What is done with outgoing mail.
#[derive(Subcommand, Debug)]
pub(super) enum MailCommand {
    /// Shows through which server mail is sent, to whom, and what waits
    Show,
    /// Changes how mail is sent, without trying it; what is not named stays
    Set(ChangeArgs),
    /// Sends a test message step by step; what is changed is applied when that succeeded
    Test(TestArgs),
    /// Sends no mail any more; what waits is kept
    Remove(WaitArgs),
}

/// What is tried.
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    #[command(flatten)]
    change: ChangeArgs,

    /// Apply the change also when the test fails
    #[arg(long)]
    apply_anyway: bool,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum ProtocolArg {
    /// Not encrypted, at port 587
    Smtp,
    /// STARTTLS, at port 587; without it nothing is sent
    SmtpTls,
    /// TLS from the first byte, at port 465
    SmtpSsl,
}

/// A change.
#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    /// The server that takes mail: its name or address
    #[arg(long, value_name = "HOST")]
    server: Option<String>,

    /// Its port [default: 587, or 465 for smtp-ssl]
    #[arg(long, value_name = "N")]
    port: Option<NonZeroU16>,

    /// How the connection is protected [default: smtp-tls]
    #[arg(long)]
    protocol: Option<ProtocolArg>,

    #[command(flatten)]
    trust: TrustArgs,

    /// How long the server may keep silent; 0 is as long as is usual
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,

    /// The login, where the server wants one; mostly that of a mailbox there
    #[arg(long)]
    login: Option<String>,

    /// Use no login, and forget its password
    #[arg(long, conflicts_with_all = ["login", "password", "password_file"])]
    no_login: bool,

    /// Take the password from POSTHOLD_PASSWORD, or ask for it
    #[arg(long, conflicts_with = "password_file")]
    password: bool,

    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// How to log in [default: auto]
    #[arg(long, value_name = "MECHANISM")]
    auth: Option<AuthArg>,

    /// The address that mail comes from; many servers want one of their own
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,

    /// The name beside it, such as `Posthold on archive1`
    #[arg(long, value_name = "NAME")]
    sender_name: Option<String>,

    /// Who is told of alerts: addresses, separated by commas; empty for nobody
    #[arg(long, value_name = "ADDRESSES")]
    alerts_to: Option<String>,

    /// Who gets the daily report, likewise
    #[arg(long, value_name = "ADDRESSES")]
    daily_to: Option<String>,

    #[command(flatten)]
    wait: WaitArgs,
}

impl MailCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        match self {
            MailCommand::Show => false,
            MailCommand::Set(it) => it.wait.wait,
            MailCommand::Test(it) => it.change.wait.wait,
            MailCommand::Remove(it) => it.wait,
        }
    }

    /// The request.
    pub(super) fn request(self, surroundings: &dyn Surroundings) -> Result<MailRequest, Failure> {
        Ok(match self {
            MailCommand::Show => MailRequest::Show,
            MailCommand::Set(it) => MailRequest::Set(change(it, surroundings)?),
            MailCommand::Test(it) => {
                let on_failure =
                    if it.apply_anyway { OnFailure::Apply } else { OnFailure::Discard };
                MailRequest::Test(change(it.change, surroundings)?, on_failure)
            }
            MailCommand::Remove(_) => MailRequest::Remove,
        })
    }
}

fn change(args: ChangeArgs, surroundings: &dyn Surroundings) -> Result<Box<MailChange>, Failure> {
    let host: Option<ServerName> = args.server.as_deref().map(str::parse).transpose().map_err(
        |error: commands::ServerNameError| {
            Failure::new(FailureKind::Request, format!("--server: {error}"))
        },
    )?;
    // Other processes read it, from other directories.
    let trust = match args.trust.trust() {
        Some(Trust::CaFile(path)) => Some(Trust::CaFile(absolute(path)?)),
        trust => trust,
    };
    let server = HalfChange {
        protocol: None,
        // A new host keeps the port that is named with it, else the usual one.
        host,
        security: args.protocol.map(|it| {
            Some(match it {
                ProtocolArg::Smtp => Security::Plain,
                ProtocolArg::SmtpTls => Security::StartTls,
                ProtocolArg::SmtpSsl => Security::Tls,
            })
        }),
        mechanism: args.auth.map(Mechanism::from),
        login: if args.no_login { Some(None) } else { args.login.map(Some) },
        trust,
        timeout: args.timeout.map(|it| match it {
            0 => None,
            seconds => Some(Duration::from_secs(seconds.into())),
        }),
        // Last, because it may ask a person.
        secret: match (args.password, &args.password_file) {
            (false, None) => None,
            (_, file) => {
                Some(surroundings.password(file.as_deref(), "Password for outgoing mail: ")?)
            }
        },
    };
    Ok(Box::new(MailChange {
        server,
        port: args.port.map(|it| Some(it.get())),
        sender_name: args.sender_name,
        sender_address: args.sender,
        alerts_to: args.alerts_to.as_deref().map(addresses),
        daily_to: args.daily_to.as_deref().map(addresses),
    }))
}

/// Addresses, separated by commas.
fn addresses(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}
