//! What removes mail at its source, and the proof that it takes.
//!
//! Rules:
//! - One function removes mail, [`Removes::remove`], and all that it is given are [`Proof`]s.
//! - A [`Proof`] is made in one place, [`ArchivedCopy::prove`], of three things, and where that is
//!   asked for of a backup that has the message as the fourth: the archived copy,
//!   which was read back from storage and has its hash; its placement, which stands at this place
//!   of the source; and the message at the source, which is still the same one, as the source says
//!   it just now.
//! - Whoever removes looks at the flags once more, behind its own mark and before the last step.
//! - An error of [`Removes::remove`] says nothing about what is gone: the next run looks.

use std::future::Future;
use std::ops::Range;

use rules::removal::Way;
use sha2::{Digest, Sha256};
use types::{BlobId, Flags, MailboxName, PlacementId, Timestamp};

use crate::catalog::ArchivedRow;
use crate::log::{Log, ReadError, ReadErrorKind};
use crate::source::{MailboxStatus, Source, SourceError};

/// The first bytes of a copy that are kept for reading its header. What stands behind them decides
/// nothing: then a message stays.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// A log that gives archived bytes back from where they are stored.
pub trait ReadBack: Log {
    /// Reads a blob into `sink`, piece by piece, from storage. `Err` also when bytes are not those
    /// that were stored. Blocks.
    fn read_back(&self, blob: &BlobId, sink: &mut dyn FnMut(&[u8])) -> Result<(), ReadError>;
}

/// The archived copy of a message, read back whole: its bytes had the hash of its id, just now.
#[derive(Debug)]
pub struct ArchivedCopy {
    row: ArchivedRow,
    head: Vec<u8>,
}

impl ArchivedCopy {
    /// Reads back the copy that a placement is. Blocks.
    pub fn read_back(log: &impl ReadBack, row: &ArchivedRow) -> Result<ArchivedCopy, ReadError> {
        let damaged = |what: &str| {
            ReadError::new(ReadErrorKind::Damaged, format!("the copy {} {what}", row.blob))
        };
        let found = log.find(&row.blob);
        let found = found.map_err(|it| damaged("cannot be looked for").caused_by(it))?;
        if found.and_then(|it| it.message).is_none() {
            let text = format!("the log has no placed message {}", row.blob);
            return Err(ReadError::new(ReadErrorKind::NotFound, text));
        }
        let (mut hasher, mut size, mut head) = (Sha256::new(), 0, Vec::new());
        log.read_back(&row.blob, &mut |bytes: &[u8]| {
            hasher.update(bytes);
            size += u64::try_from(bytes.len()).unwrap_or(0);
            let room = HEAD_BYTES_MAX.saturating_sub(head.len()).min(bytes.len());
            head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        })?;
        if BlobId(hasher.finalize().into()) != row.blob {
            return Err(damaged("does not have its hash"));
        }
        if size != row.size {
            return Err(damaged("does not have its size"));
        }
        Ok(ArchivedCopy { row: *row, head })
    }

    /// Its first bytes, once.
    pub fn take_head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.head)
    }

    /// Number of its bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.row.size
    }

    /// Whether the message has to be fetched once more to know that it is the same one: nothing
    /// else tells it for certain.
    #[must_use]
    pub fn needs_bytes(&self, now: &Standing) -> bool {
        now.identity == Identity::Uncertain || now.size < self.row.size
    }

    /// Proves that a message at the source is this copy, and may leave.
    ///
    /// `opened` is the mailbox as it is open for removal, `now` what the source said of the message
    /// since then. `again` is what came when it was fetched once more, and is needed when
    /// [`needs_bytes`](Self::needs_bytes) says so. `needed` is what has to be besides.
    pub fn prove(
        &self,
        opened: &MailboxStatus,
        now: &Standing,
        again: Option<Again>,
        needed: &Needed,
    ) -> Result<Proof, Unproven> {
        let row = &self.row;
        if !needed.is_met(row.placement) {
            return Err(Unproven::NotBackedUp);
        }
        if opened.uid_validity != row.uid_validity || now.uid != row.place.uid {
            return Err(Unproven::AnotherMessage);
        }
        if now.flags.contains(Flags::FLAGGED) {
            return Err(Unproven::Flagged);
        }
        let (size, is_same) = match again {
            None => (row.size, !self.needs_bytes(now)),
            Some(Again::Message(blob)) => (row.size, blob == row.blob),
            Some(Again::Report { size, original }) => (size, original == row.blob),
        };
        // What came may have been cut, every time alike: then the source has the only whole one.
        if now.size > size {
            return Err(Unproven::Shorter);
        }
        if !is_same {
            return Err(Unproven::AnotherMessage);
        }
        Ok(Proof {
            uid: now.uid,
            uid_validity: row.uid_validity,
            size: now.size,
            was_deleted: now.flags.contains(Flags::DELETED),
        })
    }
}

