//! Mail that is handed in by SMTP: by a client that does what it is told, and by a real Postfix.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use testkit::Postfix;
use testkit::certificates::{Certificates, ServerCertificate};
use testkit::peers::left_out;

use super::archived;
use super::sorting::{mail, users};
use crate::mail::id;
use crate::posthold::{Place, Ran};

const JOURNAL: &str = "journal@archive.test";

/// A job that takes mail in, running until it is stopped.
struct Reception {
    child: Child,
    at: SocketAddr,
    told: std::thread::JoinHandle<String>,
}

impl Reception {
    fn start(place: &Place) -> Reception {
        let mut child = place.start(["job", "run", "journal", "--json"]);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut read = String::new();
        let at = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it does not listen: {read}");
            if let Some((_, at)) = line.trim().trim_end_matches('.').split_once("takes mail in at ")
            {
                break at.parse().unwrap();
            }
            read.push_str(&line);
        };
        let told = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = stderr.read_to_string(&mut rest);
            rest
        });
        Reception { child, at, told }
    }

    fn stop(self, place: &Place) -> Ran {
        place.signal(&self.child, "TERM");
        let mut ran = Ran::of(self.child.wait_with_output().unwrap());
        ran.stderr = self.told.join().unwrap();
        ran
    }
}

fn add(place: &Place, options: &[&str]) {
    let line = ["job", "add", "journal", "--kind", "smtp", "--listen", "127.0.0.1:0"];
    let open = ["--network", "127.0.0.0/8", "--sender", "*"];
    place.ok(line.iter().chain(&open).chain(options));
}

/// A client in clear.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(at: SocketAddr) -> Client {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut client = Client(BufReader::new(stream));
        assert_eq!(client.answer(), 220);
        assert_eq!(client.ask("EHLO client.test"), 250);
        client
    }

    fn answer(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.get(..3).and_then(|it| it.parse().ok()).unwrap_or(0);
            }
        }
    }

    fn ask(&mut self, line: &str) -> u16 {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.answer()
    }

    /// Hands a message in; the answer to its end.
    fn hand_in(&mut self, from: &str, to: &[&str], bytes: &[u8]) -> u16 {
        assert_eq!(self.ask(&format!("MAIL FROM:<{from}>")), 250);
        for it in to {
            assert_eq!(self.ask(&format!("RCPT TO:<{it}>")), 250, "{it}");
        }
        assert_eq!(self.ask("DATA"), 354);
        self.0.get_mut().write_all(bytes).unwrap();
        self.ask(".")
    }
}

#[test]
fn what_is_handed_in_finds_its_users() {
    let place = Place::new();
    users(&place);
    add(&place, &["--security", "plain", "--journal-address", JOURNAL]);
    let reception = Reception::start(&place);
    let mut client = Client::connect(reception.at);
    // The envelope says more than the header.
    let blind = mail("blind", "alice@x.org", "list@other.org");
    assert_eq!(client.hand_in("alice@x.org", &["bob@x.org", "carol@x.org"], &blind), 250);
    assert_eq!(client.hand_in("alice@x.org", &["bob@x.org"], &blind), 250, "the same again");
    // A copy for the journal alone: the header is what is left.
    let header = mail("header", "who@other.org", "bob@x.org");
    assert_eq!(client.hand_in("who@other.org", &[JOURNAL], &header), 250);
    // Nobody has the address: refused at once, or when the header was read.
    assert_eq!(client.ask("MAIL FROM:<who@other.org>"), 250);
    assert_eq!(client.ask("RCPT TO:<dave@x.org>"), 550);
    assert_eq!(client.ask("RSET"), 250);
    let lost = mail("lost", "who@other.org", "dave@x.org");
    assert_eq!(client.hand_in("who@other.org", &[JOURNAL], &lost), 550);
    drop(client);
    let ran = reception.stop(&place);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    let run = ran.json();
    assert_eq!(
        (&run["archived"], &run["already"], &run["excluded"]),
        (&2.into(), &1.into(), &1.into())
    );
    let folders = archived(&place);
    let has = |folder: &str, bytes: &[u8]| folders[folder].contains(&id(bytes));
    assert!(has("alice@x.org/Sent Items", &blind) && has("Carol@X.org/INBOX", &blind));
    assert!(has("bob@x.org/INBOX", &blind) && has("bob@x.org/INBOX", &header));
    let unknown = place.ok(["unknown", "show", "dave@x.org", "--json"]).json_lines();
    assert_eq!(unknown[0]["example"], "handed in by SMTP: lost");
    let kept = place.ok(["run", "list", "--job", "journal", "--json"]).json_lines();
    assert_eq!(kept[0]["steps"][0]["archived"], 2, "{kept:?}");
    assert_eq!(place.ok(["verify", "--json"]).code, 0);
}

#[test]
fn users_who_are_added_count_at_once_and_catchall_keeps_the_rest() {
    let place = Place::new();
    users(&place);
    add(&place, &["--security", "plain", "--unclaimed", "catchall"]);
    let reception = Reception::start(&place);
    let mut client = Client::connect(reception.at);
    let lost = mail("lost", "who@other.org", "dave@x.org");
    assert_eq!(client.hand_in("who@other.org", &["dave@x.org"], &lost), 250);
    drop(client);
    assert_eq!(reception.stop(&place).code, 0);
    assert_eq!(archived(&place)["Unknown E-mail Addresses"].len(), 1);
    let assign = ["unknown", "assign", "dave@x.org", "--user", "dave", "--new", "--json"];
    assert_eq!(place.ok(assign).json()["moved"], 1);
    assert!(archived(&place)["dave@x.org/INBOX"].contains(&id(&lost)));
}

