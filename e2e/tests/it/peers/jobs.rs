//! Saved jobs against a real server.

use serde_json::Value;

use testkit::dovecot::{MASTER, MASTER_PASSWORD, PASSWORD};
use testkit::{Dovecot, DovecotOptions};

use super::{archived, assert_equal, fill, source};
use crate::posthold::{Place, Ran};

/// A data directory with the user alice and the profile `office`, not encrypted.
fn place(dovecot: &Dovecot) -> Place {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    let host = dovecot.imap().to_string();
    place.ok(["profile", "add", "office", "--host", &host, "--security", "plain"]);
    place
}

fn with_password(place: &Place, line: &[&str]) -> Value {
    let mut command = place.command(line.iter().chain(&["--password", "--json"]));
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    ran.json()
}

fn add(place: &Place) {
    let line = ["job", "add", "a", "--user", "alice", "--profile", "office", "--login", "alice"];
    let job = with_password(place, &line);
    assert_eq!((&job["owner"], &job["has_password"]), (&"alice".into(), &true.into()), "{job}");
}

fn run(place: &Place, name: &str) -> Value {
    place.ok(["job", "run", name, "--json"]).json()
}

#[test]
fn a_job_archives_as_archive_does_and_keeps_its_cursors() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 11, 60);
    let place = place(&dovecot);
    add(&place);
    let show = |key: &str| place.ok(["job", "show", "a", "--json"]).json()[key].clone();
    assert!(show("next_run").as_str().unwrap().starts_with("The first run"));
    let first = run(&place, "a");
    assert_eq!(first["outcome"], "succeeded", "{first}");
    assert_equal(&place, &source(&dovecot));
    assert!(show("next_run").as_str().unwrap().contains("goes on where"));
    assert_eq!(show("last_run")["outcome"], "succeeded");
    // Whatever job and profile are called and from wherever the server is reached: the same
    // cursors, and nothing is read again.
    let entries = || place.ok(["verify", "--json"]).json()["entries"].clone();
    let before = entries();
    place.ok(["job", "rename", "a", "b"]);
    place.ok(["profile", "rename", "office", "head"]);
    let host = format!("localhost:{}", dovecot.imap().port());
    place.ok(["profile", "set", "head", "--host", &host]);
    let second = run(&place, "b");
    assert_eq!((&second["archived"], &second["already"]), (&0.into(), &first["archived"]));
    assert_eq!(entries(), before, "a run without news appends nothing");
    let runs = place.ok(["run", "list", "--job", "b", "--json"]).json_lines();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["steps"][0]["already"], first["archived"], "{runs:?}");
    let shown = place.ok(["run", "show", "1", "--json"]).json();
    assert_eq!(shown["steps"][0]["archived"], first["archived"], "{shown}");
    // A one-off is a run too.
    assert_eq!(super::archive(&place, dovecot.imap(), &[]).code, 0);
    let runs = place.ok(["run", "list", "--json"]).json_lines();
    assert_eq!((runs.len(), &runs[0]["job"]), (3, &Value::Null));
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_changed_choice_of_folders_is_told_beforehand() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 12, 60);
    let place = place(&dovecot);
    add(&place);
    let set = |line: &[&str]| {
        let line: Vec<&str> = ["job", "set", "a"].iter().chain(line).copied().collect();
        place.ok(line.into_iter().chain(["--json"])).json()["next_run"].as_str().unwrap().to_owned()
    };
    set(&["--exclude", "Projects"]);
    let folders = place.ok(["job", "effective-folders", "a", "--json"]).json_lines();
    let of = |name: &str| folders.iter().find(|it| it["mailbox"] == name).unwrap();
    crate::json::check("job-folders", of("INBOX"));
    assert_eq!(of("INBOX")["archived"], true);
    assert_eq!(of("Projects")["excluded_reason"], "in the exclude list: Projects");
    assert_eq!(of("Trash")["archived"], false);
    run(&place, "a");
    assert!(!archived(&place).contains_key("alice/Projects"));
    assert!(set(&["--description", "x"]).contains("same folders"));
    assert!(set(&["--default-folders"]).contains("enumerates every mailbox again"));
    run(&place, "a");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_job_is_tried_limited_and_disabled() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 13, 20);
    let place = place(&dovecot);
    add(&place);
    let test = place.ok(["job", "test", "a", "--json"]).json();
    let steps = test["steps"].as_array().unwrap();
    let last = &steps[steps.len() - 1];
    assert_eq!((&last["step"], &last["result"]), (&"target".into(), &"success".into()), "{test}");
    assert!(steps.iter().all(|it| it["result"] != "failure"), "{test}");
    place.ok(["profile", "set", "office", "--connections", "2"]);
    let shown = place.ok(["job", "show", "a", "--json"]).json();
    assert_eq!((&shown["connections"], &shown["limits"][0]["of"]), (&2.into(), &"profile".into()));
    place.ok(["job", "disable", "a"]);
    assert_eq!(place.run(["job", "run", "a"]).code, 2);
    place.ok(["job", "enable", "a"]);
    place.ok(["profile", "disable", "office"]);
    assert_eq!(place.run(["job", "run", "a"]).code, 2);
    place.ok(["profile", "enable", "office"]);
    let in_use = place.run(["profile", "remove", "office"]);
    assert_eq!(in_use.code, 2, "{}", in_use.transcript(&place));
    // Another password is wrong: the run is kept with its reason.
    let mut command = place.command(["job", "set", "a", "--password"]);
    assert!(command.env("POSTHOLD_PASSWORD", "wrong").output().unwrap().status.success());
    assert_eq!(place.run(["job", "run", "a"]).code, 2);
    let run = place.ok(["run", "show", "1", "--json"]).json();
    assert_eq!(run["outcome"], "failed", "{run}");
    assert!(!run["steps"][0]["messages"][0].as_str().unwrap().is_empty());
    place.ok(["job", "remove", "a"]);
    place.ok(["profile", "remove", "office"]);
    assert_eq!(place.ok(["run", "list", "--json"]).json_lines()[0]["job"], Value::Null);
}

