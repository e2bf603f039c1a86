//! Bad wires and bad servers between the archiver and a real one. Whatever happens: no run says
//! that it succeeded while something is missing, and after a clean run nothing is.

use std::collections::BTreeSet;
use std::thread;

use testkit::Dovecot;
use testkit::dovecot::Mail;
use testkit::fault_proxy::{
    Direction, FaultProxy, Faults, ImapFault, Refusal, Then, WireAction, WireFault,
};

use super::{Folders, archive, archive_ok, archived, assert_equal, source};
use crate::posthold::Place;

/// Small, so that many runs are quick: two mailboxes, and one message of several pieces.
fn server() -> Option<Dovecot> {
    let dovecot = Dovecot::start_or_leave_out()?;
    let mail: Vec<Vec<u8>> = testkit::corpus::messages(8, 14).map(|it| it.bytes).collect();
    let mails = |range: std::ops::Range<usize>| {
        mail[range].iter().map(|bytes| Mail { bytes, flags: "", received: 1_600_000_000 })
    };
    dovecot.fill("alice", "INBOX", mails(0..10));
    dovecot.fill("alice", "Archive", mails(10..14));
    Some(dovecot)
}

/// One run with faults, then a clean one.
fn check(name: &str, proxy: &FaultProxy, faults: impl Into<Faults>, source: &Folders) {
    let place = Place::new();
    let addr = proxy.addr();
    proxy.set(faults);
    let ran = archive(&place, addr, &["--timeout", "2", "--connections", "2"]);
    let struck = proxy.counts().struck;
    if ran.code == 0 {
        assert_eq!(&archived(&place), source, "{name}: it said that it succeeded");
    } else {
        assert!(ran.code == 1 || ran.code == 3, "{name}: {}", ran.transcript(&place));
        assert_ne!(struck, 0, "{name}: {}", ran.transcript(&place));
    }
    proxy.set(Faults::default());
    archive_ok(&place, addr, &["--timeout", "20"]);
    assert_equal(&place, source);
}

/// Runs `check` for every case, some at a time: most of a run with faults is waiting.
fn check_all(dovecot: &Dovecot, cases: &[(String, Faults)]) {
    const AT_A_TIME: usize = 4;
    let source = source(dovecot);
    thread::scope(|scope| {
        for first in 0..AT_A_TIME {
            let source = &source;
            scope.spawn(move || {
                let proxy = FaultProxy::start(dovecot.imap());
                for (name, faults) in cases.iter().skip(first).step_by(AT_A_TIME) {
                    check(name, &proxy, faults.clone(), source);
                }
            });
        }
    });
}

fn wire(direction: Direction, after: u64, action: WireAction, then: Then) -> (String, Faults) {
    let fault = WireFault { direction, after, action, then };
    (format!("{fault:?}"), fault.into())
}

/// Bytes that a run takes from the server.
fn bytes_of_a_run(dovecot: &Dovecot) -> u64 {
    let proxy = FaultProxy::start(dovecot.imap());
    let place = Place::new();
    let counts = proxy.run_through(|| {
        archive_ok(&place, proxy.addr(), &["--connections", "2"]);
    });
    counts.to_client
}

#[test]
fn the_wire_is_cut_or_reset_after_so_many_bytes() {
    let Some(dovecot) = server() else { return };
    let total = bytes_of_a_run(&dovecot);
    let n_places = 24;
    let mut cases = Vec::new();
    for step in 0..n_places {
        let after = total * step / n_places;
        let action = if step % 2 == 0 { WireAction::Cut } else { WireAction::Reset };
        cases.push(wire(Direction::ToClient, after, action, Then::Fine));
    }
    check_all(&dovecot, &cases);
}

#[test]
fn the_wire_stays_cut_or_stalls() {
    let Some(dovecot) = server() else { return };
    let total = bytes_of_a_run(&dovecot);
    let mut cases = Vec::new();
    for step in [1, 3, 5, 7] {
        let after = total * step / 8;
        cases.push(wire(Direction::ToClient, after, WireAction::Cut, Then::Same));
        cases.push(wire(Direction::ToClient, after, WireAction::Stall, Then::Fine));
    }
    cases.push(wire(Direction::ToClient, 0, WireAction::Stall, Then::Same));
    cases.push(wire(Direction::ToServer, 100, WireAction::Stall, Then::Fine));
    check_all(&dovecot, &cases);
}

