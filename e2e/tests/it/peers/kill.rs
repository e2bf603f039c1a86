//! The process is killed at random moments of a real run, over and over.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use testkit::Dovecot;
use testkit::dovecot::PASSWORD;

use super::{Dice, archive_line, archive_ok, archived, assert_equal, fill, source};
use crate::posthold::Place;

#[test]
#[ignore = "verify calls a catalog that was not yet made a defect: open"]
fn whatever_is_killed_when_the_archive_is_sound_and_the_next_run_goes_on() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 4, 600);
    let source = source(&dovecot);
    let calm = Place::new();
    let began = Instant::now();
    archive_ok(&calm, dovecot.imap(), &[]);
    let whole_run = began.elapsed();

    let mut dice = Dice(4);
    let mut n_killed = 0;
    for _ in 0..3 {
        let place = Place::new();
        let mut before = 0;
        for _ in 0..10 {
            let mut command = place.command(archive_line(dovecot.imap(), &[]));
            command.env("POSTHOLD_PASSWORD", PASSWORD).stdout(std::process::Stdio::null());
            let mut child = command.spawn().unwrap();
            let micros = u64::try_from(whole_run.as_micros()).unwrap();
            thread::sleep(Duration::from_micros(dice.below(micros * 3 / 4)));
            child.kill().unwrap();
            if child.wait().unwrap().code() != Some(0) {
                n_killed += 1;
            }
            before = sound(&place, &source, before);
        }
        archive_ok(&place, dovecot.imap(), &[]);
        assert_equal(&place, &source);
    }
    assert!(15 <= n_killed, "only {n_killed} runs were killed");
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
