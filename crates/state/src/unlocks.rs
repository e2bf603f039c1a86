//! Who may read the mail of others at present.

use rusqlite::params;
use types::Timestamp;

use crate::{State, StateError};

/// A right to read the mail of others for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptUnlock {
    /// Who may read, as the audit log calls them.
    pub who: String,
    /// Whose mail: the name of a user; `None` is everybody.
    pub whose: Option<String>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read who may read the mail of others", cause)
}

impl State {
    /// Notes that somebody may read the mail of others.
    pub fn add_unlock(&mut self, unlock: &KeptUnlock) -> Result<(), StateError> {
        let KeptUnlock { who, whose, reason, since, until } = unlock;
        let sql = "INSERT INTO unlock (who, whose, reason, since, until) VALUES (?, ?, ?, ?, ?)";
        let values = params![who, whose, reason, since.0, until.0];
        self.db.execute(sql, values).map(|_| ()).map_err(failed)
    }

    /// Ends what `who` may read of `whose` mail. Returns how many rights that were.
    pub fn end_unlocks(
        &mut self,
        who: &str,
        whose: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, StateError> {
        let sql = "UPDATE unlock SET until = ?3 WHERE who = ?1 AND whose IS ?2 AND ?3 < until";
        self.db.execute(sql, params![who, whose, now.0]).map_err(failed)
    }

    /// Who may read the mail of others at `now`, the newest last.
    pub fn unlocks(&self, now: Timestamp) -> Result<Vec<KeptUnlock>, StateError> {
        let sql = "SELECT who, whose, reason, since, until FROM unlock
                   WHERE since <= ?1 AND ?1 < until ORDER BY id";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select.query_map([now.0], |row| {
            Ok(KeptUnlock {
                who: row.get(0)?,
                whose: row.get(1)?,
                reason: row.get(2)?,
                since: Timestamp(row.get(3)?),
                until: Timestamp(row.get(4)?),
            })
        });
        rows.and_then(Iterator::collect).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_hold_for_a_while_and_can_be_ended() {
        let mut state = State::empty().unwrap();
        let unlock = |whose: Option<&str>, since, until| KeptUnlock {
            who: "root".into(),
            whose: whose.map(str::to_owned),
            reason: "why".into(),
            since: Timestamp(since),
            until: Timestamp(until),
        };
        state.add_unlock(&unlock(Some("alice"), 10, 20)).unwrap();
        state.add_unlock(&unlock(None, 15, 30)).unwrap();
        let held = |state: &State, now| {
            let all = state.unlocks(Timestamp(now)).unwrap();
            all.into_iter().map(|it| it.whose.unwrap_or("*".into())).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            [9, 10, 15, 20, 30].map(|it| held(&state, it)),
            ["", "alice", "alice *", "*", ""]
        );
        assert_eq!(state.end_unlocks("bob", None, Timestamp(16)).unwrap(), 0);
        assert_eq!(state.end_unlocks("root", None, Timestamp(16)).unwrap(), 1);
        assert_eq!(held(&state, 16), "alice");
        assert_eq!(state.end_unlocks("root", Some("alice"), Timestamp(17)).unwrap(), 1);
        assert_eq!(held(&state, 17), "");
    }
}
