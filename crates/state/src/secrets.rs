//! Secrets, sealed. They come in to be kept and go out to be used, and are shown to nobody.
//!
//! Rules: a secret is bound to whose it is and which field of it, so that a row that was moved to
//! another place does not open; re-keying is one transaction.

use commands::HalfName;
use ports::Random;
use rusqlite::{Connection, OptionalExtension, params};
use sealing::{KeyRing, NONCE_BYTES, SealingKey};
use types::Secret;

use crate::jobs::JobId;
use crate::profiles::ProfileId;
use crate::{State, StateError, StateErrorKind, signed};

/// Where a secret belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecretPlace {
    /// To the login of one half of a server profile.
    Profile(ProfileId, HalfName),
    /// To the account of a job.
    Job(JobId),
    /// To the login that mail is sent with.
    Mail,
}

impl SecretPlace {
    fn words(self) -> (&'static str, i64, &'static str) {
        match self {
            SecretPlace::Profile(id, half) => ("profile", signed(id.0), half.name()),
            SecretPlace::Job(id) => ("job", signed(id.0), "account"),
            SecretPlace::Mail => ("outgoing mail", 0, "login"),
        }
    }

    fn name(self) -> String {
        let (kind, _, field) = self.words();
        format!("the {field} password of a {kind}")
    }
}

/// What a sealed value is bound to: a version, and its place without ambiguity.
fn bound_to(kind: &str, owner: i64, field: &str) -> Vec<u8> {
    format!("posthold secret 1\0{kind}\0{owner}\0{field}").into_bytes()
}

/// How many secrets are sealed with a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretCounts {
    /// The id of the key.
    pub key: String,
    /// How many.
    pub secrets: u64,
}

impl State {
    /// The secret that is kept at `place`. Fails with `Key` when its key is not in the ring, and
    /// with `Tampered` when it is not what was sealed for this place.
    pub fn secret(&self, place: SecretPlace, keys: &KeyRing) -> Result<Option<Secret>, StateError> {
        let (kind, owner, field) = place.words();
        let sql = "SELECT key_id, sealed FROM secret
                   WHERE owner_kind = ? AND owner = ? AND field = ?";
        let row: Option<(String, Vec<u8>)> = self
            .db
            .query_row(sql, params![kind, owner, field], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(|it| StateError::query("read a secret", it))?;
        let Some((key_id, sealed)) = row else { return Ok(None) };
        let key = keys.key(&key_id).ok_or_else(|| no_key(&key_id, keys))?;
        let bound = bound_to(kind, owner, field);
        match opened(key, &sealed, &bound) {
            Some(secret) => Ok(Some(secret)),
            None => Err(StateError::plain(
                StateErrorKind::Tampered,
                format!("{} is not what was sealed there", place.name()),
            )),
        }
    }

    /// Whether a secret is kept at `place`.
    pub fn has_secret(&self, place: SecretPlace) -> Result<bool, StateError> {
        let (kind, owner, field) = place.words();
        let sql = "SELECT count(*) FROM secret WHERE owner_kind = ? AND owner = ? AND field = ?";
        self.db
            .query_row(sql, params![kind, owner, field], |row| row.get::<_, i64>(0))
            .map(|it| it != 0)
            .map_err(|it| StateError::query("look for a secret", it))
    }

    /// Keeps `secret` at `place`, sealed with the newest key, instead of what was there.
    pub fn set_secret(
        &mut self,
        place: SecretPlace,
        secret: &Secret,
        keys: &KeyRing,
        random: &dyn Random,
    ) -> Result<(), StateError> {
        self.durably("keep a secret", |tx| put_secret(tx, place, secret, keys, random))
    }

    /// How many secrets are sealed with each key, by its id.
    pub fn secret_counts(&self) -> Result<Vec<SecretCounts>, StateError> {
        let failed = |it| StateError::query("count the secrets", it);
        let sql = "SELECT key_id, count(*) FROM secret GROUP BY key_id ORDER BY key_id";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select
            .query_map([], |row| {
                let secrets: i64 = row.get(1)?;
                Ok(SecretCounts { key: row.get(0)?, secrets: secrets.unsigned_abs() })
            })
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    /// Seals every secret with the newest key, in one transaction: all of them or none. Returns
    /// how many there are. Those that have the newest key already are opened too, as a check.
    pub fn reseal(&mut self, keys: &KeyRing, random: &dyn Random) -> Result<u64, StateError> {
        let failed = |it| StateError::query("seal the secrets again", it);
        self.durably("seal the secrets again", |tx| {
            type Row = (String, i64, String, String, Vec<u8>);
            let sql = "SELECT owner_kind, owner, field, key_id, sealed FROM secret";
            let mut select = tx.prepare(sql).map_err(failed)?;
            let rows: Vec<Row> = select
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })
                .and_then(Iterator::collect)
                .map_err(failed)?;
            let mut n_sealed = 0;
            for (kind, owner, field, key_id, sealed) in rows {
                let key = keys.key(&key_id).ok_or_else(|| no_key(&key_id, keys))?;
                let bound = bound_to(&kind, owner, &field);
                let secret = opened(key, &sealed, &bound).ok_or_else(|| {
                    let message =
                        format!("the {field} password of a {kind} is not what was sealed there");
                    StateError::plain(StateErrorKind::Tampered, message)
                })?;
                let newest = keys.newest();
                let sealed = sealed_with(newest, &secret, &bound, random)?;
                tx.execute(
                    "UPDATE secret SET key_id = ?4, sealed = ?5
                     WHERE owner_kind = ?1 AND owner = ?2 AND field = ?3",
                    params![kind, owner, field, newest.id().0, sealed],
                )
                .map_err(failed)?;
                n_sealed += 1;
            }
            Ok(n_sealed)
        })
    }
}

