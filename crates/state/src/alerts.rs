//! Alerts as they are kept, and what is still to be told of them.
//!
//! Rules: of each kind and subject one alert is open; what is decided about them is decided
//! elsewhere, here it is carried out, as one transaction.

use std::collections::BTreeSet;

use commands::{Alert, AlertChoice, AlertKind, AlertShown, Severity};
use reports::alerts::{Change, Finding, News, Open};
use rusqlite::{Connection, OptionalExtension, Row, params};
use types::Timestamp;

use crate::{State, StateError, StateErrorKind};

/// Alerts that one listing gives.
pub const ALERTS_LISTED_MAX: u32 = 500;

const COLUMNS: &str = "SELECT id, kind, subject, severity, message, details, hint, raised, changed,
                       acknowledged, resolved, untold FROM alert";

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read the alerts", cause)
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl State {
    /// Alerts that are open, as they were found.
    pub fn open_alerts(&self) -> Result<Vec<Open>, StateError> {
        let sql = "SELECT id, kind, subject, severity, message, details, hint, points, amount
                   FROM alert WHERE resolved IS NULL ORDER BY id";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let open = |row: &Row<'_>| {
            let points: String = row.get(7)?;
            let points: BTreeSet<String> = points.lines().map(str::to_owned).collect();
            let amount = row.get::<_, i64>(8)?.unsigned_abs();
            let id = row.get::<_, i64>(0)?.unsigned_abs();
            Ok(alert(row)?.map(|alert| Open { id, finding: Finding { alert, points, amount } }))
        };
        let rows = select.query_map([], open).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        // A kind that this version does not know is left alone.
        Ok(rows.map_err(failed)?.into_iter().flatten().collect())
    }

    /// Carries out what was decided. Writes nothing when nothing was.
    pub fn change_alerts(&mut self, changes: &[Change], now: Timestamp) -> Result<(), StateError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.durably("keep the alerts", |tx| {
            changes.iter().try_for_each(|it| carry_out(tx, it, now)).map_err(failed)
        })
    }

    /// Alerts, those that are not over first, the newest of both first; at most
    /// [`ALERTS_LISTED_MAX`].
    pub fn alerts(&self, choice: AlertChoice) -> Result<Vec<AlertShown>, StateError> {
        let only = match choice {
            AlertChoice::Open => "WHERE resolved IS NULL",
            AlertChoice::All => "",
        };
        let sql = format!(
            "{COLUMNS} {only} ORDER BY resolved IS NOT NULL, changed DESC, id DESC LIMIT ?"
        );
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        let rows = select
            .query_map([ALERTS_LISTED_MAX], shown)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        Ok(rows.map_err(failed)?.into_iter().flatten().collect())
    }

    /// The alert of this number. Fails with `Missing` when there is none.
    pub fn alert(&self, id: u64) -> Result<AlertShown, StateError> {
        let sql = format!("{COLUMNS} WHERE id = ?");
        let row = self.db.query_row(&sql, [number(id)], shown).optional().map_err(failed)?;
        row.flatten().ok_or_else(|| {
            StateError::plain(StateErrorKind::Missing, format!("there is no alert {id}"))
        })
    }

    /// Notes that a person knows of an alert.
    pub fn acknowledge_alert(&mut self, id: u64, now: Timestamp) -> Result<(), StateError> {
        self.alert(id)?;
        self.durably("acknowledge the alert", |tx| {
            let sql = "UPDATE alert SET acknowledged = coalesce(acknowledged, ?2) WHERE id = ?1";
            tx.execute(sql, params![number(id), now.0]).map_err(failed)?;
            Ok(())
        })
    }

    /// Alerts of which a message is to tell, the oldest first, and what it says of each.
    pub fn untold_alerts(&self) -> Result<Vec<(AlertShown, News)>, StateError> {
        let sql = format!("{COLUMNS} WHERE untold IS NOT NULL ORDER BY changed, id LIMIT ?");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        let row = |row: &Row<'_>| {
            let news: String = row.get(11)?;
            Ok(shown(row)?.zip(News::from_name(&news)))
        };
        let rows = select
            .query_map([ALERTS_LISTED_MAX], row)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        Ok(rows.map_err(failed)?.into_iter().flatten().collect())
    }

    /// Forgets alerts that were over before then, and were told.
    pub fn forget_alerts(&mut self, before: Timestamp) -> Result<(), StateError> {
        let sql = "DELETE FROM alert WHERE resolved < ? AND untold IS NULL";
        self.db.execute(sql, [before.0]).map_err(failed)?;
        Ok(())
    }
}

