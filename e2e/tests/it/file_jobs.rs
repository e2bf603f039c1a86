//! Jobs that import directory trees, again and again.

use std::fs;

use crate::mail::{samples, write_samples};
use crate::posthold::Place;

#[test]
fn each_directory_is_a_users_and_a_second_run_adds_nothing() {
    let place = Place::new();
    for name in ["admin", "alice", "bob"] {
        place.ok(["user", "add", name]);
    }
    place.ok(["user", "set", "admin", "--administrator"]);
    place.ok(["user", "set", "bob", "--address", "bob@example.org"]);
    let tree = place.path("mail");
    write_samples(&tree.join("alice/Old"));
    write_samples(&tree.join("BOB@example.org"));
    let line = ["job", "add", "f", "--kind", "files", "--by-first-level", "--path", "mail"];
    place.ok(line);
    let n = samples().len() as u64;
    let first = place.ok(["job", "run", "f", "--json"]).json();
    assert_eq!(first["outcome"], "succeeded", "{first}");
    let steps = first["steps"].as_array().unwrap();
    let of = |user: &str| steps.iter().find(|it| it["user"] == user).unwrap()["result"].clone();
    assert_eq!((&of("alice")["archived"], &of("bob")["archived"]), (&n.into(), &n.into()));
    let entries = || place.ok(["verify", "--json"]).json()["entries"].clone();
    let before = entries();
    let second = place.ok(["job", "run", "f", "--json"]).json();
    assert_eq!(second["outcome"], "succeeded", "{second}");
    for step in second["steps"].as_array().unwrap() {
        let of = |key: &str| step["result"][key].clone();
        assert_eq!((of("archived"), of("already")), (0.into(), n.into()), "{step}");
    }
    assert_eq!(entries(), before, "a run without news appends nothing");
    // What nobody has is not passed over in silence.
    write_samples(&tree.join("nobody"));
    fs::write(tree.join("loose.eml"), b"Subject: x\r\n\r\n").unwrap();
    let third = place.run(["job", "run", "f", "--json"]);
    assert_eq!(third.code, 1, "{}", third.transcript(&place));
    let warnings = third.json()["warnings"].to_string();
    assert!(warnings.contains("no user is called like it"), "{warnings}");
    assert!(warnings.contains("in no user's directory"), "{warnings}");
}

#[test]
fn a_tree_may_belong_to_one_user() {
    let place = Place::new();
    for name in ["admin", "alice"] {
        place.ok(["user", "add", name]);
    }
    place.ok(["user", "set", "admin", "--administrator"]);
    write_samples(&place.path("mail/Old"));
    place.ok(["job", "add", "f", "--kind", "files", "--user", "alice", "--path", "mail"]);
    place.ok(["job", "run", "f"]);
    assert_eq!(place.ids("folder:Old").len(), samples().len());
    place.ok(["job", "disable", "f"]);
    assert_eq!(place.run(["job", "run", "f"]).code, 2);
}
