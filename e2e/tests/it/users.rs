//! `user ...`.

use expect_test::{Expect, expect};

use crate::posthold::Place;

fn check(place: &Place, line: &[&str], want: &Expect) {
    want.assert_eq(&place.run(line).transcript(place));
}

#[test]
fn users_are_made_and_listed() {
    let place = Place::new();
    check(
        &place,
        &["user", "add", "bob@example.org"],
        &expect![[r#"
        exit code 0
        Made the user bob@example.org.
    "#]],
    );
    check(
        &place,
        &["user", "add", "alice", "--json"],
        &expect![[r#"
        exit code 0
        {"user":"alice"}
    "#]],
    );
    check(
        &place,
        &["user", "list"],
        &expect![[r#"
            exit code 0
              alice            0 messages  since TIME 
              bob@example.org  0 messages  since TIME 
        "#]],
    );
    check(
        &place,
        &["user", "add", "alice"],
        &expect![[r#"
        exit code 2
        stderr: error: there is a user "alice" already
        stderr:   `posthold user list` shows the users.
    "#]],
    );
    check(
        &place,
        &["user", "add", " alice", "--json"],
        &expect![[r#"
        exit code 2
        {"error":{"kind":"request","message":"a user name neither begins nor ends with a space: \" alice\"","hint":null}}
    "#]],
    );
}

#[test]
fn users_are_changed_and_shown() {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    place.ok(["user", "add", "bob"]);
    place.ok(["user", "set", "bob", "--address", "Info@example.org"]);
    let line = ["user", "set", "alice", "--full-name", "Alice A.", "--address", "a@example.org"];
    let more = ["--address", "alice@example.org", "--alias", "info@example.org", "--deactivate"];
    check(&place, &[&line[..], &more].concat(), &expect![[""]]);
    check(&place, &["user", "set", "alice", "--activate", "--no-aliases"], &expect![[""]]);
    check(&place, &["user", "show", "alice", "--json"], &expect![[""]]);
    check(&place, &["user", "set", "alice", "--address", "Alice <a@h>"], &expect![[""]]);
    check(&place, &["user", "set", "carol", "--activate"], &expect![[""]]);
}
