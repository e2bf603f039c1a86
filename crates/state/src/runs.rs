//! Runs and their steps, as they are kept.
//!
//! Rules: what a run archived is in the log; here is only what people are told of it, so that
//! nothing is synced, and the newest may be lost with the power. A run that never ended was
//! interrupted: whoever next owns the data directory says so ([`State::interrupt_runs`]).

use commands::{ExcludedCounts, RunFilter, RunOutcome, RunShown, RunState, StepShown, Trigger};
use rusqlite::{Connection, OptionalExtension, Row, params};
use types::Timestamp;

use crate::jobs::JobId;
use crate::{State, StateError, StateErrorKind, signed};

/// Runs that one listing gives.
pub const RUNS_LISTED_MAX: u32 = 50;

const RUN_COLUMNS: &str = "SELECT run.id, job.name, title, began, ended, outcome, began_by, told,
                           interrupted FROM run LEFT JOIN job ON job.id = run.job";

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read a run", cause)
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// An account that a run is going to archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedStep {
    /// The account.
    pub account: String,
    /// Whose archive its mail goes to.
    pub target: String,
}

impl State {
    /// Notes that a run begins. Returns its number.
    pub fn begin_run(
        &mut self,
        job: Option<JobId>,
        trigger: Trigger,
        title: &str,
        now: Timestamp,
    ) -> Result<u64, StateError> {
        let sql = "INSERT INTO run (job, title, began, began_by) VALUES (?, ?, ?, ?)";
        let job = job.map(|it| signed(it.0));
        self.db.execute(sql, params![job, title, now.0, trigger.name()]).map_err(failed)?;
        Ok(self.db.last_insert_rowid().unsigned_abs())
    }

    /// Notes the steps that a run is going to have: all of them wait. Their places are 0, 1, ...
    pub fn plan_steps(&mut self, run: u64, steps: &[PlannedStep]) -> Result<(), StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        {
            let sql = "INSERT INTO step (run, place, account, target) VALUES (?, ?, ?, ?)";
            let mut insert = tx.prepare_cached(sql).map_err(failed)?;
            for (place, step) in (0_i64..).zip(steps) {
                let row = params![count(run), place, step.account, step.target];
                insert.execute(row).map_err(failed)?;
            }
        }
        tx.commit().map_err(failed)
    }

    /// Notes that a step begins, or that it is still at work.
    pub fn step_is_alive(
        &mut self,
        run: u64,
        place: usize,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let sql = "UPDATE step SET began = coalesce(began, ?3), alive = ?3
                   WHERE run = ?1 AND place = ?2";
        let row = params![count(run), count(place as u64), now.0];
        crate::write(&self.db, sql, row).map(|_| ()).map_err(failed)
    }

    /// Notes how a step ended. Its account and target stay as they were planned.
    pub fn end_step(
        &mut self,
        run: u64,
        place: usize,
        step: &StepShown,
        now: Timestamp,
    ) -> Result<(), StateError> {
        end_step(&self.db, run, place, step, now).map_err(failed)
    }

    /// Notes how a run ended, and what it told that belongs to no single account.
    pub fn end_run(
        &mut self,
        run: u64,
        outcome: RunOutcome,
        told: &[String],
        now: Timestamp,
    ) -> Result<(), StateError> {
        let sql = "UPDATE run SET ended = ?2, outcome = ?3, told = ?4 WHERE id = ?1";
        let told = told.join("\n");
        self.db.execute(sql, params![count(run), now.0, outcome.name(), told]).map_err(failed)?;
        Ok(())
    }

    /// Marks every run that has not ended as interrupted. The caller owns the data directory, and
    /// runs nothing yet. Writes nothing when there is none.
    pub fn interrupt_runs(&mut self) -> Result<(), StateError> {
        let open = "SELECT 1 FROM run WHERE ended IS NULL AND interrupted = 0 LIMIT 1";
        let open: Option<i64> =
            self.db.query_row(open, [], |row| row.get(0)).optional().map_err(failed)?;
        if open.is_none() {
            return Ok(());
        }
        let sql = "UPDATE run SET interrupted = 1 WHERE ended IS NULL AND interrupted = 0";
        self.db.execute(sql, []).map_err(failed)?;
        Ok(())
    }

    /// The same for the runs of one job, of which none is at work any more.
    pub fn interrupt_runs_of(&mut self, job: JobId) -> Result<(), StateError> {
        let sql = "UPDATE run SET interrupted = 1
                   WHERE job = ? AND ended IS NULL AND interrupted = 0";
        self.db.execute(sql, [signed(job.0)]).map_err(failed)?;
        Ok(())
    }

    /// The newest runs, newest first, at most [`RUNS_LISTED_MAX`]; of one job, or of all.
    pub fn runs(&self, job: Option<JobId>) -> Result<Vec<RunShown>, StateError> {
        self.find_runs(job, &RunFilter::default())
    }

    /// The newest runs that the filter lets through; of one job, or of all. The name of the job in
    /// the filter is not looked at.
    pub fn find_runs(
        &self,
        job: Option<JobId>,
        filter: &RunFilter,
    ) -> Result<Vec<RunShown>, StateError> {
        let sql = format!(
            "{RUN_COLUMNS} WHERE (?1 IS NULL OR run.job = ?1) AND (?2 IS NULL OR ?2 <= began)
             AND (?3 IS NULL OR outcome = ?3)
             AND (?4 IS NULL OR EXISTS
                  (SELECT 1 FROM step WHERE step.run = run.id AND step.target = ?4))
             ORDER BY run.id DESC LIMIT ?5"
        );
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        let row = params![
            job.map(|it| signed(it.0)),
            filter.since.map(|it| it.0),
            filter.outcome.map(RunOutcome::name),
            filter.user.as_ref().map(types::UserName::as_str),
            RUNS_LISTED_MAX
        ];
        let runs: Vec<(RunShown, bool)> =
            select.query_map(row, run_of).and_then(Iterator::collect).map_err(failed)?;
        runs.into_iter().map(|it| self.with_steps(it)).collect()
    }

    /// The newest run of a job; `None` when it never ran.
    pub fn newest_run(&self, job: JobId) -> Result<Option<RunShown>, StateError> {
        let sql = format!("{RUN_COLUMNS} WHERE run.job = ? ORDER BY run.id DESC LIMIT 1");
        let run = self.db.query_row(&sql, [signed(job.0)], run_of).optional().map_err(failed)?;
        run.map(|it| self.with_steps(it)).transpose()
    }

    /// The run of this number. Fails with `Missing` when there is none.
    pub fn run(&self, id: u64) -> Result<RunShown, StateError> {
        let sql = format!("{RUN_COLUMNS} WHERE run.id = ?");
        let run = self.db.query_row(&sql, [count(id)], run_of).optional().map_err(failed)?;
        match run {
            Some(run) => self.with_steps(run),
            None => {
                Err(StateError::plain(StateErrorKind::Missing, format!("there is no run {id}")))
            }
        }
    }

    /// The accounts of the newest run of a job that had any, but for the run `but`.
    pub fn accounts_before(&self, job: JobId, but: u64) -> Result<Vec<String>, StateError> {
        let sql = "SELECT account FROM step WHERE run =
                     (SELECT max(run.id) FROM run JOIN step ON step.run = run.id
                      WHERE run.job = ?1 AND run.id != ?2)
                   ORDER BY place";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        select
            .query_map(params![signed(job.0), count(but)], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(failed)
    }

    fn with_steps(&self, (mut run, interrupted): (RunShown, bool)) -> Result<RunShown, StateError> {
        let sql = "SELECT account, target, outcome, archived, already, excluded_default,
                   excluded_list, excluded_filter, excluded_unknown, quarantined, told, began, ended
                   FROM step WHERE run = ? ORDER BY place";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        run.steps = select
            .query_map([count(run.id)], |row| step_of(row, interrupted))
            .and_then(Iterator::collect)
            .map_err(failed)?;
        Ok(run)
    }
}

