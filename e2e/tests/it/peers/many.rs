//! Jobs over many mailboxes, against a real Dovecot with a master user.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use testkit::dovecot::{MASTER, MASTER_PASSWORD, Mail, PASSWORD};
use testkit::{Dovecot, DovecotOptions};

use crate::mail::id;
use crate::posthold::{Place, Ran};

const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dora", "emil"];

/// Mail of which everybody has something else.
fn fill(dovecot: &Dovecot, people: &[&str]) {
    for (n, name) in people.iter().enumerate() {
        if !["alice", "bob"].contains(name) {
            dovecot.add_user(name, PASSWORD);
        }
        let texts: Vec<String> = (0..=n + 2)
            .map(|it| format!("From: {name}@example.org\r\nSubject: {it}\r\n\r\nof {name}\r\n"))
            .collect();
        let mails = texts.iter().map(|it| Mail {
            bytes: it.as_bytes(),
            flags: "S",
            received: 1_600_000_000,
        });
        dovecot.fill(name, "INBOX", mails);
    }
}

/// A data directory with these users, whose addresses are their names with a domain, and the
/// profile `office`.
fn place(dovecot: &Dovecot, people: &[&str]) -> Place {
    let place = Place::new();
    for name in people {
        place.ok(["user", "add", name]);
        place.ok(["user", "set", name, "--address", &format!("{name}@example.org")]);
    }
    place.ok(["user", "add", "admin"]);
    place.ok(["user", "set", "admin", "--administrator"]);
    let host = dovecot.imap().to_string();
    place.ok(["profile", "add", "office", "--host", &host, "--security", "plain"]);
    place
}

fn with_password(place: &Place, line: &[&str], password: &str) -> Ran {
    let mut command = place.command(line.iter().chain(&["--password", "--json"]));
    Ran::of(command.env("POSTHOLD_PASSWORD", password).output().unwrap())
}

fn add_master(place: &Place, more: &[&str]) -> Value {
    let line = ["job", "add", "all", "--kind", "master", "--profile", "office", "--login", MASTER];
    let ran = with_password(place, &[&line[..], more].concat(), MASTER_PASSWORD);
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    ran.json()
}

/// The archive of everybody has what the server has of them, under their root and nowhere else.
fn assert_own_mail(place: &Place, dovecot: &Dovecot, people: &[(&str, String)]) {
    let mut archived = super::archived(place);
    for (name, root) in people {
        let everything = dovecot.everything(name);
        let wanted: BTreeSet<String> =
            everything["INBOX"].messages.iter().map(|it| id(&it.bytes)).collect();
        let found = archived.remove(&format!("{root}/INBOX")).unwrap_or_default();
        assert_eq!(found, wanted, "{name}");
    }
    assert!(archived.is_empty(), "{archived:?}");
    assert_eq!(place.run(["verify"]).code, 0);
}

fn by_address(people: &[&'static str]) -> Vec<(&'static str, String)> {
    people.iter().map(|it| (*it, format!("{it}@example.org"))).collect()
}

fn step<'a>(run: &'a Value, account: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    steps.iter().find(|it| it["account"] == account).unwrap_or_else(|| panic!("{account}: {run}"))
}

#[test]
fn a_master_opens_the_mailboxes_of_all_in_either_form() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, &PEOPLE);
    for form in ["authzid", "user*master"] {
        let place = place(&dovecot, &PEOPLE);
        place.ok(["user", "add", "gone"]);
        place.ok(["user", "set", "gone", "--deactivate"]);
        let users = "all except admin";
        add_master(&place, &["--identity", "local-part", "--form", form, "--users", users]);
        let ran = place.ok(["job", "run", "all", "--json"]);
        let run = ran.json();
        assert_eq!((&run["outcome"], &run["archived"]), (&"succeeded".into(), &25.into()), "{run}");
        assert_eq!(step(&run, "alice")["result"]["archived"], 3, "{run}");
        assert!(run["warnings"][0].as_str().unwrap().contains("deactivated: gone"), "{run}");
        crate::json::check("job-run-many", &run);
        assert_own_mail(&place, &dovecot, &by_address(&PEOPLE));
        let entries = || place.ok(["verify", "--json"]).json()["entries"].clone();
        let before = entries();
        let again = place.ok(["job", "run", "all", "--json"]).json();
        assert_eq!((&again["archived"], &again["already"]), (&0.into(), &25.into()), "{again}");
        assert_eq!(entries(), before, "a run without news appends nothing");
        // The other form has the same cursors.
        let other = if form == "authzid" { "user*master" } else { "authzid" };
        place.ok(["job", "set", "all", "--form", other]);
        let again = place.ok(["job", "run", "all", "--json"]).json();
        assert_eq!((&again["archived"], &again["already"]), (&0.into(), &25.into()), "{again}");
        assert_eq!(entries(), before);
        let kept = place.ok(["run", "list", "--job", "all", "--json"]).json_lines();
        assert_eq!((kept.len(), kept[0]["steps"].as_array().unwrap().len()), (3, 5), "{kept:?}");
        assert_eq!(kept[2]["steps"][0]["archived"], 3, "{kept:?}");
    }
}

