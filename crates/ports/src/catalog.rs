//! What engines ask of a catalog. No rule about mail is behind these; they are look-ups.

use std::error::Error as StdError;
use std::future::Future;

use ledger::{Certificate, EnvelopeDetail, QuarantineReason, SourceRef};
use thiserror::Error;
use types::{
    ArchiveId, BlobId, Flags, FolderId, FolderPath, Hash, MailboxName, MessageKey, PlacementId,
    SourceId, Timestamp,
};

/// The catalog could not answer. It is a view: it can be rebuilt.
#[derive(Debug, Error)]
#[error("failed to read the catalog: {what}")]
pub struct CatalogError {
    /// Which look-up.
    pub what: String,
    /// Why.
    #[source]
    pub cause: Box<dyn StdError + Send + Sync>,
}

/// One mailbox epoch of an account, with its newest cursor and certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRow {
    /// Its id.
    pub source: SourceId,
    /// The mailbox, as the server spelled it.
    pub mailbox_raw: Vec<u8>,
    /// The folder that it is archived into.
    pub folder: FolderId,
    /// UIDVALIDITY, or 0.
    pub uid_validity: u64,
    /// How far it is proven.
    pub cursor: Option<CursorRow>,
    /// What was certified last.
    pub certificate: Option<Certificate>,
}

/// A cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CursorRow {
    /// First UID that is not proven.
    pub uid_next: u64,
    /// HIGHESTMODSEQ, or 0.
    pub modseq: u64,
    /// Scope and filter it holds for.
    pub fingerprint: Hash,
}

/// A placement of a message, inside one root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundPlacement {
    /// Its id.
    pub placement: PlacementId,
    /// Its folder.
    pub folder: FolderId,
    /// The source where it stood last, standing there or gone by now: that of its `Placed`, or
    /// of the latest `Sighted` or `Moved` that named one. `None` when it never stood at one (an
    /// import). It tells a message that was moved from one that was only ever put there.
    pub source: Option<SourceId>,
}

/// A placement in a folder, as re-sorting reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacedRow {
    /// Its id.
    pub placement: PlacementId,
    /// The message.
    pub message: MessageKey,
    /// Its bytes.
    pub blob: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// Flags.
    pub flags: Flags,
    /// When the source received it.
    pub received: Option<Timestamp>,
    /// Who it was from and to, where that was said beside its header.
    pub envelope: EnvelopeDetail,
}

/// What a placement looked like at the source, to recognise it after a UIDVALIDITY change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatchRow {
    /// The placement.
    pub placement: PlacementId,
    /// Size in bytes.
    pub size: u64,
    /// When the source received it.
    pub received: Option<Timestamp>,
    /// Hash of its header block.
    pub header_hash: Hash,
}

/// A message that stands at a source, with the copy that the archive has of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchivedRow {
    /// Where it stands.
    pub place: SourceRef,
    /// UIDVALIDITY of the epoch that its UID belongs to, or 0.
    pub uid_validity: u64,
    /// The placement.
    pub placement: PlacementId,
    /// The exact bytes.
    pub blob: BlobId,
    /// Number of these bytes.
    pub size: u64,
    /// The date to sort it by: its own, or when it arrived, or when it was archived.
    pub date: Timestamp,
    /// When it was placed.
    pub placed: Timestamp,
}

/// A message in quarantine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineRow {
    /// Its UID.
    pub uid: u64,
    /// Why.
    pub reason: QuarantineReason,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try again at the earliest.
    pub retry_at: Timestamp,
}

/// Folders and metadata of a store, as far as an engine asks. Calls are short and may block.
pub trait Catalog: Send + Sync + 'static {
    /// Waits until the catalog has read the first `entries` entries of the log.
    fn wait_for(&self, entries: u64) -> impl Future<Output = Result<(), CatalogError>> + Send;

    /// How many entries it has read.
    fn reached(&self) -> u64;

    /// The folder of this path (compared in NFC) in an archive.
    fn folder(
        &self,
        archive: ArchiveId,
        path: &FolderPath,
    ) -> Result<Option<FolderId>, CatalogError>;

    /// Every mailbox epoch of an account that goes to `archive`, oldest first.
    fn sources(
        &self,
        archive: ArchiveId,
        profile: &str,
        account: &str,
    ) -> Result<Vec<SourceRow>, CatalogError>;

    /// The messages that stand at a source now: UID and placement, by ascending UID.
    fn source_refs(&self, source: SourceId) -> Result<Vec<(u64, PlacementId)>, CatalogError>;

    /// What the archive has of these messages of a source, by ascending UID. Leaves out those that
    /// do not stand there.
    fn archived(&self, source: SourceId, uids: &[u64]) -> Result<Vec<ArchivedRow>, CatalogError>;

    /// The messages of a source in quarantine, by ascending UID.
    fn quarantined(&self, source: SourceId) -> Result<Vec<QuarantineRow>, CatalogError>;

    /// The placements of a message in folders of `archive` below `root`.
    fn placements(
        &self,
        archive: ArchiveId,
        root: &str,
        message: MessageKey,
    ) -> Result<Vec<FoundPlacement>, CatalogError>;

    /// The places of a source where a placement stands now.
    fn refs_of(&self, placement: PlacementId) -> Result<Vec<SourceRef>, CatalogError>;

    /// What to recognise the messages of a source by that still stand there.
    fn match_rows(&self, source: SourceId) -> Result<Vec<MatchRow>, CatalogError>;

    /// The message of a placement; `None` when it was taken away.
    fn message_of(&self, placement: PlacementId) -> Result<Option<MessageKey>, CatalogError>;

    /// The placements of a message in all archives.
    fn places_of(&self, message: MessageKey) -> Result<Vec<FoundPlacement>, CatalogError>;

    /// Messages with this canonical hash that came with an envelope, oldest first.
    fn same_content(&self, canonical: &Hash) -> Result<Vec<MessageKey>, CatalogError>;

    /// Placements in a folder with ids above `after`, at most `count`, by id.
    fn placed_in(
        &self,
        folder: FolderId,
        after: Option<PlacementId>,
        count: u32,
    ) -> Result<Vec<PlacedRow>, CatalogError>;

    /// The mailbox of a source, for reports.
    fn mailbox_name(&self, source: SourceId) -> Result<Option<MailboxName>, CatalogError>;
}
