//! Outgoing mail: through which server, to whom, and what waits to be sent.
//!
//! Rules: a message is kept in the same transaction that notes what it tells, so that nothing is
//! told twice and nothing is forgotten; it leaves the queue only when a server has taken it.

use commands::{Half, MailSettings, MailWaiting};
use ports::Random;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sealing::KeyRing;
use types::{Address, Secret, Timestamp};

use crate::alerts;
use crate::profiles::{HALF_COLUMNS, half_columns, half_of, half_values};
use crate::secrets::{SecretPlace, drop_secret, put_secret};
use crate::{State, StateError};

/// Days that a message is kept after it was sent.
const SENT_DAYS_KEPT: i64 = 30;

/// What a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailPurpose {
    /// It tells of alerts.
    Alerts,
    /// It is the daily report.
    Daily,
}

impl MailPurpose {
    fn name(self) -> &'static str {
        match self {
            MailPurpose::Alerts => "alerts",
            MailPurpose::Daily => "daily",
        }
    }
}

/// A message that was written and is to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewMail {
    /// What it is for.
    pub purpose: MailPurpose,
    /// Who gets it.
    pub recipients: Vec<String>,
    /// What it is about.
    pub subject: String,
    /// Its bytes.
    pub message: Vec<u8>,
}

