//! `service ...`.

use clap::{Args, Subcommand, ValueEnum};
use commands::{ServiceRequest, WorkerGroup};

/// What is done with the server that runs.
#[derive(Subcommand, Debug)]
pub(super) enum ServiceCommand {
    /// Shows what the server does, what is next, and which changes it applies
    Status,
    /// Lets workers end what they do at the next batch, and begin nothing
    Pause(GroupArgs),
    /// Lets workers go on
    Resume(GroupArgs),
    /// Lets workers end what they do at the next batch, connect anew and go on
    Restart(GroupArgs),
}

/// Which workers.
#[derive(Args, Debug)]
pub(super) struct GroupArgs {
    /// Only those of this group [default: all]
    group: Option<GroupArg>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum GroupArg {
    /// Those that run jobs
    Fetch,
    /// Those that take mail by SMTP
    Receive,
    /// Those that send reports and alerts
    Mail,
    /// Those that bring catalog and index up to date
    Views,
}

impl ServiceCommand {
    /// The request.
    pub(super) fn request(&self) -> ServiceRequest {
        match self {
            ServiceCommand::Status => ServiceRequest::Status,
            ServiceCommand::Pause(it) => ServiceRequest::Pause(it.group()),
            ServiceCommand::Resume(it) => ServiceRequest::Resume(it.group()),
            ServiceCommand::Restart(it) => ServiceRequest::Restart(it.group()),
        }
    }
}

impl GroupArgs {
    fn group(&self) -> Option<WorkerGroup> {
        self.group.map(|it| match it {
            GroupArg::Fetch => WorkerGroup::Fetch,
            GroupArg::Receive => WorkerGroup::Receive,
            GroupArg::Mail => WorkerGroup::Mail,
            GroupArg::Views => WorkerGroup::Views,
        })
    }
}
