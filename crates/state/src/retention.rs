//! Retention policies, and what is remembered of the clock.

use commands::{PolicyPeriods, Switch};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use types::Timestamp;
use types::retention::{AtTheEnd, CountedFrom};

use crate::{State, StateError, StateErrorKind};

/// A policy as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedPolicy {
    /// Its name.
    pub name: String,
    /// Which messages; `None` is all.
    pub query: Option<String>,
    /// How long they are kept.
    pub periods: PolicyPeriods,
    /// Whether it is enabled.
    pub switch: Switch,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

/// What becomes of a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PolicyChange {
    /// It is made, at the end of the list.
    Add(Box<SavedPolicy>),
    /// It is another one now, of the same name and at the same place.
    Replace(Box<SavedPolicy>),
    /// It goes to this place, counted from 0; behind the last is at the end.
    Move(String, usize),
    /// It is gone.
    Remove(String),
    /// These are all that there are, in this order.
    All(Vec<SavedPolicy>),
}

/// What is remembered of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockMemory {
    /// The last time that was known.
    pub seen: Timestamp,
    /// Since when retention stands still, and by how many seconds the clock was ahead then.
    pub stopped: Option<(Timestamp, i64)>,
    /// Entries of logs up to this time say nothing any more: somebody confirmed the clock then.
    pub accepted: Option<Timestamp>,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read retention policies", cause)
}

fn missing(name: &str) -> StateError {
    StateError::plain(StateErrorKind::Missing, format!("there is no retention policy {name:?}"))
}

impl State {
    /// All policies, in order.
    pub fn policies(&self) -> Result<Vec<SavedPolicy>, StateError> {
        let sql = "SELECT name, query, minimum, maximum, counted_from, at_the_end, enabled, \
                   changed_by, changed_at FROM retention_policy ORDER BY place, name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([], policy).and_then(Iterator::collect).map_err(failed)
    }

    /// Changes the list of policies, durably.
    pub fn change_policy(&mut self, change: PolicyChange) -> Result<(), StateError> {
        self.durably("change a retention policy", |tx| match change {
            PolicyChange::Add(it) => {
                if names(tx)?.contains(&it.name) {
                    let message = format!("there is a retention policy {:?} already", it.name);
                    return Err(StateError::plain(StateErrorKind::NameTaken, message));
                }
                let place = names(tx)?.len();
                write(tx, &it, place)
            }
            PolicyChange::Replace(it) => {
                let place = names(tx)?.iter().position(|name| *name == it.name);
                write(tx, &it, place.ok_or_else(|| missing(&it.name))?)
            }
            PolicyChange::Move(name, to) => {
                let mut all = names(tx)?;
                let from = all.iter().position(|it| *it == name).ok_or_else(|| missing(&name))?;
                all.remove(from);
                all.insert(to.min(all.len()), name);
                number(tx, &all)
            }
            PolicyChange::Remove(name) => {
                let sql = "DELETE FROM retention_policy WHERE name = ?";
                if tx.execute(sql, [&name]).map_err(failed)? == 0 {
                    return Err(missing(&name));
                }
                number(tx, &names(tx)?)
            }
            PolicyChange::All(all) => {
                tx.execute("DELETE FROM retention_policy", []).map_err(failed)?;
                all.iter().enumerate().try_for_each(|(place, it)| write(tx, it, place))
            }
        })
    }

    /// What is remembered of the clock; `None` when it was never looked at.
    pub fn clock_memory(&self) -> Result<Option<ClockMemory>, StateError> {
        let sql = "SELECT seen, stopped_at, ahead, accepted FROM retention_clock";
        let read = |row: &Row<'_>| {
            let stopped: Option<i64> = row.get(1)?;
            let ahead: Option<i64> = row.get(2)?;
            let stopped = stopped.map(|it| (Timestamp(it), ahead.unwrap_or_default()));
            let accepted = row.get::<_, Option<i64>>(3)?.map(Timestamp);
            Ok(ClockMemory { seen: Timestamp(row.get(0)?), stopped, accepted })
        };
        self.db.query_row(sql, [], read).optional().map_err(failed)
    }

    /// Remembers the clock, durably.
    pub fn remember_clock(&mut self, memory: ClockMemory) -> Result<(), StateError> {
        self.durably("remember the clock", |tx| {
            let (at, ahead) = memory.stopped.map(|(at, ahead)| (at.0, ahead)).unzip();
            let sql = "REPLACE INTO retention_clock VALUES (0, ?1, ?2, ?3, ?4)";
            tx.execute(sql, params![memory.seen.0, at, ahead, memory.accepted.map(|it| it.0)])
                .map(|_| ())
                .map_err(failed)
        })
    }
}

