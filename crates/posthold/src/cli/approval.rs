//! `approval ...`, and who asks for what needs a second person.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use commands::{ApprovalChoice, ApprovalRequest, AsPerson, Failure, Request};

use super::writing::WaitArgs;
use super::{Surroundings, name_of};

/// Who asks, while removals need a second person.
#[derive(Args, Debug)]
pub(super) struct AsArgs {
    /// Who you are, while the setting `four_eyes` is on
    #[arg(long = "as", value_name = "NAME")]
    person: Option<String>,

    /// Where your passphrase is: the first line of this file [default: POSTHOLD_PASSWORD, or a
    /// prompt]
    #[arg(long, value_name = "FILE", requires = "person")]
    passphrase_file: Option<PathBuf>,
}

impl AsArgs {
    /// Who asks, if somebody says so.
    pub(super) fn person(
        self,
        surroundings: &dyn Surroundings,
    ) -> Result<Option<AsPerson>, Failure> {
        let Some(name) = self.person else { return Ok(None) };
        person(name, self.passphrase_file.as_deref(), surroundings).map(Some)
    }
}

fn person(
    name: String,
    file: Option<&Path>,
    surroundings: &dyn Surroundings,
) -> Result<AsPerson, Failure> {
    let name = name_of("the name of a person", name)?;
    let passphrase = surroundings.password(file, &format!("Passphrase of {name}: "))?;
    Ok(AsPerson { name, passphrase })
}

/// What is done about removals that wait for a second person.
#[derive(Subcommand, Debug)]
pub(super) enum ApprovalCommand {
    /// Lists what waits for a second person
    List {
        /// What was decided and what nobody decided in time, too
        #[arg(long)]
        all: bool,
    },
    /// Shows a request and what became of it
    Show {
        /// Its number
        id: u64,
    },
    /// Approves a request of somebody else, and carries it out
    Approve(DecideArgs),
    /// Refuses a request
    Reject(DecideArgs),
    /// Lists the persons who ask and approve
    Persons,
    /// Takes another person, by a passphrase that only this person knows
    AddPerson(AddArgs),
    /// Takes no approvals of a person any more
    RemovePerson(RemoveArgs),
    /// Asks to need no second person any more, which a second person approves
    TurnOff(TurnOffArgs),
}

/// A decision.
#[derive(Args, Debug)]
pub(super) struct DecideArgs {
    /// Its number, as `approval list` shows it
    id: u64,

    /// Who you are
    #[arg(long = "as", value_name = "NAME")]
    person: String,

    /// Where your passphrase is: the first line of this file [default: POSTHOLD_PASSWORD, or a
    /// prompt]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Another person.
#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// The name
    name: String,

    /// Where the passphrase of the new person is: the first line of this file [default:
    /// POSTHOLD_PASSWORD, or a prompt]
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    #[command(flatten)]
    by: AsArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// A person who leaves.
#[derive(Args, Debug)]
pub(super) struct RemoveArgs {
    /// The name
    name: String,

    #[command(flatten)]
    by: AsArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Who wants no second person any more.
#[derive(Args, Debug)]
pub(super) struct TurnOffArgs {
    /// Who you are
    #[arg(long = "as", value_name = "NAME")]
    person: String,

    /// Where your passphrase is: the first line of this file [default: POSTHOLD_PASSWORD, or a
    /// prompt]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    #[command(flatten)]
    wait: WaitArgs,
}

impl ApprovalCommand {
    /// Whether it waits for the data directory.
    pub(super) fn waits(&self) -> bool {
        match self {
            ApprovalCommand::Approve(it) | ApprovalCommand::Reject(it) => it.wait.wait,
            ApprovalCommand::AddPerson(it) => it.wait.wait,
            ApprovalCommand::RemovePerson(it) => it.wait.wait,
            ApprovalCommand::TurnOff(it) => it.wait.wait,
            ApprovalCommand::List { .. }
            | ApprovalCommand::Show { .. }
            | ApprovalCommand::Persons => false,
        }
    }

    /// The request.
    pub(super) fn request(self, surroundings: &dyn Surroundings) -> Result<Request, Failure> {
        let decides = |it: DecideArgs| {
            Ok((it.id, person(it.person, it.passphrase_file.as_deref(), surroundings)?))
        };
        Ok(Request::Approval(match self {
            ApprovalCommand::List { all } => {
                ApprovalRequest::List(if all { ApprovalChoice::All } else { ApprovalChoice::Open })
            }
            ApprovalCommand::Show { id } => ApprovalRequest::Show(id),
            ApprovalCommand::Approve(it) => {
                decides(it).map(|(id, by)| ApprovalRequest::Approve(id, by))?
            }
            ApprovalCommand::Reject(it) => {
                decides(it).map(|(id, by)| ApprovalRequest::Reject(id, by))?
            }
            ApprovalCommand::Persons => ApprovalRequest::Persons,
            ApprovalCommand::AddPerson(it) => {
                let new = person(it.name, it.new_passphrase_file.as_deref(), surroundings)?;
                ApprovalRequest::AddPerson(new, it.by.person(surroundings)?)
            }
            ApprovalCommand::RemovePerson(it) => {
                ApprovalRequest::RemovePerson(it.name, it.by.person(surroundings)?)
            }
            ApprovalCommand::TurnOff(it) => {
                let by = person(it.person, it.passphrase_file.as_deref(), surroundings)?;
                ApprovalRequest::TurnOff(by)
            }
        }))
    }
}