/// What has to be beside the archived copy before a message may leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Needed {
    /// Nothing.
    Nothing,
    /// A whole backup that has the copy: one of these runs of entries placed it. None when there is
    /// no backup.
    Backup(Vec<Range<u64>>),
}

impl Needed {
    /// Whether it is there for this placement.
    #[must_use]
    pub fn is_met(&self, placement: PlacementId) -> bool {
        match self {
            Needed::Nothing => true,
            Needed::Backup(runs) => runs.iter().any(|it| it.contains(&placement.0)),
        }
    }
}

/// What came when a message was fetched once more, to the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// These bytes.
    Message(BlobId),
    /// A journal report of this many bytes, whole, with these bytes as the message in it.
    Report {
        /// Bytes of the report.
        size: u64,
        /// The message in it.
        original: BlobId,
    },
}

/// Why a message may not leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unproven {
    /// It is not certain that it is the one that was archived.
    AnotherMessage,
    /// It is flagged.
    Flagged,
    /// The source says that it is longer than what it gave.
    Shorter,
    /// No whole backup has it yet.
    NotBackedUp,
}

/// The proof that a message is archived: only [`ArchivedCopy::prove`] makes it.
#[derive(Debug)]
pub struct Proof {
    uid: u64,
    uid_validity: u64,
    size: u64,
    was_deleted: bool,
}

impl Proof {
    /// The UID of the message.
    #[must_use]
    pub fn uid(&self) -> u64 {
        self.uid
    }

    /// The epoch of the mailbox that the UID belongs to.
    #[must_use]
    pub fn uid_validity(&self) -> u64 {
        self.uid_validity
    }

    /// The size that the source said.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether somebody had marked the message as `\Deleted` before.
    #[must_use]
    pub fn was_deleted(&self) -> bool {
        self.was_deleted
    }
}

/// What a source says of a message now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its UID.
    pub uid: u64,
    /// Its size as the source says it.
    pub size: u64,
    /// When it arrived, where the source says so.
    pub received: Option<Timestamp>,
    /// Its flags; none where the source has no flags.
    pub flags: Flags,
    /// What its UID is worth.
    pub identity: Identity,
}

/// Whether a UID says for certain which message is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// It does, in this epoch of the mailbox.
    Certain,
    /// It does not: the source numbers its messages anew, or several share a name.
    Uncertain,
}

/// What became of messages that were to leave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// The UIDs of those that are gone; the source says so.
    pub gone: Vec<u64>,
    /// Of those that stayed after all: UID, and why.
    pub kept: Vec<(u64, Kept)>,
    /// How many messages went beside these: by somebody else, or by a server that is wrong.
    pub others: u64,
}

/// Why a message stayed that had been proven.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kept {
    /// Somebody flagged it meanwhile.
    Flagged,
    /// The source does not list it any more, and did not before it was to leave.
    Gone,
    /// It is another one than it was.
    Changed,
    /// The source agreed, and still has it.
    StillThere,
}

/// A source that mail can be removed from. Only this phase of a run opens it for writing.
pub trait Removes: Source {
    /// How many messages are proven and removed together, at most.
    fn removes_together(&self) -> usize;

    /// Opens a mailbox for removing messages in this way, if it is not open like that. Refuses as
    /// `Configuration` what the server cannot do at all, as `Mailbox` what it does not allow here.
    fn open_to_remove(
        &mut self,
        mailbox: &MailboxName,
        way: &Way,
    ) -> impl Future<Output = Result<MailboxStatus, SourceError>> + Send;

    /// What the source says now of messages of the mailbox that is open for removal. Omits those
    /// that are not there.
    fn standing(
        &mut self,
        uids: &[u64],
    ) -> impl Future<Output = Result<Vec<Standing>, SourceError>> + Send;

    /// Removes messages of the mailbox that is open for removal, in the way that it was opened
    /// for. This is the only function that does, anywhere.
    ///
    /// After an error it is not known which of them are gone; the session is over.
    fn remove(
        &mut self,
        proofs: Vec<Proof>,
    ) -> impl Future<Output = Result<Removed, SourceError>> + Send;

    /// Looks whether messages may be removed in this way, and says by what. Removes nothing.
    fn try_removal(
        &mut self,
        way: &Way,
    ) -> impl Future<Output = Result<String, SourceError>> + Send;
}

#[cfg(test)]
mod tests;
