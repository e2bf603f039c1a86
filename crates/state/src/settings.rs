//! Values of settings that somebody has set. What each means, and what counts without, is not
//! known here.

use rusqlite::params;

use crate::{State, StateError};

impl State {
    /// Every value that was set, by key.
    pub fn set_values(&self) -> Result<Vec<(String, String)>, StateError> {
        let failed = |it| StateError::query("read the settings", it);
        let mut select = self
            .db
            .prepare_cached("SELECT key, value FROM setting ORDER BY key")
            .map_err(failed)?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    /// Sets a value durably; `None` goes back to what counts without.
    pub fn set_value(&mut self, key: &str, value: Option<&str>) -> Result<(), StateError> {
        self.durably("change a setting", |tx| {
            let failed = |it| StateError::query("change a setting", it);
            match value {
                Some(value) => tx.execute(
                    "INSERT INTO setting VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET value = ?2",
                    params![key, value],
                ),
                None => tx.execute("DELETE FROM setting WHERE key = ?", [key]),
            }
            .map_err(failed)?;
            Ok(())
        })
    }
}
