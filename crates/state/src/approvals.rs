//! Persons who approve removals, and what waits for them.
//!
//! Rules: of a passphrase only what checks it is kept (PBKDF2 with HMAC-SHA-256, RFC 8018 §5.2);
//! a request is decided once, durably, before anything of it is done.

use std::num::NonZeroU32;

use commands::{ApprovalShown, ApprovalState, AsPerson, Wanted};
use ports::Random;
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use rusqlite::{OptionalExtension, Row, params};
use types::{Secret, Timestamp};

use crate::{State, StateError, StateErrorKind, signed, unsigned};

/// Rounds for a new passphrase.
const ROUNDS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// Bytes of salt, and of what is kept.
const SALT_BYTES: usize = 16;
const VERIFIER_BYTES: usize = 32;

/// Requests that wait, at most.
const WAITING_MAX: u64 = 1_000;

/// What checks a passphrase: salt and verifier.
#[must_use]
pub fn proof_of(passphrase: &Secret, random: &dyn Random) -> (Vec<u8>, Vec<u8>) {
    let mut salt = vec![0; SALT_BYTES];
    random.fill(&mut salt);
    let mut verifier = vec![0; VERIFIER_BYTES];
    let secret = passphrase.declassify().as_bytes();
    pbkdf2::derive(PBKDF2_HMAC_SHA256, ROUNDS, &salt, secret, &mut verifier);
    (salt, verifier)
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read approvals", cause)
}

const COLUMNS: &str = "SELECT id, kind, subject, title, asked_by, reason, asked_at, expires, \
                       standing, decided_by, decided_at, told FROM approval";

impl State {
    /// The persons who approve, by name, with when they were taken.
    pub fn approvers(&self) -> Result<Vec<(String, Timestamp)>, StateError> {
        let sql = "SELECT name, made_at FROM approver ORDER BY name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, Timestamp(row.get(1)?)));
        select.query_map([], read).and_then(Iterator::collect).map_err(failed)
    }

    /// Takes a person, durably. One of this name must not be there.
    pub fn add_approver(
        &mut self,
        name: &str,
        (salt, verifier): (&[u8], &[u8]),
        now: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("take a person who approves", |tx| {
            let sql = "INSERT OR IGNORE INTO approver VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![name, salt, ROUNDS.get(), verifier, now.0];
            match tx.execute(sql, values).map_err(failed)? {
                0 => {
                    let message = format!("there is a person {name:?} already");
                    Err(StateError::plain(StateErrorKind::NameTaken, message))
                }
                _ => Ok(()),
            }
        })
    }

    /// Takes no approvals of a person any more.
    pub fn remove_approver(&mut self, name: &str) -> Result<(), StateError> {
        self.durably("remove a person who approves", |tx| {
            match tx.execute("DELETE FROM approver WHERE name = ?", [name]).map_err(failed)? {
                0 => {
                    let message = format!("there is no person {name:?} who approves");
                    Err(StateError::plain(StateErrorKind::Missing, message))
                }
                _ => Ok(()),
            }
        })
    }

    /// Whether somebody is who he says. Who is unknown takes as long.
    pub fn is_approver(&self, person: &AsPerson) -> Result<bool, StateError> {
        let sql = "SELECT salt, iterations, verifier FROM approver WHERE name = ?";
        let read = |row: &Row<'_>| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, u32>(1)?, row.get::<_, Vec<u8>>(2)?))
        };
        let known = self.db.query_row(sql, [&person.name], read).optional().map_err(failed)?;
        let is_known = known.is_some();
        let unknown = || (vec![0; SALT_BYTES], ROUNDS.get(), vec![0; VERIFIER_BYTES]);
        let (salt, rounds, verifier) = known.unwrap_or_else(unknown);
        let rounds = NonZeroU32::new(rounds).unwrap_or(ROUNDS);
        let secret = person.passphrase.declassify().as_bytes();
        let proven = pbkdf2::verify(PBKDF2_HMAC_SHA256, rounds, &salt, secret, &verifier).is_ok();
        Ok(proven && is_known)
    }

    /// Keeps a request, durably, and gives its number. One that waits for the same already is
    /// given instead.
    pub fn ask_approval(&mut self, asked: &ApprovalShown) -> Result<u64, StateError> {
        self.durably("keep a request for approval", |tx| {
            let ApprovalShown { wanted, title, asked_by, reason, asked_at, expires, .. } = asked;
            let (kind, subject) = (wanted.kind(), wanted.subject().join("\n"));
            let sql = "SELECT id FROM approval WHERE standing = 'waits' AND kind = ?1 AND \
                       subject = ?2 AND asked_by = ?3 AND ?4 < expires";
            let same = tx
                .query_row(sql, params![kind, subject, asked_by, asked_at.0], |row| row.get(0))
                .optional()
                .map_err(failed)?;
            if let Some(id) = same {
                return Ok(unsigned(id));
            }
            let sql = "SELECT count(*) FROM approval WHERE standing = 'waits'";
            let waiting: i64 = tx.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
            if WAITING_MAX <= unsigned(waiting) {
                let message = format!("{WAITING_MAX} requests wait for approval already");
                return Err(StateError::plain(StateErrorKind::InUse, message));
            }
            let sql = "INSERT INTO approval (kind, subject, title, asked_by, reason, asked_at, \
                       expires, standing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waits')";
            let values = params![kind, subject, title, asked_by, reason, asked_at.0, expires.0];
            tx.execute(sql, values).map_err(failed)?;
            Ok(unsigned(tx.last_insert_rowid()))
        })
    }

    /// Every request, newest first.
    pub fn approvals(&self) -> Result<Vec<ApprovalShown>, StateError> {
        let sql = format!("{COLUMNS} ORDER BY id DESC");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        select.query_map([], shown).and_then(Iterator::collect).map_err(failed)
    }

    /// One request.
    pub fn approval(&self, id: u64) -> Result<ApprovalShown, StateError> {
        let sql = format!("{COLUMNS} WHERE id = ?");
        let found = self.db.query_row(&sql, [signed(id)], shown).optional().map_err(failed)?;
        found.ok_or_else(|| {
            StateError::plain(StateErrorKind::Missing, format!("there is no approval {id}"))
        })
    }

    /// Decides over a request that waits, once. `false` when somebody has decided before.
    pub fn decide_approval(
        &mut self,
        id: u64,
        by: &str,
        state: ApprovalState,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        self.durably("decide over a request", |tx| {
            let sql = "UPDATE approval SET standing = ?2, decided_by = ?3, decided_at = ?4 \
                       WHERE id = ?1 AND standing = 'waits'";
            let values = params![signed(id), state.name(), by, now.0];
            Ok(tx.execute(sql, values).map_err(failed)? == 1)
        })
    }

    /// Somebody takes the place of the schedule as the one who asked.
    pub fn adopt_approval(&mut self, id: u64, by: &str) -> Result<(), StateError> {
        self.durably("take a request over", |tx| {
            let sql = "UPDATE approval SET asked_by = ?2 WHERE id = ?1 AND standing = 'waits'";
            tx.execute(sql, params![signed(id), by]).map(|_| ()).map_err(failed)
        })
    }

    /// Says what came of a request that was approved.
    pub fn end_approval(
        &mut self,
        id: u64,
        state: ApprovalState,
        told: &str,
    ) -> Result<(), StateError> {
        self.durably("say what came of a request", |tx| {
            let sql = "UPDATE approval SET standing = ?2, told = ?3 WHERE id = ?1";
            tx.execute(sql, params![signed(id), state.name(), told]).map(|_| ()).map_err(failed)
        })
    }
}