fn names(tx: &Transaction<'_>) -> Result<Vec<String>, StateError> {
    let sql = "SELECT name FROM retention_policy ORDER BY place, name";
    let mut select = tx.prepare_cached(sql).map_err(failed)?;
    select.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)
}

fn number(tx: &Transaction<'_>, names: &[String]) -> Result<(), StateError> {
    for (place, name) in names.iter().enumerate() {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let sql = "UPDATE retention_policy SET place = ?1 WHERE name = ?2";
        tx.execute(sql, params![place, name]).map_err(failed)?;
    }
    Ok(())
}

fn write(tx: &Transaction<'_>, it: &SavedPolicy, place: usize) -> Result<(), StateError> {
    let SavedPolicy { name, query, periods, switch, changed_by, changed_at } = it;
    let PolicyPeriods { minimum, maximum, from, at_the_end } = periods;
    let place = i64::try_from(place).unwrap_or(i64::MAX);
    let enabled = *switch == Switch::Enabled;
    let (from, at_the_end) = (from.name(), at_the_end.name());
    let sql = "REPLACE INTO retention_policy VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let at = changed_at.0;
    let values =
        params![name, place, query, minimum, maximum, from, at_the_end, enabled, changed_by, at];
    tx.execute(sql, values).map(|_| ()).map_err(failed)
}

fn policy(row: &Row<'_>) -> rusqlite::Result<SavedPolicy> {
    let (from, at_the_end): (String, String) = (row.get(4)?, row.get(5)?);
    let periods = PolicyPeriods {
        minimum: row.get(2)?,
        maximum: row.get(3)?,
        from: CountedFrom::from_name(&from).unwrap_or_default(),
        at_the_end: AtTheEnd::from_name(&at_the_end).unwrap_or_default(),
    };
    Ok(SavedPolicy {
        name: row.get(0)?,
        query: row.get(1)?,
        periods,
        switch: if row.get(6)? { Switch::Enabled } else { Switch::Disabled },
        changed_by: row.get(7)?,
        changed_at: Timestamp(row.get(8)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(name: &str) -> SavedPolicy {
        SavedPolicy {
            name: name.into(),
            query: Some("from:bob".into()),
            periods: PolicyPeriods {
                minimum: None,
                maximum: Some("1y".into()),
                from: CountedFrom::Message,
                at_the_end: AtTheEnd::Removed,
            },
            switch: Switch::Enabled,
            changed_by: "ann".into(),
            changed_at: Timestamp(5),
        }
    }

    #[test]
    fn policies_have_an_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        for name in ["a", "b", "c"] {
            state.change_policy(PolicyChange::Add(Box::new(saved(name)))).unwrap();
        }
        let order = |state: &State| -> String {
            state.policies().unwrap().iter().map(|it| it.name.as_str()).collect()
        };
        assert_eq!(state.policies().unwrap()[1], saved("b"));
        let taken = state.change_policy(PolicyChange::Add(Box::new(saved("a")))).unwrap_err();
        assert_eq!(taken.kind(), StateErrorKind::NameTaken);
        state.change_policy(PolicyChange::Move("c".into(), 0)).unwrap();
        assert_eq!(order(&state), "cab");
        state.change_policy(PolicyChange::Move("c".into(), 99)).unwrap();
        assert_eq!(order(&state), "abc");
        let other = SavedPolicy { switch: Switch::Disabled, query: None, ..saved("b") };
        state.change_policy(PolicyChange::Replace(Box::new(other.clone()))).unwrap();
        assert_eq!(state.policies().unwrap()[1], other);
        state.change_policy(PolicyChange::Remove("a".into())).unwrap();
        state.change_policy(PolicyChange::Move("c".into(), 0)).unwrap();
        assert_eq!(order(&state), "cb");
        for change in [
            PolicyChange::Remove("a".into()),
            PolicyChange::Move("a".into(), 0),
            PolicyChange::Replace(Box::new(saved("a"))),
        ] {
            assert_eq!(state.change_policy(change).unwrap_err().kind(), StateErrorKind::Missing);
        }
        let all = vec![saved("z"), saved("b")];
        state.change_policy(PolicyChange::All(all.clone())).unwrap();
        assert_eq!(state.policies().unwrap(), all);
    }

    #[test]
    fn the_clock_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        assert_eq!(state.clock_memory().unwrap(), None);
        for stopped in [None, Some((Timestamp(9), -90_000)), None] {
            let accepted = stopped.map(|(at, _)| at);
            let memory = ClockMemory { seen: Timestamp(7), stopped, accepted };
            state.remember_clock(memory).unwrap();
            assert_eq!(state.clock_memory().unwrap(), Some(memory));
        }
    }
}
