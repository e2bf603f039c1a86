//! What every command that writes can be told of the data directory.

use clap::Args;

use super::Command;
use crate::context::{NetworkFiles, Ownership};

#[derive(Args, Debug)]
pub(super) struct WriteArgs {
    /// Wait while another process owns the data directory
    #[arg(long)]
    pub(super) wait: bool,

    /// Keep the store on a network file system (NFS, SMB) all the same: a lost connection may
    /// then damage it, and two machines may write it at once
    #[arg(long)]
    pub(super) on_network_file_system: bool,
}

/// What a command is told that writes only the state.
#[derive(Args, Debug)]
pub(super) struct WaitArgs {
    /// Wait while another process owns the data directory
    #[arg(long)]
    pub(super) wait: bool,
}

/// What a command that writes was told of the data directory.
fn write_args(command: &Command) -> Option<&WriteArgs> {
    match command {
        Command::Archive(args) => Some(&args.write),
        Command::Import(args) => Some(&args.write),
        Command::Serve(args) => Some(args),
        Command::Store(it) => it.write_args(),
        Command::Backup(it) => it.write_args(),
        Command::Job(it) => it.write_args(),
        Command::User(it) => it.write_args(),
        Command::Quarantine(it) => it.write_args(),
        Command::Unknown(it) => it.write_args(),
        Command::Retention(it) => it.write_args(),
        Command::Hold(it) => it.write_args(),
        Command::Delete(it) => Some(&it.write),
        _ => None,
    }
}

pub(super) fn ownership(command: &Command) -> Ownership {
    let waits = match command {
        Command::Profile(it) => it.waits(),
        Command::Anchor(it) => it.waits(),
        Command::Alert(it) => it.waits(),
        Command::Report(it) => it.waits(),
        Command::Audit(it) => it.waits(),
        Command::Mail(it) => it.waits(),
        Command::Settings(it) => it.waits(),
        Command::Key(it) => it.waits(),
        Command::Apply(it) => it.waits(),
        Command::Retention(it) => it.waits(),
        Command::Approval(it) => it.waits(),
        _ => write_args(command).is_some_and(|it| it.wait),
    };
    if waits { Ownership::Wait } else { Ownership::AtOnce }
}

pub(super) fn network_files(command: &Command) -> NetworkFiles {
    let accepted = write_args(command).is_some_and(|it| it.on_network_file_system);
    if accepted { NetworkFiles::Accepted } else { NetworkFiles::Refused }
}