fn shown(row: &Row<'_>) -> rusqlite::Result<ApprovalShown> {
    let (kind, subject): (String, String) = (row.get(1)?, row.get(2)?);
    let lines: Vec<String> = subject.lines().map(str::to_owned).collect();
    let wanted = Wanted::read(&kind, &lines).ok_or(rusqlite::Error::InvalidQuery)?;
    let standing: String = row.get(8)?;
    let decided_by: Option<String> = row.get(9)?;
    let decided_at: Option<i64> = row.get(10)?;
    Ok(ApprovalShown {
        id: unsigned(row.get(0)?),
        wanted,
        title: row.get(3)?,
        asked_by: row.get(4)?,
        reason: row.get(5)?,
        asked_at: Timestamp(row.get(6)?),
        expires: Timestamp(row.get(7)?),
        state: ApprovalState::from_name(&standing).ok_or(rusqlite::Error::InvalidQuery)?,
        decided: decided_by.zip(decided_at.map(Timestamp)),
        told: row.get::<_, Option<String>>(11)?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn person(name: &str, passphrase: &str) -> AsPerson {
        AsPerson { name: name.into(), passphrase: Secret::new(passphrase.into()) }
    }

    fn asked(by: &str) -> ApprovalShown {
        ApprovalShown {
            id: 0,
            wanted: Wanted::FourEyesOff,
            title: "settings set four_eyes off".into(),
            asked_by: by.into(),
            reason: "why not".into(),
            asked_at: Timestamp(5),
            expires: Timestamp(50),
            state: ApprovalState::Waits,
            decided: None,
            told: String::new(),
        }
    }

    #[test]
    fn persons_prove_who_they_are() {
        let mut state = State::empty().unwrap();
        let (salt, verifier) = proof_of(&Secret::new("correct horse".into()), &Sevens);
        state.add_approver("ann", (&salt, &verifier), Timestamp(1)).unwrap();
        let twice = state.add_approver("ann", (&salt, &verifier), Timestamp(1));
        assert_eq!(twice.unwrap_err().kind(), StateErrorKind::NameTaken);
        assert!(state.is_approver(&person("ann", "correct horse")).unwrap());
        assert!(!state.is_approver(&person("ann", "battery")).unwrap());
        assert!(!state.is_approver(&person("bob", "correct horse")).unwrap());
        state.remove_approver("ann").unwrap();
        assert!(!state.is_approver(&person("ann", "correct horse")).unwrap());
        assert!(state.approvers().unwrap().is_empty());
    }

    #[test]
    fn requests_are_decided_once() {
        let mut state = State::empty().unwrap();
        let id = state.ask_approval(&asked("ann")).unwrap();
        assert_eq!(state.ask_approval(&asked("ann")).unwrap(), id, "it waits already");
        assert_ne!(state.ask_approval(&asked("bob")).unwrap(), id);
        let decide = |state: &mut State, by| {
            state.decide_approval(id, by, ApprovalState::Approved, Timestamp(9)).unwrap()
        };
        assert!(decide(&mut state, "bob"));
        assert!(!decide(&mut state, "carl"));
        state.end_approval(id, ApprovalState::Done, "done").unwrap();
        let shown = state.approval(id).unwrap();
        assert_eq!(shown.decided, Some(("bob".to_owned(), Timestamp(9))));
        assert_eq!((shown.state, shown.told.as_str()), (ApprovalState::Done, "done"));
        assert_eq!(state.approvals().unwrap().len(), 2);
        assert_eq!(state.approval(99).unwrap_err().kind(), StateErrorKind::Missing);
    }
}
