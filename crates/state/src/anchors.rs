//! Anchors, and the checkpoints that went there.

use std::path::PathBuf;

use commands::{AnchorAdd, AnchorShown, AnchorTarget};
use rusqlite::{OptionalExtension, Row, params};
use types::Timestamp;

use crate::{State, StateError, StateErrorKind};

/// A checkpoint that went to an anchor, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptAnchored {
    /// The name of the log.
    pub log: String,
    /// The name of the anchor.
    pub anchor: String,
    /// What that is.
    pub kind: String,
    /// When it went there.
    pub at: Timestamp,
    /// The time-stamp token, in DER.
    pub token: Option<Vec<u8>>,
    /// The signed checkpoint, word for word.
    pub note: String,
}

fn failed(cause: rusqlite::Error) -> StateError {
    StateError::query("keep or read the anchors", cause)
}

fn missing(name: &str) -> StateError {
    StateError::plain(StateErrorKind::Missing, format!("there is no anchor {name:?}"))
}

impl State {
    /// All anchors, by name.
    pub fn anchors(&self) -> Result<Vec<AnchorShown>, StateError> {
        let sql = "SELECT name, kind, target, every_hours, made, made_by, done, tried, failure,
                   roots FROM anchor ORDER BY name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select.query_map([], anchor).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        // A kind that this version does not know is left alone.
        Ok(rows.map_err(failed)?.into_iter().flatten().collect())
    }

    /// The anchor of this name.
    pub fn anchor(&self, name: &str) -> Result<AnchorShown, StateError> {
        self.anchors()?.into_iter().find(|it| it.name == name).ok_or_else(|| missing(name))
    }

    /// Makes an anchor.
    pub fn add_anchor(
        &mut self,
        it: &AnchorAdd,
        made_by: &str,
        now: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("keep an anchor", |tx| {
            let taken = "SELECT name FROM anchor WHERE name = ?";
            let taken: Option<String> =
                tx.query_row(taken, [&it.name], |row| row.get(0)).optional().map_err(failed)?;
            if taken.is_some() {
                let message = format!("there is an anchor {:?} already", it.name);
                return Err(StateError::plain(StateErrorKind::NameTaken, message));
            }
            let (target, roots) = columns(&it.target);
            let sql = "INSERT INTO anchor (name, kind, target, every_hours, made, made_by, roots)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let row =
                params![it.name, it.target.kind(), target, it.every_hours, now.0, made_by, roots];
            tx.execute(sql, row).map(|_| ()).map_err(failed)
        })
    }

    /// Changes the anchor of this name. One that is elsewhere then is like a new one: it has no
    /// checkpoint yet.
    pub fn change_anchor(
        &mut self,
        it: &AnchorAdd,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let before = self.anchor(&it.name)?;
        self.durably("change an anchor", |tx| {
            let (target, roots) = columns(&it.target);
            let sql = "UPDATE anchor SET kind = ?2, target = ?3, roots = ?4, every_hours = ?5
                       WHERE name = ?1";
            let row = params![it.name, it.target.kind(), target, roots, it.every_hours];
            tx.execute(sql, row).map_err(failed)?;
            if before.target.kind() == it.target.kind()
                && before.target.place() == it.target.place()
            {
                return Ok(());
            }
            let sql = "UPDATE anchor SET done = NULL, tried = NULL, failure = NULL, failures = 0,
                       made = ?2, made_by = ?3 WHERE name = ?1";
            tx.execute(sql, params![it.name, now.0, by]).map(drop).map_err(failed)
        })
    }

    /// Lets an anchor go. What went there is still known.
    pub fn remove_anchor(&mut self, name: &str) -> Result<(), StateError> {
        self.durably("let an anchor go", |tx| {
            match tx.execute("DELETE FROM anchor WHERE name = ?", [name]).map_err(failed)? {
                0 => Err(missing(name)),
                _ => Ok(()),
            }
        })
    }

