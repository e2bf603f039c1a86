//! The options of `job` that only some kinds of jobs have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use commands::{
    Failure, FailureKind, JobKind, MboxForm, Security, SmtpAccess, SmtpRecipients, SortBy,
    SourceChange, UnclaimedMail,
};

use super::super::{name_of, user_name};

/// A kind of job.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(super) enum KindArg {
    /// One mailbox at a mail server, into one archive
    Single,
    /// The mailboxes of many users, opened by one master login
    Master,
    /// The mailboxes that a CSV file names, each with its own password
    Batch,
    /// A shared mailbox, sorted into the archives of its users
    Sorting,
    /// Mail that servers hand in by SMTP, sorted likewise
    Smtp,
    /// Files
    Files,
}

impl KindArg {
    /// The kind.
    pub(super) fn value(self) -> JobKind {
        match self {
            KindArg::Single => JobKind::Single,
            KindArg::Master => JobKind::Master,
            KindArg::Batch => JobKind::Batch,
            KindArg::Sorting => JobKind::Sorting,
            KindArg::Smtp => JobKind::Smtp,
            KindArg::Files => JobKind::Files,
        }
    }
}

/// What one mailbox has, and some of it other kinds.
#[derive(Args, Debug)]
#[command(next_help_heading = "Account (kinds single, master, batch, sorting)")]
pub(super) struct AccountArgs {
    /// The server profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The login of the account, of the master, or of those who hand in mail by SMTP; empty to
    /// use that of the server profile
    #[arg(long)]
    login: Option<String>,

    /// Take its password from POSTHOLD_PASSWORD, or ask for it
    #[arg(long, conflicts_with = "password_file")]
    pub(super) password: bool,

    /// Take its password from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,

    /// Whose archive the mail goes to (kinds single, files)
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The first level of the folder tree; empty for the login name of the account (kinds single,
    /// files)
    #[arg(long)]
    root: Option<String>,

    /// Whose mailbox, when the login may open that of others; empty for its own (kinds single,
    /// sorting)
    #[arg(long, value_name = "NAME")]
    authzid: Option<String>,
}

/// Many mailboxes by a master login.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kinds master and batch")]
pub(super) struct ManyArgs {
    /// How the master logs in for others: authzid, user*master (with any sign) or kerio
    /// [default: authzid]
    #[arg(long)]
    form: Option<String>,

    /// Which name of a user the server knows: address, login, local-part, or a template such as
    /// ^0@example.org [default: address]
    #[arg(long)]
    identity: Option<String>,

    /// Whose mailboxes: "all", "all except alice, bob" or "only alice, bob" [default: all]
    #[arg(long)]
    users: Option<String>,

    /// The CSV file that names mailboxes (docs/reference/batch-file.md); read at each run
    #[arg(long)]
    file: Option<PathBuf>,

    /// Its character set, when it is not Unicode; empty for windows-1252
    #[arg(long, value_name = "NAME")]
    code_page: Option<String>,
}

/// How messages are sorted.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kinds sorting and smtp")]
pub(super) struct SortingArgs {
    /// Which addresses are believed: header, envelope:FIELD (its topmost occurrence) or journal
    /// (Exchange journal reports) [default: header]
    #[arg(long, value_name = "HOW")]
    sort_by: Option<String>,

    /// The folder for received messages, parts joined by `/` [default: INBOX]
    #[arg(long, value_name = "FOLDER")]
    received: Option<String>,

    /// The folder for sent messages [default: Sent Items]
    #[arg(long, value_name = "FOLDER")]
    sent: Option<String>,

    /// What becomes of messages that belong to nobody [default: leave]
    #[arg(long)]
    unclaimed: Option<UnclaimedArg>,

    /// The address of the shared mailbox itself; empty for none
    #[arg(long, value_name = "ADDRESS")]
    journal_address: Option<String>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum UnclaimedArg {
    /// They stay at the source, and are counted as excluded
    Leave,
    /// They are archived in the archive @catchall
    Catchall,
}

/// Mail that is handed in.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kind smtp: naming one of a list replaces all of them")]
pub(super) struct SmtpArgs {
    /// Where to listen, such as 0.0.0.0:25 (repeatable)
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,

    /// How connections are encrypted [default: starttls]
    #[arg(long)]
    security: Option<SecurityArg>,

    /// The certificate with those between it and its root (PEM)
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Its key (PEM)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// A network that mail is taken from, such as 10.1.0.0/16 (repeatable)
    #[arg(long, value_name = "NETWORK")]
    network: Vec<String>,

    /// What a client has to show [default: network]
    #[arg(long)]
    access: Option<AccessArg>,

    /// A sender that is accepted: an address, @DOMAIN or * (repeatable)
    #[arg(long, value_name = "PATTERN")]
    sender: Vec<String>,

    /// Recipients that are accepted: known, any, or addresses and @DOMAINs (repeatable)
    /// [default: known]
    #[arg(long, value_name = "PATTERN")]
    recipient: Vec<String>,

