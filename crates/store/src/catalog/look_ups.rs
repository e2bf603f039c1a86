//! What engines ask of the catalog.

use ledger::{Certificate, EnvelopeDetail, Excluded, QuarantineReason, RunCounts, SourceRef};
use ports::{
    ArchivedRow, Catalog, CatalogError, CursorRow, FoundPlacement, MatchRow, PlacedRow,
    QuarantineRow, SourceRow,
};
use rusqlite::{OptionalExtension, Row};
use types::{
    ArchiveId, BlobId, Flags, FolderId, FolderPath, Hash, MailboxName, MessageKey, PlacementId,
    SourceId, Timestamp,
};

use super::reader::SqlCatalog;
use super::values::{from_sql, hash, number, refused, sql, time, unknown};

impl Catalog for SqlCatalog {
    async fn wait_for(&self, entries: u64) -> Result<(), CatalogError> {
        const WHAT: &str = "waiting for it";
        let Some(mut reach) = self.reach() else {
            let reached = self.reached();
            if entries <= reached {
                return Ok(());
            }
            return Err(refused(WHAT, "another process writes it"));
        };
        let found = reach.wait_for(|it| entries <= it.entries || it.failure.is_some()).await;
        let found = found.map_err(|_| refused(WHAT, "the store is closed"))?;
        match &found.failure {
            Some(why) if found.entries < entries => Err(refused(WHAT, why.clone())),
            _ => Ok(()),
        }
    }

    fn reached(&self) -> u64 {
        if let Some(reach) = self.reach() {
            return reach.borrow().entries;
        }
        let query = "SELECT entries FROM head";
        self.with("how far it has read", |it| it.query_row(query, (), |row| number(row, 0)))
            .unwrap_or_default()
    }

    fn folder(
        &self,
        archive: ArchiveId,
        path: &FolderPath,
    ) -> Result<Option<FolderId>, CatalogError> {
        let query = "SELECT id FROM folder WHERE archive = ?1 AND canonical = ?2 ORDER BY id";
        self.with("a folder", |it| {
            let mut statement = it.prepare_cached(query)?;
            let key = (sql(archive.0), path.canonical());
            statement.query_row(key, |row| number(row, 0).map(FolderId)).optional()
        })
    }

