//! What is kept of a run besides its sums, and how each account of a job stands.
//!
//! Rules: like runs, this is what people are told, so nothing is synced; tables of mailboxes are
//! kept once for all steps that saw the same; how an account stands is one row, whatever the
//! number of its runs.

use commands::{
    FailureKind, Insecure, InsecureKind, MailboxCounts, RunOutcome, StepDetails, StepShown,
};
use ring::digest;
use rusqlite::{Connection, OptionalExtension, Row, params};
use types::Timestamp;

use crate::jobs::JobId;
use crate::{State, StateError, unsigned};

/// Mailboxes of one account that are kept of a run.
pub const MAILBOXES_KEPT_MAX: usize = 10_000;

/// How an account of a job stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The job.
    pub job: JobId,
    /// The account.
    pub account: String,
    /// Whose archive its mail goes to.
    pub target: String,
    /// The newest run that came to its end with it.
    pub run: u64,
    /// How that ended.
    pub outcome: RunOutcome,
    /// How it failed, when it did as a whole.
    pub failure: Option<FailureKind>,
    /// Why it is not complete; empty when it is.
    pub why: String,
    /// Messages that are quarantined.
    pub quarantined: u64,
    /// When it was first tried.
    pub first_tried: Timestamp,
    /// When it was last proven complete.
    pub complete_at: Option<Timestamp>,
}

/// How a step ended, as far as the standing of its account needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepEnd<'a> {
    /// The number of the run.
    pub run: u64,
    /// The place of the step in it.
    pub place: usize,
    /// The job, when there is one.
    pub job: Option<JobId>,
    /// The account.
    pub account: &'a str,
    /// Whose archive its mail goes to.
    pub target: &'a str,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why it is not complete; empty when it is.
    pub why: &'a str,
    /// Messages that are quarantined.
    pub quarantined: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// The newest run of a job that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedRun {
    /// The job.
    pub job: JobId,
    /// The number of the run.
    pub run: u64,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// What it told that belongs to no single account.
    pub told: Vec<String>,
}

/// What the runs of a job came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSums {
    /// The job, by name; `None` for what ran without one.
    pub job: Option<String>,
    /// Runs that began.
    pub runs: u64,
    /// Messages that they archived.
    pub archived: u64,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read the details of a run", cause)
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn place_of(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl State {
    /// Notes how a step ended, with its details, and how its account stands now.
    pub fn end_step_with(
        &mut self,
        step: &StepShown,
        end: &StepEnd<'_>,
        details: &StepDetails,
    ) -> Result<(), StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        crate::runs::end_step(&tx, end.run, end.place, step, end.at).map_err(failed)?;
        write(&tx, end, details).map_err(failed)?;
        tx.commit().map_err(failed)
    }

    /// Keeps the details of a step that ended, and how its account stands now.
    pub fn keep_details(
        &mut self,
        end: &StepEnd<'_>,
        details: &StepDetails,
    ) -> Result<(), StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        write(&tx, end, details).map_err(failed)?;
        tx.commit().map_err(failed)
    }

    /// The details of the first `steps` steps of a run; empty ones where none are kept. What
    /// each left out is kept with the step.
    pub fn details(&self, run: u64, steps: usize) -> Result<Vec<StepDetails>, StateError> {
        let read = |place| read(&self.db, run, place).map_err(failed);
        (0..steps).map(read).collect()
    }

    /// How every account stands that the newest run of its job tried, or a later one.
    pub fn standings(&self) -> Result<Vec<Standing>, StateError> {
        let sql = "SELECT standing.job, account, target, standing.run, standing.outcome, failure,
                   why, quarantined, first_tried, complete_at FROM standing
                   JOIN (SELECT job, max(id) AS newest FROM run
                         WHERE ended IS NOT NULL AND job IS NOT NULL GROUP BY job) AS last
                     ON last.job = standing.job AND last.newest <= standing.run
                   ORDER BY standing.job, account, target";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([], standing).and_then(Iterator::collect).map_err(failed)
    }

    /// The newest run of each job that ended.
    pub fn ended_runs(&self) -> Result<Vec<EndedRun>, StateError> {
        let sql = "SELECT job, max(id), outcome, told FROM run
                   WHERE ended IS NOT NULL AND job IS NOT NULL GROUP BY job";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let ended = |row: &Row<'_>| {
            let told: String = row.get(3)?;
            Ok(EndedRun {
                job: JobId(unsigned(row.get(0)?)),
                run: row.get::<_, i64>(1)?.unsigned_abs(),
                outcome: row.get::<_, Option<String>>(2)?.and_then(|it| outcome(&it)),
                told: told.lines().map(str::to_owned).collect(),
            })
        };
        select.query_map([], ended).and_then(Iterator::collect).map_err(failed)
    }

    /// What the runs that began in this time came to, by job.
    pub fn run_sums(&self, since: Timestamp, until: Timestamp) -> Result<Vec<RunSums>, StateError> {
        let sql = "SELECT job.name, count(DISTINCT run.id), coalesce(sum(step.archived), 0)
                   FROM run LEFT JOIN job ON job.id = run.job LEFT JOIN step ON step.run = run.id
                   WHERE ?1 <= run.began AND run.began < ?2 GROUP BY run.job";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let sums = |row: &Row<'_>| {
            Ok(RunSums {
                job: row.get(0)?,
                runs: row.get::<_, i64>(1)?.unsigned_abs(),
                archived: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        };
        select.query_map([since.0, until.0], sums).and_then(Iterator::collect).map_err(failed)
    }

    /// Bytes that were fetched on a day (from 1 January 1970, in UTC), by the name of the budget
    /// that they count for.
    pub fn fetched_on(&self, day: i64) -> Result<Vec<(String, u64)>, StateError> {
        let sql = "SELECT budget, bytes FROM fetched WHERE day = ? ORDER BY budget";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
        select.query_map([day], row).and_then(Iterator::collect).map_err(failed)
    }

    /// Forgets runs that ended before then, but for the newest of each job.
    pub fn forget_runs(&mut self, before: Timestamp) -> Result<(), StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        let sql = "DELETE FROM run WHERE coalesce(ended, began) < ? AND id NOT IN
                   (SELECT max(id) FROM run WHERE job IS NOT NULL GROUP BY job)";
        if tx.execute(sql, [before.0]).map_err(failed)? != 0 {
            let sql = "DELETE FROM mailbox_table WHERE id NOT IN
                       (SELECT tab FROM step_detail WHERE tab IS NOT NULL)";
            tx.execute(sql, []).map_err(failed)?;
        }
        tx.commit().map_err(failed)
    }
}

