//! Servers that cannot be had, as `testkit` plays them: Kerio Connect, IceWarp, Gmail, a weak one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use testkit::dovecot::{MASTER, MASTER_PASSWORD, PASSWORD};
use testkit::odd_imap::{ALL_MAIL, DELETED_ITEMS};
use testkit::{OddImap, Oddity};

use crate::mail::id;
use crate::posthold::{Place, Ran};

/// Ids of messages by folder.
type Folders = BTreeMap<String, BTreeSet<String>>;

fn archive(place: &Place, server: &OddImap, login: &str, options: &[&str]) -> Ran {
    let url = format!("imap://{login}@{}/", server.address());
    let line = ["archive", &url, "--user", "alice", "--plain", "--json"];
    let mut command = place.command(line.iter().chain(options));
    let password = if login == MASTER { MASTER_PASSWORD } else { PASSWORD };
    Ran::of(command.env("POSTHOLD_PASSWORD", password).output().unwrap())
}

fn archive_ok(place: &Place, server: &OddImap, login: &str, options: &[&str]) -> Value {
    let ran = archive(place, server, login, options);
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    ran.json()
}

/// What the archive has.
fn archived(place: &Place) -> Folders {
    let mut folders = Folders::new();
    for hit in place.ok(["search", "--json"]).json_lines() {
        for folder in hit["folders"].as_array().unwrap() {
            let ids = folders.entry(folder.as_str().unwrap().to_owned()).or_default();
            ids.insert(hit["id"].as_str().unwrap().to_owned());
        }
    }
    folders
}

fn folders(want: &[(&str, &[&[u8]])]) -> Folders {
    let ids = |mails: &[&[u8]]| mails.iter().map(|it| id(it)).collect();
    want.iter().map(|(name, mails)| (format!("alice/{name}"), ids(mails))).collect()
}

const ONE: &[u8] = b"Subject: one\r\nFrom: bob@example.org\r\n\r\nthe first\r\n";
const TWO: &[u8] = b"Subject: two\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nthe second\r\n";
const THREE: &[u8] = b"Subject: three\r\n\r\nthe third\r\n";

/// One message under two labels, and in All Mail, is one message at three places; marks say what a
/// mailbox is for, whatever it is called.
#[test]
fn w19_a_message_under_many_labels_is_stored_once() {
    let server = OddImap::start(Oddity::Gmail);
    server.deliver_labelled("alice", &["INBOX", "Work"], r#""\\Inbox" Work "#.trim(), ONE);
    server.deliver_labelled("alice", &[], "", TWO);
    server.deliver_labelled("alice", &["[Gmail]/Gesendet"], r#""\\Sent""#, THREE);
    server.deliver("alice", "[Gmail]/Papierkorb", b"Subject: gone\r\n\r\n");
    server.deliver("alice", "[Gmail]/Spam", b"Subject: win\r\n\r\n");
    server.deliver("alice", "[Gmail]/Entw&APw-rfe", b"Subject: half\r\n\r\n");
    let place = Place::new();
    let run = archive_ok(&place, &server, "alice", &[]);
    assert_eq!((&run["archived"], &run["excluded"]), (&json!(6), &json!(3)), "{run}");
    let all_mail = format!("[Gmail]/{}", "Alle Nachrichten");
    assert_eq!(all_mail, ALL_MAIL);
    let want = folders(&[
        ("INBOX", &[ONE]),
        ("Work", &[ONE]),
        (ALL_MAIL, &[ONE, TWO, THREE]),
        ("[Gmail]/Gesendet", &[THREE]),
    ]);
    assert_eq!(archived(&place), want);
    let verify = place.ok(["verify", "--json"]).json();
    assert_eq!((&verify["blobs"], &verify["messages"]), (&json!(3), &json!(3)), "{verify}");
    let again = archive_ok(&place, &server, "alice", &[]);
    assert_eq!((&again["archived"], &again["already"]), (&json!(0), &json!(6)), "{again}");

    // A label more is a place more, and no message more.
    server.deliver("alice", "Work", TWO);
    archive_ok(&place, &server, "alice", &[]);
    let verify = place.ok(["verify", "--json"]).json();
    assert_eq!(verify["blobs"], 3, "{verify}");
    assert_eq!(archived(&place)["alice/Work"].len(), 2);

    place.ok(["export", "--all", "--format", "maildir", "--to", "out"]);
    let mut keywords = String::new();
    for entry in walk(&place.path("out")) {
        if entry.ends_with("dovecot-keywords") {
            keywords += &fs::read_to_string(entry).unwrap();
        }
    }
    assert!(keywords.contains("Work") && keywords.contains("\\Inbox"), "{keywords}");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(walk(&path)),
            path => found.push(path),
        }
    }
    found
}

const KERIO: [&str; 6] =
    ["--auth", "x-masterauth", "--authzid", "alice@example.org", "--root", "alice"];

