//! Responses other than FETCH: what is read of them, and that both readers agree.

use super::*;
use expect_test::{Expect, expect};

/// `{n}` in a line stands for a literal that follows it in `<...>`.
fn split_literals(line: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut text = String::new();
    let mut literals = Vec::new();
    let mut rest = line;
    while let Some((before, (literal, after))) =
        rest.split_once('<').and_then(|(before, it)| Some((before, it.split_once('>')?)))
    {
        text.push_str(&format!("{before}{{{}}}\r\n", literal.len()));
        literals.push(literal.as_bytes().to_vec());
        rest = after;
    }
    text.push_str(rest);
    text.push_str("\r\n");
    (text.into_bytes(), literals)
}

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(lines: &[&str], want: Expect) {
    let shown: String = lines
        .iter()
        .map(|line| {
            let (text, literals) = split_literals(line);
            match decode(&text, &literals) {
                Ok(reply) => format!("{line}\n    {}\n", shown(&reply)),
                Err(Malformed) => format!("{line}\n    malformed\n"),
            }
        })
        .collect();
    want.assert_eq(&shown);
}

fn shown(reply: &Reply) -> String {
    let raw = |it: &[u8]| it.escape_ascii().to_string();
    match reply {
        Reply::List(ListItem { attributes, separator, name }) => {
            let separator = separator.map(|it| it.escape_ascii().to_string());
            format!("list {} {separator:?} {attributes:?}", raw(name))
        }
        Reply::MailboxStatus { name, status } => {
            let MailboxStatus { messages, uid_validity, uid_next, modseq } = status;
            format!("status {} {messages} {uid_validity} {uid_next} {modseq}", raw(name))
        }
        Reply::Namespace(kinds) => {
            let prefix = |it: &NamespacePrefix| format!("{:?}{:?}", raw(&it.prefix), it.separator);
            let kind = |it: &Vec<NamespacePrefix>| it.iter().map(prefix).collect::<String>();
            format!("namespace {}", kinds.iter().map(kind).collect::<Vec<_>>().join(" | "))
        }
        Reply::Status(it) => format!("untagged {:?} {}", it.kind, it.shown()),
        Reply::Tagged { tag, status } => format!("{tag} {:?} {}", status.kind, status.shown()),
        other => format!("{other:?}"),
    }
}

