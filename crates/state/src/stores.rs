//! The stores of a server: where each is, what it is for, and whether it could be opened.
//!
//! Rules: exactly one is current, which a unique index holds; what is kept under a store's name
//! goes with it when it is renamed; a store that was let go leaves how far it was under its id, so
//! that an older copy is noticed when it comes back.

use commands::{StoreState, StoreTrouble};
use rusqlite::{Connection, OptionalExtension, Row, params};
use types::{Position, Timestamp};

use crate::{State, StateError, StateErrorKind};

/// Tables that keep something under the name of a store.
const NAMED: [&str; 3] = ["store_head", "confirmed", "quarantine_accepted"];

/// A store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedStore {
    /// Its name.
    pub name: String,
    /// Its directory: below `DATA/stores`, or a path of its own.
    pub dir: String,
    /// What it is for.
    pub state: StoreState,
    /// Counts up each time that a store becomes current.
    pub turn: u64,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Why it could not be opened.
    pub trouble: Option<StoreTrouble>,
    /// How often that was tried.
    pub tries: u32,
    /// Why its index does not follow.
    pub index_trouble: Option<String>,
    /// Whether anything was ever written to it, as far as is known.
    pub is_begun: bool,
}

/// Archiving has no store to go to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreFailure {
    /// What failed, in a few words.
    pub what: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read which stores there are", cause)
}

const COLUMNS: &str = "name, dir, state, turn, since, trouble, trouble_at, retry_at, tries, \
                       EXISTS (SELECT 1 FROM store_head h WHERE h.store = name), index_trouble";

