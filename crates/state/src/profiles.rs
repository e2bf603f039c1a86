//! Server profiles as they are kept.

use std::time::Duration;

use commands::{
    Half, HalfName, Mechanism, OutgoingLogin, Profile, ProfileLimits, Protocol, Security, Switch,
    trust_from_words, trust_words,
};
use ports::Random;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sealing::KeyRing;
use types::{Secret, Timestamp};

use crate::secrets::{SecretPlace, drop_secret, put_secret};
use crate::{State, StateError, StateErrorKind, signed, unsigned};

/// Names a profile for as long as it exists, whatever people call it. Random: cursors in the log
/// are kept under it, and a state database that was lost must not take up another one's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ProfileId(pub u64);

/// A profile with its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedProfile {
    /// The id.
    pub id: ProfileId,
    /// What it says.
    pub profile: Profile,
}

const WHAT: &str = "read the server profiles";

impl State {
    /// Every profile, by name.
    pub fn profiles(&self) -> Result<Vec<SavedProfile>, StateError> {
        let failed = |it| StateError::query(WHAT, it);
        let sql = "SELECT name FROM profile ORDER BY name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let names: Vec<String> =
            select.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
        names.iter().map(|it| self.named_profile(it)).collect()
    }

    /// The profile of this name, if there is one.
    pub fn profile(&self, name: &str) -> Result<Option<SavedProfile>, StateError> {
        read(&self.db, name)
    }

    /// The profile of this name. Fails with `Missing` when there is none.
    pub fn named_profile(&self, name: &str) -> Result<SavedProfile, StateError> {
        self.profile(name)?.ok_or_else(|| missing(name))
    }

