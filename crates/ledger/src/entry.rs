//! Entries: the facts of a store, one leaf each.

use types::{
    ArchiveId, BlobId, EntryNumber, Flags, FolderId, Hash, HoldId, MessageKey, PlacementId,
    Position, SourceId, StoreId, Timestamp,
};

use crate::erasure::{EraseReason, SpareReason};

/// One leaf of the log: a fact, when it was written, and the hash of its detail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `max(now, time of the entry before)`.
    pub time: Timestamp,
    /// Random; hashed with the detail, so that an erased detail cannot be guessed from its hash.
    pub salt: [u8; 16],
    /// SHA-256 over salt and detail bytes, when there is a detail.
    pub detail: Option<Hash>,
    /// What happened.
    pub fact: Fact,
}

/// Where a message stands at its source: which mailbox epoch, and its UID there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceRef {
    /// The mailbox and its UIDVALIDITY epoch.
    pub source: SourceId,
    /// The UID (IMAP: 32 bits), or another number that the source keeps for the message.
    pub uid: u64,
}

/// How a folder tree behaves (design: archives and live folders).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TreeKind {
    /// Nothing leaves but by retention.
    #[default]
    Archive,
    /// Changes by the user or a mirror act at once.
    Live,
}

/// What happened. Kind numbers are fixed in `docs/format/entries.md`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// A message is in a folder. Detail: [`PlacementDetail`](crate::PlacementDetail), and
    /// [`MessageDetail`](crate::MessageDetail) when this is its first placement.
    Placed {
        /// The message, or `None` when this entry is its first placement and so names it.
        message: Option<MessageKey>,
        /// The exact bytes.
        blob: BlobId,
        /// Number of these bytes.
        size: u64,
        /// The folder.
        folder: FolderId,
        /// Flags at archiving.
        flags: Flags,
        /// When the source received it (INTERNALDATE), if it says so.
        received: Option<Timestamp>,
        /// Where it stood at the source, if it came from one that keeps identities.
        source: Option<SourceRef>,
    },
    /// A placement went to another folder, with the message at the source.
    Moved {
        /// The placement.
        placement: PlacementId,
        /// Its folder from now on.
        folder: FolderId,
        /// Where the message stands at the source now.
        source: Option<SourceRef>,
    },
    /// Flags of a placement changed.
    Flagged {
        /// The placement.
        placement: PlacementId,
        /// All its flags from now on.
        flags: Flags,
    },
    /// A placement was taken away (live trees, retention).
    Removed {
        /// The placement.
        placement: PlacementId,
    },
    /// A message is no longer where it was at the source. Its placement stays.
    SourceGone {
        /// Where it was.
        source: SourceRef,
    },
    /// The same bytes stand at one more place of the source; no new placement.
    Sighted {
        /// The placement that they are.
        placement: PlacementId,
        /// Where they stand.
        source: SourceRef,
    },
    /// A folder was made or renamed. Detail: [`FolderDetail`](crate::FolderDetail).
    FolderChanged {
        /// The folder, or `None` when this entry makes it and so names it.
        folder: Option<FolderId>,
        /// Whose folder it is.
        archive: ArchiveId,
        /// How its tree behaves.
        kind: TreeKind,
    },
    /// A mailbox of an account is read for the first time in this UIDVALIDITY epoch. The entry
    /// names the source. Detail: [`SourceDetail`](crate::SourceDetail).
    SourceOpened {
        /// The archive that it is archived into.
        archive: ArchiveId,
        /// The folder that its messages are placed in.
        folder: FolderId,
        /// UIDVALIDITY, or 0 when the server gives none.
        uid_validity: u64,
    },
    /// Every message of the source below `uid_next` is archived, quarantined or excluded by a
    /// rule that time and flags cannot change.
    CursorAdvanced {
        /// The mailbox epoch.
        source: SourceId,
        /// The first UID that is not proven.
        uid_next: u64,
        /// HIGHESTMODSEQ up to which the enumeration was compared, or 0.
        modseq: u64,
        /// Fingerprint of folder scope and filter that this holds for.
        fingerprint: Hash,
    },
    /// A message could not be taken: passed over knowingly, retried, counted. Detail:
    /// [`QuarantineDetail`](crate::QuarantineDetail).
    Quarantined {
        /// Where it stands.
        source: SourceRef,
        /// Why.
        reason: QuarantineReason,
        /// How often it was tried.
        attempts: u32,
        /// When it is tried again at the earliest.
        retry_at: Timestamp,
    },
    /// The completeness certificate of a source differs from its last one.
    Certified(Certificate),
    /// A legal hold was set or lifted. Detail: [`HoldDetail`](crate::HoldDetail).
    Hold {
        /// The hold, the same in every store that it is written to.
        hold: HoldId,
        /// What became of it.
        change: HoldChange,
    },
    /// A run ended. Detail: [`RunDetail`](crate::RunDetail).
    RunFinished {
        /// How.
        outcome: Outcome,
        /// With which counts over all its mailboxes.
        counts: RunCounts,
        /// When it began.
        started: Timestamp,
    },
    /// Somebody did something that is not archiving. Only in an audit log. Detail:
    /// [`AuditDetail`](crate::AuditDetail).
    Audited(crate::Audited),
    /// A change to what another store holds, which was write-protected: it is laid over that
    /// store, and carried over later.
    Deferred {
        /// The id of the other store.
        store: StoreId,
        /// The change.
        change: DeferredChange,
    },
    /// A better detail for an older entry (a newer parser); the newest counts.
    Detail {
        /// The entry that it belongs to.
        of: EntryNumber,
    },
    /// Messages are to be erased. Detail: [`ErasureDetail`](crate::ErasureDetail).
    Condemned {
        /// The messages, at most [`ERASURE_MESSAGES_MAX`](crate::ERASURE_MESSAGES_MAX).
        messages: Vec<MessageKey>,
        /// Why.
        reason: EraseReason,
        /// When they may be erased at the earliest.
        due: Timestamp,
    },
    /// Messages that were condemned stay. Detail: [`ErasureDetail`](crate::ErasureDetail).
    Spared {
        /// The messages.
        messages: Vec<MessageKey>,
        /// Why.
        reason: SpareReason,
    },
    /// Messages are erased: their placements end, their details and bytes go.
    Erased {
        /// The messages, which were condemned.
        messages: Vec<MessageKey>,
    },
    /// All mailboxes whose certificates were found to hold, once a day. Leaves of their tree are
    /// [`ConfirmedLeaf`](crate::ConfirmedLeaf)s, by ascending source.
    Confirmed {
        /// How many they are.
        sources: u64,
        /// The root of their tree.
        root: Hash,
    },
    /// The log goes on from an older state than it once had: another history begins here.
    Epoch {
        /// Which one, counted from 1; so this is at least 2.
        epoch: u64,
        /// Why.
        reason: EpochReason,
        /// How far the log was known to have been, where it is known.
        lost: Option<Position>,
    },
}

