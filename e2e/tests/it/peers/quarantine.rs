//! Messages that a server does not give: shown, tried again, written as they come, given up.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::Dovecot;
use testkit::dovecot::{Mail, PASSWORD};
use testkit::fault_proxy::{FaultProxy, Faults, ImapFault};

use crate::posthold::{Place, Ran};

/// A job for alice's mailbox of three, through a proxy that spoils the second message.
struct Spoilt {
    dovecot: Dovecot,
    proxy: FaultProxy,
    place: Place,
}

fn spoilt(fault: ImapFault) -> Option<Spoilt> {
    let dovecot = Dovecot::start_or_leave_out()?;
    for n in 1..=3 {
        let bytes = format!("Subject: {n}\n\nmessage {n}\n").into_bytes();
        let mail = Mail { bytes: &bytes, flags: "", received: 1_600_000_000 };
        dovecot.fill("alice", "INBOX", [mail]);
    }
    let proxy = FaultProxy::start(dovecot.imap());
    proxy.set(fault.always());
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    let host = proxy.addr().to_string();
    place.ok(["profile", "add", "office", "--host", &host, "--security", "plain"]);
    let line = ["job", "add", "a", "--user", "alice", "--profile", "office", "--login", "alice"];
    let mut command = place.command(line.iter().chain(&["--password"]));
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    Some(Spoilt { dovecot, proxy, place })
}

impl Spoilt {
    fn run(&self, code: i32) -> Value {
        let ran = self.place.run(["job", "run", "a", "--json"]);
        assert_eq!(ran.code, code, "{}", ran.transcript(&self.place));
        ran.json()
    }

    fn listed(&self) -> Vec<Value> {
        self.place.ok(["quarantine", "list", "--json"]).json_lines()
    }
}

#[test]
fn w10_what_lies_in_quarantine_is_listed_and_retried() {
    let Some(spoilt) = spoilt(ImapFault::NilBody(BTreeSet::from([2]))) else { return };
    let place = &spoilt.place;
    assert!(place.ok(["quarantine", "list"]).text().contains("No message is in quarantine."));
    let run = spoilt.run(1);
    assert_eq!((&run["archived"], &run["quarantined"]), (&json!(2), &json!(1)));
    let [it] = spoilt.listed().try_into().unwrap();
    crate::json::check("quarantine", &it);
    assert_eq!((&it["uid"], &it["reason"], &it["attempts"]), (&json!(2), &json!("nil"), &json!(1)));
    assert_eq!((&it["job"], &it["mailbox"]), (&json!("a"), &json!("INBOX")));
    let id = it["id"].as_str().unwrap();
    let shown = place.ok(["quarantine", "show", id]);
    assert!(
        shown.text().contains("the server answered NIL in place of it, twice"),
        "{}",
        shown.text()
    );
    // It rests longer after each try.
    let first = it["retry_at"].as_str().unwrap().to_owned();
    let retried = place.run(["quarantine", "retry", id, "--json"]);
    assert_eq!(retried.code, 1, "{}", retried.transcript(place));
    let [it] = spoilt.listed().try_into().unwrap();
    assert_eq!(it["attempts"], 2);
    assert!(first.as_str() < it["retry_at"].as_str().unwrap(), "{first}: {it}");
    // The server gives it, and it is not in quarantine any more.
    spoilt.proxy.set(Faults::default());
    let retried = place.ok(["quarantine", "retry", id, "--json"]).json();
    assert_eq!((&retried["archived"], &retried["outcome"]), (&json!(1), &json!("succeeded")));
    assert_eq!(spoilt.listed(), Vec::<Value>::new());
    assert_eq!(place.run(["quarantine", "show", id]).code, 1);
    assert_eq!(spoilt.dovecot.everything("alice")["INBOX"].messages.len(), 3);
}

