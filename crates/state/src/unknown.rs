//! Addresses on mail that belong to nobody, and the archive for such mail.

use std::collections::BTreeSet;

use commands::{MailDirection, UnknownShown};
use ports::Random;
use rusqlite::{OptionalExtension, Row, params};
use types::{ArchiveId, Timestamp};

use crate::jobs::JobId;
use crate::{State, StateError, signed, unsigned};

/// Addresses that are kept. Further ones are not: who has so many has another trouble.
pub const UNKNOWN_KEPT_MAX: u32 = 50_000;

/// An address that was found on mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownFound {
    /// In the form for comparing.
    pub key: String,
    /// As it was written.
    pub address: String,
    /// What its owner would have done.
    pub direction: MailDirection,
    /// Whether it is in a domain in which users have addresses.
    pub ours: bool,
    /// On how many messages.
    pub messages: u64,
    /// One of them, in words.
    pub example: String,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read unknown addresses", cause)
}

const COLUMNS: &str = "SELECT address, direction, ours, messages, first, last, job.name, example \
                       FROM unknown_address LEFT JOIN job ON job.id = unknown_address.job";

impl State {
    /// Notes addresses that a job found and that belong to nobody. Not synced: of what the power
    /// takes the mail is still there.
    pub fn note_unknown(
        &mut self,
        job: Option<JobId>,
        found: &[UnknownFound],
        now: Timestamp,
    ) -> Result<(), StateError> {
        let tx = self.db.transaction().map_err(failed)?;
        {
            let kept = "SELECT count(*) FROM unknown_address";
            let kept: u32 = tx.query_row(kept, [], |row| row.get(0)).map_err(failed)?;
            let mut update = tx
                .prepare_cached(
                    "UPDATE unknown_address SET messages = messages + ?3, last = ?4, job = ?5, \
                     example = ?6, ours = ?7 WHERE key = ?1 AND direction = ?2",
                )
                .map_err(failed)?;
            let mut insert = tx
                .prepare_cached(
                    "INSERT INTO unknown_address VALUES (?1, ?2, ?8, ?7, ?3, ?4, ?4, ?5, ?6)",
                )
                .map_err(failed)?;
            let mut room = UNKNOWN_KEPT_MAX.saturating_sub(kept);
            for it in found {
                let (direction, job) = (it.direction.name(), job.map(|it| signed(it.0)));
                let messages = i64::try_from(it.messages).unwrap_or(i64::MAX);
                let UnknownFound { key, example, ours, address, .. } = it;
                let known = params![key, direction, messages, now.0, job, example, ours];
                if update.execute(known).map_err(failed)? > 0 || room == 0 {
                    continue;
                }
                room -= 1;
                let new = params![key, direction, messages, now.0, job, example, ours, address];
                insert.execute(new).map_err(failed)?;
            }
        }
        tx.commit().map_err(failed)
    }

    /// Addresses that belong to nobody: those in our domains first, then by how often they came.
    pub fn unknown(&self) -> Result<Vec<UnknownShown>, StateError> {
        let sql = format!("{COLUMNS} ORDER BY ours DESC, messages DESC, key, direction");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        select.query_map([], shown).and_then(Iterator::collect).map_err(failed)
    }

    /// What is known of one of them, by the form for comparing.
    pub fn unknown_address(&self, key: &str) -> Result<Vec<UnknownShown>, StateError> {
        let sql = format!("{COLUMNS} WHERE key = ? ORDER BY direction");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        select.query_map([key], shown).and_then(Iterator::collect).map_err(failed)
    }

    /// It belongs to somebody now.
    pub fn forget_unknown(&mut self, key: &str) -> Result<(), StateError> {
        self.db.execute("DELETE FROM unknown_address WHERE key = ?", [key]).map_err(failed)?;
        Ok(())
    }

    /// Messages with these addresses (in the form for comparing) and subjects are erased: forgets
    /// the addresses, and every example that is one of them.
    pub fn forget_erased(
        &mut self,
        keys: &BTreeSet<String>,
        subjects: &BTreeSet<String>,
    ) -> Result<(), StateError> {
        // An example says where the message is, a colon, and its subject.
        let is_of = |example: &str| {
            let ends = example
                .match_indices(": ")
                .filter_map(|(at, it)| example.get(at + it.len()..).filter(|it| !it.is_empty()));
            ends.into_iter().any(|it| subjects.contains(it))
        };
        self.durably("forget unknown addresses", |tx| {
            let rows: Vec<(String, String, String)> = {
                let sql = "SELECT key, direction, example FROM unknown_address";
                let mut select = tx.prepare(sql).map_err(failed)?;
                let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                select.query_map([], read).and_then(Iterator::collect).map_err(failed)?
            };
            for (key, direction, example) in rows {
                let change = match (keys.contains(&key), is_of(&example)) {
                    (true, _) => "DELETE FROM unknown_address",
                    (false, true) => "UPDATE unknown_address SET example = ''",
                    (false, false) => continue,
                };
                let change = format!("{change} WHERE key = ?1 AND direction = ?2");
                tx.execute(&change, [key, direction]).map_err(failed)?;
            }
            Ok(())
        })
    }

