//! What is asked of a catalog when several stores are one archive: under which names folders and
//! sources are known everywhere, and which changes wait for other stores.

use ledger::{QuarantineReason, SourceRef, TreeKind};
use ports::CatalogError;
use rusqlite::{OptionalExtension, Row};
use types::{ArchiveId, EntryNumber, Flags, FolderId, PlacementId, SourceId, StoreId, Timestamp};

use super::look_ups::reason;
use super::reader::SqlCatalog;
use super::values::{from_sql, number, sql, time, unknown};

/// Where a folder is, in words that every store understands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderPlace {
    /// Whose it is.
    pub archive: ArchiveId,
    /// How its tree behaves.
    pub kind: TreeKind,
    /// The user when it was made; empty when that is erased.
    pub user: String,
    /// Its path; `None` when it is erased.
    pub path: Option<String>,
}

/// A mailbox epoch, in words that every store understands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SourceName {
    /// The archive that it goes to.
    pub archive: ArchiveId,
    /// UIDVALIDITY, or 0.
    pub uid_validity: u64,
    /// The server profile.
    pub profile: String,
    /// The account.
    pub account: String,
    /// The mailbox, as the server spells it.
    pub mailbox_raw: Vec<u8>,
    /// Its path, for showing.
    pub mailbox: String,
}

/// A placement as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlacementNow {
    /// Its folder.
    pub folder: FolderId,
    /// Its flags.
    pub flags: Flags,
}

/// A change to what another store holds that waits in this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeferredRow {
    /// The entry that says so.
    pub entry: EntryNumber,
    /// When it was made.
    pub at: Timestamp,
    /// The placement, numbered in the other store; `None` when only a place is meant.
    pub placement: Option<PlacementId>,
    /// What is to happen.
    pub what: DeferredWhat,
}

/// What is to happen. Folders and sources are numbered in the store that the change waits in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeferredWhat {
    /// It goes to this folder, and stands at this place.
    Moved(FolderId, Option<SourceRef>),
    /// It has these flags.
    Flagged(Flags),
    /// It is taken away.
    Removed,
    /// Nothing stands at this place any more.
    Gone(SourceRef),
    /// It stands at this place, too.
    Sighted(SourceRef),
}

/// A message in quarantine with what was said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineTold {
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
}

const DEFERRED: &str = "entry, at, placement, change, folder, flags, source, uid";