#[test]
fn w08_bytes_are_lost() {
    let Some(dovecot) = server() else { return };
    let total = bytes_of_a_run(&dovecot);
    let n_places = 12;
    let lost = (0..n_places).map(|step| {
        let bytes = [1, 2, 17, 300][usize::try_from(step).unwrap() % 4];
        let after = total * (2 * step + 1) / (2 * n_places);
        wire(Direction::ToClient, after, WireAction::Lose(bytes), Then::Fine)
    });
    check_all(&dovecot, &lost.collect::<Vec<_>>());
}

#[test]
fn w07_w08_the_server_answers_wrongly() {
    let Some(dovecot) = server() else { return };
    let some = || BTreeSet::from([2, 5]);
    let all = || (1..=10).collect::<BTreeSet<u32>>();
    let faults = [
        ImapFault::ByeInLiteral.once(),
        ImapFault::ByeInLiteral.times(3, 2),
        ImapFault::OmitBody(some()).once(),
        ImapFault::OmitBody(some()).always(),
        ImapFault::OmitBody(all()).always(),
        ImapFault::NilBody(some()).once(),
        ImapFault::NilBody(some()).always(),
        ImapFault::ShortBody { uids: some(), missing: 7 }.once(),
        ImapFault::WrongSize { uids: some(), by: 5 }.once(),
        ImapFault::WrongSize { uids: some(), by: -5 }.once(),
        ImapFault::WrongSize { uids: some(), by: 1_000_000 }.always(),
        ImapFault::Twice(some()).always(),
        ImapFault::Reverse.always(),
        ImapFault::Before { uids: some(), says: "* OK still here\r\n" }.always(),
        ImapFault::Before { uids: some(), says: "* 3 EXPUNGE\r\n" }.once(),
        ImapFault::Before { uids: some(), says: "* not (a response\r\n" }.once(),
    ];
    let cases: Vec<_> = faults.into_iter().map(|it| (format!("{it:?}"), it.into())).collect();
    check_all(&dovecot, &cases);
}

#[test]
fn w20_the_server_refuses_and_throttles() {
    let Some(dovecot) = server() else { return };
    let refuse = |command, with| ImapFault::Refuse { command, with };
    let slow = Refusal::No("[THROTTLED] slow down");
    let faults = [
        refuse("UID FETCH", slow).once(),
        refuse("UID FETCH", slow).always(),
        refuse("UID FETCH", Refusal::No("[UNAVAILABLE] later")).times(1, 1),
        refuse("UID FETCH", Refusal::Bad("what?")).once(),
        refuse("EXAMINE", Refusal::No("[INUSE] locked")).once(),
        refuse("EXAMINE", Refusal::No("[NOPERM] not yours")).always(),
        refuse("LIST", Refusal::No("cannot list")).once(),
        refuse("", Refusal::Bye("shutting down")).once(),
        refuse("", Refusal::Bye("shutting down")).times(6, 3),
    ];
    let cases: Vec<_> = faults.into_iter().map(|it| (format!("{it:?}"), it.into())).collect();
    check_all(&dovecot, &cases);
}

#[test]
fn w01_uid_validity_changes() {
    let Some(dovecot) = server() else { return };
    let cases = [("flips".to_owned(), ImapFault::UidValidity(77).always().into())];
    check_all(&dovecot, &cases);

    // The other way round: archived before, changed for good afterwards.
    let place = Place::new();
    archive_ok(&place, dovecot.imap(), &[]);
    let before = archived(&place);
    dovecot.set_uid_validity("alice", "INBOX", 4711);
    let run = archive_ok(&place, dovecot.imap(), &[]);
    assert_eq!(run["archived"], 0, "nothing is archived twice: {run}");
    assert_eq!(archived(&place), before);
    assert_equal(&place, &source(&dovecot));
}
