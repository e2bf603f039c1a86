//! Ctrl-C ends a run at a batch, and the next one goes on from there.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::Dovecot;
use testkit::dovecot::PASSWORD;
use testkit::fault_proxy::{Direction, FaultProxy, Faults, Then, WireAction, WireFault};

use super::{archive_line, archive_ok, assert_equal, fill, source};
use crate::posthold::{Place, Ran};

/// A proxy so slow that a run takes some seconds.
fn slow(dovecot: &Dovecot) -> FaultProxy {
    let proxy = FaultProxy::start(dovecot.imap());
    proxy.set(WireFault {
        direction: Direction::ToClient,
        after: 0,
        action: WireAction::Slow(300_000),
        then: Then::Same,
    });
    proxy
}

fn segments_len(place: &Place) -> u64 {
    let dir = place.data().join("stores/default/segments");
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}

/// Starts a run over `proxy`, and gives it back once it has archived something.
fn started(place: &Place, proxy: &FaultProxy) -> std::process::Child {
    let mut command = place.command(archive_line(proxy.addr(), &["--connections", "1"]));
    command.env("POSTHOLD_PASSWORD", PASSWORD);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    while segments_len(place) < 100_000 {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was stopped");
        thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn the_first_signal_ends_at_a_batch() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 5, 300);
    let proxy = slow(&dovecot);
    for signal in ["INT", "TERM"] {
        let place = Place::new();
        let child = started(&place, &proxy);
        place.signal(&child, signal);
        let ran = Ran::of(child.wait_with_output().unwrap());
        let run = ran.json();
        assert_eq!(ran.code, 1, "{}", ran.transcript(&place));
        assert_eq!((&run["outcome"], &run["cancelled"]), (&json!("partial"), &json!(true)));
        let archived = run["archived"].as_u64().unwrap();
        assert_ne!(archived, 0, "{run}");
        place.ok(["verify"]);
        // The other run, without the slow wire; the profile is another one, the root the same.
        proxy.set(Faults::default());
        let rest = archive_ok(&place, proxy.addr(), &[]);
        assert_eq!(rest["already"].as_u64().unwrap(), archived, "{rest}");
        assert_equal(&place, &source(&dovecot));
        proxy.set(WireFault {
            direction: Direction::ToClient,
            after: 0,
            action: WireAction::Slow(300_000),
            then: Then::Same,
        });
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 6, 300);
    let proxy = slow(&dovecot);
    let place = Place::new();
    let mut child = started(&place, &proxy);
    // Nothing comes any more: a clean end would have to wait for the server.
    proxy.set(WireFault {
        direction: Direction::ToClient,
        after: 0,
        action: WireAction::Stall,
        then: Then::Same,
    });
    place.signal(&child, "INT");
    place.signal(&child, "INT");
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), Some(1 | 3)), "{status}");
    proxy.set(Faults::default());
    archive_ok(&place, proxy.addr(), &[]);
    assert_equal(&place, &source(&dovecot));
}
