//! `store encrypt`, reading and rotating with its key, `doctor`.

use std::fs;
use std::path::Path;

use crate::posthold::{Place, Ran};
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

#[test]
fn a_doctor_says_what_is_wrong() {
    let place = with_mail();
    let result = |checks: &serde_json::Value, name: &str| {
        let checks = checks["checks"].as_array().unwrap();
        let check = checks.iter().find(|it| it["name"] == name);
        check.map(|it| it["result"].as_str().unwrap().to_owned())
    };
    let well = place.ok(["doctor", "--json"]).json();
    for name in ["data_directory", "lock", "state", "key", "store", "views", "clock", "encryption"]
    {
        assert_eq!(result(&well, name).as_deref(), Some("good"), "{name}: {well}");
    }
    key_in(&place, &place.data().join("secret.key"));
    place.ok(["store", "encrypt", "default"]);
    let found = place.run(["doctor", "--json"]).json();
    assert_eq!(result(&found, "plain_log").as_deref(), Some("warning"), "{found}");
    assert_eq!(result(&found, "key").as_deref(), Some("warning"), "{found}");
    assert_ne!(result(&found, "encryption"), None);
    fs::remove_file(place.data().join("secret.key")).unwrap();
    let found = place.run(["doctor", "--json"]);
    assert_eq!(found.code, 1, "{}", found.text());
    assert_eq!(result(&found.json(), "key").as_deref(), Some("bad"));
    assert_eq!(result(&found.json(), "store").as_deref(), Some("bad"));
    let none = Place::new();
    assert_eq!(none.run(["doctor"]).code, 1, "there is no data directory");
}