impl State {
    /// All stores, in the order in which they were current; the current one is the last.
    pub fn stores(&self) -> Result<Vec<SavedStore>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM store ORDER BY state = 'current', turn, name");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        select.query_map([], saved).and_then(Iterator::collect).map_err(failed)
    }

    /// The store of this name.
    pub fn named_store(&self, name: &str) -> Result<SavedStore, StateError> {
        named(&self.db, name)
    }

    /// The store that new mail goes to.
    pub fn current_store(&self) -> Result<Option<SavedStore>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM store WHERE state = 'current'");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        select.query_row([], saved).optional().map_err(failed)
    }

    /// Whether a store was ever let go that held anything.
    pub fn has_let_go(&self) -> Result<bool, StateError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM store_head WHERE store LIKE 'detached:%')";
        self.db.query_row(sql, [], |row| row.get(0)).map_err(failed)
    }

    /// Takes a store in. It becomes current by [`State::make_store_current`] alone; one that is
    /// added as the current one waits for that as the last.
    pub fn add_store(
        &mut self,
        name: &str,
        dir: &str,
        state: StoreState,
        now: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("keep a store", |tx| add(tx, name, dir, state, now))
    }

    /// Takes a store in that is there: it has this id, and is as far as `id_and_position` says. How
    /// far it was when it was let go is what is known of it again.
    pub fn attach_store(
        &mut self,
        name: &str,
        dir: &str,
        state: StoreState,
        now: Timestamp,
        (id, position): (&str, Position),
    ) -> Result<(), StateError> {
        self.durably("take a store in", |tx| {
            add(tx, name, dir, state, now)?;
            let sql = "DELETE FROM store_head WHERE store = ?";
            tx.execute(sql, [detached(id)]).map_err(failed)?;
            let sql = "REPLACE INTO store_head VALUES (?1, ?2, ?3)";
            let values = params![name, crate::signed(position.entries), position.root.0];
            tx.execute(sql, values).map(|_| ()).map_err(failed)
        })
    }

    /// How far a store was when it was let go.
    pub fn detached_head(&self, id: &str) -> Result<Option<Position>, StateError> {
        self.store_head(&detached(id))
    }

    /// Lets a store go. How far it was stays under its id, when it has one.
    pub fn remove_store(&mut self, name: &str, id: Option<&str>) -> Result<(), StateError> {
        self.durably("forget a store", |tx| {
            let store = named(tx, name)?;
            if store.state == StoreState::Current {
                return Err(is_current(name));
            }
            if let Some(id) = id {
                let sql = "UPDATE OR REPLACE store_head SET store = ?2 WHERE store = ?1";
                tx.execute(sql, [name, &detached(id)]).map_err(failed)?;
            }
            for table in NAMED {
                let sql = format!("DELETE FROM {table} WHERE store = ?");
                tx.execute(&sql, [name]).map_err(failed)?;
            }
            tx.execute("DELETE FROM store WHERE name = ?", [name]).map(|_| ()).map_err(failed)
        })
    }

    /// Calls a store otherwise, and all that is kept under its name.
    pub fn rename_store(&mut self, name: &str, to: &str) -> Result<(), StateError> {
        self.durably("rename a store", |tx| {
            named(tx, name)?;
            if name != to && named(tx, to).is_ok() {
                return Err(taken_error(to, to));
            }
            for table in NAMED {
                let sql = format!("UPDATE OR REPLACE {table} SET store = ?2 WHERE store = ?1");
                tx.execute(&sql, [name, to]).map_err(failed)?;
            }
            let sql = "UPDATE store SET name = ?2 WHERE name = ?1";
            tx.execute(sql, [name, to]).map(|_| ()).map_err(failed)
        })
    }

    /// Notes another directory of a store.
    pub fn set_store_dir(&mut self, name: &str, dir: &str) -> Result<(), StateError> {
        self.durably("keep where a store is", |tx| {
            named(tx, name)?;
            let sql = "UPDATE store SET dir = ?2 WHERE name = ?1";
            tx.execute(sql, [name, dir]).map(|_| ()).map_err(failed)
        })
    }

    /// Says what a store is for. The current one stays what it is until another takes its place.
    pub fn set_store_state(
        &mut self,
        name: &str,
        state: StoreState,
        now: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("keep what a store is for", |tx| {
            let store = named(tx, name)?;
            if store.state == StoreState::Current || state == StoreState::Current {
                return Err(is_current(name));
            }
            let sql = "UPDATE store SET state = ?2, since = ?3 WHERE name = ?1";
            tx.execute(sql, params![name, state.name(), now.0]).map(|_| ()).map_err(failed)
        })
    }

    /// Makes a store the one that new mail goes to; the one before is normal from then on.
    pub fn make_store_current(&mut self, name: &str, now: Timestamp) -> Result<(), StateError> {
        self.durably("make a store current", |tx| {
            if named(tx, name)?.state == StoreState::Current {
                return Ok(());
            }
            let sql = "UPDATE store SET state = 'normal', since = ? WHERE state = 'current'";
            tx.execute(sql, [now.0]).map_err(failed)?;
            let sql = "UPDATE store SET state = 'current', since = ?2, \
                       turn = (SELECT max(turn) FROM store) + 1 WHERE name = ?1";
            tx.execute(sql, params![name, now.0]).map(|_| ()).map_err(failed)
        })
    }

    /// Notes why a store could not be opened, or that it could.
    pub fn set_store_trouble(
        &mut self,
        name: &str,
        trouble: Option<&StoreTrouble>,
    ) -> Result<(), StateError> {
        let why = trouble.map(|it| it.why.as_str());
        let (at, retry) = (trouble.map(|it| it.at.0), trouble.and_then(|it| it.retry_at));
        let tries = "CASE WHEN ?2 IS NULL THEN 0 ELSE tries + 1 END";
        let sql = format!(
            "UPDATE store SET trouble = ?2, trouble_at = coalesce(trouble_at, ?3), retry_at = ?4, \
             tries = {tries} WHERE name = ?1"
        );
        let values = params![name, why, at, retry.map(|it| it.0)];
        self.db.execute(&sql, values).map_err(failed)?;
        if trouble.is_none() {
            let sql = "UPDATE store SET trouble_at = NULL WHERE name = ?";
            self.db.execute(sql, [name]).map_err(failed)?;
        }
        Ok(())
    }

    /// Notes why the index of a store does not follow, or that it does.
    pub fn set_index_trouble(&mut self, name: &str, why: Option<&str>) -> Result<(), StateError> {
        let sql = "UPDATE store SET index_trouble = ?2 WHERE name = ?1 AND index_trouble IS NOT ?2";
        self.db.execute(sql, params![name, why]).map(|_| ()).map_err(failed)
    }

    /// Why archiving has no store to go to, if it has none.
    pub fn store_failure(&self) -> Result<Option<StoreFailure>, StateError> {
        let mut select =
            self.db.prepare_cached("SELECT what, why, at FROM store_failure").map_err(failed)?;
        let read = |row: &Row<'_>| {
            Ok(StoreFailure { what: row.get(0)?, why: row.get(1)?, at: Timestamp(row.get(2)?) })
        };
        select.query_row([], read).optional().map_err(failed)
    }

    /// Notes that archiving has no store to go to, or has one again.
    pub fn set_store_failure(&mut self, failure: Option<&StoreFailure>) -> Result<(), StateError> {
        match failure {
            Some(StoreFailure { what, why, at }) => {
                let sql = "INSERT INTO store_failure VALUES (0, ?1, ?2, ?3) \
                           ON CONFLICT (id) DO UPDATE SET what = ?1, why = ?2";
                self.db.execute(sql, params![what, why, at.0]).map(|_| ()).map_err(failed)
            }
            None => self.db.execute("DELETE FROM store_failure", []).map(|_| ()).map_err(failed),
        }
    }
}

