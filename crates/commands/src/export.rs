//! Exports: which messages, how, and with which proofs.

use std::path::PathBuf;

use types::UserName;

/// Write messages to files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Which messages.
    pub scope: ExportScope,
    /// Only messages in this user's archive.
    pub user: Option<UserName>,
    /// The directory; made when missing.
    pub to: PathBuf,
    /// How.
    pub format: ExportFormat,
    /// Whether with proofs.
    pub proof: Proof,
}

/// Which messages are exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportScope {
    /// All of them.
    All,
    /// Those that a search finds.
    Query(String),
    /// Those in a folder and the folders below it.
    Folder(String),
}

/// How messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExportFormat {
    /// One file per message, its exact bytes.
    #[default]
    Eml,
    /// One mboxrd file per folder.
    Mbox,
    /// A Maildir with a subfolder per folder; one file per placement, its exact bytes.
    Maildir,
}

/// Whether an export has proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A directory `proof` beside the messages.
    Wanted,
    /// Messages alone.
    None,
}

/// How much of an export has proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProofCounts {
    /// Placements with a proof.
    pub proven: u64,
    /// Placements that no checkpoint covers yet.
    pub unsigned: u64,
}