/// Why a log goes on from an older state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EpochReason {
    /// A backup was brought back.
    Restored,
    /// Somebody accepted that it is shorter than it was.
    Accepted,
}

/// Why a message is in quarantine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum QuarantineReason {
    /// The server left it out of its answer, twice.
    Omitted,
    /// The server answered NIL instead of a body, twice.
    Nil,
    /// The server refused it (NO), twice.
    Refused,
    /// The bytes end early or have another length than announced.
    Truncated,
    /// It could not be read from the disk.
    Unreadable,
    /// It is larger than the limit for one message.
    TooLarge,
    /// It was read, and belongs to nobody here: it stays at its source. It counts as excluded, and
    /// is looked at again when the address book or the rules of its job are others.
    UnknownAddress,
}

/// A change that waits. Placements are numbered in the other store; folders and sources in the
/// store that this entry is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeferredChange {
    /// A placement went to another folder.
    Moved {
        /// The placement.
        placement: PlacementId,
        /// Its folder from now on.
        folder: FolderId,
        /// Where the message stands at the source now.
        source: Option<SourceRef>,
    },
    /// Flags of a placement changed.
    Flagged {
        /// The placement.
        placement: PlacementId,
        /// All its flags from now on.
        flags: Flags,
    },
    /// A placement was taken away.
    Removed {
        /// The placement.
        placement: PlacementId,
    },
    /// A message is no longer where it was at the source.
    SourceGone {
        /// Where it was.
        source: SourceRef,
    },
    /// The bytes stand at one more place of the source.
    Sighted {
        /// The placement that they are.
        placement: PlacementId,
        /// Where they stand.
        source: SourceRef,
    },
    /// Everything that waited for the other store before this entry was written to it.
    Carried {
        /// The first entry that was not carried.
        before: EntryNumber,
    },
}