/// Adds a store; the current one stays the last.
fn add(
    tx: &Connection,
    name: &str,
    dir: &str,
    state: StoreState,
    now: Timestamp,
) -> Result<(), StateError> {
    let taken: Option<String> = tx
        .query_row("SELECT name FROM store WHERE name = ?1 OR dir = ?2", [name, dir], |it| {
            it.get(0)
        })
        .optional()
        .map_err(failed)?;
    if let Some(other) = taken {
        return Err(taken_error(name, &other));
    }
    let is_next = state == StoreState::Current;
    let state = if is_next { StoreState::Normal } else { state };
    let sql = "INSERT INTO store (name, dir, state, turn, since) VALUES \
               (?, ?, ?, (SELECT max(turn) FROM store) + 1, ?)";
    tx.execute(sql, params![name, dir, state.name(), now.0]).map_err(failed)?;
    if is_next {
        return Ok(());
    }
    // The current one is always the last.
    let sql = "UPDATE store SET turn = (SELECT max(turn) FROM store) + 1 \
               WHERE state = 'current'";
    tx.execute(sql, []).map(|_| ()).map_err(failed)
}

/// The name under which it is kept how far a store was that is no more here.
fn detached(id: &str) -> String {
    format!("detached:{id}")
}

fn named(db: &Connection, name: &str) -> Result<SavedStore, StateError> {
    let sql = format!("SELECT {COLUMNS} FROM store WHERE name = ?");
    let found = db.query_row(&sql, [name], saved).optional().map_err(failed)?;
    found.ok_or_else(|| {
        StateError::plain(StateErrorKind::Missing, format!("there is no store {name:?}"))
    })
}

fn taken_error(name: &str, other: &str) -> StateError {
    let message = match name == other {
        true => format!("there is a store {name:?} already"),
        false => format!("the store {other:?} is in this directory"),
    };
    StateError::plain(StateErrorKind::NameTaken, message)
}

fn is_current(name: &str) -> StateError {
    let message = format!("{name:?}: which store is the current one is not changed this way");
    StateError::plain(StateErrorKind::InUse, message)
}

