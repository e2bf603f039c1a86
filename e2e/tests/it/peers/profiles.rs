//! `profile test` against a real server.

use serde_json::Value;
use testkit::dovecot::PASSWORD;
use testkit::peers::free_port;
use testkit::{Dovecot, DovecotOptions, Postfix};

use super::fill;
use crate::posthold::{Place, Ran};

fn results(test: &Value) -> Vec<String> {
    let step = |it: &Value| {
        let text = |key: &str| it[key].as_str().unwrap().to_owned();
        format!("{} {}", text("step"), text("result"))
    };
    test["steps"].as_array().unwrap().iter().map(step).collect()
}

fn test(place: &Place, name: &str, password: &str) -> (i32, Value) {
    let mut command = place.command(["profile", "test", name, "--login", "alice", "--json"]);
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", password).output().unwrap());
    (ran.code, ran.json())
}

const ALL: [&str; 7] = ["resolve", "connect", "tls", "login", "identity", "folders", "fetch"];

/// `ends` are the results of the last steps; those before succeeded.
fn expected(ends: &[&str]) -> Vec<String> {
    let begins = ALL.len() - ends.len();
    let result = |(place, step): (usize, &&str)| match place.checked_sub(begins) {
        None => format!("{step} success"),
        Some(place) => format!("{step} {}", ends[place]),
    };
    ALL.iter().enumerate().map(result).collect()
}

#[test]
fn a_profile_is_tried_step_by_step() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let place = Place::new();
    let (tls, plain) = (dovecot.imaps().to_string(), dovecot.imap().to_string());
    let ca = dovecot.ca_file();
    let ca = ca.to_str().unwrap();
    let tls_host = format!("tls:{tls}");
    place.ok(["profile", "add", "tls", "--host", &tls_host, "--ca-file", ca]);
    let line = ["profile", "add", "starttls", "--host", &plain, "--security", "starttls"];
    place.ok(line.into_iter().chain(["--ca-file", ca]));
    place.ok(["profile", "add", "untrusted", "--host", &tls_host]);
    place.ok(["profile", "add", "plain", "--host", &plain, "--security", "plain"]);
    place.ok(["profile", "add", "nobody", "--host", "127.0.0.1:1"]);
    place.ok(["profile", "add", "unknown", "--host", "no-such-host.invalid"]);
    let (code, empty) = test(&place, "tls", PASSWORD);
    assert_eq!((code, results(&empty)), (0, expected(&["not_run"])), "{empty}");
    fill(&dovecot, 7, 20);
    for name in ["tls", "starttls"] {
        let (code, answer) = test(&place, name, PASSWORD);
        assert_eq!((code, results(&answer)), (0, expected(&[])), "{answer}");
        let encryption = answer["steps"][2]["message"].as_str().unwrap();
        assert!(encryption.starts_with("TLS 1."), "{answer}");
    }
    let (code, answer) = test(&place, "tls", "wrong");
    let ends = ["failure", "not_run", "not_run", "not_run"];
    assert_eq!((code, results(&answer)), (1, expected(&ends)), "{answer}");
    let (code, answer) = test(&place, "untrusted", PASSWORD);
    let ends = ["failure", "not_run", "not_run", "not_run", "not_run"];
    assert_eq!((code, results(&answer)), (1, expected(&ends)), "{answer}");
    assert!(answer["steps"][2]["hint"].is_string(), "{answer}");
    let (code, answer) = test(&place, "plain", PASSWORD);
    assert_eq!((code, &answer["steps"][2]["result"]), (0, &Value::from("not_run")), "{answer}");
    assert_eq!(answer["warnings"].as_array().unwrap().len(), 1, "{answer}");
    let (code, answer) = test(&place, "nobody", PASSWORD);
    let ends = ["failure", "not_run", "not_run", "not_run", "not_run", "not_run"];
    assert_eq!((code, results(&answer)), (1, expected(&ends)), "{answer}");
    let (code, answer) = test(&place, "unknown", PASSWORD);
    let mut ends = vec!["failure"];
    ends.extend(["not_run"; 6]);
    assert_eq!((code, results(&answer)), (1, expected(&ends)), "{answer}");
    let without = place.ok(["profile", "test", "tls", "--json"]).json();
    assert_eq!(results(&without), expected(&["not_run"; 4]), "{without}");
}

#[test]
fn a_profile_for_pop3_too() {
    let options = DovecotOptions { pop3: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    fill(&dovecot, 8, 20);
    let place = Place::new();
    let (tls, plain) = (format!("tls:{}", dovecot.pop3s()), dovecot.pop3().to_string());
    let ca = dovecot.ca_file();
    let ca = ca.to_str().unwrap();
    let add = |name, host: &str, options: &[&str]| {
        let line = ["profile", "add", name, "--protocol", "pop3", "--host", host];
        place.ok(line.iter().chain(options));
    };
    add("tls", &tls, &["--ca-file", ca]);
    add("starttls", &plain, &["--security", "starttls", "--ca-file", ca]);
    add("untrusted", &tls, &[]);
    for name in ["tls", "starttls"] {
        let (code, answer) = test(&place, name, PASSWORD);
        assert_eq!((code, results(&answer)), (0, expected(&[])), "{answer}");
    }
    let (code, answer) = test(&place, "tls", "wrong");
    let failed = expected(&["failure", "not_run", "not_run", "not_run"]);
    assert_eq!((code, results(&answer)), (1, failed), "{answer}");
    let (code, answer) = test(&place, "untrusted", PASSWORD);
    let failed = expected(&["failure", "not_run", "not_run", "not_run", "not_run"]);
    assert_eq!((code, results(&answer)), (1, failed), "{answer}");
}

/// The outgoing half is tried as well: with the login of the incoming one, at a server that asks a
/// Dovecot who may send.
#[test]
fn a_profile_that_sends() {
    let logins = free_port();
    let options = DovecotOptions { logins: Some(logins), ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let certificates = dovecot.certificates();
    let Some(postfix) = Postfix::submission_or_leave_out(logins, certificates) else { return };
    fill(&dovecot, 7, 3);
    let place = Place::new();
    let (imap, ca) = (format!("tls:{}", dovecot.imaps()), dovecot.ca_file());
    let ca = ca.to_str().unwrap();
    let outgoing = [
        ("tls", format!("tls:{}", postfix.encrypted()), "tls"),
        ("starttls", postfix.address().to_string(), "starttls"),
    ];
    for (name, host, security) in &outgoing {
        let line = ["profile", "add", name, "--host", &imap, "--ca-file", ca];
        let more = ["--outgoing-host", host, "--outgoing-security", security];
        place.ok(line.into_iter().chain(more).chain(["--outgoing-ca-file", ca]));
        let (code, answer) = test(&place, name, PASSWORD);
        let mut want = expected(&[]);
        want.extend(
            ["resolve", "connect", "tls", "login"].map(|it| format!("outgoing {it} success")),
        );
        want.push("outgoing message not_run".to_owned());
        assert_eq!((code, results(&answer)), (0, want), "{answer}");
        assert_eq!(answer["steps"][10]["message"], "alice, by SCRAM-SHA-256", "{answer}");
    }
    let (code, answer) = test(&place, "tls", "wrong");
    assert_eq!((code, &answer["steps"][10]["result"]), (1, &Value::from("failure")), "{answer}");
    assert!(answer["steps"][10]["hint"].is_string(), "{answer}");
}
