//! Tests of the state database on real files.

use std::path::PathBuf;

use ports::Random;
use types::UserName;

use super::*;

struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, value) in bytes.iter_mut().zip(1..) {
            *byte = value;
        }
    }
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    (dir, path)
}

#[test]
fn users_are_there_after_reopening() {
    let (_dir, path) = fresh();
    let alice = UserName::new("alice").unwrap();
    let addresses = vec!["alice@example.org".to_owned(), "a@example.org".to_owned()];
    let made = {
        let mut state = State::open(&path).unwrap();
        assert_eq!(state.user(&alice).unwrap(), None);
        state.add_user(&alice, &addresses, Timestamp(7), &Counting).unwrap()
    };
    let mut state = State::open(&path).unwrap();
    assert_eq!(state.user(&alice).unwrap(), Some(made));
    let again = state.add_user(&alice, &[], Timestamp(8), &Counting).unwrap_err();
    assert_eq!(again.kind(), StateErrorKind::UserExists);
    let reader = State::open_for_reading(&path).unwrap();
    assert_eq!(reader.users().unwrap().len(), 1);
}

#[test]
fn heads_and_confirmations_are_replaced() {
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    assert_eq!(state.store_head("default").unwrap(), None);
    for entries in [3, u64::MAX] {
        let position = Position { entries, root: Hash::of(b"root") };
        state.set_store_head("default", position).unwrap();
        assert_eq!(state.store_head("default").unwrap(), Some(position));
    }
    for at in [1, 2] {
        state.confirm("default", &[SourceId(4), SourceId(5)], Timestamp(at)).unwrap();
        assert_eq!(state.confirmed_at("default", SourceId(5)).unwrap(), Some(Timestamp(at)));
    }
    assert_eq!(state.confirmed_at("other", SourceId(5)).unwrap(), None);
}

#[test]
fn a_newer_schema_is_refused_by_its_number() {
    let (_dir, path) = fresh();
    drop(State::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = State::open(&path).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::NewerSchema);
    assert!(error.to_string().contains("schema 99"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let (_dir, path) = fresh();
    std::fs::write(&path, [7; 4096]).unwrap();
    let error = State::open(&path).unwrap_err();
    assert!(error.to_string().contains("state.db"), "{error}");
}

#[test]
fn a_user_is_durable_at_once_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    let alice = UserName::new("alice").unwrap();
    state.add_user(&alice, &[], Timestamp(7), &Counting).unwrap();
    let level: i64 = state.db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!(level, 1, "and what comes later need not be");
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}
