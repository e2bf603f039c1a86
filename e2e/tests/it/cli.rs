//! What the command line refuses, and how it says so.

use expect_test::{Expect, expect};

use crate::posthold::Place;

fn check(line: &[&str], want: &Expect) {
    let place = Place::new();
    let ran = place.run(line);
    want.assert_eq(&ran.transcript(&place));
    assert!(!place.data().exists(), "a wrong request leaves nothing behind");
}

#[test]
fn requests_that_cannot_be() {
    check(
        &["--frobnicate"],
        &expect![[r#"
            exit code 2
            stderr: error: unexpected argument '--frobnicate' found
            stderr:
            stderr: Usage: posthold [OPTIONS] <COMMAND>
            stderr:
            stderr: For more information, try '--help'.
        "#]],
    );
    check(
        &["sarch", "x", "--json"],
        &expect![[r#"
            exit code 2
            {"error":{"kind":"request","message":"unrecognized subcommand 'sarch'","hint":"tip: some similar subcommands exist: 'anchor', 'archive', 'search' Usage: posthold [OPTIONS] <COMMAND> For more information, try '--help'."}}
        "#]],
    );
    check(
        &["export", "--all", "--json"],
        &expect![[r#"
            exit code 2
            {"error":{"kind":"request","message":"the following required arguments were not provided: --to <DIR>","hint":"Usage: posthold export --to <DIR> --json <--query <QUERY>|--folder <FOLDER>|--all> For more information, try '--help'."}}
        "#]],
    );
    check(
        &["archive", "imap://alice:secret@127.0.0.1/", "--user", "alice"],
        &expect![[r#"
            exit code 2
            stderr: error: the URL holds a password
            stderr:   Take it out, and give it with --password-file or in POSTHOLD_PASSWORD. (A colon that belongs to the login is written %3A.)
        "#]],
    );
    check(
        &["archive", "imaps://alice@127.0.0.1/", "--user", "alice"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no password, and no terminal to ask for one
        stderr:   Give it with --password-file FILE or in the environment variable POSTHOLD_PASSWORD.
    "#]],
    );
    check(
        &["import", "mail", "--user", "a/b"],
        &expect![[r#"
        exit code 2
        stderr: error: a user name has no control characters and no slash: "a/b"
    "#]],
    );
}

#[test]
fn nothing_was_archived_yet() {
    check(
        &["user", "list"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no archive in DIR/data
        stderr:   Name the data directory with --data or POSTHOLD_DATA, or archive something first.
    "#]],
    );
    check(
        &["user", "list", "--json"],
        &expect![[r#"
        exit code 2
        {"error":{"kind":"request","message":"there is no archive in DIR/data","hint":"Name the data directory with --data or POSTHOLD_DATA, or archive something first."}}
    "#]],
    );
}

#[test]
fn a_data_directory_that_cannot_be() {
    let place = Place::new();
    std::fs::write(place.path("file"), "x").unwrap();
    let ran = place.run(["user", "add", "alice", "--data", "file/data"]);
    expect![[r#"
        exit code 3
        stderr: error: nothing was done, because the audit log cannot say so: failed to make the directory of the audit log: failed to create file/data/audit/segments: Not a directory (os error 20)
        stderr:   Name another directory with --data or POSTHOLD_DATA, or make this one writable.
    "#]].assert_eq(&ran.transcript(&place));
}

#[test]
fn answers_that_cannot_be_written_are_failures_and_closed_pipes_are_not() {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = place.command(["user", "list"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(3));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = place.command(["user", "list"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}
