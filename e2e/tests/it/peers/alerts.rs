//! Reports of real runs, and alerts that go through a real mail server.

use std::fs;

use testkit::dovecot::PASSWORD;
use testkit::peers::free_port;
use testkit::{Dovecot, DovecotOptions, Postfix};

use super::fill;
use crate::alerts::roomy;
use crate::posthold::{Place, Ran};

fn with_password(place: &Place, line: &[&str]) -> Ran {
    let mut command = place.command(line);
    Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
}

#[test]
fn a_report_counts_every_mailbox_and_names_what_is_not_safe() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 11, 30);
    let place = roomy();
    let host = format!("tls:{}", dovecot.imaps());
    place.ok(["profile", "add", "here", "--host", &host, "--accept-all-certificates"]);
    place.ok(["user", "add", "alice"]);
    let line = ["job", "add", "office", "--user", "alice", "--profile", "here"];
    let made = with_password(&place, &[&line[..], &["--login", "alice", "--password"]].concat());
    assert_eq!(made.code, 0, "{}", made.transcript(&place));
    for _ in 0..2 {
        place.ok(["job", "run", "office"]);
    }
    let report = place.ok(["run", "report", "2", "--json"]).json();
    let details = &report["details"][0];
    let sum = |key: &str| -> u64 {
        let mailboxes = details["mailboxes"].as_array().unwrap();
        mailboxes.iter().map(|it| it[key].as_u64().unwrap()).sum()
    };
    let all = dovecot.everything("alice");
    let there: usize = all.values().map(|it| it.messages.len()).sum();
    assert_eq!(sum("server_count"), there as u64, "{report}");
    assert_eq!(sum("archived") + sum("already") + sum("excluded"), there as u64, "{report}");
    assert_eq!(details["missing"], 0);
    assert_eq!(details["insecure"][0]["kind"], "any_certificate");
    assert!(details["last_complete"].is_string());
    let page = place.ok(["run", "report", "2", "--format", "html"]);
    for mailbox in all.keys() {
        assert!(page.text().contains(&mailbox.replace('&', "&amp;")), "{mailbox}");
    }
    assert!(page.text().contains("Any certificate is accepted"));
}

#[test]
fn alerts_go_through_a_real_server() {
    let logins = free_port();
    let options = DovecotOptions { logins: Some(logins), ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let Some(postfix) = Postfix::submission_or_leave_out(logins, dovecot.certificates()) else {
        return;
    };
    let place = roomy();
    let (port, ca) = (postfix.address().port().to_string(), dovecot.ca_file());
    let line = [
        "mail",
        "test",
        "--server",
        "127.0.0.1",
        "--port",
        &port,
        "--sender",
        "alice@example.test",
        "--sender-name",
        "Archiv für Ünïcode",
        "--alerts-to",
        "alice@example.test",
        "--ca-file",
        ca.to_str().unwrap(),
        "--json",
    ];
    let refused = place.run(line);
    assert_eq!(refused.code, 1, "{}", refused.transcript(&place));
    let refused = refused.json();
    let hint = refused["steps"][4]["hint"].as_str().unwrap();
    assert!(hint.contains("wants a login first"), "{refused}");
    assert_eq!(refused["applied"], false);
    let with_login = [&line[..], &["--login", "alice", "--password"]].concat();
    let sent = with_password(&place, &with_login);
    assert_eq!(sent.code, 0, "{}", sent.transcript(&place));
    assert_eq!(sent.json()["applied"], true);
    place.ok(["profile", "add", "gone", "--host", "127.0.0.1:1", "--security", "plain"]);
    place.ok(["user", "add", "alice"]);
    let job = ["job", "add", "office", "--user", "alice", "--profile", "gone", "--login", "a"];
    with_password(&place, &[&job[..], &["--password"]].concat());
    assert_eq!(place.run(["job", "run", "office"]).code, 2);
    let arrived = postfix.delivered("alice");
    let texts: Vec<String> = arrived.into_iter().map(|it| String::from_utf8(it).unwrap()).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    assert!(texts.iter().all(|it| it.contains("Auto-Submitted: auto-generated")));
    assert!(texts.iter().any(|it| it.contains("The job office failed.")), "{texts:#?}");
    let state = fs::read(place.data().join("state.db")).unwrap();
    assert!(!state.windows(PASSWORD.len()).any(|it| it == PASSWORD.as_bytes()));
}
