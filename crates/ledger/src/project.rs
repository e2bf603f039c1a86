//! From a fact to what a catalog must change: a dozen kinds of row change.
//!
//! Pure, so that every catalog (SQLite here, others later) holds the same rows for the same log.

use types::{
    ArchiveId, BlobId, EntryNumber, Flags, FolderId, Hash, HoldId, MessageKey, PlacementId,
    SourceId, StoreId, Timestamp,
};

use crate::{
    Certificate, DeferredChange, Detail, Entry, EnvelopeDetail, Fact, HoldChange, HoldDetail,
    MessageDetail, Outcome, QuarantineReason, RunCounts, SourceDetail, SourceRef, TreeKind,
};

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
    /// Make a message, or describe it anew. The catalog gives it the next dense number when it
    /// is new.
    Message {
        /// Its key.
        message: MessageKey,
        /// Its bytes; `None` to describe a message that is there, and nothing when it is not.
        bytes: Option<MessageBytes>,
        /// The date to show and sort by: the detail's date, else when the source received it;
        /// `None` means when it was archived.
        date: Option<Timestamp>,
        /// What the parser read, or `None` when it is erased.
        detail: Option<Box<MessageDetail>>,
        /// The canonical hash of a message that came with an envelope. Copies of it that differ
        /// in what their ways added are found by it.
        content: Option<Hash>,
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
        /// Who it was from and to, where that was said beside its header.
        envelope: EnvelopeDetail,
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
    /// A legal hold that was set or lifted.
    Hold {
        /// The hold.
        hold: HoldId,
        /// What became of it.
        change: HoldChange,
        /// When.
        at: Timestamp,
        /// Its name and query, and who did it; `None` when that is erased.
        detail: Option<HoldDetail>,
    },
    /// A change to what another store holds waits, or was carried over.
    Deferred {
        /// The entry that says so.
        entry: EntryNumber,
        /// The other store.
        store: StoreId,
        /// The change.
        change: DeferredChange,
        /// When it was made.
        at: Timestamp,
    },
    /// A run that ended.
    Run {
        /// The entry that says so.
        entry: EntryNumber,
        /// `succeeded`, `partial` or `failed`, as the outcome.
        outcome: Outcome,
        /// Its counts.
        counts: RunCounts,
        /// When it began.
        started: Timestamp,
        /// When it ended.
        ended: Timestamp,
        /// What it was.
        title: String,
    },
    /// A message is on its way out, stays, or is out.
    Erasure {
        /// The message.
        message: MessageKey,
        /// What became of it.
        step: ErasureStep,
    },
}

/// What becomes of a message that is to be erased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErasureStep {
    /// It is condemned.
    Condemned {
        /// The entry that says so.
        entry: EntryNumber,
        /// When it may be erased at the earliest.
        due: Timestamp,
    },
    /// It stays.
    Spared,
    /// It is erased: all its placements end, and nothing of its detail is shown.
    Erased,
}

/// The bytes of a message, and when they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageBytes {
    /// Their id.
    pub blob: BlobId,
    /// Their number.
    pub size: u64,
    /// When they were archived.
    pub archived: Timestamp,
}

/// What the catalog must change for entry `number`, in this order. `detail` is `None` when the
/// entry has none or it is erased; one that does not belong to the entry's kind counts as erased.
#[must_use]
pub fn project(number: EntryNumber, entry: &Entry, detail: Option<&Detail>) -> Vec<RowChange> {
    let at = entry.time;
    match &entry.fact {
        Fact::Placed { .. } => placed(number, entry, detail),
        Fact::Moved { placement, folder, source } => {
            let moved = change(*placement, |it| it.folder = Some(*folder));
            let stands =
                source.map(|source| RowChange::SourceRef { source, placement: Some(*placement) });
            [Some(moved), stands].into_iter().flatten().collect()
        }
        Fact::Flagged { placement, flags } => {
            vec![change(*placement, |it| it.flags = Some(*flags))]
        }
        Fact::Removed { placement } => vec![change(*placement, |it| it.removed = Some(at))],
        Fact::SourceGone { source } => {
            vec![RowChange::SourceRef { source: *source, placement: None }]
        }
        Fact::Sighted { placement, source } => {
            vec![RowChange::SourceRef { source: *source, placement: Some(*placement) }]
        }
        Fact::FolderChanged { .. } | Fact::SourceOpened { .. } => named(number, entry, detail),
        Fact::CursorAdvanced { source, uid_next, modseq, fingerprint } => {
            vec![RowChange::Cursor {
                source: *source,
                uid_next: *uid_next,
                modseq: *modseq,
                fingerprint: *fingerprint,
            }]
        }
        Fact::Quarantined { .. } => quarantined(entry, detail),
        Fact::Hold { hold, change } => {
            let detail = match detail {
                Some(Detail::Hold(it)) => Some(it.clone()),
                _ => None,
            };
            vec![RowChange::Hold { hold: *hold, change: *change, at, detail }]
        }
        Fact::Certified(certificate) => {
            vec![RowChange::Certificate { certificate: *certificate, at }]
        }
        Fact::RunFinished { outcome, counts, started } => {
            let title = match detail {
                Some(Detail::Run(it)) => it.title.clone(),
                _ => String::new(),
            };
            vec![RowChange::Run {
                entry: number,
                outcome: *outcome,
                counts: *counts,
                started: *started,
                ended: at,
                title,
            }]
        }
        // It stands in a log that has no catalog.
        Fact::Audited(_) => Vec::new(),
        Fact::Deferred { store, change } => {
            vec![RowChange::Deferred { entry: number, store: *store, change: *change, at }]
        }
        Fact::Detail { of } => described_anew(*of, detail),
        Fact::Condemned { .. } | Fact::Spared { .. } | Fact::Erased { .. } => {
            erasure(number, &entry.fact)
        }
        // About the log itself.
        Fact::Confirmed { .. } | Fact::Epoch { .. } => Vec::new(),
    }
}

