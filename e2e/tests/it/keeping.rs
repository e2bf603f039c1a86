//! Retention by the schedule of a server, over several stores, and by no clock that jumped.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::erase::files_with;
use crate::posthold::Place;
use crate::serve::{Server, in_the_end};

const SECRET: &str = "Zqxvwkjhgf";

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A server whose hour it is: it carries retention out when it starts.
fn start(place: &Place) -> Server {
    while 3_600 - now() % 3_600 < 30 {
        std::thread::sleep(Duration::from_secs(1));
    }
    let hour = (now() / 3_600 % 24).to_string();
    place.ok(["settings", "set", "retention_hour", &hour]);
    Server::start(place)
}

fn lines(place: &Place, line: &[&str]) -> Vec<Value> {
    place.run(line.iter().chain(&["--json"])).json_lines()
}

fn import(place: &Place, n: usize, subject: &str) -> String {
    let mail = format!(
        "From: {subject}@example.org\r\nTo: alice@example.org\r\nSubject: {subject} {n}\r\n\
         Date: Fri, 1 Mar 2024 09:30:00 +0000\r\nMessage-ID: <{n}@example.org>\r\n\r\n\
         The text of {subject}.\r\n"
    );
    fs::write(place.path("one.eml"), &mail).unwrap();
    place.ok(["import", "one.eml", "--user", "alice"]);
    fs::remove_file(place.path("one.eml")).unwrap();
    crate::mail::id(mail.as_bytes())
}

/// Two stores that are written to, each with a message that is over and one that is held.
fn two_stores() -> (Place, Vec<String>) {
    let place = Place::new();
    let mut over = vec![import(&place, 1, SECRET)];
    import(&place, 2, "Smith");
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    over.push(import(&place, 3, SECRET));
    import(&place, 4, "Smith");
    over.sort();
    place.ok(["settings", "set", "erasure_grace_days", "0"]);
    let hold = ["hold", "set", "smith", "--query", "from:smith", "--reason", "case 12/2026"];
    place.ok(hold);
    let policy = ["retention", "add", "old", "--all", "--remove-after", "1d", "--from", "message"];
    place.ok(policy);
    (place, over)
}

/// Changes what the state remembers of the clock. Nothing of Posthold can.
fn remember(place: &Place, seen: u64) {
    let script = "import sqlite3, sys\n\
                  db = sqlite3.connect(sys.argv[1])\n\
                  db.execute('REPLACE INTO retention_clock VALUES (0, ?, NULL, NULL, NULL)',\n\
                             [int(sys.argv[2])])\n\
                  db.commit()\n";
    let path = place.data().join("state.db");
    assert!(path.is_file());
    let args = ["-c", script, path.to_str().unwrap(), &seen.to_string()];
    assert!(Command::new("python3").args(args).status().unwrap().success());
}

fn has_python() -> bool {
    Path::new("/usr/bin/python3").exists()
}

#[test]
fn a_server_runs_retention_over_all_stores() {
    let (place, over) = two_stores();
    // Condemned by one run, erased by the next: each server has one.
    let server = start(&place);
    let erasures = in_the_end("both are condemned", || {
        Some(lines(&place, &["store", "erasures"])).filter(|it| it.len() == 2)
    });
    assert!(erasures.iter().all(|it| it["rule"] == "old" && it["erased"].is_null()));
    // They are found until they are erased.
    assert_eq!(place.ids("subject:zqxvwkjhgf").len(), 2);
    let ran = server.stop(&place);
    assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);

    let server = start(&place);
    in_the_end("what is erased is out of every file", || {
        let all = lines(&place, &["store", "erasures"]);
        let are_erased = all.iter().filter(|it| it["erased"].is_string()).count() == 2;
        let cleared = |store: &str| place.data().join("stores").join(store).join("cleared");
        (are_erased && cleared("default").exists() && cleared("second").exists()).then_some(())
    });
    assert_eq!(place.ids("text"), place.ids("from:smith"));
    let ran = server.stop(&place);
    assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
    for word in [SECRET.to_owned(), SECRET.to_lowercase()] {
        let found = files_with(&place.data(), &word);
        // The search of this test was typed, and stands in the audit log as it was typed.
        let found: Vec<_> =
            found.iter().filter(|it| !it.starts_with(place.data().join("audit"))).collect();
        assert!(found.is_empty(), "{word}: {found:?}");
    }

    // Who did it, and which messages went.
    let removals = lines(&place, &["audit", "list", "--each", "--activity", "MessageRemove"]);
    let mut gone: Vec<String> = Vec::new();
    for it in &removals {
        assert_eq!(it["who"], "the schedule", "{it}");
        let ids = it["messages"].as_array().unwrap().iter();
        gone.extend(ids.map(|it| it.as_str().unwrap().to_owned()));
    }
    gone.sort();
    assert_eq!(gone, over);
    let holds = lines(&place, &["audit", "list", "--each", "--activity", "HoldChange"]);
    assert_eq!((holds.len(), &holds[0]["objects"]), (1, &json!(["hold:smith"])));
    place.ok(["verify"]);

    // A server that was killed before it had cleared a store does it when it starts again.
    for store in ["default", "second"] {
        fs::remove_file(place.data().join("stores").join(store).join("cleared")).unwrap();
    }
    let server = start(&place);
    for store in ["default", "second"] {
        let path = place.data().join("stores").join(store).join("cleared");
        in_the_end("it is cleared again", || path.exists().then_some(()));
    }
    server.stop(&place);
}

#[test]
fn a_server_whose_clock_jumped_removes_nothing_until_somebody_confirms() {
    if !has_python() {
        return testkit::left_out("python3 is not installed");
    }
    let (place, _) = two_stores();
    // The machine was three days ahead when it was looked at last: now it is behind.
    remember(&place, now() + 3 * 86_400);
    let server = start(&place);
    let alerts = in_the_end("an alert", || {
        let all = lines(&place, &["alert", "list"]);
        all.into_iter().find(|it| it["kind"] == "clock")
    });
    assert!(alerts["message"].as_str().unwrap().contains("Retention stands still"), "{alerts}");
    let refused = place.run(["retention", "run"]);
    assert!(refused.code == 2 && refused.stderr.contains("stands still"), "{}", refused.stderr);
    assert!(lines(&place, &["store", "erasures"]).is_empty());
    place.ok(["retention", "confirm-clock"]);
    server.stop(&place);
    let server = start(&place);
    in_the_end("it goes on", || (lines(&place, &["store", "erasures"]).len() == 2).then_some(()));
    server.stop(&place);
}