/// What becomes of a legal hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldChange {
    /// It is set: from here on nothing that it covers is removed.
    Set(HoldScope),
    /// It is lifted. A hold that was lifted is never set again.
    Lifted,
}

/// What a legal hold covers, also of what arrives later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldScope {
    /// Every message.
    All,
    /// Every message that is in a folder of this archive.
    Archive(ArchiveId),
    /// Every message that a query finds; the query stands in the detail.
    Query,
}

/// How a run or a command ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Outcome {
    /// Everything in scope is archived.
    #[default]
    Succeeded,
    /// Something in scope is not archived, and the report says what.
    Partial,
    /// It could not do its work.
    Failed,
}

/// Messages left out, by the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Excluded {
    /// In folders that are left out by default (Trash, Junk, Drafts, Outbox).
    pub default_folders: u64,
    /// In folders left out by the job's lists.
    pub folder_list: u64,
    /// By the job's filter.
    pub filter: u64,
    /// For recipients that nobody has.
    pub unknown_address: u64,
}

impl Excluded {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        let Excluded { default_folders, folder_list, filter, unknown_address } = self;
        sum([default_folders, folder_list, filter, unknown_address])
    }
}

/// What a run did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RunCounts {
    /// Messages at the source, over all mailboxes that the run saw.
    pub server_count: u64,
    /// Placed in this root by this run.
    pub archived: u64,
    /// In this root of this archive before this run.
    pub already: u64,
    /// Left out.
    pub excluded: Excluded,
    /// Passed over knowingly, to be retried.
    pub quarantined: u64,
}

impl RunCounts {
    /// Adds the counts of another mailbox.
    pub fn add(&mut self, other: &RunCounts) {
        let add = |count: &mut u64, more: u64| *count = count.saturating_add(more);
        add(&mut self.server_count, other.server_count);
        add(&mut self.archived, other.archived);
        add(&mut self.already, other.already);
        add(&mut self.excluded.default_folders, other.excluded.default_folders);
        add(&mut self.excluded.folder_list, other.excluded.folder_list);
        add(&mut self.excluded.filter, other.excluded.filter);
        add(&mut self.excluded.unknown_address, other.excluded.unknown_address);
        add(&mut self.quarantined, other.quarantined);
    }

    /// Whether every message at the source is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let RunCounts { server_count, archived, already, excluded, quarantined } = *self;
        server_count == sum([archived, already, excluded.total(), quarantined])
    }
}

/// Counts come from bytes that nobody vouches for: a sum that is too large stays at the largest.
fn sum(counts: [u64; 4]) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// What the source said it holds, against what the archive holds of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The mailbox epoch.
    pub source: SourceId,
    /// UIDVALIDITY, or 0.
    pub uid_validity: u64,
    /// UIDNEXT, or 0.
    pub uid_next: u64,
    /// HIGHESTMODSEQ, or 0 when the server keeps none.
    pub modseq: u64,
    /// Counts; here `archived` counts what is in the archive, `already` is 0.
    pub counts: RunCounts,
}

impl Certificate {
    /// Whether everything in scope is archived.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.counts.adds_up() && self.counts.quarantined == 0
    }
}

macro_rules! numbered {
    ($name:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl $name {
            /// The number that stands for it in an entry; `docs/format/entries.md` fixes it.
            #[must_use]
            pub fn number(self) -> u8 {
                match self { $($name::$variant => $number),* }
            }

            /// What `number` stands for, if for anything.
            #[must_use]
            pub fn from_number(number: u8) -> Option<$name> {
                match number { $($number => Some($name::$variant),)* _ => None }
            }
        }
    };
}

numbered!(TreeKind { Archive = 1, Live = 2 });
numbered!(QuarantineReason {
    Omitted = 1,
    Nil = 2,
    Refused = 3,
    Truncated = 4,
    Unreadable = 5,
    TooLarge = 6,
    UnknownAddress = 7,
});
numbered!(EraseReason { Retention = 1, Request = 2 });
numbered!(SpareReason { Hold = 1, Reference = 2, Withdrawn = 3 });
numbered!(EpochReason { Restored = 1, Accepted = 2 });
numbered!(Outcome { Succeeded = 1, Partial = 2, Failed = 3 });
