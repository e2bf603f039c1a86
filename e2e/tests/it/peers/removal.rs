//! Mail that leaves its server once it is archived, and mail that stays.
//!
//! W28 of the loss catalogue: removed before the archive was proven to have it.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::dovecot::{Mail, PASSWORD};
use testkit::fault_proxy::{
    Direction, FaultProxy, Faults, ImapFault, Refusal, Then, WireAction, WireFault,
};
use testkit::{Dovecot, DovecotOptions};

use super::{
    Dice, Folders, archive, archive_line, archive_ok, archived, assert_equal, fill, source,
};
use crate::mail::id;
use crate::posthold::{Place, Ran};

/// `alice` with three messages, the second flagged, the fourth marked as deleted by somebody.
fn server(pop3: bool) -> Option<Dovecot> {
    let options = DovecotOptions { pop3, ..DovecotOptions::default() };
    let dovecot = Dovecot::start_with_or_leave_out(options)?;
    for (n, flags) in [(1, "S"), (2, "F"), (3, "")] {
        let bytes = format!("Subject: {n}\n\nmessage {n}\n").into_bytes();
        dovecot.fill("alice", "INBOX", [Mail { bytes: &bytes, flags, received: 1_600_000_000 }]);
    }
    Some(dovecot)
}

/// What INBOX holds: the subject and the flags of each message.
fn inbox(dovecot: &Dovecot) -> Vec<String> {
    let found = dovecot.login("alice").mailbox("INBOX");
    let shown = found.messages.into_iter().map(|it| {
        let text = String::from_utf8(it.bytes).unwrap();
        let subject = text.lines().next().unwrap().strip_prefix("Subject: ").unwrap().to_owned();
        format!("{subject} {}", it.flags.join(" ")).trim_end().to_owned()
    });
    shown.collect()
}

fn stayed(run: &Value) -> Value {
    run["removal"]["stayed"].clone()
}

#[test]
fn w28_imap_what_is_archived_leaves_and_what_is_flagged_stays() {
    let Some(dovecot) = server(false) else { return };
    let before = source(&dovecot);
    let place = Place::new();
    let run = archive_ok(&place, dovecot.imap(), &["--remove", "at once"]);
    crate::json::check("removal", &run["removal"]);
    assert_eq!(run["removal"]["left"], 2, "{run}");
    assert_eq!(stayed(&run), json!([{"reason": "flagged", "count": 1}]));
    assert_eq!(inbox(&dovecot), ["2 \\Flagged"]);
    // The archive has all of them, and is sound.
    assert_equal(&place, &before);
    // Somebody marks a message that came meanwhile; it was never archived, and stays.
    let mut other = dovecot.login("alice");
    other.append("INBOX", "", b"Subject: 4\r\n\r\nmessage 4\r\n");
    let again = archive_ok(&place, dovecot.imap(), &["--remove", "after 1 year by archive date"]);
    assert_eq!((&again["archived"], &again["removal"]["left"]), (&json!(1), &json!(0)));
    other.flag("INBOX", &[4], "\\Deleted");
    let run = place.run(["run", "show", "1"]);
    assert!(
        run.text().contains("2 removed at the source (at once); stayed: 1 flagged."),
        "{}",
        run.text()
    );
    assert_eq!(inbox(&dovecot), ["2 \\Flagged", "4 \\Deleted"]);
    // Nothing is removed without a rule.
    let quiet = archive_ok(&place, dovecot.imap(), &[]);
    assert!(quiet.get("removal").is_none(), "{quiet}");
    assert_eq!(inbox(&dovecot).len(), 2);
}

#[test]
fn w28_what_is_in_no_backup_stays() {
    let Some(dovecot) = server(false) else { return };
    let before = source(&dovecot);
    let place = Place::new();
    let rule = ["--remove", "at once if backed up"];
    let run = archive_ok(&place, dovecot.imap(), &rule);
    assert_eq!(run["removal"]["left"], 0, "{run}");
    assert_eq!(stayed(&run), json!([{"reason": "in no backup yet", "count": 3}]));
    assert_eq!(inbox(&dovecot).len(), 3);
    place.ok(["backup", "create", "backups"]);
    // What came behind the backup waits for the next one.
    dovecot.login("alice").append("INBOX", "", b"Subject: 4\r\n\r\nmessage 4\r\n");
    let run = archive_ok(&place, dovecot.imap(), &rule);
    assert_eq!(run["removal"]["left"], 2, "{run}");
    assert_eq!(inbox(&dovecot), ["2 \\Flagged", "4"]);
    // A backup that holds them gives them back.
    place.ok(["restore", "backups", "--to", "new"]);
    let mut command = place.command(["store", "rebuild-index"]);
    command.env("POSTHOLD_DATA", place.path("new"));
    assert!(command.output().unwrap().status.success());
    let mut command = place.command(["search", "", "--count"]);
    let found = Ran::of(command.env("POSTHOLD_DATA", place.path("new")).output().unwrap());
    assert_eq!(found.text().trim(), "3");
    assert_eq!(before.values().map(BTreeSet::len).sum::<usize>(), 3);
}

