//! From a fact to what a catalog must change: at most ten kinds of row change.
//!
//! Pure, so that every catalog (SQLite here, others later) holds the same rows for the same log.

use types::{
    ArchiveId, BlobId, EntryNumber, Flags, FolderId, Hash, MessageKey, PlacementId, SourceId,
    Timestamp,
};

use crate::{Certificate, Detail, MessageDetail, QuarantineReason, RunCounts, SourceRef, TreeKind};

/// One change to the rows of a catalog. All are idempotent: applying one twice changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowChange {
    /// Make or rename a folder.
    Folder {
        /// Its id.
        folder: FolderId,
        /// Whose it is.
        archive: ArchiveId,
        /// How its tree behaves.
        kind: TreeKind,
        /// Name of the user, or `None` when the detail is erased.
        user: Option<String>,
        /// The path, or `None` when the detail is erased.
        path: Option<String>,
    },
    /// Make a source.
    Source {
        /// Its id.
        source: SourceId,
        /// The archive it goes to.
        archive: ArchiveId,
        /// The folder it goes to.
        folder: FolderId,
        /// UIDVALIDITY, or 0.
        uid_validity: u64,
        /// Server profile, account, raw mailbox name, shown mailbox path; empty when erased.
        profile: String,
        /// The account.
        account: String,
        /// The raw mailbox name.
        mailbox_raw: Vec<u8>,
        /// The mailbox path for showing.
        mailbox: String,
    },
    /// Make a message (or, with a newer detail, describe it anew). The catalog gives it the next
    /// dense number when it is new.
    Message {
        /// Its key.
        message: MessageKey,
        /// Its bytes.
        blob: BlobId,
        /// Number of these bytes.
        size: u64,
        /// When it was archived.
        archived: Timestamp,
        /// The date to show and sort by: the detail's date, else `received`, else `archived`.
        date: Timestamp,
        /// What the parser read, or `None` when it is erased.
        detail: Option<Box<MessageDetail>>,
    },
    /// Put a message into a folder, once: a second one for the same folder and message is the
    /// first one again.
    Placement {
        /// Its id.
        placement: PlacementId,
        /// The message.
        message: MessageKey,
        /// The folder.
        folder: FolderId,
        /// Flags at archiving.
        flags: Flags,
        /// Keywords at archiving.
        keywords: Vec<String>,
        /// When the source received it.
        received: Option<Timestamp>,
        /// When it was placed.
        placed: Timestamp,
        /// Where the message stands at its source. When the folder has the message already, this
        /// place belongs to the placement that is there.
        source: Option<SourceRef>,
    },
    /// Change a placement: each field that is given.
    PlacementChange {
        /// The placement.
        placement: PlacementId,
        /// Its new folder.
        folder: Option<FolderId>,
        /// Its new flags.
        flags: Option<Flags>,
        /// Take it away at this time.
        removed: Option<Timestamp>,
    },
    /// A message stands at this place of a source (`placement` given), or no longer does. A
    /// quarantine row for the same place ends.
    SourceRef {
        /// The place.
        source: SourceRef,
        /// The placement that it is, or `None` when it is gone.
        placement: Option<PlacementId>,
    },
    /// Move the cursor of a source.
    Cursor {
        /// The source.
        source: SourceId,
        /// First UID that is not proven.
        uid_next: u64,
        /// HIGHESTMODSEQ, or 0.
        modseq: u64,
        /// What scope and filter it holds for.
        fingerprint: Hash,
    },
    /// Note a message that could not be taken.
    Quarantine {
        /// Where it stands.
        source: SourceRef,
        /// Why.
        reason: QuarantineReason,
        /// What the server or the disk said.
        text: String,
        /// How often it was tried.
        attempts: u32,
        /// When it is tried again at the earliest.
        retry_at: Timestamp,
        /// When this was noted.
        at: Timestamp,
    },
    /// The newest certificate of a source.
    Certificate {
        /// The certificate.
        certificate: Certificate,
        /// When it was made.
        at: Timestamp,
    },
    /// A run that ended.
    Run {
        /// The entry that says so.
        entry: EntryNumber,
        /// `succeeded`, `partial` or `failed`, as the outcome.
        outcome: crate::Outcome,
        /// Its counts.
        counts: RunCounts,
        /// When it began.
        started: Timestamp,
        /// When it ended.
        ended: Timestamp,
        /// What it was.
        title: String,
    },
}

/// What the catalog must change for entry `number`. `detail` is `None` when the entry has none
/// or it is erased.
#[must_use]
pub fn project(_number: EntryNumber, _entry: &crate::Entry, _detail: Option<&Detail>) -> Vec<RowChange> {
    Vec::new()
}
