//! `retention ...`, `hold ...` and `delete`.

use clap::{Args, Subcommand, ValueEnum};
use commands::{
    Delete, DeleteHow, DeleteWhich, Failure, FailureKind, HoldChoice, HoldCovers, HoldLift,
    HoldRequest, HoldSet, PolicyAdd, PolicyPeriods, PolicyScope, PolicySet, Request,
    RetentionRequest, Switch,
};
use types::retention::{AtTheEnd, CountedFrom};

use super::approval::AsArgs;
use super::writing::{WaitArgs, WriteArgs};
use super::{Surroundings, name_of, user_name};

/// Messages that a plan names when nobody says how many.
const PLANNED_DEFAULT: u64 = 20;

/// What is done about retention.
#[derive(Subcommand, Debug)]
pub(super) enum RetentionCommand {
    /// Lists the policies in the order in which they are asked
    List,
    /// Shows a policy
    Show {
        /// Its name
        name: String,
    },
    /// Makes a policy, behind the others
    Add(AddArgs),
    /// Changes a policy
    Set(SetArgs),
    /// Puts a policy to another place in the list: the first that covers a message decides
    Move(MoveArgs),
    /// Lets a policy count
    Enable(NameArgs),
    /// Leaves a policy out until it is enabled again
    Disable(NameArgs),
    /// Removes a policy; messages stay
    Remove(NameArgs),
    /// Shows which policy decides over a message, why, and what the others would do
    Explain {
        /// The message's id, or as much of its beginning as no other message shares
        message: String,
    },
    /// Shows what a run would remove now, by which policy, and what stays for which reason
    Plan {
        /// Messages that are named, at most
        #[arg(long, value_name = "N", default_value_t = PLANNED_DEFAULT)]
        limit: u64,
    },
    /// Carries the policies out: what goes is condemned, what was condemned and is due is erased
    Run(RunArgs),
    /// Says that the clock is right, after it jumped or the machine was off
    ConfirmClock(WaitArgs),
}

/// Who lets the policies be carried out.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    by: AsArgs,

    #[command(flatten)]
    write: WriteArgs,
}

/// A policy by its name.
#[derive(Args, Debug)]
pub(super) struct NameArgs {
    /// Its name
    name: String,

    #[command(flatten)]
    wait: WaitArgs,
}

/// A policy's new place.
#[derive(Args, Debug)]
pub(super) struct MoveArgs {
    /// Its name
    name: String,

    /// Its place, counted from 1
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    place: u32,

    #[command(flatten)]
    wait: WaitArgs,
}

/// A new policy.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["query", "all"]))]
pub(super) struct AddArgs {
    /// Its name
    name: String,

    /// The messages that this query finds
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,

    /// Every message
    #[arg(long)]
    all: bool,

    /// How long nobody may remove a message: 90d, 2w, 6m, 10y
    #[arg(long, value_name = "PERIOD")]
    keep: Option<String>,

    /// How long a message is kept at most
    #[arg(long, value_name = "PERIOD")]
    remove_after: Option<String>,

    /// From when the periods count
    #[arg(long, default_value = "archived")]
    from: FromArg,

    /// At the end of the longest time, only allow removal, and remove nothing by itself
    #[arg(long, requires = "remove_after")]
    by_hand: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// What changes of a policy.
#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Its name
    name: String,

    /// The messages that this query finds
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true, conflicts_with = "all")]
    query: Option<String>,

    /// Every message
    #[arg(long)]
    all: bool,

    /// How long nobody may remove a message; "none" for no minimum
    #[arg(long, value_name = "PERIOD")]
    keep: Option<String>,

    /// How long a message is kept at most; "none" for no maximum
    #[arg(long, value_name = "PERIOD")]
    remove_after: Option<String>,

    /// From when the periods count
    #[arg(long)]
    from: Option<FromArg>,

    /// What happens at the end of the longest time
    #[arg(long, value_name = "WHAT")]
    at_the_end: Option<EndArg>,

    #[command(flatten)]
    wait: WaitArgs,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum FromArg {
    /// When the message was archived
    Archived,
    /// The later of its own date and when it was first received
    Message,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum EndArg {
    /// Somebody may remove the message
    Stays,
    /// It is removed
    Removed,
}

impl From<FromArg> for CountedFrom {
    fn from(it: FromArg) -> CountedFrom {
        match it {
            FromArg::Archived => CountedFrom::Archived,
            FromArg::Message => CountedFrom::Message,
        }
    }
}

impl RetentionCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            RetentionCommand::Run(it) => Some(&it.write),
            _ => None,
        }
    }

    /// Whether it waits for the data directory.
    pub(super) fn waits(&self) -> bool {
        match self {
            RetentionCommand::List
            | RetentionCommand::Show { .. }
            | RetentionCommand::Explain { .. }
            | RetentionCommand::Plan { .. } => false,
            RetentionCommand::Add(it) => it.wait.wait,
            RetentionCommand::Set(it) => it.wait.wait,
            RetentionCommand::Move(it) => it.wait.wait,
            RetentionCommand::Enable(it)
            | RetentionCommand::Disable(it)
            | RetentionCommand::Remove(it) => it.wait.wait,
            RetentionCommand::Run(it) => it.write.wait,
            RetentionCommand::ConfirmClock(it) => it.wait,
        }
    }

    /// The request.
    pub(super) fn request(self, surroundings: &dyn Surroundings) -> Result<Request, Failure> {
        let named = |name| name_of("the name of a policy", name);
        let switched = |it: NameArgs, switch| Ok(RetentionRequest::Switch(it.name, switch));
        Ok(Request::Retention(match self {
            RetentionCommand::List => RetentionRequest::List,
            RetentionCommand::Show { name } => RetentionRequest::Show(name),
            RetentionCommand::Add(it) => RetentionRequest::Add(Box::new(PolicyAdd {
                name: named(it.name)?,
                query: it.query,
                periods: PolicyPeriods {
                    minimum: it.keep,
                    at_the_end: match (it.by_hand, &it.remove_after) {
                        (false, Some(_)) => AtTheEnd::Removed,
                        _ => AtTheEnd::Stays,
                    },
                    maximum: it.remove_after,
                    from: it.from.into(),
                },
            })),
            RetentionCommand::Set(it) => RetentionRequest::Set(Box::new(set(it))),
            RetentionCommand::Move(it) => RetentionRequest::Move(it.name, it.place),
            RetentionCommand::Enable(it) => switched(it, Switch::Enabled)?,
            RetentionCommand::Disable(it) => switched(it, Switch::Disabled)?,
            RetentionCommand::Remove(it) => RetentionRequest::Remove(it.name),
            RetentionCommand::Explain { message } => RetentionRequest::Explain(message),
            RetentionCommand::Plan { limit } => RetentionRequest::Plan(limit),
            RetentionCommand::Run(it) => RetentionRequest::Run(it.by.person(surroundings)?),
            RetentionCommand::ConfirmClock(_) => RetentionRequest::ConfirmClock,
        }))
    }
}

