//! The writing of checkpoints: what was signed last, and what may be signed next.

use std::io;
use std::sync::Arc;

use ledger::note::Signer;
use ledger::{Checkpoint, Moment};
use ports::Random;
use types::Position;

use super::{Evidence, SignedCheckpoint, keys, list};
use crate::error::{StoreError, chain};

/// Signs checkpoints, one after the other.
pub(super) struct Book {
    evidence: Evidence,
    random: Arc<dyn Random>,
    /// Read, or made, with the first checkpoint.
    signer: Option<Signer>,
    last: Option<SignedCheckpoint>,
    len: u64,
    /// The log was closed: nothing more is signed before it is opened again.
    is_ended: bool,
    /// Told of every end before that is signed.
    on_end: OnEnd,
}

/// Keeps elsewhere where a log ends, before a checkpoint says so: whoever remembers less than a
/// log that was closed was set back, however the process died.
pub type OnEnd = Box<dyn Fn(Position) -> io::Result<()> + Send>;

/// What is strange about the evidence of a log that is opened, in sentences without a full stop.
pub(super) type Strange = Vec<String>;

impl Book {
    /// Reads how far the log at `position` was signed, and makes that known to be its end.
    pub(super) fn open(
        evidence: &Evidence,
        random: Arc<dyn Random>,
        position: Position,
        on_end: OnEnd,
    ) -> Result<(Book, Strange), StoreError> {
        let Evidence { disk, dir, .. } = evidence;
        let mut strange = Strange::new();
        let known = keys::read_verifiers(&**disk, dir).unwrap_or_else(|error| {
            strange.push(chain(&error));
            Vec::new()
        });
        let end = list::read_last(&**disk, dir, &known)?;
        if !known.is_empty() && !keys::has_signer(&**disk, dir) {
            strange
                .push("the key that signed the checkpoints is missing: a new one is made".into());
        }
        let mut book = Book {
            evidence: evidence.clone(),
            random,
            signer: None,
            last: end.checkpoint,
            len: end.len,
            is_ended: false,
            on_end,
        };
        let signed = book.last.as_ref().map(|it| &it.checkpoint);
        // What was signed in an earlier epoch may be of entries that were given up.
        let is_of_epoch = signed.is_none_or(|it| it.origin == evidence.origin());
        match signed {
            _ if !is_of_epoch => (),
            None if end.has_notes => {
                strange.push("the signature of the last checkpoint does not hold".into());
            }
            None if position.entries != 0 => {
                strange.push("the log has entries and no checkpoint: they may be removed".into());
            }
            Some(last) if last.is_exceeded(position) => strange.push(format!(
                "{} entries stand behind the checkpoint that closed the log: nobody signed them",
                position.entries - last.position.entries
            )),
            _ => (),
        }
        let is_settled = match signed {
            None => !end.has_notes && position.entries == 0,
            Some(last) => is_of_epoch && last.moment == Moment::Closed && last.position == position,
        };
        if !is_settled {
            // The last session did not come to its end, or something was done to its evidence:
            // the list shows from here on what the log was when it was found.
            book.sign(Moment::Closed, position).map_err(StoreError::io("sign a checkpoint"))?;
        }
        Ok((book, strange))
    }

    /// What was signed last.
    pub(super) fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// Signs `position` while the log is written, unless that is signed already.
    pub(super) fn sign_open(&mut self, position: Position) -> io::Result<()> {
        let is_signed = self.last.as_ref().is_some_and(|it| {
            it.checkpoint.position == position && it.checkpoint.moment == Moment::Open
        });
        if self.is_ended || is_signed { Ok(()) } else { self.sign(Moment::Open, position) }
    }

    /// Signs `position` as the end of the log.
    pub(super) fn sign_closed(&mut self, position: Position) -> io::Result<()> {
        self.is_ended = true;
        self.sign(Moment::Closed, position)
    }

    fn sign(&mut self, moment: Moment, position: Position) -> io::Result<()> {
        if moment == Moment::Closed {
            (self.on_end)(position)?;
        }
        let Evidence { disk, dir, .. } = &self.evidence;
        let signer = match self.signer.take() {
            Some(signer) => signer,
            None => keys::found_or_made(&self.evidence, &*self.random)?,
        };
        let checkpoint = Checkpoint { origin: self.evidence.origin(), position, moment };
        let note = checkpoint.sign(&signer);
        self.signer = Some(signer);
        self.len = list::append(&**disk, dir, self.len, &note)?;
        self.last = Some(SignedCheckpoint { checkpoint, note });
        Ok(())
    }
}