    fn sources(
        &self,
        archive: ArchiveId,
        profile: &str,
        account: &str,
    ) -> Result<Vec<SourceRow>, CatalogError> {
        let query = "SELECT s.id, s.mailbox_raw, s.folder, s.uid_validity, \
                     u.uid_next, u.modseq, u.fingerprint, \
                     c.source, c.uid_validity, c.uid_next, c.modseq, c.server_count, c.archived, \
                     c.already, c.default_folders, c.folder_list, c.filter, c.unknown_address, \
                     c.quarantined \
                     FROM source s LEFT JOIN cursor u ON u.source = s.id \
                     LEFT JOIN certificate c ON c.source = s.id \
                     WHERE s.archive = ?1 AND s.profile = ?2 AND s.account = ?3 ORDER BY s.id";
        self.with("the sources of an account", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_map((sql(archive.0), profile, account), source_row)?.collect()
        })
    }

    fn source_refs(&self, source: SourceId) -> Result<Vec<(u64, PlacementId)>, CatalogError> {
        let query = "SELECT uid, placement FROM source_ref WHERE source = ?1";
        let mut refs: Vec<(u64, PlacementId)> = self.with("the messages of a source", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| Ok((number(row, 0)?, PlacementId(number(row, 1)?)));
            statement.query_map([sql(source.0)], read)?.collect()
        })?;
        // SQLite takes the upper half of the numbers for negative.
        refs.sort_unstable();
        Ok(refs)
    }

    fn archived(&self, source: SourceId, uids: &[u64]) -> Result<Vec<ArchivedRow>, CatalogError> {
        let query = "SELECT r.uid, s.uid_validity, p.id, m.blob, m.size, m.date, p.placed \
                     FROM source_ref r JOIN source s ON s.id = r.source \
                     JOIN placement p ON p.id = r.placement JOIN message m ON m.n = p.n \
                     WHERE r.source = ?1 AND r.uid = ?2";
        let mut rows: Vec<ArchivedRow> = self.with("what is archived of a source", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| archived_row(row, source);
            let found = uids.iter().map(|uid| {
                statement.query_row([sql(source.0), sql(*uid)], read).optional().transpose()
            });
            found.flatten().collect()
        })?;
        rows.sort_unstable_by_key(|it| it.place);
        Ok(rows)
    }

    fn quarantined(&self, source: SourceId) -> Result<Vec<QuarantineRow>, CatalogError> {
        let query = "SELECT uid, reason, attempts, retry_at FROM quarantine WHERE source = ?1";
        let mut rows: Vec<QuarantineRow> = self.with("the quarantine of a source", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_map([sql(source.0)], quarantine_row)?.collect()
        })?;
        rows.sort_unstable_by_key(|it| it.uid);
        Ok(rows)
    }

    fn placements(
        &self,
        archive: ArchiveId,
        root: &str,
        message: MessageKey,
    ) -> Result<Vec<FoundPlacement>, CatalogError> {
        let query = "SELECT p.id, p.folder, p.source, f.path \
                     FROM message m JOIN placement p ON p.n = m.n \
                     JOIN folder f ON f.id = p.folder \
                     WHERE m.key = ?1 AND f.archive = ?2 ORDER BY p.id";
        let root = FolderPath::from_stored(root.to_owned());
        self.with("the placements of a message", |it| {
            let mut statement = it.prepare_cached(query)?;
            let mut rows = statement.query([sql(message.0), sql(archive.0)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let path: Option<String> = row.get(3)?;
                let path = FolderPath::from_stored(path.unwrap_or_default());
                if FolderPath::from_stored(path.root().to_owned()) == root {
                    found.push(found_placement(row)?);
                }
            }
            Ok(found)
        })
    }

    fn refs_of(&self, PlacementId(placement): PlacementId) -> Result<Vec<SourceRef>, CatalogError> {
        let query = "SELECT source, uid FROM source_ref WHERE placement = \
                     coalesce((SELECT of FROM placement_alias WHERE id = ?1), ?1)";
        let mut refs: Vec<SourceRef> = self.with("the places of a placement", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| {
                Ok(SourceRef { source: SourceId(number(row, 0)?), uid: number(row, 1)? })
            };
            statement.query_map([sql(placement)], read)?.collect()
        })?;
        refs.sort_unstable();
        Ok(refs)
    }

    fn match_rows(&self, source: SourceId) -> Result<Vec<MatchRow>, CatalogError> {
        // A message whose detail is erased has nothing left to be recognised by.
        let query = "SELECT p.id, m.size, p.received, m.header \
                     FROM source_ref r JOIN placement p ON p.id = r.placement \
                     JOIN message m ON m.n = p.n \
                     WHERE r.source = ?1 AND m.header IS NOT NULL \
                     GROUP BY p.id ORDER BY p.id";
        self.with("what messages are recognised by", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| {
                Ok(MatchRow {
                    placement: PlacementId(number(row, 0)?),
                    size: number(row, 1)?,
                    received: row.get::<_, Option<i64>>(2)?.map(Timestamp),
                    header_hash: hash(row, 3)?,
                })
            };
            statement.query_map([sql(source.0)], read)?.collect()
        })
    }

    fn message_of(
        &self,
        PlacementId(placement): PlacementId,
    ) -> Result<Option<MessageKey>, CatalogError> {
        let query = "SELECT m.key FROM placement p JOIN message m ON m.n = p.n WHERE p.id = \
                     coalesce((SELECT of FROM placement_alias WHERE id = ?1), ?1)";
        self.with("the message of a placement", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_row([sql(placement)], |row| number(row, 0).map(MessageKey)).optional()
        })
    }

    fn places_of(&self, message: MessageKey) -> Result<Vec<FoundPlacement>, CatalogError> {
        let query = "SELECT p.id, p.folder, p.source FROM message m JOIN placement p ON p.n = m.n \
                     WHERE m.key = ?1 ORDER BY p.id";
        self.with("the placements of a message", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_map([sql(message.0)], found_placement)?.collect()
        })
    }

    fn same_content(&self, Hash(canonical): &Hash) -> Result<Vec<MessageKey>, CatalogError> {
        let query = "SELECT m.key FROM content c JOIN message m ON m.n = c.n \
                     WHERE c.canonical = ?1 ORDER BY c.n";
        self.with("messages of the same content", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_map([canonical], |row| number(row, 0).map(MessageKey))?.collect()
        })
    }

    fn placed_in(
        &self,
        folder: FolderId,
        after: Option<PlacementId>,
        count: u32,
    ) -> Result<Vec<PlacedRow>, CatalogError> {
        let query = "SELECT p.id, m.key, m.blob, m.size, p.flags, p.received, p.senders, \
                     p.recipients FROM placement p JOIN message m ON m.n = p.n \
                     WHERE p.folder = ?1 AND p.id > ?2 ORDER BY p.id LIMIT ?3";
        let after = after.map_or(-1, |it| sql(it.0));
        self.with("the messages of a folder", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_map((sql(folder.0), after, count), placed_row)?.collect()
        })
    }

    fn mailbox_name(&self, source: SourceId) -> Result<Option<MailboxName>, CatalogError> {
        let query = "SELECT mailbox_raw, mailbox FROM source WHERE id = ?1";
        self.with("the name of a mailbox", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| {
                let path: String = row.get(1)?;
                Ok(MailboxName { raw: row.get(0)?, parts: parts_of(&path) })
            };
            statement.query_row([sql(source.0)], read).optional()
        })
    }
}