/// A message that is to be sent now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueMail {
    /// Its number.
    pub id: u64,
    /// Who gets it.
    pub recipients: Vec<String>,
    /// Its bytes.
    pub message: Vec<u8>,
    /// Whether a server took it for somebody already.
    pub accepted: bool,
    /// How often it could not be sent.
    pub failures: u32,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read outgoing mail", cause)
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl State {
    /// How mail is sent; `None` when none is.
    pub fn mail_settings(&self) -> Result<Option<MailSettings>, StateError> {
        let sql = format!("SELECT {HALF_COLUMNS}, sender_name, sender_address FROM mail_server");
        let row = self
            .db
            .query_row(&sql, [], |row| {
                let sender = Address { name: row.get(8)?, addr: row.get(9)? };
                Ok((half_columns(row)?, sender))
            })
            .optional()
            .map_err(failed)?;
        let Some((half, sender)) = row else { return Ok(None) };
        let server: Half = half_of(half)?;
        let to = |purpose: MailPurpose| recipients(&self.db, purpose).map_err(failed);
        let (alerts_to, daily_to) = (to(MailPurpose::Alerts)?, to(MailPurpose::Daily)?);
        Ok(Some(MailSettings { server, sender, alerts_to, daily_to }))
    }

    /// Keeps how mail is sent, with the password when it was given anew. Without a login there is
    /// no password.
    pub fn set_mail_settings(
        &mut self,
        settings: &MailSettings,
        secret: Option<(&Secret, &KeyRing)>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(), StateError> {
        let is_new = self.mail_settings()?.is_none();
        self.durably("keep how mail is sent", |tx| {
            write_settings(tx, settings, now).map_err(failed)?;
            if is_new {
                alerts::nobody_asked(tx).map_err(failed)?;
            }
            match (&settings.server.login, secret) {
                (None, _) => drop_secret(tx, SecretPlace::Mail)?,
                (Some(_), None) => (),
                (Some(_), Some((secret, keys))) => {
                    put_secret(tx, SecretPlace::Mail, secret, keys, random)?;
                }
            }
            readdress(tx, settings, now).map_err(failed)
        })
    }

    /// Sends no mail any more. What waits is kept.
    pub fn remove_mail_settings(&mut self) -> Result<(), StateError> {
        self.durably("forget how mail is sent", |tx| {
            drop_secret(tx, SecretPlace::Mail)?;
            tx.execute_batch("DELETE FROM mail_recipient; DELETE FROM mail_server;").map_err(failed)
        })
    }

    /// Since when mail is sent; `None` when none is.
    pub fn mail_since(&self) -> Result<Option<Timestamp>, StateError> {
        let sql = "SELECT since FROM mail_server";
        let since: Option<i64> =
            self.db.query_row(sql, [], |row| row.get(0)).optional().map_err(failed)?;
        Ok(since.map(Timestamp))
    }

    /// Keeps a message until it is sent, and notes that it tells of these alerts.
    pub fn queue_mail(
        &mut self,
        mail: &NewMail,
        tells: &[u64],
        now: Timestamp,
    ) -> Result<u64, StateError> {
        self.durably("keep a message to be sent", |tx| {
            let sql = "INSERT INTO mail_queue
                       (purpose, recipients, subject, message, written, next_try)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
            let recipients = mail.recipients.join("\n");
            tx.execute(
                sql,
                params![mail.purpose.name(), recipients, mail.subject, mail.message, now.0],
            )
            .map_err(failed)?;
            let id = tx.last_insert_rowid().unsigned_abs();
            alerts::told(tx, tells).map_err(failed)?;
            Ok(id)
        })
    }

    /// Messages whose time has come, the oldest first.
    pub fn due_mail(&self, now: Timestamp) -> Result<Vec<DueMail>, StateError> {
        let sql = "SELECT id, recipients, message, failures, accepted FROM mail_queue
                   WHERE sent IS NULL AND next_try <= ? ORDER BY id";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let due = |row: &Row<'_>| {
            let recipients: String = row.get(1)?;
            Ok(DueMail {
                id: row.get::<_, i64>(0)?.unsigned_abs(),
                recipients: recipients.lines().map(str::to_owned).collect(),
                message: row.get(2)?,
                failures: row.get(3)?,
                accepted: row.get(4)?,
            })
        };
        select.query_map([now.0], due).and_then(Iterator::collect).map_err(failed)
    }

    /// Notes that a server has taken a message, and for whom it did not; forgets those that were
    /// sent long ago.
    pub fn mail_sent(
        &mut self,
        id: u64,
        refused: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("note that a message was sent", |tx| {
            let sql = "UPDATE mail_queue SET sent = ?2, why = ?3 WHERE id = ?1";
            tx.execute(sql, params![number(id), now.0, refused]).map_err(failed)?;
            let sql = "DELETE FROM mail_queue WHERE sent < ?";
            tx.execute(sql, [now.plus_days(-SENT_DAYS_KEPT).0]).map_err(failed)?;
            Ok(())
        })
    }

    /// Notes that a message could not be sent, and when to try again.
    pub fn mail_failed(
        &mut self,
        id: u64,
        why: &str,
        next_try: Timestamp,
    ) -> Result<(), StateError> {
        let sql = "UPDATE mail_queue SET failures = failures + 1, why = ?2, next_try = ?3
                   WHERE id = ?1";
        self.db.execute(sql, params![number(id), why, next_try.0]).map_err(failed)?;
        Ok(())
    }

    /// Notes that a server has taken a message for some, and who is still to get it.
    pub fn mail_partly_sent(
        &mut self,
        id: u64,
        remaining: &[String],
        why: &str,
        next_try: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("note who got a message", |tx| {
            let sql = "UPDATE mail_queue SET accepted = 1, failures = failures + 1,
                       recipients = ?2, why = ?3, next_try = ?4 WHERE id = ?1";
            let row = params![number(id), remaining.join("\n"), why, next_try.0];
            tx.execute(sql, row).map_err(failed)?;
            Ok(())
        })
    }

    /// For whom the message that was sent last was refused, if for anybody.
    pub fn mail_last_refused(&self) -> Result<Option<String>, StateError> {
        let sql = "SELECT why FROM mail_queue WHERE sent IS NOT NULL ORDER BY sent DESC, id DESC
                   LIMIT 1";
        let why = self.db.query_row(sql, [], |row| row.get(0)).optional().map_err(failed)?;
        Ok(why.flatten())
    }

    /// Messages that wait to be sent, the oldest first.
    pub fn waiting_mail(&self) -> Result<Vec<MailWaiting>, StateError> {
        let sql = "SELECT subject, written, failures, next_try, why FROM mail_queue
                   WHERE sent IS NULL ORDER BY id";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let waiting = |row: &Row<'_>| {
            Ok(MailWaiting {
                subject: row.get(0)?,
                written: Timestamp(row.get(1)?),
                failures: row.get(2)?,
                next_try: Timestamp(row.get(3)?),
                why: row.get(4)?,
            })
        };
        select.query_map([], waiting).and_then(Iterator::collect).map_err(failed)
    }

    /// When a message was last sent.
    pub fn mail_last_sent(&self) -> Result<Option<Timestamp>, StateError> {
        let sql = "SELECT max(sent) FROM mail_queue";
        let at: Option<i64> = self.db.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
        Ok(at.map(Timestamp))
    }

    /// Messages of this purpose that nobody got yet, and how many were written since then.
    pub fn mail_counts(
        &self,
        purpose: MailPurpose,
        since: Timestamp,
    ) -> Result<(u64, u64), StateError> {
        let sql = "SELECT coalesce(sum(sent IS NULL AND NOT accepted), 0),
                   coalesce(sum(?2 <= written), 0) FROM mail_queue WHERE purpose = ?1";
        self.db
            .query_row(sql, params![purpose.name(), since.0], |row| {
                let count = |place| row.get::<_, i64>(place).map(i64::unsigned_abs);
                Ok((count(0)?, count(1)?))
            })
            .map_err(failed)
    }
}

