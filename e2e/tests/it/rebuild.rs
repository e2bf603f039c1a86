//! `store rebuild-catalog`, `store rebuild-index`: from the log alone, the same answers.

use std::fs;

use crate::mail::write_samples;
use crate::posthold::Place;

/// What people and programs are told about everything, in both orders.
fn answers(place: &Place) -> Vec<String> {
    let lines: [&[&str]; 6] = [
        &["search", "--json"],
        &["search", "report OR zwolf", "--order", "relevance", "--json"],
        &["search", "is:flagged", "--count"],
        &["search", "folder:sub", "--json"],
        &["user", "list", "--json"],
        &["export", "--folder", "alice/sub", "--to", "out", "--json"],
    ];
    lines.iter().map(|line| place.ok(*line).text().to_owned()).collect()
}

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    write_samples(&place.path("mail/sub"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["import", "mail/report.eml", "--user", "bob"]);
    // So that the files are there already, before and after.
    place.ok(["export", "--folder", "alice/sub", "--to", "out"]);
    place
}

#[test]
fn both_views_again() {
    let place = archived();
    let before = answers(&place);
    for view in ["rebuild-catalog", "rebuild-index"] {
        let ran = place.ok(["store", view, "--json"]).json();
        assert_eq!(ran["messages"], 6, "{ran}");
        assert_eq!(answers(&place), before, "{view}");
        place.ok(["verify"]);
    }
}

#[test]
fn views_that_are_gone() {
    let place = archived();
    let before = answers(&place);
    let store = place.data().join("stores/default");
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = fs::remove_file(store.join(name));
    }
    fs::remove_dir_all(store.join("index")).unwrap();
    place.ok(["store", "rebuild-catalog"]);
    place.ok(["store", "rebuild-index"]);
    assert_eq!(answers(&place), before);
    place.ok(["verify"]);
}
