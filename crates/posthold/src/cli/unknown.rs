//! `unknown ...`.

use clap::{Args, Subcommand};
use commands::{Assign, AssignAs, AssignTo, Failure, Request, UnknownRequest};

use super::user_name;
use super::writing::WriteArgs;

/// What is done with addresses that belong to nobody.
#[derive(Subcommand, Debug)]
pub(super) enum UnknownCommand {
    /// Lists the addresses on mail that belong to nobody
    List,
    /// Shows one of them
    Show {
        /// The address
        address: String,
    },
    /// Gives an address to a user, and sorts what @catchall has for it
    Assign(AssignArgs),
}

/// Whose an address becomes.
#[derive(Args, Debug)]
pub(super) struct AssignArgs {
    /// The address
    address: String,

    /// The user who gets it
    #[arg(long, value_name = "NAME")]
    user: String,

    /// Make the user
    #[arg(long)]
    new: bool,

    /// Give it as an alias, beside the user's addresses
    #[arg(long)]
    alias: bool,

    #[command(flatten)]
    write: WriteArgs,
}

impl UnknownCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            UnknownCommand::Assign(it) => Some(&it.write),
            UnknownCommand::List | UnknownCommand::Show { .. } => None,
        }
    }

    /// The request.
    pub(super) fn request(self) -> Result<Request, Failure> {
        Ok(Request::Unknown(match self {
            UnknownCommand::List => UnknownRequest::List,
            UnknownCommand::Show { address } => UnknownRequest::Show(address),
            UnknownCommand::Assign(it) => UnknownRequest::Assign(Assign {
                user: user_name(&it.user)?,
                address: it.address,
                whom: if it.new { AssignTo::New } else { AssignTo::Known },
                standing: if it.alias { AssignAs::Alias } else { AssignAs::Address },
            }),
        }))
    }
}
