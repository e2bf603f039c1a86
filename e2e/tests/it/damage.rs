//! Damage is found, said, and never passed on.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::mail::{exported, id, samples, write_samples};
use crate::posthold::Place;

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

fn segment(place: &Place) -> PathBuf {
    place.data().join("stores/default/segments/000001.seg")
}

/// Flips one bit of the first segment; gives what to write to undo it.
fn flip(place: &Place, at: usize) -> Vec<u8> {
    let intact = fs::read(segment(place)).unwrap();
    let mut bytes = intact.clone();
    bytes[at] ^= 0x10;
    fs::write(segment(place), bytes).unwrap();
    intact
}

#[test]
fn verify_finds_a_flipped_bit_wherever_it_is() {
    let place = archived();
    let len = fs::read(segment(&place)).unwrap().len();
    let n_places = 24;
    for step in 0..n_places {
        let at = step * (len - 1) / (n_places - 1);
        let intact = flip(&place, at);
        let ran = place.run(["verify", "--json"]);
        let verify = ran.json();
        assert_eq!(ran.code, 1, "bit at {at} of {len}: {verify}");
        assert_ne!(verify["defects"], json!([]), "bit at {at} of {len}");
        fs::write(segment(&place), intact).unwrap();
    }
    place.ok(["verify"]);
}

#[test]
fn damaged_messages_are_not_given_back() {
    let place = archived();
    let report = &samples()[0].1;
    // No line of the sample compresses to nothing: somewhere in the middle its blob is hit.
    let len = fs::read(segment(&place)).unwrap().len();
    let mut n_damaged = 0;
    for at in (0..len).step_by(97) {
        let intact = flip(&place, at);
        let _ = fs::remove_dir_all(place.path("out"));
        let ran = place.run(["export", "--all", "--to", "out", "--json"]);
        // Whatever is written is right: the names are hashes.
        if place.path("out").exists() {
            exported(&place.path("out"));
        }
        let shown = place.run(["show", &id(report), "--raw"]);
        assert!(shown.code != 0 || shown.stdout == *report, "bit at {at}");
        if ran.code == 1 {
            n_damaged += 1;
        }
        fs::write(segment(&place), intact).unwrap();
    }
    assert_ne!(n_damaged, 0, "some bit hits a message");
}