impl SqlCatalog {
    /// Where a folder is.
    pub fn folder_place(&self, folder: FolderId) -> Result<Option<FolderPlace>, CatalogError> {
        let query = "SELECT archive, kind, user, path FROM folder WHERE id = ?1";
        self.with("where a folder is", |it| {
            let read = |row: &Row<'_>| {
                let kind: u8 = row.get(1)?;
                Ok(FolderPlace {
                    archive: ArchiveId(number(row, 0)?),
                    kind: TreeKind::from_number(kind)
                        .ok_or_else(|| unknown("kind of tree", kind))?,
                    user: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
                    path: row.get(3)?,
                })
            };
            it.prepare_cached(query)?.query_row([sql(folder.0)], read).optional()
        })
    }

    /// What a source is called, and the folder that it goes to.
    pub fn source_name(
        &self,
        source: SourceId,
    ) -> Result<Option<(SourceName, FolderId)>, CatalogError> {
        let query = "SELECT archive, uid_validity, profile, account, mailbox_raw, mailbox, folder \
                     FROM source WHERE id = ?1";
        self.with("what a source is called", |it| {
            let read = |row: &Row<'_>| Ok((source_named(row)?, FolderId(number(row, 6)?)));
            it.prepare_cached(query)?.query_row([sql(source.0)], read).optional()
        })
    }

    /// The sources of this name, oldest first, each with the folder that it goes to.
    pub fn sources_named(
        &self,
        name: &SourceName,
    ) -> Result<Vec<(SourceId, FolderId)>, CatalogError> {
        let query = "SELECT id, folder FROM source WHERE archive = ?1 AND profile = ?2 \
                     AND account = ?3 AND uid_validity = ?4 AND mailbox_raw = ?5 ORDER BY id";
        self.with("the sources of a name", |it| {
            let mut statement = it.prepare_cached(query)?;
            let (archive, epoch) = (sql(name.archive.0), sql(name.uid_validity));
            let values = (archive, &name.profile, &name.account, epoch, &name.mailbox_raw);
            let read = |row: &Row<'_>| Ok((SourceId(number(row, 0)?), FolderId(number(row, 1)?)));
            statement.query_map(values, read)?.collect()
        })
    }

    /// Every account that anything was archived of: archive, profile, account.
    pub fn accounts(&self) -> Result<Vec<(ArchiveId, String, String)>, CatalogError> {
        let query = "SELECT DISTINCT archive, profile, account FROM source ORDER BY 1, 2, 3";
        self.with("the accounts", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| Ok((ArchiveId(number(row, 0)?), row.get(1)?, row.get(2)?));
            statement.query_map((), read)?.collect()
        })
    }

    /// Whether a message stands at this place, or is in quarantine there.
    pub fn knows_place(&self, place: SourceRef) -> Result<bool, CatalogError> {
        let query = "SELECT EXISTS (SELECT 1 FROM source_ref WHERE source = ?1 AND uid = ?2) OR \
                     EXISTS (SELECT 1 FROM quarantine WHERE source = ?1 AND uid = ?2)";
        self.with("a place of a source", |it| {
            let key = (sql(place.source.0), sql(place.uid));
            it.prepare_cached(query)?.query_row(key, |row| row.get(0))
        })
    }

    /// Whether a message stands at this place.
    pub fn stands_at(&self, place: SourceRef) -> Result<bool, CatalogError> {
        let query = "SELECT 1 FROM source_ref WHERE source = ?1 AND uid = ?2";
        self.with("a place of a source", |it| {
            it.prepare_cached(query)?.exists((sql(place.source.0), sql(place.uid)))
        })
    }

    /// The messages of a source in quarantine, with what was said of them.
    pub fn quarantine_told(&self, source: SourceId) -> Result<Vec<QuarantineTold>, CatalogError> {
        let query =
            "SELECT uid, reason, text, attempts, retry_at FROM quarantine WHERE source = ?1";
        self.with("the quarantine of a source", |it| {
            let read = |row: &Row<'_>| {
                Ok(QuarantineTold {
                    uid: number(row, 0)?,
                    reason: reason(row, 1)?,
                    text: row.get(2)?,
                    attempts: row.get(3)?,
                    retry_at: time(row, 4)?,
                })
            };
            it.prepare_cached(query)?.query_map([sql(source.0)], read)?.collect()
        })
    }

    /// A placement as it is now; `None` when it was taken away, or turned out to be another one.
    pub fn placement_now(
        &self,
        placement: PlacementId,
    ) -> Result<Option<PlacementNow>, CatalogError> {
        let query = "SELECT folder, flags FROM placement WHERE id = ?1";
        self.with("a placement", |it| {
            let read = |row: &Row<'_>| {
                let folder = FolderId(number(row, 0)?);
                Ok(PlacementNow { folder, flags: Flags(row.get(1)?) })
            };
            it.prepare_cached(query)?.query_row([sql(placement.0)], read).optional()
        })
    }

    /// Messages that were ever placed.
    pub fn messages_placed(&self) -> Result<u64, CatalogError> {
        self.with("how many messages it has", |it| {
            it.query_row("SELECT messages FROM head", (), |row| number(row, 0))
        })
    }

    /// Changes to a placement of another store that wait here, oldest first.
    pub fn deferred_on(
        &self,
        store: StoreId,
        placement: PlacementId,
    ) -> Result<Vec<DeferredRow>, CatalogError> {
        let query = format!(
            "SELECT {DEFERRED} FROM deferred WHERE store = ?1 AND placement = ?2 ORDER BY entry"
        );
        self.with("changes that wait", |it| {
            let mut statement = it.prepare_cached(&query)?;
            statement.query_map((store.0, sql(placement.0)), deferred_row)?.collect()
        })
    }

    /// Changes that wait here and concern places of one of our sources, oldest first, with the
    /// stores that they are meant for.
    pub fn deferred_at(
        &self,
        source: SourceId,
    ) -> Result<Vec<(StoreId, DeferredRow)>, CatalogError> {
        let query =
            format!("SELECT {DEFERRED}, store FROM deferred WHERE source = ?1 ORDER BY entry");
        self.with("changes that wait", |it| {
            let mut statement = it.prepare_cached(&query)?;
            let read = |row: &Row<'_>| Ok((StoreId(row.get(8)?), deferred_row(row)?));
            statement.query_map([sql(source.0)], read)?.collect()
        })
    }

    /// Changes that wait here for another store, from entry `from` on, at most `limit`.
    pub fn deferred_for(
        &self,
        store: StoreId,
        from: EntryNumber,
        limit: u32,
    ) -> Result<Vec<DeferredRow>, CatalogError> {
        let query = format!(
            "SELECT {DEFERRED} FROM deferred WHERE store = ?1 AND ?2 <= entry \
             ORDER BY entry LIMIT ?3"
        );
        self.with("changes that wait", |it| {
            let mut statement = it.prepare_cached(&query)?;
            statement.query_map((store.0, sql(from.0), limit), deferred_row)?.collect()
        })
    }

    /// Placements of another store that are to be moved, flagged or taken away by what waits here,
    /// at most `limit`.
    pub fn deferred_placements(
        &self,
        store: StoreId,
        limit: u32,
    ) -> Result<Vec<PlacementId>, CatalogError> {
        let query = "SELECT DISTINCT placement FROM deferred WHERE store = ?1 \
                     AND change IN (2, 3, 4) LIMIT ?2";
        self.with("changes that wait", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| number(row, 0).map(PlacementId);
            statement.query_map((store.0, limit), read)?.collect()
        })
    }

    /// How many changes wait here.
    pub fn deferred_count(&self) -> Result<u64, CatalogError> {
        self.with("changes that wait", |it| {
            it.query_row("SELECT count(*) FROM deferred", (), |row| number(row, 0))
        })
    }
}

