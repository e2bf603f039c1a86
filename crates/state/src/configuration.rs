//! A hash over what decides how evidence is kept: the audit log has it with every change.

use rusqlite::types::ValueRef;
use types::Hash;

use crate::{State, StateError};

/// What is hashed, by name. Whoever changes a line gives it another name.
const PARTS: [(&str, &str); 6] = [
    ("settings/1", "SELECT key, value FROM setting ORDER BY key"),
    (
        "policies/1",
        "SELECT name, place, query, minimum, maximum, counted_from, at_the_end, enabled
         FROM retention_policy ORDER BY name",
    ),
    ("anchors/1", "SELECT name, kind, target, roots, every_hours FROM anchor ORDER BY name"),
    ("approvers/1", "SELECT name, salt, iterations, verifier FROM approver ORDER BY name"),
    ("administrators/1", "SELECT name FROM user WHERE administrator = 1 ORDER BY name"),
    ("unlocks/1", "SELECT who, whose, reason, since, until FROM unlock ORDER BY id"),
];

impl State {
    /// SHA-256 over settings, retention policies, anchors, approvers, administrators and unlocks:
    /// what only commands change that stand in the audit log. Results of runs are not in it.
    pub fn configuration(&self) -> Result<Hash, StateError> {
        let failed = |it| StateError::query("read the configuration", it);
        let mut bytes = Vec::new();
        for (name, sql) in PARTS {
            add(&mut bytes, b'#', name.as_bytes());
            let mut select = self.db.prepare_cached(sql).map_err(failed)?;
            let n_columns = select.column_count();
            let mut rows = select.query([]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                add(&mut bytes, b'=', &[]);
                for column in 0..n_columns {
                    add_value(&mut bytes, row.get_ref(column).map_err(failed)?);
                }
            }
        }
        Ok(Hash::of(&bytes))
    }
}

fn add_value(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => add(bytes, b'n', &[]),
        ValueRef::Integer(number) => add(bytes, b'i', &number.to_be_bytes()),
        ValueRef::Real(number) => add(bytes, b'r', &number.to_be_bytes()),
        ValueRef::Text(text) => add(bytes, b't', text),
        ValueRef::Blob(blob) => add(bytes, b'b', blob),
    }
}

fn add(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.extend((value.len() as u64).to_be_bytes());
    bytes.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_shows_and_what_runs_write_does_not() {
        let mut state = State::empty().unwrap();
        let change = |state: &State, sql: &str| {
            let before = state.configuration().unwrap();
            assert!(state.db.execute(sql, []).unwrap() > 0, "{sql}");
            before != state.configuration().unwrap()
        };
        state.set_value("alert_stale_hours", Some("12")).unwrap();
        for sql in [
            "UPDATE setting SET value = '13'",
            "INSERT INTO setting VALUES ('four_eyes', 'on')",
            "DELETE FROM setting WHERE key = 'four_eyes'",
            "INSERT INTO retention_policy VALUES ('all', 1, NULL, '10y', NULL, 'archived', 'x', 1, 'me', 1)",
            "UPDATE retention_policy SET minimum = '1d'",
            "UPDATE retention_policy SET enabled = 0",
            "INSERT INTO approver VALUES ('ann', x'00', 1, x'01', 1)",
            "UPDATE approver SET verifier = x'02'",
            "INSERT INTO user (name, archive, created, administrator) VALUES ('ann', 1, 1, 1)",
            "UPDATE user SET administrator = 0",
            "INSERT INTO unlock (who, whose, reason, since, until) VALUES ('a', 'b', 'c', 1, 2)",
            "UPDATE unlock SET until = 9",
            "INSERT INTO anchor (name, kind, target, every_hours, made, made_by) VALUES ('a', 'file', '/x', 24, 1, 'me')",
            "UPDATE anchor SET target = '/y'",
        ] {
            assert!(change(&state, sql), "{sql}");
        }
        for sql in [
            "UPDATE anchor SET done = 5, failures = 1",
            "INSERT INTO user (name, archive, created) VALUES ('bob', 2, 1)",
            "UPDATE retention_policy SET changed_at = 7",
        ] {
            assert!(!change(&state, sql), "{sql}");
        }
    }
}