#[test]
fn one_account_that_fails_ends_its_step_and_no_other() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, &PEOPLE);
    let everybody = [&PEOPLE[..], &["stranger"]].concat();
    let place = place(&dovecot, &everybody);
    add_master(&place, &["--identity", "local-part", "--users", "all except admin"]);
    let ran = place.run(["job", "run", "all", "--json"]);
    let run = ran.json();
    assert_eq!((ran.code, &run["outcome"]), (3, &"failed".into()), "{run}");
    assert_eq!(step(&run, "stranger")["error"]["kind"], "credentials", "{run}");
    assert_eq!(run["archived"], 25);
    assert_own_mail(&place, &dovecot, &by_address(&PEOPLE));
    let text = place.run(["job", "run", "all"]).text().to_owned();
    assert!(text.contains("stranger") && text.contains("failed"), "{text}");
}

#[test]
fn a_file_names_mailboxes_and_makes_users() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, &PEOPLE);
    let place = place(&dovecot, &["alice"]);
    let file = place.path("staff.csv");
    let rows = format!(
        "name;password;address;user\nalice;{PASSWORD};alice@example.org;alice\n\
         bob;\"{PASSWORD}\";;robert\ncarol;{PASSWORD}\n;oops\ndora;wrong\nemil;{PASSWORD}\n"
    );
    fs::write(&file, rows).unwrap();
    let file = file.to_str().unwrap();
    let add = ["job", "add", "staff", "--kind", "batch", "--profile", "office", "--file", file];
    place.ok(add);
    let ran = place.run(["job", "run", "staff", "--json"]);
    let run = ran.json();
    assert_eq!((ran.code, &run["outcome"]), (3, &"failed".into()), "{run}");
    let warnings = run["warnings"].to_string();
    assert!(warnings.contains("line 5, column 1: the login is missing"), "{warnings}");
    assert!(warnings.contains("cannot log in until") && warnings.contains("robert"), "{warnings}");
    assert_eq!(step(&run, "dora")["error"]["kind"], "credentials", "{run}");
    assert!(!run.to_string().contains(PASSWORD), "no answer holds a password");
    let mut want = by_address(&["alice"]);
    want.extend([("bob", "bob".into()), ("carol", "carol".into()), ("emil", "emil".into())]);
    assert_own_mail(&place, &dovecot, &want);
    let users = place.ok(["user", "list", "--json"]).json_lines();
    let robert = users.iter().find(|it| it["user"] == "robert").unwrap();
    assert_eq!(robert["login_by"], "nothing");
    // Who vanished from the file is mentioned once, and nothing else happens.
    fs::write(file, format!("name;password\nalice;{PASSWORD}\n")).unwrap();
    let run = place.ok(["job", "run", "staff", "--json"]).json();
    assert!(run["warnings"].to_string().contains("Not in the file any more"), "{run}");
    let run = place.ok(["job", "run", "staff", "--json"]).json();
    assert_eq!(run["warnings"].as_array().unwrap().len(), 0, "{run}");
    // A file that cannot be read is the failure of the run, which is kept.
    fs::remove_file(file).unwrap();
    assert_eq!(place.run(["job", "run", "staff"]).code, 2);
    let kept = place.ok(["run", "list", "--job", "staff", "--json"]).json_lines();
    assert_eq!(kept[0]["outcome"], "failed", "{kept:?}");
    assert!(kept[0]["messages"][0].as_str().unwrap().contains("staff.csv"), "{kept:?}");
}

#[test]
fn folders_of_others_are_archived_or_left_out_and_counted() {
    let extra = "namespace shared {
  type = public
  separator = /
  prefix = Public/
  location = maildir:%h/../public:LAYOUT=fs
  list = yes
}
"
    .to_owned();
    let options = DovecotOptions { extra, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let people = ["alice", "bob"];
    fill(&dovecot, &people);
    let mut imap = dovecot.login("alice");
    imap.create("Public/News");
    imap.append("Public/News", "", b"Subject: news\r\n\r\nfor all\r\n");
    let place = place(&dovecot, &people);
    add_master(&place, &["--identity", "local-part", "--users", "all except admin"]);
    let run = place.ok(["job", "run", "all", "--json"]).json();
    assert_eq!(run["archived"], 3 + 4 + 2, "{run}");
    place.ok(["job", "set", "all", "--no-shared-folders"]);
    let run = place.ok(["job", "run", "all", "--json"]).json();
    assert_eq!(run["excluded_by"]["folder_list"], 2, "{run}");
    let text = place.ok(["job", "run", "all"]).text().to_owned();
    assert!(text.contains("2 messages in 2 folders: a public folder"), "{text}");
    // Or into an archive of their own.
    place.ok(["user", "add", "public"]);
    let line = ["job", "add", "public", "--profile", "office", "--login", "alice"];
    let more = ["--user", "public", "--include", "Public", "--root", "Public"];
    let ran = with_password(&place, &[&line[..], &more].concat(), PASSWORD);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    let run = place.ok(["job", "run", "public", "--json"]).json();
    assert_eq!(run["archived"], 1, "{run}");
    assert!(super::archived(&place).contains_key("Public/Public/News"));
}

