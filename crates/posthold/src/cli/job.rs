//! `job ...` and `run ...`.

mod kinds;

use std::num::NonZeroU16;

use clap::{Args, Subcommand};
use commands::{Failure, FolderChoice, FolderScope, JobChange, JobRequest, SharedFolders, Switch};

use super::writing::WriteArgs;
use super::{Surroundings, user_name};
pub(super) use kinds::absolute;
use kinds::{KindArg, SourceArgs};

/// What is done with jobs.
#[derive(Subcommand, Debug)]
pub(super) enum JobCommand {
    /// Makes a job
    Add(ChangeArgs),
    /// Changes a job, and says what its next run will do; cursors and history stay
    Set(ChangeArgs),
    /// Makes a job like another, with changes; the password is not copied
    Copy {
        /// The one that is there
        from: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Lists the jobs
    List,
    /// Shows a job, what limits its connections, and what its next run does
    Show {
        /// Its name
        name: String,
    },
    /// Tries a job step by step, up to one message; archives nothing
    Test {
        /// Its name
        name: String,
    },
    /// Asks the server which folders the job archives, and why others are left out
    EffectiveFolders {
        /// Its name
        name: String,
    },
    /// Runs a job now
    Run(NameArgs),
    /// Lets a job run
    Enable(NameArgs),
    /// Keeps a job from running
    Disable(NameArgs),
    /// Gives a job another name; cursors and history stay
    Rename {
        /// The name that it has
        from: String,
        /// The name that it gets
        to: String,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Removes a job with its password; what it archived and its runs stay
    Remove(NameArgs),
}

/// A name, for what needs nothing else.
#[derive(Args, Debug)]
pub(super) struct NameArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    write: WriteArgs,
}

/// A change.
#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    /// Its name
    name: String,

    /// Its kind, which stays [default: single]
    #[arg(long)]
    kind: Option<KindArg>,

    /// Follow what is known of a kind of server; empty for none (`posthold preset list`)
    #[arg(long, value_name = "PRESET")]
    preset: Option<String>,

    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Whose job it is [default: whose archive it goes to, else the only administrator]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,

    /// Connections to one account at the same time, at most [default: 3]
    #[arg(long, value_name = "N")]
    connections: Option<NonZeroU16>,

    /// Accounts at the same time, at most [default: 4]
    #[arg(long, value_name = "N")]
    accounts: Option<NonZeroU16>,

    /// Archive only the messages that this holds for, as in `posthold archive`; empty for all
    #[arg(long)]
    filter: Option<String>,

    /// When archived messages leave the server, such as "after 3 months"
    /// (docs/reference/removal.md); empty for never
    #[arg(long, value_name = "RULE")]
    removal: Option<String>,

    /// When it runs, such as "every 5 minutes" (docs/reference/schedule.md); empty for by hand
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,

    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    folders: FolderArgs,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Folders: naming one replaces the whole choice")]
struct FolderArgs {
    /// Leave Trash, Junk, Drafts and Outbox out, and take every other folder
    #[arg(long, conflicts_with = "all_folders")]
    default_folders: bool,

    /// Archive Trash, Junk, Drafts and Outbox too
    #[arg(long)]
    all_folders: bool,

    /// Leave out folders of other users and of everybody, as far as an account sees them
    #[arg(long)]
    no_shared_folders: bool,

    /// Archive only these folders and those below (repeatable; as in `posthold archive`)
    #[arg(long, value_name = "FOLDER")]
    include: Vec<String>,

    /// Never archive these folders (repeatable, same syntax)
    #[arg(long, value_name = "FOLDER")]
    exclude: Vec<String>,
}

impl JobCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            JobCommand::Add(it) | JobCommand::Set(it) | JobCommand::Copy { change: it, .. } => {
                Some(&it.write)
            }
            JobCommand::Run(it)
            | JobCommand::Enable(it)
            | JobCommand::Disable(it)
            | JobCommand::Remove(it) => Some(&it.write),
            JobCommand::Rename { write, .. } => Some(write),
            _ => None,
        }
    }

    /// The request.
    pub(super) fn request(self, surroundings: &dyn Surroundings) -> Result<JobRequest, Failure> {
        Ok(match self {
            JobCommand::Add(it) => {
                let (name, change) = change(it, surroundings)?;
                JobRequest::Add(name, change)
            }
            JobCommand::Set(it) => {
                let (name, change) = change(it, surroundings)?;
                JobRequest::Set(name, change)
            }
            JobCommand::Copy { from, change: it } => {
                let (to, change) = change(it, surroundings)?;
                JobRequest::Copy { from, to, change }
            }
            JobCommand::List => JobRequest::List,
            JobCommand::Show { name } => JobRequest::Show(name),
            JobCommand::Test { name } => JobRequest::Test(name),
            JobCommand::EffectiveFolders { name } => JobRequest::EffectiveFolders(name),
            JobCommand::Run(it) => JobRequest::Run(it.name),
            JobCommand::Enable(it) => JobRequest::Switch(it.name, Switch::Enabled),
            JobCommand::Disable(it) => JobRequest::Switch(it.name, Switch::Disabled),
            JobCommand::Rename { from, to, .. } => JobRequest::Rename { from, to },
            JobCommand::Remove(it) => JobRequest::Remove(it.name),
        })
    }
}

fn change(
    args: ChangeArgs,
    surroundings: &dyn Surroundings,
) -> Result<(String, Box<JobChange>), Failure> {
    let unless_empty = |text: String| (!text.is_empty()).then_some(text);
    let account = &args.source.account;
    let (asks, file) = (account.password, account.password_file.clone());
    let change = JobChange {
        kind: args.kind.map(KindArg::value),
        description: args.description,
        owner: args.owner.as_deref().map(user_name).transpose()?,
        preset: args.preset.map(unless_empty),
        folders: folders(args.folders),
        filter: args.filter.map(unless_empty),
        removal: args.removal.map(unless_empty),
        schedule: args.schedule.map(unless_empty),
        connections: args.connections.map(NonZeroU16::get),
        accounts: args.accounts.map(NonZeroU16::get),
        source: args.source.change()?,
        // Last, because it may ask a person.
        secret: match (asks, &file) {
            (false, None) => None,
            (_, file) => {
                let prompt = format!("Password of the account of the job {}: ", args.name);
                Some(surroundings.password(file.as_deref(), &prompt)?)
            }
        },
    };
    Ok((args.name, Box::new(change)))
}

/// The whole choice of folders, when anything of it is named.
fn folders(args: FolderArgs) -> Option<FolderChoice> {
    let FolderArgs { default_folders, all_folders, no_shared_folders, include, exclude } = args;
    let named = default_folders
        || all_folders
        || no_shared_folders
        || !include.is_empty()
        || !exclude.is_empty();
    let scope = if all_folders { FolderScope::All } else { FolderScope::WithoutDiscarded };
    let shared = if no_shared_folders { SharedFolders::LeftOut } else { SharedFolders::Archived };
    named.then_some(FolderChoice { scope, shared, include, exclude })
}
