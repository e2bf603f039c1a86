//! The process is killed at random moments of a real run, over and over.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use testkit::Dovecot;
use testkit::dovecot::PASSWORD;

use super::{Dice, archive_line, archive_ok, archived, assert_equal, fill, source};
use crate::posthold::Place;

const KILLS: usize = 30;

#[test]
fn whatever_is_killed_when_the_archive_is_sound_and_the_next_run_goes_on() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 4, 600);
    let source = source(&dovecot);
    let calm = Place::new();
    let began = Instant::now();
    archive_ok(&calm, dovecot.imap(), &[]);
    // The machine may become faster while we are here: what a run takes is learnt as we go.
    let mut whole_run = began.elapsed();

    let mut dice = Dice(4);
    let mut n_killed = 0;
    while n_killed < KILLS {
        let place = Place::new();
        let mut before = 0;
        loop {
            let began = Instant::now();
            let micros = u64::try_from(whole_run.as_micros()).unwrap();
            let was_killed = run_for(&place, &dovecot, dice.below(micros * 3 / 4));
            before = sound(&place, &source, before);
            if !was_killed {
                whole_run = whole_run.min(began.elapsed().max(Duration::from_millis(50)));
                break;
            }
            n_killed += 1;
        }
        archive_ok(&place, dovecot.imap(), &[]);
        assert_equal(&place, &source);
    }
}

/// A run that is killed when its time is up. Whether it had to be.
fn run_for(place: &Place, dovecot: &Dovecot, micros: u64) -> bool {
    let mut command = place.command(archive_line(dovecot.imap(), &[]));
    command.env("POSTHOLD_PASSWORD", PASSWORD).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let end = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap().code() != Some(0)
}

/// The archive verifies, has only what the source has, and no less than `before`.
fn sound(place: &Place, source: &super::Folders, before: usize) -> usize {
    if !place.data().join("stores").exists() {
        return before;
    }
    let verify = place.run(["verify", "--json"]);
    // Killed before the store was whole: there is nothing to verify yet.
    if verify.code == 2 && before == 0 {
        return 0;
    }
    assert_eq!(verify.code, 0, "{}", verify.transcript(place));
    let archived = archived(place);
    for (folder, ids) in &archived {
        let there = source.get(folder).unwrap_or_else(|| panic!("{folder} is not at the source"));
        let more: BTreeSet<_> = ids.difference(there).collect();
        assert!(more.is_empty(), "{folder}: {more:?}");
    }
    archived.values().map(BTreeSet::len).sum()
}
