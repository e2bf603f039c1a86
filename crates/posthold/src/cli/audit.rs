//! `audit ...`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use commands::{
    Activity, AuditExport, AuditFilter, AuditRequest, Failure, FailureKind, Grouping, Switch,
    Unlock, UnlockScope,
};

use super::run::day;
use super::{WaitArgs, name_of, user_name};

/// How many entries are listed unless more are asked for.
const LISTED_DEFAULT: u64 = 100;

/// What is done with the audit log.
#[derive(Subcommand, Debug)]
pub(super) enum AuditCommand {
    /// Lists who did what, the newest last
    List(FilterArgs),
    /// Writes entries with what proves them, into the directory `proof` there, for
    /// `posthold-verify`: entries, inclusion proofs, a signed checkpoint and statements in words
    Export(ExportArgs),
    /// Shows everything that is known of one entry
    Show {
        /// Its number
        number: u64,
    },
    /// Lists what is logged, and what of it can be left out
    Activities,
    /// Logs an activity that was left out
    Enable(ActivityArgs),
    /// Leaves an activity out, where that is allowed
    Disable(ActivityArgs),
    /// Lets you read the mail of others for a while, when reading needs a reason
    Unlock(UnlockArgs),
    /// Ends what `unlock` began
    Lock(LockArgs),
    /// Lists who may read whose mail at present
    Unlocks,
    /// Goes on when something of the audit log is lost or damaged; says so in it
    AcceptLoss(AcceptArgs),
}

/// Which entries are listed.
#[derive(Args, Debug)]
pub(super) struct FilterArgs {
    #[command(flatten)]
    which: WhichArgs,

    /// Entries at most: the newest
    #[arg(long, value_name = "N", default_value_t = LISTED_DEFAULT)]
    limit: u64,

    /// Every entry on a line of its own, reads of one second too
    #[arg(long)]
    each: bool,
}

/// Which entries are written.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    which: WhichArgs,

    /// The directory to write to; made when missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Which entries.
#[derive(Args, Debug)]
struct WhichArgs {
    /// Only those of this day or later: YYYY-MM-DD, in UTC
    #[arg(long, value_name = "DAY")]
    since: Option<String>,

    /// Only those of this day or earlier
    #[arg(long, value_name = "DAY")]
    until: Option<String>,

    /// Only by this person: a part of a name, or of what is known of who it was
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    /// Only these activities; several times for several
    #[arg(long, value_name = "ACTIVITY")]
    activity: Vec<String>,

    /// Only what was done to this: a part of it, such as user:alice, job:office or message:3f2a
    #[arg(long, value_name = "TEXT")]
    object: Option<String>,
}

/// An activity.
#[derive(Args, Debug)]
pub(super) struct ActivityArgs {
    /// Its name, as `audit activities` lists it
    activity: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// What is unlocked.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["user", "everybody"]))]
pub(super) struct UnlockArgs {
    /// The mail of this user
    user: Option<String>,

    /// The mail of everybody
    #[arg(long)]
    everybody: bool,

    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// For how long
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,

    #[command(flatten)]
    wait: WaitArgs,
}

/// What is locked again.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["user", "everybody"]))]
pub(super) struct LockArgs {
    /// The mail of this user
    user: Option<String>,

    /// The mail of everybody
    #[arg(long)]
    everybody: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Why something is accepted.
#[derive(Args, Debug)]
pub(super) struct AcceptArgs {
    /// Why; it stands in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    wait: WaitArgs,
}

impl AuditCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        match self {
            AuditCommand::Enable(it) | AuditCommand::Disable(it) => it.wait.wait,
            AuditCommand::Unlock(it) => it.wait.wait,
            AuditCommand::Lock(it) => it.wait.wait,
            AuditCommand::AcceptLoss(it) => it.wait.wait,
            _ => false,
        }
    }

    /// The request.
    pub(super) fn request(self) -> Result<AuditRequest, Failure> {
        Ok(match self {
            AuditCommand::List(it) => AuditRequest::List(AuditFilter {
                limit: Some(it.limit),
                grouping: if it.each { Grouping::Each } else { Grouping::BySecond },
                ..it.which.filter()?
            }),
            AuditCommand::Export(it) => {
                let (filter, to) = (it.which.filter()?, it.to);
                AuditRequest::Export(AuditExport { filter, to })
            }
            AuditCommand::Show { number } => AuditRequest::Show(number),
            AuditCommand::Activities => AuditRequest::Activities,
            AuditCommand::Enable(it) => {
                AuditRequest::Switch(activity(&it.activity)?, Switch::Enabled)
            }
            AuditCommand::Disable(it) => {
                AuditRequest::Switch(activity(&it.activity)?, Switch::Disabled)
            }
            AuditCommand::Unlock(it) => AuditRequest::Unlock(Unlock {
                scope: scope(it.user.as_deref())?,
                reason: name_of("--reason", it.reason)?,
                lasts: Duration::from_secs(it.minutes * 60),
            }),
            AuditCommand::Lock(it) => AuditRequest::Lock(scope(it.user.as_deref())?),
            AuditCommand::Unlocks => AuditRequest::Unlocks,
            AuditCommand::AcceptLoss(it) => {
                AuditRequest::AcceptLoss(name_of("--reason", it.reason)?)
            }
        })
    }
}

impl WhichArgs {
    fn filter(self) -> Result<AuditFilter, Failure> {
        let until = self.until.as_deref().map(|it| day("--until", it)).transpose()?;
        Ok(AuditFilter {
            from: self.since.as_deref().map(|it| day("--since", it)).transpose()?,
            until: until.map(|it| it.plus_days(1)),
            who: self.by,
            activities: self.activity.iter().map(|it| activity(it)).collect::<Result<_, _>>()?,
            object: self.object,
            limit: None,
            grouping: Grouping::Each,
        })
    }
}

fn activity(name: &str) -> Result<Activity, Failure> {
    Activity::from_name(name).ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("there is no activity {name:?}"))
            .with_hint("`posthold audit activities` lists them.")
    })
}

fn scope(user: Option<&str>) -> Result<UnlockScope, Failure> {
    Ok(match user {
        Some(name) => UnlockScope::User(user_name(name)?),
        None => UnlockScope::Everybody,
    })
}