#[test]
fn what_a_server_gives_is_written_as_it_comes() {
    let fault = ImapFault::ShortBody { uids: BTreeSet::from([2]), missing: 4 };
    let Some(spoilt) = spoilt(fault) else { return };
    let place = &spoilt.place;
    spoilt.run(1);
    let Some(it) = spoilt.listed().pop() else { return };
    let id = it["id"].as_str().unwrap();
    let exported = place.ok(["quarantine", "export", id, "--to", "suspect.eml", "--json"]).json();
    crate::json::check("quarantine-export", &exported);
    let bytes = std::fs::read(place.path("suspect.eml")).unwrap();
    assert_eq!(exported["bytes"], bytes.len());
    assert_eq!(bytes, b"Subject: 2\r\n\r\nmessage"[..bytes.len().min(21)].to_vec());
    // Nothing of it was archived, and the file is not written twice.
    assert_eq!(place.ids("").len(), 2);
    assert_ne!(place.run(["quarantine", "export", id, "--to", "suspect.eml"]).code, 0);
}

#[test]
fn what_cannot_be_had_is_given_up_and_stays_named() {
    let Some(spoilt) = spoilt(ImapFault::NilBody(BTreeSet::from([2]))) else { return };
    let place = &spoilt.place;
    spoilt.run(1);
    let [it] = spoilt.listed().try_into().unwrap();
    let id = it["id"].as_str().unwrap();
    let line = ["quarantine", "accept", id, "--by", "Carol", "--reason", "lost with its disk"];
    let accepted = place.ok(line.iter().chain(&["--json"])).json();
    assert_eq!(accepted["accepted"]["by"], "Carol", "{accepted}");
    assert_eq!(accepted["retry_at"], Value::Null);
    // The run is complete without it, and says so.
    let run = spoilt.run(0);
    assert_eq!((&run["outcome"], &run["quarantined"]), (&json!("succeeded"), &json!(1)));
    let told = run["warnings"].to_string();
    assert!(told.contains("INBOX: UID 2 is not archived; accepted by Carol on "), "{told}");
    assert!(told.contains("because lost with its disk."), "{told}");
    // It is shown ever after; removal leaves it alone.
    assert!(place.ok(["quarantine", "list"]).text().contains("because lost with its disk"));
    place.ok(["job", "set", "a", "--removal", "at once"]);
    let run = spoilt.run(0);
    assert_eq!(run["removal"]["left"], 2, "{run}");
    assert_eq!(run["removal"]["stayed"], json!([{"reason": "in quarantine", "count": 1}]));
    assert_eq!(spoilt.dovecot.everything("alice")["INBOX"].messages.len(), 1);
    // By name it is tried again all the same.
    spoilt.proxy.set(Faults::default());
    assert_eq!(place.ok(["quarantine", "retry", id, "--json"]).json()["archived"], 1);
    assert_eq!(place.ids("").len(), 3);
}

#[test]
fn what_could_not_be_sorted_is_written_and_retried_too() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    for n in 1..=2 {
        let text = format!("From: x@example.net\nTo: bob@example.org\nSubject: {n}\n\n{n}\n");
        let mail = Mail { bytes: text.as_bytes(), flags: "", received: 1_600_000_000 };
        dovecot.fill("alice", "INBOX", [mail]);
    }
    let proxy = FaultProxy::start(dovecot.imap());
    proxy.set(ImapFault::NilBody(BTreeSet::from([2])).always());
    let place = Place::new();
    place.ok(["user", "add", "bob"]);
    place.ok(["user", "set", "bob", "--address", "bob@example.org", "--administrator"]);
    let host = proxy.addr().to_string();
    place.ok(["profile", "add", "office", "--host", &host, "--security", "plain"]);
    let line = ["job", "add", "s", "--kind", "sorting", "--owner", "bob", "--profile", "office"];
    let mut command = place.command(line.iter().chain(&["--login", "alice", "--password"]));
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    let ran = place.run(["job", "run", "s"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript(&place));
    let [it] = place.ok(["quarantine", "list", "--json"]).json_lines().try_into().unwrap();
    assert_eq!((&it["job"], &it["uid"]), (&json!("s"), &json!(2)), "{it}");
    let id = it["id"].as_str().unwrap();
    proxy.set(Faults::default());
    place.ok(["quarantine", "export", id, "--to", "it.eml"]);
    assert!(std::fs::read_to_string(place.path("it.eml")).unwrap().contains("Subject: 2"));
    let retried = place.ok(["quarantine", "retry", id, "--json"]).json();
    assert_eq!(retried["archived"], 1, "{retried}");
    assert_eq!(place.ids("user:bob").len(), 2);
    assert!(place.ok(["quarantine", "list"]).text().contains("No message is in quarantine."));
}
