//! `store encrypt`, reading and rotating with its key, what becomes of a store without it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::posthold::{Place, Ran, verifier};
use crate::serve::Server;

const SECRET: &str = "Subject: nobody else may read this\r\n\r\nthe word is xylophonist\r\n";

fn with_mail() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("mail")).unwrap();
    for n in 0..20 {
        let mail = format!("From: a{n}@example.org\r\n{SECRET}{n}");
        fs::write(place.path(&format!("mail/{n}.eml")), mail).unwrap();
        if n == 0 {
            // Alone, it is too short to be compressed: its words stand in the segment.
            place.ok(["import", "mail", "--user", "alice"]);
        }
    }
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

fn segments(place: &Place, name: &str) -> Vec<u8> {
    let dir = place.data().join("stores/default").join(name);
    let files = fs::read_dir(dir).map(|it| it.flatten().collect::<Vec<_>>()).unwrap_or_default();
    files.iter().flat_map(|it| fs::read(it.path()).unwrap()).collect()
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|it| it == word.as_bytes())
}

fn key_in(place: &Place, path: &Path) -> String {
    let key = place.ok(["key", "new"]).text().to_owned();
    fs::write(path, &key).unwrap();
    key
}

#[test]
fn a_store_is_encrypted_and_opens_with_its_key_only() {
    let place = with_mail();
    let verdict = place.ok(["verify", "--json"]).json();
    let failed = place.run(["store", "encrypt", "default"]);
    assert_eq!(failed.code, 2, "{}", failed.stderr);
    assert!(failed.stderr.contains("posthold key new"), "{}", failed.stderr);
    let secret = place.data().join("secret.key");
    let key = key_in(&place, &secret);
    assert!(holds(&segments(&place, "segments"), "xylophonist"));
    let done = place.ok(["store", "encrypt", "default", "--json"]).json();
    assert_eq!(done["already"], false, "{done}");
    assert!(!holds(&segments(&place, "segments"), "xylophonist"));
    assert!(holds(&segments(&place, "segments.plain"), "xylophonist"));
    let done = place.ok(["store", "encrypt", "default", "--remove-plain", "--json"]).json();
    assert_eq!((&done["already"], &done["plain"]), (&true.into(), &serde_json::Value::Null));
    assert!(segments(&place, "segments.plain").is_empty());
    let again = place.ok(["verify", "--json"]).json();
    for field in ["messages", "entries", "blobs"] {
        assert_eq!(again[field], verdict[field], "{field}");
    }
    assert_eq!(place.ids("xylophonist").len(), 20);
    place.ok(["store", "rebuild-index"]);
    assert_eq!(place.ids("xylophonist").len(), 20);

    // No key, another key: refused, with what can be done; the key in the environment: fine.
    fs::remove_file(&secret).unwrap();
    let id = "xylophonist";
    for command in [&["search", id][..], &["verify"], &["import", "mail", "--user", "bob"]] {
        let failed = place.run(command);
        assert_eq!(failed.code, 2, "{command:?}: {}", failed.stderr);
        assert!(failed.stderr.contains("key"), "{}", failed.stderr);
        assert!(failed.stderr.contains("posthold key join"), "{}", failed.stderr);
    }
    key_in(&place, &secret);
    let failed = place.run(["search", id]);
    assert_eq!(failed.code, 2);
    assert!(failed.stderr.contains("the store is encrypted with key"), "{}", failed.stderr);
    fs::remove_file(&secret).unwrap();
    let mut command = place.command(["search", id, "--count", "--json"]);
    let found = Ran::of(command.env("POSTHOLD_KEY", key.trim()).output().unwrap());
    assert_eq!(found.code, 0, "{}", found.stderr);
}

