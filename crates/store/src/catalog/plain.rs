//! Row changes that touch one row of one table.

use ledger::project::RowChange;
use ledger::{
    Certificate, DeferredChange, HoldChange, HoldDetail, HoldScope, RunCounts, SourceRef,
};
use rusqlite::Connection;
use types::{EntryNumber, FolderPath, HoldId, PlacementId, StoreId, Timestamp};

use super::values::sql;

/// Carries one out.
pub(super) fn apply_plain(connection: &Connection, change: RowChange) -> rusqlite::Result<()> {
    match change {
        RowChange::Folder { folder, archive, kind, user, path } => {
            let canonical = path.clone().map(|it| FolderPath::from_stored(it).canonical());
            let query = "REPLACE INTO folder (id, archive, kind, user, path, canonical) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let ids = (sql(folder.0), sql(archive.0), kind.number());
            let values = (ids.0, ids.1, ids.2, user, path, canonical);
            connection.prepare_cached(query)?.execute(values)?;
        }
        RowChange::Source {
            source,
            archive,
            folder,
            uid_validity,
            profile,
            account,
            mailbox_raw,
            mailbox,
        } => {
            let query = "REPLACE INTO source (id, archive, folder, uid_validity, profile, \
                         account, mailbox_raw, mailbox) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let ids = [source.0, archive.0, folder.0, uid_validity].map(sql);
            let [source, archive, folder, uid_validity] = ids;
            let values =
                (source, archive, folder, uid_validity, profile, account, mailbox_raw, mailbox);
            connection.prepare_cached(query)?.execute(values)?;
        }
        RowChange::Cursor { source, uid_next, modseq, fingerprint } => {
            let query = "REPLACE INTO cursor (source, uid_next, modseq, fingerprint) \
                         VALUES (?1, ?2, ?3, ?4)";
            let values = (sql(source.0), sql(uid_next), sql(modseq), fingerprint.0);
            connection.prepare_cached(query)?.execute(values)?;
        }
        RowChange::Certificate { certificate, at } => {
            let query = "REPLACE INTO certificate VALUES \
                         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
            let Certificate { source, uid_validity, uid_next, modseq, counts } = certificate;
            let first = [sql(source.0), at.0, sql(uid_validity), sql(uid_next), sql(modseq)];
            let values = first.into_iter().chain(count_columns(&counts));
            let values = rusqlite::params_from_iter(values);
            connection.prepare_cached(query)?.execute(values)?;
        }
        RowChange::Hold { hold, change, at, detail } => {
            hold_changed(connection, hold, change, at, detail)?;
        }
        RowChange::Deferred { entry, store, change, at } => {
            deferred(connection, entry, store, &change, at)?;
        }
        RowChange::Run { entry, outcome, counts, started, ended, title } => {
            insert_run(connection, entry, (outcome.number(), started, ended, title), &counts)?;
        }
        // The others are carried out by the applier.
        _ => (),
    }
    Ok(())
}

fn deferred(
    connection: &Connection,
    entry: EntryNumber,
    store: StoreId,
    change: &DeferredChange,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let row = |kind: u8, placement: Option<PlacementId>, source: Option<SourceRef>| {
        let placement = placement.map(|it| sql(it.0));
        (kind, placement, source.map(|it| sql(it.source.0)), source.map(|it| sql(it.uid)))
    };
    let (mut folder, mut new_flags) = (None, None);
    let (kind, placement, source, uid) = match *change {
        DeferredChange::Carried { before } => {
            let query = "DELETE FROM deferred WHERE store = ?1 AND entry < ?2";
            connection.prepare_cached(query)?.execute((store.0, sql(before.0)))?;
            return Ok(());
        }
        DeferredChange::Moved { placement, folder: to, source } => {
            folder = Some(sql(to.0));
            row(2, Some(placement), source)
        }
        DeferredChange::Flagged { placement, flags } => {
            new_flags = Some(flags.0);
            row(3, Some(placement), None)
        }
        DeferredChange::Removed { placement } => row(4, Some(placement), None),
        DeferredChange::SourceGone { source } => row(5, None, Some(source)),
        DeferredChange::Sighted { placement, source } => row(20, Some(placement), Some(source)),
    };
    let query = "REPLACE INTO deferred (entry, store, change, placement, folder, flags, source, \
                 uid, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = (sql(entry.0), store.0, kind, placement, folder, new_flags, source, uid, at.0);
    connection.prepare_cached(query)?.execute(values).map(|_| ())
}

fn hold_changed(
    connection: &Connection,
    hold: HoldId,
    change: HoldChange,
    at: Timestamp,
    detail: Option<HoldDetail>,
) -> rusqlite::Result<()> {
    let (name, query, user, by, reason) = match detail {
        Some(HoldDetail { name, query, user, by, reason }) => {
            (Some(name), Some(query), Some(user), Some(by), Some(reason))
        }
        None => (None, None, None, None, None),
    };
    let scope = match change {
        HoldChange::Set(scope) => scope,
        HoldChange::Lifted => {
            // Of one that was set in another store nothing else is known.
            let sql = "INSERT INTO hold (id, lifted_by, lifted_at, lifted_reason) \
                       VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET \
                       lifted_by = ?2, lifted_at = ?3, lifted_reason = ?4";
            connection.prepare_cached(sql)?.execute((hold.0, by, at.0, reason))?;
            return Ok(());
        }
    };
    let (scope, archive) = match scope {
        HoldScope::All => (1, None),
        HoldScope::Archive(archive) => (2, Some(sql(archive.0))),
        HoldScope::Query => (3, None),
    };
    let query_sql = "INSERT INTO hold \
                     (id, scope, archive, name, query, user, reason, set_by, set_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET \
                     scope = ?2, archive = ?3, name = ?4, query = ?5, user = ?6, reason = ?7, \
                     set_by = ?8, set_at = ?9";
    let values = (hold.0, scope, archive, name, query, user, reason, by, at.0);
    connection.prepare_cached(query_sql)?.execute(values)?;
    Ok(())
}

fn insert_run(
    connection: &Connection,
    entry: EntryNumber,
    (outcome, started, ended, title): (u8, Timestamp, Timestamp, String),
    counts: &RunCounts,
) -> rusqlite::Result<()> {
    let query = "REPLACE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let [server, archived, already, default_folders, list, filter, unknown, quarantined] =
        count_columns(counts);
    let values = (
        sql(entry.0),
        outcome,
        started.0,
        ended.0,
        title,
        server,
        archived,
        already,
        default_folders,
        list,
        filter,
        unknown,
        quarantined,
    );
    connection.prepare_cached(query)?.execute(values).map(|_| ())
}

/// The columns from `server_count` to `quarantined`.
fn count_columns(counts: &RunCounts) -> [i64; 8] {
    let excluded = counts.excluded;
    [
        counts.server_count,
        counts.archived,
        counts.already,
        excluded.default_folders,
        excluded.folder_list,
        excluded.filter,
        excluded.unknown_address,
        counts.quarantined,
    ]
    .map(sql)
}
