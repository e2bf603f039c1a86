//! Backups of a data directory in use, and what becomes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect;
use serde_json::json;

use crate::json::check;
use crate::mail::write_samples;
use crate::posthold::{Place, Ran};
use crate::serve::Server;

fn archived() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

/// Runs a command on a restored data directory.
fn on(place: &Place, data: &str, args: &[&str]) -> Ran {
    let mut command = place.command(args);
    Ran::of(command.env("POSTHOLD_DATA", place.path(data)).output().unwrap())
}

fn add_mail(place: &Place, name: &str) {
    let text = format!("From: x@example.org\r\nSubject: {name}\r\n\r\nmore mail {name}\r\n");
    fs::write(place.path("mail").join(format!("{name}.eml")), text).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

fn pieces(place: &Place) -> Vec<PathBuf> {
    let dirs = fs::read_dir(place.path("backups/pieces")).unwrap();
    let files = dirs.flat_map(|it| fs::read_dir(it.unwrap().path()).unwrap());
    files.map(|it| it.unwrap().path()).collect()
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let place = archived();
    let before = place.ids("");
    place.ok(["backup", "create", "backups"]);
    add_mail(&place, "later");
    let after = place.ids("");
    assert_ne!(before, after);
    place.ok(["backup", "create", "backups"]);
    place.ok(["backup", "verify", "backups"]);
    let ran = place.ok(["restore", "backups", "--to", "one", "--backup", "1"]);
    expect![[r#"
        exit code 0
        Restored backup 1 of TIME  to one: N files, SIZE.
        Every byte was read again there and has its hash.
        stores/default: epoch 2 begins.
        audit: epoch 2 begins.
        Catalog and index are made anew when it is opened first.
    "#]]
    .assert_eq(&sizes(&ran.transcript(&place)));
    place.ok(["restore", "backups", "--to", "two"]);
    for (data, want) in [("one", &before), ("two", &after)] {
        // A store that is only read has its views from the first command that writes.
        on(&place, data, &["user", "list"]);
        let added = on(&place, data, &["import", "nothing-there", "--user", "alice"]);
        assert_eq!(added.code, 2);
        let rebuilt = on(&place, data, &["store", "rebuild-catalog"]);
        assert_eq!(rebuilt.code, 0, "{}", rebuilt.transcript(&place));
        let found = on(&place, data, &["search", "", "--json"]);
        let mut ids: Vec<String> =
            found.json_lines().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        assert_eq!(&ids, want);
        let verified = on(&place, data, &["verify"]);
        assert_eq!(verified.code, 0, "{}", verified.transcript(&place));
    }
}

/// Sizes differ with the version of SQLite, and numbers of files with what a store keeps.
fn sizes(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = match line.rsplit_once(", ").filter(|(_, it)| it.ends_with("kB.")) {
            Some((front, _)) => {
                let front = front.rsplit_once(": ").map_or(front, |it| it.0);
                format!("{front}: N files, SIZE.")
            }
            None => line.to_owned(),
        };
        words.push(line);
    }
    words.join("\n") + "\n"
}

#[test]
fn answers_have_the_fields_of_the_examples() {
    let place = archived();
    check("backup-create", &place.ok(["backup", "create", "backups", "--json"]).json());
    check("backup-list", &place.ok(["backup", "list", "backups", "--json"]).json_lines()[0]);
    check("backup-verify", &place.ok(["backup", "verify", "backups", "--json"]).json());
    check("backup-purge", &place.ok(["backup", "purge", "backups", "--json"]).json());
    check("restore", &place.ok(["restore", "backups", "--to", "one", "--json"]).json());
}

#[test]
fn a_backup_is_made_while_the_server_archives() {
    let place = archived();
    let server = Server::start(&place);
    place.ok(["backup", "create", "backups"]);
    let importing = place.start(["import", "mail", "--user", "bob"]);
    let created = place.ok(["backup", "create", "backups", "--json"]).json();
    let ran = Ran::of(importing.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(created["backup"], json!(2));
    place.ok(["backup", "create", "backups"]);
    let want = place.ids("user:bob");
    assert_eq!(server.stop(&place).code, 0);
    place.ok(["backup", "verify", "backups"]);
    for number in ["1", "2", "3"] {
        place.ok(["restore", "backups", "--to", number, "--backup", number]);
        let verified = on(&place, number, &["store", "rebuild-index"]);
        assert_eq!(verified.code, 0, "{}", verified.transcript(&place));
        assert_eq!(on(&place, number, &["verify"]).code, 0);
    }
    let found = on(&place, "3", &["search", "user:bob", "--json"]).json_lines();
    assert_eq!(found.len(), want.len());
}

#[test]
fn damage_in_a_backup_is_found_and_mended_from_the_source() {
    let place = archived();
    place.ok(["backup", "create", "backups"]);
    // The audit log grows with each command: its last piece is another one soon.
    let store = fs::read(place.data().join("stores/default/segments/000001.seg")).unwrap();
    let is_segment = |it: &PathBuf| {
        let piece = fs::read(it).unwrap();
        piece.starts_with(b"\x89PHseg") && store.starts_with(&piece)
    };
    let piece = pieces(&place).into_iter().find(is_segment).unwrap();
    let mut bytes = fs::read(&piece).unwrap();
    bytes[100] ^= 1;
    fs::write(&piece, bytes).unwrap();
    assert_eq!(place.run(["backup", "verify", "backups"]).code, 1);
    let refused = place.run(["restore", "backups", "--to", "one"]);
    assert_eq!(refused.code, 1, "{}", refused.transcript(&place));
    // What was brought so far is no data directory.
    let ran = on(&place, "one", &["search", ""]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("restored only in part"), "{}", ran.stderr);
    place.ok(["backup", "create", "backups", "--full"]);
    place.ok(["backup", "verify", "backups"]);
    place.ok(["restore", "backups", "--to", "one", "--backup", "1"]);
}

#[test]
fn directories_are_not_mistaken() {
    let place = archived();
    place.ok(["backup", "create", "backups"]);
    fs::create_dir(place.path("full")).unwrap();
    fs::write(place.path("full/letter"), "mine").unwrap();
    let runs: &[&[&str]] = &[
        &["backup", "list", "nowhere"],
        &["backup", "create", "full"],
        &["backup", "create", "data/backups"],
        &["restore", "backups", "--to", "full"],
        &["restore", "backups", "--to", "data"],
        &["restore", "backups", "--to", "new", "--backup", "7"],
        &["store", "accept-rollback"],
    ];
    let told: String = runs.iter().map(|it| place.run(*it).transcript(&place)).collect();
    expect![[r#"
        exit code 2
        stderr: error: there are no backups in nowhere
        exit code 2
        stderr: error: DIR/full is not empty and no backup: it has letter
        exit code 2
        stderr: error: a directory of backups cannot be in the data directory
        stderr:   Keep it on another disk.
        exit code 2
        stderr: error: full is not empty: it has letter
        exit code 2
        stderr: error: data is not empty: it has audit
        exit code 2
        stderr: error: there is no backup 7
        exit code 2
        stderr: error: the log has everything that was recorded of it
    "#]]
    .assert_eq(&told.replace("error: full is not empty and", "error: DIR/full is not empty and"));
}

#[test]
fn an_older_store_under_a_newer_state_is_refused_until_it_is_accepted() {
    let place = archived();
    let store = place.data().join("stores/default");
    copy(&store, &place.path("older"));
    let before = place.ids("");
    add_mail(&place, "lost");
    let lost = place.ids("");
    fs::remove_dir_all(&store).unwrap();
    copy(&place.path("older"), &store);
    let refused = place.run(["import", "mail", "--user", "alice"]);
    assert_eq!(refused.code, 3, "{}", refused.transcript(&place));
    assert!(refused.stderr.contains("accept-rollback"), "{}", refused.stderr);
    check("accept-rollback", &place.ok(["store", "accept-rollback", "--json"]).json());
    place.ok(["store", "rebuild-index"]);
    assert_eq!(place.ids(""), before);
    // What is still at its source is archived again.
    place.ok(["import", "mail", "--user", "alice"]);
    assert_eq!(place.ids(""), lost);
    place.ok(["verify"]);
    let description = fs::read_to_string(store.join("store.toml")).unwrap();
    assert!(description.contains("epoch = 2"), "{description}");
}

#[test]
fn an_older_state_beside_a_newer_store_is_told() {
    let place = archived();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let from = place.data().join(name);
        if from.exists() {
            fs::copy(&from, place.path(name)).unwrap();
        }
    }
    add_mail(&place, "newer");
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(place.data().join(name));
        if place.path(name).exists() {
            fs::copy(place.path(name), place.data().join(name)).unwrap();
        }
    }
    let ran = place.ok(["import", "mail", "--user", "alice"]);
    assert!(ran.text().contains("the state is older than the store"), "{}", ran.text());
    let again = place.ok(["import", "mail", "--user", "alice"]);
    assert!(!again.text().contains("older"), "told once: {}", again.text());
}

/// The mark is there before anything else.
fn is_whole(place: &Place) -> bool {
    place.path("new/state.db").exists() && !place.path("new/restore-unfinished").exists()
}

#[test]
fn a_killed_backup_or_restore_goes_on() {
    let place = archived();
    let long: String = (0..400_000).map(|n| format!("line {n} of a long letter\r\n")).collect();
    fs::write(place.path("mail/long.eml"), format!("Subject: long\r\n\r\n{long}")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    for wait in [0, 5, 20, 60, 120] {
        let mut child = place.start(["backup", "create", "backups"]);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        if place.path("backups/posthold-backup").exists() {
            place.ok(["backup", "verify", "backups"]);
        }
    }
    place.ok(["backup", "create", "backups"]);
    place.ok(["backup", "verify", "backups"]);
    for wait in [0, 5, 20, 60, 120] {
        let mut child = place.start(["restore", "backups", "--to", "new"]);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        if is_whole(&place) {
            break;
        }
    }
    if !is_whole(&place) {
        place.ok(["restore", "backups", "--to", "new"]);
    }
    let rebuilt = on(&place, "new", &["store", "rebuild-index"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.transcript(&place));
    assert_eq!(on(&place, "new", &["verify"]).code, 0);
}

/// Messages that were erased do not come back from a backup that was made before.
#[test]
fn an_older_backup_brings_nothing_back_that_was_erased() {
    let place = archived();
    let word = "Zqxvwkjhgf";
    let secret = format!("From: x@example.org\r\nSubject: {word}\r\n\r\n{word}\r\n");
    fs::write(place.path("mail/secret.eml"), &secret).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["backup", "create", "backups"]);
    let gone = crate::mail::id(secret.as_bytes());
    place.ok(["settings", "set", "erasure_grace_days", "0"]);
    place.ok(["delete", &gone, "--reason", "asked for by letter"]);
    place.ok(["retention", "run"]);
    // The directory of backups learns it at once, without another backup.
    let listed = place.ok(["backup", "list", "backups", "--json"]).json();
    assert_eq!(listed["erased_since"], 1, "{listed}");
    let refused = place.run(["restore", "backups", "--to", "older", "--backup", "1"]);
    assert_eq!(refused.code, 2, "{}", refused.transcript(&place));
    assert!(refused.stderr.contains("erased"), "{}", refused.transcript(&place));
    assert_eq!(on(&place, "older", &["search", ""]).code, 2, "it is no archive");
    let verified = place.run(["backup", "verify", "backups", "--json"]).json();
    assert_eq!(verified["erased_since"].as_array().unwrap().len(), 1, "{verified}");
    let created = place.ok(["backup", "create", "backups"]);
    assert!(created.text().contains("erased are still in backup 1"), "{}", created.text());
    place.ok(["restore", "backups", "--to", "newer"]);
    on(&place, "newer", &["store", "rebuild-catalog"]);
    assert_eq!(on(&place, "newer", &["show", &gone]).code, 1);
    assert_eq!(on(&place, "newer", &["verify"]).code, 0);
    let found = Command::new("grep").args(["-rl", word]).arg(place.path("newer")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    place.ok(["backup", "purge", "backups"]);
    let left = place.ok(["backup", "list", "backups", "--json"]).json();
    assert_eq!((&left["backup"], &left["erased_since"]), (&json!(2), &json!(0)));
    let found =
        Command::new("grep").args(["-rl", word]).arg(place.path("backups")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn every_store_is_in_it_and_comes_home() {
    let place = archived();
    let elsewhere = place.path("elsewhere");
    place.ok(["store", "create", "second", "--dir", elsewhere.to_str().unwrap()]);
    place.ok(["backup", "create", "backups"]);
    place.ok(["restore", "backups", "--to", "new"]);
    let stores = on(&place, "new", &["store", "list", "--json"]);
    assert_eq!(stores.code, 0, "{}", stores.transcript(&place));
    let dirs: Vec<_> = stores.json_lines().iter().map(|it| it["dir"].clone()).collect();
    let home = |name: &str| json!(place.path("new/stores").join(name));
    assert_eq!(dirs, [home("second"), home("default")]);
    // One that cannot be read is told, and the others are in it.
    fs::write(elsewhere.join("store.toml"), "format = 99").unwrap();
    let ran = place.run(["backup", "create", "backups"]);
    assert_eq!(ran.code, 1);
    assert!(ran.text().contains("stores/second is not in it"), "{}", ran.text());
    place.ok(["restore", "backups", "--to", "newest"]);
}
