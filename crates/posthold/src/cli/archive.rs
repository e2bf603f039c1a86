//! `archive`.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use commands::{
    Account, Archive, Compression, Failure, FailureKind, FolderChoice, FolderScope, Mechanism,
    Plaintext, Scheme, SharedFolders, Trust,
};
use mail_client::ServerUrl;

use super::writing::WriteArgs;
use super::{Surroundings, name_of, user_name, wait_for_views};

/// What is archived, and how.
#[derive(Args, Debug)]
pub(super) struct ArchiveArgs {
    /// The account: `imaps://LOGIN@HOST[:PORT]/`, or `imap://` for STARTTLS; the same with
    /// `pop3s://` and `pop3://`
    url: String,

    /// Whose archive it goes to; the user is made when missing
    #[arg(long, value_name = "NAME")]
    user: String,

    /// The first level of the folder tree [default: the login name]
    #[arg(long)]
    root: Option<String>,

    /// A file whose first line is the password [default: POSTHOLD_PASSWORD, or a prompt]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Archive Trash, Junk, Drafts and Outbox too
    #[arg(long, help_heading = "Folders")]
    all_folders: bool,

    /// Leave out folders of other users and of everybody, as far as the account sees them
    #[arg(long, help_heading = "Folders")]
    no_shared_folders: bool,

    /// Archive only these folders and those below (repeatable): PATH, PATH/. without those
    /// below, ||REGEX or |i|REGEX
    #[arg(long, value_name = "FOLDER", help_heading = "Folders")]
    include: Vec<String>,

    /// Never archive these folders (repeatable, same syntax)
    #[arg(long, value_name = "FOLDER", help_heading = "Folders")]
    exclude: Vec<String>,

    /// Only messages that fit: `younger:90d -larger:20M from:bob` (see docs/reference/filter.md)
    #[arg(long, allow_hyphen_values = true, help_heading = "Folders")]
    filter: Option<String>,

    /// Remove at the server what is archived and proven: `at once`, `after 3 months`, `at once
    /// into Archived/Old` (see docs/reference/removal.md)
    #[arg(long, value_name = "RULE", help_heading = "Folders")]
    remove: Option<String>,

    /// Connections at the same time, at most; POP3 takes one
    #[arg(long, value_name = "N", default_value = "3", help_heading = "Connection")]
    connections: NonZeroU16,

    /// Do not encrypt the connection, even to another machine
    #[arg(long, help_heading = "Connection")]
    plain: bool,

    /// Trust certificates that lead to one in this PEM file
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    #[arg(conflicts_with_all = ["fingerprint", "accept_all_certificates"])]
    ca_file: Option<PathBuf>,

    /// Trust the certificate with this SHA-256 fingerprint and no other
    #[arg(long, value_name = "HEX", help_heading = "Connection")]
    #[arg(conflicts_with = "accept_all_certificates")]
    fingerprint: Option<String>,

    /// Trust any certificate; the report warns
    #[arg(long, help_heading = "Connection")]
    accept_all_certificates: bool,

    /// How to log in [default: auto]
    #[arg(long, value_name = "MECHANISM", help_heading = "Connection")]
    auth: Option<AuthArg>,

    /// Whose mailbox, when LOGIN may open that of others
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    authzid: Option<String>,

    /// Compress the connection where the server offers it
    #[arg(long, help_heading = "Connection")]
    compress: bool,

    /// How long the server may keep silent [default: minutes, by what it is asked]
    #[arg(long, value_name = "SECONDS", help_heading = "Connection")]
    timeout: Option<NonZeroU32>,

    /// Do not wait until what was archived can be found
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    pub(super) write: WriteArgs,
}

/// How to log in.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(super) enum AuthArg {
    /// SCRAM-SHA-256, PLAIN or LOGIN, what the server offers first in this order; with --authzid
    /// PLAIN first
    Auto,
    Plain,
    Login,
    CramMd5,
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// The password is an access token
    #[value(name = "xoauth2")]
    XOAuth2,
    /// POP3 only: the password is not sent, but proven with MD5
    Apop,
    /// Kerio Connect only: the master password; --authzid is the user
    #[value(name = "x-masterauth")]
    KerioMaster,
}

