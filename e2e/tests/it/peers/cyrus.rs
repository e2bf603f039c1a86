//! Archiving from a real Cyrus, over IMAP and POP3, also as its administrator.

use std::collections::BTreeSet;

use testkit::Cyrus;
use testkit::cyrus::{ADMIN, ADMIN_PASSWORD};
use testkit::dovecot::PASSWORD;

use super::{Folders, assert_equal};
use crate::mail::id;
use crate::posthold::{Place, Ran};

/// With made-up mail of alice. Cyrus takes no message with lines that end in LF alone.
fn server(seed: u64, n: u64) -> Option<(Cyrus, Folders)> {
    let cyrus = Cyrus::start_or_leave_out()?;
    let mut imap = cyrus.login("alice");
    let mut folders = Folders::new();
    for name in ["INBOX", "Sent"] {
        let mut ids = BTreeSet::new();
        for message in testkit::corpus::messages(seed, n).filter(|it| it.mailbox == name) {
            let bytes = with_crlf(&message.bytes);
            if imap.try_append(name, "", &bytes).is_ok() {
                ids.insert(id(&bytes));
            }
        }
        assert!(ids.len() > 1, "{name}");
        folders.insert(format!("alice/{name}"), ids);
    }
    Some((cyrus, folders))
}

fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "");
    text.replace('\n', "\r\n").into_bytes()
}

fn archive(place: &Place, url: &str, password: &str, options: &[&str]) -> serde_json::Value {
    let line = ["archive", url, "--user", "alice", "--json"];
    let mut command = place.command(line.iter().chain(options));
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", password).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    ran.json()
}

#[test]
fn both_protocols_and_the_administrator() {
    let Some((cyrus, folders)) = server(21, 120) else { return };
    let ca = cyrus.ca_file();
    let ca = ca.to_str().unwrap();
    let place = Place::new();
    let url = format!("imaps://alice@{}/", cyrus.imaps());
    let run = archive(&place, &url, PASSWORD, &["--ca-file", ca]);
    let n: usize = folders.values().map(BTreeSet::len).sum();
    assert_eq!(run["archived"], n, "{run}");
    assert_eq!(run["warnings"], serde_json::json!([]));
    assert_equal(&place, &folders);
    let again = archive(&place, &url, PASSWORD, &["--ca-file", ca]);
    assert_eq!((&again["archived"], &again["already"]), (&0.into(), &n.into()), "{again}");

    // The administrator, acting for her, finds the same; POP3 finds nothing new.
    let url = format!("imaps://{ADMIN}@{}/", cyrus.imaps());
    let other = Place::new();
    archive(&other, &url, ADMIN_PASSWORD, &["--ca-file", ca, "--authzid", "alice"]);
    assert_equal(&other, &folders);
    let url = format!("pop3s://alice@{}/", cyrus.pop3s());
    let by_pop3 = archive(&place, &url, PASSWORD, &["--ca-file", ca]);
    assert_eq!(by_pop3["archived"], 0, "{by_pop3}");
    assert_equal(&place, &folders);
    let fresh = Place::new();
    archive(&fresh, &url, PASSWORD, &["--ca-file", ca]);
    let inbox = folders.into_iter().filter(|(name, _)| name == "alice/INBOX").collect();
    assert_equal(&fresh, &inbox);
}