    /// Notes how sending to an anchor ended, with what went there.
    pub fn note_anchored(
        &mut self,
        name: &str,
        sent: &[KeptAnchored],
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StateError> {
        self.durably("note what went to an anchor", |tx| {
            for it in sent {
                let sql = "INSERT INTO anchored (log, anchor, kind, at, token, note)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let row = params![it.log, it.anchor, it.kind, it.at.0, it.token, it.note];
                tx.execute(sql, row).map_err(failed)?;
            }
            let sql = "UPDATE anchor SET tried = ?2, failure = ?3,
                       done = CASE WHEN ?3 IS NULL THEN ?2 ELSE done END,
                       failures = CASE WHEN ?3 IS NULL THEN 0 ELSE failures + 1 END
                       WHERE name = ?1";
            tx.execute(sql, params![name, now.0, failure]).map(|_| ()).map_err(failed)
        })
    }

    /// How often sending to an anchor failed since it last did not.
    pub fn anchor_failures(&self, name: &str) -> Result<u32, StateError> {
        let sql = "SELECT failures FROM anchor WHERE name = ?";
        let failures = self.db.query_row(sql, [name], |row| row.get(0)).optional();
        Ok(failures.map_err(failed)?.unwrap_or_default())
    }

    /// Every checkpoint of a log that went to an anchor, in order.
    pub fn anchored(&self, log: &str) -> Result<Vec<KeptAnchored>, StateError> {
        let sql = "SELECT log, anchor, kind, at, token, note FROM anchored WHERE log = ?
                   ORDER BY id";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([log], kept).and_then(Iterator::collect).map_err(failed)
    }

    /// The logs of which checkpoints went to anchors.
    pub fn anchored_logs(&self) -> Result<Vec<String>, StateError> {
        let sql = "SELECT DISTINCT log FROM anchored ORDER BY log";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        select.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)
    }
}

/// Where an anchor is, and the certificates of an authority.
fn columns(target: &AnchorTarget) -> (String, Option<&str>) {
    match target {
        AnchorTarget::Mail(people) => (people.join("\n"), None),
        AnchorTarget::File(path) => (path.to_string_lossy().into_owned(), None),
        AnchorTarget::Tsa { url, roots } => (url.clone(), Some(roots)),
    }
}

