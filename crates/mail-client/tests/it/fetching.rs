//! Messages and headers, as servers send them and as they should not.

use expect_test::{Expect, expect};
use ports::{HeaderItem, Source};
use sha2::{Digest, Sha256};

use testkit::scripted::Delivery;

use crate::wire::{after_login, fetch, settings, shown, with};

/// The messages and the answer of fetching `uids` at a server that plays `script`.
async fn check(uids: &[u64], script: &str, want: Expect) {
    let result = after_login(script, async |it| {
        let (answer, got) = fetch(it, uids).await;
        Ok(shown(&answer, &got))
    });
    want.assert_eq(&result.await.unwrap());
}

const FACTS: &str = "UID FLAGS INTERNALDATE RFC822.SIZE";

/// Fetches 1 to 3 in one command, and is answered with `responses`.
async fn check_three(responses: &str, want: Expect) {
    let script = format!(
        "C: a UID FETCH 1:3 ({FACTS} BODY.PEEK[])
        {responses}"
    );
    check(&[1, 2, 3], &script, want).await;
}

#[tokio::test]
async fn messages_of_every_form() {
    check_three(
        r#"
        S: * 1 FETCH (UID 1 FLAGS (\Seen $Forwarded x) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 11 BODY[] {12}
        S+ A: b\r\n\r\n\xff\0\n\r)\r\n
        S: * 2 FETCH (BODY[] "short" UID 2)
        S: * 3 FETCH (UID 3 BODY[] {0}
        S+ )\r\n
        S: a OK done
        "#,
        expect![[r#"
            1 {"seen", "forwarded"} ["x"] 1996-07-17T09:44:25Z 11: whole 12 A: b\r\n\r\n\xff\x00\n\r
            2 {} [] no date 0: whole 5 short
            3 {} [] no date 0: whole 0 
            Done
        "#]],
    )
    .await;
}

/// Gmail's labels stand among the keywords, as people read them.
#[tokio::test]
async fn w19_labels_come_with_the_message() {
    let script = r#"
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: l AUTHENTICATE PLAIN *
        S: l OK [CAPABILITY IMAP4rev1 X-GM-EXT-1] in
        C: a UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-LABELS BODY.PEEK[])
        S: * 1 FETCH (X-GM-LABELS ("\\Inbox" Work "Entw&APw-rfe" {3}
        S+ a"b) UID 1 FLAGS (\\Seen) BODY[] {5}\r\nfirst)\r\n
        S: * 2 FETCH (X-GM-LABELS () UID 2 BODY[] {6}
        S+ second)\r\n
        S: a OK done
    "#;
    let (result, played) = with(script, settings(), Delivery::default(), async |mut it| {
        let (answer, got) = fetch(&mut it, &[1, 2]).await;
        it.close().await;
        Ok(shown(&answer, &got))
    })
    .await;
    assert_eq!(played.surprise, None);
    expect![[r#"
        1 {"seen"} ["\\Inbox", "Work", "Entwürfe", "a\"b"] no date 0: whole 5 first
        2 {} [] no date 0: whole 6 second
        Done
    "#]]
    .assert_eq(&result.unwrap());
}

#[tokio::test]
async fn what_was_not_asked_for_is_passed_over() {
    check_three(
        r#"
        S: * 7 EXISTS
        S: * 2 EXPUNGE
        S: * 1 FETCH (FLAGS (\Seen))
        S: * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (3))
        S: * 9 FETCH (UID 9 BODY[] {5}
        S+ other)\r\n
        S: * OK [X] still here
        S: * 3 FETCH (X-GM-LABELS ("\\Inbox" {3}
        S+ a"b) UID 3 X-NEW (a (b) {1}\r\n)) BODY[] {5}\r\nthree X-LAST NIL)\r\n
        S: * 3 FETCH (UID 3 BODY[] {5}
        S+ again)\r\n
        S: * 1 FETCH (BODY[] {3}
        S+ one)\r\n
        S: a OK done
        "#,
        expect![[r#"
            3 {} [] no date 0: whole 5 three
            Done
        "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_nil_empty_and_no_are_four_answers() {
    check_three(
        r#"
        S: * 1 FETCH (UID 1 BODY[] NIL)
        S: * 2 FETCH (UID 2 BODY[] "")
        S: a OK done
        "#,
        expect![[r#"
            1 {} [] no date 0: nil
            2 {} [] no date 0: whole 0 
            Done
        "#]],
    )
    .await;
    check_three(
        "S: * NO cannot read 2\nS: a NO some messages failed",
        expect![[r#"
        Refused("some messages failed (cannot read 2)")
    "#]],
    )
    .await;
    check_three(
        "S: a NO [OVERQUOTA] bandwidth exceeded",
        expect![[r#"
        Throttled { retry_after: None }: 127.0.0.1:143 wants a pause: [OVERQUOTA] bandwidth exceeded
    "#]],
    )
    .await;
    check_three(
        "S: a BAD what",
        expect![[r#"
        Protocol: 127.0.0.1:143 did not understand a FETCH: what
    "#]],
    )
    .await;
    check_three(
        "S: * BYE Too much",
        expect![[r#"
        Transient: 127.0.0.1:143 ended the session: Too much
    "#]],
    )
    .await;
}

/// Two messages are fine, one cannot be understood: the fine ones arrive, the mailbox stops.
#[tokio::test]
async fn what_cannot_be_understood_stops_the_mailbox_only() {
    check_three(
        r#"
        S: * 1 FETCH (UID 1 BODY[] "one")
        S: * 2 FETCH (UID 2 FLAGS (\Seen BODY[] {3}
        S+ two)\r\n
        S: * 3 FETCH (UID 3 BODY[] "three")
        S: a OK done
        "#,
        expect![[r#"
            1 {} [] no date 0: whole 3 one
            3 {} [] no date 0: whole 5 three
            Protocol: the server sent what cannot be understood (data of a message): * 2 FETCH (UID 2 FLAGS (\\Seen BODY[] {3}\r\n)\r\n
        "#]],
    )
    .await;
    check_three("S: * 1 FETCHED (UID 1)\nS: a OK done", expect![[r#"
        Protocol: the server sent what cannot be understood (data of a message): * 1 FETCHED (UID 1)\r\n
    "#]]).await;
    check_three("S: + go\nS: a OK done", expect![[r#"
        Protocol: the server sent what cannot be understood (a prompt that nobody waits for): + go\r\n
    "#]]).await;
}

#[tokio::test]
async fn literals_that_are_cut_are_no_messages() {
    check_three(
        "S: * 1 FETCH (UID 1 BODY[] {10}\nS+ half\nCLOSE",
        expect![[r#"
        Transient: 127.0.0.1:143 closed the connection
    "#]],
    )
    .await;
    let large = "S: * 1 FETCH (UID 1 FLAGS () INTERNALDATE NIL BODY[] {9000000}\nZEROS 600000";
    check_three(
        &format!("{large}\nCLOSE"),
        expect![[r#"
        1 {} [] no date 0: cut 1 524288
        Transient: 127.0.0.1:143 closed the connection
    "#]],
    )
    .await;
}

#[tokio::test]
async fn large_messages_come_in_pieces() {
    check_three(
        r#"
        S: * 1 FETCH (UID 1 FLAGS (\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 7 BODY[] {9000000}
        ZEROS 9000000
        S+ )\r\n
        S: * 2 FETCH (UID 2 BODY[] "two")
        S: a OK done
        "#,
        expect![[r#"
            1 {"seen"} [] 1996-07-17T09:44:25Z 7: pieces 18 9000000
            2 {} [] no date 0: whole 3 two
            Done
        "#]],
    )
    .await;
}

/// The facts come behind 9 MB: they are asked for first, then the message again.
#[tokio::test]
async fn large_messages_whose_facts_come_late() {
    check_three(
        &format!(
            r#"
            S: * 1 FETCH (BODY[] {{9000000}}
            ZEROS 9000000
            S+  UID 1 FLAGS (\\Seen))\r\n
            S: * 2 FETCH (UID 2 BODY[] "two")
            S: a OK done
            C: b UID FETCH 1 ({FACTS})
            S: * 1 FETCH (UID 1 FLAGS (\Seen) RFC822.SIZE 9000000)
            S: b OK done
            C: c UID FETCH 1 (UID BODY.PEEK[])
            S: * 1 FETCH (BODY[] {{9000000}}
            ZEROS 9000000
            S+  UID 1)\r\n
            S: c OK done
            "#
        ),
        expect![[r#"
            2 {} [] no date 0: whole 3 two
            1 {"seen"} [] no date 9000000: pieces 18 9000000
            Done
        "#]],
    )
    .await;
    // The second time, it is another one.
    check_three(
        &format!(
            r#"
            S: * 1 FETCH (BODY[] {{9000000}}
            ZEROS 9000000
            S+  UID 1)\r\n
            S: a OK done
            C: b UID FETCH 1 ({FACTS})
            S: b OK done
            C: c UID FETCH 1 (UID BODY.PEEK[])
            S: * 1 FETCH (BODY[] {{9000000}}
            ZEROS 9000000
            S+  UID 2)\r\n
            S: c OK done
            "#
        ),
        expect![[r#"
            1 {} [] no date 0: cut 18 9000000
            Protocol: the server sent what cannot be understood (a message that was not asked for): * 1 FETCH (BODY[] {9000000}\r\n UID 2)\r\n
        "#]],
    )
    .await;
}

#[tokio::test]
async fn commands_are_short_and_several_are_in_flight() {
    let uids: Vec<u64> = (1..=1030).rev().chain([0, 5, u64::MAX]).collect();
    check(
        &uids,
        "
        C: a UID FETCH 1:256 *
        C: b UID FETCH 257:512 *
        C: c UID FETCH 513:768 *
        S: b OK done
        C: d UID FETCH 769:1024 *
        S: a OK done
        C: e UID FETCH 1025:1030 *
        S: * 6 FETCH (UID 1030 BODY[] \"last\")
        S: e OK done
        S: d OK done
        S: c OK done
        ",
        expect![[r#"
            1030 {} [] no date 0: whole 4 last
            Done
        "#]],
    )
    .await;
    check(
        &[],
        "",
        expect![[r#"
        Done
    "#]],
    )
    .await;
}

#[tokio::test]
async fn headers_are_hashed_without_their_empty_line() {
    let script = r#"
        C: a UID FETCH 1:4 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
        S: * 1 FETCH (UID 1 INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 11 BODY[HEADER] {8}
        S+ A: b\r\n\r\n)\r\n
        S: * 7 FETCH (UID 7 BODY[HEADER] "x")
        S: * 2 FETCH (UID 2 BODY[HEADER] NIL)
        S: * 4 FETCH (BODY[HEADER] "A: b" UID 4)
        S: * 4 FETCH (BODY[HEADER] "A: b" UID 4)
        S: a OK done
    "#;
    let found = after_login(script, async |it| it.headers(&[4, 1, 2, 3]).await).await.unwrap();
    let hash = |bytes: &[u8]| types::Hash(Sha256::digest(bytes).into());
    let received = Some(types::Timestamp(837_596_665));
    let item =
        |uid, size, received, bytes| HeaderItem { uid, size, received, header_hash: hash(bytes) };
    assert_eq!(found, [item(1, 11, received, b"A: b\r\n"), item(4, 0, None, b"A: b")]);
}

#[tokio::test]
async fn headers_that_are_refused() {
    let ask = "C: a UID FETCH 1 *";
    for (answer, want) in [
        (
            "S: a NO no such message",
            expect![[r#"
            []
        "#]],
        ),
        (
            "S: a NO [THROTTLED] slow down",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:143 does not give headers: [THROTTLED] slow down
        "#]],
        ),
        (
            "S: a BAD what",
            expect![[r#"
            Protocol: 127.0.0.1:143 does not give headers: what
        "#]],
        ),
        (
            "S: * 1 FETCH (UID x)\nS: a OK done",
            expect![[r#"
            Protocol: the server sent what cannot be understood (data of a message): * 1 FETCH (UID x)\r\n
        "#]],
        ),
        (
            "S: * 1 FETCH (UID 1 BODY[HEADER] {5000000}\nZEROS 5000000\nS+ )\\r\\n\nS: a OK done",
            expect![[r#"
            []
        "#]],
        ),
    ] {
        let script = format!("{ask}\n{answer}");
        let result = after_login(&script, async |it| it.headers(&[1]).await).await;
        let shown = match result {
            Ok(found) => format!("{found:?}\n"),
            Err(error) => format!("{:?}: {error}\n", error.kind()),
        };
        want.assert_eq(&shown);
    }
}
