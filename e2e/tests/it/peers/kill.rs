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
/// Runs of one archive, at most: a machine that becomes slow must not kill the same one for ever.
const RUNS_OF_A_PLACE: usize = 5;

#[test]
fn whatever_is_killed_when_the_archive_is_sound_and_the_next_run_goes_on() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 4, 600);
    let source = source(&dovecot);
    let calm = Place::new();
    let began = Instant::now();
    archive_ok(&calm, dovecot.imap(), &[]);
    // What a whole run takes, without the checks behind it. It is learnt as we go, both ways: the
    // machine becomes faster and slower while we are here.
    let mut whole_run = began.elapsed();

    let mut dice = Dice(4);
    let mut n_killed = 0;
    while n_killed < KILLS {
        let place = Place::new();
        let mut before = 0;
        for n_run in 0..RUNS_OF_A_PLACE {
            let micros = u64::try_from(whole_run.as_micros()).unwrap();
            let took = run_for(&place, &dovecot, dice.below(micros * 3 / 4));
            before = sound(&place, &source, before);
            match took {
                Some(took) => {
                    // Later runs find less to do: they say nothing about a whole one.
                    whole_run = if n_run == 0 { took } else { whole_run };
                    break;
                }
                None => n_killed += 1,
            }
            whole_run += whole_run / 20;
        }
        archive_ok(&place, dovecot.imap(), &[]);
        assert_equal(&place, &source);
    }
}

/// A run that is killed when its time is up; how long it took when it was over before.
fn run_for(place: &Place, dovecot: &Dovecot, micros: u64) -> Option<Duration> {
    let mut command = place.command(archive_line(dovecot.imap(), &[]));
    command.env("POSTHOLD_PASSWORD", PASSWORD).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(micros) && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    child.kill().unwrap();
    (child.wait().unwrap().code() == Some(0)).then_some(took)
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
