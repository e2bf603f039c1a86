//! Shared mailboxes at a real server: multidrop over a folder tree, catch-all by POP3, journal.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::dovecot::{Mail, PASSWORD};
use testkit::{Dovecot, DovecotOptions};

use super::archived;
use crate::mail::id;
use crate::posthold::{Place, Ran};

pub(super) fn mail(label: &str, from: &str, to: &str) -> Vec<u8> {
    format!(
        "Subject: {label}\r\nFrom: {from}\r\nTo: {to}\r\nMessage-ID: <{label}@x.org>\r\n\
         Date: Fri, 1 Mar 2024 09:30:00 +0000\r\n\r\nThis is {label}.\r\n"
    )
    .into_bytes()
}

/// An administrator, and users with addresses.
pub(super) fn users(place: &Place) {
    for name in ["admin", "alice", "bob", "carol"] {
        place.ok(["user", "add", name]);
    }
    place.ok(["user", "set", "admin", "--administrator"]);
    place.ok(["user", "set", "alice", "--address", "alice@x.org", "--alias", "sales@x.org"]);
    place.ok(["user", "set", "bob", "--address", "bob@x.org"]);
    place.ok(["user", "set", "carol", "--address", "Carol@X.org"]);
}

fn fill(dovecot: &Dovecot, mailbox: &str, mails: &[Vec<u8>]) {
    let mails = mails.iter().map(|bytes| Mail { bytes, flags: "", received: 1_700_000_000 });
    dovecot.fill("alice", mailbox, mails);
}

/// A data directory with the users and a job `m` that sorts alice's account at `host`.
fn place(protocol: &str, host: &str, options: &[&str]) -> Place {
    let place = Place::new();
    users(&place);
    let line = ["profile", "add", "office", "--protocol", protocol, "--host", host];
    place.ok(line.iter().chain(&["--security", "plain"]));
    let added = add(&place, options);
    assert_eq!(added.code, 0, "{}", added.transcript(&place));
    place
}

fn add(place: &Place, options: &[&str]) -> Ran {
    let line = ["job", "add", "m", "--kind", "sorting", "--profile", "office", "--login", "alice"];
    let mut command = place.command(line.iter().chain(&["--password", "--json"]).chain(options));
    Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
}

