//! What somebody does who can write to every file and has no key: a table of it. Each is found by
//! `verify`, and named.
//!
//! What it is not: a proof against whoever has the key. Those are found by anchors, as the last
//! test shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mail::write_samples;
use crate::posthold::Place;

/// A place of two sessions, with an anchor in a file, and how it was after the first one.
struct Scene {
    place: Place,
}

impl Scene {
    fn new() -> Scene {
        let place = Place::new();
        write_samples(&place.path("mail"));
        place.ok(["import", "mail", "--user", "alice"]);
        copy(&place.data(), &place.path("older"));
        place.ok(["anchor", "add", "file", "list"]);
        fs::create_dir_all(place.path("more")).unwrap();
        fs::write(place.path("more/1.eml"), "From: a@b\r\nSubject: more\r\n\r\nmore\r\n").unwrap();
        place.ok(["import", "more", "--user", "alice"]);
        place.ok(["anchor", "now"]);
        copy(&place.data(), &place.path("good"));
        let ran = place.run(["verify"]);
        assert_eq!(ran.code, 0, "{}", ran.text());
        Scene { place }
    }

    fn store(&self, name: &str) -> PathBuf {
        self.place.data().join("stores/default").join(name)
    }

    fn older(&self, name: &str) -> PathBuf {
        self.place.path("older").join(name)
    }

    /// Everything as it was before somebody did something.
    fn restore(&self) {
        copy(&self.place.path("good"), &self.place.data());
    }

    /// What `verify` says: `part: message` of each defect, or how it failed.
    fn found(&self) -> Vec<String> {
        let ran = self.place.run(["verify", "--json"]).json();
        if let Some(error) = ran["error"]["message"].as_str() {
            return vec![format!("failure: {error}")];
        }
        let told = |it: &serde_json::Value| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            format!("{}: {}: {}", text("part"), text("place"), text("message"))
        };
        ran["defects"].as_array().unwrap().iter().map(told).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        let _ = fs::remove_dir_all(to);
    }
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
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

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn flip(path: &Path) {
    change(path, |it| {
        let middle = it.len() / 2;
        it[middle] ^= 0x10;
    });
}

fn cut(path: &Path) {
    change(path, |it| it.truncate(it.len() * 2 / 3));
}

/// Two notes of a list in each other's place.
fn swap_notes(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut notes: Vec<&str> = text.split_inclusive("=\n\n").collect();
    assert!(2 < notes.len(), "{text}");
    notes.swap(0, 1);
    fs::write(path, notes.concat()).unwrap();
}