#[test]
fn a_profile_may_hold_the_login_of_a_master() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 14, 20);
    let place = place(&dovecot);
    // Dovecot lets a master act for others by PLAIN, and offers SCRAM first.
    let line = ["profile", "set", "office", "--login", MASTER, "--password", "--json"];
    let mut command = place.command(line.iter().chain(&["--auth", "plain"]));
    let set = Ran::of(command.env("POSTHOLD_PASSWORD", MASTER_PASSWORD).output().unwrap());
    assert_eq!(set.json()["connections_per"], "profile");
    place.ok(["job", "add", "a", "--user", "alice", "--profile", "office", "--authzid", "alice"]);
    let test = place.ok(["job", "test", "a", "--json"]).json();
    assert_eq!(test["steps"][4]["message"], "the mailboxes of alice", "{test}");
    run(&place, "a");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_job_may_fetch_by_pop3() {
    let options = DovecotOptions { pop3: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    fill(&dovecot, 15, 30);
    let place = place(&dovecot);
    add(&place);
    let host = dovecot.pop3().to_string();
    place.ok(["profile", "set", "office", "--protocol", "pop3", "--host", &host]);
    let run = run(&place, "a");
    assert_eq!(run["outcome"], "succeeded", "{run}");
    let inbox = source(&dovecot).remove("alice/INBOX").unwrap();
    assert_eq!(archived(&place).into_values().next(), Some(inbox));
}

#[test]
fn a_job_may_leave_messages_out() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 16, 30);
    let place = place(&dovecot);
    add(&place);
    assert_eq!(place.run(["job", "set", "a", "--filter", "such a thing"]).code, 2);
    place.ok(["job", "set", "a", "--filter", "unread"]);
    let none = run(&place, "a");
    assert_eq!((&none["outcome"], &none["archived"]), (&"succeeded".into(), &0.into()), "{none}");
    let set = place.ok(["job", "set", "a", "--filter", "", "--json"]).json();
    assert!(set["next_run"].as_str().unwrap().contains("enumerates"), "{set}");
    run(&place, "a");
    assert_equal(&place, &source(&dovecot));
}
