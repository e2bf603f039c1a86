//! What a store needs that this version does not have, or has: every way to read it.

use std::fs;
use std::path::Path;
use std::process::Command;

use frames::features::{AUDIT, ENCRYPTION, FEATURES};
use testkit::copy_tree;

use crate::mail::{samples, write_samples};
use crate::posthold::{Place, Ran, verifier};

#[test]
fn unknown_features_refuse_everywhere_and_known_ones_nowhere() {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["backup", "create", "backups"]);
    let path = place.data().join("stores/default/store.toml");
    let before = fs::read_to_string(&path).unwrap();
    let name = |name: &str| {
        let named = before.replace("features = [", &format!("features = [\"{name}\", "));
        fs::write(&path, named).unwrap();
    };
    let check = || {
        let mut command = Command::new(verifier());
        Ran::of(command.current_dir(place.path("")).arg("data/stores/default").output().unwrap())
    };
    let n_samples = samples().len();
    for known in FEATURES.into_iter().filter(|it| ![AUDIT, ENCRYPTION].contains(it)) {
        name(known);
        assert_eq!(place.ids("").len(), n_samples, "{known}");
        assert_eq!(place.ok(["import", "mail", "--user", "alice", "--json"]).json()["archived"], 0);
        place.ok(["verify"]);
        let checked = check();
        assert_eq!(checked.code, 0, "{known}: {}{}", checked.text(), checked.stderr);
    }
    for unknown in ["later", "PACKS"] {
        name(unknown);
        let as_it_was = fs::read(&path).unwrap();
        for line in [
            &["search", ""][..],
            &["show", "00"],
            &["export", "--all", "--to", "out"],
            &["import", "mail", "--user", "bob"],
            &["store", "stats"],
            &["store", "rebuild", "default", "--view", "catalog"],
            &["store", "accept-rollback"],
            &["verify"],
            &["doctor"],
        ] {
            let ran = place.run(line);
            let told = format!("{}{}", ran.text(), ran.stderr);
            assert_ne!(ran.code, 0, "{line:?}");
            assert!(told.contains(&format!("needs {unknown}")), "{line:?}: {told}");
        }
        let checked = check();
        assert_eq!(checked.code, 3, "{}{}", checked.text(), checked.stderr);
        assert!(checked.stderr.contains(&format!("needs {unknown}")), "{}", checked.stderr);
        // A backup has what can be read, and says what is not in it.
        let backup = place.run(["backup", "create", "backups"]);
        let told = format!("{}{}", backup.text(), backup.stderr);
        assert!(backup.code != 0 && told.contains(&format!("needs {unknown}")), "{told}");
        assert_eq!(fs::read(&path).unwrap(), as_it_was, "it is left as it is");
    }
    fs::write(&path, before).unwrap();
    place.ok(["verify"]);
    assert_eq!(place.ids("").len(), n_samples);
}

/// The store that the first release wrote: checked without Posthold, taken in, searched, given back
/// byte for byte, and written on.
#[test]
fn a_store_of_the_first_release_is_taken_in() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = golden.join("../crates/store/test_data/stores/v1-whole");
    let place = Place::new();
    copy_tree(&golden, &place.path("golden"));
    let check = || {
        let mut command = Command::new(verifier());
        let ran = Ran::of(command.current_dir(place.path("")).arg("golden").output().unwrap());
        assert_eq!(ran.code, 0, "{}{}", ran.text(), ran.stderr);
    };
    check();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["store", "attach", "golden", "--dir", place.path("golden").to_str().unwrap()]);
    let shown = place.ok(["store", "show", "golden", "--json"]).json();
    let n_golden = shown["counts"]["messages"].as_u64().unwrap();
    place.ok(["verify"]);
    place.ok(["export", "--all", "--to", "out"]);
    // Files are named by their bytes.
    let exported = crate::mail::exported(&place.path("out"));
    let n_erased = 4;
    assert_eq!(exported.len() as u64, n_golden - n_erased + samples().len() as u64);
    for view in ["catalog", "index"] {
        place.ok(["store", "rebuild", "golden", "--view", view]);
    }
    assert_eq!(place.ids("").len(), exported.len());
    place.ok(["store", "make-current", "golden"]);
    fs::write(place.path("mail/new.eml"), "Subject: written on\r\n\r\nx\r\n").unwrap();
    assert_eq!(place.ok(["import", "mail", "--user", "alice", "--json"]).json()["archived"], 1);
    place.ok(["verify"]);
    check();
}
