//! Jobs in a server, against a real mail server that is slow, silent, or killed with it.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Dovecot;
use testkit::dovecot::PASSWORD;
use testkit::fault_proxy::{Direction, FaultProxy, Faults, Then, WireAction, WireFault};

use super::{assert_equal, fill, source};
use crate::json::check;
use crate::posthold::{Place, Ran};
use crate::serve::{Server, in_the_end};

/// Bytes a second of a wire that a test can watch.
const SLOW: WireAction = WireAction::Slow(150_000);

fn make(proxy: &FaultProxy, action: WireAction) {
    let (direction, then) = (Direction::ToClient, Then::Same);
    proxy.set(WireFault { direction, after: 0, action, then });
}

/// A data directory with the job `a` of alice over `proxy`.
fn place(proxy: &FaultProxy) -> Place {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    let host = proxy.addr().to_string();
    place.ok(["profile", "add", "office", "--host", &host, "--security", "plain"]);
    let add = ["job", "add", "a", "--user", "alice", "--profile", "office", "--login", "alice"];
    let mut command = place.command(add.iter().chain(&["--connections", "1", "--password"]));
    assert!(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap().status.success());
    place
}

fn status(place: &Place) -> Value {
    place.ok(["service", "status", "--json"]).json()
}

/// Starts a run of the job in the server, and gives it back once it has archived something.
fn started(place: &Place) -> Child {
    let mut command = place.command(["job", "run", "a", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    archives(place);
    child
}

/// Waits until a run has archived something.
fn archives(place: &Place) {
    in_the_end("a run at work", || {
        let status = status(place);
        let messages = status["running"].as_array()?.first()?["messages"].as_u64()?;
        (messages != 0).then_some(())
    });
}

fn runs(place: &Place) -> Vec<Value> {
    place.ok(["run", "list", "--json"]).json_lines()
}

fn ended(place: &Place, outcome: &str) -> Value {
    in_the_end(outcome, || {
        let newest = runs(place).into_iter().next()?;
        (newest["outcome"] == outcome).then_some(newest)
    })
}

#[test]
fn ctrl_c_ends_the_run_and_not_the_server() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 31, 300);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let server = Server::start(&place);
    let child = started(&place);
    let second = place.run(["job", "run", "a"]);
    assert_eq!(second.code, 3);
    assert!(second.stderr.contains("the job \"a\" runs already"), "{}", second.stderr);
    place.signal(&child, "INT");
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.transcript(&place));
    assert_eq!(ran.json()["cancelled"], true);
    assert!(ran.stderr.contains("Ending at the next batch"), "{}", ran.stderr);
    assert_eq!(status(&place)["running"], json!([]));
    proxy.set(Faults::default());
    assert_eq!(place.ok(["job", "run", "a", "--json"]).json()["outcome"], "succeeded");
    assert_equal(&place, &source(&dovecot));
    assert_eq!(server.stop(&place).code, 0);
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_run_goes_on_whose_command_was_killed() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 32, 200);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let _server = Server::start(&place);
    let mut child = started(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(status(&place)["running"][0]["job"], "a");
    proxy.set(Faults::default());
    ended(&place, "succeeded");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_change_reconnects_what_runs_and_interrupts_no_batch() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 33, 300);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let _server = Server::start(&place);
    let child = started(&place);
    // Nothing of this job: what runs goes on.
    let ran = place.ok(["user", "set", "alice", "--full-name", "Alice"]);
    assert!(!ran.stderr.contains("Connecting anew"), "{}", ran.stderr);
    let ran = place.ok(["profile", "set", "office", "--description", "new"]);
    assert!(ran.stderr.contains("Connecting anew: a."), "{}", ran.stderr);
    let status = status(&place);
    let change = &status["changes"][0];
    assert_eq!(change["title"], "profile set office");
    let what = (&change["state"], &change["reinitialised"], &change["jobs"]);
    assert_eq!(what, (&json!("applied"), &json!("part"), &json!(["a"])), "{status}");
    assert_eq!(status["changes"][1]["reinitialised"], "none", "{status}");
    proxy.set(Faults::default());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(ran.json()["outcome"], "succeeded");
    assert_eq!(runs(&place).len(), 2, "one ended at its batch, one went on from there");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_view_is_made_anew_and_workers_restart_between_two_batches() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 39, 200);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let _server = Server::start(&place);
    let child = started(&place);
    check("service-running", &status(&place)["running"][0]);
    place.ok(["store", "rebuild-index"]);
    archives(&place);
    place.ok(["service", "restart"]);
    place.ok(["service", "restart", "views"]);
    proxy.set(Faults::default());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.json()["outcome"], "succeeded", "{}", ran.transcript(&place));
    assert_eq!(status(&place)["groups"][3]["state"], "running");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn a_server_that_stops_ends_runs_at_a_batch_and_goes_on_when_it_starts() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 34, 300);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let server = Server::start(&place);
    let child = started(&place);
    let ran = server.stop(&place);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, &ran.json()["cancelled"]), (1, &json!(true)));
    place.ok(["verify"]);
    proxy.set(Faults::default());
    let server = Server::start(&place);
    ended(&place, "succeeded");
    assert_eq!(runs(&place)[0]["trigger"], "start");
    assert_equal(&place, &source(&dovecot));
    server.stop(&place);
    // What was done is not done again.
    let _server = Server::start(&place);
    in_the_end("a server that has begun", || {
        let status = status(&place);
        (status["groups"][0]["state"] == "running").then_some(())
    });
    assert_eq!(runs(&place).len(), 2);
}

