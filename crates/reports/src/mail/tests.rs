use expect_test::{Expect, expect};

use super::*;

fn sender() -> Address {
    Address { name: "Posthold".into(), addr: "archive@example.org".into() }
}

fn letter<'a>(from: &'a Address, to: &'a [String], subject: &'a str, text: &'a str) -> Letter<'a> {
    let date = Timestamp(1_795_284_100);
    Letter { from, to, subject, date, id: "f00d", text, html: None }
}

fn check(letter: &Letter<'_>, want: &Expect) {
    let bytes = write(letter);
    for line in bytes.split(|it| *it == b'\n') {
        assert!(line.len() < 100, "{}", line.escape_ascii());
        assert!(line.is_ascii());
    }
    want.assert_eq(&String::from_utf8(bytes).unwrap().replace('\r', ""));
}

#[test]
fn text_and_page() {
    let (from, to) = (sender(), ["a@example.org".to_owned(), "b@example.org".to_owned()]);
    let mut it = letter(&from, &to, "Run 12 failed", "It failed = it is not done.\nGrüße \n");
    it.html = Some("<p>It failed.</p>\n");
    check(
        &it,
        &expect![[r#"
            Date: Sat, 21 Nov 2026 18:01:40 +0000
            From: Posthold <archive@example.org>
            To: a@example.org,
             b@example.org
            Subject: Run 12 failed
            Message-ID: <f00d@example.org>
            Auto-Submitted: auto-generated
            X-Auto-Response-Suppress: All
            MIME-Version: 1.0
            Content-Type: multipart/alternative;
             boundary="=_f00d"

            --=_f00d
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            It failed =3D it is not done.
            Gr=C3=BC=C3=9Fe=20
            --=_f00d
            Content-Type: text/html; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            <p>It failed.</p>
            --=_f00d--
        "#]],
    );
}

#[test]
fn foreign_words_are_encoded() {
    let from =
        Address { name: "Archiv „Müller“, Köln".into(), addr: "archive@example.org".into() };
    let to = ["a@example.org".to_owned()];
    let subject = "Auftrag büro: 3 von 5 Postfächern sind unvollständig, seit gestern 漢字漢字漢字";
    check(
        &letter(&from, &to, subject, "日本語の本文。\n"),
        &expect![[r#"
            Date: Sat, 21 Nov 2026 18:01:40 +0000
            From: =?UTF-8?B?QXJjaGl2IOKAnk3DvGxsZXLigJwsIEvDtmxu?=
             <archive@example.org>
            To: a@example.org
            Subject: =?UTF-8?B?QXVmdHJhZyBiw7xybzogMyB2b24gNSBQb3N0ZsOkY2hlcm4gc2luZCB1?=
             =?UTF-8?B?bnZvbGxzdMOkbmRpZywgc2VpdCBnZXN0ZXJuIOa8ouWtl+a8ouWtl+a8og==?=
             =?UTF-8?B?5a2X?=
            Message-ID: <f00d@example.org>
            Auto-Submitted: auto-generated
            X-Auto-Response-Suppress: All
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: base64

            5pel5pys6Kqe44Gu5pys5paH44CCDQo=
        "#]],
    );
}

#[test]
fn nobody_puts_headers_into_our_messages() {
    let to = ["a@example.org".to_owned()];
    let hostile = "x\r\nBcc: all@example.org\r\n\r\n<script>";
    let from = Address { name: hostile.into(), addr: "archive@example.org".into() };
    let bytes = write(&letter(&from, &to, hostile, "x"));
    let text = String::from_utf8(bytes).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> = head
        .split("\r\n")
        .filter(|it| !it.starts_with(' '))
        .filter_map(|it| it.split(':').next())
        .collect();
    let want = [
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    assert_eq!(names, want);
}

#[test]
fn what_is_written_is_what_is_read() {
    let long = "x".repeat(500);
    let bodies =
        ["", "\n", "a\n\n.\n..b\nFrom here\n", "trailing \t\nend ", "=3D =\n=", &long, "Ü\n"];
    let subjects =
        ["plain", "=?UTF-8?B?eA==?=", "  spaces  in it ", "\"quoted\", <angles> (c)", "Ünï 漢字"];
    let names = ["", "Alice", "Alice \"A.\" O'Neil", "A, B", "=?x?=", "Ünal Öz"];
    for name in names {
        for subject in subjects {
            for body in bodies {
                let from = Address { name: name.into(), addr: "a@example.org".into() };
                let to = ["b@example.org".to_owned()];
                let it = letter(&from, &to, subject, body);
                let (read, defects) = message::parse(&write(&it));
                assert_eq!(read.subject, subject.trim());
                assert_eq!(read.from, std::slice::from_ref(&from), "{name:?}");
                assert_eq!(read.message_id_header, "f00d@example.org");
                assert!(defects.is_empty(), "{defects:?}");
                let read = read.text.replace('\r', "");
                assert_eq!(read.trim_end_matches('\n'), body.trim_end_matches('\n'));
            }
        }
    }
}

#[test]
fn addresses_are_checked() {
    for good in ["a@b", "a.b+c@mail.example.org", "o'neil@example.org"] {
        assert!(check_address(good).is_ok(), "{good}");
    }
    for bad in
        ["", "a", "@b", "a@", "a b@c", "a@b\r\nRCPT TO:<x@y>", "<a@b>", "a@b,c@d", "ü@b", "a..b@c"]
    {
        assert!(check_address(bad).is_err(), "{bad:?}");
    }
}
