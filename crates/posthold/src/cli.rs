//! The command line: arguments in, a [`Request`] out.
//!
//! What it is not: behaviour. It reads no file and asks nobody anything but for a password, which
//! the caller fetches by [`Surroundings`] because a request is complete.

mod admin;
mod import;
mod job;
mod profile;
mod service;
mod unknown;
mod user;
mod writing;

use std::any::TypeId;
use std::ffi::OsString;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use commands::{
    Account, Archive, Compression, Demo, Export, ExportFormat, ExportScope, Failure, FailureKind,
    FolderChoice, FolderScope, KeepDir, Mechanism, Order, Plaintext, Request, Scheme, Search,
    SearchOutput, SharedFolders, Show, ShowForm, Trust, View, WaitForViews,
};
use mail_client::ServerUrl;
use types::{Secret, UserName};

use crate::context::{NetworkFiles, Ownership};
use writing::{WaitArgs, WriteArgs};

/// The data directory when nobody names one.
const DATA_DIR_DEFAULT: &str = "posthold-data";

/// What the arguments say.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// How answers are written.
    pub(crate) format: Format,
    /// What to do when another process owns the data directory.
    pub(crate) ownership: Ownership,
    /// What to do when the data directory is on a network file system.
    pub(crate) network_files: NetworkFiles,
    /// What to do.
    pub(crate) task: Task,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Carry out a request.
    Request(Request),
    /// Print the reference page of the command line.
    Reference,
    /// Print the reference page of the settings.
    SettingsReference,
    /// Print how long the queries in this file take.
    BenchSearch(PathBuf),
}

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Why there is no [`Invocation`].
#[derive(Debug)]
pub(crate) enum Refused {
    /// The arguments are not those of a command, or ask for help: in clap's words.
    Usage(Box<clap::Error>),
    /// An argument has a wrong value.
    Request(Failure),
}

/// What a command line takes from elsewhere than its arguments.
pub(crate) trait Surroundings {
    /// The data directory that the environment names.
    fn data_dir(&self) -> Option<PathBuf>;

    /// Where paths are meant from, when it is not the directory of this process.
    fn paths_from(&self) -> Option<&Path> {
        None
    }

    /// The first line of this file, or without one the environment, or the answer of a person
    /// to `prompt`.
    fn password(&self, file: Option<&Path>, prompt: &str) -> Result<Secret, Failure>;
}

/// Keeps every message of an organization, finds it again, and gives it back byte for byte.
#[derive(Parser, Debug)]
#[command(name = "posthold", version, max_term_width = 100, subcommand_required = true)]
#[command(arg_required_else_help = true, infer_subcommands = false)]
struct Cli {
    /// The data directory [default: POSTHOLD_DATA, or posthold-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Answers for programs: JSON on standard output
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Shows archive, search, export and verify on sample mail, in a directory that is thrown away
    Demo(DemoArgs),
    /// Archives an account at a mail server; reads it only, changes nothing there
    Archive(Box<ArchiveArgs>),
    /// Archives mail from files: EML files and directory trees, Maildir, mbox
    Import(import::ImportArgs),
    /// Finds messages
    Search(SearchArgs),
    /// Shows one message
    Show(ShowArgs),
    /// Writes messages to files
    Export(ExportArgs),
    /// Reads everything again and checks every frame, hash, entry and view
    Verify,
    /// Looks after the store
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Looks after users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Looks after addresses on mail that belong to nobody
    #[command(subcommand)]
    Unknown(unknown::UnknownCommand),
    /// Looks after server profiles: how mail servers are reached
    #[command(subcommand)]
    Profile(Box<profile::ProfileCommand>),
    /// Looks after jobs: what is archived from where, and runs them
    #[command(subcommand)]
    Job(Box<job::JobCommand>),
    /// Shows what jobs and `archive` did
    #[command(subcommand)]
    Run(job::RunCommand),
    /// Looks after settings
    #[command(subcommand)]
    Settings(admin::SettingsCommand),
    /// Looks after the keys that passwords are sealed with
    #[command(subcommand)]
    Key(admin::KeyCommand),
    /// Owns the data directory and runs jobs by their schedules, until it is stopped by Ctrl-C
    /// or SIGTERM; other commands hand themselves over to it meanwhile
    Serve(WriteArgs),
    /// Looks after the server that runs
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// For the build of Posthold itself
    #[command(hide = true)]
    Internal {
        #[command(subcommand)]
        command: InternalCommand,
    },
}