    /// Keeps a new profile, with the secrets of its halves. Fails with `NameTaken`.
    pub fn add_profile(
        &mut self,
        profile: &Profile,
        secrets: &[(HalfName, Secret)],
        keys: Option<&KeyRing>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<SavedProfile, StateError> {
        let mut id = [0; 8];
        random.fill(&mut id);
        let id = ProfileId(u64::from_le_bytes(id));
        self.durably("keep the server profile", |tx| {
            check_free(tx, &profile.name)?;
            write(tx, id, profile, now)?;
            put_secrets(tx, id, profile, secrets, keys, random)
        })?;
        Ok(SavedProfile { id, profile: profile.clone() })
    }

    /// Keeps a profile that was changed, and the secrets that were given anew. The name may be
    /// another one. A half that holds no login any more loses its secret. Fails with `NameTaken`.
    pub fn change_profile(
        &mut self,
        saved: &SavedProfile,
        secrets: &[(HalfName, Secret)],
        keys: Option<&KeyRing>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(), StateError> {
        self.durably("keep the server profile", |tx| {
            if read(tx, &saved.profile.name)?.is_some_and(|it| it.id != saved.id) {
                return Err(taken(&saved.profile.name));
            }
            write(tx, saved.id, &saved.profile, now)?;
            put_secrets(tx, saved.id, &saved.profile, secrets, keys, random)
        })
    }

    /// Removes a profile with its secrets. Fails with `InUse` when a job refers to it.
    pub fn remove_profile(&mut self, name: &str) -> Result<(), StateError> {
        self.durably("remove the server profile", |tx| {
            let failed = |it| StateError::query("remove the server profile", it);
            let saved = read(tx, name)?.ok_or_else(|| missing(name))?;
            let jobs = jobs_of(tx, saved.id).map_err(failed)?;
            if !jobs.is_empty() {
                let message =
                    format!("the server profile {name:?} is used by the jobs {}", jobs.join(", "));
                return Err(StateError::plain(StateErrorKind::InUse, message));
            }
            for half in [HalfName::Incoming, HalfName::Outgoing] {
                drop_secret(tx, SecretPlace::Profile(saved.id, half))?;
            }
            tx.execute("DELETE FROM profile WHERE id = ?", [signed(saved.id.0)]).map_err(failed)?;
            Ok(())
        })
    }

    /// The jobs that use a profile, by name.
    pub fn profile_jobs(&self, id: ProfileId) -> Result<Vec<String>, StateError> {
        jobs_of(&self.db, id).map_err(|it| StateError::query(WHAT, it))
    }
}

fn missing(name: &str) -> StateError {
    let message = format!("there is no server profile {name:?}");
    StateError::plain(StateErrorKind::Missing, message)
}

fn taken(name: &str) -> StateError {
    let message = format!("there is a server profile {name:?} already");
    StateError::plain(StateErrorKind::NameTaken, message)
}

fn check_free(db: &Connection, name: &str) -> Result<(), StateError> {
    if read(db, name)?.is_some() { Err(taken(name)) } else { Ok(()) }
}

fn jobs_of(db: &Connection, id: ProfileId) -> rusqlite::Result<Vec<String>> {
    let mut select = db.prepare_cached("SELECT name FROM job WHERE profile = ? ORDER BY name")?;
    select.query_map([signed(id.0)], |row| row.get(0))?.collect()
}

fn put_secrets(
    db: &Connection,
    id: ProfileId,
    profile: &Profile,
    secrets: &[(HalfName, Secret)],
    keys: Option<&KeyRing>,
    random: &dyn Random,
) -> Result<(), StateError> {
    for name in [HalfName::Incoming, HalfName::Outgoing] {
        let half = profile.halves().find(|(it, _)| *it == name);
        if half.is_none_or(|(_, half)| half.login.is_none()) {
            drop_secret(db, SecretPlace::Profile(id, name))?;
        }
    }
    for (half, secret) in secrets {
        let keys = keys.ok_or_else(|| {
            StateError::plain(StateErrorKind::Key, "there is no key to seal secrets with")
        })?;
        put_secret(db, SecretPlace::Profile(id, *half), secret, keys, random)?;
    }
    Ok(())
}

fn write(
    db: &Connection,
    id: ProfileId,
    profile: &Profile,
    now: Timestamp,
) -> Result<(), StateError> {
    let failed = |it| StateError::query("keep the server profile", it);
    let limits = &profile.limits;
    let outgoing_login = match profile.outgoing_login {
        OutgoingLogin::Same => "same",
        OutgoingLogin::Own => "own",
    };
    db.execute(
        "INSERT INTO profile VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET name = ?2, description = ?3, enabled = ?4,
         outgoing_login = ?5, connections = ?6, bytes_per_day = ?7, poll_ms = ?8,
         pause_ms = ?9, pause_max_ms = ?10, changed = ?11",
        params![
            signed(id.0),
            profile.name,
            profile.description,
            profile.switch == Switch::Enabled,
            outgoing_login,
            limits.connections,
            limits.bytes_per_day.map(signed),
            milliseconds(limits.poll_every),
            milliseconds(limits.pause_first),
            milliseconds(limits.pause_max),
            now.0,
        ],
    )
    .map_err(failed)?;
    db.execute("DELETE FROM profile_half WHERE profile = ?", [signed(id.0)]).map_err(failed)?;
    for (name, half) in profile.halves() {
        let it = half_values(half);
        db.execute(
            "INSERT INTO profile_half VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![signed(id.0), name.name(), it.0, it.1, it.2, it.3, it.4, it.5, it.6, it.7],
        )
        .map_err(failed)?;
    }
    Ok(())
}

fn read(db: &Connection, name: &str) -> Result<Option<SavedProfile>, StateError> {
    let failed = |it| StateError::query(WHAT, it);
    let sql = "SELECT id, description, enabled, outgoing_login, connections, bytes_per_day,
               poll_ms, pause_ms, pause_max_ms FROM profile WHERE name = ?";
    let row = db.prepare_cached(sql).map_err(failed)?.query_row([name], columns).optional();
    let Some(row) = row.map_err(failed)? else { return Ok(None) };
    let Some(incoming) = read_half(db, row.id, HalfName::Incoming)? else {
        return Err(StateError::unknown_value("server profile", name));
    };
    let profile = Profile {
        name: name.to_owned(),
        description: row.description,
        switch: if row.enabled { Switch::Enabled } else { Switch::Disabled },
        incoming,
        outgoing: read_half(db, row.id, HalfName::Outgoing)?,
        outgoing_login: match row.outgoing_login.as_str() {
            "same" => OutgoingLogin::Same,
            "own" => OutgoingLogin::Own,
            other => return Err(StateError::unknown_value("login for outgoing mail", other)),
        },
        limits: row.limits,
    };
    Ok(Some(SavedProfile { id: row.id, profile }))
}

struct Columns {
    id: ProfileId,
    description: String,
    enabled: bool,
    outgoing_login: String,
    limits: ProfileLimits,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        id: ProfileId(unsigned(row.get(0)?)),
        description: row.get(1)?,
        enabled: row.get(2)?,
        outgoing_login: row.get(3)?,
        limits: ProfileLimits {
            connections: row.get(4)?,
            bytes_per_day: row.get::<_, Option<i64>>(5)?.map(unsigned),
            poll_every: duration(row.get(6)?),
            pause_first: duration(row.get(7)?),
            pause_max: duration(row.get(8)?),
        },
    })
}