#[test]
fn another_key_touches_no_segment() {
    let place = with_mail();
    let secret = place.data().join("secret.key");
    let first = key_in(&place, &secret);
    place.ok(["store", "encrypt", "default", "--remove-plain"]);
    let before = segments(&place, "segments");
    let status = place.ok(["key", "status", "--json"]).json();
    assert!(0 < status["keys"][0]["segments"].as_u64().unwrap(), "{status}");
    let rotated = place.ok(["key", "rotate", "--json"]).json();
    assert_eq!(rotated["segments"], status["keys"][0]["segments"], "{rotated}");
    assert_eq!(segments(&place, "segments"), before);
    let second = fs::read_to_string(&secret).unwrap();
    assert!(!second.contains(first.trim()));
    assert_eq!(place.ids("xylophonist").len(), 20);
    fs::write(place.path("mail/more.eml"), format!("From: b@example.org\r\n{SECRET}")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    assert_eq!(place.ids("xylophonist").len(), 21);
    fs::write(&secret, first).unwrap();
    assert_eq!(place.run(["key", "status"]).code, 1);
    assert_eq!(place.run(["search", "xylophonist"]).code, 2);
}

/// A server encrypts a store while its commands wait, and goes on with it.
#[test]
fn a_server_encrypts_its_store() {
    let place = with_mail();
    key_in(&place, &place.data().join("secret.key"));
    let server = Server::start(&place);
    place.ok(["store", "encrypt", "default"]);
    fs::write(place.path("mail/more.eml"), format!("From: b@example.org\r\n{SECRET}")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    assert_eq!(place.ids("xylophonist").len(), 21);
    server.stop(&place);
    assert!(!holds(&segments(&place, "segments"), "xylophonist"));
    place.ok(["verify"]);
}

#[test]
fn stores_may_be_made_encrypted() {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    place.ok(["settings", "set", "encrypt_new_stores", "on"]);
    key_in(&place, &place.data().join("secret.key"));
    fs::create_dir(place.path("mail")).unwrap();
    fs::write(place.path("mail/1.eml"), format!("From: a@example.org\r\n{SECRET}")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    assert!(!holds(&segments(&place, "segments"), "xylophonist"));
    assert_eq!(place.ids("xylophonist").len(), 1);
}

/// The same with a key in the environment.
fn with_key(place: &Place, key: &str, args: &[&str]) -> Ran {
    Ran::of(place.command(args).env("POSTHOLD_KEY", key).output().unwrap())
}

/// A second store, encrypted, beside one that is not: its mail says `zebra`. Gives the key.
fn with_two() -> (Place, String) {
    let place = with_mail();
    let key = key_in(&place, &place.data().join("secret.key"));
    place.ok(["settings", "set", "encrypt_new_stores", "on"]);
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    fs::create_dir(place.path("more")).unwrap();
    for n in 0..5 {
        let mail = format!("From: b{n}@example.org\r\nSubject: zebra\r\n\r\nstripes {n}\r\n");
        fs::write(place.path(&format!("more/{n}.eml")), mail).unwrap();
    }
    place.ok(["import", "more", "--user", "alice"]);
    (place, key)
}

/// Stores that are encrypted and stores that are not are one archive; without the key, the others
/// are, and answers say what is missing.
#[test]
fn a_store_without_its_key_is_left_out_and_said() {
    let (place, key) = with_two();
    assert_eq!((place.ids("xylophonist").len(), place.ids("zebra").len()), (20, 5));
    let all = place.ok(["verify", "--json"]).json();
    assert_eq!(all["messages"], 25, "{all}");
    place.ok(["store", "make-current", "default"]);
    let secret = place.data().join("secret.key");
    fs::remove_file(&secret).unwrap();
    let found = place.run(["search", "", "--json"]);
    assert_eq!(found.code, 1, "{}", found.stderr);
    assert_eq!(found.json_lines().iter().filter(|it| it["id"].is_string()).count(), 20);
    let shown = format!("{}{}", found.text(), found.stderr);
    assert!(shown.contains("second") && shown.contains("key"), "{shown}");
    let verified = place.run(["verify"]);
    assert_eq!(verified.code, 1, "{}", verified.stderr);
    assert!(verified.text().contains("second"), "{}", verified.text());
    // A server starts, takes mail, and says what it could not open.
    let server = Server::start(&place);
    fs::write(place.path("more/9.eml"), "From: c@example.org\r\n\r\nheron\r\n").unwrap();
    place.ok(["import", "more/9.eml", "--user", "alice"]);
    assert_eq!(place.run(["search", "heron"]).code, 1);
    let said = server.stop(&place).stderr;
    let listed = place.ok(["store", "list", "--json"]).json_lines();
    let trouble =
        |name: &str| listed.iter().find(|it| it["store"] == name).unwrap()["error"].clone();
    assert!(trouble("default").is_null() && !trouble("second").is_null(), "{listed:?} {said}");
    // With the key, all is as it was.
    let found = with_key(&place, key.trim(), &["search", "", "--count", "--json"]);
    assert_eq!((found.code, &found.json()["count"]), (0, &26.into()), "{}", found.stderr);
    // When it is the current one, nothing can be archived, and the others are read.
    fs::write(&secret, &key).unwrap();
    place.ok(["store", "retry", "second"]);
    place.ok(["store", "make-current", "second"]);
    fs::remove_file(&secret).unwrap();
    let failed = place.run(["import", "more", "--user", "alice"]);
    assert_eq!(failed.code, 2, "{}", failed.stderr);
    assert!(failed.stderr.contains("posthold key join"), "{}", failed.stderr);
    assert_eq!(place.run(["search", "heron"]).code, 1);
}

#[test]
fn backups_of_encrypted_stores_are_restored_with_the_key() {
    let (place, key) = with_two();
    place.ok(["backup", "create", "backups"]);
    let mut bytes = Vec::new();
    all_bytes(&place.path("backups"), &mut bytes);
    assert!(!holds(&bytes, "zebra"), "nothing of it is in the clear, and no key is there");
    fs::remove_file(place.data().join("secret.key")).unwrap();
    let refused = place.run(["restore", "backups", "--to", "new"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("posthold key join"), "{}", refused.stderr);
    let other = place.ok(["key", "new"]).text().to_owned();
    let refused = with_key(&place, other.trim(), &["restore", "backups", "--to", "new"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("is encrypted with key"), "{}", refused.stderr);
    let restored = with_key(&place, key.trim(), &["restore", "backups", "--to", "new"]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    // Views are made anew by who writes first.
    for args in [&["import", "more", "--user", "bob"][..], &["verify"]] {
        let ran = with_key(&place, key.trim(), &[&["--data", "new"], args].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.text(), ran.stderr);
    }
    let found = ["--data", "new", "search", "zebra", "--count", "--json"];
    assert_eq!(with_key(&place, key.trim(), &found).json()["count"], 5);
}

fn all_bytes(dir: &Path, bytes: &mut Vec<u8>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all_bytes(&path, bytes) } else { bytes.extend(fs::read(&path).unwrap()) }
    }
}

#[test]
fn a_copied_store_is_checked_with_its_key_and_without_posthold() {
    let place = with_mail();
    let key = key_in(&place, &place.data().join("secret.key"));
    fs::write(place.path("unlock"), &key).unwrap();
    key_in(&place, &place.path("other"));
    place.ok(["store", "encrypt", "default", "--remove-plain"]);
    fs::write(place.path("key"), place.ok(["key", "show"]).stdout).unwrap();
    let signer = place.data().join("stores/default/keys/checkpoints.key");
    assert!(fs::read_to_string(signer).unwrap().starts_with("posthold-wrapped-key-1 "));
    let check = |args: &[&str]| {
        let mut command = Command::new(verifier());
        command.current_dir(place.path("")).args(["data", "--key", "key"]).args(args).env_clear();
        Ran::of(command.output().unwrap())
    };
    let locked = check(&[]);
    assert!(locked.code == 3 && locked.stderr.contains("--unlock"), "{}", locked.stderr);
    let other = check(&["--unlock", "other"]);
    assert!(other.code == 3 && other.stderr.contains("given is"), "{}", other.stderr);
    let whole = check(&["--unlock", "unlock"]);
    assert_eq!(whole.code, 0, "{}{}", whole.text(), whole.stderr);
    assert!(whole.text().contains("20 messages"), "{}", whole.text());
    let segment = place.data().join("stores/default/segments/000001.seg");
    let intact = fs::read(&segment).unwrap();
    for step in 0..24 {
        let at = step * (intact.len() - 1) / 23;
        let mut changed = intact.clone();
        changed[at] ^= 0x10;
        fs::write(&segment, changed).unwrap();
        assert_ne!(check(&["--unlock", "unlock"]).code, 0, "bit at {at}");
    }
    fs::write(&segment, intact).unwrap();
    // What is signed later is signed with the same key, out of its wrapping; and another key of
    // the store is the one that unlocks then.
    place.ok(["key", "rotate"]);
    place.ok(["import", "mail", "--user", "bob"]);
    assert_eq!(check(&["--unlock", "unlock"]).code, 3);
    fs::copy(place.data().join("secret.key"), place.path("unlock")).unwrap();
    let whole = check(&["--unlock", "unlock"]);
    assert_eq!(whole.code, 0, "{}{}", whole.text(), whole.stderr);
}

/// Shares on paper: any three of five give the key back, two do not.
#[test]
fn a_lost_key_comes_back_from_shares() {
    let place = with_mail();
    let secret = place.data().join("secret.key");
    let key = key_in(&place, &secret);
    place.ok(["store", "encrypt", "default", "--remove-plain"]);
    let split = place.ok(["key", "split", "--shares", "5", "--needed", "3", "--json"]).json();
    let shares: Vec<&str> =
        split["shares"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    fs::remove_file(&secret).unwrap();
    assert_eq!(place.run(["search", "xylophonist"]).code, 2);
    fs::write(place.path("two"), shares[..2].join("\n")).unwrap();
    assert_eq!(place.run(["key", "join", "two"]).code, 2);
    for some in [[0, 1, 2], [4, 2, 0], [3, 1, 4]] {
        let typed: Vec<&str> = some.iter().map(|it| shares[*it]).collect();
        fs::write(place.path("three"), typed.join("\n").to_lowercase()).unwrap();
        let joined = place.ok(["key", "join", "three"]).text().to_owned();
        assert_eq!(joined.trim(), key.trim());
        fs::write(&secret, joined).unwrap();
        assert_eq!(place.ids("xylophonist").len(), 20);
    }
}

/// A store that has been used: mail that came together, an erasure whose bytes have left, checkpoints
/// and views. Encrypted, it gives the same.
#[test]
fn a_store_with_an_erasure_is_encrypted_and_gives_the_same() {
    let place = with_mail();
    place.ok(["settings", "set", "erasure_grace_days", "0"]);
    let gone = place.ids("from:a7@example.org");
    assert_eq!(gone.len(), 1);
    place.ok(["delete", &gone[0], "--reason", "asked for"]);
    place.ok(["retention", "run"]);
    fs::write(place.path("mail/more.eml"), format!("From: b@example.org\r\n{SECRET}")).unwrap();
    fs::remove_file(place.path("mail/7.eml")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    let plan = |place: &Place| place.ok(["store", "compact", "--plan", "--json"]).json();
    assert_eq!((&plan(&place)["segments"], place.ids("").len()), (&0.into(), 20));
    let (before, ids) = (place.ok(["verify", "--json"]).json(), place.ids(""));
    place.ok(["export", "--all", "--to", "before"]);
    place.ok(["export", "--all", "--to", "proven before", "--proof"]);
    place.ok(["backup", "create", "backups"]);
    key_in(&place, &place.data().join("secret.key"));
    place.ok(["store", "encrypt", "default", "--remove-plain"]);
    let after = place.ok(["verify", "--json"]).json();
    for field in ["messages", "entries", "blobs"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    for view in ["catalog", "index"] {
        place.ok(["store", "rebuild", "default", "--view", view]);
    }
    assert_eq!(place.ids(""), ids);
    let erasures = place.ok(["store", "erasures", "--json"]).json();
    assert_eq!(erasures["id"], serde_json::json!(gone[0]), "{erasures}");
    place.ok(["export", "--all", "--to", "after"]);
    place.ok(["export", "--all", "--to", "proven after", "--proof"]);
    let exported = |dir: &str| crate::mail::exported(&place.path(dir));
    assert_eq!(exported("after"), exported("before"));
    let check = |dir: &str| {
        let mut command = Command::new(verifier());
        let ran = Ran::of(command.current_dir(place.path("")).arg(dir).output().unwrap());
        assert_eq!(ran.code, 0, "{dir}: {}{}", ran.text(), ran.stderr);
    };
    check("proven before");
    check("proven after");
    place.ok(["backup", "create", "backups"]);
    // What is erased now takes its key along, and another key of the store opens the rest.
    let keys =
        |place: &Place| fs::read_dir(place.data().join("stores/default/keys")).unwrap().count();
    let next = place.ids("from:a8@example.org");
    place.ok(["delete", &next[0], "--reason", "asked for"]);
    place.ok(["retention", "run"]);
    let n_segments = fs::read_dir(place.data().join("stores/default/segments")).unwrap();
    let n_segments =
        n_segments.flatten().filter(|it| it.path().extension().is_some_and(|it| it == "seg"));
    let n_segments = n_segments.count();
    assert_eq!(keys(&place), n_segments + 2, "and the keys of the mark and of checkpoints");
    place.ok(["key", "rotate"]);
    place.ok(["verify"]);
    assert_eq!(place.ids("").len(), 19);
    // A backup has the keys of the segments that it has.
    place.ok(["backup", "create", "backups"]);
    let key = fs::read_to_string(place.data().join("secret.key")).unwrap();
    for args in [
        &["restore", "backups", "--to", "new"][..],
        &["--data", "new", "import", "mail/more.eml", "--user", "alice"],
        &["--data", "new", "verify"],
    ] {
        let ran = with_key(&place, key.lines().next().unwrap(), args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.text(), ran.stderr);
    }
}

/// A key of a segment that is gone is damage of the copy, which no key mends; a key of the store
/// that is not given is not.
#[test]
fn a_segment_without_its_key_is_damage() {
    let place = with_mail();
    let secret = place.data().join("secret.key");
    key_in(&place, &secret);
    place.ok(["store", "encrypt", "default", "--remove-plain"]);
    fs::copy(&secret, place.path("unlock")).unwrap();
    let check = |args: &[&str]| {
        let mut command = Command::new(verifier());
        command.current_dir(place.path("")).arg("data/stores/default").args(args);
        Ran::of(command.output().unwrap())
    };
    assert_eq!(check(&["--unlock", "unlock"]).code, 0);
    let dir = place.data().join("stores/default/keys");
    let is_of_segment = |it: &std::path::PathBuf| it.file_stem().unwrap().len() == 32;
    let key = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().path()).find(is_of_segment).unwrap();
    let whole = fs::read(&key).unwrap();
    for (what, said) in [(None, "is missing"), (Some("no key"), "is not what was written there")] {
        match what {
            None => fs::remove_file(&key).unwrap(),
            Some(text) => fs::write(&key, text).unwrap(),
        }
        for args in [&["--unlock", "unlock"][..], &[]] {
            let ran = check(args);
            assert_eq!(ran.code, 1, "{}{}", ran.text(), ran.stderr);
            assert!(ran.text().contains(said), "{}", ran.text());
        }
        let verified = place.run(["verify"]);
        assert_eq!(verified.code, 1, "{}", verified.transcript(&place));
        assert!(verified.text().contains("keys/"), "{}", verified.transcript(&place));
    }
    fs::write(&key, whole).unwrap();
    assert_eq!(check(&["--unlock", "unlock"]).code, 0);
    assert_eq!(check(&[]).code, 3, "without the key of the store nothing can be said");
    place.ok(["verify"]);
}