/// Notes how a step ended.
pub(crate) fn end_step(
    db: &Connection,
    run: u64,
    place: usize,
    step: &StepShown,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "UPDATE step SET ended = ?3, outcome = ?4, archived = ?5, already = ?6,
               excluded_default = ?7, excluded_list = ?8, excluded_filter = ?9,
               excluded_unknown = ?10, quarantined = ?11, told = ?12
               WHERE run = ?1 AND place = ?2";
    let row = params![
        count(run),
        count(place as u64),
        now.0,
        step.state.outcome().map(RunOutcome::name),
        count(step.archived),
        count(step.already),
        count(step.excluded.default_folders),
        count(step.excluded.folder_list),
        count(step.excluded.filter),
        count(step.excluded.unknown_address),
        count(step.quarantined),
        step.told.join("\n"),
    ];
    crate::write(db, sql, row).map(|_| ())
}

fn run_of(row: &Row<'_>) -> rusqlite::Result<(RunShown, bool)> {
    let interrupted: bool = row.get(8)?;
    let trigger: String = row.get(6)?;
    let ended = row.get::<_, Option<i64>>(4)?.map(Timestamp);
    let began = Timestamp(row.get(3)?);
    let run = RunShown {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        job: row.get(1)?,
        title: row.get(2)?,
        trigger: Trigger::from_name(&trigger).unwrap_or_default(),
        began,
        ended,
        state: state_of(row.get(5)?, Some(began), interrupted),
        told: lines(&row.get::<_, String>(7)?),
        steps: Vec::new(),
    };
    Ok((run, interrupted))
}

fn step_of(row: &Row<'_>, interrupted: bool) -> rusqlite::Result<StepShown> {
    let number = |place| row.get::<_, i64>(place).map(i64::unsigned_abs);
    let began = row.get::<_, Option<i64>>(11)?.map(Timestamp);
    Ok(StepShown {
        account: row.get(0)?,
        target: row.get(1)?,
        began,
        ended: row.get::<_, Option<i64>>(12)?.map(Timestamp),
        state: state_of(row.get(2)?, began, interrupted),
        archived: number(3)?,
        already: number(4)?,
        excluded: ExcludedCounts {
            default_folders: number(5)?,
            folder_list: number(6)?,
            filter: number(7)?,
            unknown_address: number(8)?,
        },
        quarantined: number(9)?,
        told: lines(&row.get::<_, String>(10)?),
    })
}

fn lines(told: &str) -> Vec<String> {
    told.lines().map(str::to_owned).collect()
}

fn state_of(outcome: Option<String>, began: Option<Timestamp>, interrupted: bool) -> RunState {
    let all = [RunOutcome::Succeeded, RunOutcome::Partial, RunOutcome::Failed];
    let ended = outcome.and_then(|name| all.into_iter().find(|it| it.name() == name));
    match (ended, interrupted, began) {
        (Some(outcome), ..) => RunState::Ended(outcome),
        (None, true, _) => RunState::Interrupted,
        (None, false, Some(_)) => RunState::Running,
        (None, false, None) => RunState::Waiting,
    }
}
