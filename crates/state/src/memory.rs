//! What is remembered of servers and of who works on what, from one process to the next.
//!
//! Rules: nothing here is synced, because at worst a server is asked once more, or a lease ends by
//! itself; a call is one transaction, so that no other comes between.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ports::{LeaseRow, Leases, MemoryError, PauseRow, Traffic};
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use types::Timestamp;

use crate::{State, signed, unsigned};

/// A state database of its own for what engines remember. Shared by all threads of a process.
#[derive(Debug)]
pub struct Memory(Mutex<State>);

impl Memory {
    /// Remembers in this database.
    #[must_use]
    pub fn new(state: State) -> Memory {
        Memory(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each call is one transaction: what a panic left open was rolled back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(cause: rusqlite::Error) -> MemoryError {
    MemoryError::new("failed to keep or read what is remembered of servers").caused_by(cause)
}

impl Traffic for Memory {
    fn pauses(&self) -> Result<Vec<PauseRow>, MemoryError> {
        let state = self.state();
        let sql = "SELECT \"of\", since, until, count, stage, reason FROM server_pause";
        let mut select = state.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([], pause_of).and_then(Iterator::collect).map_err(failed)
    }

    fn set_pause(&self, pause: &PauseRow) -> Result<(), MemoryError> {
        let PauseRow { of, since, until, count, stage, reason } = pause;
        let sql = "INSERT OR REPLACE INTO server_pause VALUES (?, ?, ?, ?, ?, ?)";
        let row = params![of, since.0, until.0, count, stage, reason];
        self.state().db.execute(sql, row).map(|_| ()).map_err(failed)
    }

    fn forget_pause(&self, of: &str) -> Result<(), MemoryError> {
        let sql = "DELETE FROM server_pause WHERE \"of\" = ?";
        self.state().db.execute(sql, [of]).map(|_| ()).map_err(failed)
    }

    fn bytes(&self, budget: &str, day: i64) -> Result<u64, MemoryError> {
        let sql = "SELECT bytes FROM fetched WHERE budget = ? AND day = ?";
        let state = self.state();
        let bytes = state.db.query_row(sql, params![budget, day], |row| row.get::<_, i64>(0));
        Ok(bytes.optional().map_err(failed)?.map_or(0, unsigned))
    }

    fn add_bytes(&self, budget: &str, day: i64, bytes: u64) -> Result<(), MemoryError> {
        let sql = "INSERT INTO fetched VALUES (?1, ?2, ?3) ON CONFLICT (budget) DO UPDATE
                   SET bytes = CASE WHEN day = ?2 THEN bytes ELSE 0 END + ?3, day = ?2";
        let row = params![budget, day, signed(bytes)];
        self.state().db.execute(sql, row).map(|_| ()).map_err(failed)
    }

    fn visited(&self, account: &str) -> Result<Option<Timestamp>, MemoryError> {
        let sql = "SELECT visited FROM visit WHERE account = ?";
        let found = self.state().db.query_row(sql, [account], |row| row.get(0).map(Timestamp));
        found.optional().map_err(failed)
    }

    fn set_visited(&self, account: &str, at: Timestamp) -> Result<(), MemoryError> {
        let sql = "INSERT OR REPLACE INTO visit VALUES (?, ?)";
        self.state().db.execute(sql, params![account, at.0]).map(|_| ()).map_err(failed)
    }
}

impl Leases for Memory {
    fn take(&self, row: &LeaseRow) -> Result<LeaseRow, MemoryError> {
        let mut state = self.state();
        let tx = state.db.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = tx.map_err(failed)?;
        let sql = "SELECT \"key\", holder, since, renewed, until FROM lease WHERE \"key\" = ?";
        let held = tx.prepare_cached(sql).and_then(|mut it| it.query_row([&row.key], lease_of));
        let held = held.optional().map_err(failed)?;
        // One from the future is of a clock that was wrong: it lasts no longer than it would.
        let counts = |it: &LeaseRow| {
            row.renewed < it.until && it.renewed.0 <= row.until.0 && it.holder != row.holder
        };
        if let Some(other) = held.filter(counts) {
            return Ok(other);
        }
        let sql = "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)";
        let LeaseRow { key, holder, since, renewed, until } = row;
        let lease = params![key, holder, since.0, renewed.0, until.0];
        crate::write(&tx, sql, lease).map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(row.clone())
    }

    fn renew(
        &self,
        key: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, MemoryError> {
        let sql = "UPDATE lease SET renewed = ?3, until = ?4 WHERE \"key\" = ?1 AND holder = ?2";
        let renewed = self.state().db.execute(sql, params![key, holder, now.0, until.0]);
        renewed.map(|rows| rows == 1).map_err(failed)
    }

    fn release(&self, key: &str, holder: &str) -> Result<(), MemoryError> {
        let sql = "DELETE FROM lease WHERE \"key\" = ? AND holder = ?";
        crate::write(&self.state().db, sql, [key, holder]).map(|_| ()).map_err(failed)
    }

    fn leases(&self) -> Result<Vec<LeaseRow>, MemoryError> {
        let state = self.state();
        let sql = "SELECT \"key\", holder, since, renewed, until FROM lease ORDER BY \"key\"";
        let mut select = state.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([], lease_of).and_then(Iterator::collect).map_err(failed)
    }
}

impl State {
    /// Forgets every lease that is not of a holder whose name begins so: whoever owns the data
    /// directory knows that the others are dead. Returns how many there were.
    pub fn forget_leases_but(&mut self, holders: &str) -> Result<usize, crate::StateError> {
        let sql = "DELETE FROM lease WHERE substr(holder, 1, length(?1)) <> ?1";
        let forgotten = self.db.execute(sql, [holders]);
        forgotten.map_err(|it| crate::StateError::query("forget who worked on what", it))
    }
}

fn pause_of(row: &Row<'_>) -> rusqlite::Result<PauseRow> {
    Ok(PauseRow {
        of: row.get(0)?,
        since: Timestamp(row.get(1)?),
        until: Timestamp(row.get(2)?),
        count: row.get(3)?,
        stage: row.get(4)?,
        reason: row.get(5)?,
    })
}

fn lease_of(row: &Row<'_>) -> rusqlite::Result<LeaseRow> {
    Ok(LeaseRow {
        key: row.get(0)?,
        holder: row.get(1)?,
        since: Timestamp(row.get(2)?),
        renewed: Timestamp(row.get(3)?),
        until: Timestamp(row.get(4)?),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn memory(dir: &Path) -> Memory {
        Memory::new(State::open(&dir.join("state.db")).unwrap())
    }

    fn lease(holder: &str, now: i64) -> LeaseRow {
        LeaseRow {
            key: "h:993 alice".into(),
            holder: holder.into(),
            since: Timestamp(now),
            renewed: Timestamp(now),
            until: Timestamp(now + 60),
        }
    }

    #[test]
    fn what_servers_asked_for_survives() {
        let dir = tempfile::tempdir().unwrap();
        let pause = |count| PauseRow {
            of: "h:993".into(),
            since: Timestamp(10),
            until: Timestamp(20),
            count,
            stage: 2,
            reason: "[OVERQUOTA] enough".into(),
        };
        {
            let it = memory(dir.path());
            it.set_pause(&pause(1)).unwrap();
            it.set_pause(&pause(2)).unwrap();
            it.add_bytes("p", 7, 100).unwrap();
            it.add_bytes("p", 7, 20).unwrap();
            it.set_visited("h:993 alice", Timestamp(5)).unwrap();
            it.set_visited("h:993 alice", Timestamp(6)).unwrap();
        }
        let it = memory(dir.path());
        assert_eq!(it.pauses().unwrap(), [pause(2)]);
        assert_eq!(it.bytes("p", 7).unwrap(), 120);
        assert_eq!(it.bytes("p", 8).unwrap(), 0);
        it.add_bytes("p", 8, 5).unwrap();
        assert_eq!((it.bytes("p", 8).unwrap(), it.bytes("p", 7).unwrap()), (5, 0));
        assert_eq!(it.visited("h:993 alice").unwrap(), Some(Timestamp(6)));
        assert_eq!(it.visited("h:993 bob").unwrap(), None);
        it.forget_pause("h:993").unwrap();
        assert_eq!(it.pauses().unwrap(), []);
    }

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (memory(dir.path()), memory(dir.path()));
        assert_eq!(a.take(&lease("a", 100)).unwrap().holder, "a");
        assert_eq!(b.take(&lease("b", 130)).unwrap().holder, "a", "it is held");
        assert!(a.renew("h:993 alice", "a", Timestamp(150), Timestamp(210)).unwrap());
        assert_eq!(b.take(&lease("b", 209)).unwrap().holder, "a", "it was renewed");
        assert_eq!(b.take(&lease("b", 210)).unwrap().holder, "b", "it ended");
        assert!(!a.renew("h:993 alice", "a", Timestamp(211), Timestamp(271)).unwrap());
        a.release("h:993 alice", "a").unwrap();
        assert_eq!(a.leases().unwrap(), [lease("b", 210)], "nobody gives back another's");
        b.release("h:993 alice", "b").unwrap();
        assert_eq!(a.leases().unwrap(), []);
    }

    #[test]
    fn a_lease_from_the_future_and_one_of_a_dead_process() {
        let dir = tempfile::tempdir().unwrap();
        let it = memory(dir.path());
        it.take(&lease("boot1/1", 1_000_000)).unwrap();
        assert_eq!(it.take(&lease("boot2/1", 100)).unwrap().holder, "boot2/1");
        let forgotten = it.state().forget_leases_but("boot3/").unwrap();
        assert_eq!((forgotten, it.leases().unwrap().len()), (1, 0));
    }
}