/// What nobody got yet goes to those who are to get it now, and is tried at once.
fn readdress(tx: &Connection, settings: &MailSettings, now: Timestamp) -> rusqlite::Result<()> {
    let lists =
        [(MailPurpose::Alerts, &settings.alerts_to), (MailPurpose::Daily, &settings.daily_to)];
    for (purpose, list) in lists {
        let sql = match list.is_empty() {
            true => {
                "DELETE FROM mail_queue
                 WHERE purpose = ?1 AND sent IS NULL AND ?2 = ''"
            }
            false => {
                "UPDATE mail_queue SET recipients = ?2
                 WHERE purpose = ?1 AND sent IS NULL AND NOT accepted"
            }
        };
        tx.execute(sql, params![purpose.name(), list.join("\n")])?;
    }
    let sql = "UPDATE mail_queue SET next_try = min(next_try, ?) WHERE sent IS NULL";
    tx.execute(sql, [now.0])?;
    Ok(())
}

fn recipients(db: &Connection, purpose: MailPurpose) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT address FROM mail_recipient WHERE purpose = ? ORDER BY place";
    db.prepare_cached(sql)?.query_map([purpose.name()], |row| row.get(0))?.collect()
}

fn write_settings(
    tx: &Connection,
    settings: &MailSettings,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let values = half_values(&settings.server);
    let since = "SELECT since FROM mail_server";
    let since: Option<i64> = tx.query_row(since, [], |row| row.get(0)).optional()?;
    tx.execute(
        "INSERT OR REPLACE INTO mail_server
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            values.0,
            values.1,
            values.2,
            values.3,
            values.4,
            values.5,
            values.6,
            values.7,
            settings.sender.name,
            settings.sender.addr,
            since.unwrap_or(now.0),
        ],
    )?;
    tx.execute("DELETE FROM mail_recipient", [])?;
    let lists =
        [(MailPurpose::Alerts, &settings.alerts_to), (MailPurpose::Daily, &settings.daily_to)];
    for (purpose, list) in lists {
        for (place, address) in (0_i64..).zip(list) {
            let sql = "INSERT INTO mail_recipient VALUES (?, ?, ?)";
            tx.execute(sql, params![purpose.name(), place, address])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