/// Keeps a secret within a transaction.
pub(crate) fn put_secret(
    tx: &Connection,
    place: SecretPlace,
    secret: &Secret,
    keys: &KeyRing,
    random: &dyn Random,
) -> Result<(), StateError> {
    let (kind, owner, field) = place.words();
    let key = keys.newest();
    let sealed = sealed_with(key, secret, &bound_to(kind, owner, field), random)?;
    tx.execute(
        "INSERT INTO secret VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (owner_kind, owner, field) DO UPDATE SET key_id = ?4, sealed = ?5",
        params![kind, owner, field, key.id().0, sealed],
    )
    .map_err(|it| StateError::query("keep a secret", it))?;
    Ok(())
}

/// Forgets a secret within a transaction; fine when there is none.
pub(crate) fn drop_secret(tx: &Connection, place: SecretPlace) -> Result<(), StateError> {
    let (kind, owner, field) = place.words();
    let sql = "DELETE FROM secret WHERE owner_kind = ? AND owner = ? AND field = ?";
    tx.execute(sql, params![kind, owner, field])
        .map_err(|it| StateError::query("forget a secret", it))?;
    Ok(())
}

fn no_key(id: &str, keys: &KeyRing) -> StateError {
    let at_hand: Vec<String> = keys.ids().map(ToString::to_string).collect();
    let message =
        format!("a secret is sealed with key {id}, and at hand is {}", at_hand.join(", "));
    StateError::plain(StateErrorKind::Key, message)
}

fn sealed_with(
    key: &SealingKey,
    secret: &Secret,
    bound_to: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, StateError> {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    key.seal(secret.declassify().as_bytes(), bound_to, nonce)
        .ok_or_else(|| StateError::plain(StateErrorKind::Key, "a secret could not be sealed"))
}

/// `None` when it is not what was sealed for this place.
fn opened(key: &SealingKey, sealed: &[u8], bound_to: &[u8]) -> Option<Secret> {
    String::from_utf8(key.open(sealed, bound_to)?).ok().map(Secret::new)
}
