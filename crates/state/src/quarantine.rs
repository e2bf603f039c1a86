//! Messages in quarantine that somebody accepted as missing.

use rusqlite::{Row, params};
use types::{SourceId, Timestamp};

use crate::{State, StateError, signed, unsigned};

/// A message of which somebody took note that it cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptedMessage {
    /// The mailbox epoch.
    pub source: SourceId,
    /// Its UID there.
    pub uid: u64,
    /// The account, for showing.
    pub account: String,
    /// The path of the mailbox, for showing.
    pub mailbox: String,
    /// Who took note.
    pub by: String,
    /// Why it is given up.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read what was accepted as missing", cause)
}

impl State {
    /// Notes, durably, that a message of the store `name` cannot be had. Another reason replaces
    /// the one before.
    pub fn accept_missing(&mut self, name: &str, it: &AcceptedMessage) -> Result<(), StateError> {
        self.durably("keep what was accepted as missing", |tx| {
            let AcceptedMessage { source, uid, account, mailbox, by, reason, at } = it;
            let (source, uid) = (signed(source.0), signed(*uid));
            let values = params![name, source, uid, account, mailbox, by, reason, at.0];
            let sql = "REPLACE INTO quarantine_accepted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            tx.execute(sql, values).map(|_| ()).map_err(failed)
        })
    }

    /// Everything of the store `name` that was accepted as missing.
    pub fn accepted_missing(&self, name: &str) -> Result<Vec<AcceptedMessage>, StateError> {
        let sql = "SELECT source, uid, account, mailbox, accepted_by, reason, at \
                   FROM quarantine_accepted WHERE store = ?1 ORDER BY source, uid";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([name], accepted).and_then(Iterator::collect).map_err(failed)
    }
}

fn accepted(row: &Row<'_>) -> rusqlite::Result<AcceptedMessage> {
    Ok(AcceptedMessage {
        source: SourceId(unsigned(row.get(0)?)),
        uid: unsigned(row.get(1)?),
        account: row.get(2)?,
        mailbox: row.get(3)?,
        by: row.get(4)?,
        reason: row.get(5)?,
        at: Timestamp(row.get(6)?),
    })
}
