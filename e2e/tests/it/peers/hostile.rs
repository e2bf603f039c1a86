//! Hostile mail through every source: what comes out is what went in, byte for byte, or what the
//! server itself made of it. Each test prints what that was.
//!
//! With `POSTHOLD_CORPUS=DIR` the mail is every file in that directory.
#![allow(clippy::print_stdout, reason = "what the servers made of it is what it tells")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use testkit::dovecot::{Mail, PASSWORD};
use testkit::hostile::{self, HostileMail, difference};
use testkit::{Cyrus, Dovecot, DovecotOptions, RawMessage};

use crate::mail::id;
use crate::posthold::{Place, Ran};

/// Ids of everything that the archive has, read back and checked.
fn archived(place: &Place) -> BTreeSet<String> {
    let verify = place.run(["verify", "--json"]);
    assert_eq!(verify.code, 0, "{}", verify.text());
    let out = tempfile::tempdir().unwrap();
    place.ok(["export", "--all", "--to", out.path().to_str().unwrap()]);
    crate::mail::exported(out.path()).into_keys().collect()
}

/// How often each difference was seen, as a line.
fn told(source: &str, mails: &[HostileMail], differences: &[&str]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for it in differences {
        *counts.entry(it).or_default() += 1;
    }
    println!("{source}: {} messages: {counts:?}", mails.len());
}

fn archive(place: &Place, scheme: &str, addr: SocketAddr) {
    let url = format!("{scheme}://alice@{addr}/");
    let mut command = place.command(["archive", &url, "--user", "alice", "--plain", "--json"]);
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
    let run = ran.json();
    assert_eq!((&run["outcome"], &run["quarantined"]), (&"succeeded".into(), &0.into()), "{run}");
}

/// Both protocols of a server that has `mails` as `witnessed`, in this order.
fn both_protocols(
    name: &str,
    mails: &[HostileMail],
    witnessed: &[RawMessage],
    imap: SocketAddr,
    pop3: SocketAddr,
) {
    let made: Vec<&str> =
        mails.iter().zip(witnessed).map(|(it, at)| difference(&it.bytes, &at.bytes)).collect();
    told(name, mails, &made);
    let place = Place::new();
    archive(&place, "imap", imap);
    let want: BTreeSet<String> = witnessed.iter().map(|it| id(&it.bytes)).collect();
    assert_eq!(archived(&place), want, "{name} over IMAP");

    let place = Place::new();
    archive(&place, "pop3", pop3);
    let witnessed = retrieved(pop3, mails.len());
    let made: Vec<&str> =
        mails.iter().zip(&witnessed).map(|(it, at)| difference(&it.bytes, at)).collect();
    told(&format!("{name} over POP3"), mails, &made);
    let want: BTreeSet<String> = witnessed.iter().map(|it| id(it)).collect();
    assert_eq!(archived(&place), want, "{name} over POP3");
}

/// Alice's messages by a POP3 client of our own, which bears witness.
fn retrieved(pop3: SocketAddr, n_messages: usize) -> Vec<Vec<u8>> {
    let mut stream = BufReader::new(TcpStream::connect(pop3).unwrap());
    let mut ask = |command: &str| {
        stream.get_mut().write_all(command.as_bytes()).unwrap();
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).unwrap();
        assert!(line.starts_with(b"+OK"), "{command}: {}", line.escape_ascii());
        let mut message = Vec::new();
        while command.starts_with("RETR") && !message.ends_with(b"\r\n.\r\n") {
            let n = stream.read_until(b'\n', &mut message).unwrap();
            assert!(n > 0, "the connection ended");
            // A dot alone is the end also where nothing stands before it.
            if message == b".\r\n" {
                return Vec::new();
            }
        }
        message
    };
    for command in ["", "USER alice\r\n", &format!("PASS {PASSWORD}\r\n")] {
        ask(command);
    }
    (1..=n_messages).map(|n| unstuffed(&ask(&format!("RETR {n}\r\n")))).collect()
}

/// Without the end, and without what was put before dots.
fn unstuffed(sent: &[u8]) -> Vec<u8> {
    let sent = sent.strip_suffix(b".\r\n").unwrap_or(sent);
    let mut message = Vec::with_capacity(sent.len());
    for (at, byte) in sent.iter().enumerate() {
        let starts_line = at == 0 || sent[..at].ends_with(b"\r\n");
        if !(*byte == b'.' && starts_line) {
            message.push(*byte);
        }
    }
    message
}

#[test]
fn w22_w23_through_dovecot() {
    let options = DovecotOptions { pop3: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let mails = hostile::messages();
    let made =
        mails.iter().map(|it| Mail { bytes: &it.bytes, flags: "S", received: 1_600_000_000 });
    dovecot.fill("alice", "INBOX", made);
    let witnessed = dovecot.everything("alice")["INBOX"].messages.clone();
    assert_eq!(witnessed.len(), mails.len());
    both_protocols("Dovecot", &mails, &witnessed, dovecot.imap(), dovecot.pop3());
}

#[test]
fn w22_w23_through_cyrus() {
    let Some(cyrus) = Cyrus::start_or_leave_out() else { return };
    let mut imap = cyrus.login("alice");
    let (mut taken, mut refused) = (Vec::new(), BTreeMap::new());
    for mail in hostile::messages() {
        // It takes no LF alone; whoever hands mail in makes CR LF of it.
        let whole = imap.try_append("INBOX", "", &mail.bytes);
        match whole.or_else(|_| imap.try_append("INBOX", "", &hostile::crlf(&mail.bytes))) {
            Ok(_) => taken.push(mail),
            Err(why) => *refused.entry(why).or_insert(0) += 1,
        }
    }
    println!("Cyrus does not take: {refused:?}");
    let witnessed = imap.everything()["INBOX"].messages.clone();
    assert_eq!(witnessed.len(), taken.len());
    both_protocols("Cyrus", &taken, &witnessed, cyrus.imap(), cyrus.pop3());
}

/// Files are read as they are; what is written in one form and read again is the same.
#[test]
fn w22_w23_through_files() {
    let mails = hostile::messages();
    let place = Place::new();
    fs::create_dir_all(place.path("mail")).unwrap();
    for (n, mail) in mails.iter().enumerate() {
        fs::write(place.path("mail").join(format!("{n:05}.eml")), &mail.bytes).unwrap();
    }
    let want: BTreeSet<String> = mails.iter().map(|it| id(&it.bytes)).collect();
    let import = |place: &Place, from: &str| {
        let run = place.ok(["import", from, "--user", "alice", "--json"]).json();
        assert_eq!(run["quarantined"], 0, "{run}");
    };
    import(&place, "mail");
    assert_eq!(archived(&place), want, "EML");
    println!("EML: {} messages as they were", mails.len());
    for format in ["maildir", "mbox"] {
        let out = place.path(format);
        let out = out.to_str().unwrap();
        place.ok(["export", "--all", "--format", format, "--to", out]);
        let again = Place::new();
        import(&again, out);
        assert_eq!(archived(&again), want, "{format}");
        println!("{format}: {} messages as they were", mails.len());
    }
}
