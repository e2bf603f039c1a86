//! `search` and `show`.

use expect_test::{Expect, expect};
use serde_json::json;

use crate::mail::{id, samples, write_samples};
use crate::posthold::Place;

fn check(place: &Place, line: &[&str], want: &Expect) {
    want.assert_eq(&place.run(line).transcript(place));
}

/// A place with the samples in the archive of alice, and one of them in that of bob.
fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["import", "mail/report.eml", "--user", "bob"]);
    place
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn searches() {
    let place = archived();
    check(
        &place,
        &["search", "from:bob subject:\"quarterly report\""],
        &expect![[r#"
        exit code 0
        247e39d17132  2024-03-01 09:30  Bob Example               Quarterly report
    "#]],
    );
    check(
        &place,
        &["search", ""],
        &expect![[r#"
        exit code 0
        b3c3c0a0843a  TIME   (no sender)               (no subject)
        e3b0c44298fc  TIME   (no sender)               (no subject)
        dbbd4749cbf5  TIME   (no sender)               (no subject)
        7c2945967060  2024-03-03 08:00  Dave                      From lines
        d9db6d964cfa  2024-03-02 09:00  carol@example.org         Mittagessen um zwölf?
        247e39d17132  2024-03-01 09:30  Bob Example               Quarterly report
    "#]],
    );
    check(
        &place,
        &["search", "--limit", "1"],
        &expect![[r#"
        exit code 0
        b3c3c0a0843a  TIME   (no sender)               (no subject)
        stderr: 1 of 6 hits.
    "#]],
    );
    check(
        &place,
        &["search", "nobody-wrote-this"],
        &expect![[r#"
        exit code 0
        stderr: Nothing found.
    "#]],
    );
    check(
        &place,
        &["search", "nobody-wrote-this", "--json"],
        &expect![[r#"
        exit code 0
    "#]],
    );
    check(
        &place,
        &["search", "zwolf"],
        &expect![[r#"
        exit code 0
        d9db6d964cfa  2024-03-02 09:00  carol@example.org         Mittagessen um zwölf?
    "#]],
    );
    check(
        &place,
        &["search", "report", "--count"],
        &expect![[r#"
        exit code 0
        1
    "#]],
    );
    check(
        &place,
        &["search", "report", "--count", "--json"],
        &expect![[r#"
        exit code 0
        {"count":1,"index_complete":true,"stores":{"read":1,"of":1,"unread":[]}}
    "#]],
    );
    check(
        &place,
        &["search", "report", "--user", "bob", "--count"],
        &expect![[r#"
        exit code 0
        1
    "#]],
    );
    check(
        &place,
        &["search", "zwolf", "--user", "bob", "--count"],
        &expect![[r#"
        exit code 0
        0
    "#]],
    );
    check(
        &place,
        &["search", "--count", "has:attachment before:2024-03-02"],
        &expect![[r#"
        exit code 0
        1
    "#]],
    );
}

#[test]
fn wrong_searches_point_at_the_place() {
    let place = archived();
    check(
        &place,
        &["search", "from:bob (report"],
        &expect![[r#"
        exit code 2
        stderr: error: the query is wrong:
        stderr:   from:bob (report
        stderr:            ^ this parenthesis is never closed
        stderr:   Write ) where it ends, or leave it out.
    "#]],
    );
    check(
        &place,
        &["search", "after:yesterdayish", "--json"],
        &expect![[r#"
        exit code 2
        {"error":{"kind":"request","message":"the query is wrong:\n  after:yesterdayish\n        ^ \"yesterdayish\" is not a date","hint":"Write 2026, 2026-11, TIME, TIME, today, 7d, 2w, 3m or 1y."}}
    "#]],
    );
    check(
        &place,
        &["search", "report", "--user", "nobody"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no user "nobody"
        stderr:   `posthold user list` shows the users.
    "#]],
    );
}

#[test]
fn a_hit_for_programs() {
    let place = archived();
    let hits = place.ok(["search", "quarterly", "--json"]).json_lines();
    let report = &samples()[0].1;
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0]["id"], json!(id(report)));
    assert_eq!(hits[0]["date"], "2024-03-01T09:30:00Z");
    assert_eq!(hits[0]["from"], "Bob Example <bob@example.org>");
    assert_eq!(hits[0]["to"], "Alice <alice@example.org>");
    assert_eq!(hits[0]["subject"], "Quarterly report");
    assert_eq!(hits[0]["folders"], json!(["alice/INBOX", "bob/INBOX"]));
    let hits = place.ok(["search", "quarterly", "--user", "bob", "--json"]).json_lines();
    assert_eq!((&hits[0]["user"], &hits[0]["folders"]), (&json!("bob"), &json!(["bob/INBOX"])));
}

#[test]
fn messages_are_shown() {
    let place = archived();
    let samples = samples();
    let ids: Vec<String> = samples.iter().map(|(_, it)| id(it)).collect();
    check(
        &place,
        &["show", &ids[0]],
        &expect![[r#"
        exit code 0
        Date:       2024-03-01T09:30:00Z
        From:       Bob Example <bob@example.org>
        To:         Alice <alice@example.org>
        Subject:    Quarterly report
        Message-ID: 1@example.org
        Folders:    alice/INBOX, bob/INBOX
        Size:       468 B
        Id:         247e39d1713277eea60ab6021d0163b78693a00e738710863e0916fd0c77b925

        Here are the figures.

        Parts:
          report.pdf  application/pdf  9 B
    "#]],
    );
    check(
        &place,
        &["show", ids[1].get(..12).unwrap()],
        &expect![[r#"
        exit code 0
        Date:       2024-03-02T09:00:00Z
        From:       carol@example.org
        To:         alice@example.org, bob@example.org
        Subject:    Mittagessen um zwölf?
        Message-ID: 2@example.org
        Folders:    alice/INBOX
        Size:       288 B
        Id:         d9db6d964cfafdcdeb31daf4a69f493802c9a9695381d4bfcee1738164d966fc

        Grüße, und ein ␛[31mFarbwechsel
    "#]],
    );
    check(
        &place,
        &["show", &ids[5]],
        &expect![[r#"
        exit code 0
        Date:       TIME
        Folders:    alice/INBOX
        Size:       0 B
        Id:         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        Defects:    empty
    "#]],
    );
}

#[test]
fn exact_bytes_are_shown() {
    let place = archived();
    for (name, bytes) in samples() {
        assert_eq!(place.ok(["show", &id(&bytes), "--raw"]).stdout, bytes, "{name}");
        assert_eq!(place.ok(["show", &id(&bytes), "--raw", "--json"]).stdout, bytes, "{name}");
    }
}

#[test]
fn ids_that_name_no_message() {
    let place = archived();
    check(
        &place,
        &["show", "0000000000000000"],
        &expect![[r#"
        exit code 1
        stderr: error: there is no message 0000000000000000
        stderr:   `posthold search` shows the ids of messages.
    "#]],
    );
    check(
        &place,
        &["show", &"0".repeat(64), "--json"],
        &expect![[r#"
        exit code 1
        {"error":{"kind":"not_found","message":"there is no message 0000000000000000000000000000000000000000000000000000000000000000","hint":"`posthold search` shows the ids of messages."}}
    "#]],
    );
    check(
        &place,
        &["show", "report"],
        &expect![[r#"
        exit code 2
        stderr: error: an id has 8 to 64 hexadecimal digits, not "report"
        stderr:   `posthold search` shows the ids of messages.
    "#]],
    );
    check(
        &place,
        &["show", "e3"],
        &expect![[r#"
        exit code 2
        stderr: error: an id has 8 to 64 hexadecimal digits, not "e3"
        stderr:   `posthold search` shows the ids of messages.
    "#]],
    );
    check(
        &place,
        &["show", ""],
        &expect![[r#"
        exit code 2
        stderr: error: an id has 8 to 64 hexadecimal digits, not ""
        stderr:   `posthold search` shows the ids of messages.
    "#]],
    );
}