fn run(place: &Place) -> Value {
    let ran = place.run(["job", "run", "m", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    let run = ran.json();
    assert_eq!(run["outcome"], "succeeded", "{run}");
    run
}

fn ids(mails: &[&[u8]]) -> BTreeSet<String> {
    mails.iter().map(|it| id(it)).collect()
}

#[test]
fn a_multidrop_mailbox_over_a_folder_tree() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let all = mail("all", "Alice <alice@x.org>", "BOB@x.org, Carol <carol@x.org>, c@other.org");
    let own = mail("own", "alice@x.org", "alice+notes@x.org");
    let alias = mail("alias", "who@other.org", "Sales <sales@x.org>");
    let dave = mail("dave", "who@other.org", "dave@x.org");
    fill(&dovecot, "INBOX", &[all.clone(), own.clone()]);
    fill(&dovecot, "Projects", std::slice::from_ref(&dave));
    dovecot.login("alice").create("Projects/2024");
    dovecot.login("alice").append("Projects/2024", "", &alias);
    let before = dovecot.everything("alice");
    let place = place("imap", &dovecot.imap().to_string(), &[]);
    let first = run(&place);
    assert_eq!((&first["archived"], &first["excluded"]), (&3.into(), &1.into()), "{first}");
    assert_eq!(first["excluded_by"]["unknown_address"], 1, "{first}");
    let folders = archived(&place);
    let of = |folder: &str| folders.get(folder).cloned().unwrap_or_default();
    assert_eq!(of("alice@x.org/INBOX"), ids(&[&own, &alias]));
    assert_eq!(of("alice@x.org/Sent Items"), ids(&[&own, &all]));
    assert_eq!(of("bob@x.org/INBOX"), ids(&[&all]));
    assert_eq!(of("Carol@X.org/INBOX"), ids(&[&all]));
    assert_eq!(folders.len(), 4, "{folders:?}");
    let entries = || place.ok(["verify", "--json"]).json()["entries"].clone();
    let before_second = entries();
    let second = run(&place);
    assert_eq!((&second["archived"], &second["already"]), (&0.into(), &3.into()), "{second}");
    assert_eq!(second["excluded_by"]["unknown_address"], 1);
    assert_eq!(entries(), before_second, "a run without news appends nothing");
    assert!(dovecot.everything("alice") == before, "something changed at the server");

    let unknown = place.ok(["unknown", "list", "--json"]).json_lines();
    crate::json::check("unknown", &unknown[0]);
    assert_eq!(
        (&unknown[0]["address"], &unknown[0]["domain"]),
        (&"dave@x.org".into(), &"ours".into())
    );
    assert_eq!(unknown[0]["job"], "m");
    assert_eq!(place.run(["unknown", "show", "erin@x.org"]).code, 2);
    let assign = ["unknown", "assign", "dave@x.org", "--user", "dave", "--new", "--json"];
    let assigned = place.ok(assign).json();
    crate::json::check("unknown-assign", &assigned);
    assert_eq!((&assigned["made"], &assigned["moved"]), (&true.into(), &0.into()), "{assigned}");
    let third = run(&place);
    assert_eq!((&third["archived"], &third["already"]), (&1.into(), &3.into()), "{third}");
    assert_eq!(third["excluded"], 0);
    assert_eq!(archived(&place)["dave@x.org/INBOX"], ids(&[&dave]));
    assert_eq!(place.run(["unknown", "show", "dave@x.org"]).code, 2, "somebody has it now");
}

#[test]
fn a_catch_all_by_pop3_is_sorted_anew() {
    let options = DovecotOptions { pop3: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let known = mail("known", "who@other.org", "bob@x.org");
    let both = mail("both", "dave@x.org", "dave@x.org");
    let erin = mail("erin", "who@other.org", "erin@x.org");
    fill(&dovecot, "INBOX", &[known.clone(), both.clone(), erin.clone()]);
    let place = place("pop3", &dovecot.pop3().to_string(), &["--unclaimed", "catchall"]);
    assert_eq!(run(&place)["archived"], 3);
    let caught = || {
        let hits = place.ok(["search", "--user", "@catchall", "--json"]).json_lines();
        hits.iter().map(|it| it["subject"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(caught(), BTreeSet::from(["both".to_owned(), "erin".to_owned()]));
    let second = run(&place);
    assert_eq!((&second["archived"], &second["already"]), (&0.into(), &3.into()));

    let line = ["unknown", "assign", "dave@x.org", "--user", "dave", "--new", "--json"];
    let assigned = place.ok(line).json();
    assert_eq!((&assigned["moved"], &assigned["placed"]), (&1.into(), &1.into()), "{assigned}");
    let again = place.ok(line).json();
    assert_eq!((&again["made"], &again["moved"]), (&false.into(), &0.into()), "{again}");
    let alias = ["unknown", "assign", "erin@x.org", "--user", "bob", "--alias", "--json"];
    assert_eq!(place.ok(alias).json()["moved"], 1);
    assert!(caught().is_empty());
    let folders = archived(&place);
    assert_eq!(folders["dave@x.org/INBOX"], ids(&[&both]));
    assert_eq!(folders["dave@x.org/Sent Items"], ids(&[&both]));
    assert_eq!(folders["bob@x.org/INBOX"], ids(&[&known, &erin]));
    let taken = place.run(["unknown", "assign", "erin@x.org", "--user", "carol"]);
    assert_eq!(taken.code, 2, "{}", taken.transcript(&place));
    let third = run(&place);
    assert_eq!((&third["archived"], &third["already"]), (&0.into(), &3.into()), "{third}");
    place.ok(["store", "rebuild-catalog"]);
    assert_eq!(archived(&place), folders);
}

#[test]
fn journal_reports_are_opened_and_merged() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let original = mail("plan", "alice@x.org", "list@x.org");
    let report = |recipients: &str| {
        let mut text = format!(
            "X-MS-Journal-Report:\r\nFrom: ex@x.org\r\nTo: journal@x.org\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\
             \r\nSender: alice@x.org\r\nMessage-Id: <plan@x.org>\r\n{recipients}\r\n--b\r\n\
             Content-Type: message/rfc822\r\n\r\n"
        )
        .into_bytes();
        text.extend_from_slice(&original);
        text.extend_from_slice(b"\r\n--b--\r\n");
        text
    };
    fill(&dovecot, "INBOX", &[report("Recipient: bob@x.org\r\n")]);
    let options = ["--sort-by", "journal", "--journal-address", "journal@x.org"];
    let place = place("imap", &dovecot.imap().to_string(), &options);
    assert_eq!(run(&place)["archived"], 1);
    let later = report("Bcc: carol@x.org\r\nTo: list@x.org, Expanded: list@x.org\r\n");
    dovecot.login("alice").append("INBOX", "", &later);
    assert_eq!(run(&place)["archived"], 1, "a later report adds who was missing");
    let folders = archived(&place);
    for folder in ["alice@x.org/Sent Items", "bob@x.org/INBOX", "Carol@X.org/INBOX"] {
        assert_eq!(folders[folder], ids(&[&original]), "{folder}");
    }
    assert_eq!(place.ok(["search", "--count", "--json"]).json()["count"], 1);
}

#[test]
fn what_does_not_fit_is_said_when_a_job_is_saved_and_tried() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, "INBOX", &[mail("a", "alice@x.org", "bob@x.org")]);
    fill(&dovecot, "Sent", &[mail("b", "bob@x.org", "alice@x.org")]);
    let place = place("imap", &dovecot.imap().to_string(), &[]);
    run(&place);
    let set = |options: &[&str]| place.run(["job", "set", "m", "--json"].iter().chain(options));
    // The address of somebody would give him everything.
    let refused = set(&["--journal-address", "bob@x.org"]);
    assert_eq!(refused.code, 2, "{}", refused.transcript(&place));
    assert!(
        refused.json()["error"]["message"].as_str().unwrap().contains("belongs to the user bob")
    );
    // Another name for the same thing, also only in case.
    for (name, there) in [("sent items", "Sent Items"), ("Gesendet", "Sent Items")] {
        let job = set(&["--sent", name]).json();
        let warnings = job["warnings"].to_string();
        assert!(
            warnings.contains(&format!("Write {there} to use the folder that is there")),
            "{job}"
        );
    }
    let without = place.ok(["job", "test", "m", "--json"]).json();
    assert!(without["warnings"].to_string().contains("ithout an address: admin"), "{without}");
    let steps = without["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["result"], "success", "{without}");
    // POP3 has no folders to choose.
    place.ok([
        "profile",
        "add",
        "p",
        "--protocol",
        "pop3",
        "--host",
        "127.0.0.1",
        "--security",
        "plain",
    ]);
    let line = ["job", "add", "x", "--kind", "sorting", "--profile", "p", "--login", "l"];
    let refused = place.run(line.iter().chain(&["--include", "INBOX", "--json"]));
    assert_eq!(refused.code, 2);
    assert_eq!(refused.json()["error"]["message"], "folders are chosen, but POP3 has no folders");
    assert_eq!(place.run(["user", "add", "@catchall"]).code, 2);
}