fn read_half(db: &Connection, id: ProfileId, name: HalfName) -> Result<Option<Half>, StateError> {
    let failed = |it| StateError::query(WHAT, it);
    let sql = format!("SELECT {HALF_COLUMNS} FROM profile_half WHERE profile = ? AND half = ?");
    let row = db
        .prepare_cached(&sql)
        .map_err(failed)?
        .query_row(params![signed(id.0), name.name()], half_columns)
        .optional()
        .map_err(failed)?;
    row.map(half_of).transpose()
}

/// The columns of a server, wherever it is kept.
pub(crate) const HALF_COLUMNS: &str =
    "protocol, host, security, mechanism, login, trust, trusted, timeout_ms";

/// What stands in [`HALF_COLUMNS`].
pub(crate) type HalfColumns =
    (String, String, String, String, Option<String>, String, Option<String>, Option<i64>);

/// The first columns of a row, which are [`HALF_COLUMNS`].
pub(crate) fn half_columns(row: &Row<'_>) -> rusqlite::Result<HalfColumns> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
    ))
}

/// What is kept of a server.
pub(crate) fn half_values(half: &Half) -> HalfColumns {
    let (trust, trusted) = trust_words(&half.trust);
    (
        half.protocol.name().to_owned(),
        half.host.to_string(),
        half.security.map_or("auto", Security::name).to_owned(),
        half.mechanism.name().to_owned(),
        half.login.clone(),
        trust.to_owned(),
        trusted,
        half.timeout.map(milliseconds),
    )
}

/// The server that was kept.
pub(crate) fn half_of(columns: HalfColumns) -> Result<Half, StateError> {
    let (protocol, host, security, mechanism, login, trust, trusted, timeout) = columns;
    let unknown = StateError::unknown_value;
    Ok(Half {
        protocol: Protocol::from_name(&protocol).ok_or_else(|| unknown("protocol", &protocol))?,
        host: host.parse().map_err(|_| unknown("host", &host))?,
        security: match security.as_str() {
            "auto" => None,
            name => Some(Security::from_name(name).ok_or_else(|| unknown("security", &security))?),
        },
        mechanism: Mechanism::from_name(&mechanism)
            .ok_or_else(|| unknown("mechanism", &mechanism))?,
        login,
        trust: trust_from_words(&trust, trusted).ok_or_else(|| unknown("trust", &trust))?,
        timeout: timeout.map(duration),
    })
}

/// Durations are kept in milliseconds.
fn milliseconds(it: Duration) -> i64 {
    i64::try_from(it.as_millis()).unwrap_or(i64::MAX)
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(milliseconds.unsigned_abs())
}
