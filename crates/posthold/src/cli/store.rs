//! `store ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use commands::{
    CompactHow, Failure, FailureKind, NewStore, PlainLog, Request, Rescan, StoreRequest,
    StoreState, View,
};

use super::name_of;
use super::writing::WriteArgs;

/// Bytes of a store's name, at most: it is a directory too.
const NAME_BYTES_MAX: usize = 100;

/// What is done about stores.
#[derive(Subcommand, Debug)]
pub(super) enum StoreCommand {
    /// Lists the stores
    List,
    /// Shows one store
    Show {
        /// Its name
        name: String,
    },
    /// Makes a store
    Create(NewArgs),
    /// Takes a store in that is there
    Attach(NewArgs),
    /// Lets a store go: what it holds is not seen any more; its directory stays as it is
    Detach(NameArgs),
    /// Calls a store otherwise; its directory keeps its name
    Rename(RenameArgs),
    /// Says what a store is for
    SetState(StateArgs),
    /// Takes what was erased out of every file of a store: segments are written once more without
    /// it, and catalog and index are cleared
    Compact(CompactArgs),
    /// Lists what is to be erased and what was: what, why, by which rule, and the hash
    Erasures(ErasuresArgs),
    /// Lets new mail go to a store; cursors are carried into it first
    MakeCurrent(CurrentArgs),
    /// Tries a store again that is in error
    Retry(NameArgs),
    /// Puts what a store holds into another one, and lets it go
    Merge(MergeArgs),
    /// Moves a store to another directory, byte for byte
    Move(MoveArgs),
    /// Reads one store again and checks every frame, hash, entry and view
    Verify {
        /// Its name
        name: String,
    },
    /// Makes a view of a store anew from its log alone, and swaps it in
    Rebuild(RebuildArgs),
    /// Shows what the stores hold
    Stats,
    /// Encrypts the log of a store: a copy is made, read again whole, and takes its place
    Encrypt(EncryptArgs),
    /// Makes the catalog anew from the log alone, and swaps it in
    RebuildCatalog(WriteArgs),
    /// Makes the full-text index anew from the log alone, and swaps it in
    RebuildIndex(WriteArgs),
    /// Lets a store go on whose log is shorter than it was: an older copy was brought back. What
    /// was lost with the newer one is noted in its log, and a new epoch begins
    AcceptRollback(AcceptArgs),
}

#[derive(Args, Debug)]
pub(super) struct AcceptArgs {
    /// Its name [default: that of the current store]
    name: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct ErasuresArgs {
    /// Only these: their ids, or beginnings of them
    #[arg(value_name = "MESSAGE")]
    ids: Vec<String>,

    /// Writes proofs of those that are erased to this directory, for `posthold-verify`
    #[arg(long, value_name = "DIR")]
    proof: Option<PathBuf>,
}

/// Which store is compacted.
#[derive(Args, Debug)]
pub(super) struct CompactArgs {
    /// Its name [default: that of the current store]
    name: Option<String>,

