use commands::FailureKind;
use expect_test::{Expect, expect};

use super::*;
use crate::render::sample;

fn check(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>, want: &Expect) {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    want.assert_eq(&String::from_utf8(out).unwrap());
}

#[test]
fn fields_are_in_their_order() {
    check(
        |out| answer(&Answer::Archive(sample::partial_run()), out),
        &expect![[r#"
            {"outcome":"partial","cancelled":false,"archived":1002,"already":200,"excluded":31,"excluded_by":{"default_folders":31,"folder_list":0,"filter":0,"unknown_address":0},"quarantined":1,"index_complete":true,"warnings":["the certificate is not checked"],"insecure":[],"mailboxes":[{"mailbox":"INBOX","server_count":1200,"archived":1000,"already":200,"excluded":0,"excluded_reason":null,"quarantined":0,"complete":true,"failure":null},{"mailbox":"Se\u001bnt","server_count":3,"archived":2,"already":0,"excluded":0,"excluded_reason":null,"quarantined":1,"complete":false,"failure":null},{"mailbox":"Trash","server_count":31,"archived":0,"already":0,"excluded":31,"excluded_reason":"left out by default: \\Trash","quarantined":0,"complete":true,"failure":null}]}
        "#]],
    );
    check(
        |out| hits(&sample::hits(), out),
        &expect![[r#"
        {"id":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","date":"2026-11-21T18:01:40Z","from":"Bob Example <bob@example.org>, x@example.org","to":"alice@example.org","subject":"Quarterly report","user":"alice","folders":["alice@example.org/INBOX"],"score":1.5}
        {"id":"d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35","date":"2026-11-21T18:01:40Z","from":"","to":"alice@example.org","subject":"","user":"alice","folders":["alice@example.org/INBOX"],"score":1.5}
        {"id":"4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce","date":"2026-11-21T18:01:40Z","from":"someone.with.a.long.address@example.org","to":"alice@example.org","subject":"漢字 \u001b[31m and much more text","user":"alice","folders":["alice@example.org/INBOX"],"score":1.5}
    "#]],
    );
    check(
        |out| answer(&Answer::Show(Box::new(sample::shown())), out),
        &expect![[r#"
        {"id":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","size":20480,"date":"2026-11-21T18:01:40Z","from":[{"name":"Bob","address":"bob@example.org"}],"to":[{"name":"","address":"alice@example.org"},{"name":"","address":"carol@example.org"}],"cc":[],"bcc":[],"subject":"Quarterly\nreport","message_id":"1@example.org","folders":[{"user":"alice","folder":"alice@example.org/INBOX"}],"text":"Dear Alice,\r\n\u001b]0;title\u0007here it is.\r\n","parts":[{"name":"report.pdf","media_type":"application/pdf","size":15000},{"name":"","media_type":"image/png","size":70}],"defects":["missing_date"],"stores":{"read":0,"of":0,"unread":[]}}
    "#]],
    );
}

#[test]
fn failures() {
    let it = Failure::new(FailureKind::NotFound, "no message begins with ab");
    check(
        |out| failure(&it, out),
        &expect![[r#"
        {"error":{"kind":"not_found","message":"no message begins with ab","hint":null}}
    "#]],
    );
    let it = it.with_hint("Ask for another one.");
    check(
        |out| failure(&it, out),
        &expect![[r#"
        {"error":{"kind":"not_found","message":"no message begins with ab","hint":"Ask for another one."}}
    "#]],
    );
}