/// The parts that [`MailboxName::path`] joined and escaped.
fn parts_of(path: &str) -> Vec<String> {
    let unescape = |part: &str| match part {
        "%" => String::new(),
        part => part.replace("%2F", "/").replace("%25", "%"),
    };
    path.split('/').map(unescape).collect()
}

fn placed_row(row: &Row<'_>) -> rusqlite::Result<PlacedRow> {
    let lines = |column| -> rusqlite::Result<Vec<String>> {
        let text: Option<String> = row.get(column)?;
        Ok(text.unwrap_or_default().lines().map(str::to_owned).collect())
    };
    Ok(PlacedRow {
        placement: PlacementId(number(row, 0)?),
        message: MessageKey(number(row, 1)?),
        blob: BlobId(row.get(2)?),
        size: number(row, 3)?,
        flags: Flags(row.get(4)?),
        received: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        envelope: EnvelopeDetail { senders: lines(6)?, recipients: lines(7)? },
    })
}

fn found_placement(row: &Row<'_>) -> rusqlite::Result<FoundPlacement> {
    Ok(FoundPlacement {
        placement: PlacementId(number(row, 0)?),
        folder: FolderId(number(row, 1)?),
        source: row.get::<_, Option<i64>>(2)?.map(|it| SourceId(from_sql(it))),
    })
}

fn source_row(row: &Row<'_>) -> rusqlite::Result<SourceRow> {
    let has_cursor = row.get::<_, Option<i64>>(4)?.is_some();
    let has_certificate = row.get::<_, Option<i64>>(7)?.is_some();
    let cursor = |row: &Row<'_>| -> rusqlite::Result<CursorRow> {
        Ok(CursorRow {
            uid_next: number(row, 4)?,
            modseq: number(row, 5)?,
            fingerprint: hash(row, 6)?,
        })
    };
    Ok(SourceRow {
        source: SourceId(number(row, 0)?),
        mailbox_raw: row.get(1)?,
        folder: FolderId(number(row, 2)?),
        uid_validity: number(row, 3)?,
        cursor: has_cursor.then(|| cursor(row)).transpose()?,
        certificate: has_certificate.then(|| certificate(row, 7)).transpose()?,
    })
}

/// The certificate in the columns from `first`: source, uid_validity, uid_next, modseq, counts.
pub(super) fn certificate(row: &Row<'_>, first: usize) -> rusqlite::Result<Certificate> {
    Ok(Certificate {
        source: SourceId(number(row, first)?),
        uid_validity: number(row, first + 1)?,
        uid_next: number(row, first + 2)?,
        modseq: number(row, first + 3)?,
        counts: counts(row, first + 4)?,
    })
}

/// The counts in the eight columns from `first`.
pub(super) fn counts(row: &Row<'_>, first: usize) -> rusqlite::Result<RunCounts> {
    Ok(RunCounts {
        server_count: number(row, first)?,
        archived: number(row, first + 1)?,
        already: number(row, first + 2)?,
        excluded: Excluded {
            default_folders: number(row, first + 3)?,
            folder_list: number(row, first + 4)?,
            filter: number(row, first + 5)?,
            unknown_address: number(row, first + 6)?,
        },
        quarantined: number(row, first + 7)?,
    })
}

fn archived_row(row: &Row<'_>, source: SourceId) -> rusqlite::Result<ArchivedRow> {
    Ok(ArchivedRow {
        place: SourceRef { source, uid: number(row, 0)? },
        uid_validity: number(row, 1)?,
        placement: PlacementId(number(row, 2)?),
        blob: BlobId(hash(row, 3)?.0),
        size: number(row, 4)?,
        date: time(row, 5)?,
        placed: time(row, 6)?,
    })
}

fn quarantine_row(row: &Row<'_>) -> rusqlite::Result<QuarantineRow> {
    Ok(QuarantineRow {
        uid: number(row, 0)?,
        reason: reason(row, 1)?,
        attempts: row.get(2)?,
        retry_at: time(row, 3)?,
    })
}

pub(super) fn reason(row: &Row<'_>, column: usize) -> rusqlite::Result<QuarantineReason> {
    let value: u8 = row.get(column)?;
    QuarantineReason::from_number(value).ok_or_else(|| unknown("reason", value))
}