#[test]
fn statuses() {
    check(
        &[
            "* OK ready",
            "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.",
            "* PREAUTH [CAPABILITY IMAP4rev1] hi",
            "* BYE Autologout; idle for too long",
            "* NO [ALERT] Disk is 96 % full",
            "A1 OK [READ-ONLY] Examine completed (0.001 secs).",
            "A1 no [authenticationfailed] Passwort falsch: ünal",
            "A1 BAD",
            "A1 OK",
            "A1 OK [X-BROKEN never closed",
            "* ok [HIGHESTMODSEQ 715194045007]",
            "+ go ahead",
            "+",
            "+ cj1yT3ByTkdmd0ViZVJXZ2JORWtxTw==",
        ],
        expect![[r#"
            * OK ready
                untagged Ok ready
            * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.
                untagged Ok [CAPABILITY] Dovecot ready.
            * PREAUTH [CAPABILITY IMAP4rev1] hi
                PreAuth(Status { kind: Ok, code: Some(Code { name: "CAPABILITY", rest: "IMAP4rev1" }), text: "hi" })
            * BYE Autologout; idle for too long
                Bye(Status { kind: No, code: None, text: "Autologout; idle for too long" })
            * NO [ALERT] Disk is 96 % full
                untagged No [ALERT] Disk is 96 % full
            A1 OK [READ-ONLY] Examine completed (0.001 secs).
                A1 Ok [READ-ONLY] Examine completed (0.001 secs).
            A1 no [authenticationfailed] Passwort falsch: ünal
                A1 No [AUTHENTICATIONFAILED] Passwort falsch: ünal
            A1 BAD
                A1 Bad no reason given
            A1 OK
                A1 Ok no reason given
            A1 OK [X-BROKEN never closed
                A1 Ok [X-BROKEN never closed
            * ok [HIGHESTMODSEQ 715194045007]
                untagged Ok [HIGHESTMODSEQ] 
            + go ahead
                Continue([103, 111, 32, 97, 104, 101, 97, 100])
            +
                Continue([])
            + cj1yT3ByTkdmd0ViZVJXZ2JORWtxTw==
                Continue([99, 106, 49, 121, 84, 51, 66, 121, 84, 107, 100, 109, 100, 48, 86, 105, 90, 86, 74, 88, 90, 50, 74, 79, 82, 87, 116, 120, 84, 119, 61, 61])
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn data() {
    check(
        &[
            "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN X-NEW",
            "* ENABLED QRESYNC",
            "* ENABLED",
            r#"* LIST (\HasNoChildren \Sent) "/" "Sent Items""#,
            r#"* LIST (\Noselect) NIL <a"b>"#,
            r#"* LIST () "." inbox"#,
            r#"* LIST () "\\" "a\\b""#,
            r#"* LIST (\Subscribed) "/" "a" ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"* STATUS "a b" (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 9)"#,
            "* STATUS INBOX (MESSAGES 0 SIZE 12345678901)",
            "* SEARCH",
            "* SEARCH 1 2 3",
            "* SEARCH 1 2 (MODSEQ 917162500)",
            r#"* ESEARCH (TAG "A2") UID ALL 1:3,7"#,
            r#"* ESEARCH (TAG "A2") UID"#,
            r#"* ESEARCH UID COUNT 5 MIN 1 ALL 1,4:9 MODSEQ 12"#,
            "* VANISHED (EARLIER) 300:310,405",
            "* VANISHED 5",
            r#"* NAMESPACE (("" "/")) (("Other/" "/")("~" "/")) NIL"#,
            r#"* NAMESPACE (("" "/" "X-PARAM" ("a" "b"))) NIL NIL"#,
            r#"* ID ("name" "Dovecot" "version" NIL)"#,
            "* ID NIL",
            "* 172 EXISTS",
            "* 3 RECENT",
            "* 44 EXPUNGE",
            r"* FLAGS (\Answered \Flagged)",
            "* 12 FETCH (UID 1)",
        ],
        expect![[r#"
            * CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN X-NEW
                Capability(["IMAP4REV1", "STARTTLS", "AUTH=PLAIN", "X-NEW"])
            * ENABLED QRESYNC
                Enabled(["QRESYNC"])
            * ENABLED
                Enabled([])
            * LIST (\HasNoChildren \Sent) "/" "Sent Items"
                list Sent Items Some("/") ["\\HasNoChildren", "\\Sent"]
            * LIST (\Noselect) NIL <a"b>
                list a\"b None ["\\Noselect"]
            * LIST () "." inbox
                list INBOX Some(".") []
            * LIST () "\\" "a\\b"
                list a\\b Some("\\\\") []
            * LIST (\Subscribed) "/" "a" ("CHILDINFO" ("SUBSCRIBED"))
                list a Some("/") ["\\Subscribed"]
            * STATUS "a b" (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 9)
                status a b 3 7 5 9
            * STATUS INBOX (MESSAGES 0 SIZE 12345678901)
                status INBOX 0 0 0 0
            * SEARCH
                Search([])
            * SEARCH 1 2 3
                Search([1, 2, 3])
            * SEARCH 1 2 (MODSEQ 917162500)
                Search([1, 2])
            * ESEARCH (TAG "A2") UID ALL 1:3,7
                Esearch { tag: Some("A2"), all: Some([(1, 3), (7, 7)]) }
            * ESEARCH (TAG "A2") UID
                Esearch { tag: Some("A2"), all: None }
            * ESEARCH UID COUNT 5 MIN 1 ALL 1,4:9 MODSEQ 12
                Esearch { tag: None, all: Some([(1, 1), (4, 9)]) }
            * VANISHED (EARLIER) 300:310,405
                Vanished { earlier: true, uids: [(300, 310), (405, 405)] }
            * VANISHED 5
                Vanished { earlier: false, uids: [(5, 5)] }
            * NAMESPACE (("" "/")) (("Other/" "/")("~" "/")) NIL
                namespace ""Some(47) | "Other/"Some(47)"~"Some(47) | 
            * NAMESPACE (("" "/" "X-PARAM" ("a" "b"))) NIL NIL
                namespace ""Some(47) |  | 
            * ID ("name" "Dovecot" "version" NIL)
                Id([("name", "Dovecot")])
            * ID NIL
                Id([])
            * 172 EXISTS
                Exists(172)
            * 3 RECENT
                Other
            * 44 EXPUNGE
                Expunge
            * FLAGS (\Answered \Flagged)
                Other
            * 12 FETCH (UID 1)
                Fetch
        "#]],
    );
}

#[test]
fn what_is_forgiven() {
    check(
        &[
            r"* LIST (\HasNoChildren) / Sent Items",
            r#"* LIST () "/" Entwürfe"#,
            r#"* LIST () "/" Rest (2019)"#,
            r#"* LIST () "/" Rest(2019) x"#,
            r#"* LIST () "" flat"#,
            r#"* LIST (\X-Ä) "/" "a\b""#,
            r#"* LIST () "/" NIL"#,
            r#"* list ()  "/"  a "#,
            r#"* XLIST (\Inbox) "/" INBOX"#,
            "* STATUS INBOX (MESSAGES 3 UIDVALIDITY 0 UIDNEXT 0 HIGHESTMODSEQ 0)",
            r#"* STATUS "a" (MESSAGES 3 MAILBOXID (F2212ea87) X-NEW (a (b)) UIDNEXT 4) "#,
            "* STATUS Ünder (MESSAGES 3)",
            "* SEARCH 3 0 1 ",
            "* ESEARCH UID ALL 9:7",
            "* VANISHED (EARLIER)",
            r#"* NAMESPACE ((INBOX. ".")) NIL NIL"#,
            r#"* ID ("name" "Ä")"#,
            "* CAPABILITY",
            "* XYZZY some extension",
            "* X-GOOGLE-THING 5",
        ],
        expect![[r#"
            * LIST (\HasNoChildren) / Sent Items
                list Sent Items Some("/") ["\\HasNoChildren"]
            * LIST () "/" Entwürfe
                list Entw\xc3\xbcrfe Some("/") []
            * LIST () "/" Rest (2019)
                list Rest (2019) Some("/") []
            * LIST () "/" Rest(2019) x
                list Rest(2019) x Some("/") []
            * LIST () "" flat
                list flat None []
            * LIST (\X-Ä) "/" "a\b"
                list a\\b Some("/") ["\\X-Ä"]
            * LIST () "/" NIL
                list NIL Some("/") []
            * list ()  "/"  a 
                list a Some("/") []
            * XLIST (\Inbox) "/" INBOX
                list INBOX Some("/") ["\\Inbox"]
            * STATUS INBOX (MESSAGES 3 UIDVALIDITY 0 UIDNEXT 0 HIGHESTMODSEQ 0)
                status INBOX 3 0 0 0
            * STATUS "a" (MESSAGES 3 MAILBOXID (F2212ea87) X-NEW (a (b)) UIDNEXT 4) 
                status a 3 0 4 0
            * STATUS Ünder (MESSAGES 3)
                status \xc3\x9cnder 3 0 0 0
            * SEARCH 3 0 1 
                Search([3, 0, 1])
            * ESEARCH UID ALL 9:7
                Esearch { tag: None, all: Some([(7, 9)]) }
            * VANISHED (EARLIER)
                Vanished { earlier: true, uids: [] }
            * NAMESPACE ((INBOX. ".")) NIL NIL
                namespace "INBOX."Some(46) |  | 
            * ID ("name" "Ä")
                Id([("name", "Ä")])
            * CAPABILITY
                Capability([])
            * XYZZY some extension
                Unknown("XYZZY")
            * X-GOOGLE-THING 5
                Unknown("X-GOOGLE-THING")
        "#]],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_malformed() {
    check(
        &[
            "",
            "*",
            "* ",
            "*OK hi",
            "* 12 FETC (UID 1)",
            "* 12",
            "A1 FETCH (UID 1)",
            "A1",
            "* \u{1}\u{2}",
            "* SEARCH x",
            "* SEARCH 4294967296",
            "* ESEARCH UID ALL 1:*",
            "* ESEARCH UID ALL",
            "* VANISHED x",
            "* LIST",
            r#"* LIST () "/""#,
            r#"* LIST () "//" a"#,
            r#"* LIST (\A "/" a"#,
            "* STATUS INBOX (MESSAGES x)",
            "* STATUS INBOX (MESSAGES 3",
            "* NAMESPACE NIL NIL",
            "* NAMESPACE ((NIL NIL)) NIL NIL",
            "* 99999999999999999999999 EXISTS",
            "Content-Type: text/plain",
        ],
        expect![[r#"

                malformed
            *
                malformed
            * 
                malformed
            *OK hi
                malformed
            * 12 FETC (UID 1)
                malformed
            * 12
                malformed
            A1 FETCH (UID 1)
                malformed
            A1
                malformed
            * 
                malformed
            * SEARCH x
                malformed
            * SEARCH 4294967296
                malformed
            * ESEARCH UID ALL 1:*
                malformed
            * ESEARCH UID ALL
                malformed
            * VANISHED x
                malformed
            * LIST
                malformed
            * LIST () "/"
                malformed
            * LIST () "//" a
                malformed
            * LIST (\A "/" a
                malformed
            * STATUS INBOX (MESSAGES x)
                malformed
            * STATUS INBOX (MESSAGES 3
                malformed
            * NAMESPACE NIL NIL
                malformed
            * NAMESPACE ((NIL NIL)) NIL NIL
                malformed
            * 99999999999999999999999 EXISTS
                malformed
            Content-Type: text/plain
                malformed
        "#]],
    );
}

/// What `imap-codec` reads, the forgiving reader reads alike.
#[test]
fn both_readers_agree() {
    let mut n_strict = 0;
    for line in [
        "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=SCRAM-SHA-256 LITERAL+ X-NEW \
         COMPRESS=DEFLATE QUOTA UTF8=ACCEPT STATUS=SIZE",
        "* ENABLED QRESYNC",
        "* ENABLED CONDSTORE UTF8=ACCEPT",
        r#"* LIST (\HasNoChildren \Sent) "/" "Sent Items""#,
        r#"* LIST (\Noselect) NIL <a"b>"#,
        r#"* LIST () "." inbox"#,
        r#"* LIST () "\\" "a\\b\"c""#,
        r#"* LIST (\Marked) "/" Entw&APw-rfe/2024"#,
        r#"* STATUS "a b" (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 9)"#,
        "* STATUS <x y> (MESSAGES 0 RECENT 1 UNSEEN 2)",
        "* STATUS inbox (UIDNEXT 4294967295)",
        "* SEARCH",
        "* SEARCH 1 2 3 4294967295",
        "* SEARCH 1 2 (MODSEQ 917162500)",
        "* VANISHED (EARLIER) 300:310,405",
        "* VANISHED 5,9:7",
        r#"* NAMESPACE (("" "/")) (("Other/" "/")("~" "/")) NIL"#,
        r#"* NAMESPACE (("" NIL "X-PARAM" ("a" "b"))) NIL NIL"#,
        r#"* ID ("name" "Dovecot" "version" NIL)"#,
        "* ID NIL",
    ] {
        let (text, literals) = split_literals(line);
        let (_, rest) = split_word(&text);
        let (word, after) = split_word(rest);
        let lenient = lenient::read(&word.to_ascii_uppercase(), after, &literals);
        let strict = strictly(&text, &literals);
        assert!(lenient.is_ok(), "{line}");
        if let Some(strict) = strict {
            n_strict += 1;
            assert_eq!(Ok(upper(strict)), lenient.map(upper), "{line}");
        }
    }
    assert!(n_strict >= 18, "the codec read only {n_strict}");
}

/// Capabilities are compared in upper case everywhere.
fn upper(reply: Reply) -> Reply {
    let upper = |words: Vec<String>| words.iter().map(|it| it.to_uppercase()).collect();
    match reply {
        Reply::Capability(words) => Reply::Capability(upper(words)),
        Reply::Enabled(words) => Reply::Enabled(upper(words)),
        other => other,
    }
}

#[test]
fn broken_responses_are_survived() {
    for whole in [
        r#"* LIST (\HasNoChildren \Sent) "/" "Sent Items" ("CHILDINFO" ("SUBSCRIBED"))"#,
        r#"* STATUS "a b" (MESSAGES 3 X (a (b)) UIDVALIDITY 7)"#,
        r#"* ESEARCH (TAG "A2") UID COUNT 5 ALL 1:3,7"#,
        r#"* NAMESPACE (("" "/" "X" ("a"))) (("Other/" "/")) NIL"#,
        "* VANISHED (EARLIER) 300:310,405",
        r#"* ID ("name" "x")"#,
        "A1 OK [CAPABILITY IMAP4rev1] hi",
    ] {
        for at in 0..whole.len() {
            let _ = decode(&whole.as_bytes()[..at], &[]);
            for byte in [0, b'"', b'(', b')', b'{', b'[', b']', b'\\', b' ', b'9', 0xff] {
                let mut broken = whole.as_bytes().to_vec();
                broken[at] = byte;
                let _ = decode(&broken, &[]);
            }
        }
    }
}
