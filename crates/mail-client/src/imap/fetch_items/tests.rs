//! FETCH responses, as servers should and should not send them.

use super::*;
use expect_test::{Expect, expect};
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::flag::{Flag, FlagFetch};
use imap_codec::imap_types::response::{Data, Response};

fn shown(text: &str, n_literals: usize) -> String {
    let Ok(items) = read(text.as_bytes(), n_literals) else { return "malformed".into() };
    let FetchItems { uid, flags, received, size, body, header, labels: _ } = items;
    let mut shown = Vec::new();
    shown.extend(uid.map(|it| format!("uid {it}")));
    shown.extend(flags.map(|(flags, keywords)| format!("{flags:?} {keywords:?}")));
    shown.extend(received.map(|it| it.map_or("no date".into(), |it| it.to_string())));
    shown.extend(size.map(|it| format!("size {it}")));
    for (name, section) in [("body", body), ("header", header)] {
        match section {
            Section::Absent => (),
            Section::Nil => shown.push(format!("{name} NIL")),
            Section::Literal(n) => shown.push(format!("{name} #{n}")),
            Section::Quoted(it) => {
                shown.push(format!("{name} {:?}", it.escape_ascii().to_string()));
            }
        }
    }
    shown.join(", ")
}

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(lines: &[&str], want: Expect) {
    let all: String = lines
        .iter()
        .map(|line| {
            let text = format!("* 1 FETCH {}\r\n", line.replace('}', "}\r\n"));
            format!("{line}\n    {}\n", shown(&text, text.matches('{').count()))
        })
        .collect();
    want.assert_eq(&all);
}

