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
              alice            0 messages  since TIME   cannot log in yet
              bob@example.org  0 messages  since TIME   cannot log in yet
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

/// Once 0 was shown whatever an archive held.
#[test]
fn the_list_says_what_archives_hold() {
    let place = Place::new();
    crate::mail::write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["user", "add", "bob"]);
    let samples = crate::mail::samples().len();
    let listed = place.ok(["user", "list", "--json"]).json_lines();
    let messages = |name: &str| {
        let user = listed.iter().find(|it| it["user"] == name).unwrap();
        user["messages"].as_u64().unwrap()
    };
    assert_eq!((messages("alice"), messages("bob")), (samples as u64, 0));
}

#[test]
fn users_are_changed_and_shown() {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    place.ok(["user", "add", "bob"]);
    place.ok(["user", "set", "bob", "--address", "Info@example.org"]);
    let line = ["user", "set", "alice", "--full-name", "Alice A.", "--address", "a@example.org"];
    let more = ["--address", "alice@example.org", "--alias", "info@example.org", "--deactivate"];
    check(
        &place,
        &[&line[..], &more].concat(),
        &expect![[r#"
            exit code 0
            User alice, deactivated.
              Logs in:      not until a password or a directory login is set
              Full name:    Alice A.
              Addresses:    a@example.org, alice@example.org
              Aliases:      info@example.org
              Since:        TIME 
            warning: info@example.org is an address of the user bob too.
        "#]],
    );
    check(
        &place,
        &["user", "set", "alice", "--activate", "--no-aliases"],
        &expect![[r#"
            exit code 0
            User alice, active.
              Logs in:      not until a password or a directory login is set
              Full name:    Alice A.
              Addresses:    a@example.org, alice@example.org
              Since:        TIME 
        "#]],
    );
    check(
        &place,
        &["user", "show", "alice", "--json"],
        &expect![[r#"
            exit code 0
            {"user":"alice","full_name":"Alice A.","active":true,"administrator":false,"login_by":"nothing","addresses":["a@example.org","alice@example.org"],"aliases":[],"created":"TIME","jobs":[],"warnings":[]}
        "#]],
    );
    check(
        &place,
        &["user", "set", "alice", "--address", "Alice <a@h>"],
        &expect![[r#"
        exit code 2
        stderr: error: "Alice <a@h>" is no mail address
        stderr:   Write local@domain, without a name.
    "#]],
    );
    check(
        &place,
        &["user", "set", "carol", "--activate"],
        &expect![[r#"
            exit code 2
            stderr: error: there is no user "carol"
            stderr:   `posthold user list` shows the users, `posthold user add` makes one.
        "#]],
    );
}