    /// The largest message in megabytes [default: 157]
    #[arg(long, value_name = "MB")]
    megabytes_max: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum SecurityArg {
    /// From the first byte
    Tls,
    /// After STARTTLS
    Starttls,
    /// Not at all
    Plain,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum AccessArg {
    /// Be in one of the networks
    Network,
    /// Log in with the login and password of the job
    Login,
    /// Both
    NetworkAndLogin,
    /// One of them
    NetworkOrLogin,
}

/// Files.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kind files")]
pub(super) struct FileArgs {
    /// A file or directory: EML, Maildir, mbox (repeatable; replaces all of them)
    #[arg(long, value_name = "PATH")]
    path: Vec<PathBuf>,

    /// Each directory of the first level is called like a user, by name or address
    #[arg(long, conflicts_with = "user")]
    by_first_level: bool,

    /// How mbox files are read [default: as each looks]
    #[arg(long, value_name = "FORM")]
    mbox: Option<MboxArg>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum MboxArg {
    Auto,
    Mboxrd,
    Mboxo,
    Mboxcl,
    Mboxcl2,
}

/// All of them.
#[derive(Args, Debug)]
pub(super) struct SourceArgs {
    #[command(flatten)]
    pub(super) account: AccountArgs,
    #[command(flatten)]
    many: ManyArgs,
    #[command(flatten)]
    sorting: SortingArgs,
    #[command(flatten)]
    smtp: SmtpArgs,
    #[command(flatten)]
    files: FileArgs,
}

impl SourceArgs {
    /// What they change.
    pub(super) fn change(self) -> Result<SourceChange, Failure> {
        let SourceArgs { account, many, sorting, smtp, files } = self;
        let unless_empty = |text: String| (!text.is_empty()).then_some(text);
        let named = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let path = |it: PathBuf| -> Result<Option<PathBuf>, Failure> {
            if it.as_os_str().is_empty() { Ok(None) } else { absolute(it).map(Some) }
        };
        Ok(SourceChange {
            profile: account.profile,
            target: account.user.as_deref().map(user_name).transpose()?,
            root: match account.root.map(unless_empty) {
                Some(Some(root)) => Some(Some(name_of("--root", root)?)),
                root => root,
            },
            login: account.login.map(unless_empty),
            authzid: account.authzid.map(unless_empty),
            form: many.form,
            identity: many.identity,
            users: many.users,
            file: many.file.map(absolute).transpose()?,
            code_page: many.code_page.map(unless_empty),
            sort_by: sorting.sort_by.as_deref().map(sort_by).transpose()?,
            received: sorting.received,
            sent: sorting.sent,
            unclaimed: sorting.unclaimed.map(|it| match it {
                UnclaimedArg::Leave => UnclaimedMail::Left,
                UnclaimedArg::Catchall => UnclaimedMail::CatchAll,
            }),
            journal_address: sorting.journal_address.map(unless_empty),
            listen: named(smtp.listen),
            security: smtp.security.map(|it| match it {
                SecurityArg::Tls => Security::Tls,
                SecurityArg::Starttls => Security::StartTls,
                SecurityArg::Plain => Security::Plain,
            }),
            certificate: smtp.certificate.map(path).transpose()?,
            key: smtp.key.map(path).transpose()?,
            networks: named(smtp.network),
            access: smtp.access.map(|it| match it {
                AccessArg::Network => SmtpAccess::Network,
                AccessArg::Login => SmtpAccess::Login,
                AccessArg::NetworkAndLogin => SmtpAccess::NetworkAndLogin,
                AccessArg::NetworkOrLogin => SmtpAccess::NetworkOrLogin,
            }),
            senders: named(smtp.sender),
            recipients: named(smtp.recipient).map(recipients),
            size_max: smtp.megabytes_max.map(|it| it.saturating_mul(1_000_000)),
            paths: match files.path.is_empty() {
                true => None,
                false => Some(files.path.into_iter().map(absolute).collect::<Result<_, _>>()?),
            },
            mbox: files.mbox.map(|it| match it {
                MboxArg::Auto => MboxForm::Auto,
                MboxArg::Mboxrd => MboxForm::Mboxrd,
                MboxArg::Mboxo => MboxForm::Mboxo,
                MboxArg::Mboxcl => MboxForm::Mboxcl,
                MboxArg::Mboxcl2 => MboxForm::Mboxcl2,
            }),
            by_first_level: files.by_first_level.then_some(()),
        })
    }
}

/// A job runs wherever the service was started, so that its paths begin at the root.
#[expect(clippy::needless_pass_by_value, reason = "it stands where paths are mapped")]
pub(in crate::cli) fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path)
        .map_err(|error| Failure::new(FailureKind::Request, format!("{}: {error}", path.display())))
}

fn recipients(list: Vec<String>) -> SmtpRecipients {
    match list.as_slice() {
        [one] if one == "known" => SmtpRecipients::Known,
        [one] if one == "any" => SmtpRecipients::Any,
        _ => SmtpRecipients::Listed(list),
    }
}

fn sort_by(text: &str) -> Result<SortBy, Failure> {
    match (text, text.strip_prefix("envelope:")) {
        ("header", _) => Ok(SortBy::Header),
        ("journal", _) => Ok(SortBy::JournalReport),
        (_, Some(field)) if is_field_name(field) => Ok(SortBy::EnvelopeField(field.to_owned())),
        _ => {
            let message = format!("--sort-by {text} names no addresses");
            Err(Failure::new(FailureKind::Request, message)
                .with_hint("Write header, journal, or envelope: with the name of a header field."))
        }
    }
}

/// RFC 5322 §2.2: printable US-ASCII without colons.
fn is_field_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic() && it != b':')
}