#[test]
fn what_is_valid() {
    check(
        &[
            r#"(UID 5 FLAGS (\Seen $Forwarded x) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 10 BODY[] {10})"#,
            r#"(BODY[] {10} UID 5)"#,
            r#"(UID 5 BODY[] "short")"#,
            r#"(UID 5 BODY[] "")"#,
            r#"(UID 5 BODY[] NIL)"#,
            r#"(UID 5 BODY[] ~{3})"#,
            r#"(UID 5 BODY[HEADER] {3} RFC822.SIZE 4294967296)"#,
            r#"(UID 5 MODSEQ (624140003) FLAGS ())"#,
            r#"(FLAGS (\Recent \Answered))"#,
            r#"(UID 5 BODY[] {10} X-NEW (a) UID 5)"#,
        ],
        expect![[r#"
            (UID 5 FLAGS (\Seen $Forwarded x) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 10 BODY[] {10})
                uid 5, {"seen", "forwarded"} ["x"], 1996-07-17T09:44:25Z, size 10, body #0
            (BODY[] {10} UID 5)
                uid 5, body #0
            (UID 5 BODY[] "short")
                uid 5, body "short"
            (UID 5 BODY[] "")
                uid 5, body ""
            (UID 5 BODY[] NIL)
                uid 5, body NIL
            (UID 5 BODY[] ~{3})
                uid 5, body #0
            (UID 5 BODY[HEADER] {3} RFC822.SIZE 4294967296)
                uid 5, size 4294967296, header #0
            (UID 5 MODSEQ (624140003) FLAGS ())
                uid 5, {} []
            (FLAGS (\Recent \Answered))
                {"answered"} []
            (UID 5 BODY[] {10} X-NEW (a) UID 5)
                uid 5, body #0
        "#]],
    );
}

#[test]
fn what_is_forgiven() {
    check(
        &[
            // Items that nobody asked for, of any shape.
            r#"(X-GM-MSGID 1278455344230334865 X-GM-LABELS ("\\Inbox" "a b" {3}) UID 5 BODY[] {10})"#,
            r#"(ENVELOPE (NIL "un(bal" ((NIL NIL "a" "b")) {2} NIL) UID 5 BODY[] {10})"#,
            r#"(BODYSTRUCTURE ("text" "plain" ("charset" "x") NIL NIL "7bit" 1 1) UID 5)"#,
            r#"(UID 5 EMAILID (M1) THREADID NIL SAVEDATE "x" BODY[] {10})"#,
            r#"(BODY[HEADER.FIELDS (From To)] {3} BODY[]<0> {4} RFC822 {5} UID 5)"#,
            // Unknown items without a value; values without an item.
            r#"(X-FLAG UID 5 X-LAST)"#,
            r#"(UID 5 "stray" (stray) BODY[] {3})"#,
            // Spaces that are missing, or too many; lower case.
            r#"( uid 5  flags(\seen)internaldate"17-Jul-1996 02:44:25 -0700"rfc822.size 10body[]{10} )"#,
            r#"(UID 5FLAGS (\Seen))"#,
            r#"(UID 5 BODY[]"x")"#,
            // Values that are not what they should be.
            r#"(UID 5 INTERNALDATE NIL FLAGS NIL)"#,
            r#"(UID 5 INTERNALDATE "yesterday" BODY[] {10})"#,
            // No closing parenthesis: the line has come to its end.
            r#"(UID 5 BODY[] NIL"#,
        ],
        expect![[r#"
            (X-GM-MSGID 1278455344230334865 X-GM-LABELS ("\\Inbox" "a b" {3}) UID 5 BODY[] {10})
                uid 5, body #1
            (ENVELOPE (NIL "un(bal" ((NIL NIL "a" "b")) {2} NIL) UID 5 BODY[] {10})
                uid 5, body #1
            (BODYSTRUCTURE ("text" "plain" ("charset" "x") NIL NIL "7bit" 1 1) UID 5)
                uid 5
            (UID 5 EMAILID (M1) THREADID NIL SAVEDATE "x" BODY[] {10})
                uid 5, body #0
            (BODY[HEADER.FIELDS (From To)] {3} BODY[]<0> {4} RFC822 {5} UID 5)
                uid 5
            (X-FLAG UID 5 X-LAST)
                uid 5
            (UID 5 "stray" (stray) BODY[] {3})
                uid 5, body #0
            ( uid 5  flags(\seen)internaldate"17-Jul-1996 02:44:25 -0700"rfc822.size 10body[]{10} )
                uid 5, {"seen"} [], 1996-07-17T09:44:25Z, size 10, body #0
            (UID 5FLAGS (\Seen))
                uid 5, {"seen"} []
            (UID 5 BODY[]"x")
                uid 5, body "x"
            (UID 5 INTERNALDATE NIL FLAGS NIL)
                uid 5, {} [], no date
            (UID 5 INTERNALDATE "yesterday" BODY[] {10})
                uid 5, no date, body #0
            (UID 5 BODY[] NIL
                uid 5, body NIL
        "#]],
    );
}

#[test]
fn what_is_malformed() {
    check(
        &[
            r#"(UID x)"#,
            r#"(UID 4294967296)"#,
            r#"(UID 5 RFC822.SIZE (1))"#,
            r#"(UID 5 FLAGS (\Seen BODY[] {10})"#,
            r#"(UID 5 BODY[] (x))"#,
            r#"(UID 5 BODY[] x)"#,
            r#"(UID 5 BODY[] "open)"#,
            r#"(UID 5 BODY[])"#,
            // Behind the message: what follows when its announced length is wrong.
            r#"(UID 5 BODY[] {10}"#,
            r#"(UID 5 BODY[] {10}x)"#,
            r#"(UID 5 BODY[] {10}* 2 FETCH (UID 6 FLAGS ()))"#,
            r#"(UID 5 BODY[] {10} 2 FETCH (UID 6 BODY[] {10})"#,
            r#"(UID 5 BODY[] {10}) x"#,
            r#"(UID 5 BODY[] {10} 3 FLAGS () BODY[] {10})"#,
            r#"(UID 5 BODY[] {10} FLAGS () FLAGS ())"#,
            r#"(UID 5 BODY[] {10} UID 6)"#,
            r#"(UID 5 BODY[] {10} secs)"#,
            r#"(UID 5 BODY[] {10} "secs")"#,
            r#"(UID 5 BODY[HEADER] {10}"#,
            r#"UID 5"#,
            r#""#,
        ],
        expect![[r#"
            (UID x)
                malformed
            (UID 4294967296)
                malformed
            (UID 5 RFC822.SIZE (1))
                malformed
            (UID 5 FLAGS (\Seen BODY[] {10})
                malformed
            (UID 5 BODY[] (x))
                malformed
            (UID 5 BODY[] x)
                malformed
            (UID 5 BODY[] "open)
                malformed
            (UID 5 BODY[])
                malformed
            (UID 5 BODY[] {10}
                malformed
            (UID 5 BODY[] {10}x)
                malformed
            (UID 5 BODY[] {10}* 2 FETCH (UID 6 FLAGS ()))
                malformed
            (UID 5 BODY[] {10} 2 FETCH (UID 6 BODY[] {10})
                malformed
            (UID 5 BODY[] {10}) x
                malformed
            (UID 5 BODY[] {10} 3 FLAGS () BODY[] {10})
                malformed
            (UID 5 BODY[] {10} FLAGS () FLAGS ())
                malformed
            (UID 5 BODY[] {10} UID 6)
                malformed
            (UID 5 BODY[] {10} secs)
                malformed
            (UID 5 BODY[] {10} "secs")
                malformed
            (UID 5 BODY[HEADER] {10}
                malformed
            UID 5
                malformed

                malformed
        "#]],
    );
    let deep = format!("(X {}", "(".repeat(1000));
    assert_eq!(shown(&format!("* 1 FETCH {deep}\r\n"), 0), "malformed");
}

#[test]
fn the_beginning_of_a_response_can_be_read() {
    let text = "* 1 FETCH (UID 5 X {3}\r\n BODY[] {9999999}\r\n";
    assert_eq!(shown(text, 1), "uid 5");
    assert_eq!(shown(text, 0), "uid 5");
    assert!(announces_body(text.as_bytes()));
    for (text, want) in [
        ("* 1 FETCH (BODY[] {5}\r\n", true),
        ("* 1 fetch (UID 1 body[]~{5}\r\n", true),
        ("* 12 FETCH (BODY[HEADER] {5}\r\n", false),
        ("* 12 FETCH (BODY[]<0> {5}\r\n", false),
        ("* LIST () NIL BODY[] {5}\r\n", false),
        ("* FETCH (BODY[] {5}\r\n", false),
        ("BODY[] {5}\r\n", false),
        ("", false),
    ] {
        assert_eq!(announces_body(text.as_bytes()), want, "{text}");
    }
}

/// What `imap-codec` reads, this reads alike.
#[test]
fn the_codec_agrees_on_what_is_valid() {
    for line in [
        r#"(UID 5 FLAGS (\Seen $Forwarded x) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 10 BODY[] {3})"#,
        r#"(BODY[] {3} UID 4294967295 FLAGS (\Recent \Draft))"#,
        r#"(UID 5 BODY[] "short \" one")"#,
        r#"(UID 5 BODY[] NIL FLAGS ())"#,
        r#"(UID 5 MODSEQ (7) BODY[HEADER] {3})"#,
        r#"(UID 5 ENVELOPE (NIL "s" NIL NIL NIL NIL NIL NIL NIL "<id>") BODY[] {3})"#,
        r#"(UID 1 BODY[HEADER.FIELDS (FROM "TO")] {3} BODY[TEXT]<0> {3} RFC822.SIZE 0)"#,
    ] {
        let text = format!("* 1 FETCH {}\r\n", line.replace("{3}", "{3}\r\n"));
        let wire = text.replace("{3}\r\n", "{3}\r\nabc");
        let decoded = ResponseCodec::default().decode(wire.as_bytes());
        let Ok((b"", Response::Data(Data::Fetch { items, .. }))) = decoded else {
            panic!("{line}: {decoded:?}");
        };
        let ours = read(text.as_bytes(), text.matches('{').count()).unwrap();
        for item in items.as_ref() {
            agree(item, &ours, line);
        }
    }
}

fn agree(item: &MessageDataItem<'_>, ours: &FetchItems, line: &str) {
    let bytes = |section: &Section| match section {
        Section::Literal(_) => Some(b"abc".to_vec()),
        Section::Quoted(it) => Some(it.clone()),
        Section::Nil | Section::Absent => None,
    };
    match item {
        MessageDataItem::Uid(uid) => assert_eq!(ours.uid, Some(uid.get()), "{line}"),
        MessageDataItem::Rfc822Size(size) => {
            assert_eq!(ours.size, Some(u64::from(*size)), "{line}");
        }
        MessageDataItem::InternalDate(date) => {
            let seconds = date.as_ref().timestamp();
            assert_eq!(ours.received, Some(Some(Timestamp(seconds))), "{line}");
        }
        MessageDataItem::Flags(theirs) => {
            let (flags, keywords) = ours.flags.as_ref().unwrap();
            let n = flags.names().count() + keywords.len();
            let recent = theirs.iter().filter(|it| matches!(it, FlagFetch::Recent)).count();
            assert_eq!(theirs.len() - recent, n, "{line}");
            let seen = theirs.contains(&FlagFetch::Flag(Flag::Seen));
            assert_eq!(flags.contains(Flags::SEEN), seen, "{line}");
        }
        MessageDataItem::BodyExt { section: None, origin: None, data } => {
            assert_eq!(bytes(&ours.body).as_deref(), data.0.as_ref().map(AsRef::as_ref), "{line}");
        }
        _ => (),
    }
}

/// Nothing that a server can send makes this panic, and whatever the bytes, it comes to an end.
#[test]
fn broken_responses_are_survived() {
    let whole = concat!(
        "* 12 FETCH (UID 5 FLAGS (\\Seen \"x\") X-GM-LABELS (\"\\\\Inbox\" {3}\r\n) ",
        "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 10 BODY[] {10}\r\n)\r\n"
    );
    for at in 0..whole.len() {
        let _ = read(&whole.as_bytes()[..at], 2);
        for byte in [0, b'"', b'(', b')', b'{', b'[', b']', b'\\', b'\r', 0xff] {
            let mut broken = whole.as_bytes().to_vec();
            broken[at] = byte;
            for n_literals in 0..3 {
                if let Ok(items) = read(&broken, n_literals) {
                    let Section::Literal(n) = items.body else { continue };
                    assert!(n < n_literals.max(1));
                }
            }
            announces_body(&broken);
        }
    }
}
