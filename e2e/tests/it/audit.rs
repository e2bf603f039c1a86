//! The audit log: who did what, and what is refused when it cannot be written down.

use std::fs;

use serde_json::Value;

use crate::mail::{id, samples, write_samples};
use crate::posthold::Place;
use crate::serve::Server;

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

/// `activity outcome objects` of each entry.
fn entries(place: &Place, more: &[&str]) -> Vec<String> {
    let line = ["audit", "list", "--each", "--json"];
    let rows = place.ok(line.iter().chain(more)).json_lines();
    rows.iter().map(told).collect()
}

fn told(row: &Value) -> String {
    let objects = row["objects"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let objects = objects.collect::<Vec<_>>().join(" ");
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    format!("{} {} {objects}", text("activity"), text("outcome")).trim_end().to_owned()
}

#[test]
fn what_is_read_and_changed_is_logged_with_who_and_what() {
    let place = archived();
    let report = id(&samples()[0].1);
    place.ok(["search", "quarterly", "--reason", "case 7"]);
    place.ok(["show", &report]);
    place.ok(["show", &report, "--raw"]);
    place.ok(["export", "--all", "--user", "alice", "--to", "out"]);
    assert_eq!(place.run(["show", "0000000000"]).code, 1);
    place.ok(["user", "add", "bob"]);
    place.ok(["settings", "set", "alert_stale_hours", "5"]);
    // Looking at settings shows no mail and changes nothing.
    place.ok(["settings", "list"]);
    let all = entries(&place, &[]);
    let want = [
        "MessageArchive done user:alice file:mail".to_owned(),
        "MessageSearch done query:quarterly".to_owned(),
        format!("MessageRetrieveContent done message:{report}"),
        format!("MessageRetrieveContent done message:{report}"),
        "MessageExport done user:alice query: file:out".to_owned(),
        "MessageRetrieveContent refused message:0000000000".to_owned(),
        "UserChange done user:bob".to_owned(),
        "SettingsChange done setting:alert_stale_hours value:5".to_owned(),
        "AuditRead asked".to_owned(),
    ];
    assert_eq!(all, want);
    let rows = place.ok(["audit", "list", "--each", "--json"]).json_lines();
    let search = &rows[1];
    assert_eq!(search["command"], "posthold search quarterly --reason 'case 7'");
    assert_eq!(search["reason"], "case 7");
    assert_eq!(search["messages"][0], report.as_str());
    assert!(search["identity"].as_str().unwrap().starts_with("uid "));
    assert_eq!(rows[2]["messages"], serde_json::json!([report]));
    let n_samples = samples().len();
    assert_eq!(rows[4]["messages_total"], n_samples);
    assert_eq!(rows[4]["messages"].as_array().unwrap().len(), n_samples);
    assert!(place.ok(["verify"]).text().contains("Everything is as it was stored"));
}

#[test]
fn the_list_is_filtered() {
    let place = archived();
    place.ok(["user", "add", "bob"]);
    place.ok(["user", "set", "bob", "--full-name", "Bob"]);
    place.ok(["search", "quarterly"]);
    let of_bob = ["UserChange done user:bob", "UserChange done user:bob"];
    assert_eq!(entries(&place, &["--object", "user:bob"]), of_bob);
    assert_eq!(entries(&place, &["--activity", "userchange"]), of_bob);
    assert_eq!(entries(&place, &["--activity", "UserChange", "--limit", "1"]).len(), 1);
    assert!(entries(&place, &["--by", "nobody at all"]).is_empty());
    assert!(entries(&place, &["--until", "2020-01-01"]).is_empty());
    assert!(!entries(&place, &["--since", "2020-01-01", "--by", "uid"]).is_empty());
    assert_eq!(place.run(["audit", "list", "--activity", "x"]).code, 2);
}

#[test]
fn what_must_be_logged_cannot_be_left_out() {
    let place = archived();
    assert_eq!(place.run(["audit", "disable", "ComplianceChangeSettings"]).code, 2);
    assert_eq!(place.run(["audit", "disable", "SettingsChange"]).code, 2);
    place.ok(["audit", "disable", "MessageRetrieveContent"]);
    // On the command line of the server it is the mail of others all the same.
    place.ok(["show", &id(&samples()[0].1)]);
    place.ok(["audit", "enable", "ConfigurationRead"]);
    place.ok(["user", "list"]);
    let all = entries(&place, &[]);
    assert!(all.iter().any(|it| it.starts_with("MessageRetrieveContent done")), "{all:?}");
    assert!(all.contains(&"ConfigurationRead done".to_owned()), "{all:?}");
    assert!(
        all.contains(&"ComplianceChangeSettings done activity:MessageRetrieveContent".to_owned()),
        "{all:?}"
    );
}

#[test]
fn reading_needs_a_reason_where_that_is_set() {
    let place = archived();
    let report = id(&samples()[0].1);
    place.ok(["user", "add", "bob"]);
    place.ok(["settings", "set", "audit_reading_needs_reason", "on"]);
    let refused = place.run(["show", &report]);
    assert_eq!((refused.code, refused.stdout.as_slice()), (2, &b""[..]));
    assert!(refused.stderr.contains("the mail of alice is locked"), "{}", refused.stderr);
    for line in [
        vec!["search", "quarterly"],
        vec!["search", "quarterly", "--user", "alice"],
        vec!["export", "--all", "--to", "out"],
    ] {
        assert_eq!(place.run(&line).code, 2, "{line:?}");
    }
    place.ok(["search", "quarterly", "--count"]);
    place.ok(["show", &report, "--reason", "case 7"]);
    place.ok(["audit", "unlock", "bob", "--reason", "case 8"]);
    assert_eq!(place.run(["show", &report]).code, 2, "bob is somebody else");
    place.ok(["audit", "unlock", "alice", "--reason", "case 8"]);
    place.ok(["show", &report]);
    place.ok(["search", "quarterly", "--user", "alice"]);
    assert_eq!(place.run(["search", "quarterly"]).code, 2, "everybody is more than alice");
    place.ok(["audit", "lock", "alice"]);
    assert_eq!(place.run(["show", &report]).code, 2);
    assert_eq!(place.run(["audit", "lock", "alice"]).code, 2);
    let unlock = place.ok(["audit", "list", "--activity", "ArchiveUnlock", "--json"]).json_lines();
    assert_eq!(unlock[1]["reason"], "case 8");
    assert_eq!(unlock[1]["objects"], serde_json::json!(["user:alice"]));
}

#[test]
fn what_cannot_be_logged_is_not_done() {
    let place = archived();
    let report = id(&samples()[0].1);
    let segments = place.data().join("audit/segments");
    let whole = fs::read(segments.join("000001.seg")).unwrap();
    let mut spoilt = whole.clone();
    spoilt[300] ^= 1;
    fs::remove_file(segments.join("acked")).unwrap();
    fs::write(segments.join("000001.seg"), &spoilt[..spoilt.len() - 20]).unwrap();
    for line in [
        vec!["show", report.as_str()],
        vec!["export", "--all", "--to", "out"],
        vec!["settings", "set", "alert_stale_hours", "5"],
        vec!["import", "mail", "--user", "bob"],
    ] {
        let refused = place.run(&line);
        assert_eq!((refused.code, refused.stdout.as_slice()), (3, &b""[..]), "{line:?}");
        let stderr = refused.stderr;
        assert!(stderr.contains("nothing was done, because the audit log"), "{stderr}");
    }
    assert!(!place.path("out").exists());
    // What only looks goes on, and says what is wrong.
    let verdict = place.run(["verify", "--json"]);
    assert_eq!(verdict.code, 1);
    assert_eq!(verdict.json()["defects"][0]["part"], "audit");
    assert_eq!(place.run(["audit", "accept-loss"]).code, 2);
    place.ok(["audit", "accept-loss", "--reason", "the disk failed"]);
    place.ok(["show", &report]);
    let all = entries(&place, &[]);
    assert!(all[0].starts_with("ComplianceChangeSettings done audit:"), "{all:?}");
    assert!(place.data().join("audit/damaged-1/segments/000001.seg").is_file());
    place.ok(["verify"]);
    assert_eq!(place.run(["audit", "accept-loss", "--reason", "again"]).code, 2);
}

#[test]
fn an_older_copy_and_none_at_all_are_noticed() {
    let place = archived();
    let audit = place.data().join("audit");
    let copy = place.path("copy");
    let copied = std::process::Command::new("cp").arg("-a").arg(&audit).arg(&copy).status();
    assert!(copied.unwrap().success());
    place.ok(["user", "add", "bob"]);
    fs::remove_dir_all(&audit).unwrap();
    let verdict = place.run(["verify", "--json"]);
    assert_eq!(verdict.code, 1);
    let message = verdict.json()["defects"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("is missing, and had 4 entries"), "{message}");
    assert_eq!(place.run(["user", "add", "carol"]).code, 3);
    fs::remove_dir_all(&audit).unwrap();
    fs::rename(&copy, &audit).unwrap();
    let refused = place.run(["user", "add", "carol"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("ends earlier than the state"), "{}", refused.stderr);
    place.ok(["audit", "accept-loss", "--reason", "restored"]);
    place.ok(["user", "add", "carol"]);
    assert_eq!(entries(&place, &["--activity", "UserChange"]), ["UserChange done user:carol"]);
}

#[test]
fn commands_that_are_handed_over_are_logged_once_with_who_gave_them() {
    let place = archived();
    let server = Server::start(&place);
    place.ok(["user", "add", "bob", "--reason", "new here"]);
    place.ok(["show", &id(&samples()[0].1)]);
    let rows = place.ok(["audit", "list", "--each", "--json"]).json_lines();
    drop(server);
    let of = |activity: &str| -> Vec<&Value> {
        rows.iter().filter(|it| it["activity"] == activity).collect()
    };
    let added = of("UserChange");
    assert_eq!(added.len(), 1, "{rows:?}");
    assert_eq!(added[0]["channel"], "server");
    assert_eq!(added[0]["reason"], "new here");
    assert_eq!(added[0]["command"], "posthold user add bob --reason 'new here'");
    assert_eq!(of("MessageRetrieveContent")[0]["channel"], "command line");
    assert_eq!(of("ServiceChange").len(), 1, "{rows:?}");
}
