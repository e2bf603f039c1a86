//! Sets of messages as the catalog keeps them: in chunks of 65536 numbers, so that a change
//! rewrites at most a few kilobytes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use types::{Flags, FolderId, MessageSet};

use super::values::{sql, unknown};

/// Which messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SetName {
    /// Those that are in a folder at all.
    All,
    /// Those in one folder.
    Folder(FolderId),
    /// Those that have this one flag at any of their places.
    Flag(Flags),
    /// Those of which not every word was read.
    PartlyRead,
}

impl SetName {
    /// The columns `kind` and `id`.
    fn columns(self) -> (i64, i64) {
        match self {
            SetName::All => (1, 0),
            SetName::Folder(folder) => (2, sql(folder.0)),
            SetName::Flag(flag) => (3, flag.0.into()),
            SetName::PartlyRead => (4, 0),
        }
    }
}

/// The value of `kind` for folders, for queries that join them.
pub(crate) const KIND_FOLDER: i64 = 2;

/// The numbers of a chunk agree above this many bits.
const CHUNK_BITS: u32 = 16;

/// Reads a set.
pub(crate) fn read(connection: &Connection, name: SetName) -> rusqlite::Result<MessageSet> {
    let query = "SELECT bits FROM message_set WHERE kind = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(name.columns())?;
    let mut set = MessageSet::default();
    while let Some(row) = rows.next()? {
        set.unite(&decode(row.get_ref(0)?.as_blob()?)?);
    }
    Ok(set)
}

/// Whether a message is in a set; reads one chunk.
pub(crate) fn decode(bits: &[u8]) -> rusqlite::Result<MessageSet> {
    MessageSet::from_bytes(bits).map_err(|error| unknown("set of messages:", error))
}

/// Changes to sets in one transaction, each chunk read and written once.
#[derive(Default)]
pub(crate) struct SetChanges {
    chunks: BTreeMap<(i64, i64, u32), MessageSet>,
}

impl SetChanges {
    pub(crate) fn insert(
        &mut self,
        connection: &Connection,
        name: SetName,
        n: u32,
    ) -> rusqlite::Result<()> {
        self.chunk(connection, name, n).map(|it| it.insert(n))
    }

    pub(crate) fn remove(
        &mut self,
        connection: &Connection,
        name: SetName,
        n: u32,
    ) -> rusqlite::Result<()> {
        self.chunk(connection, name, n).map(|it| it.remove(n))
    }

    /// Whether a message is in a set, with the changes made so far.
    pub(crate) fn contains(
        &mut self,
        connection: &Connection,
        name: SetName,
        n: u32,
    ) -> rusqlite::Result<bool> {
        self.chunk(connection, name, n).map(|it| it.contains(n))
    }

    /// Writes every chunk that was touched; empty ones leave no row.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let query = "REPLACE INTO message_set (kind, id, chunk, count, bits) \
                     VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut replace = connection.prepare_cached(query)?;
        let query = "DELETE FROM message_set WHERE kind = ?1 AND id = ?2 AND chunk = ?3";
        let mut delete = connection.prepare_cached(query)?;
        for ((kind, id, chunk), set) in std::mem::take(&mut self.chunks) {
            if set.is_empty() {
                delete.execute((kind, id, chunk))?;
            } else {
                replace.execute((kind, id, chunk, sql(set.len()), set.to_bytes()))?;
            }
        }
        Ok(())
    }

    pub(crate) fn forget(&mut self) {
        self.chunks.clear();
    }

    fn chunk(
        &mut self,
        connection: &Connection,
        name: SetName,
        n: u32,
    ) -> rusqlite::Result<&mut MessageSet> {
        let (kind, id) = name.columns();
        let chunk = n >> CHUNK_BITS;
        match self.chunks.entry((kind, id, chunk)) {
            std::collections::btree_map::Entry::Occupied(found) => Ok(found.into_mut()),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let query =
                    "SELECT bits FROM message_set WHERE kind = ?1 AND id = ?2 AND chunk = ?3";
                let mut statement = connection.prepare_cached(query)?;
                let bits = statement
                    .query_row((kind, id, chunk), |row| decode(row.get_ref(0)?.as_blob()?))
                    .optional()?;
                Ok(vacant.insert(bits.unwrap_or_default()))
            }
        }
    }
}