fn saved(row: &Row<'_>) -> rusqlite::Result<SavedStore> {
    let state: String = row.get(2)?;
    let state = StoreState::from_name(&state).ok_or_else(|| {
        rusqlite::Error::InvalidParameterName(format!("the state {state} of a store"))
    })?;
    let why: Option<String> = row.get(5)?;
    let (at, retry_at): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let trouble = why.map(|why| StoreTrouble {
        why,
        at: Timestamp(at.unwrap_or_default()),
        retry_at: retry_at.map(Timestamp),
    });
    Ok(SavedStore {
        name: row.get(0)?,
        dir: row.get(1)?,
        state,
        turn: crate::unsigned(row.get(3)?),
        since: Timestamp(row.get(4)?),
        trouble,
        tries: row.get(8)?,
        is_begun: row.get(9)?,
        index_trouble: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Hash, SourceId};

    const NOW: Timestamp = Timestamp(1_795_284_100);

    fn names(state: &State) -> Vec<String> {
        let stores = state.stores().unwrap();
        stores.into_iter().map(|it| format!("{} {}", it.name, it.state.name())).collect()
    }

    #[test]
    fn one_is_current_whatever_is_done() {
        let mut state = State::empty().unwrap();
        assert_eq!(names(&state), ["default current"]);
        state.add_store("b", "/disk/b", StoreState::Current, NOW).unwrap();
        assert_eq!(names(&state), ["b normal", "default current"]);
        assert_eq!(
            state.set_store_state("default", StoreState::Disabled, NOW).unwrap_err().kind(),
            StateErrorKind::InUse
        );
        state.make_store_current("b", NOW).unwrap();
        assert_eq!(names(&state), ["default normal", "b current"]);
        state.set_store_state("default", StoreState::WriteProtected, NOW).unwrap();
        assert_eq!(state.current_store().unwrap().unwrap().name, "b");
        assert_eq!(state.remove_store("b", None).unwrap_err().kind(), StateErrorKind::InUse);
        for (name, dir) in [("b", "x"), ("x", "/disk/b")] {
            let refused = state.add_store(name, dir, StoreState::Normal, NOW).unwrap_err();
            assert_eq!(refused.kind(), StateErrorKind::NameTaken);
        }
        assert_eq!(state.named_store("x").unwrap_err().kind(), StateErrorKind::Missing);
    }

    #[test]
    fn what_is_kept_goes_with_the_name() {
        let mut state = State::empty().unwrap();
        let position = Position { entries: 7, root: Hash([1; 32]) };
        state.set_store_head("default", position).unwrap();
        state.confirm("default", &[SourceId(3)], NOW).unwrap();
        state.rename_store("default", "2026").unwrap();
        assert_eq!(state.store_head("2026").unwrap(), Some(position));
        assert_eq!(state.confirmed_at("2026", SourceId(3)).unwrap(), Some(NOW));
        assert_eq!(state.store_head("default").unwrap(), None);
        state.add_store("b", "b", StoreState::Normal, NOW).unwrap();
        assert!(state.rename_store("b", "2026").is_err());
        state.make_store_current("b", NOW).unwrap();
        state.remove_store("2026", Some("abc")).unwrap();
        assert_eq!(state.store_head("2026").unwrap(), None);
        assert_eq!(state.detached_head("abc").unwrap(), Some(position));
        let now = ("abc", Position { entries: 9, ..position });
        // One that fails changes nothing.
        state.attach_store("b", "x", StoreState::Normal, NOW, now).unwrap_err();
        assert_eq!(state.detached_head("abc").unwrap(), Some(position));
        state.attach_store("again", "x", StoreState::Normal, NOW, now).unwrap();
        assert_eq!(state.store_head("again").unwrap(), Some(now.1));
        assert!(!state.has_let_go().unwrap());
    }

    #[test]
    fn trouble_is_kept_from_its_beginning() {
        let mut state = State::empty().unwrap();
        let trouble = |at: i64| StoreTrouble {
            why: "gone".into(),
            at: Timestamp(at),
            retry_at: Some(Timestamp(at + 60)),
        };
        state.set_store_trouble("default", Some(&trouble(10))).unwrap();
        state.set_store_trouble("default", Some(&trouble(90))).unwrap();
        let store = state.named_store("default").unwrap();
        assert_eq!(store.tries, 2);
        let kept = store.trouble.unwrap();
        assert_eq!((kept.at, kept.retry_at), (Timestamp(10), Some(Timestamp(150))));
        state.set_store_trouble("default", None).unwrap();
        let store = state.named_store("default").unwrap();
        assert_eq!((store.trouble, store.tries), (None, 0));
    }
}