fn set(it: SetArgs) -> PolicySet {
    let period =
        |text: Option<String>| text.map(|it| if it == "none" { String::new() } else { it });
    PolicySet {
        name: it.name,
        query: match (it.query, it.all) {
            (Some(query), _) => Some(PolicyScope::Query(query)),
            (None, true) => Some(PolicyScope::All),
            (None, false) => None,
        },
        minimum: period(it.keep),
        maximum: period(it.remove_after),
        from: it.from.map(Into::into),
        at_the_end: it.at_the_end.map(|it| match it {
            EndArg::Stays => AtTheEnd::Stays,
            EndArg::Removed => AtTheEnd::Removed,
        }),
    }
}

/// What is done about legal holds.
#[derive(Subcommand, Debug)]
pub(super) enum HoldCommand {
    /// Lists the holds that count
    List {
        /// Those that were lifted, too
        #[arg(long)]
        all: bool,
    },
    /// Shows a hold and how many messages it covers
    Show {
        /// Its name, or its id
        name: String,
    },
    /// Sets a hold: nothing that it covers is removed, whatever arrives later included
    Set(HoldSetArgs),
    /// Lifts a hold
    Lift(HoldLiftArgs),
}

/// A new hold.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("scope").required(true).args(["query", "user", "all"]))]
pub(super) struct HoldSetArgs {
    /// Its name
    name: String,

    /// The messages that this query finds
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,

    /// The archive of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Every message
    #[arg(long)]
    all: bool,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    write: WriteArgs,
}

/// A hold that ends.
#[derive(Args, Debug)]
pub(super) struct HoldLiftArgs {
    /// Its name, or its id
    name: String,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    by: AsArgs,

    #[command(flatten)]
    write: WriteArgs,
}

impl HoldCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            HoldCommand::Set(it) => Some(&it.write),
            HoldCommand::Lift(it) => Some(&it.write),
            HoldCommand::List { .. } | HoldCommand::Show { .. } => None,
        }
    }

    /// The request.
    pub(super) fn request(self, surroundings: &dyn Surroundings) -> Result<Request, Failure> {
        Ok(Request::Hold(match self {
            HoldCommand::List { all } => {
                HoldRequest::List(if all { HoldChoice::All } else { HoldChoice::Open })
            }
            HoldCommand::Show { name } => HoldRequest::Show(name),
            HoldCommand::Set(it) => HoldRequest::Set(Box::new(HoldSet {
                name: name_of("the name of a hold", it.name)?,
                covers: match (it.query, it.user) {
                    (Some(query), _) => HoldCovers::Query(query),
                    (None, Some(user)) => HoldCovers::User(user_name(&user)?),
                    (None, None) => HoldCovers::All,
                },
                reason: name_of("--reason", it.reason)?,
            })),
            HoldCommand::Lift(it) => HoldRequest::Lift(HoldLift {
                name: it.name,
                reason: name_of("--reason", it.reason)?,
                by: it.by.person(surroundings)?,
            }),
        }))
    }
}

/// Which messages are removed.
#[derive(Args, Debug)]
pub(super) struct DeleteArgs {
    /// Their ids, or as much of their beginnings as no other message shares
    #[arg(required_unless_present = "query", conflicts_with = "query", value_name = "MESSAGE")]
    ids: Vec<String>,

    /// The messages that this query certainly finds
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    query: Option<String>,

    /// Shows what would go and what would stay, and does nothing
    #[arg(long)]
    plan: bool,

    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "plan")]
    reason: Option<String>,

    #[command(flatten)]
    by: AsArgs,

    #[command(flatten)]
    pub(super) write: WriteArgs,
}

impl DeleteArgs {
    /// The request.
    pub(super) fn request(self, surroundings: &dyn Surroundings) -> Result<Request, Failure> {
        let DeleteArgs { ids, query, plan, reason, by, .. } = self;
        if ids.iter().any(String::is_empty) {
            return Err(Failure::new(FailureKind::Request, "an id is empty"));
        }
        let which = query.map_or(DeleteWhich::Ids(ids), DeleteWhich::Query);
        if plan {
            let (how, reason) = (DeleteHow::Plan, reason.unwrap_or_default());
            return Ok(Request::Delete(Delete { which, how, reason, by: None }));
        }
        let reason = name_of("--reason", reason.unwrap_or_default())?;
        let by = by.person(surroundings)?;
        Ok(Request::Delete(Delete { which, how: DeleteHow::Run, reason, by }))
    }
}