fn write(tx: &Connection, end: &StepEnd<'_>, details: &StepDetails) -> rusqlite::Result<()> {
    let complete_at = match (end.outcome, end.job) {
        (RunOutcome::Succeeded, _) => Some(end.at.0),
        (_, None) => None,
        (_, Some(job)) => {
            let sql = "SELECT complete_at FROM standing
                       WHERE job = ? AND account = ? AND target = ?";
            let key = params![crate::signed(job.0), end.account, end.target];
            tx.prepare_cached(sql)?
                .query_row(key, |row| row.get::<_, Option<i64>>(0))
                .optional()?
                .flatten()
        }
    };
    let tab = keep_table(tx, &details.mailboxes)?;
    let failure = details.failure.map(FailureKind::name);
    let (run, place) = (number(end.run), place_of(end.place));
    let lines: Vec<String> = details.warnings.iter().map(|it| it.replace('\n', " ")).collect();
    crate::write(
        tx,
        "INSERT OR REPLACE INTO step_detail VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![run, place, tab, number(details.removed), failure, lines.join("\n"), complete_at],
    )?;
    for (n, it) in (0_i64..).zip(&details.insecure) {
        let sql = "INSERT OR REPLACE INTO step_insecure VALUES (?, ?, ?, ?, ?, ?, ?)";
        crate::write(tx, sql, params![run, place, n, it.of, it.name, it.kind.name(), it.warning])?;
    }
    let Some(job) = end.job else { return Ok(()) };
    crate::write(
        tx,
        "INSERT INTO standing VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (job, account, target) DO UPDATE SET run = ?4, outcome = ?5, failure = ?6,
         why = ?7, quarantined = ?8, complete_at = ?10",
        params![
            crate::signed(job.0),
            end.account,
            end.target,
            run,
            end.outcome.name(),
            failure,
            end.why,
            number(end.quarantined),
            end.at.0,
            complete_at,
        ],
    )?;
    Ok(())
}