/// What is done, to which part; what is done it by; and what of it has to be said.
type Case = (&'static str, fn(&Scene), &'static str);

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn whatever_is_done_without_the_key_is_found_and_named() {
    let scene = Scene::new();
    let cases: [Case; 23] = [
        ("segment: flip", |it| flip(&it.store("segments/000001.seg")), "log: "),
        ("segment: delete", |it| fs::remove_file(it.store("segments/000001.seg")).unwrap(), ""),
        ("segment: truncate", |it| cut(&it.store("segments/000001.seg")), "log: "),
        (
            "segment: swap",
            |it| {
                let audit = it.place.data().join("audit/segments/000001.seg");
                copy(&audit, &it.store("segments/000001.seg"));
            },
            "",
        ),
        (
            "segments: roll back",
            |it| copy(&it.older("stores/default/segments"), &it.store("segments")),
            "log: ",
        ),
        (
            "segments: whole batches behind the last checkpoint",
            |it| {
                // The newer segments are right in every frame; the older checkpoint closed the log.
                for name in ["checkpoints", "tiles", "catalog.db", "index"] {
                    copy(&it.older(&format!("stores/default/{name}")), &it.store(name));
                }
            },
            "nobody signed them",
        ),
        ("catalog: flip", |it| flip_name(&it.store("catalog.db")), "catalog"),
        ("catalog: delete", |it| fs::remove_file(it.store("catalog.db")).unwrap(), ""),
        ("catalog: truncate", |it| cut(&it.store("catalog.db")), "catalog"),
        (
            "index: flip",
            |it| {
                let all = files(&it.store("index"));
                flip(all.iter().find(|it| it.extension().is_some_and(|it| it == "idx")).unwrap());
            },
            "index: ",
        ),
        (
            "index: delete",
            |it| {
                let all = files(&it.store("index"));
                let idx = all.iter().find(|it| it.extension().is_some_and(|it| it == "idx"));
                fs::remove_file(idx.unwrap()).unwrap();
            },
            "index: ",
        ),
        (
            "index: truncate",
            |it| {
                let all = files(&it.store("index"));
                cut(all.iter().find(|it| it.extension().is_some_and(|it| it == "store")).unwrap());
            },
            "index: ",
        ),
        ("tiles: flip", |it| last_tile(it, flip), "tiles: "),
        ("tiles: truncate", |it| last_tile(it, cut), "tiles: "),
        ("tiles: delete", |it| last_tile(it, |it| fs::remove_file(it).unwrap()), "tiles: "),
        ("checkpoints: flip", |it| flip(&it.store("checkpoints")), "checkpoints: "),
        (
            "checkpoints: delete",
            |it| fs::remove_file(it.store("checkpoints")).unwrap(),
            "no checkpoint",
        ),
        ("checkpoints: truncate", |it| cut(&it.store("checkpoints")), "checkpoints: "),
        ("checkpoints: swap", |it| swap_notes(&it.store("checkpoints")), "checkpoints: "),
        (
            "checkpoints: roll back",
            |it| copy(&it.older("stores/default/checkpoints"), &it.store("checkpoints")),
            "nobody signed them",
        ),
        ("state: roll back", |it| roll_back_state(it), "state: "),
        (
            "store and its list: roll back",
            |it| copy(&it.older("stores/default"), &it.store("")),
            "",
        ),
        ("everything: roll back", |it| copy(&it.place.path("older"), &it.place.data()), ""),
    ];
    let mut missed = Vec::new();
    for (what, done, named) in cases {
        scene.restore();
        done(&scene);
        let found = scene.found();
        let is_rolled_back = what.starts_with("everything");
        let is_named = found.iter().any(|it| it.contains(named));
        // Nothing in the directory knows of an older one. The file of the anchor does.
        if is_rolled_back {
            assert!(found.is_empty(), "{found:?}");
            let ran = scene.place.run(["anchor", "verify", "list", "--json"]);
            assert!(ran.code == 1 && ran.text().contains("set back"), "{}", ran.text());
            continue;
        }
        if found.is_empty() || !is_named {
            missed.push(format!("{what}: {found:?}"));
        }
    }
    assert_eq!(missed, [""; 0]);
}

/// A flipped bit in every name that a catalog has.
fn flip_name(path: &Path) {
    change(path, |bytes| {
        let places: Vec<usize> = bytes
            .windows(5)
            .enumerate()
            .filter(|(_, it)| *it == b"alice")
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| bytes[at + 4] ^= 2);
    });
}

fn last_tile(scene: &Scene, done: fn(&Path)) {
    let mut tiles = files(&scene.store("tiles/tile"));
    // The widest one at the edge: those of earlier sizes are needed no more.
    let width = |it: &PathBuf| it.file_name().unwrap().to_string_lossy().parse::<u32>().unwrap();
    tiles.sort_by_key(width);
    done(tiles.last().unwrap());
}

/// The state with what SQLite keeps beside it.
fn roll_back_state(scene: &Scene) {
    for name in ["state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(scene.place.data().join(name));
    }
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        if scene.older(name).is_file() {
            copy(&scene.older(name), &scene.place.data().join(name));
        }
    }
}

