//! What is erased is in no file of the data directory, and its proof stays.

use std::fs;
use std::path::{Path, PathBuf};

use crate::json::check;
use crate::mail::id;
use crate::posthold::Place;

/// A word that nothing has but the message that goes: random, so that it stands as it is where
/// bytes are stored that cannot be made smaller.
const SECRET: &str = "Zqxvwkjhgf";

fn message(n: u32, subject: &str, address: &str, body: &str) -> Vec<u8> {
    format!(
        "From: {address}\r\nTo: bob@example.org\r\nSubject: {subject}\r\n\
         Message-ID: <{n}@example.org>\r\nDate: Sat, 21 Nov 2026 18:01:40 +0000\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

/// The files below `dir` that have a word, as it stands or in a block of zstd.
pub(crate) fn files_with(dir: &Path, word: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, word));
        } else if fs::read(&path).unwrap().windows(word.len()).any(|it| it == word.as_bytes()) {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_is_erased_is_in_no_file_and_its_proof_stays() {
    erased(&|_| ());
}

#[test]
fn what_is_erased_from_an_encrypted_store_is_in_no_file() {
    erased(&|place| {
        let key = place.ok(["key", "new"]).stdout;
        fs::write(place.data().join("secret.key"), key).unwrap();
        place.ok(["store", "encrypt", "default", "--remove-plain"]);
    });
}

/// Erases a message of a store to which `prepared` was done.
fn erased(prepared: &dyn Fn(&Place)) {
    let place = Place::new();
    fs::create_dir(place.path("mail")).unwrap();
    let secret = message(1, SECRET, "zqx@vwkjhgf.example", SECRET);
    let kept = message(2, "Quokka", "carol@example.org", "a quokka");
    fs::write(place.path("mail/1.eml"), &secret).unwrap();
    fs::write(place.path("mail/2.eml"), &kept).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    prepared(&place);
    assert!(!files_with(&place.data().join("stores"), SECRET).is_empty());
    place.ok(["settings", "set", "erasure_grace_days", "0"]);
    let gone = id(&secret);
    place.ok(["delete", &gone, "--reason", "asked for by letter"]);
    check("store-erasures", &place.ok(["store", "erasures", "--json"]).json());
    let run = place.ok(["retention", "run", "--json"]).json();
    assert_eq!(run["erased"], 1, "{run}");
    let done = &run["compacted"][0];
    assert_eq!((&done["segments"], &done["details"]), (&1.into(), &1.into()), "{run}");
    assert_eq!((&done["store"], &done["views"]), (&"default".into(), &true.into()), "{run}");
    let plan = place.ok(["store", "compact", "--plan", "--json"]).json();
    assert_eq!((&plan["segments"], &plan["views"]), (&0.into(), &false.into()), "{plan}");
    assert_eq!(files_with(&place.data(), SECRET), Vec::<PathBuf>::new());
    assert_eq!(files_with(&place.data(), "vwkjhgf.example"), Vec::<PathBuf>::new());
    place.ok(["verify"]);
    assert_eq!(place.ok(["search", "quokka", "--count", "--json"]).json()["count"], 1);
    assert_ne!(place.run(["show", &gone]).code, 0);
    let proof = place.ok(["store", "erasures", "--json"]).json();
    assert_eq!(
        (&proof["id"], &proof["why"]),
        (&gone.clone().into(), &"asked for by letter".into())
    );
    assert!(proof["erased"].is_string());
    // The same message comes again: it is another one.
    place.ok(["import", "mail", "--user", "alice"]);
    assert_eq!(place.ok(["show", &gone, "--raw"]).stdout, secret);
    place.ok(["store", "rebuild-catalog"]);
    place.ok(["verify"]);
}