#[test]
fn what_a_killed_server_did_is_taken_over() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 37, 300);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let server = Server::start(&place);
    let child = started(&place);
    server.kill();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, &ran.json()["error"]["kind"]), (3, &json!("unavailable")));
    proxy.set(Faults::default());
    let _server = Server::start(&place);
    ended(&place, "succeeded");
    let runs = runs(&place);
    assert_eq!((runs.len(), &runs[1]["state"]), (2, &json!("interrupted")), "{runs:?}");
    assert_equal(&place, &source(&dovecot));
}

#[test]
fn jobs_run_by_their_schedules() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 38, 60);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    place.ok(["job", "set", "a", "--schedule", "at start; every 60 minutes"]);
    let server = Server::start(&place);
    ended(&place, "succeeded");
    assert_eq!(runs(&place)[0]["trigger"], "start");
    assert_equal(&place, &source(&dovecot));
    let next = in_the_end("the next run", || {
        let next = status(&place)["next"][0].clone();
        next["at"].is_string().then_some(next)
    });
    check("service-next", &next);
    assert_eq!((&next["job"], &next["why"]), (&json!("a"), &json!("at start; every 60 minutes")));
    // A job that is due as soon as it is saved.
    place.ok(["job", "copy", "a", "b", "--schedule", "every 60 minutes", "--root", "b"]);
    place.ok(["job", "disable", "a"]);
    let set = ["job", "set", "b", "--login", "alice", "--password"];
    let mut command = place.command(set);
    assert!(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap().status.success());
    in_the_end("a run of b", || {
        let newest = runs(&place).into_iter().next()?;
        (newest["job"] == "b" && newest["ended"].is_string()).then_some(())
    });
    // Workers that rest begin nothing, also after a restart.
    place.ok(["service", "pause", "fetch"]);
    server.stop(&place);
    let _server = Server::start(&place);
    assert_eq!(status(&place)["groups"][0]["state"], "stopped");
    place.ok(["job", "enable", "a"]);
    assert_eq!(place.run(["job", "run", "a"]).code, 3);
    let before = runs(&place).len();
    place.ok(["service", "resume", "fetch"]);
    place.ok(["job", "run", "a"]);
    assert!(before < runs(&place).len());
}

#[test]
fn two_jobs_never_work_on_one_account_at_once() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 40, 200);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let _server = Server::start(&place);
    place.ok(["job", "copy", "a", "b", "--root", "b"]);
    let set = ["job", "set", "b", "--login", "alice", "--password"];
    let mut command = place.command(set);
    assert!(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap().status.success());
    let child = started(&place);
    let ran = place.run(["job", "run", "b"]);
    assert_ne!(ran.code, 0, "{}", ran.transcript(&place));
    let told = format!("{}{}", ran.text(), ran.stderr);
    assert!(told.contains("another step works on the account"), "{told}");
    proxy.set(Faults::default());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.json()["outcome"], "succeeded", "{}", ran.transcript(&place));
    place.ok(["job", "run", "b"]);
}

#[test]
fn a_silent_mail_server_does_not_keep_the_server_from_ending() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 35, 200);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = place(&proxy);
    make(&proxy, SLOW);
    let server = Server::start(&place);
    let child = started(&place);
    // Its own patience with a server that says nothing is minutes.
    make(&proxy, WireAction::Stall);
    std::thread::sleep(Duration::from_millis(200));
    let ran = server.stop(&place);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    drop(child.wait_with_output());
    place.ok(["verify"]);
    proxy.set(Faults::default());
    let _server = Server::start(&place);
    ended(&place, "succeeded");
    assert_equal(&place, &source(&dovecot));
}