#[test]
fn peers_rows_of_the_catalog_are_compared() {
    let script = "import sqlite3, sys\n\
                  db = sqlite3.connect(sys.argv[1])\n\
                  db.execute(\"UPDATE message SET subject = 'forged'\")\n\
                  db.commit()\n";
    if Command::new("python3").arg("--version").output().is_err() {
        testkit::left_out("python3 is not installed");
        return;
    }
    let scene = Scene::new();
    let catalog = scene.store("catalog.db");
    let ran = Command::new("python3").args(["-c", script]).arg(&catalog).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found = scene.found();
    assert!(found.iter().any(|it| it.contains("table message")), "{found:?}");
}

/// Settings, policies and rights that were changed past Posthold: whoever does that leaves no entry.
#[test]
fn peers_what_was_changed_in_the_state_past_posthold_is_found() {
    if Command::new("python3").arg("--version").output().is_err() {
        testkit::left_out("python3 is not installed");
        return;
    }
    let scene = Scene::new();
    let place = &scene.place;
    place.ok(["retention", "add", "--all", "all", "--keep", "10y"]);
    place.ok(["settings", "set", "alert_stale_hours", "12"]);
    assert_eq!(scene.found(), [""; 0]);
    let good = place.path("with-policy");
    copy(&place.data(), &good);
    let script = "import sqlite3, sys\n\
                  db = sqlite3.connect(sys.argv[1])\n\
                  assert db.execute(sys.argv[2]).rowcount > 0\n\
                  db.commit()\n";
    for sql in [
        "UPDATE setting SET value = '99' WHERE key = 'alert_stale_hours'",
        "UPDATE retention_policy SET minimum = NULL",
        "DELETE FROM retention_policy",
        "DELETE FROM anchor",
        "INSERT INTO user (name, archive, created, administrator) VALUES ('eve', 99, 0, 1)",
        "INSERT INTO unlock (who, whose, reason, since, until) VALUES ('eve', NULL, '', 0, 9)",
    ] {
        copy(&good, &place.data());
        let state = place.data().join("state.db");
        let ran = Command::new("python3").args(["-c", script]).arg(&state).arg(sql).output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let found = scene.found();
        let named = "state: state.db: settings, policies or rights were changed past Posthold";
        assert!(found.iter().any(|it| it.starts_with(named)), "{sql}: {found:?}");
    }
    // It is still found behind a change that was asked for, until somebody answers for it.
    place.ok(["settings", "set", "alert_stale_hours", "24"]);
    assert!(scene.found().iter().any(|it| it.contains("between the entries")));
    place.ok(["audit", "accept-loss", "--reason", "it was me"]);
    assert_eq!(scene.found(), [""; 0]);
    place.ok(["settings", "set", "alert_stale_hours", "48"]);
    assert_eq!(scene.found(), [""; 0]);
    let ran = place.run(["audit", "accept-loss", "--reason", "again"]);
    assert_eq!(ran.code, 2, "{}", ran.text());
}

/// The file of the state, cut, flipped, removed and taken from elsewhere.
#[test]
fn a_damaged_or_foreign_state_is_found_or_says_what_it_said() {
    let scene = Scene::new();
    let place = &scene.place;
    place.ok(["settings", "set", "alert_stale_hours", "12"]);
    let good = place.path("with-setting");
    copy(&place.data(), &good);
    let state = place.data().join("state.db");
    let said = || {
        let asked = [vec!["settings", "list", "--json"], vec!["anchor", "list", "--json"]];
        asked.map(|it| place.run(it).text().to_owned())
    };
    let before = said();
    let bytes = fs::read(&state).unwrap();
    let other = Place::new();
    write_samples(&other.path("mail"));
    other.ok(["import", "mail", "--user", "alice"]);
    let mut cases: Vec<(String, Option<Vec<u8>>)> = vec![
        ("removed".into(), None),
        ("of another archive".into(), Some(fs::read(other.data().join("state.db")).unwrap())),
        ("empty".into(), Some(Vec::new())),
    ];
    for share in 1..6 {
        let len = bytes.len() * share / 6;
        cases.push((format!("cut to {len}"), Some(bytes[..len].to_vec())));
    }
    for at in (40..bytes.len()).step_by(bytes.len() / 30) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        cases.push((format!("flipped at {at}"), Some(flipped)));
    }
    let mut n_found = 0;
    for (what, content) in cases {
        copy(&good, &place.data());
        for beside in ["state.db-wal", "state.db-shm"] {
            let _ = fs::remove_file(place.data().join(beside));
        }
        match &content {
            Some(content) => fs::write(&state, content).unwrap(),
            None => fs::remove_file(&state).unwrap(),
        }
        let found = scene.found();
        n_found += usize::from(!found.is_empty());
        assert!(!found.is_empty() || said() == before, "{what}");
        let is_flip = what.starts_with("flipped");
        assert!(is_flip || !found.is_empty(), "{what}");
    }
    assert!(n_found > 8, "{n_found}");
}

