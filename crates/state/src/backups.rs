//! How far the newest backups reach, and copies of the state for them.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use types::{Hash, Position, Timestamp};

use crate::{State, StateError, make_private, signed, unsigned};

/// How far the newest whole backup of a log reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackedUp {
    /// The id of the log.
    pub log: String,
    /// How far the log was.
    pub position: Position,
    /// The directory of backups.
    pub dir: String,
    /// The number of the backup in it.
    pub number: u32,
    /// When it was made.
    pub at: Timestamp,
}

impl State {
    /// Copies the whole state, as it is at one moment, into a new file. Others may write
    /// meanwhile. The copy is not synced.
    pub fn copy_to(&self, path: &Path) -> Result<(), StateError> {
        make_private(path).map_err(|it| StateError::io(path, "make", it))?;
        self.db
            .execute("VACUUM INTO ?", [path.to_string_lossy()])
            .map_err(|it| StateError::io(path, "copy the state into", it))?;
        // A file that is read from a backup has no other files beside it.
        let copy = Connection::open(path).map_err(|it| StateError::io(path, "open", it))?;
        copy.pragma_update(None, "journal_mode", "DELETE")
            .map_err(|it| StateError::io(path, "close", it))
    }

    /// How far the newest whole backup of a log reaches.
    pub fn backed_up(&self, log: &str) -> Result<Option<BackedUp>, StateError> {
        let sql = "SELECT entries, root, dir, number, at FROM backed_up WHERE log = ?";
        let row = self.db.query_row(sql, [log], |row| {
            Ok(BackedUp {
                log: log.to_owned(),
                position: Position {
                    entries: unsigned(row.get(0)?),
                    root: Hash(row.get::<_, [u8; 32]>(1)?),
                },
                dir: row.get(2)?,
                number: row.get(3)?,
                at: Timestamp(row.get(4)?),
            })
        });
        row.optional().map_err(|it| StateError::query("read how far a backup reaches", it))
    }

    /// Notes how far a backup reaches that is whole and durable.
    pub fn set_backed_up(&mut self, logs: &[BackedUp]) -> Result<(), StateError> {
        self.durably("note how far a backup reaches", |tx| {
            let sql = "INSERT INTO backed_up VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                       ON CONFLICT (log) DO UPDATE SET
                       entries = ?2, root = ?3, dir = ?4, number = ?5, at = ?6";
            for BackedUp { log, position: Position { entries, root }, dir, number, at } in logs {
                tx.execute(sql, params![log, signed(*entries), root.0, dir, number, at.0])
                    .map_err(|it| StateError::query("note how far a backup reaches", it))?;
            }
            Ok(())
        })
    }

    /// Forgets what backups of a log there are: it goes on from an older state.
    pub fn forget_backed_up(&mut self, log: &str) -> Result<(), StateError> {
        self.db
            .execute("DELETE FROM backed_up WHERE log = ?", [log])
            .map(|_| ())
            .map_err(|it| StateError::query("forget a backup", it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backed_up(entries: u64) -> BackedUp {
        BackedUp {
            log: "id1".into(),
            position: Position { entries, root: Hash([7; 32]) },
            dir: "/backups".into(),
            number: 3,
            at: Timestamp(5),
        }
    }

    #[test]
    fn a_copy_is_whole_while_others_write() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        state.set_backed_up(&[backed_up(5)]).unwrap();
        let reader = State::open_for_reading(&dir.path().join("state.db")).unwrap();
        let copy = dir.path().join("copy.db");
        reader.copy_to(&copy).unwrap();
        state.set_backed_up(&[backed_up(9)]).unwrap();
        let n_files = std::fs::read_dir(dir.path()).unwrap().count();
        let opened = State::open_for_reading(&copy).unwrap();
        assert_eq!(opened.backed_up("id1").unwrap(), Some(backed_up(5)));
        assert_eq!(state.backed_up("id1").unwrap(), Some(backed_up(9)));
        drop(opened);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), n_files);
        state.forget_backed_up("id1").unwrap();
        assert_eq!(state.backed_up("id1").unwrap(), None);
    }
}
