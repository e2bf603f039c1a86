//! `import`, and that everything comes back byte for byte.

use std::collections::BTreeSet;
use std::fs;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::mail::{by_id, exported, id, samples, write_mbox, write_samples};
use crate::posthold::Place;

fn check(place: &Place, line: &[&str], want: &Expect) {
    want.assert_eq(&place.run(line).transcript(place));
}

/// Exports everything, and verifies.
fn all(place: &Place) -> std::collections::BTreeMap<String, Vec<u8>> {
    let out = place.path("all");
    let _ = fs::remove_dir_all(&out);
    place.ok(["export", "--all", "--to", "all"]);
    place.ok(["verify"]);
    exported(&out)
}

fn sum(run: &Value) -> u64 {
    ["archived", "already", "quarantined"].iter().map(|it| run[it].as_u64().unwrap()).sum()
}

#[test]
fn a_tree_of_eml_files() {
    let place = Place::new();
    write_samples(&place.path("mail"));
    write_samples(&place.path("mail/Projects/2024"));
    check(
        &place,
        &["import", "mail", "--user", "alice"],
        &expect![[r#"
        exit code 0
        All done: 12 read, 12 archived, 0 there already.

          mailbox        there  archived  already  excluded  quarantined
          INBOX              6         6        0         0            0
          Projects/2024      6         6        0         0            0
    "#]],
    );
    check(
        &place,
        &["import", "mail", "--user", "alice"],
        &expect![[r#"
        exit code 0
        All done: 12 read, 0 archived, 12 there already.

          mailbox        there  archived  already  excluded  quarantined
          INBOX              6         0        6         0            0
          Projects/2024      6         0        6         0            0
    "#]],
    );
    let wanted = samples();
    assert_eq!(all(&place), by_id(wanted.iter().map(|(_, it)| it.as_slice())));
}

#[test]
fn root_and_folder_say_where_it_goes() {
    let place = Place::new();
    write_samples(&place.path("mail/sub"));
    let line = ["import", "mail", "--user", "alice", "--root", "old", "--folder", "A/B", "--json"];
    let run = place.ok(line).json();
    assert_eq!(run["outcome"], "succeeded");
    let hits = place.ok(["search", "subject:quarterly", "--json"]).json_lines();
    assert_eq!(hits[0]["folders"], json!(["old/A/B/sub"]));
    assert_eq!(hits[0]["user"], "alice");
}

#[test]
fn an_mbox_file() {
    let place = Place::new();
    let wanted = samples();
    let messages: Vec<&[u8]> = wanted.iter().take(2).map(|(_, it)| it.as_slice()).collect();
    write_mbox(&place.path("Old mail"), &messages);
    let run = place.ok(["import", "Old mail", "--user", "alice", "--json"]).json();
    assert_eq!((&run["read"], &run["archived"]), (&json!(2), &json!(2)));
    assert_eq!(all(&place), by_id(messages));
}

#[test]
fn a_maildir_keeps_its_flags() {
    let place = Place::new();
    for dir in ["cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"] {
        fs::create_dir_all(place.path("Maildir").join(dir)).unwrap();
    }
    let wanted = samples();
    let [report, lunch, quoting, ..] = wanted.as_slice() else { panic!("three samples") };
    fs::write(place.path("Maildir/cur/1709285400.1.host:2,FS"), &report.1).unwrap();
    fs::write(place.path("Maildir/new/1709285401.2.host"), &lunch.1).unwrap();
    fs::write(place.path("Maildir/.Sent/cur/1709285402.3.host:2,RS"), &quoting.1).unwrap();
    fs::write(place.path("Maildir/tmp/1709285403.4.host"), b"half of a mess").unwrap();
    let run = place.ok(["import", "Maildir", "--user", "alice", "--json"]).json();
    assert_eq!((&run["read"], &run["archived"]), (&json!(3), &json!(3)));
    assert_eq!(place.ids("is:flagged"), [id(&report.1)]);
    assert_eq!(place.ids("is:answered"), [id(&quoting.1)]);
    let seen: BTreeSet<String> = place.ids("is:seen").into_iter().collect();
    assert_eq!(seen, BTreeSet::from([id(&report.1), id(&quoting.1)]));
    assert_eq!(all(&place).len(), 3);
}

#[test]
fn what_cannot_be_read_is_quarantined_and_counted() {
    let place = Place::new();
    write_samples(&place.path("mail"));
    // A link to nowhere cannot be read even by root.
    std::os::unix::fs::symlink("nowhere", place.path("mail/broken.eml")).unwrap();
    let ran = place.run(["import", "mail", "--user", "alice", "--json"]);
    let run = ran.json();
    assert_eq!((ran.code, &run["outcome"]), (1, &json!("partial")), "{run}");
    assert_eq!(run["quarantined"], 1);
    assert_eq!(run["read"].as_u64().unwrap(), sum(&run));
}

#[test]
fn wrong_paths() {
    let place = Place::new();
    check(
        &place,
        &["import", "nowhere", "--user", "alice"],
        &expect![[r#"
        exit code 2
        stderr: error: there is nothing at nowhere
        stderr:   Name files or directories that are there.
    "#]],
    );
    check(
        &place,
        &["import", "nowhere", "--user", "alice", "--json"],
        &expect![[r#"
        exit code 2
        {"error":{"kind":"request","message":"there is nothing at nowhere","hint":"Name files or directories that are there."}}
    "#]],
    );
    fs::create_dir(place.path("void")).unwrap();
    check(
        &place,
        &["import", "void", "--user", "alice"],
        &expect![[r#"
        exit code 0
        All done: 0 read, 0 archived, 0 there already.

        warning: no message was found.
    "#]],
    );
}

/// Base64 in lines of this length.
fn base64(bytes: &[u8], line_len: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| char::from(DIGITS[usize::try_from(n & 63).unwrap()]);
    let chars: Vec<char> = bytes
        .chunks_exact(3)
        .map(|it| u32::from_be_bytes([0, it[0], it[1], it[2]]))
        .flat_map(|it| [18, 12, 6, 0].map(|shift| digit(it >> shift)))
        .collect();
    let lines: Vec<String> = chars.chunks(line_len).map(|it| it.iter().collect()).collect();
    lines.join("\r\n")
}

#[test]
fn the_same_attachment_in_other_encodings_and_under_other_names_is_stored_once() {
    let place = Place::new();
    // A multiple of three bytes, which base64 needs here.
    let text: String = (0..300).map(|n| format!("{n:05},value of {n:09}\n")).collect();
    let forms = [
        ("base64", base64(text.as_bytes(), 76), "a.csv"),
        ("base64", base64(text.as_bytes(), 60), "b.csv"),
        ("quoted-printable", text.replace('\n', "\r\n"), "c.csv"),
        ("7bit", text.replace('\n', "\r\n"), "d.csv"),
    ];
    fs::create_dir(place.path("mail")).unwrap();
    let mut mails = BTreeSet::new();
    for (encoding, body, name) in &forms {
        let mail = format!(
            "Subject: {name}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
             \r\n--b\r\n\r\nsee there\r\n--b\r\nContent-Type: text/csv; name={name}\r\n\
             Content-Disposition: attachment\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n\
             {body}\r\n--b--\r\n"
        );
        fs::write(place.path(&format!("mail/{name}.eml")), &mail).unwrap();
        mails.insert(mail.into_bytes());
    }
    place.ok(["import", "mail", "--user", "alice"]);
    let verdict = place.ok(["verify", "--json"]).json();
    assert_eq!((&verdict["messages"], &verdict["blobs"]), (&4.into(), &5.into()), "{verdict}");
    let back: BTreeSet<Vec<u8>> = all(&place).into_values().collect();
    assert!(back == mails, "each comes back as it was encoded");
}
