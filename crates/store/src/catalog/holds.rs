//! What retention asks of the catalog: legal holds, and the times of messages.

use ledger::HoldScope;
use ports::{CatalogError, MessageTimes};
use rusqlite::{OptionalExtension, Row};
use types::{ArchiveId, BlobId, HoldId, MessageKey, MessageSet, Timestamp};

use super::reader::SqlCatalog;
use super::rows::{ERASED, HoldLifted, HoldRow};
use super::sets::{self, SetName};
use super::values::{from_sql, number, sql, time, unknown};

impl SqlCatalog {
    /// Every legal hold that was ever set, oldest first.
    pub fn holds(&self) -> Result<Vec<HoldRow>, CatalogError> {
        let query = "SELECT id, scope, archive, name, query, user, reason, set_by, set_at, \
                     lifted_by, lifted_at, lifted_reason FROM hold ORDER BY set_at, id";
        self.with("the legal holds", |it| {
            it.prepare_cached(query)?.query_map((), hold_row)?.collect()
        })
    }

    /// The messages of which not every word was read.
    pub fn set_of_partly_read(&self) -> Result<MessageSet, CatalogError> {
        self.with("messages that were partly read", |it| sets::read(it, SetName::PartlyRead))
    }

    /// The times of the message with this key.
    pub fn times_of_message(&self, key: MessageKey) -> Result<Option<MessageTimes>, CatalogError> {
        let query = "SELECT n, key, blob, size, archived, date, \
                     (SELECT min(received) FROM placement p WHERE p.n = m.n) \
                     FROM message m WHERE key = ?1";
        self.with("the times of a message", |it| {
            it.prepare_cached(query)?.query_row([sql(key.0)], message_times).optional()
        })
    }

    /// The times of messages of `set`, by ascending number, from `n_first` on and at most `limit`.
    pub fn times_of(
        &self,
        set: &MessageSet,
        n_first: u32,
        limit: usize,
    ) -> Result<Vec<MessageTimes>, CatalogError> {
        let query = "SELECT n, key, blob, size, archived, date, \
                     (SELECT min(received) FROM placement p WHERE p.n = m.n) \
                     FROM message m WHERE n = ?1";
        self.with("the times of messages", |it| {
            let mut statement = it.prepare_cached(query)?;
            let numbers = set.iter_from(n_first).take(limit);
            numbers.map(|n| statement.query_row([n], message_times)).collect()
        })
    }
}

fn hold_row(row: &Row<'_>) -> rusqlite::Result<HoldRow> {
    let text = |at| row.get(at).map(|it: Option<String>| it.unwrap_or_else(|| ERASED.into()));
    let scope = match row.get::<_, Option<u8>>(1)? {
        None => None,
        Some(1) => Some(HoldScope::All),
        Some(2) => Some(HoldScope::Archive(ArchiveId(from_sql(row.get(2)?)))),
        Some(3) => Some(HoldScope::Query),
        Some(other) => return Err(unknown("scope of a hold", other)),
    };
    let lifted = match row.get::<_, Option<i64>>(10)? {
        Some(at) => Some(HoldLifted { by: text(9)?, at: Timestamp(at), reason: text(11)? }),
        None => None,
    };
    Ok(HoldRow {
        id: HoldId(row.get(0)?),
        scope,
        name: text(3)?,
        query: row.get(4)?,
        user: text(5)?,
        reason: text(6)?,
        set_by: text(7)?,
        set_at: Timestamp(row.get::<_, Option<i64>>(8)?.unwrap_or_default()),
        lifted,
    })
}

fn message_times(row: &Row<'_>) -> rusqlite::Result<MessageTimes> {
    Ok(MessageTimes {
        n: row.get(0)?,
        key: MessageKey(number(row, 1)?),
        blob: BlobId(row.get(2)?),
        size: number(row, 3)?,
        archived: time(row, 4)?,
        date: time(row, 5)?,
        received: row.get::<_, Option<i64>>(6)?.map(Timestamp),
    })
}
