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
fn searches() {
    let place = archived();
    check(&place, &["search", "from:bob subject:\"quarterly report\""], &expect![]);
    check(&place, &["search", ""], &expect![]);
    check(&place, &["search", "--limit", "1"], &expect![]);
    check(&place, &["search", "nobody-wrote-this"], &expect![]);
    check(&place, &["search", "nobody-wrote-this", "--json"], &expect![]);
    check(&place, &["search", "zwolf"], &expect![]);
    check(&place, &["search", "report", "--count"], &expect![]);
    check(&place, &["search", "report", "--count", "--json"], &expect![]);
    check(&place, &["search", "report", "--user", "bob", "--count"], &expect![]);
    check(&place, &["search", "zwolf", "--user", "bob", "--count"], &expect![]);
    check(&place, &["search", "--count", "has:attachment before:2024-03-02"], &expect![]);
}

#[test]
fn wrong_searches_point_at_the_place() {
    let place = archived();
    check(&place, &["search", "from:bob (report"], &expect![]);
    check(&place, &["search", "after:yesterdayish", "--json"], &expect![]);
    check(&place, &["search", "report", "--user", "nobody"], &expect![]);
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
    check(&place, &["show", &ids[0]], &expect![]);
    check(&place, &["show", ids[1].get(..12).unwrap()], &expect![]);
    check(&place, &["show", &ids[5]], &expect![]);
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
    check(&place, &["show", "0000000000000000"], &expect![]);
    check(&place, &["show", &"0".repeat(64), "--json"], &expect![]);
    check(&place, &["show", "report"], &expect![]);
    check(&place, &["show", "e3"], &expect![]);
    check(&place, &["show", ""], &expect![]);
}