#[test]
fn w28_pop3_what_is_archived_leaves() {
    let Some(dovecot) = server(true) else { return };
    let before = source(&dovecot);
    let place = Place::new();
    let archive = |options: &[&str]| {
        let url = format!("pop3://alice@{}/", dovecot.pop3());
        let line = ["archive", &url, "--user", "alice", "--plain", "--json"];
        let line = line.iter().copied().chain(options.iter().copied());
        Ran::of(place.command(line).env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
    };
    // By POP3 nobody is told of flags; a rule by age keeps what is young.
    let ran = archive(&["--remove", "after 20 years"]);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(ran.json()["removal"]["left"], 0);
    assert_eq!(inbox(&dovecot).len(), 3);
    let ran = archive(&["--remove", "at once into Old"]);
    assert_eq!(ran.code, 2, "{}", ran.transcript(&place));
    let ran = archive(&["--remove", "at once"]);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(ran.json()["removal"]["left"], 3, "{}", ran.text());
    assert_eq!(inbox(&dovecot), Vec::<String>::new());
    assert_equal(&place, &before);
}

/// A wire that ends while POP3 removes: nothing counts as removed, and the next run looks.
#[test]
fn w28_pop3_the_wire_ends_before_quit() {
    let Some(dovecot) = server(true) else { return };
    let before = source(&dovecot);
    let proxy = FaultProxy::start(dovecot.pop3());
    let url = format!("pop3://alice@{}/", proxy.addr());
    let line = ["archive", &url, "--user", "alice", "--plain", "--json", "--remove", "at once"];
    let total = {
        let place = Place::new();
        let line = &line[..6];
        proxy
            .run_through(|| {
                let mut command = place.command(line);
                assert!(
                    command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap().status.success()
                );
            })
            .to_server
    };
    // Cut at every place of what the removal says: its session comes behind that of the run.
    for after in (total..total + 120).step_by(9) {
        let place = Place::new();
        let run = || {
            let mut command = place.command(line.iter().chain(&["--timeout", "5"]));
            Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
        };
        let (direction, action) = (Direction::ToServer, WireAction::Cut);
        let fault = WireFault { direction, after, action, then: Then::Fine };
        proxy.set(fault);
        let ran = run();
        assert!(ran.code <= 1 || ran.code == 3, "{}", ran.transcript(&place));
        proxy.set(Faults::default());
        let ran = run();
        assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
        assert_equal(&place, &before);
        assert_eq!(inbox(&dovecot), Vec::<String>::new(), "cut after {after}");
        for (n, flags) in [(1, "S"), (2, "F"), (3, "")] {
            let bytes = format!("Subject: {n}\n\nmessage {n}\n").into_bytes();
            let mail = Mail { bytes: &bytes, flags, received: 1_600_000_000 };
            dovecot.fill("alice", "INBOX", [mail]);
        }
    }
}

#[test]
fn w28_what_is_moved_is_left_out_of_the_job() {
    let Some(dovecot) = server(false) else { return };
    let before = source(&dovecot);
    let place = Place::new();
    let options = ["--remove", "at once into Archived/Old"];
    let run = archive_ok(&place, dovecot.imap(), &options);
    assert_eq!(
        (&run["removal"]["left"], &run["removal"]["moved_to"]),
        (&json!(2), &json!("Archived/Old"))
    );
    let again = archive_ok(&place, dovecot.imap(), &options);
    assert_eq!((&again["archived"], &again["removal"]["left"]), (&json!(0), &json!(0)), "{again}");
    let moved = dovecot.everything("alice");
    let (_, moved) = moved.iter().find(|(name, _)| name.ends_with("Old")).unwrap();
    assert_eq!(moved.messages.len(), 2);
    // In the archive they are where they were.
    assert_equal(&place, &before);
}

/// Whatever goes wrong with the archiving, nothing is removed.
#[test]
fn w28_a_run_in_part_removes_nothing() {
    let Some(dovecot) = server(false) else { return };
    let proxy = FaultProxy::start(dovecot.imap());
    let place = Place::new();
    proxy.set(ImapFault::NilBody(BTreeSet::from([3])).always());
    let ran = archive(&place, proxy.addr(), &["--remove", "at once"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript(&place));
    let removal = ran.json()["removal"].clone();
    assert_eq!(removal["left"], 0, "{removal}");
    assert_eq!(
        removal["failure"],
        "Nothing was tried to remove: not everything of the account is archived."
    );
    assert_eq!(inbox(&dovecot).len(), 3);
}

/// The server refuses the last step: our marks are taken back, the run is one in part.
#[test]
fn w28_the_server_refuses_to_expunge() {
    let Some(dovecot) = server(false) else { return };
    let proxy = FaultProxy::start(dovecot.imap());
    let place = Place::new();
    let with = Refusal::No("[NOPERM] not you");
    proxy.set(ImapFault::Refuse { command: "UID EXPUNGE", with }.always());
    let ran = archive(&place, proxy.addr(), &["--remove", "at once"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript(&place));
    let run = ran.json();
    assert_eq!((&run["outcome"], &run["removal"]["unconfirmed"]), (&json!("partial"), &json!(2)));
    assert_eq!(inbox(&dovecot), ["1 \\Seen", "2 \\Flagged", "3"], "no mark is left");
    proxy.set(Faults::default());
    archive_ok(&place, proxy.addr(), &["--remove", "at once"]);
    assert_eq!(inbox(&dovecot), ["2 \\Flagged"]);
}

/// A copy that cannot be read back: nothing is removed, and the run says what to do.
#[test]
fn w28_a_damaged_copy_keeps_everything_at_the_server() {
    let Some(dovecot) = server(false) else { return };
    let place = Place::new();
    archive_ok(&place, dovecot.imap(), &[]);
    damage(&place);
    let ran = archive(&place, dovecot.imap(), &["--remove", "at once"]);
    assert_ne!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(inbox(&dovecot).len(), 3);
}

/// Flips a bit in the last byte of each pack: what the messages have that were archived together.
fn damage(place: &Place) {
    /// How the header of such a frame begins (docs/format/log.md).
    const PACK: &[u8] = b"\xf5Ph\x1a\x0f";
    let segments = place.data().join("stores/default/segments");
    let mut found = false;
    for entry in std::fs::read_dir(segments).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        while let Some(at) = bytes.windows(PACK.len()).position(|it| it == PACK) {
            let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
            bytes[at + 23 + usize::try_from(len).unwrap()] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            bytes[at] = 0;
            found = true;
        }
    }
    assert!(found, "the messages were not archived together");
}

/// Killed at random moments while it archives and removes: nothing is lost, and in the end the
/// server has nothing that the rule lets go.
#[test]
fn w28_killed_while_it_removes() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 28, 250);
    let before = source(&dovecot);
    let place = Place::new();
    let line = archive_line(dovecot.imap(), &["--remove", "at once"]);
    archive_ok(&place, dovecot.imap(), &[]);
    let mut dice = Dice(28);
    for _ in 0..12 {
        let mut command = place.command(&line);
        command.env("POSTHOLD_PASSWORD", PASSWORD).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let end = Instant::now() + Duration::from_millis(60 + dice.below(500));
        while Instant::now() < end && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        everything_is_somewhere(&place, &before);
    }
    archive_ok(&place, dovecot.imap(), &["--remove", "at once"]);
    assert_eq!(source(&dovecot), Folders::new());
    assert_equal(&place, &before);
}

