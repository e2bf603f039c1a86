//! Jobs as they are kept.

use commands::{FolderChoice, FolderScope, Job, Switch};
use ports::Random;
use rusqlite::{Connection, OptionalExtension, params};
use types::{Secret, Timestamp, UserName};

use crate::seal::KeyRing;
use crate::secrets::{SecretPlace, drop_secret, put_secret};
use crate::{State, StateError, StateErrorKind, signed, unsigned};

/// Names a job for as long as it exists, whatever people call it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct JobId(pub u64);

/// A job with its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedJob {
    /// The id.
    pub id: JobId,
    /// What it says.
    pub job: Job,
}

/// The only kind of job so far.
const SINGLE_MAILBOX: &str = "single_mailbox";

fn reading(cause: rusqlite::Error) -> StateError {
    StateError::query("read the jobs", cause)
}

fn keeping(cause: rusqlite::Error) -> StateError {
    StateError::query("keep the job", cause)
}

impl State {
    /// Every job, by name.
    pub fn jobs(&self) -> Result<Vec<SavedJob>, StateError> {
        let mut select =
            self.db.prepare_cached("SELECT name FROM job ORDER BY name").map_err(reading)?;
        let names: Vec<String> =
            select.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(reading)?;
        names.iter().map(|it| self.named_job(it)).collect()
    }

    /// The job of this name. Fails with `Missing` when there is none.
    pub fn named_job(&self, name: &str) -> Result<SavedJob, StateError> {
        read(&self.db, name)?.ok_or_else(|| missing(name))
    }