    /// Only show what would be done
    #[arg(long)]
    plan: bool,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct NameArgs {
    /// Its name
    name: String,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct EncryptArgs {
    /// Its name
    name: String,

    /// Remove the log that was not encrypted, which else stays in segments.plain
    #[arg(long)]
    remove_plain: bool,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct CurrentArgs {
    /// Its name
    name: String,

    /// Also when a store cannot be read that may know newer cursors: what it holds is compared with
    /// its source again, and fetched again
    #[arg(long)]
    rescan: bool,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct MergeArgs {
    /// The store that ends
    name: String,

    /// The store that it goes to
    into: String,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct MoveArgs {
    /// Its name
    name: String,

    /// The directory, which must not be there or be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct RebuildArgs {
    /// Its name
    name: String,

    /// Which view
    #[arg(long)]
    view: ViewArg,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum ViewArg {
    /// Folders and metadata
    Catalog,
    /// The full-text index
    Index,
}

#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// Its name
    name: String,

    /// Its directory [default: stores/NAME in the data directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// What it is for
    #[arg(long, default_value = "normal")]
    state: StateArg,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct RenameArgs {
    /// Its name until now
    name: String,

    /// Its name from now on
    to: String,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Args, Debug)]
pub(super) struct StateArgs {
    /// Its name
    name: String,

    /// What it is for from now on
    state: StateArg,

    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum StateArg {
    /// It is read, and changes to its messages are written to it
    Normal,
    /// It is read; changes to its messages wait in the current store
    #[value(name = "write_protected", alias = "write-protected")]
    WriteProtected,
    /// Nobody sees it
    Disabled,
}

impl From<StateArg> for StoreState {
    fn from(it: StateArg) -> StoreState {
        match it {
            StateArg::Normal => StoreState::Normal,
            StateArg::WriteProtected => StoreState::WriteProtected,
            StateArg::Disabled => StoreState::Disabled,
        }
    }
}

impl StoreCommand {
    /// What it is told of the data directory.
    pub(super) fn write_args(&self) -> Option<&WriteArgs> {
        match self {
            StoreCommand::Compact(it) => Some(&it.write),
            StoreCommand::List
            | StoreCommand::Erasures(_)
            | StoreCommand::Stats
            | StoreCommand::Show { .. }
            | StoreCommand::Verify { .. } => None,
            StoreCommand::MakeCurrent(it) => Some(&it.write),
            StoreCommand::Retry(it) => Some(&it.write),
            StoreCommand::Merge(it) => Some(&it.write),
            StoreCommand::Move(it) => Some(&it.write),
            StoreCommand::Rebuild(it) => Some(&it.write),
            StoreCommand::Create(it) | StoreCommand::Attach(it) => Some(&it.write),
            StoreCommand::Detach(it) => Some(&it.write),
            StoreCommand::Rename(it) => Some(&it.write),
            StoreCommand::SetState(it) => Some(&it.write),
            StoreCommand::Encrypt(it) => Some(&it.write),
            StoreCommand::RebuildCatalog(it) | StoreCommand::RebuildIndex(it) => Some(it),
            StoreCommand::AcceptRollback(it) => Some(&it.write),
        }
    }

    /// The request.
    pub(super) fn request(self) -> Result<Request, Failure> {
        Ok(Request::Store(match self {
            StoreCommand::List => StoreRequest::List,
            StoreCommand::Show { name } => StoreRequest::Show(name),
            StoreCommand::Create(it) => StoreRequest::Create(it.store()?),
            StoreCommand::Attach(it) => StoreRequest::Attach(it.store()?),
            StoreCommand::Detach(it) => StoreRequest::Detach(it.name),
            StoreCommand::Rename(it) => {
                StoreRequest::Rename { name: it.name, to: store_name(it.to)? }
            }
            StoreCommand::SetState(it) => {
                StoreRequest::SetState { name: it.name, state: it.state.into() }
            }
            StoreCommand::Compact(CompactArgs { name, plan, .. }) => {
                let how = if plan { CompactHow::Plan } else { CompactHow::Run };
                StoreRequest::Compact { name, how }
            }
            StoreCommand::Erasures(ErasuresArgs { ids, proof }) => {
                StoreRequest::Erasures { ids, proof }
            }
            StoreCommand::MakeCurrent(it) => {
                let rescan = if it.rescan { Rescan::Accepted } else { Rescan::Refused };
                StoreRequest::MakeCurrent { name: it.name, rescan }
            }
            StoreCommand::Retry(it) => StoreRequest::Retry(it.name),
            StoreCommand::Merge(it) => StoreRequest::Merge { name: it.name, into: it.into },
            StoreCommand::Move(it) => StoreRequest::Move { name: it.name, to: it.to },
            StoreCommand::Verify { name } => StoreRequest::Verify(name),
            StoreCommand::Rebuild(it) => {
                let view = match it.view {
                    ViewArg::Catalog => View::Catalog,
                    ViewArg::Index => View::Index,
                };
                StoreRequest::Rebuild { name: it.name, view }
            }
            StoreCommand::Stats => StoreRequest::Stats,
            StoreCommand::Encrypt(it) => {
                let plain = if it.remove_plain { PlainLog::Removed } else { PlainLog::Kept };
                StoreRequest::Encrypt { name: it.name, plain }
            }
            StoreCommand::RebuildCatalog(_) => return Ok(Request::Rebuild(View::Catalog)),
            StoreCommand::RebuildIndex(_) => return Ok(Request::Rebuild(View::Index)),
            StoreCommand::AcceptRollback(it) => return Ok(Request::AcceptRollback(it.name)),
        }))
    }
}

impl NewArgs {
    fn store(self) -> Result<NewStore, Failure> {
        let NewArgs { name, dir, state, .. } = self;
        Ok(NewStore { name: store_name(name)?, dir, state: state.into() })
    }
}

/// A name that a directory can have, too.
fn store_name(text: String) -> Result<String, Failure> {
    let name = name_of("NAME", text)?;
    if name.contains(['/', ':']) || name.starts_with('.') || NAME_BYTES_MAX < name.len() {
        let message = format!("{name:?} cannot be the name of a store");
        return Err(Failure::new(FailureKind::Request, message).with_hint(format!(
            "It is a directory too: no / and no :, no point at its beginning, {NAME_BYTES_MAX} \
             bytes at most."
        )));
    }
    Ok(name)
}
