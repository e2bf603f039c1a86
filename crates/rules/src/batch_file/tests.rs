use expect_test::{Expect, expect};

use super::*;

fn show(bytes: &[u8], code_page: Option<&str>) -> String {
    let file = match BatchFile::read(bytes, code_page) {
        Ok(file) => file,
        Err(error) => return format!("{error}. {}\n", error.hint()),
    };
    let mut text = String::new();
    for it in &file.rows {
        let (password, root) = (it.password.declassify(), it.root());
        text.push_str(&format!("{}: {} [{password}] {root} -> {}\n", it.line, it.login, it.user));
    }
    for error in &file.errors {
        text.push_str(&format!("{error}. {}\n", error.hint()));
    }
    text
}

fn check(text: &str, want: &Expect) {
    want.assert_eq(&show(text.as_bytes(), None));
    let unix: String = text.replace("\r\n", "\n");
    assert_eq!(show(text.as_bytes(), None), show(unix.as_bytes(), None));
}

#[test]
fn all_four_columns() {
    check(
        "IMAP user name;IMAP password;Email;User\r\nbob;secret;bob@example.org;robert\r\n\
         alice;two words ;;\r\ncarol; x;carol@example.org\r\ndora;y\r\n\r\n;;;\r\n",
        &expect![[r#"
            2: bob [secret] bob@example.org -> robert
            3: alice [two words ] alice -> alice
            4: carol [ x] carol@example.org -> carol
            5: dora [y] dora -> dora
        "#]],
    );
}

#[test]
fn every_separator() {
    for separator in [";", ",", "|", "\t"] {
        let text = "login;password;address;user\nbob;secret;bob@example.org;robert\n";
        let got = show(text.replace(';', separator).as_bytes(), None);
        assert_eq!(got, "2: bob [secret] bob@example.org -> robert\n", "{separator:?}");
    }
    check(
        "sep=,\r\nlogin, or account;password\nbob,x\n",
        &expect![[r#"
        3: bob [x] bob -> bob
    "#]],
    );
    check(
        "\"a;b;c\",password\nbob,x;y\n",
        &expect![[r#"
        2: bob [x;y] bob -> bob
    "#]],
    );
}

#[test]
fn quotes() {
    check(
        "login;password\n\"bob\";\"a;b\"\n'carol';'it''s'\ndora;\"say \"\"hi\"\"\"\n\
         eve;a\"b'c\nfrank;\"it's\" \ngina;\" x \"\nhank;''''\n",
        &expect![[r#"
            2: bob [a;b] bob -> bob
            3: carol [it's] carol -> carol
            4: dora [say "hi"] dora -> dora
            5: eve [a"b'c] eve -> eve
            6: frank [it's] frank -> frank
            7: gina [ x ] gina -> gina
            8: hank ['] hank -> hank
        "#]],
    );
    check(
        "login;password\nbob;\"x\ncarol;'y'z\ndora;\"\"\nödon;\"a\"\"\n",
        &expect![[r#"
        line 2, column 5: the value begins with a quote and does not end with one. Is a separator in a value? Then put the value in quotes.
        line 3, column 10: something follows a quote that ended the value. Write a quote that belongs to the value twice.
        line 4, column 6: the password is missing. Fill in the column, or leave the row out.
        line 5, column 6: the value begins with a quote and does not end with one. Is a separator in a value? Then put the value in quotes.
    "#]],
    );
}

#[test]
fn rows_that_are_wrong_are_named() {
    check(
        "login;password;address;user\nbob\nalice;\n;x\ncarol;x;carol\ndora;x;d@x;a/b\ne/f;x\n\
         eve;p;q;e@x;eve\nfrank;x;;;;\ngina;x\u{1}\nhank;y\n",
        &expect![[r#"
            9: frank [x] frank -> frank
            11: hank [y] hank -> hank
            line 2, column 4: the password is missing. Fill in the column, or leave the row out.
            line 3, column 7: the password is missing. Fill in the column, or leave the row out.
            line 4, column 1: the login is missing. Fill in the column.
            line 5, column 9: this is not an address. Write one address, such as bob@example.org, or nothing.
            line 6, column 12: this cannot be the name of a user. Name the user in the fourth column: up to 255 bytes without a slash.
            line 7, column 1: this cannot be the name of a user. Name the user in the fourth column: up to 255 bytes without a slash.
            line 8, column 13: the row has more than four columns. Is a separator in a value? Then put the value in quotes.
            line 10, column 6: the value has a control character in it. Is the code page right?
        "#]],
    );
    let long = format!("login;password\nbob;{}\n", "x".repeat(BATCH_VALUE_BYTES_MAX + 1));
    check(
        &long,
        &expect![[r#"
        line 2, column 5: the value is longer than 1024 bytes. Is a separator in a value? Then put the value in quotes.
    "#]],
    );
}

#[test]
fn repeated_mailboxes() {
    check(
        "login;password;address;user\nbob;x;bob@x;bob\nbob;y;other@x;bob\nbob;x;bob@x;alice\n\
         bobby;x;BOB@x;bob\ncarol;x;;bob\ncarol;x\n",
        &expect![[r#"
            2: bob [x] bob@x -> bob
            4: bob [x] bob@x -> alice
            6: carol [x] carol -> bob
            7: carol [x] carol -> carol
            line 3, column 1: line 2 has this login for this user already. Leave one of the rows out.
            line 5, column 9: line 2 has another mailbox for the same folders. Give each mailbox of a user its own address, or none.
        "#]],
    );
}

#[test]
fn a_heading_is_required() {
    check(
        "",
        &expect![[r#"
        line 1, column 1: the file is empty. Begin the file with a heading: login;password;address;user.
    "#]],
    );
    check(
        "\r\n \r\n",
        &expect![[r#"
        line 1, column 1: the file is empty. Begin the file with a heading: login;password;address;user.
    "#]],
    );
    check(
        "login\nbob\n",
        &expect![[r#"
        line 1, column 1: the heading has one column, and two at least are needed. Separate columns by ; , | or a tab.
    "#]],
    );
    check(
        "bob@example.org;secret\n",
        &expect![[r#"
        line 1, column 1: this should be the heading, and has an address in it. Begin the file with a heading: login;password;address;user.
    "#]],
    );
    check(
        "bob;secret;bob@example.org\n",
        &expect![[r#"
        line 1, column 1: this should be the heading, and has an address in it. Begin the file with a heading: login;password;address;user.
    "#]],
    );
    check(
        "login;\"password\nbob;x\n",
        &expect![[r#"
        line 1, column 1: the heading has one column, and two at least are needed. Separate columns by ; , | or a tab.
    "#]],
    );
    check("login;password\n", &expect![[""]]);
}

#[test]
fn text_in_many_encodings() {
    let text = "Anmeldung;Passwort\njürgen;ß€\n";
    let want = "2: jürgen [ß€] jürgen -> jürgen\n";
    let utf16 = |big: bool| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(|it| if big { it.to_be_bytes() } else { it.to_le_bytes() }).collect()
    };
    let cases: [(Vec<u8>, Option<&str>); 10] = [
        (text.into(), None),
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), Some("windows-1252")),
        ([&b"\xff\xfe"[..], &utf16(false)].concat(), None),
        ([&b"\xfe\xff"[..], &utf16(true)].concat(), None),
        (utf16(false), None),
        (utf16(true), Some("latin1")),
        (b"Anmeldung;Passwort\nj\xfcrgen;\xdf\x80\n".to_vec(), None),
        (b"Anmeldung;Passwort\rj\xfcrgen;\xdf\x80\r".to_vec(), None),
        (b"Anmeldung;Passwort\nj\xfcrgen;\xdf\x80\n".to_vec(), Some("1252")),
        (b"Anmeldung;Passwort\nj\xfcrgen;\xdf\xa4\n".to_vec(), Some(" ISO-8859-15 ")),
    ];
    for (bytes, code_page) in cases {
        assert_eq!(show(&bytes, code_page), want, "{code_page:?}");
    }
    let russian = show(b"a;b\n\xa8\xa2\xa0\xad;x\n", Some("cp866"));
    assert_eq!(russian, "2: иван [x] иван -> иван\n");
    let wrong = |bytes: &[u8], page: &str| show(bytes, Some(page));
    expect![[r#"
        line 3, column 2: this is not text in UTF-8. Save the file as UTF-8, or name its code page, such as windows-1250.
    "#]].assert_eq(&wrong(b"a;b\nc;d\nj\xfc;x\n", "utf-8"));
    expect![[r#"
        line 1, column 1: there is no code page named "ebcdic". Name one such as windows-1252, iso-8859-2 or shift_jis, or use UTF-8.
    "#]].assert_eq(&wrong(b"a;b\n", "ebcdic"));
}

#[test]
fn users_to_make_and_logins_that_vanished() {
    let text = "login;password;address;user\na;x;;new\nb;x;;new\nc;x;;old\nd;x\ne;\n";
    let file = BatchFile::read(text.as_bytes(), None).unwrap();
    let known = BTreeSet::from([UserName::new("old").unwrap()]);
    let names: Vec<&str> = file.new_users(&known).into_iter().map(UserName::as_str).collect();
    assert_eq!(names, ["new", "d"]);
    assert_eq!(file.vanished(["a", "z", "e"]), ["z"], "a wrong row is still there");
}

#[test]
fn limits() {
    let rows = "a;b\n".repeat(BATCH_ROWS_MAX + 2);
    expect![[r#"
        line 100002, column 1: there are more than 100000 rows. Divide it among several jobs.
    "#]]
    .assert_eq(&show(rows.as_bytes(), None));
    expect![[r#"
        line 1, column 1: the file is larger than 16 MiB. Divide it among several jobs.
    "#]]
    .assert_eq(&show(&vec![b'\n'; BATCH_BYTES_MAX + 1], None));
}

#[test]
fn no_message_repeats_a_value() {
    for text in ["l;p\nhunter2/x;\"hunter2\n", "l;p;a;u\nx;y;hunter2;z\n", "l;p\nx;y;z;w;hunter2\n"]
    {
        let file = BatchFile::read(text.as_bytes(), None).unwrap();
        assert_eq!(file.errors.len(), 1);
        assert!(!format!("{:?}", file.errors).contains("hunter2"), "{text}");
    }
}
