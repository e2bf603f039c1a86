//! The command line: arguments in, a [`Request`] out.
//!
//! What it is not: behaviour. It reads no file and asks nobody anything but for a password, which
//! the caller fetches by [`Surroundings`] because a request is complete.

mod admin;
mod alert;
mod anchor;
mod apply;
mod approval;
mod archive;
mod audit;
mod backup;
mod import;
mod job;
mod mail;
mod profile;
mod quarantine;
mod retention;
mod run;
mod service;
mod store;
mod unknown;
mod user;
mod writing;

use std::any::TypeId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use commands::{
    Demo, Examination, Export, ExportFormat, ExportScope, Failure, FailureKind, KeepDir, Order,
    Proof, Request, Search, SearchOutput, Show, ShowForm, WaitForViews,
};
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
    /// Why, as far as somebody said so.
    pub(crate) reason: Option<String>,
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
    /// Who runs the command, as people know him.
    fn person(&self) -> String {
        "the administrator".to_owned()
    }

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

    /// Why: it stands in the audit log beside what the command does
    #[arg(long, global = true, value_name = "TEXT")]
    reason: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Shows archive, search, export and verify on sample mail, in a directory that is thrown away
    Demo(DemoArgs),
    /// Archives an account at a mail server; reads it only, and changes nothing there unless told
    /// to remove what was archived
    Archive(Box<archive::ArchiveArgs>),
    /// Archives mail from files: EML files and directory trees, Maildir, mbox
    Import(import::ImportArgs),
    /// Finds messages
    Search(SearchArgs),
    /// Shows one message
    Show(ShowArgs),
    /// Writes messages to files
    Export(ExportArgs),
    /// Reads everything again and checks every frame, hash, entry and view
    Verify {
        /// Read the words of every message again, too, and hold the index against them: that takes
        /// as long as making the index
        #[arg(long)]
        thorough: bool,
    },
    /// Looks at everything that often goes wrong: says what it means, and what can be done
    Doctor {
        /// Read every byte of each log and catalog, too: that takes as long as `verify`
        #[arg(long)]
        thorough: bool,
    },
    /// Looks after stores
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Looks after backups
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Brings a backup back, into a new data directory
    Restore(backup::RestoreArgs),
    /// Looks after users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Looks after messages that could not be taken
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Looks after retention policies: how long messages are kept, and when they go
    #[command(subcommand)]
    Retention(Box<retention::RetentionCommand>),
    /// Looks after legal holds, which keep messages whatever else is said
    #[command(subcommand)]
    Hold(Box<retention::HoldCommand>),
    /// Looks after removals that wait for a second person
    #[command(subcommand)]
    Approval(Box<approval::ApprovalCommand>),
    /// Removes messages from the archive, unless a policy or a legal hold keeps them
    Delete(retention::DeleteArgs),
    /// Looks after addresses on mail that belong to nobody
    #[command(subcommand)]
    Unknown(unknown::UnknownCommand),
    /// Looks after server profiles: how mail servers are reached
    #[command(subcommand)]
    Profile(Box<profile::ProfileCommand>),
    /// Shows what is known of kinds of mail servers, for jobs and server profiles to follow
    #[command(subcommand)]
    Preset(profile::PresetCommand),
    /// Looks after jobs: what is archived from where, and runs them
    #[command(subcommand)]
    Job(Box<job::JobCommand>),
    /// Shows what jobs and `archive` did
    #[command(subcommand)]
    Run(run::RunCommand),
    /// Looks after anchors: where signed checkpoints are kept besides the archive itself
    #[command(subcommand)]
    Anchor(Box<anchor::AnchorCommand>),
    /// Looks after alerts: what a person should know
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// Shows who did what, and unlocks the mail of others
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Makes reports
    #[command(subcommand)]
    Report(alert::ReportCommand),
    /// Looks after outgoing mail: alerts and the daily report
    #[command(subcommand)]
    Mail(Box<mail::MailCommand>),
    /// Looks after settings
    #[command(subcommand)]
    Settings(admin::SettingsCommand),
    /// Makes settings, users, server profiles and jobs what a file says, and shows the plan first
    Apply(apply::ApplyArgs),
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

    /// Also write what proves them, into the directory `proof` there, made anew: entries, inclusion
    /// proofs, a signed checkpoint and statements in words, for `posthold-verify`. Not for mbox
    #[arg(long)]
    proof: bool,
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
    let reason = cli.reason.map(|it| name_of("--reason", it)).transpose();
    let reason = reason.map_err(Refused::Request)?;
    Ok(Invocation { data, format, ownership, network_files, reason, task })
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
        Command::Archive(args) => {
            Request::Archive(Box::new(archive::archive(*args, surroundings)?))
        }
        Command::Import(args) => Request::Import(import::import(args)?),
        Command::Search(args) => Request::Search(search(args)?),
        Command::Show(args) => Request::Show(Show {
            id: args.id,
            form: if args.raw { ShowForm::Raw } else { ShowForm::Decoded },
        }),
        Command::Export(args) => Request::Export(export(args)?),
        Command::Verify { thorough } => Request::Verify(examination(thorough)),
        Command::Doctor { thorough } => Request::Doctor(examination(thorough)),
        Command::Store(it) => it.request()?,
        Command::Backup(it) => Request::Backup(it.request()),
        Command::Restore(it) => Request::Backup(it.request()),
        Command::User(it) => it.request()?,
        Command::Quarantine(it) => it.request(|| surroundings.person())?,
        Command::Unknown(it) => it.request()?,
        Command::Retention(it) => it.request(surroundings)?,
        Command::Hold(it) => it.request(surroundings)?,
        Command::Approval(it) => it.request(surroundings)?,
        Command::Delete(it) => it.request(surroundings)?,
        Command::Profile(it) => Request::Profile(it.request(surroundings)?),
        Command::Preset(it) => Request::Preset(it.request()),
        Command::Job(it) => Request::Job(it.request(surroundings)?),
        Command::Run(it) => it.request()?,
        Command::Anchor(it) => Request::Anchor(it.request()?),
        Command::Alert(it) => Request::Alert(it.request()),
        Command::Report(it) => Request::Report(it.request()?),
        Command::Audit(it) => Request::Audit(it.request()?),
        Command::Mail(it) => Request::Mail(it.request(surroundings)?),
        Command::Settings(it) => Request::Settings(it.request()),
        Command::Apply(it) => it.request(),
        Command::Key(it) => Request::Key(it.request()),
        Command::Serve(_) => Request::Serve,
        Command::Service(it) => Request::Service(it.request()),
        Command::Internal { .. } => {
            return Err(Failure::new(FailureKind::Internal, "internal commands make no request"));
        }
    })
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

fn examination(thorough: bool) -> Examination {
    match thorough {
        true => Examination::Thorough,
        false => Examination::Brief,
    }
}

fn export(args: ExportArgs) -> Result<Export, Failure> {
    if args.proof && matches!(args.format, FormatArg::Mbox) {
        let message = "--proof needs a file for each message, which mbox does not have";
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Use --format eml or --format maildir."));
    }
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
        proof: if args.proof { Proof::Wanted } else { Proof::None },
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
