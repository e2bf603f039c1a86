//! `export`.

use std::collections::BTreeSet;
use std::fs;

use expect_test::{Expect, expect};
use serde_json::json;

use crate::mail::{by_id, exported, files_below, id, samples, write_samples};
use crate::posthold::Place;

fn check(place: &Place, line: &[&str], want: &Expect) {
    want.assert_eq(&place.run(line).transcript(place));
}

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["import", "mail/report.eml", "--user", "bob", "--folder", "Sent"]);
    place
}

#[test]
fn everything_once_more_writes_nothing() {
    let place = archived();
    check(
        &place,
        &["export", "--all", "--to", "out"],
        &expect![[r#"
        exit code 0
        Exported 7 messages (1.4 kB) to out.
    "#]],
    );
    check(
        &place,
        &["export", "--all", "--to", "out"],
        &expect![[r#"
        exit code 0
        Exported 0 messages (0 B) to out.
        7 messages there already, byte for byte.
    "#]],
    );
    let wanted = samples();
    let wanted = by_id(wanted.iter().map(|(_, it)| it.as_slice()));
    assert_eq!(exported(&place.path("out")), wanted);
}

#[test]
fn a_file_with_other_content_is_not_replaced() {
    let place = archived();
    let report = id(&samples()[0].1);
    fs::create_dir_all(place.path("out/alice/INBOX")).unwrap();
    let path = place.path("out/alice/INBOX").join(format!("{report}.eml"));
    fs::write(&path, "mine").unwrap();
    check(
        &place,
        &["export", "--all", "--to", "out"],
        &expect![[r#"
        exit code 1
        Exported 6 messages (968 B) to out.
        1 file there with other content, left alone:
          out/alice/INBOX/247e39d1713277eea60ab6021d0163b78693a00e738710863e0916fd0c77b925.eml
    "#]],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_part_of_it() {
    let place = archived();
    let count = |line: &[&str]| {
        let _ = fs::remove_dir_all(place.path("out"));
        let line = ["export", "--to", "out", "--json"].iter().chain(line);
        place.ok(line).json()["exported"].as_u64().unwrap()
    };
    assert_eq!(count(&["--query", "quarterly"]), 2);
    assert_eq!(count(&["--query", "from:nobody"]), 0);
    assert_eq!(count(&["--folder", "bob/Sent"]), 1);
    assert_eq!(count(&["--folder", "alice"]), 6);
    assert_eq!(count(&["--all", "--user", "bob"]), 1);
    assert_eq!(count(&["--query", "zwolf", "--user", "bob"]), 0);
    check(
        &place,
        &["export", "--folder", "nowhere", "--to", "out"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no folder "nowhere"
        stderr:   `posthold search --json` shows the folders of messages.
    "#]],
    );
}

#[test]
fn as_mbox() {
    let place = archived();
    let export = place.ok(["export", "--all", "--to", "out", "--format", "mbox", "--json"]).json();
    assert_eq!(export["exported"], 7, "placements");
    // What was exported is imported again, and nothing is new.
    let run = place.ok(["import", "out", "--user", "alice", "--root", "again", "--json"]).json();
    assert_eq!(run["read"], 7);
    let line = ["export", "--all", "--to", "out", "--format", "mbox", "--json"];
    let _ = fs::remove_dir_all(place.path("out"));
    assert_eq!(place.ok(line).json()["damaged"], json!([]));
}

#[test]
fn as_maildir() {
    let place = archived();
    let line = ["export", "--all", "--to", "out", "--format", "maildir", "--json"];
    let export = place.ok(line).json();
    assert_eq!(export["exported"], 7, "placements");
    assert_eq!(place.ok(line).json()["already"], 7);
    let wanted = samples();
    let wanted: BTreeSet<String> = wanted.iter().map(|(_, it)| id(it)).collect();
    fs::remove_dir_all(place.path("mail")).unwrap();
    let files = files_below(&place.path("out"));
    assert_eq!(files.len(), 7);
    for (name, bytes) in files {
        assert!(
            wanted.contains(name.get(..64).unwrap()) && name.starts_with(&id(&bytes)),
            "{name}"
        );
    }
}
