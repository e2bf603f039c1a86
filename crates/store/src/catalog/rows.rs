//! The rows that people and programs are shown of a catalog.

use ledger::{Certificate, HoldScope, Outcome, QuarantineReason, RunCounts, TreeKind};
use types::{
    ArchiveId, BlobId, Flags, FolderId, FolderPath, HoldId, MessageKey, PlacementId, SourceId,
    Timestamp,
};

/// Stands where an erased detail held a text.
pub(super) const ERASED: &str = "erased";

/// A message for lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageRow {
    /// Its dense number.
    pub n: u32,
    /// Its key.
    pub key: MessageKey,
    /// Its id.
    pub blob: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// The date to show and sort by.
    pub date: Timestamp,
    /// When it was archived.
    pub archived: Timestamp,
    /// Senders, joined by `, `; a long list ends with `…`; `erased` when the detail is.
    pub from: String,
    /// Recipients (To), likewise.
    pub to: String,
    /// The subject, likewise.
    pub subject: String,
    /// Whether its detail is erased.
    pub is_erased: bool,
}

/// Where a message is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The placement.
    pub placement: PlacementId,
    /// The folder.
    pub folder: FolderId,
    /// The archive that the folder belongs to.
    pub archive: ArchiveId,
    /// The user whose archive it was when the folder was made or renamed last.
    pub user: String,
    /// The path of the folder.
    pub path: String,
    /// Its flags there.
    pub flags: Flags,
    /// Its keywords there.
    pub keywords: Vec<String>,
    /// When the source received it.
    pub received: Option<Timestamp>,
    /// When it was placed.
    pub placed: Timestamp,
}

/// A message with its places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacedMessage {
    /// The message.
    pub message: MessageRow,
    /// Where it is, oldest placement first.
    pub places: Vec<Place>,
}

/// A folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderRow {
    /// Its id.
    pub folder: FolderId,
    /// The archive it belongs to.
    pub archive: ArchiveId,
    /// How its tree behaves.
    pub kind: TreeKind,
    /// The user whose archive it was when the folder was made or renamed last.
    pub user: String,
    /// Its path; `erased` when the detail is.
    pub path: String,
    /// Number of messages in it, without those of its subfolders.
    pub messages: u64,
}

impl FolderRow {
    /// Whether this folder is `path` or lies below it.
    ///
    /// `path` begins at the root or below the root; case does not count, and NFC decides.
    #[must_use]
    pub fn is_at_or_below(&self, path: &str) -> bool {
        let fold = |text: &str| FolderPath::from_stored(text.to_lowercase()).canonical();
        let wanted = fold(path.trim_matches('/'));
        let own = fold(&self.path);
        let below_root = own.split_once('/').map(|(_, rest)| rest);
        let is_at = |own: &str| match own.strip_prefix(&wanted) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        is_at(&own) || below_root.is_some_and(is_at)
    }
}

/// A user whose folders are here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserRow {
    /// The archive.
    pub archive: ArchiveId,
    /// The name of the user that the newest folder of the archive was made for.
    pub user: String,
    /// Number of messages in the archive, each counted once.
    pub messages: u64,
}

/// The newest certificate of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertifiedRow {
    /// The archive it goes to.
    pub archive: ArchiveId,
    /// The server profile.
    pub profile: String,
    /// The account.
    pub account: String,
    /// The mailbox path for showing.
    pub mailbox: String,
    /// When it was certified.
    pub at: Timestamp,
    /// What was certified.
    pub certificate: Certificate,
}

/// A message in quarantine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineListed {
    /// The archive it would go to.
    pub archive: ArchiveId,
    /// The source.
    pub source: SourceId,
    /// The server profile.
    pub profile: String,
    /// The account.
    pub account: String,
    /// The mailbox path for showing.
    pub mailbox: String,
    /// Its UID.
    pub uid: u64,
    /// Why.
    pub reason: QuarantineReason,
    /// What the server or the disk said.
    pub text: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again at the earliest.
    pub retry_at: Timestamp,
    /// When this was noted.
    pub at: Timestamp,
}

/// A run that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRow {
    /// How.
    pub outcome: Outcome,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What it was.
    pub title: String,
    /// Its counts.
    pub counts: RunCounts,
}

/// How much is in a catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CatalogCounts {
    /// Messages, those in no folder included.
    pub messages: u64,
    /// Messages that are in a folder.
    pub live: u64,
    /// Placements.
    pub placements: u64,
    /// Folders.
    pub folders: u64,
}

/// A legal hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldRow {
    /// Its id.
    pub id: HoldId,
    /// What it covers; `None` when it was set in another store, and only its end is known here.
    pub scope: Option<HoldScope>,
    /// Its name; `erased` when the detail is.
    pub name: String,
    /// The query, of a hold by query. `None` when it is erased: then it covers everything.
    pub query: Option<String>,
    /// The user, of a hold for an archive, by the name when it was set.
    pub user: String,
    /// Why it was set.
    pub reason: String,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
    /// How it ended.
    pub lifted: Option<HoldLifted>,
}

/// How a legal hold ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldLifted {
    /// Who lifted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}
