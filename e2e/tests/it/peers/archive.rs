//! Archiving, again, and what is left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde_json::{Value, json};
use testkit::Dovecot;
use testkit::dovecot::{Mail, PASSWORD};

use super::{archive_line, archive_ok, assert_equal, fill, source};
use crate::posthold::Place;

fn mailbox<'a>(run: &'a Value, name: &str) -> &'a Value {
    let mailboxes = run["mailboxes"].as_array().unwrap();
    mailboxes.iter().find(|it| it["mailbox"] == name).unwrap_or_else(|| panic!("{name}: {run}"))
}

/// Every file below, with its length and when it was written.
fn states(dir: &Path) -> BTreeMap<String, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::metadata(&path).unwrap();
        found.insert(path.display().to_string(), (data.len(), data.modified().unwrap()));
    }
    found
}

#[test]
fn a_mailbox_is_archived_and_a_second_run_does_nothing() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 1, 120);
    let mail = Mail { bytes: b"Subject: old\n\nx\n", flags: "", received: 1_600_000_000 };
    dovecot.fill("alice", "Trash", [mail; 1]);
    dovecot.fill("alice", "INBOX", [Mail { bytes: b"Subject: twice\n\nx\n", ..mail }; 2]);
    let place = Place::new();
    let run = archive_ok(&place, dovecot.imap(), &[]);
    assert_eq!((&run["excluded"], &run["quarantined"]), (&json!(1), &json!(0)));
    let trash = mailbox(&run, "Trash");
    assert_eq!((&trash["excluded"], &trash["complete"]), (&json!(1), &json!(true)));
    assert!(trash["excluded_reason"].is_string(), "{trash}");
    for it in run["mailboxes"].as_array().unwrap() {
        let sum: u64 = ["archived", "already", "excluded", "quarantined"]
            .iter()
            .map(|name| it[name].as_u64().unwrap())
            .sum();
        assert_eq!(it["server_count"], sum, "{it}");
    }
    assert_equal(&place, &source(&dovecot));

    let segments = place.data().join("stores/default/segments");
    let before = states(&segments);
    let again = archive_ok(&place, dovecot.imap(), &[]);
    assert_eq!(again["archived"], 0);
    assert_eq!(again["already"], run["archived"]);
    assert_eq!(states(&segments), before, "nothing is appended");
    assert_eq!(syncs(&place, &dovecot), "", "nothing is synced");
}

/// The syncs of a third run as strace lists them, but for those of the audit log, which says that a
/// command was given; nothing where there is no strace.
fn syncs(place: &Place, dovecot: &Dovecot) -> String {
    let Some(strace) = testkit::peers::program("strace") else { return String::new() };
    let posthold = place.command(archive_line(dovecot.imap(), &[]));
    let list = place.path("syncs");
    let status = Command::new(strace)
        .args(["-f", "-qq", "-y", "-e", "trace=fsync,fdatasync,sync,syncfs,msync,sync_file_range"])
        .args(["-e", "signal=none", "-o"])
        .arg(&list)
        .arg(posthold.get_program())
        .args(posthold.get_args())
        .env_clear()
        .env("POSTHOLD_DATA", place.data())
        .env("POSTHOLD_PASSWORD", PASSWORD)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let audit = place.data().join("audit").to_str().unwrap().to_owned();
    let syncs = fs::read_to_string(&list).unwrap();
    syncs.lines().filter(|it| !it.contains(&audit)).map(|it| format!("{it}\n")).collect()
}

#[test]
fn new_mail_is_added_and_nothing_is_written_to_the_server() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 2, 40);
    let place = Place::new();
    archive_ok(&place, dovecot.imap(), &[]);
    let mut imap = dovecot.login("alice");
    imap.append("INBOX", "", b"Subject: new\r\n\r\nunread\r\n");
    let before = dovecot.everything("alice");
    let run = archive_ok(&place, dovecot.imap(), &["--connections", "1"]);
    assert_eq!(run["archived"], 1);
    assert_eq!(dovecot.everything("alice"), before, "no flag, no message, no mailbox changed");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn folder_lists() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 3, 40);
    let place = Place::new();
    let run = archive_ok(&place, dovecot.imap(), &["--include", "INBOX", "--root", "lists"]);
    assert_eq!(mailbox(&run, "Sent")["archived"], 0);
    let folders: Vec<String> = super::archived(&place).into_keys().collect();
    assert_eq!(folders, ["lists/INBOX"]);
    let line = archive_line(dovecot.imap(), &["--exclude", "||("]);
    let ran = place.command(line).env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap();
    assert_eq!(ran.status.code(), Some(2), "{}", String::from_utf8_lossy(&ran.stdout));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("\"kind\":\"request\""));
}

#[test]
fn filters() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let mail = |bytes, flags| Mail { bytes, flags, received: 1_600_000_000 };
    let report: &[u8] =
        b"From: bob@example.org\r\nSubject: =?utf-8?q?Quarterly_report?=\r\n\r\nx\r\n";
    let news: &[u8] = b"From: news@example.net\r\nSubject: news\r\n\r\ny\r\n";
    dovecot.fill("alice", "INBOX", [mail(report, "S"), mail(news, ""), mail(b"no header", "F")]);
    let before = dovecot.everything("alice");
    for (filter, archived) in [
        ("read", 1),
        ("unread", 2),
        ("from:bob subject:\"quarterly rep\"", 1),
        ("-from:example.net", 2),
        ("larger:1M", 0),
        ("flagged smaller:20", 1),
        ("before:2021-01-01", 3),
    ] {
        let place = Place::new();
        let run = archive_ok(&place, dovecot.imap(), &["--filter", filter]);
        assert_eq!(run["archived"], archived, "{filter}: {run}");
        assert_eq!(run["excluded_by"]["filter"], 3 - archived, "{filter}: {run}");
        let again = archive_ok(&place, dovecot.imap(), &["--filter", filter]);
        assert_eq!((&again["archived"], &again["already"]), (&json!(0), &json!(archived)));
        // Without it, the rest comes, and nothing twice.
        let rest = archive_ok(&place, dovecot.imap(), &[]);
        assert_eq!((&rest["archived"], &rest["already"]), (&json!(3 - archived), &json!(archived)));
        assert_equal(&place, &source(&dovecot));
    }
    assert_eq!(dovecot.everything("alice"), before, "looking leaves no trace");
    let line = archive_line(dovecot.imap(), &["--filter", "larger:huge"]);
    let ran = Place::new().command(line).env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
}