/// What somebody removes moves to Deleted Items. By default that is left out, and the archive keeps
/// the message where it was; with all folders it follows.
#[test]
fn kerio_master_password_and_deleted_items() {
    let server = OddImap::start(Oddity::Kerio { master: true });
    let first = server.deliver("alice", "INBOX", ONE);
    server.deliver("alice", "INBOX", TWO);
    server.deliver("bob", "INBOX", THREE);
    let place = Place::new();
    let run = archive_ok(&place, &server, MASTER, &KERIO);
    assert_eq!(run["archived"], 2, "{run}");
    assert_eq!(archived(&place), folders(&[("INBOX", &[ONE, TWO])]));

    server.remove("alice", "INBOX", first);
    assert_eq!(server.mailbox("alice", DELETED_ITEMS).messages.len(), 1);
    let run = archive_ok(&place, &server, MASTER, &KERIO);
    assert_eq!((&run["archived"], &run["excluded"]), (&json!(0), &json!(1)), "{run}");
    assert_eq!(archived(&place), folders(&[("INBOX", &[ONE, TWO])]));

    let all: Vec<&str> = KERIO.into_iter().chain(["--all-folders"]).collect();
    archive_ok(&place, &server, MASTER, &all);
    let verify = place.ok(["verify", "--json"]).json();
    assert_eq!(verify["blobs"], 2, "{verify}");
    let now = archived(&place);
    assert_eq!(
        now["alice/Deleted Items"],
        folders(&[("Deleted Items", &[ONE])])["alice/Deleted Items"]
    );
}

#[test]
fn kerio_without_master_authentication_says_what_to_do() {
    let server = OddImap::start(Oddity::Kerio { master: false });
    let place = Place::new();
    let ran = archive(&place, &server, MASTER, &KERIO);
    let error = &ran.json()["error"];
    let hint = error["hint"].as_str().unwrap();
    assert!(error["message"].to_string().contains("Unknown authentication method"), "{error}");
    assert!(hint.contains("master authentication"), "{error}");
    let server = OddImap::start(Oddity::Kerio { master: true });
    let unknown = ["--auth", "x-masterauth", "--authzid", "nobody@example.org"];
    let error = &archive(&place, &server, MASTER, &unknown).json()["error"];
    assert_eq!(error["kind"], "credentials", "{error}");
}

/// Its searches by date find nothing: dates are compared here, and never asked for.
#[test]
fn icewarp_is_not_asked_for_dates() {
    let server = OddImap::start(Oddity::IceWarp { has_right: true });
    for mail in [ONE, TWO, THREE] {
        server.deliver("alice", "INBOX", mail);
    }
    let place = Place::new();
    let options = ["--authzid", "alice", "--filter", "before:2024-01-01"];
    let run = archive_ok(&place, &server, MASTER, &options);
    // Two have no date of their own, and arrived before.
    assert_eq!((&run["archived"], &run["excluded"]), (&json!(2), &json!(1)), "{run}");
    let searches: BTreeSet<String> =
        server.said().into_iter().filter(|it| it.contains("SEARCH")).collect();
    assert_eq!(searches.into_iter().collect::<Vec<_>>(), ["UID SEARCH ALL"]);
}

/// The archive has what was there once, whatever becomes of it at the source.
#[test]
fn w26_what_is_removed_at_the_source_stays_in_the_archive() {
    let server = OddImap::start(Oddity::IceWarp { has_right: true });
    let uids = [ONE, TWO, THREE].map(|mail| server.deliver("alice", "INBOX", mail));
    let place = Place::new();
    archive_ok(&place, &server, "alice", &[]);
    let before = archived(&place);
    for uid in uids {
        server.remove("alice", "INBOX", uid);
        archive_ok(&place, &server, "alice", &[]);
        assert_eq!(archived(&place), before);
    }
    let verify = place.ok(["verify", "--json"]).json();
    assert_eq!((&verify["blobs"], &verify["defects"]), (&json!(3), &json!([])), "{verify}");
}

/// Numbers that mean something else each time, sizes that are wrong, no extension at all: every
/// message is archived once. That sizes are estimates is believed of a server that shows it.
#[test]
fn w03_w08_a_weak_server_is_archived_once() {
    let server = OddImap::start(Oddity::Weak);
    let mails: Vec<Vec<u8>> =
        (0..30).map(|it| format!("Subject: m{it}\r\n\r\nnumber {it}\r\n").into_bytes()).collect();
    let mails: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
    for mail in &mails {
        server.deliver("alice", "INBOX", mail);
    }
    server.deliver("alice", "Sent", mails[0]);
    let place = Place::new();
    let run = archive_ok(&place, &server, "alice", &["--connections", "1"]);
    assert_eq!((&run["archived"], &run["quarantined"]), (&json!(31), &json!(0)), "{run}");
    let want = folders(&[("INBOX", &mails), ("Sent", &mails[..1])]);
    assert_eq!(archived(&place), want);
    for _ in 0..2 {
        let again = archive_ok(&place, &server, "alice", &["--connections", "1"]);
        assert_eq!((&again["archived"], &again["already"]), (&json!(0), &json!(31)), "{again}");
        assert_eq!(archived(&place), want);
    }
    let verify = place.ok(["verify", "--json"]).json();
    assert_eq!((&verify["blobs"], &verify["defects"]), (&json!(30), &json!([])), "{verify}");
}