/// Certificate, key and authority for a server on this machine.
fn certificate(place: &Place) -> [PathBuf; 3] {
    let made = Certificates::new(ServerCertificate::Valid);
    let files = ["cert.pem", "key.pem", "ca.pem"].map(|it| place.path(it));
    std::fs::write(&files[0], &made.server_pem).unwrap();
    std::fs::write(&files[1], &made.key_pem).unwrap();
    std::fs::write(&files[2], &made.ca_pem).unwrap();
    files
}

fn add_encrypted(place: &Place) -> PathBuf {
    let [cert, key, ca] = certificate(place);
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let files = ["--certificate", cert, "--key", key];
    let journal = ["--recipient", JOURNAL, "--journal-address", JOURNAL];
    let catch = ["--unclaimed", "catchall"];
    let options: Vec<&str> = files.iter().chain(&journal).chain(&catch).copied().collect();
    add(place, &options);
    ca
}

/// How many messages end with these bytes, and how many there are at all.
fn exported(place: &Place, wanted: &[Vec<u8>]) -> (usize, usize) {
    let out = tempfile::tempdir().unwrap();
    place.ok(["export", "--all", "--to", out.path().to_str().unwrap()]);
    let files: Vec<Vec<u8>> = crate::mail::exported(out.path()).into_values().collect();
    let has = |it: &&Vec<u8>| files.iter().any(|file| file.ends_with(it));
    (wanted.iter().filter(has).count(), files.len())
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it never happened: {what}");
}

#[test]
fn a_postfix_with_a_journal_fills_the_archives() {
    let place = Place::new();
    users(&place);
    let ca = add_encrypted(&place);
    let reception = Reception::start(&place);
    let Some(postfix) = Postfix::journal_or_leave_out(reception.at, &ca, JOURNAL) else {
        reception.stop(&place);
        return;
    };
    let mut client = Client::connect(postfix.address());
    let mails: Vec<Vec<u8>> = (0..20)
        .map(|n| {
            mail(&format!("m{n}"), "alice@x.org", if n % 2 == 0 { "bob@x.org" } else { "n@o.org" })
        })
        .collect();
    for it in &mails {
        assert_eq!(client.hand_in("alice@x.org", &["bob@x.org"], it), 250);
    }
    until("every copy comes", || postfix_is_empty(&postfix));
    let ran = reception.stop(&place);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(ran.json()["archived"], 20, "{}", ran.text());
    let folders = archived(&place);
    assert_eq!(folders["alice@x.org/Sent Items"].len(), 20);
    assert_eq!(folders["bob@x.org/INBOX"].len(), 10);
    assert_eq!(exported(&place, &mails), (20, 20), "byte for byte behind the field of Postfix");
}

/// Whether its queue is empty.
fn postfix_is_empty(postfix: &Postfix) -> bool {
    postfix.flush();
    postfix.queue_is_empty()
}

/// A file system of a few megabytes, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<SmallDisk> {
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "none"]).arg(&at);
        if !mount.output().is_ok_and(|it| it.status.success()) {
            left_out("a file system cannot be mounted here (root may)");
            return None;
        }
        Some(SmallDisk(at))
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        let block = [1; 64 << 10];
        while file.write_all(&block).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_a_reason_to_come_again() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(place.data()) else { return };
    users(&place);
    let ca = add_encrypted(&place);
    let reception = Reception::start(&place);
    let Some(postfix) = Postfix::journal_or_leave_out(reception.at, &ca, JOURNAL) else {
        reception.stop(&place);
        return;
    };
    let mut client = Client::connect(postfix.address());
    let first = mail("first", "alice@x.org", "bob@x.org");
    assert_eq!(client.hand_in("alice@x.org", &["bob@x.org"], &first), 250);
    until("the first one comes", || postfix_is_empty(&postfix));
    disk.fill();
    let mails: Vec<Vec<u8>> =
        (0..5).map(|n| mail(&format!("late{n}"), "alice@x.org", "bob@x.org")).collect();
    for it in &mails {
        assert_eq!(client.hand_in("alice@x.org", &["bob@x.org"], it), 250, "Postfix takes it");
    }
    until("Postfix is told to come again", || {
        postfix.flush();
        let trace = postfix.trace();
        trace.contains("said: 452 4.3.1") || trace.contains("said: 451 4.3.0")
    });
    disk.make_room();
    until("what waited comes", || postfix_is_empty(&postfix));
    let trace = postfix.trace();
    assert!(!trace.contains("status=bounced"), "{trace}");
    let ran = reception.stop(&place);
    assert!(ran.code <= 1, "{}", ran.transcript(&place));
    let folders = archived(&place);
    assert_eq!(folders["bob@x.org/INBOX"].len(), 6, "{trace}");
    let all: Vec<Vec<u8>> = mails.into_iter().chain([first]).collect();
    assert_eq!(exported(&place, &all), (6, 6));
    assert_eq!(place.run(["verify", "--json"]).code, 0);
}