fn everything_is_somewhere(place: &Place, before: &Folders) {
    let archived = archived(place);
    for (folder, ids) in before {
        let has = archived.get(folder).cloned().unwrap_or_default();
        assert!(ids.is_subset(&has), "{folder}");
    }
}

#[test]
fn a_job_removes_and_its_test_says_whether_it_may() {
    let Some(dovecot) = server(false) else { return };
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    let host = dovecot.imap().to_string();
    place.ok(["profile", "add", "office", "--host", &host, "--security", "plain"]);
    let line = ["job", "add", "a", "--user", "alice", "--profile", "office", "--login", "alice"];
    let mut command = place.command(line.iter().chain(&["--removal", "at once", "--password"]));
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    let test = place.ok(["job", "test", "a", "--json"]).json();
    let steps = test["steps"].as_array().unwrap();
    let right = steps.iter().find(|it| it["step"] == "removal").unwrap();
    assert_eq!(
        (&right["result"], &right["message"]),
        (&json!("success"), &json!("at once, by UIDPLUS"))
    );
    assert_eq!(inbox(&dovecot).len(), 3, "a test removes nothing");
    let run = place.ok(["job", "run", "a", "--json"]).json();
    assert_eq!(run["removal"]["left"], 2, "{run}");
    assert_eq!(inbox(&dovecot), ["2 \\Flagged"]);
    let first = id(b"Subject: 1\r\n\r\nmessage 1\r\n");
    assert!(place.ids("").contains(&first));
}