#[derive(Subcommand, Debug)]
enum StoreCommand {
    /// Makes the catalog anew from the log alone, and swaps it in
    RebuildCatalog(WriteArgs),
    /// Makes the full-text index anew from the log alone, and swaps it in
    RebuildIndex(WriteArgs),
}

#[derive(Subcommand, Debug)]
enum InternalCommand {
    /// Prints docs/reference/commands.md
    Reference,
    /// Prints docs/reference/settings.md
    SettingsReference,
    /// Asks the queries in a file, one a line, and prints how long each took
    BenchSearch {
        /// The file
        queries: PathBuf,
    },
}

#[derive(Args, Debug)]
struct DemoArgs {
    /// Keep the directory, to try other commands on it
    #[arg(long)]
    keep: bool,
}

#[derive(Args, Debug)]
struct ArchiveArgs {
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
    write: WriteArgs,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum AuthArg {
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

#[derive(Args, Debug)]
struct SearchArgs {
    /// The query, such as `from:bob subject:"quarterly report"`; none finds everything
    #[arg(allow_hyphen_values = true)]
    query: Option<String>,

    // Words that were not quoted. They may not begin with a hyphen, or options after the query
    // would be words of it.
    #[arg(hide = true)]
    words: Vec<String>,

    /// Only in the archive of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Hits at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Print how many there are, and no hits
    #[arg(long)]
    count: bool,

    /// The order of the hits
    #[arg(long, default_value = "date")]
    order: OrderArg,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum OrderArg {
    /// Newest first
    Date,
    /// Best first
    Relevance,
}

#[derive(Args, Debug)]
struct ShowArgs {
    /// The message's id, or as much of its beginning as no other message shares
    id: String,

    /// The exact bytes as they were received
    #[arg(long)]
    raw: bool,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["query", "folder", "all"]))]
struct ExportArgs {
    /// The messages that this query finds
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,

    /// The messages in this folder and those below, as `search --json` names it
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,

    /// Every message
    #[arg(long)]
    all: bool,