/// Keeps a table of mailboxes, or finds the same one; nothing for an empty one.
fn keep_table(tx: &Connection, rows: &[MailboxCounts]) -> rusqlite::Result<Option<i64>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let rows = rows.get(..MAILBOXES_KEPT_MAX).unwrap_or(rows);
    let digest = digest_of(rows);
    let sql = "SELECT id FROM mailbox_table WHERE digest = ?";
    let same: Option<i64> =
        tx.prepare_cached(sql)?.query_row([&digest], |row| row.get(0)).optional()?;
    if same.is_some() {
        return Ok(same);
    }
    tx.execute("INSERT INTO mailbox_table (digest) VALUES (?)", [&digest])?;
    let tab = tx.last_insert_rowid();
    let sql = "INSERT INTO mailbox_row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut insert = tx.prepare_cached(sql)?;
    for (place, it) in (0_i64..).zip(rows) {
        insert.execute(params![
            tab,
            place,
            it.mailbox,
            number(it.server_count),
            number(it.archived),
            number(it.already),
            number(it.excluded),
            it.excluded_reason,
            number(it.quarantined),
            it.complete,
            it.failure,
        ])?;
    }
    Ok(Some(tab))
}

/// SHA-256 over the rows, each field with its length before it.
fn digest_of(rows: &[MailboxCounts]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut text = |it: &str| {
        context.update(&(it.len() as u64).to_le_bytes());
        context.update(it.as_bytes());
    };
    for it in rows {
        text(&it.mailbox);
        let numbers = (it.server_count, it.archived, it.already, it.excluded, it.quarantined);
        text(&format!("{numbers:?} {} {:?}", it.complete, it.excluded_reason));
        text(it.failure.as_deref().unwrap_or_default());
    }
    context.finish().as_ref().to_vec()
}

fn read(db: &Connection, run: u64, place: usize) -> rusqlite::Result<StepDetails> {
    let (run, place) = (number(run), place_of(place));
    let sql = "SELECT tab, removed, failure, warnings, complete_at FROM step_detail
               WHERE run = ? AND place = ?";
    let row = db
        .prepare_cached(sql)?
        .query_row(params![run, place], |row| {
            let failure: Option<String> = row.get(2)?;
            let warnings: String = row.get(3)?;
            let details = StepDetails {
                removed: row.get::<_, i64>(1)?.unsigned_abs(),
                failure: failure.and_then(|it| FailureKind::from_name(&it)),
                warnings: warnings.lines().map(str::to_owned).collect(),
                complete_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                ..StepDetails::default()
            };
            Ok((row.get::<_, Option<i64>>(0)?, details))
        })
        .optional()?;
    let Some((tab, mut details)) = row else { return Ok(StepDetails::default()) };
    if let Some(tab) = tab {
        let sql = "SELECT mailbox, server_count, archived, already, excluded, reason, quarantined,
                   complete, failure FROM mailbox_row WHERE tab = ? ORDER BY place";
        let mut select = db.prepare_cached(sql)?;
        details.mailboxes = select.query_map([tab], mailbox)?.collect::<Result<_, _>>()?;
    }
    let sql = "SELECT of, name, kind, warning FROM step_insecure
               WHERE run = ? AND place = ? ORDER BY number";
    let mut select = db.prepare_cached(sql)?;
    let insecure = select.query_map(params![run, place], |row| {
        let kind: String = row.get(2)?;
        let (of, name, warning) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let kind = InsecureKind::from_name(&kind).unwrap_or(InsecureKind::Plain);
        Ok(Insecure { of, name, kind, warning })
    })?;
    details.insecure = insecure.collect::<Result<_, _>>()?;
    Ok(details)
}

fn outcome(name: &str) -> Option<RunOutcome> {
    let all = [RunOutcome::Succeeded, RunOutcome::Partial, RunOutcome::Failed];
    all.into_iter().find(|it| it.name() == name)
}

fn mailbox(row: &Row<'_>) -> rusqlite::Result<MailboxCounts> {
    let number = |place| row.get::<_, i64>(place).map(i64::unsigned_abs);
    Ok(MailboxCounts {
        mailbox: row.get(0)?,
        server_count: number(1)?,
        archived: number(2)?,
        already: number(3)?,
        excluded: number(4)?,
        excluded_reason: row.get(5)?,
        quarantined: number(6)?,
        complete: row.get(7)?,
        failure: row.get(8)?,
    })
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    let (ended, failure): (String, Option<String>) = (row.get(4)?, row.get(5)?);
    Ok(Standing {
        job: JobId(unsigned(row.get(0)?)),
        account: row.get(1)?,
        target: row.get(2)?,
        run: row.get::<_, i64>(3)?.unsigned_abs(),
        outcome: outcome(&ended).unwrap_or(RunOutcome::Failed),
        failure: failure.and_then(|it| FailureKind::from_name(&it)),
        why: row.get(6)?,
        quarantined: row.get::<_, i64>(7)?.unsigned_abs(),
        first_tried: Timestamp(row.get(8)?),
        complete_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
    })
}

#[cfg(test)]
mod tests;