#[test]
fn a_server_that_opens_one_mailbox_for_all_is_found_before_anything_is_archived() {
    // Whoever logs in for whomever gets the same mail.
    let extra = "mail_location = maildir:%h/../same:LAYOUT=fs\n".to_owned();
    let options = DovecotOptions { extra, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let people = ["alice", "bob"];
    fill(&dovecot, &people);
    dovecot.login("alice").append("INBOX", "", b"Subject: own\r\n\r\nof alice\r\n");
    let place = place(&dovecot, &people);
    add_master(&place, &["--identity", "local-part", "--users", "all except admin"]);
    let test = place.run(["job", "test", "all", "--json"]).json();
    let steps = test["steps"].as_array().unwrap();
    let whose = steps.iter().find(|it| it["step"] == "mailboxes").unwrap();
    assert_eq!(whose["result"], "failure", "{test}");
    let ran = place.run(["job", "run", "all", "--json"]);
    assert_eq!(ran.code, 2, "{}", ran.transcript(&place));
    let error = ran.json()["error"].clone();
    let want = "the server opens the same mailbox for bob as for alice";
    assert!(error["message"].as_str().unwrap().starts_with(want), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--users"), "{error}");
    assert_eq!(place.run(["search"]).code, 2, "nothing is archived: there is no archive");
    let kept = place.ok(["run", "show", "1", "--json"]).json();
    assert_eq!(kept["outcome"], "failed", "{kept}");
    assert!(kept["messages"][0].as_str().unwrap().starts_with(want), "{kept}");
    // One that is left out does no harm.
    place.ok(["job", "set", "all", "--users", "only alice"]);
    let run = place.ok(["job", "run", "all", "--json"]).json();
    assert_eq!(run["outcome"], "succeeded", "{run}");
}

#[test]
fn a_run_that_is_killed_shows_what_it_left_and_the_next_one_goes_on() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, &PEOPLE);
    for (n, name) in (0..).zip(PEOPLE) {
        let mails: Vec<_> = testkit::corpus::messages(n, 300).collect();
        let mails =
            mails.iter().map(|it| Mail { bytes: &it.bytes, flags: "S", received: it.received });
        dovecot.fill(name, "INBOX", mails);
    }
    let place = place(&dovecot, &PEOPLE);
    let more = ["--identity", "local-part", "--users", "all except admin", "--accounts", "1"];
    let job = add_master(&place, &more);
    assert_eq!(job["accounts_at_once"], 1, "{job}");
    assert_eq!(job["account_limits"][0]["of"], "job", "{job}");
    let mut child = place.start(["job", "run", "all"]);
    let states = |run: &Value| -> Vec<String> {
        let steps = run["steps"].as_array().unwrap().iter();
        steps.map(|it| it["state"].as_str().unwrap().to_owned()).collect()
    };
    loop {
        let shown = place.run(["run", "show", "1", "--json"]);
        if shown.code == 0 && states(&shown.json()).iter().any(|it| it == "succeeded") {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = place.ok(["run", "show", "1", "--json"]).json();
    assert_eq!((&kept["state"], &kept["outcome"]), (&"interrupted".into(), &Value::Null), "{kept}");
    let found = states(&kept);
    assert_eq!(
        (found.len(), found[0].as_str(), found[4].as_str()),
        (5, "succeeded", "interrupted")
    );
    let run = place.ok(["job", "run", "all", "--json"]).json();
    assert_eq!(run["outcome"], "succeeded", "{run}");
    assert_own_mail(&place, &dovecot, &by_address(&PEOPLE));
    let kept = place.ok(["run", "show", "1", "--json"]).json();
    assert_eq!(kept["state"], "interrupted", "it never ended: {kept}");
}

#[test]
fn a_job_over_many_is_tried_at_a_few() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, &PEOPLE);
    let place = place(&dovecot, &PEOPLE);
    let more = ["--identity", "local-part", "--users", "all except admin", "--preset", "dovecot"];
    add_master(&place, &more);
    let test = place.ok(["job", "test", "all", "--json"]).json();
    let steps = test["steps"].as_array().unwrap();
    assert_eq!(steps[0]["message"], "5 in all, of which 3 are tried", "{test}");
    let logins = steps.iter().filter(|it| it["step"] == "login").count();
    assert_eq!((logins, &steps[steps.len() - 1]["step"]), (3, &"mailboxes".into()), "{test}");
    assert!(steps.iter().all(|it| it["result"] != "failure"), "{test}");
    assert!(test["warnings"].to_string().contains("Dovecot: "), "hints of the preset: {test}");
    let folders = place.ok(["job", "effective-folders", "all", "--json"]).json_lines();
    let inbox: Vec<_> = folders.iter().filter(|it| it["mailbox"] == "INBOX").collect();
    assert_eq!((inbox.len(), &inbox[2]["messages"]), (3, &5.into()), "{folders:?}");
    crate::json::check("job-folders", inbox[0]);
}
