//! `anchor ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use commands::{
    AnchorAdd, AnchorChoice, AnchorFiles, AnchorRequest, AnchorTarget, Failure, check_name,
};

use super::WaitArgs;
use super::job::absolute;

/// What is done with anchors.
#[derive(Subcommand, Debug)]
pub(super) enum AnchorCommand {
    /// Keeps checkpoints there from now on: once a day while `serve` runs
    #[command(subcommand)]
    Add(AddCommand),
    /// Lists the anchors, and when checkpoints went there
    List,
    /// Keeps no more checkpoints there; what went there counts on
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Sends checkpoints now
    Now(NowArgs),
    /// Holds what anchors have against the archive: mails and files; without any, all that is kept
    /// here
    Verify {
        /// Files of anchors, mails saved as files, and time-stamp tokens
        files: Vec<PathBuf>,

        /// A PEM file with certificates that tokens have to lead to, besides those of the anchors
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
    },
}

/// Where checkpoints are kept.
#[derive(Subcommand, Debug)]
pub(super) enum AddCommand {
    /// By mail to people, through the server of `mail set`
    Mail {
        /// Their addresses
        #[arg(required = true)]
        to: Vec<String>,
        #[command(flatten)]
        more: AddArgs,
    },
    /// In time-stamp tokens of an authority (RFC 3161), over HTTP
    Tsa {
        /// The address of the authority: http://..., or https://...
        url: String,
        /// A PEM file with the certificate that its tokens lead to, which you should have got from
        /// it in another way; kept with the anchor
        #[arg(long, value_name = "FILE")]
        ca_file: PathBuf,
        #[command(flatten)]
        more: AddArgs,
    },
    /// In a file that is only ever added to, such as one on a share that can be written once
    File {
        /// The file; made when missing
        path: PathBuf,
        #[command(flatten)]
        more: AddArgs,
    },
}

/// What every anchor has.
#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// What it is called [default: what it is]
    #[arg(long)]
    name: Option<String>,

    /// Hours between two checkpoints
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=8760))]
    every_hours: u32,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Where checkpoints are sent.
#[derive(Args, Debug)]
pub(super) struct NowArgs {
    /// Only to this anchor
    name: Option<String>,

    /// Only to those whose time has come
    #[arg(long, conflicts_with = "name")]
    due: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

impl AnchorCommand {
    /// Whether to wait for another process that owns the data directory.
    pub(super) fn waits(&self) -> bool {
        match self {
            AnchorCommand::Add(it) => match it {
                AddCommand::Mail { more, .. }
                | AddCommand::Tsa { more, .. }
                | AddCommand::File { more, .. } => more.wait.wait,
            },
            AnchorCommand::Remove { wait, .. } => wait.wait,
            AnchorCommand::Now(it) => it.wait.wait,
            AnchorCommand::List | AnchorCommand::Verify { .. } => false,
        }
    }

    /// The request.
    pub(super) fn request(self) -> Result<AnchorRequest, Failure> {
        Ok(match self {
            AnchorCommand::Add(it) => AnchorRequest::Add(it.anchor()?),
            AnchorCommand::List => AnchorRequest::List,
            AnchorCommand::Remove { name, .. } => AnchorRequest::Remove(name),
            AnchorCommand::Now(it) => AnchorRequest::Now(match it.name {
                Some(name) => AnchorChoice::Named(name),
                None if it.due => AnchorChoice::Due,
                None => AnchorChoice::All,
            }),
            AnchorCommand::Verify { files, ca_file } => {
                AnchorRequest::Verify(AnchorFiles { files, ca_file })
            }
        })
    }
}

impl AddCommand {
    fn anchor(self) -> Result<AnchorAdd, Failure> {
        let mut certificates = None;
        let (target, more) = match self {
            AddCommand::Mail { to, more } => (AnchorTarget::Mail(to), more),
            AddCommand::File { path, more } => (AnchorTarget::File(absolute(path)?), more),
            AddCommand::Tsa { url, ca_file, more } => {
                certificates = Some(ca_file);
                (AnchorTarget::Tsa { url, roots: String::new() }, more)
            }
        };
        let name = more.name.unwrap_or_else(|| target.kind().to_owned());
        check_name(&name)?;
        Ok(AnchorAdd { name, target, every_hours: more.every_hours, ca_file: certificates })
    }
}