    /// The archive for mail that belongs to nobody, when it was made.
    pub fn catch_all(&self) -> Result<Option<ArchiveId>, StateError> {
        let sql = "SELECT archive FROM catch_all";
        let archive = self.db.query_row(sql, [], |row| row.get(0).map(unsigned)).optional();
        Ok(archive.map_err(failed)?.map(ArchiveId))
    }

    /// The same, made durably when it is not there.
    pub fn make_catch_all(
        &mut self,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<ArchiveId, StateError> {
        if let Some(archive) = self.catch_all()? {
            return Ok(archive);
        }
        let mut id = [0; 8];
        random.fill(&mut id);
        self.durably("make the archive for mail that belongs to nobody", |tx| {
            let sql = "INSERT OR IGNORE INTO catch_all VALUES (0, ?, ?)";
            tx.execute(sql, params![signed(u64::from_le_bytes(id)), now.0]).map_err(failed)?;
            let sql = "SELECT archive FROM catch_all";
            let archive = tx.query_row(sql, [], |row| row.get(0).map(unsigned));
            archive.map(ArchiveId).map_err(failed)
        })
    }
}

fn shown(row: &Row<'_>) -> rusqlite::Result<UnknownShown> {
    let direction: String = row.get(1)?;
    Ok(UnknownShown {
        address: row.get(0)?,
        direction: MailDirection::from_name(&direction).unwrap_or_default(),
        ours: row.get(2)?,
        messages: row.get::<_, i64>(3)?.unsigned_abs(),
        first: Timestamp(row.get(4)?),
        last: Timestamp(row.get(5)?),
        job: row.get(6)?,
        example: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateErrorKind;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn found(key: &str, messages: u64) -> UnknownFound {
        UnknownFound {
            key: key.into(),
            address: key.to_uppercase(),
            direction: MailDirection::Received,
            ours: key.ends_with("x.org"),
            messages,
            example: format!("INBOX, UID {messages}: x"),
        }
    }

    #[test]
    fn addresses_are_counted_until_somebody_has_them() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        let first = [found("a@other.org", 9), found("d@x.org", 1)];
        state.note_unknown(None, &first, Timestamp(5)).unwrap();
        state.note_unknown(None, &[found("d@x.org", 2)], Timestamp(9)).unwrap();
        let all = state.unknown().unwrap();
        let shown: Vec<_> = all.iter().map(|it| (it.address.as_str(), it.messages)).collect();
        assert_eq!(shown, [("D@X.ORG", 3), ("A@OTHER.ORG", 9)], "ours first");
        assert_eq!((all[0].first, all[0].last), (Timestamp(5), Timestamp(9)));
        assert_eq!(all[0].example, "INBOX, UID 2: x", "the newest one");
        assert_eq!(state.unknown_address("d@x.org").unwrap().len(), 1);
        state.forget_unknown("d@x.org").unwrap();
        assert_eq!(state.unknown().unwrap().len(), 1);
    }

    #[test]
    fn there_is_one_archive_for_mail_of_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let mut state = State::open(&path).unwrap();
        assert_eq!(state.catch_all().unwrap(), None);
        let made = state.make_catch_all(Timestamp(1), &Sevens).unwrap();
        assert_eq!(state.make_catch_all(Timestamp(2), &Sevens).unwrap(), made);
        drop(state);
        assert_eq!(State::open_for_reading(&path).unwrap().catch_all().unwrap(), Some(made));
        let missing = State::open_for_reading(&dir.path().join("none.db"));
        assert!(missing.is_err_and(|it| it.kind() != StateErrorKind::Missing));
    }

    fn with_example(key: &str, example: &str) -> UnknownFound {
        UnknownFound {
            key: key.into(),
            address: key.into(),
            direction: MailDirection::Received,
            ours: true,
            messages: 1,
            example: example.into(),
        }
    }

    /// What is forgotten is in no file, not even where it stood before something else did.
    #[test]
    fn what_is_erased_is_forgotten_and_in_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let mut state = State::open(&path).unwrap();
        let now = Timestamp(1_000);
        let all = [
            with_example("zqx@example.org", "INBOX: 5: Vwkjhgf: again"),
            with_example("other@example.org", "INBOX: 5: Vwkjhgf: again"),
            with_example("kept@example.org", "INBOX: 6: again"),
        ];
        state.note_unknown(None, &all, now).unwrap();
        state
            .note_unknown(None, &[with_example("kept@example.org", "INBOX: 7: Invoice")], now)
            .unwrap();
        let keys = BTreeSet::from(["zqx@example.org".to_owned()]);
        let subjects = BTreeSet::from(["Vwkjhgf: again".to_owned(), String::new()]);
        state.forget_erased(&keys, &subjects).unwrap();
        state.rid_of_deleted().unwrap();
        let left: Vec<(String, String)> =
            state.unknown().unwrap().into_iter().map(|it| (it.address, it.example)).collect();
        let left: Vec<(&str, &str)> = left.iter().map(|it| (&*it.0, &*it.1)).collect();
        let want = [("kept@example.org", "INBOX: 7: Invoice"), ("other@example.org", "")];
        assert_eq!(left, want);
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for word in ["zqx", "Vwkjhgf", "INBOX: 6"] {
                assert!(!bytes.windows(word.len()).any(|it| it == word.as_bytes()), "{word}");
            }
        }
    }
}
