//! What makes evidence of a log: signed checkpoints, and tiles of its Merkle tree.
//!
//! ```text
//! DIR/checkpoints             signed notes, one behind the other
//! DIR/checkpoint.pub          the keys that they are checked with, oldest first
//! DIR/keys/checkpoints.key    the key that signs them; wrapped where the log is encrypted
//! DIR/anchors                 checkpoints that are kept elsewhere too, and where
//! DIR/tiles/                  the tree, as C2SP tlog-tiles has it
//! ```
//!
//! What it is not: a part of the log, or of a store. It knows a `SegmentLog` and a directory, and
//! works for a log that has neither catalog nor index.
//!
//! Rules:
//! - A checkpoint is signed only over what is durable, and is durable before anybody hears of it.
//! - When writing begins one is signed at the size of the last one; when the log is closed, one
//!   that says so. Whatever stands behind that one nobody signed.
//! - Tiles are derived: never synced while the log is written, never believed before the root that
//!   they lead to is a signed one, and made anew when they are wrong.

mod anchors;
mod book;
mod check;
mod checkpointer;
mod keys;
mod list;
mod proofs;
mod tile_files;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::Checkpoint;
use ledger::checkpoint::{origin, split_origin};
use ledger::note::Verifier;
use ports::Disk;

use crate::error::StoreError;
use crate::log::{LogKeys, Recorded};

pub use anchors::{AnchorList, Standing};
pub use book::OnEnd;
pub use check::{EvidenceDefect, EvidenceVerdict};
pub use checkpointer::Checkpointer;
pub use proofs::{ProofSource, SignedCheckpoint};

/// Who has recorded a position, in messages.
const WHO: &str = "the last checkpoint";

/// Where the evidence of a log stands, and what its checkpoints call the log.
#[derive(Clone)]
pub struct Evidence {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    base: String,
    epoch: u64,
    /// What wraps the key that signs, where the log is encrypted.
    keys: Option<Arc<LogKeys>>,
}

impl Evidence {
    /// In the directory `dir`. `base` names the log, and is the name of its key; `epoch` counts
    /// how often an older copy of the log was accepted, from 1.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, base: String, epoch: u64) -> Evidence {
        Evidence { disk, dir: dir.to_owned(), base, epoch, keys: None }
    }

    /// The same of a log with these keys: the one that signs is wrapped like them.
    #[must_use]
    pub fn sealed_with(self, keys: Option<Arc<LogKeys>>) -> Evidence {
        Evidence { keys, ..self }
    }

    /// Wraps the key that signs, unless it is, or there is none.
    pub(crate) fn seal_key(&self) -> Result<(), StoreError> {
        keys::seal(self).map_err(StoreError::io("wrap the key of the checkpoints"))
    }

    /// That of the store in `dir` with this id.
    #[must_use]
    pub fn of_store(disk: Arc<dyn Disk>, dir: &Path, id: &str, epoch: u64) -> Evidence {
        Evidence::new(disk, dir, format!("posthold/store/{id}"), epoch)
    }

    /// The keys that its checkpoints are checked with, oldest first; none before the first one.
    pub fn verifiers(&self) -> Result<Vec<Verifier>, StoreError> {
        keys::read_verifiers(&*self.disk, &self.dir)
    }

    /// The last checkpoint whose signature holds, as it was signed.
    pub fn last(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        let verifiers = self.verifiers()?;
        Ok(list::read_last(&*self.disk, &self.dir, &verifiers)?.checkpoint)
    }

    /// How far the last checkpoint was signed, for opening the log. A list that cannot be read, or
    /// was changed, records nothing: [`check`](Self::check) says what is wrong with it.
    #[must_use]
    pub fn recorded(&self) -> Option<Recorded> {
        let last = self.last().ok().flatten()?.checkpoint;
        let is_ours = last.origin == self.origin() && last.position.entries != 0;
        is_ours.then_some(Recorded { who: WHO, position: last.position })
    }

    fn origin(&self) -> String {
        origin(&self.base, self.epoch)
    }

    /// Whether a checkpoint is one of this log, of this epoch or of an earlier one.
    fn is_of_log(&self, checkpoint: &Checkpoint) -> bool {
        let (base, epoch) = split_origin(&checkpoint.origin);
        base == self.base && epoch <= self.epoch
    }
}

#[cfg(test)]
mod tests;
