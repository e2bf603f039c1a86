//! Exports with proofs, copied stores, and what is done to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mail::write_samples;
use crate::posthold::{Place, Ran, verifier};

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    let key = place.ok(["key", "show"]).stdout;
    fs::write(place.path("key"), key).unwrap();
    place
}

fn proven() -> Place {
    let place = archived();
    let export = place.ok(["export", "--all", "--to", "out", "--proof", "--json"]).json();
    assert_eq!(export["proof"]["unsigned"], 0, "{export}");
    assert_eq!(export["proof"]["proven"], export["exported"], "{export}");
    place
}

fn check(place: &Place, args: &[&str]) -> Ran {
    let mut command = Command::new(verifier());
    command.current_dir(place.path("")).args(args).env_clear();
    Ran::of(command.output().expect("the checker runs"))
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn an_export_with_proofs_is_checked_without_posthold() {
    let place = proven();
    let ran = check(&place, &["out", "--key", "key"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    assert!(ran.text().contains("Everything holds."), "{}", ran.text());
    assert!(!ran.text().contains("The key is its own"), "{}", ran.text());
    let ran = check(&place, &["out"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    assert!(ran.text().contains("The key is its own"), "{}", ran.text());
    // The key of somebody else.
    let other = archived();
    fs::copy(other.path("key"), place.path("other")).unwrap();
    let ran = check(&place, &["out", "--key", "other"]);
    assert_eq!(ran.code, 1, "{}", ran.text());
    assert!(ran.text().contains("no known key signed it"), "{}", ran.text());
    assert_eq!(check(&place, &["nothing"]).code, 3);
    assert_eq!(check(&place, &["out", "--key", "none"]).code, 3);
    assert_eq!(check(&place, &[]).code, 2);
    let statements = files(&place.path("out/proof/default/statements"));
    let text = fs::read_to_string(&statements[0]).unwrap();
    assert!(text.contains("\nArchived: ") && text.contains("\nFolder: "), "{text}");
}

#[test]
fn whatever_is_changed_in_an_export_is_found() {
    let place = proven();
    for path in files(&place.path("out")) {
        if path.ends_with("README.txt") {
            continue;
        }
        let intact = fs::read(&path).unwrap();
        let len = intact.len();
        for at in [0, len / 3, len / 2, len.saturating_sub(1)] {
            let mut changed = intact.clone();
            match changed.get_mut(at) {
                Some(byte) => *byte ^= 1,
                None => changed.push(b'x'),
            }
            fs::write(&path, changed).unwrap();
            let ran = check(&place, &["out", "--key", "key"]);
            // What the key in the export says does not count when there is another.
            let is_own_key = path.ends_with("key.pub");
            assert!(ran.code == 1 || is_own_key, "{}: {}", path.display(), ran.text());
        }
        fs::remove_file(&path).unwrap();
        let ran = check(&place, &["out", "--key", "key"]);
        // The words of what is not there stand nowhere, and details may be erased.
        let may_be_gone = path.ends_with("key.pub");
        assert!(ran.code != 0 || may_be_gone, "{}: {}", path.display(), ran.text());
        fs::write(&path, intact).unwrap();
    }
    fs::write(place.path("out/more.eml"), "Subject: slipped in\r\n\r\n").unwrap();
    let ran = check(&place, &["out", "--key", "key"]);
    assert!(ran.code == 1 && ran.text().contains("no proof covers this file"), "{}", ran.text());
}

#[test]
fn a_copied_store_is_checked_without_posthold() {
    let place = archived();
    let store = "data/stores/default";
    for dir in [store, "data"] {
        let ran = check(&place, &[dir, "--key", "key"]);
        assert_eq!(ran.code, 0, "{}", ran.text());
        assert!(ran.text().contains("messages"), "{}", ran.text());
    }
    let segment = place.path("data/stores/default/segments/000001.seg");
    let intact = fs::read(&segment).unwrap();
    for step in 0..24 {
        let at = step * (intact.len() - 1) / 23;
        let mut changed = intact.clone();
        changed[at] ^= 0x10;
        fs::write(&segment, changed).unwrap();
        let ran = check(&place, &[store, "--key", "key"]);
        assert_ne!(ran.code, 0, "bit at {at}: {}", ran.text());
    }
    fs::write(&segment, intact).unwrap();
    let list = place.path("data/stores/default/checkpoints");
    let intact = fs::read(&list).unwrap();
    for at in (0..intact.len()).step_by(7) {
        let mut changed = intact.clone();
        changed[at] ^= 1;
        fs::write(&list, changed).unwrap();
        assert_eq!(check(&place, &[store, "--key", "key"]).code, 1, "byte {at}");
    }
}

/// Yesterday's log under today's checkpoints, tiles and state: each part says so.
#[test]
fn an_older_copy_of_the_log_is_found() {
    let place = archived();
    let segments = place.path("data/stores/default/segments");
    let older: Vec<(PathBuf, Vec<u8>)> =
        files(&segments).into_iter().map(|it| (it.clone(), fs::read(&it).unwrap())).collect();
    place.ok(["import", "mail", "--user", "bob"]);
    assert_eq!(check(&place, &["data", "--key", "key"]).code, 0);
    fs::remove_dir_all(&segments).unwrap();
    fs::create_dir(&segments).unwrap();
    older.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let ran = place.run(["verify"]);
    assert!(ran.code == 1 && ran.text().contains("ends earlier than"), "{}", ran.text());
    let ran = check(&place, &["data", "--key", "key"]);
    assert!(ran.code == 1 && ran.text().contains("entries were signed"), "{}", ran.text());
    // Without the others, the checkpoints still know.
    fs::remove_file(place.path("data/stores/default/catalog.db")).unwrap();
    fs::remove_dir_all(place.path("data/stores/default/index")).unwrap();
    let ran = place.run(["verify"]);
    assert!(ran.code == 1 && ran.text().contains("ends earlier than"), "{}", ran.text());
}

#[test]
fn an_export_of_the_audit_log_is_checked_without_posthold() {
    let place = archived();
    place.ok(["search", "quarterly", "--reason", "case 7"]);
    place.ok(["user", "add", "bob"]);
    let export = ["audit", "export", "--to", "log", "--activity", "MessageSearch", "--json"];
    assert_eq!(place.ok(export).json()["proven"], 1);
    let export = place.ok(["audit", "export", "--to", "log", "--json"]).json();
    assert!(export["proven"].as_u64() > Some(3) && export["unsigned"] == 0, "{export}");
    let ran = check(&place, &["log", "--key", "key"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    assert!(ran.text().contains("entries of the audit log with proofs"), "{}", ran.text());
    let statements = files(&place.path("log/proof/audit/statements"));
    let all: String = statements.iter().map(|it| fs::read_to_string(it).unwrap()).collect();
    assert!(all.contains("Activity: MessageSearch (number 2)\n"), "{all}");
    assert!(all.contains("Reason: case 7\n") && all.contains("Outcome: done\n"), "{all}");
    for path in files(&place.path("log/proof/audit")) {
        if path.ends_with("key.pub") {
            continue;
        }
        let intact = fs::read(&path).unwrap();
        let mut changed = intact.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&path, changed).unwrap();
        let ran = check(&place, &["log", "--key", "key"]);
        assert_eq!(ran.code, 1, "{}: {}", path.display(), ran.text());
        fs::write(&path, intact).unwrap();
    }
}

/// What others kept, held against a copied store and an export.
#[test]
fn anchors_are_checked_without_posthold() {
    let place = archived();
    place.ok(["anchor", "add", "file", "list"]);
    place.ok(["anchor", "now"]);
    fs::create_dir(place.path("more")).unwrap();
    fs::write(place.path("more/1.eml"), "Subject: more\r\n\r\nmore\r\n").unwrap();
    place.ok(["import", "more", "--user", "alice"]);
    fs::copy(place.path("list"), place.path("first")).unwrap();
    place.ok(["anchor", "now"]);
    place.ok(["export", "--all", "--to", "out", "--proof"]);
    let ran = check(&place, &["data", "--anchor", "list"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    let of_store = |name: &str| -> String {
        let text = fs::read_to_string(place.path(name)).unwrap();
        text.split_inclusive("=\n\n").step_by(2).collect()
    };
    fs::write(place.path("store-list"), of_store("list")).unwrap();
    for anchors in ["store-list", "first"] {
        let ran = check(&place, &["out", "--key", "key", "--anchor", anchors]);
        let foreign = anchors == "first" && ran.text().contains("which is not here");
        assert!(ran.code == 0 || foreign, "{anchors}: {}", ran.text());
    }
    let ran = check(&place, &["data/stores/default", "--anchor", "list"]);
    assert!(ran.code == 1 && ran.text().contains("which is not here"), "{}", ran.text());
    // Another archive, and one that was set back.
    let other = archived();
    fs::copy(place.path("store-list"), other.path("list")).unwrap();
    let ran = check(&other, &["data", "--anchor", "list"]);
    assert!(ran.code == 1 && ran.text().contains("which is not here"), "{}", ran.text());
    let proofs = files(&place.path("out/proof/default/anchors"));
    assert_eq!(proofs.len(), 4, "{proofs:?}");
    for path in proofs {
        let intact = fs::read(&path).unwrap();
        let mut changed = intact.clone();
        let middle = changed.len() / 2;
        match changed.get_mut(middle) {
            Some(byte) => *byte ^= 1,
            None => changed.push(b'x'),
        }
        fs::write(&path, changed).unwrap();
        let ran = check(&place, &["out", "--key", "key"]);
        assert_eq!(ran.code, 1, "{}: {}", path.display(), ran.text());
        fs::write(&path, intact).unwrap();
    }
}

/// Somebody else's program: the definitions of RFC 9162 in Python, and OpenSSL.
#[test]
fn an_independent_checker_agrees() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_proof.py");
    let here = |it: &str| Command::new(it).arg("--version").output().is_ok();
    if !here("python3") || !here("openssl") {
        testkit::left_out("python3 or openssl is not installed");
        return;
    }
    let place = proven();
    let run = || {
        let mut command = Command::new("python3");
        Ran::of(command.arg(&script).arg(place.path("out")).output().expect("python3 runs"))
    };
    let ran = run();
    assert_eq!(ran.code, 0, "{}", ran.text());
    let entry = files(&place.path("out/proof/default/entries")).remove(0);
    let mut bytes = fs::read(&entry).unwrap();
    bytes[3] ^= 1;
    fs::write(&entry, bytes).unwrap();
    assert_ne!(run().code, 0);
}

/// Erases the first of the samples, and says its id.
fn erased(place: &Place) -> String {
    let gone = crate::mail::id(&crate::mail::samples()[0].1);
    place.ok(["settings", "set", "erasure_grace_days", "0"]);
    place.ok(["delete", &gone, "--reason", "file 77/2026"]);
    let run = place.ok(["retention", "run", "--json"]).json();
    assert_eq!(run["erased"], 1, "{run}");
    gone
}

#[test]
fn proofs_of_other_messages_outlive_an_erasure_and_it_is_proven_itself() {
    let place = proven();
    let gone = erased(&place);
    // Made before: all of it holds, that of the message which is gone included.
    let ran = check(&place, &["out", "--key", "key"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    // Made after.
    let export = place.ok(["export", "--all", "--to", "after", "--proof", "--json"]).json();
    assert_eq!(export["proof"]["unsigned"], 0, "{export}");
    let ran = check(&place, &["after", "--key", "key"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    // A copied store from which something was erased, and a data directory.
    for dir in ["data/stores/default", "data"] {
        let ran = check(&place, &[dir, "--key", "key"]);
        assert_eq!(ran.code, 0, "{}", ran.text());
    }

    let proof = place.ok(["store", "erasures", "--proof", "gone", "--json"]).json();
    crate::json::check("erasures-proof", &proof);
    assert_eq!((&proof["proven"], &proof["unsigned"]), (&1.into(), &0.into()));
    let ran = check(&place, &["gone", "--key", "key"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    assert!(ran.text().contains("1 message proven to be erased."), "{}", ran.text());
    let statements = files(&place.path("gone/proof/default/erasures"));
    let text = fs::read_to_string(&statements[0]).unwrap();
    assert!(text.starts_with(&format!("Erased message: {gone} ")), "{text}");
    for line in ["Because: somebody asked for it", "Rule: delete", "Why: file 77/2026", "Erased: "]
    {
        assert!(text.contains(&format!("\n{line}")), "{line} in {text}");
    }
    assert_eq!(place.run(["store", "erasures", "--proof", "gone"]).code, 2, "it is not empty");
    let none = place.run(["store", "erasures", "0000000000", "--proof", "none"]);
    assert!(none.code == 1 && none.stderr.contains("no message 0000000000"), "{}", none.stderr);
    assert!(!place.path("none").exists());

    // Whatever is changed in it or missing is found.
    for path in files(&place.path("gone/proof/default")) {
        if path.ends_with("key.pub") {
            continue;
        }
        let intact = fs::read(&path).unwrap();
        for at in [0, intact.len() / 2, intact.len() - 1] {
            let mut changed = intact.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            let ran = check(&place, &["gone", "--key", "key"]);
            assert_eq!(ran.code, 1, "{}: {}", path.display(), ran.text());
        }
        fs::remove_file(&path).unwrap();
        let ran = check(&place, &["gone", "--key", "key"]);
        assert_ne!(ran.code, 0, "{}: {}", path.display(), ran.text());
        fs::write(&path, intact).unwrap();
    }
}
