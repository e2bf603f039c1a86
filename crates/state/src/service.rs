//! What a server has to know of the one before it: jobs that were not done, workers that rest.

use rusqlite::params;

use crate::jobs::JobId;
use crate::{State, StateError, signed, unsigned};

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read what the server has to do", cause)
}

impl State {
    /// The jobs that were ended before they were done.
    pub fn owed_jobs(&self) -> Result<Vec<JobId>, StateError> {
        let mut select = self.db.prepare_cached("SELECT job FROM job_owed").map_err(failed)?;
        let rows = select.query_map([], |row| row.get(0).map(|it| JobId(unsigned(it))));
        rows.and_then(Iterator::collect).map_err(failed)
    }

    /// Notes that these jobs were ended before they were done. Those that are gone are left out.
    pub fn owe_jobs(&mut self, jobs: &[JobId]) -> Result<(), StateError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let tx = self.db.transaction().map_err(failed)?;
        for job in jobs {
            let sql = "INSERT OR IGNORE INTO job_owed SELECT id FROM job WHERE id = ?";
            tx.execute(sql, [signed(job.0)]).map_err(failed)?;
        }
        tx.commit().map_err(failed)
    }

    /// Notes that a job begins again.
    pub fn settle_job(&mut self, job: JobId) -> Result<(), StateError> {
        let sql = "DELETE FROM job_owed WHERE job = ?";
        self.db.execute(sql, [signed(job.0)]).map(|_| ()).map_err(failed)
    }

    /// The groups of workers that rest, by name.
    pub fn paused_groups(&self) -> Result<Vec<String>, StateError> {
        let sql = "SELECT name FROM group_paused ORDER BY name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select.query_map([], |row| row.get(0));
        rows.and_then(Iterator::collect).map_err(failed)
    }

    /// Notes that these groups of workers rest, and no other.
    pub fn set_paused_groups(&mut self, names: &[&str]) -> Result<(), StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        tx.execute("DELETE FROM group_paused", []).map_err(failed)?;
        for name in names {
            tx.execute("INSERT INTO group_paused VALUES (?)", params![name]).map_err(failed)?;
        }
        tx.commit().map_err(failed)
    }
}