/// Folders and sources: what their details name.
fn named(number: EntryNumber, entry: &Entry, detail: Option<&Detail>) -> Vec<RowChange> {
    match &entry.fact {
        Fact::FolderChanged { folder, archive, kind } => {
            let names = match detail {
                Some(Detail::Folder(it)) => Some(it.clone()),
                _ => None,
            };
            let (user, path) = names.map(|it| (it.user, it.path)).unzip();
            let folder = folder.unwrap_or(FolderId(number.0));
            vec![RowChange::Folder { folder, archive: *archive, kind: *kind, user, path }]
        }
        Fact::SourceOpened { archive, folder, uid_validity } => {
            let SourceDetail { profile, account, mailbox_raw, mailbox } = match detail {
                Some(Detail::Source(it)) => it.clone(),
                _ => SourceDetail::default(),
            };
            vec![RowChange::Source {
                source: SourceId(number.0),
                archive: *archive,
                folder: *folder,
                uid_validity: *uid_validity,
                profile,
                account,
                mailbox_raw,
                mailbox,
            }]
        }
        _ => Vec::new(),
    }
}

fn placed(number: EntryNumber, entry: &Entry, detail: Option<&Detail>) -> Vec<RowChange> {
    let Fact::Placed { message, blob, size, folder, flags, received, source } = &entry.fact else {
        return Vec::new();
    };
    let (placement_detail, message_detail) = match detail {
        Some(Detail::Placed(placement, message)) => (Some(placement), message.as_ref()),
        _ => (None, None),
    };
    let key = message.unwrap_or(MessageKey(number.0));
    let envelope = placement_detail.map(|it| it.envelope.clone()).unwrap_or_default();
    let content = message_detail.filter(|_| !envelope.is_empty()).map(|it| it.canonical_hash);
    let first = message.is_none().then(|| RowChange::Message {
        message: key,
        bytes: Some(MessageBytes { blob: *blob, size: *size, archived: entry.time }),
        date: message_detail.and_then(|it| it.date).or(*received),
        detail: message_detail.cloned(),
        content,
    });
    let placement = RowChange::Placement {
        placement: PlacementId(number.0),
        message: key,
        folder: *folder,
        flags: *flags,
        keywords: placement_detail.map(|it| it.keywords.clone()).unwrap_or_default(),
        received: *received,
        placed: entry.time,
        source: *source,
        envelope,
    };
    first.into_iter().chain([placement]).collect()
}

/// A better detail of a message. Details of other entries are never made anew.
fn described_anew(of: EntryNumber, detail: Option<&Detail>) -> Vec<RowChange> {
    let Some(Detail::Placed(_, Some(message))) = detail else { return Vec::new() };
    vec![RowChange::Message {
        message: MessageKey(of.0),
        bytes: None,
        date: message.date,
        detail: Some(message.clone()),
        content: None,
    }]
}

fn quarantined(entry: &Entry, detail: Option<&Detail>) -> Vec<RowChange> {
    let Fact::Quarantined { source, reason, attempts, retry_at } = entry.fact else {
        return Vec::new();
    };
    let text = match detail {
        Some(Detail::Quarantine(it)) => it.text.clone(),
        _ => String::new(),
    };
    vec![RowChange::Quarantine { source, reason, text, attempts, retry_at, at: entry.time }]
}

/// What becomes of messages that are to be erased.
fn erasure(number: EntryNumber, fact: &Fact) -> Vec<RowChange> {
    let (messages, step) = match fact {
        Fact::Condemned { messages, due, .. } => {
            (messages, ErasureStep::Condemned { entry: number, due: *due })
        }
        Fact::Spared { messages, .. } => (messages, ErasureStep::Spared),
        Fact::Erased { messages } => (messages, ErasureStep::Erased),
        _ => return Vec::new(),
    };
    messages.iter().map(|message| RowChange::Erasure { message: *message, step }).collect()
}

/// The fields of a [`RowChange::PlacementChange`].
#[derive(Default)]
struct Changed {
    folder: Option<FolderId>,
    flags: Option<Flags>,
    removed: Option<Timestamp>,
}

fn change(placement: PlacementId, set: impl FnOnce(&mut Changed)) -> RowChange {
    let mut changed = Changed::default();
    set(&mut changed);
    let Changed { folder, flags, removed } = changed;
    RowChange::PlacementChange { placement, folder, flags, removed }
}

#[cfg(test)]
mod tests;