    /// Keeps a new job, with the password of its account. Fails with `NameTaken`, and with
    /// `Missing` when there is no such profile or user.
    pub fn add_job(
        &mut self,
        job: &Job,
        secret: Option<(&Secret, &KeyRing)>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<SavedJob, StateError> {
        let mut id = [0; 8];
        random.fill(&mut id);
        let saved = SavedJob { id: JobId(u64::from_le_bytes(id)), job: job.clone() };
        self.change_job(&saved, secret, now, random)?;
        Ok(saved)
    }

    /// Keeps a job that was changed, and the password that was given anew. A job without a login
    /// of its own loses its password. Fails like [`add_job`](Self::add_job).
    pub fn change_job(
        &mut self,
        saved: &SavedJob,
        secret: Option<(&Secret, &KeyRing)>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(), StateError> {
        self.durably("keep the job", |tx| {
            if read(tx, &saved.job.name)?.is_some_and(|it| it.id != saved.id) {
                let message = format!("there is a job {:?} already", saved.job.name);
                return Err(StateError::plain(StateErrorKind::NameTaken, message));
            }
            write(tx, saved, now)?;
            let place = SecretPlace::Job(saved.id);
            if saved.job.login.is_none() {
                drop_secret(tx, place)?;
            }
            match secret {
                Some((secret, keys)) => put_secret(tx, place, secret, keys, random),
                None => Ok(()),
            }
        })
    }

    /// Removes a job with its password. Its runs stay.
    pub fn remove_job(&mut self, name: &str) -> Result<(), StateError> {
        self.durably("remove the job", |tx| {
            let saved = read(tx, name)?.ok_or_else(|| missing(name))?;
            drop_secret(tx, SecretPlace::Job(saved.id))?;
            tx.execute("DELETE FROM job WHERE id = ?", [signed(saved.id.0)])
                .map_err(|it| StateError::query("remove the job", it))?;
            Ok(())
        })
    }
}

fn missing(name: &str) -> StateError {
    StateError::plain(StateErrorKind::Missing, format!("there is no job {name:?}"))
}

fn write(
    db: &Connection,
    SavedJob { id, job }: &SavedJob,
    now: Timestamp,
) -> Result<(), StateError> {
    let profile: Option<i64> = db
        .query_row("SELECT id FROM profile WHERE name = ?", [&job.profile], |row| row.get(0))
        .optional()
        .map_err(keeping)?;
    let profile = profile.ok_or_else(|| {
        let message = format!("there is no server profile {:?}", job.profile);
        StateError::plain(StateErrorKind::Missing, message)
    })?;
    for user in [&job.owner, &job.target] {
        let found: Option<i64> = db
            .query_row("SELECT 1 FROM user WHERE name = ?", [user.as_str()], |row| row.get(0))
            .optional()
            .map_err(keeping)?;
        found.ok_or_else(|| {
            let message = format!("there is no user {:?}", user.as_str());
            StateError::plain(StateErrorKind::Missing, message)
        })?;
    }
    db.execute(
        "INSERT INTO job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1,
                                 ?15, ?14)
         ON CONFLICT (id) DO UPDATE SET name = ?2, kind = ?3, description = ?4, enabled = ?5,
         owner = ?6, target = ?7, root = ?8, profile = ?9, login = ?10, authzid = ?11,
         all_folders = ?12, connections = ?13, changed = ?14,
         rules = ?15",
        params![
            signed(id.0),
            job.name,
            SINGLE_MAILBOX,
            job.description,
            job.switch == Switch::Enabled,
            job.owner.as_str(),
            job.target.as_str(),
            job.root,
            profile,
            job.login,
            job.authzid,
            job.folders.scope == FolderScope::All,
            job.connections,
            now.0,
            job.filter.as_deref().unwrap_or_default(),
        ],
    )
    .map_err(keeping)?;
    db.execute("DELETE FROM job_folder WHERE job = ?", [signed(id.0)]).map_err(keeping)?;
    for (list, folders) in [("include", &job.folders.include), ("exclude", &job.folders.exclude)] {
        for (place, folder) in (0_i64..).zip(folders) {
            let sql = "INSERT INTO job_folder VALUES (?, ?, ?, ?)";
            db.execute(sql, params![signed(id.0), list, place, folder]).map_err(keeping)?;
        }
    }
    Ok(())
}

fn read(db: &Connection, name: &str) -> Result<Option<SavedJob>, StateError> {
    let sql = "SELECT job.id, job.description, job.enabled, owner, target, root, profile.name,
               login, authzid, all_folders, job.connections, rules
               FROM job JOIN profile ON profile.id = job.profile WHERE job.name = ?";
    let row = db
        .prepare_cached(sql)
        .map_err(reading)?
        .query_row([name], |row| {
            let owner: String = row.get(3)?;
            let target: String = row.get(4)?;
            let enabled: bool = row.get(2)?;
            let all_folders: bool = row.get(9)?;
            let unknown = || rusqlite::Error::InvalidQuery;
            let job = Job {
                name: name.to_owned(),
                description: row.get(1)?,
                switch: if enabled { Switch::Enabled } else { Switch::Disabled },
                owner: UserName::new(&owner).map_err(|_| unknown())?,
                target: UserName::new(&target).map_err(|_| unknown())?,
                root: row.get(5)?,
                profile: row.get(6)?,
                login: row.get(7)?,
                authzid: row.get(8)?,
                folders: FolderChoice {
                    scope: match all_folders {
                        true => FolderScope::All,
                        false => FolderScope::WithoutDiscarded,
                    },
                    ..FolderChoice::default()
                },
                filter: Some(row.get::<_, String>(11)?).filter(|it| !it.is_empty()),
                connections: row.get(10)?,
            };
            Ok(SavedJob { id: JobId(unsigned(row.get(0)?)), job })
        })
        .optional()
        .map_err(reading)?;
    let Some(mut saved) = row else { return Ok(None) };
    saved.job.folders.include = folders(db, saved.id, "include")?;
    saved.job.folders.exclude = folders(db, saved.id, "exclude")?;
    Ok(Some(saved))
}

fn folders(db: &Connection, id: JobId, list: &str) -> Result<Vec<String>, StateError> {
    let sql = "SELECT folder FROM job_folder WHERE job = ? AND list = ? ORDER BY place";
    let mut select = db.prepare_cached(sql).map_err(reading)?;
    select
        .query_map(params![signed(id.0), list], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(reading)
}