/// Notes within a transaction that a message tells of these alerts.
pub(crate) fn told(tx: &Connection, ids: &[u64]) -> rusqlite::Result<()> {
    let mut update = tx.prepare_cached("UPDATE alert SET untold = NULL WHERE id = ?")?;
    ids.iter().try_for_each(|id| update.execute([number(*id)]).map(|_| ()))
}

/// Notes within a transaction that nobody is told of what was over before mail was sent.
pub(crate) fn nobody_asked(tx: &Connection) -> rusqlite::Result<()> {
    let sql = "UPDATE alert SET untold = NULL WHERE resolved IS NOT NULL";
    tx.execute(sql, []).map(|_| ())
}

fn carry_out(tx: &Connection, change: &Change, now: Timestamp) -> rusqlite::Result<()> {
    let (id, it) = match change {
        Change::Raised(it) => {
            let sql = "INSERT INTO alert (kind, subject, severity, message, details, hint, points,
                       amount, raised, changed, untold)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 'raised')";
            let Alert { kind, subject, severity, message, hint, .. } = &it.alert;
            let words = (kind.name(), subject, severity.name(), message);
            tx.execute(
                sql,
                params![
                    words.0,
                    words.1,
                    words.2,
                    words.3,
                    lines(&it.alert.details),
                    hint,
                    lines(&it.points),
                    number(it.amount),
                    now.0,
                ],
            )?;
            return Ok(());
        }
        Change::Resolved(id) => {
            // Whoever was not told that it began is told that it came and went.
            let sql = "UPDATE alert SET resolved = ?2,
                       untold = CASE untold WHEN 'raised' THEN 'passed' ELSE 'resolved' END
                       WHERE id = ?1";
            tx.execute(sql, params![number(*id), now.0])?;
            return Ok(());
        }
        Change::Worse(id, it) => {
            let sql = "UPDATE alert SET changed = ?2, acknowledged = NULL,
                       untold = coalesce(nullif(untold, 'worse'), 'worse') WHERE id = ?1";
            tx.execute(sql, params![number(*id), now.0])?;
            (id, it)
        }
        Change::Other(id, it) => (id, it),
    };
    let sql = "UPDATE alert SET severity = ?2, message = ?3, details = ?4, hint = ?5, points = ?6,
               amount = ?7 WHERE id = ?1";
    tx.execute(
        sql,
        params![
            number(*id),
            it.alert.severity.name(),
            it.alert.message,
            lines(&it.alert.details),
            it.alert.hint,
            lines(&it.points),
            number(it.amount),
        ],
    )?;
    Ok(())
}

/// One a line.
fn lines<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|it| it.replace(['\n', '\r'], " ")).collect();
    texts.join("\n")
}

/// `None` for one of a kind that this version does not know.
fn alert(row: &Row<'_>) -> rusqlite::Result<Option<Alert>> {
    let (kind, severity): (String, String) = (row.get(1)?, row.get(3)?);
    let details: String = row.get(5)?;
    let (subject, message, hint) = (row.get(2)?, row.get(4)?, row.get(6)?);
    let known = AlertKind::from_name(&kind).zip(Severity::from_name(&severity));
    let details = details.lines().map(str::to_owned).collect();
    Ok(known.map(|(kind, severity)| Alert { kind, subject, severity, message, details, hint }))
}

fn shown(row: &Row<'_>) -> rusqlite::Result<Option<AlertShown>> {
    let time = |place| row.get::<_, Option<i64>>(place).map(|it| it.map(Timestamp));
    let (raised, changed) = (Timestamp(row.get(7)?), Timestamp(row.get(8)?));
    let (acknowledged, resolved) = (time(9)?, time(10)?);
    let untold = row.get::<_, Option<String>>(11)?.is_some();
    let id = row.get::<_, i64>(0)?.unsigned_abs();
    let known = alert(row)?;
    Ok(known.map(|alert| AlertShown { id, alert, raised, changed, acknowledged, resolved, untold }))
}

#[cfg(test)]
mod tests;