/// Somebody lets searches miss a message: the index is one that Posthold itself made, of the same
/// mail with another word, and says that it is a view of this log.
#[test]
fn an_index_of_other_words_is_found_by_a_thorough_verify() {
    let scene = Scene::new();
    let place = &scene.place;
    let thorough = ["verify", "--thorough"];
    let ran = place.run(thorough);
    assert_eq!(ran.code, 0, "{}", ran.text());
    let other = Place::new();
    write_samples(&other.path("mail"));
    other.ok(["import", "mail", "--user", "alice"]);
    fs::create_dir_all(other.path("more")).unwrap();
    fs::write(other.path("more/1.eml"), "From: a@b\r\nSubject: more\r\n\r\nless\r\n").unwrap();
    other.ok(["import", "more", "--user", "alice"]);
    let (index, meta) = (scene.store("index"), scene.store("index/meta.json"));
    let payload_of = |meta: &Path| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&fs::read(meta).unwrap()).unwrap()["payload"]
            .clone()
    };
    let payload = payload_of(&meta);
    fs::remove_dir_all(&index).unwrap();
    copy(&other.data().join("stores/default/index"), &index);
    let mut forged: serde_json::Value = serde_json::from_slice(&fs::read(&meta).unwrap()).unwrap();
    forged["payload"] = payload;
    fs::write(&meta, serde_json::to_vec(&forged).unwrap()).unwrap();
    assert_eq!(scene.found(), [""; 0], "nothing but its words is wrong");
    let ran = place.run(thorough);
    let id = place.ok(["search", "subject:more", "--json"]).json_lines()[0]["id"].clone();
    let text = ran.text();
    assert_eq!(ran.code, 1, "{text}");
    assert!(text.contains("index, body") && text.contains(id.as_str().unwrap()), "{text}");
    assert!(!text.contains("index, from"), "{text}");
    let left = fs::read_dir(scene.store("")).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = left.filter(|it| it.to_string_lossy().contains("check")).collect();
    assert!(left.iter().all(|it| !it.to_string_lossy().contains("index.check")), "{left:?}");
    place.ok(["store", "rebuild-index"]);
    place.ok(thorough);
}

/// Whoever has the key signs another history: nothing here shows that, but what others keep.
#[test]
fn another_history_with_the_same_key_is_found_by_an_anchor() {
    let scene = Scene::new();
    let place = &scene.place;
    fs::copy(place.path("list"), place.path("kept")).unwrap();
    copy(&place.path("older"), &place.data());
    fs::write(place.path("more/2.eml"), "From: a@b\r\nSubject: other\r\n\r\nother\r\n").unwrap();
    fs::remove_file(place.path("more/1.eml")).unwrap();
    place.ok(["import", "more", "--user", "alice"]);
    assert_eq!(scene.found(), [""; 0]);
    let ran = place.run(["anchor", "verify", "kept", "--json"]);
    assert!(ran.code == 1 && ran.text().contains("written anew"), "{}", ran.text());
    place.ok(["anchor", "add", "file", "list"]);
    let ran = place.run(["anchor", "now"]);
    assert!(ran.code == 1 && ran.text().contains("is not what was anchored"), "{}", ran.text());
}
