//! Listing and opening mailboxes, at servers old and new.

use expect_test::{Expect, expect};
use mail_client::ImapConnection;
use ports::{Enumeration, Known, MailboxInfo, Source, SourceError};
use testkit::scripted::Delivery;

use crate::wire::{LOGIN, after_login, mailbox, settings, with};

fn shown(mailboxes: &[MailboxInfo]) -> String {
    let line = |it: &MailboxInfo| {
        let MailboxInfo { name, special_use, namespace, selectable, status } = it;
        let status = status
            .map(|it| format!("{} {} {} {}", it.messages, it.uid_validity, it.uid_next, it.modseq));
        format!(
            "{:?} {} {special_use:?} {namespace:?} selectable={selectable} {status:?}\n",
            name.parts,
            name.raw.escape_ascii()
        )
    };
    mailboxes.iter().map(line).collect()
}

async fn check_list(script: &str, want: Expect) {
    let (result, played) = with(script, settings(), Delivery::default(), async |mut it| {
        let mailboxes = it.mailboxes().await?;
        let warnings = it.warnings();
        it.close().await;
        Ok((mailboxes, warnings))
    })
    .await;
    let shown = match result {
        Ok((mailboxes, warnings)) => {
            let warnings: String = warnings.iter().map(|it| format!("warning: {it}\n")).collect();
            format!("{}{warnings}", shown(&mailboxes))
        }
        Err(error) => format!("{:?}: {error}\n", error.kind()),
    };
    let surprise = played.surprise.map(|it| format!("surprise: {it}\n")).unwrap_or_default();
    want.assert_eq(&format!("{shown}{surprise}"));
}

#[tokio::test]
async fn one_round_trip_where_the_server_can() {
    check_list(
        r#"
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: a AUTHENTICATE PLAIN *
        S: a OK [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS SPECIAL-USE NAMESPACE CONDSTORE] in
        C: b NAMESPACE
        S: * NAMESPACE (("" "/")) (("Shared/" "/")) (("Public/" "/"))
        S: b OK done
        C: c LIST "" "*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))
        C: d LIST "" "Shared/*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))
        C: e LIST "" "Public/*" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7 HIGHESTMODSEQ 9)
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: * STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 8 HIGHESTMODSEQ 1)
        S: * LIST (\NonExistent \HasChildren) "/" Archive
        S: * LIST (\HasNoChildren) "/" Archive/Entw&APw-rfe
        S: * STATUS Archive/Entw&APw-rfe (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 9 HIGHESTMODSEQ 2)
        S: * LIST (\HasNoChildren) "/" Shared/bob
        S: c OK done
        S: * LIST (\HasNoChildren) "/" Shared/bob
        S: * STATUS Shared/bob (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 9 HIGHESTMODSEQ 2)
        S: d OK done
        S: e NO not for you
        "#,
        expect![[r#"
            ["INBOX"] INBOX None Personal selectable=true Some("3 7 4 9")
            ["Sent"] Sent Some(Sent) Personal selectable=true Some("0 8 1 1")
            ["Archive"] Archive None Personal selectable=false None
            ["Archive", "Entwürfe"] Archive/Entw&APw-rfe None Personal selectable=true Some("1 9 2 2")
            ["Shared", "bob"] Shared/bob None OtherUsers selectable=true Some("1 9 2 2")
            warning: the server does not list mailboxes below Public/: not for you
        "#]],
    )
    .await;
}

#[tokio::test]
async fn old_servers_are_asked_for_each() {
    check_list(
        &format!(
            r#"{LOGIN}
            C: a LIST "" "*"
            S: * LIST () "." Inbox
            S: * LIST (\Noselect) "." INBOX.Lists
            S: * LIST () "." INBOX.Lists.a
            S: * LIST () NIL "un quoted"
            S: * LIST () "." secret
            S: a OK done
            C: b STATUS "INBOX" (MESSAGES UIDNEXT UIDVALIDITY)
            C: c STATUS "INBOX.Lists.a" (MESSAGES UIDNEXT UIDVALIDITY)
            C: d STATUS "un quoted" (MESSAGES UIDNEXT UIDVALIDITY)
            C: e STATUS "secret" (MESSAGES UIDNEXT UIDVALIDITY)
            S: * STATUS "INBOX" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7)
            S: b OK done
            S: * STATUS INBOX.Lists.a (MESSAGES 3 UIDVALIDITY 0)
            S: c OK done
            S: * STATUS "un quoted" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)
            S: d OK done
            S: e NO [NOPERM] no
            "#
        ),
        expect![[r#"
            ["INBOX"] INBOX None Personal selectable=true Some("3 7 4 0")
            ["INBOX", "Lists"] INBOX.Lists None Personal selectable=false None
            ["INBOX", "Lists", "a"] INBOX.Lists.a None Personal selectable=true Some("3 0 0 0")
            ["un quoted"] un quoted None Personal selectable=true Some("0 7 1 0")
            ["secret"] secret None Personal selectable=true None
        "#]],
    )
    .await;
}

