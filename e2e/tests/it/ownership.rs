//! One process owns a data directory.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use expect_test::expect;

use crate::mail::write_samples;
use crate::posthold::{Place, Ran};

/// Another process that owns the data directory, until it is dropped.
struct Owner(std::process::Child);

impl Owner {
    /// A shell that holds the lock, as any process could that died hard: what stands in the file
    /// is from the last one that said who it is.
    fn of(place: &Place) -> Owner {
        let script = "exec 9<>data/lock; flock 9; echo owned; exec sleep 60";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .current_dir(place.path("."))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "owned\n");
        Owner(shell)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

#[test]
fn a_second_writer_is_told_who_owns_it() {
    let place = archived();
    let owner = Owner::of(&place);
    let ran = place.run(["user", "add", "bob"]);
    expect![[r#"
        exit code 3
        stderr: error: the data directory DIR/data is in use by process PID ("posthold import mail --user alice", since TIME)
        stderr:   Wait for it to end, or let this command wait with --wait.
    "#]].assert_eq(&ran.transcript(&place));
    let ran = place.run(["import", "mail", "--user", "bob", "--json"]);
    expect![[r#"
        exit code 3
        {"error":{"kind":"busy","message":"the data directory DIR/data is in use by process PID (\"posthold import mail --user alice\", since TIME)","hint":"Wait for it to end, or let this command wait with --wait."}}
    "#]].assert_eq(&ran.transcript(&place));
    drop(owner);
    place.ok(["user", "add", "bob"]);
}

#[test]
fn a_second_writer_waits_when_asked_to() {
    let place = archived();
    let owner = Owner::of(&place);
    let mut waiting = place.start(["user", "add", "bob", "--wait"]);
    let mut line = String::new();
    BufReader::new(waiting.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Waiting: the data directory"), "{line}");
    drop(owner);
    let ran = Ran::of(waiting.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.text()), (0, "Made the user bob.\n"));
}

#[test]
fn a_waiting_writer_can_be_stopped() {
    let place = archived();
    let _owner = Owner::of(&place);
    let mut waiting = place.start(["user", "add", "bob", "--wait", "--json"]);
    let mut line = String::new();
    BufReader::new(waiting.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    place.signal(&waiting, "INT");
    let ran = Ran::of(waiting.wait_with_output().unwrap());
    assert_eq!((ran.code, &ran.json()["error"]["kind"]), (1, &"cancelled".into()));
}

#[test]
fn reading_needs_no_ownership() {
    let place = archived();
    let _owner = Owner::of(&place);
    assert_eq!(place.ids("quarterly").len(), 1);
    place.ok(["show", &place.ids("quarterly")[0]]);
    place.ok(["export", "--all", "--to", "out"]);
    place.ok(["user", "list"]);
    place.ok(["verify"]);
}

#[test]
fn whoever_asks_for_a_server_is_told_who_is_there_instead() {
    let place = archived();
    let _owner = Owner::of(&place);
    let ran = place.run(["service", "status", "--json"]);
    let status = ran.json();
    assert_eq!((ran.code, &status["groups"][0]["state"]), (1, &"unknown".into()));
    let warning = status["warnings"][0].as_str().unwrap();
    assert!(warning.contains("is in use by process"), "{warning}");
    let ran = place.run(["service", "pause"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("is in use by process"), "{}", ran.stderr);
}