    /// Only from the archive of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The directory to write to; made when missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// How to write them
    #[arg(long, default_value = "eml")]
    format: FormatArg,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum FormatArg {
    /// One file per message, named by its id
    Eml,
    /// One mboxrd file per folder
    Mbox,
    /// A Maildir with a subfolder per folder
    Maildir,
}

/// Reads arguments; the first is the program's name.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    surroundings: &dyn Surroundings,
) -> Result<Invocation, Refused> {
    let usage = |error| Refused::Usage(Box::new(error));
    let command = match surroundings.paths_from() {
        Some(dir) => with_paths_from(command(), dir),
        None => command(),
    };
    let matches = command.try_get_matches_from(args).map_err(usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(usage)?;
    let ownership = writing::ownership(&cli.command);
    let network_files = writing::network_files(&cli.command);
    let task = match cli.command {
        Command::Internal { command: InternalCommand::Reference } => Task::Reference,
        Command::Internal { command: InternalCommand::SettingsReference } => {
            Task::SettingsReference
        }
        Command::Internal { command: InternalCommand::BenchSearch { queries } } => {
            Task::BenchSearch(queries)
        }
        command => Task::Request(request(command, surroundings).map_err(Refused::Request)?),
    };
    let format = if cli.json { Format::Json } else { Format::Text };
    let data = cli.data.or_else(|| surroundings.data_dir());
    let data = data.unwrap_or_else(|| DATA_DIR_DEFAULT.into());
    Ok(Invocation { data, format, ownership, network_files, task })
}

/// The definition of the command line, from which help and reference are made.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// The same, with every path that is given taken from `dir`.
fn with_paths_from(command: clap::Command, dir: &Path) -> clap::Command {
    let command = command.mut_args(|arg| {
        if arg.get_value_parser().type_id() != TypeId::of::<PathBuf>() {
            return arg;
        }
        let dir = dir.to_owned();
        arg.value_parser(PathBufValueParser::new().map(move |it| dir.join(it)))
    });
    command.mut_subcommands(|it| with_paths_from(it, dir))
}

fn request(command: Command, surroundings: &dyn Surroundings) -> Result<Request, Failure> {
    Ok(match command {
        Command::Demo(args) => {
            Request::Demo(Demo { keep: if args.keep { KeepDir::Yes } else { KeepDir::No } })
        }
        Command::Archive(args) => Request::Archive(Box::new(archive(*args, surroundings)?)),
        Command::Import(args) => Request::Import(import::import(args)?),
        Command::Search(args) => Request::Search(search(args)?),
        Command::Show(args) => Request::Show(Show {
            id: args.id,
            form: if args.raw { ShowForm::Raw } else { ShowForm::Decoded },
        }),
        Command::Export(args) => Request::Export(export(args)?),
        Command::Verify => Request::Verify,
        Command::Store { command: StoreCommand::RebuildCatalog(_) } => {
            Request::Rebuild(View::Catalog)
        }
        Command::Store { command: StoreCommand::RebuildIndex(_) } => Request::Rebuild(View::Index),
        Command::User(it) => it.request()?,
        Command::Unknown(it) => it.request()?,
        Command::Profile(it) => Request::Profile(it.request(surroundings)?),
        Command::Job(it) => Request::Job(it.request(surroundings)?),
        Command::Run(it) => Request::Job(it.request()),
        Command::Settings(it) => Request::Settings(it.request()),
        Command::Key(it) => Request::Key(it.request()),
        Command::Serve(_) => Request::Serve,
        Command::Service(it) => Request::Service(it.request()),
        Command::Internal { .. } => {
            return Err(Failure::new(FailureKind::Internal, "internal commands make no request"));
        }
    })
}

fn archive(args: ArchiveArgs, surroundings: &dyn Surroundings) -> Result<Archive, Failure> {
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

fn search(args: SearchArgs) -> Result<Search, Failure> {
    if let Some(option) = args.query.as_deref().filter(|it| it.starts_with("--")) {
        return Err(Failure::new(FailureKind::Request, format!("there is no option {option}"))
            .with_hint("`posthold search --help` lists the options."));
    }
    let words: Vec<String> = args.query.into_iter().chain(args.words).collect();
    Ok(Search {
        query: words.join(" "),
        user: args.user.as_deref().map(user_name).transpose()?,
        order: match args.order {
            OrderArg::Date => Order::Date,
            OrderArg::Relevance => Order::Relevance,
        },
        limit: args.limit,
        output: if args.count { SearchOutput::Count } else { SearchOutput::Hits },
    })
}

fn export(args: ExportArgs) -> Result<Export, Failure> {
    Ok(Export {
        scope: match (args.query, args.folder) {
            (Some(query), _) => ExportScope::Query(query),
            (None, Some(folder)) => ExportScope::Folder(folder),
            (None, None) => ExportScope::All,
        },
        user: args.user.as_deref().map(user_name).transpose()?,
        to: args.to,
        format: match args.format {
            FormatArg::Eml => ExportFormat::Eml,
            FormatArg::Mbox => ExportFormat::Mbox,
            FormatArg::Maildir => ExportFormat::Maildir,
        },
    })
}

fn user_name(text: &str) -> Result<UserName, Failure> {
    UserName::new(text).map_err(|error| Failure::new(FailureKind::Request, error.to_string()))
}

fn name_of(option: &str, text: String) -> Result<String, Failure> {
    if text.is_empty() || text.chars().any(char::is_control) {
        let message = format!("{option} is empty or has control characters");
        return Err(Failure::new(FailureKind::Request, message));
    }
    Ok(text)
}

fn wait_for_views(no_wait: bool) -> WaitForViews {
    if no_wait { WaitForViews::No } else { WaitForViews::Yes }
}

#[cfg(test)]
mod tests;