#[tokio::test]
async fn names_of_every_spelling() {
    check_list(
        &format!(
            r#"{LOGIN}
            C: a LIST "" "*"
            S: * LIST (\Noselect) "/" {{5}}
            S+ a"b c\r\n
            S: * LIST (\Noselect) "/" "A & B"
            S: * LIST (\Noselect) "/" &U,BTFw-/&ZeVnLIqe-
            S+ * LIST (\\Noselect) "/" "Entw\xfcrfe"\r\n
            S: * LIST (\Noselect) "/" "Entwürfe"
            S: * LIST (\Noselect) "\\" "x\\y"
            S: a OK done
            "#
        ),
        expect![[r#"
            ["a\"b c"] a\"b c None Personal selectable=false None
            ["A & B"] A & B None Personal selectable=false None
            ["台北", "日本語"] &U,BTFw-/&ZeVnLIqe- None Personal selectable=false None
            ["Entw\\xfcrfe"] Entw\xfcrfe None Personal selectable=false None
            ["Entwürfe"] Entw\xc3\xbcrfe None Personal selectable=false None
            ["x", "y"] x\\y None Personal selectable=false None
        "#]],
    )
    .await;
}

#[tokio::test]
async fn lists_that_fail() {
    for (answer, want) in [
        (
            "S: a NO [THROTTLED] later",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:143 wants a pause: [THROTTLED] later
        "#]],
        ),
        (
            "S: a NO broken",
            expect![[r#"
            Protocol: 127.0.0.1:143 does not list its mailboxes: broken
        "#]],
        ),
        (
            r#"S: * LIST (\X "/" a"#,
            expect![[r#"
            Protocol: the server sent what cannot be understood (a response of no known form): * LIST (\\X \"/\" a\r\n
        "#]],
        ),
        (
            r#"S: * LIST () "/" a"#,
            expect![[r#"
            Transient: 127.0.0.1:143 closed the connection
        "#]],
        ),
    ] {
        check_list(&format!("{LOGIN}\nC: a LIST *\n{answer}\nCLOSE"), want).await;
    }
}

/// Logs in at a server with QRESYNC.
const QRESYNC: &str = r"
    S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
    C: a AUTHENTICATE PLAIN *
    S: a OK [CAPABILITY IMAP4rev1 ENABLE QRESYNC ESEARCH] in
    C: b ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: b OK done
";

async fn check_open(script: &str, known: Option<Known>, want: Expect) {
    let open = async |it: &mut ImapConnection| it.open(&mailbox("Box"), known).await;
    let result: Result<Enumeration, SourceError> = if script.contains("ENABLE") {
        let (result, played) =
            with(script, settings(), Delivery::default(), async |mut it| open(&mut it).await).await;
        if result.is_ok() {
            assert_eq!(played.surprise, None);
        }
        result
    } else {
        after_login(script, open).await
    };
    let shown = match result {
        Ok(Enumeration { status, uids }) => {
            let it = status;
            let status =
                format!("{} {} {} {}", it.messages, it.uid_validity, it.uid_next, it.modseq);
            format!("{status} {uids:?}\n")
        }
        Err(error) => format!("{:?}: {error}\n", error.kind()),
    };
    want.assert_eq(&shown);
}

#[tokio::test]
async fn all_messages_are_listed() {
    check_open(
        r#"
        C: c EXAMINE "Box"
        S: * 3 EXISTS
        S: * 0 RECENT
        S: * FLAGS (\Seen)
        S: * OK [UIDVALIDITY 7] ok
        S: * OK [UIDNEXT 9] ok
        S: c OK [READ-ONLY] done
        C: d UID SEARCH ALL
        S: * 2 EXPUNGE
        S: * SEARCH 8 2 2
        S: * 4 EXISTS
        S: * SEARCH 12 5
        S: * 7 EXISTS
        S: d OK done
        "#,
        None,
        expect![[r#"
            4 7 13 0 All([2, 5, 8, 12])
        "#]],
    )
    .await;
    // An empty one needs no list.
    check_open(
        r#"
        C: c EXAMINE "Box"
        S: * 0 EXISTS
        S: c OK [READ-ONLY] done
        "#,
        None,
        expect![[r#"
            0 0 0 0 All([])
        "#]],
    )
    .await;
    let script = format!(
        r#"{QRESYNC}
        C: c EXAMINE "Box" (CONDSTORE)
        S: * 4 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: * OK [HIGHESTMODSEQ 99] ok
        S: c OK [READ-ONLY] done
        C: d UID SEARCH RETURN (ALL) ALL
        S: * ESEARCH (TAG "d") UID ALL 2,5:7
        S: d OK done
        "#
    );
    check_open(
        &script,
        None,
        expect![[r#"
        4 7 0 99 All([2, 5, 6, 7])
    "#]],
    )
    .await;
}

const KNOWN: Option<Known> = Some(Known { uid_validity: 7, modseq: 50, uid_next: 10 });

#[tokio::test]
async fn the_difference_is_enough() {
    let script = format!(
        r#"{QRESYNC}
        C: c EXAMINE "Box" (QRESYNC (7 50))
        S: * 4 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: * OK [UIDNEXT 13] ok
        S: * OK [HIGHESTMODSEQ 99] ok
        S: * VANISHED (EARLIER) 2:3,8:20
        S: * 2 FETCH (UID 5 FLAGS (\Seen) MODSEQ (88))
        S: c OK [READ-ONLY] done
        C: d UID SEARCH RETURN (ALL) UID 10:*
        S: * ESEARCH (TAG "d") UID ALL 9,11:12
        S: d OK done
        "#
    );
    check_open(
        &script,
        KNOWN,
        expect![[r#"
        4 7 13 99 Delta { vanished: [2, 3, 8, 9], new: [11, 12] }
    "#]],
    )
    .await;
    // Nothing new: no search.
    let script = format!(
        r#"{QRESYNC}
        C: c EXAMINE "Box" (QRESYNC (7 50))
        S: * 4 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: * OK [UIDNEXT 10] ok
        S: c OK [HIGHESTMODSEQ 50] done
        "#
    );
    check_open(
        &script,
        KNOWN,
        expect![[r#"
        4 7 10 50 Delta { vanished: [], new: [] }
    "#]],
    )
    .await;
}

#[tokio::test]
async fn another_uidvalidity_lists_everything() {
    for (codes, want) in [
        (
            "S: * OK [UIDVALIDITY 8] ok\nS: * OK [HIGHESTMODSEQ 99] ok",
            expect![[r#"
            2 8 0 99 All([1, 2])
        "#]],
        ),
        (
            "S: * OK [UIDVALIDITY 7] ok\nS: * OK [NOMODSEQ] none",
            expect![[r#"
            2 7 0 0 All([1, 2])
        "#]],
        ),
    ] {
        let script = format!(
            r#"{QRESYNC}
            C: c EXAMINE "Box" (QRESYNC (7 50))
            S: * 2 EXISTS
            {codes}
            S: c OK done
            C: d UID SEARCH RETURN (ALL) ALL
            S: * ESEARCH (TAG "d") UID ALL 1:2
            S: d OK done
            "#
        );
        check_open(&script, KNOWN, want).await;
    }
}

#[tokio::test]
async fn mailboxes_that_do_not_open() {
    for (answer, want) in [
        (
            "S: c NO [NONEXISTENT] no such mailbox",
            expect![[r#"
            Mailbox: the server does not open Box: [NONEXISTENT] no such mailbox
        "#]],
        ),
        (
            "S: * NO locked by admin\nS: c NO failed",
            expect![[r#"
            Mailbox: the server does not open Box: failed (locked by admin)
        "#]],
        ),
        (
            "S: c NO [INUSE] busy",
            expect![[r#"
            Throttled { retry_after: None }: the server cannot open Box now: [INUSE] busy
        "#]],
        ),
        (
            "S: c BAD what",
            expect![[r#"
            Mailbox: the server does not open Box: what
        "#]],
        ),
        (
            "S: * 3 EXISTS\nCLOSE",
            expect![[r#"
            Transient: 127.0.0.1:143 closed the connection
        "#]],
        ),
        (
            "S: * 3 EXISTS\nS: * BYE [UNAVAILABLE] going down",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:143 ended the session: [UNAVAILABLE] going down
        "#]],
        ),
        (
            "S: * 3 EXISTS\nS: c OK done\nC: d UID SEARCH ALL\nS: d OK done",
            expect![[r#"
            Protocol: the server says that Box has 3 messages, and names none
        "#]],
        ),
        (
            "S: * 3 EXISTS\nS: c OK done\nC: d UID SEARCH ALL\nS: * SEARCH 1 2\nCLOSE",
            expect![[r#"
            Transient: 127.0.0.1:143 closed the connection
        "#]],
        ),
        (
            "S: * 3 EXISTS\nS: c OK done\nC: d UID SEARCH ALL\nS: * SEARCH 1 2\nS: d NO sorry",
            expect![[r#"
            Mailbox: the server does not open Box: sorry
        "#]],
        ),
        (
            "S: * 3 EXISTS\nS: c OK done\nC: d UID SEARCH ALL\nS: * SEARCH 1 x\nS: d OK done",
            expect![[r#"
            Protocol: the server sent what cannot be understood (a response of no known form): * SEARCH 1 x\r\n
        "#]],
        ),
    ] {
        check_open(&format!("C: c EXAMINE \"Box\"\n{answer}"), None, want).await;
    }
}

/// A refused mailbox does not end the session; anything else does.
#[tokio::test]
async fn the_next_mailbox_can_be_opened() {
    let script = r#"
        C: c EXAMINE "Box"
        S: c NO [NOPERM] no
        C: d EXAMINE "Other"
        S: * 0 EXISTS
        S: d OK done
        C: e EXAMINE "Third"
        S: e garbage
    "#;
    let result = after_login(script, async |it| {
        it.open(&mailbox("Box"), None).await.unwrap_err();
        it.open(&mailbox("Other"), None).await?;
        it.open(&mailbox("Third"), None).await.unwrap_err();
        it.open(&mailbox("Fourth"), None).await
    });
    let error = result.await.unwrap_err();
    assert_eq!(error.to_string(), "the session with 127.0.0.1:143 is over");
}
