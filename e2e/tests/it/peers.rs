//! Archiving from a real Dovecot, also over bad wires and with a process that is killed.

mod alerts;
mod archive;
mod cancel;
mod cyrus;
mod faults;
mod hostile;
mod jobs;
mod kill;
mod large;
mod limits;
mod logins;
mod many;
mod pop3;
mod profiles;
mod quarantine;
mod removal;
mod serve;
mod smtp;
mod sorting;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde_json::Value;
use testkit::Dovecot;
use testkit::dovecot::{Mail, PASSWORD};

use crate::mail::{exported, id};
use crate::posthold::{Place, Ran};

/// Ids of messages by folder, or by mailbox.
type Folders = BTreeMap<String, BTreeSet<String>>;

/// Mailboxes that are not archived by default.
const LEFT_OUT: [&str; 3] = ["Drafts", "Junk", "Trash"];

/// The command that archives alice's account at `addr`, without TLS.
fn archive_line(addr: SocketAddr, options: &[&str]) -> Vec<String> {
    let mut line = vec!["archive".to_owned(), format!("imap://alice@{addr}/")];
    line.extend(["--user", "alice", "--plain", "--json"].map(str::to_owned));
    line.extend(options.iter().map(|it| (*it).to_owned()));
    line
}

/// Runs it to its end.
fn archive(place: &Place, addr: SocketAddr, options: &[&str]) -> Ran {
    let mut command = place.command(archive_line(addr, options));
    Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
}

/// Runs it to its end, which must be a success.
fn archive_ok(place: &Place, addr: SocketAddr, options: &[&str]) -> Value {
    let ran = archive(place, addr, options);
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    let run = ran.json();
    assert_eq!(run["outcome"], "succeeded", "{run}");
    run
}

/// What the server has, of the mailboxes in scope.
fn source(dovecot: &Dovecot) -> Folders {
    let everything = dovecot.everything("alice");
    let in_scope = everything.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    let with_mail = in_scope.filter(|(_, mailbox)| !mailbox.messages.is_empty());
    with_mail
        .map(|(name, mailbox)| {
            (format!("alice/{name}"), mailbox.messages.iter().map(|it| id(&it.bytes)).collect())
        })
        .collect()
}

/// What the archive has, as a search tells it.
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

/// The archive has what the source has, byte for byte, and nothing else; and it is sound.
fn assert_equal(place: &Place, source: &Folders) {
    assert_eq!(&archived(place), source);
    let verify = place.run(["verify", "--json"]);
    assert_eq!(verify.code, 0, "{}", verify.text());
    let out = tempfile::tempdir().unwrap();
    let to = out.path().to_str().unwrap();
    place.ok(["export", "--all", "--to", to]);
    // Exported files are named by the hash of their bytes, and so are the source's messages.
    let exported: BTreeSet<String> = exported(out.path()).into_keys().collect();
    let wanted: BTreeSet<String> = source.values().flatten().cloned().collect();
    assert_eq!(exported, wanted);
}

/// Fills alice's mailboxes with made-up mail.
fn fill(dovecot: &Dovecot, seed: u64, n_messages: u64) {
    for name in ["INBOX", "Archive", "Sent", "Projects"] {
        let mails: Vec<_> =
            testkit::corpus::messages(seed, n_messages).filter(|it| it.mailbox == name).collect();
        let mails =
            mails.iter().map(|it| Mail { bytes: &it.bytes, flags: "S", received: it.received });
        dovecot.fill("alice", name, mails);
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}
