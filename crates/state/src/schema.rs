//! The schema of the state database: a list of steps, each from one version to the next.
//!
//! Rules: a step that was released never changes; every step runs in one transaction with the new
//! version number, so that a database is of one version or the next; what a step does is plain
//! SQL that asks nothing of the types of today.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StateError;

/// The step at place n leads from version n to version n + 1.
const STEPS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
    include_str!("schema/0011.sql"),
    include_str!("schema/0012.sql"),
];

/// The version that this program writes. Older ones are upgraded, newer ones refused.
pub(crate) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The version of an open database; refuses one that is newer than we are.
pub(crate) fn version(db: &Connection, path: &Path) -> Result<i64, StateError> {
    let version: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|it| StateError::io(path, "read", it))?;
    if newest() < version {
        return Err(StateError::newer(path, version, newest()));
    }
    Ok(version)
}

/// Brings a database to the newest version. Several processes may try at once.
pub(crate) fn upgrade(db: &mut Connection, path: &Path) -> Result<(), StateError> {
    let failed = |it| StateError::io(path, "upgrade", it);
    while version(db, path)? < newest() {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have been here while this one waited.
        let version = version(&tx, path)?;
        let step = usize::try_from(version).ok().and_then(|it| STEPS.get(it));
        if let Some(sql) = step {
            tx.execute_batch(sql).map_err(failed)?;
            tx.pragma_update(None, "user_version", version + 1).map_err(failed)?;
        }
        tx.commit().map_err(failed)?;
    }
    Ok(())
}
