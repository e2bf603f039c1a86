//! `user ...`.

use clap::{Args, Subcommand};
use commands::{Failure, Rank, Request, Switch, UserSet};

use super::user_name;
use super::writing::WriteArgs;

/// What is done with users.
#[derive(Subcommand, Debug)]
pub(super) enum UserCommand {
    /// Makes a user
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Changes a user; what is not named stays
    Set(SetArgs),
    /// Shows a user
    Show {
        /// Its name
        name: String,
    },
    /// Lists the users
    List,
}

/// What is changed.
#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Its name
    name: String,

    /// The full name
    #[arg(long, value_name = "TEXT")]
    full_name: Option<String>,

    /// A mail address, the primary one first (repeatable); replaces all of them
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<String>,

    /// Take all addresses away
    #[arg(long, conflicts_with = "address")]
    no_addresses: bool,

    /// Another address that mail to this user may bear (repeatable); replaces all of them
    #[arg(long, value_name = "ADDRESS")]
    alias: Vec<String>,

    /// Take all aliases away
    #[arg(long, conflicts_with = "alias")]
    no_aliases: bool,

    /// Let the user log in and take part in jobs that select users
    #[arg(long, conflicts_with = "deactivate")]
    activate: bool,

    /// Neither; the archive stays
    #[arg(long)]
    deactivate: bool,

    /// Let the user own jobs of every kind
    #[arg(long, conflicts_with = "no_administrator")]
    administrator: bool,

    /// Only jobs for single mailboxes into the own archive
    #[arg(long)]
    no_administrator: bool,

    #[command(flatten)]
    write: WriteArgs,
}

impl UserCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            UserCommand::Add { write, .. } => Some(write),
            UserCommand::Set(it) => Some(&it.write),
            UserCommand::Show { .. } | UserCommand::List => None,
        }
    }

    /// The request.
    pub(super) fn request(self) -> Result<Request, Failure> {
        Ok(match self {
            UserCommand::Add { name, .. } => Request::UserAdd(user_name(&name)?),
            UserCommand::Set(it) => set(it)?,
            UserCommand::Show { name } => Request::UserShow(user_name(&name)?),
            UserCommand::List => Request::UserList,
        })
    }
}

fn set(args: SetArgs) -> Result<Request, Failure> {
    let list = |named: Vec<String>, none: bool| (none || !named.is_empty()).then_some(named);
    Ok(Request::UserSet(Box::new(UserSet {
        name: user_name(&args.name)?,
        full_name: args.full_name,
        switch: match (args.activate, args.deactivate) {
            (true, _) => Some(Switch::Enabled),
            (false, true) => Some(Switch::Disabled),
            (false, false) => None,
        },
        rank: match (args.administrator, args.no_administrator) {
            (true, _) => Some(Rank::Administrator),
            (false, true) => Some(Rank::Ordinary),
            (false, false) => None,
        },
        addresses: list(args.address, args.no_addresses),
        aliases: list(args.alias, args.no_aliases),
    })))
}
