//! Jobs as they are kept.

use commands::{FolderChoice, FolderScope, Job, JobKind, SharedFolders, Switch};
use ports::Random;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sealing::KeyRing;
use types::{Secret, Timestamp, UserName};

use crate::job_fields::{Fields, Referred};
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

    /// Keeps a job that was changed, and the password that was given anew. A job that may keep
    /// none loses it. Fails like [`add_job`](Self::add_job).
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
            if !saved.job.source.may_keep_secret() {
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
    let profile = job.source.profile().map(|it| profile_id(db, it)).transpose()?;
    for user in [Some(&job.owner), job.source.target()].into_iter().flatten() {
        check_user(db, user)?;
    }
    db.execute(
        "INSERT INTO job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                                 ?16, ?17)
         ON CONFLICT (id) DO UPDATE SET name = ?2, kind = ?3, description = ?4, enabled = ?5,
         owner = ?6, target = ?7, profile = ?8, preset = ?9, all_folders = ?10, shared = ?11,
         filter = ?12, removal = ?13, schedule = ?14, connections = ?15, accounts = ?16,
         changed = ?17",
        params![
            signed(id.0),
            job.name,
            job.source.kind().name(),
            job.description,
            job.switch == Switch::Enabled,
            job.owner.as_str(),
            job.source.target().map(UserName::as_str),
            profile,
            job.preset,
            job.folders.scope == FolderScope::All,
            job.folders.shared == SharedFolders::Archived,
            job.filter,
            job.removal,
            job.schedule,
            job.connections,
            job.accounts,
            now.0,
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
    db.execute("DELETE FROM job_field WHERE job = ?", [signed(id.0)]).map_err(keeping)?;
    for (field, values) in Fields::of(&job.source)?.0 {
        for (place, value) in (0_i64..).zip(values) {
            let sql = "INSERT INTO job_field VALUES (?, ?, ?, ?)";
            db.execute(sql, params![signed(id.0), field, place, value]).map_err(keeping)?;
        }
    }
    Ok(())
}

fn profile_id(db: &Connection, name: &str) -> Result<i64, StateError> {
    let found: Option<i64> = db
        .query_row("SELECT id FROM profile WHERE name = ?", [name], |row| row.get(0))
        .optional()
        .map_err(keeping)?;
    found.ok_or_else(|| {
        let message = format!("there is no server profile {name:?}");
        StateError::plain(StateErrorKind::Missing, message)
    })
}

fn check_user(db: &Connection, user: &UserName) -> Result<(), StateError> {
    let found: Option<i64> = db
        .query_row("SELECT 1 FROM user WHERE name = ?", [user.as_str()], |row| row.get(0))
        .optional()
        .map_err(keeping)?;
    found.map(|_| ()).ok_or_else(|| {
        let message = format!("there is no user {:?}", user.as_str());
        StateError::plain(StateErrorKind::Missing, message)
    })
}

/// The columns of a job.
struct Columns {
    id: JobId,
    kind: String,
    description: String,
    enabled: bool,
    owner: String,
    referred: Referred,
    preset: Option<String>,
    folders: FolderChoice,
    filter: Option<String>,
    removal: Option<String>,
    schedule: Option<String>,
    connections: u16,
    accounts: u16,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let all_folders: bool = row.get(8)?;
    let shared: bool = row.get(9)?;
    Ok(Columns {
        id: JobId(unsigned(row.get(0)?)),
        kind: row.get(1)?,
        description: row.get(2)?,
        enabled: row.get(3)?,
        owner: row.get(4)?,
        referred: Referred { target: row.get(5)?, profile: row.get(6)? },
        preset: row.get(7)?,
        folders: FolderChoice {
            scope: if all_folders { FolderScope::All } else { FolderScope::WithoutDiscarded },
            shared: if shared { SharedFolders::Archived } else { SharedFolders::LeftOut },
            ..FolderChoice::default()
        },
        filter: row.get(10)?,
        removal: row.get(11)?,
        schedule: row.get(12)?,
        connections: row.get(13)?,
        accounts: row.get(14)?,
    })
}

fn read(db: &Connection, name: &str) -> Result<Option<SavedJob>, StateError> {
    let sql = "SELECT job.id, kind, job.description, job.enabled, owner, target, profile.name,
               preset, all_folders, shared, filter, removal, schedule, job.connections, accounts
               FROM job LEFT JOIN profile ON profile.id = job.profile WHERE job.name = ?";
    let row = db
        .prepare_cached(sql)
        .map_err(reading)?
        .query_row([name], columns)
        .optional()
        .map_err(reading)?;
    let Some(row) = row else { return Ok(None) };
    let odd = || {
        let message = format!("the job {name:?} is not kept as jobs are");
        StateError::plain(StateErrorKind::Io, message)
    };
    let kind = JobKind::from_name(&row.kind).ok_or_else(odd)?;
    let source = fields(db, row.id)?.source(kind, row.referred).ok_or_else(odd)?;
    let job = Job {
        name: name.to_owned(),
        description: row.description,
        switch: if row.enabled { Switch::Enabled } else { Switch::Disabled },
        owner: UserName::new(&row.owner).map_err(|_| odd())?,
        preset: row.preset,
        folders: FolderChoice {
            include: folders(db, row.id, "include")?,
            exclude: folders(db, row.id, "exclude")?,
            ..row.folders
        },
        filter: row.filter,
        removal: row.removal,
        schedule: row.schedule,
        connections: row.connections,
        accounts: row.accounts,
        source,
    };
    Ok(Some(SavedJob { id: row.id, job }))
}

fn fields(db: &Connection, id: JobId) -> Result<Fields, StateError> {
    let sql = "SELECT field, value FROM job_field WHERE job = ? ORDER BY field, place";
    let mut select = db.prepare_cached(sql).map_err(reading)?;
    let rows: Vec<(String, String)> = select
        .query_map([signed(id.0)], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(reading)?;
    Ok(Fields::read(rows))
}

fn folders(db: &Connection, id: JobId, list: &str) -> Result<Vec<String>, StateError> {
    let sql = "SELECT folder FROM job_folder WHERE job = ? AND list = ? ORDER BY place";
    let mut select = db.prepare_cached(sql).map_err(reading)?;
    select
        .query_map(params![signed(id.0), list], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(reading)
}
