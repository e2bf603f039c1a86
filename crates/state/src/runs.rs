//! Runs and their steps, as they are kept.
//!
//! Rules: what a run archived is in the log; here is only what people are told of it, so that
//! nothing is synced, and the newest may be lost with the power.

use commands::{RunOutcome, RunShown, StepShown};
use rusqlite::{Row, params};
use types::Timestamp;

use crate::jobs::JobId;
use crate::{State, StateError, StateErrorKind, signed};

/// Runs that one listing gives.
pub const RUNS_LISTED_MAX: u32 = 50;

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read a run", cause)
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl State {
    /// Notes that a run begins, with one step for its account. Returns its number.
    pub fn begin_run(
        &mut self,
        job: Option<JobId>,
        title: &str,
        account: &str,
        target: &str,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        let sql = "INSERT INTO run (job, title, began) VALUES (?, ?, ?)";
        tx.execute(sql, params![job.map(|it| signed(it.0)), title, now.0]).map_err(failed)?;
        let id = tx.last_insert_rowid();
        let sql = "INSERT INTO step (run, place, account, target, began) VALUES (?, 0, ?, ?, ?)";
        tx.execute(sql, params![id, account, target, now.0]).map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(id.unsigned_abs())
    }

    /// Notes how a run of one step ended.
    pub fn end_run(&mut self, id: u64, step: &StepShown, now: Timestamp) -> Result<(), StateError> {
        let outcome = step.outcome.map(RunOutcome::name);
        let tx = self.db.transaction().map_err(failed)?;
        let sql = "UPDATE run SET ended = ?2, outcome = ?3 WHERE id = ?1";
        tx.execute(sql, params![count(id), now.0, outcome]).map_err(failed)?;
        let sql = "UPDATE step SET ended = ?2, outcome = ?3, archived = ?4, already = ?5,
                   excluded = ?6, quarantined = ?7, told = ?8 WHERE run = ?1 AND place = 0";
        tx.execute(
            sql,
            params![
                count(id),
                now.0,
                outcome,
                count(step.archived),
                count(step.already),
                count(step.excluded),
                count(step.quarantined),
                step.told.join("\n"),
            ],
        )
        .map_err(failed)?;
        tx.commit().map_err(failed)
    }

    /// The newest runs, newest first, at most [`RUNS_LISTED_MAX`]; of one job, or of all.
    pub fn runs(&self, job: Option<JobId>) -> Result<Vec<RunShown>, StateError> {
        let sql = "SELECT run.id, job.name, title, began, ended, outcome FROM run
                   LEFT JOIN job ON job.id = run.job
                   WHERE ?1 IS NULL OR run.job = ?1 ORDER BY run.id DESC LIMIT ?2";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let runs: Vec<RunShown> = select
            .query_map(params![job.map(|it| signed(it.0)), RUNS_LISTED_MAX], run_of)
            .and_then(Iterator::collect)
            .map_err(failed)?;
        runs.into_iter().map(|it| self.with_steps(it)).collect()
    }

    /// The run of this number. Fails with `Missing` when there is none.
    pub fn run(&self, id: u64) -> Result<RunShown, StateError> {
        let sql = "SELECT run.id, job.name, title, began, ended, outcome FROM run
                   LEFT JOIN job ON job.id = run.job WHERE run.id = ?";
        let run = self.db.query_row(sql, [count(id)], run_of);
        match run {
            Ok(run) => self.with_steps(run),
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                Err(StateError::plain(StateErrorKind::Missing, format!("there is no run {id}")))
            }
            Err(cause) => Err(failed(cause)),
        }
    }

    fn with_steps(&self, mut run: RunShown) -> Result<RunShown, StateError> {
        let sql = "SELECT account, target, outcome, archived, already, excluded, quarantined, told
                   FROM step WHERE run = ? ORDER BY place";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        run.steps = select
            .query_map([count(run.id)], |row| {
                let number = |place| row.get::<_, i64>(place).map(i64::unsigned_abs);
                let told: String = row.get(7)?;
                Ok(StepShown {
                    account: row.get(0)?,
                    target: row.get(1)?,
                    outcome: outcome_of(row.get(2)?),
                    archived: number(3)?,
                    already: number(4)?,
                    excluded: number(5)?,
                    quarantined: number(6)?,
                    told: told.lines().map(str::to_owned).collect(),
                })
            })
            .and_then(Iterator::collect)
            .map_err(failed)?;
        Ok(run)
    }
}

fn run_of(row: &Row<'_>) -> rusqlite::Result<RunShown> {
    Ok(RunShown {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        job: row.get(1)?,
        title: row.get(2)?,
        began: Timestamp(row.get(3)?),
        ended: row.get::<_, Option<i64>>(4)?.map(Timestamp),
        outcome: outcome_of(row.get(5)?),
        steps: Vec::new(),
    })
}

fn outcome_of(name: Option<String>) -> Option<RunOutcome> {
    let all = [RunOutcome::Succeeded, RunOutcome::Partial, RunOutcome::Failed];
    let name = name?;
    all.into_iter().find(|it| it.name() == name)
}
