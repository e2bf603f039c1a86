//! Archiving by POP3 from a real Dovecot: again, beside IMAP, under other names, over bad wires.

use std::net::SocketAddr;
use std::thread;

use serde_json::Value;
use testkit::dovecot::{Mail, PASSWORD};
use testkit::fault_proxy::{Direction, FaultProxy, Faults, Then, WireAction, WireFault};
use testkit::{Dovecot, DovecotOptions};

use super::{Folders, archive_ok, archived, assert_equal, source};
use crate::posthold::{Place, Ran};

/// With made-up mail in alice's INBOX, one message of several pieces among it.
fn server(seed: u64, n: u64) -> Option<Dovecot> {
    let options = DovecotOptions { pop3: true, ..DovecotOptions::default() };
    let dovecot = Dovecot::start_with_or_leave_out(options)?;
    let mut mail: Vec<Vec<u8>> = testkit::corpus::messages(seed, n).map(|it| it.bytes).collect();
    mail.push(b"Subject: dots\n\n.\n..\n.a\n".to_vec());
    let mails = mail.iter().map(|bytes| Mail { bytes, flags: "", received: 1_600_000_000 });
    dovecot.fill("alice", "INBOX", mails);
    Some(dovecot)
}

fn archive(place: &Place, addr: SocketAddr, options: &[&str]) -> Ran {
    let mut line = vec!["archive".to_owned(), format!("pop3://alice@{addr}/")];
    line.extend(["--user", "alice", "--plain", "--json"].map(str::to_owned));
    line.extend(options.iter().map(|it| (*it).to_owned()));
    Ran::of(place.command(line).env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
}

fn pop3_ok(place: &Place, addr: SocketAddr, options: &[&str]) -> Value {
    let ran = archive(place, addr, options);
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    let run = ran.json();
    assert_eq!(run["outcome"], "succeeded", "{run}");
    run
}

#[test]
fn an_inbox_is_archived_and_a_second_run_does_nothing() {
    let Some(dovecot) = server(11, 60) else { return };
    let before = dovecot.everything("alice");
    let place = Place::new();
    let ca = dovecot.ca_file();
    let url = format!("pop3s://alice@{}/", dovecot.pop3s());
    let line = ["archive", &url, "--user", "alice", "--json", "--ca-file", ca.to_str().unwrap()];
    let encrypted = || {
        let mut command = place.command(line);
        Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
    };
    let ran = encrypted();
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(ran.json()["archived"], 61);
    assert_eq!(ran.json()["warnings"], serde_json::json!([]));
    assert_equal(&place, &source(&dovecot));
    let again = encrypted();
    assert_eq!((&again.json()["archived"], &again.json()["already"]), (&0.into(), &61.into()));
    dovecot.login("alice").append("INBOX", "", b"Subject: new\r\n\r\nunread\r\n");
    assert_eq!(encrypted().json()["archived"], 1);
    assert_equal(&place, &source(&dovecot));
    // Reading changed nothing; the one that was added is the only difference.
    let mut after = dovecot.everything("alice");
    after.get_mut("INBOX").unwrap().messages.pop();
    assert!(after == before, "a flag, a message or a mailbox changed");
}

#[test]
fn beside_imap_nothing_is_archived_twice() {
    let Some(dovecot) = server(12, 40) else { return };
    for imap_first in [true, false] {
        let place = Place::new();
        let both = if imap_first { [true, false] } else { [false, true] };
        let mut archived = Vec::new();
        for by_imap in both {
            let run = if by_imap {
                archive_ok(&place, dovecot.imap(), &[])
            } else {
                pop3_ok(&place, dovecot.pop3(), &[])
            };
            archived.push(run["archived"].as_u64().unwrap());
        }
        assert_eq!(archived, [41, 0]);
        assert_equal(&place, &source(&dovecot));
        assert_eq!(archive_ok(&place, dovecot.imap(), &[])["archived"], 0);
        assert_eq!(pop3_ok(&place, dovecot.pop3(), &[])["archived"], 0);
    }
}

#[test]
fn pop3_uidl_scheme_change_adds_zero() {
    let Some(dovecot) = server(13, 40) else { return };
    let place = Place::new();
    pop3_ok(&place, dovecot.pop3(), &[]);
    // Dovecot's UIDLs hold the UIDVALIDITY.
    dovecot.set_uid_validity("alice", "INBOX", 77);
    let run = pop3_ok(&place, dovecot.pop3(), &[]);
    assert_eq!((&run["archived"], &run["already"]), (&0.into(), &41.into()));
    let warnings = run["warnings"].to_string();
    assert!(warnings.contains("names its messages anew; 41 messages are recognised"), "{run}");
    assert_equal(&place, &source(&dovecot));
    assert_eq!(pop3_ok(&place, dovecot.pop3(), &[])["already"], 41);
}

#[test]
fn what_pop3_has_not_is_refused() {
    let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let place = Place::new();
    for option in [&["--all-folders"][..], &["--include", "Sent"], &["--exclude", "Junk"]] {
        let ran = archive(&place, nowhere, option);
        assert_eq!(ran.code, 2);
        let error = &ran.json()["error"];
        assert_eq!(error["kind"], "request");
        let want =
            format!("{} does not go with POP3: it knows no folders, only the inbox", option[0]);
        assert_eq!(error["message"], want);
    }
    for option in [&["--compress"][..], &["--filter", "from:bob"]] {
        let error = &archive(&place, nowhere, option).json()["error"];
        assert!(error["message"].to_string().contains("does not go with POP3"), "{error}");
    }
    let made = place.data().join("stores").exists();
    assert!(!made, "nothing is made for a wrong request but a line of the audit log");
}

#[test]
fn a_wrong_password_is_one() {
    let Some(dovecot) = server(14, 1) else { return };
    let place = Place::new();
    let url = format!("pop3://alice@{}/", dovecot.pop3());
    let mut command = place.command(["archive", &url, "--user", "alice", "--plain", "--json"]);
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", "wrong").output().unwrap());
    assert_eq!(ran.json()["error"]["kind"], "credentials", "{}", ran.transcript(&place));
}

/// One run with a fault, then a clean one.
fn check(proxy: &FaultProxy, fault: WireFault, source: &Folders) {
    let place = Place::new();
    let name = format!("{fault:?}");
    proxy.set(fault);
    let ran = archive(&place, proxy.addr(), &["--timeout", "2"]);
    if ran.code == 0 {
        assert_eq!(&archived(&place), source, "{name}: it said that it succeeded");
    } else {
        assert!(ran.code == 1 || ran.code == 3, "{name}: {}", ran.transcript(&place));
        assert_ne!(proxy.counts().struck, 0, "{name}: {}", ran.transcript(&place));
    }
    proxy.set(Faults::default());
    pop3_ok(&place, proxy.addr(), &["--timeout", "20"]);
    assert_equal(&place, source);
}

#[test]
fn the_wire_is_cut_reset_or_stalls() {
    let Some(dovecot) = server(15, 14) else { return };
    let source = source(&dovecot);
    let counting = FaultProxy::start(dovecot.pop3());
    let place = Place::new();
    let total = counting.run_through(|| drop(pop3_ok(&place, counting.addr(), &[]))).to_client;
    let mut faults = Vec::new();
    for step in 0..16 {
        let action = if step % 2 == 0 { WireAction::Cut } else { WireAction::Reset };
        let (direction, after) = (Direction::ToClient, total * step / 16);
        faults.push(WireFault { direction, after, action, then: Then::Fine });
    }
    for step in [1, 4, 7] {
        for (action, then) in [(WireAction::Cut, Then::Same), (WireAction::Stall, Then::Fine)] {
            let (direction, after) = (Direction::ToClient, total * step / 8);
            faults.push(WireFault { direction, after, action, then });
        }
    }
    thread::scope(|scope| {
        for first in 0..4 {
            let (source, faults, dovecot) = (&source, &faults, &dovecot);
            scope.spawn(move || {
                let proxy = FaultProxy::start(dovecot.pop3());
                for fault in faults.iter().skip(first).step_by(4) {
                    check(&proxy, *fault, source);
                }
            });
        }
    });
}