fn anchor(row: &Row<'_>) -> rusqlite::Result<Option<AnchorShown>> {
    let time = |place| row.get::<_, Option<i64>>(place).map(|it| it.map(Timestamp));
    let (kind, target): (String, String) = (row.get(1)?, row.get(2)?);
    let target = match kind.as_str() {
        "mail" => AnchorTarget::Mail(target.lines().map(str::to_owned).collect()),
        "file" => AnchorTarget::File(PathBuf::from(target)),
        "tsa" => AnchorTarget::Tsa {
            url: target,
            roots: row.get::<_, Option<String>>(9)?.unwrap_or_default(),
        },
        _ => return Ok(None),
    };
    Ok(Some(AnchorShown {
        name: row.get(0)?,
        target,
        every_hours: row.get(3)?,
        made: Timestamp(row.get(4)?),
        made_by: row.get(5)?,
        done: time(6)?,
        tried: time(7)?,
        failure: row.get(8)?,
    }))
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptAnchored> {
    Ok(KeptAnchored {
        log: row.get(0)?,
        anchor: row.get(1)?,
        kind: row.get(2)?,
        at: Timestamp(row.get(3)?),
        token: row.get(4)?,
        note: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_kept_with_what_went_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        let people = AnchorTarget::Mail(vec!["a@x.org".into(), "b@x.org".into()]);
        let board =
            AnchorAdd { name: "board".into(), target: people, every_hours: 24, ca_file: None };
        let worm = AnchorTarget::File("/worm/checkpoints".into());
        let worm = AnchorAdd { name: "worm".into(), target: worm, every_hours: 1, ca_file: None };
        state.add_anchor(&worm, "ann", Timestamp(1)).unwrap();
        state.add_anchor(&board, "ann", Timestamp(2)).unwrap();
        let taken = state.add_anchor(&board, "ann", Timestamp(2)).unwrap_err();
        assert_eq!(taken.kind(), StateErrorKind::NameTaken);
        let all = state.anchors().unwrap();
        let tsa = AnchorTarget::Tsa { url: "http://t/".into(), roots: "pem".into() };
        let tsa = AnchorAdd { name: "tsa".into(), target: tsa, every_hours: 5, ca_file: None };
        state.add_anchor(&tsa, "ann", Timestamp(3)).unwrap();
        assert_eq!(state.anchor("tsa").unwrap().target, tsa.target);
        state.remove_anchor("tsa").unwrap();
        let names: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.target.place())).collect();
        let want = [("board", "a@x.org, b@x.org"), ("worm", "/worm/checkpoints")];
        assert_eq!(names.iter().map(|(a, b)| (*a, b.as_str())).collect::<Vec<_>>(), want);
        let sent = KeptAnchored {
            log: "posthold/store/1".into(),
            anchor: "worm".into(),
            kind: "file".into(),
            at: Timestamp(5),
            token: Some(vec![1, 2]),
            note: "note".into(),
        };
        state.note_anchored("worm", &[], Some("no such file"), Timestamp(4)).unwrap();
        let worm = state.anchor("worm").unwrap();
        assert_eq!((worm.done, worm.tried), (None, Some(Timestamp(4))));
        assert_eq!(worm.failure.as_deref(), Some("no such file"));
        assert_eq!(state.anchor_failures("worm").unwrap(), 1);
        state.note_anchored("worm", std::slice::from_ref(&sent), None, Timestamp(5)).unwrap();
        let worm = state.anchor("worm").unwrap();
        assert_eq!(
            (worm.done, worm.tried, worm.failure),
            (Some(Timestamp(5)), Some(Timestamp(5)), None)
        );
        assert_eq!(state.anchor_failures("worm").unwrap(), 0);
        state.remove_anchor("worm").unwrap();
        assert_eq!(state.remove_anchor("worm").unwrap_err().kind(), StateErrorKind::Missing);
        assert_eq!(state.anchored("posthold/store/1").unwrap(), [sent]);
        assert_eq!(state.anchored_logs().unwrap(), ["posthold/store/1"]);
        assert_eq!(state.anchored("posthold/store/2").unwrap(), []);
    }
    #[test]
    fn an_anchor_that_is_elsewhere_is_like_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(&dir.path().join("state.db")).unwrap();
        let file = |path: &str, every_hours| {
            let target = AnchorTarget::File(path.into());
            AnchorAdd { name: "a".into(), target, every_hours, ca_file: None }
        };
        let missing = state.change_anchor(&file("/x", 1), "bob", Timestamp(1)).unwrap_err();
        assert_eq!(missing.kind(), StateErrorKind::Missing);
        state.add_anchor(&file("/x", 24), "ann", Timestamp(1)).unwrap();
        state.note_anchored("a", &[], None, Timestamp(5)).unwrap();
        state.note_anchored("a", &[], Some("full"), Timestamp(6)).unwrap();
        state.change_anchor(&file("/x", 2), "bob", Timestamp(7)).unwrap();
        let it = state.anchor("a").unwrap();
        assert_eq!(
            (it.every_hours, it.done, it.tried),
            (2, Some(Timestamp(5)), Some(Timestamp(6)))
        );
        assert_eq!(state.anchor_failures("a").unwrap(), 1);
        state.change_anchor(&file("/y", 2), "bob", Timestamp(8)).unwrap();
        let it = state.anchor("a").unwrap();
        assert_eq!((it.target.place(), it.made_by), ("/y".to_owned(), "bob".to_owned()));
        assert_eq!(it.made, Timestamp(8));
        assert_eq!((it.done, it.tried, it.failure), (None, None, None));
        assert_eq!(state.anchor_failures("a").unwrap(), 0);
    }
}