fn source_named(row: &Row<'_>) -> rusqlite::Result<SourceName> {
    Ok(SourceName {
        archive: ArchiveId(number(row, 0)?),
        uid_validity: number(row, 1)?,
        profile: row.get(2)?,
        account: row.get(3)?,
        mailbox_raw: row.get(4)?,
        mailbox: row.get(5)?,
    })
}

fn deferred_row(row: &Row<'_>) -> rusqlite::Result<DeferredRow> {
    let optional = |column| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(from_sql))
    };
    let place = match (optional(6)?, optional(7)?) {
        (Some(source), Some(uid)) => Some(SourceRef { source: SourceId(source), uid }),
        _ => None,
    };
    let kind: u8 = row.get(3)?;
    let broken = || unknown("change that waits", kind);
    let what = match kind {
        2 => DeferredWhat::Moved(FolderId(optional(4)?.ok_or_else(broken)?), place),
        3 => DeferredWhat::Flagged(Flags(row.get(5)?)),
        4 => DeferredWhat::Removed,
        5 => DeferredWhat::Gone(place.ok_or_else(broken)?),
        20 => DeferredWhat::Sighted(place.ok_or_else(broken)?),
        _ => return Err(broken()),
    };
    Ok(DeferredRow {
        entry: EntryNumber(number(row, 0)?),
        at: time(row, 1)?,
        placement: optional(2)?.map(PlacementId),
        what,
    })
}