/// From arguments to a request.
pub(super) fn archive(
    args: ArchiveArgs,
    surroundings: &dyn Surroundings,
) -> Result<Archive, Failure> {
    let url = ServerUrl::parse(&args.url).map_err(|error| {
        // The URL is not repeated: it may hold a password.
        Failure::new(FailureKind::Request, error.to_string()).with_hint(error.hint())
    })?;
    let user = user_name(&args.user)?;
    let trust = match (args.ca_file, args.fingerprint) {
        _ if args.accept_all_certificates => Trust::AcceptAll,
        (_, Some(fingerprint)) => Trust::Fingerprint(fingerprint),
        (Some(file), None) => Trust::CaFile(file),
        (None, None) => Trust::System,
    };
    let mechanism = args.auth.map_or_else(|| of_url(url.mechanism), Mechanism::from);
    let scope = if args.all_folders { FolderScope::All } else { FolderScope::WithoutDiscarded };
    // Last, because it may ask a person: what is wrong with the rest is said before.
    let prompt = format!("Password of {url}: ");
    let password = surroundings.password(args.password_file.as_deref(), &prompt)?;
    let account = Account {
        scheme: match url.scheme {
            mail_client::Scheme::Imap => Scheme::Imap,
            mail_client::Scheme::Imaps => Scheme::Imaps,
            mail_client::Scheme::Pop3 => Scheme::Pop3,
            mail_client::Scheme::Pop3s => Scheme::Pop3s,
        },
        login: url.login,
        host: url.server.host,
        port: url.server.port,
    };
    Ok(Archive {
        account,
        password,
        user,
        root: args.root.map(|it| name_of("--root", it)).transpose()?,
        folders: FolderChoice {
            scope,
            shared: if args.no_shared_folders {
                SharedFolders::LeftOut
            } else {
                SharedFolders::Archived
            },
            include: args.include,
            exclude: args.exclude,
        },
        filter: args.filter,
        removal: args.remove,
        connections: args.connections,
        plaintext: if args.plain { Plaintext::Always } else { Plaintext::LoopbackOnly },
        trust,
        mechanism,
        authzid: args.authzid,
        timeout: args.timeout.map(|it| Duration::from_secs(it.get().into())),
        compression: if args.compress { Compression::WhereOffered } else { Compression::Off },
        wait: wait_for_views(args.no_wait),
    })
}

impl From<AuthArg> for Mechanism {
    fn from(arg: AuthArg) -> Mechanism {
        match arg {
            AuthArg::Auto => Mechanism::Auto,
            AuthArg::Plain => Mechanism::Plain,
            AuthArg::Login => Mechanism::Login,
            AuthArg::CramMd5 => Mechanism::CramMd5,
            AuthArg::ScramSha256 => Mechanism::ScramSha256,
            AuthArg::XOAuth2 => Mechanism::XOAuth2,
            AuthArg::Apop => Mechanism::Apop,
            AuthArg::KerioMaster => Mechanism::KerioMaster,
        }
    }
}

fn of_url(mechanism: mail_client::Mechanism) -> Mechanism {
    match mechanism {
        mail_client::Mechanism::Auto => Mechanism::Auto,
        mail_client::Mechanism::Plain => Mechanism::Plain,
        mail_client::Mechanism::Login => Mechanism::Login,
        mail_client::Mechanism::CramMd5 => Mechanism::CramMd5,
        mail_client::Mechanism::ScramSha256 => Mechanism::ScramSha256,
        mail_client::Mechanism::XOAuth2 => Mechanism::XOAuth2,
        mail_client::Mechanism::Apop => Mechanism::Apop,
        mail_client::Mechanism::KerioMaster => Mechanism::KerioMaster,
    }
}
