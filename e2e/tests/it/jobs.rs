//! What is checked of jobs when they are saved.

use crate::posthold::Place;

#[test]
fn ordinary_users_own_single_mailboxes_only() {
    let place = Place::new();
    for name in ["alice", "bob"] {
        place.ok(["user", "add", name]);
    }
    place.ok(["profile", "add", "p", "--host", "mail.example.org"]);
    let add = |line: &[&str]| place.run([&["job", "add"][..], line].concat());
    let own = ["a", "--profile", "p", "--user", "alice", "--login", "a"];
    assert_eq!(add(&own).code, 0);
    let other = add(&["b", "--profile", "p", "--user", "alice", "--owner", "bob"]);
    assert_eq!(other.code, 2);
    assert!(
        other.transcript(&place).contains("may not archive into the archive of alice"),
        "{}",
        other.transcript(&place)
    );
    let many = add(&["c", "--kind", "master", "--profile", "p", "--owner", "bob"]);
    assert!(
        many.transcript(&place).contains("may not own a job of the kind master"),
        "{}",
        many.transcript(&place)
    );
    place.ok(["user", "set", "bob", "--administrator"]);
    assert_eq!(add(&["c", "--kind", "master", "--profile", "p"]).code, 0);
    // Who is no administrator any more cannot have it run either.
    place.ok(["user", "set", "bob", "--no-administrator"]);
    let run = place.run(["job", "run", "c"]);
    assert_eq!(run.code, 2);
    assert!(run.transcript(&place).contains("may not own a job"), "{}", run.transcript(&place));
}

#[test]
fn every_rule_is_checked_when_a_job_is_saved() {
    let place = Place::new();
    place.ok(["user", "add", "admin"]);
    place.ok(["user", "set", "admin", "--administrator"]);
    place.ok(["profile", "add", "p", "--host", "mail.example.org"]);
    let add = ["job", "add", "j", "--kind", "master", "--profile", "p"];
    for (option, text, want) in [
        ("--removal", "after never", "the removal rule (--removal) is wrong:\n  after never\n"),
        ("--schedule", "every day", "the schedule (--schedule) is wrong:\n  every day\n"),
        (
            "--schedule",
            "every 1 hour; zone Mars/Olympus",
            "the schedule (--schedule) is wrong:\n  every 1 hour; zone Mars/Olympus\n                     ^ the",
        ),
        ("--form", "whatever", "the form of the login (--form) is wrong:\n  whatever\n"),
        ("--identity", "everybody", "the identity (--identity) is wrong:\n  everybody\n"),
        ("--users", "some", "the choice of users (--users) is wrong:\n  some\n"),
        ("--filter", "such a thing", "the filter is wrong:\n"),
        ("--preset", "nonesuch", "there is no preset \"nonesuch\""),
        ("--file", "x", "--file does not go with a job of the kind master"),
    ] {
        let ran = place.run(add.iter().chain(&[option, text]));
        assert_eq!(ran.code, 2, "{option}");
        let told = ran.transcript(&place);
        assert!(want.lines().all(|it| told.contains(it)), "{option}: {told}");
    }
    assert_eq!(place.run(add).code, 0);
}

#[test]
fn a_profile_follows_a_preset() {
    let place = Place::new();
    let add = |line: &[&str]| place.run([&["profile", "add"][..], line, &["--json"]].concat());
    let gmail = add(&["g", "--preset", "google"]).json();
    let incoming = &gmail["incoming"];
    assert_eq!((&incoming["host"], &incoming["port"]), (&"imap.gmail.com".into(), &993.into()));
    assert_eq!(incoming["security"], "tls", "{gmail}");
    let no_pop = add(&["p", "--preset", "gmail", "--protocol", "pop3"]);
    assert!(no_pop.transcript(&place).contains("is not reached that way"));
    let unnamed = add(&["k", "--preset", "kerio"]);
    assert!(unnamed.transcript(&place).contains("often like mail.^0"));
    assert_eq!(add(&["k", "--preset", "kerio", "--host", "mail.example.org"]).code, 0);
    let shown = place.ok(["preset", "show", "kerio"]);
    assert!(
        shown.text().contains("(removal) Kerio Connect moves what is removed"),
        "{}",
        shown.text()
    );
}
