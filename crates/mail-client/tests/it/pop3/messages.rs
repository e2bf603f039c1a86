//! Lists, messages and headers, as servers send them.

use std::collections::HashSet;

use expect_test::{Expect, expect};
use ports::{FetchAnswer, Source, Uids};
use types::limits::PARSE_BYTES_MAX;

use super::wire::{LOGIN, OLD_LOGIN, after, fetch_all, open, shown};
use crate::wire::{fetch, mailbox};

/// STAT, LIST and UIDL of `messages`, as a server with PIPELINING answers them.
fn lists(messages: &[(u32, &str, &str)]) -> String {
    let n = messages.len();
    let mut script = format!("C: STAT\nC: LIST\nC: UIDL\nS: +OK {n} 1000\nS: +OK\n");
    for (number, size, _) in messages.iter().filter(|it| !it.1.is_empty()) {
        script += &format!("S: {number} {size}\n");
    }
    script += "S: .\nS: +OK\n";
    for (number, _, uidl) in messages.iter().filter(|it| !it.2.is_empty()) {
        script += &format!("S: {number} {uidl}\n");
    }
    script + "S: .\n"
}

/// What comes when everything is fetched.
async fn check(script: &str, want: Expect) {
    let result = after(LOGIN, script, async |it| {
        let (answer, got) = fetch_all(it).await?;
        Ok(shown(&answer, &got))
    })
    .await;
    match result {
        Ok(text) => want.assert_eq(&text),
        Err(error) => want.assert_eq(&format!("{:?}: {error}\n", error.kind())),
    }
}

/// The same of a mailbox with one message, whose answer stands in `script`.
async fn check_one(script: &str, want: Expect) {
    let script = format!("{}C: RETR 1\nC: RSET\n{script}\nS: +OK\n", lists(&[(1, "20", "a")]));
    check(&script, want).await;
}

#[tokio::test]
async fn lists_and_messages() {
    let script = lists(&[(1, "9", "a"), (2, "3", "b"), (5, "2", "c d")])
        + "
        C: RETR 1
        C: RETR 2
        C: RETR 5
        C: RSET
        S: +OK 9 octets
        S: A: b
        S:
        S: ..
        S: .
        S: +OK
        S: x
        S: .
        S: +OK
        S:
        S: .
        S: +OK
        ";
    check(
        &script,
        expect![[r#"
            0: whole 11 A: b\r\n\r\n.\r\n
            0: whole 3 x\r\n
            0: whole 2 \r\n
            Done
        "#]],
    )
    .await;
}

#[tokio::test]
async fn one_command_at_a_time_at_an_old_server() {
    let script = "
        C: STAT
        S: +OK 2 20
        C: LIST
        S: +OK
        S: 1 4
        S: 2 4
        S: .
        C: UIDL
        S: +OK
        S: 1 x
        S: 2 y
        S: .
        C: RETR 1
        S: +OK
        S: ab
        S: .
        C: RETR 2
        S: +OK
        S: cd
        S: .
        C: RSET
        S: -ERR what
    ";
    let text = after(OLD_LOGIN, script, async |it| {
        let listed = it.mailboxes().await?;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].status.unwrap().messages, 2);
        let (answer, got) = fetch_all(it).await?;
        assert_eq!(it.warnings(), Vec::<String>::new());
        Ok(shown(&answer, &got))
    });
    expect![[r#"
        0: whole 4 ab\r\n
        0: whole 4 cd\r\n
        Done
    "#]]
    .assert_eq(&text.await.unwrap());
}

#[tokio::test]
async fn only_inbox_is_there() {
    let error = after(LOGIN, "", async |it| it.open(&mailbox("Sent"), None).await).await;
    assert_eq!(error.unwrap_err().to_string(), "Sent: POP3 has no mailbox but INBOX");
}

#[tokio::test]
async fn dots_and_line_ends_stay_as_they_are() {
    check_one(
        "S+ +OK\\r\\n.\\r\\n",
        expect![[r#"
        20: whole 0 
        Done
    "#]],
    )
    .await;
    check_one(
        "S+ +OK\\r\\n..\\r\\n...two\\r\\n.\\r\\n",
        expect![[r#"
        0: whole 10 .\r\n..two\r\n
        Done
    "#]],
    )
    .await;
    check_one(
        "S+ +OK\\r\\na\\n.\\nb\\rc\\r\\r\\n.\\r\\n",
        expect![[r#"
        0: whole 10 a\n.\nb\rc\r\r\n
        Done
    "#]],
    )
    .await;
    check_one(
        "S+ +OK\\r\\n\\0\\xff\\r\\n.\\r\\n",
        expect![[r#"
        0: whole 4 \x00\xff\r\n
        Done
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_stands_behind_a_message_is_looked_at() {
    // A dot that was not escaped would end the message before its end.
    check_one(
        "S+ +OK\\r\\na\\r\\n.\\r\\nb\\r\\n.\\r\\n",
        expect![[r#"
        Transient: the server sent what cannot be understood (text behind the end of a message): b
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_last_line_has_an_end() {
    // Without one there is no end of the message either.
    let script = lists(&[(1, "1", "a")]) + "C: RETR 1\nC: RSET\nS+ +OK\\r\\na.\\r\\n\nCLOSE";
    check(
        &script,
        expect![[r#"
        Transient: 127.0.0.1:110 closed the connection
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_message_that_is_gone_meanwhile_is_refused() {
    let script = lists(&[(1, "3", "a"), (2, "3", "b")])
        + "
        C: RETR 1
        C: RETR 2
        C: RSET
        S: -ERR no such message
        S: +OK
        S: x
        S: .
        S: +OK
        ";
    check(
        &script,
        expect![[r#"
        0: whole 3 x\r\n
        Refused("no such message")
    "#]],
    )
    .await;
    let script = lists(&[(1, "3", "a")])
        + "
        C: RETR 1
        C: RSET
        S: -ERR Account exceeded command or bandwidth limits
        S: +OK
        ";
    check(&script, expect![[r#"
        Throttled { retry_after: None }: 127.0.0.1:110 wants a pause: Account exceeded command or bandwidth limits
    "#]]).await;
}

/// Ten messages of three bytes, announced with these sizes.
fn sized(sizes: impl Fn(u32) -> String, last: &str) -> String {
    let sizes: Vec<String> = (1..=10).map(sizes).collect();
    let messages: Vec<(u32, &str, String)> = (1..=10)
        .zip(&sizes)
        .map(|(number, size)| (number, size.as_str(), format!("u{number}")))
        .collect();
    let messages: Vec<(u32, &str, &str)> =
        messages.iter().map(|it| (it.0, it.1, it.2.as_str())).collect();
    let mut script = lists(&messages);
    (1..=10).for_each(|it| script += &format!("C: RETR {it}\n"));
    script += "C: RSET\n";
    (1..=9).for_each(|_| script += "S: +OK\nS: x\nS: .\n");
    script + last + "\nS: +OK\n"
}

/// Announced sizes that the archiver is told, of ten messages.
async fn told_sizes(script: &str) -> Vec<String> {
    let text = after(LOGIN, script, async |it| {
        let (answer, got) = fetch_all(it).await?;
        Ok(shown(&answer, &got))
    });
    let text = text.await.unwrap();
    let sizes = text.lines().filter_map(|it| it.split_once(": ")).map(|it| it.0.to_owned());
    sizes.collect()
}

#[tokio::test]
async fn pop3_size_lies() {
    // Sizes that were right so far are told, so that a message that was cut short shows.
    let last = "S: +OK\nS:\nS: .";
    let told = told_sizes(&sized(|_| "3".into(), last)).await;
    assert_eq!(told, ["0", "0", "0", "0", "0", "0", "0", "0", "3", "3"]);
    // Those of a server that estimates are not, whatever it estimates.
    for estimate in ["2", "5", "0", "4000000000", "99999999999999999999", "x"] {
        let told = told_sizes(&sized(|_| estimate.into(), last)).await;
        if estimate != "4000000000" {
            assert_eq!(told, ["0"; 10], "{estimate}");
        }
    }
    // That there is something is believed of every message.
    let told = told_sizes(&sized(|_| "5".into(), "S: +OK\nS: .")).await;
    assert_eq!(told.last().unwrap(), "5");
}

#[tokio::test]
async fn large_messages_come_in_pieces() {
    let n = PARSE_BYTES_MAX + 1000;
    // Announced or not, and less or more than it is.
    for size in ["", "1", "8389608", "9000000"] {
        let script = lists(&[(1, size, "a"), (2, "1", "b")])
            + &format!(
                "
                C: RETR 1
                C: RETR 2
                C: RSET
                S: +OK
                ZEROS {n}
                S:
                S: .
                S: +OK
                S: x
                S: .
                S: +OK
                "
            );
        let text = after(LOGIN, &script, async |it| {
            let (answer, got) = fetch_all(it).await?;
            Ok(shown(&answer, &got))
        });
        let text = text.await.unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("0: pieces 17 8389610"), "{size}: {first}");
        assert_eq!(rest, "0: whole 3 x\\r\\n\nDone\n");
    }
    // Up to the limit they are whole, whatever was announced.
    for size in ["", "1", "8388608"] {
        let n = PARSE_BYTES_MAX - 2;
        let script = lists(&[(1, size, "a")])
            + &format!("C: RETR 1\nC: RSET\nS: +OK\nZEROS {n}\nS:\nS: .\nS: +OK\n");
        let whole = after(LOGIN, &script, async |it| Ok(fetch_all(it).await?.1));
        let body = whole.await.unwrap().remove(0).body;
        let body: String = body.chars().take(20).collect();
        // Exactly the limit is found out to be whole only behind it.
        assert!(body.starts_with("whole 8388608") || body.starts_with("pieces 16"), "{body}");
    }
}

#[tokio::test]
async fn a_large_message_that_is_cut_has_no_end() {
    let script = lists(&[(1, "9000000", "a")]) + "C: RETR 1\nC: RSET\nS: +OK\nZEROS 600000\nCLOSE";
    check(
        &script,
        expect![[r#"
        0: cut 1 524288
        Transient: 127.0.0.1:110 closed the connection
    "#]],
    )
    .await;
}

/// The UIDs of a mailbox with these messages, and the warnings.
async fn uids_of(login: &str, script: &str) -> (Vec<u64>, Vec<String>) {
    let result = after(login, script, async |it| {
        it.mailboxes().await?;
        let (opened, uids) = open(it).await?;
        assert_eq!((opened.status.uid_validity, opened.status.uid_next), (1, 0));
        assert_eq!(opened.status.messages, uids.len() as u64);
        Ok((uids, it.warnings()))
    });
    result.await.unwrap()
}

#[tokio::test]
async fn numbers_may_be_missing() {
    let (uids, warnings) = uids_of(LOGIN, &lists(&[(2, "9", "a"), (7, "9", "b")])).await;
    let (same, _) = uids_of(LOGIN, &lists(&[(1, "9", "b"), (2, "9", "a")])).await;
    assert_eq!(uids, same);
    assert_eq!(warnings, Vec::<String>::new());
    // A message in one of the lists only is a message.
    let (uids, _) = uids_of(LOGIN, &lists(&[(1, "", "a"), (2, "9", "b")])).await;
    assert_eq!(uids, same);
}

#[tokio::test]
async fn pop3_duplicate_uidl() {
    let script = lists(&[(1, "9", "same"), (2, "9", "own"), (3, "9", "same")])
        + "
        C: TOP 1 0
        C: TOP 3 0
        S: +OK
        S: Subject: one
        S:
        S: .
        S: +OK
        S: Subject: two
        S:
        S: .
        ";
    let (uids, warnings) = uids_of(LOGIN, &script).await;
    assert_eq!(uids.iter().collect::<HashSet<_>>().len(), 3);
    assert_eq!(
        warnings,
        ["2 messages have no UIDL of their own; every run tells them apart by size and header"]
    );
}

#[tokio::test]
async fn without_uidl_messages_are_told_apart_by_their_headers() {
    let script = "
        C: STAT
        S: +OK 2 20
        C: LIST
        S: +OK
        S: 1 10
        S: 2 10
        S: .
        C: UIDL
        S: -ERR unknown command
        C: TOP 1 0
        S: +OK
        S: Subject: one
        S:
        S: .
        C: TOP 2 0
        S: +OK
        S: Subject: two
        S:
        S: .
    ";
    let (uids, warnings) = uids_of(OLD_LOGIN, script).await;
    let swapped = script.replace("one", "x").replace("two", "one").replace('x', "two");
    assert_eq!(uids_of(OLD_LOGIN, &swapped).await.0, uids, "numbers mean nothing");
    assert_eq!(
        warnings,
        ["the server gives messages no lasting names (no UIDL); every run tells them apart by \
          size and header"]
    );
}

#[tokio::test]
async fn without_uidl_and_top_messages_are_read_to_be_known() {
    let script = "
        C: STAT
        S: +OK 2 20
        C: LIST
        S: +OK
        S: 1 10
        S: 2 10
        S: .
        C: UIDL
        S: -ERR unknown command
        C: TOP 1 0
        S: -ERR unknown command
        C: RETR 1
        S: +OK
        S: one
        S: .
        C: RETR 2
        S: +OK
        S: two
        S: .
        C: RSET
        S: +OK
    ";
    let (uids, warnings) = uids_of(OLD_LOGIN, script).await;
    assert_eq!(uids.len(), 2);
    assert_eq!(
        warnings,
        ["the server gives messages no lasting names (no UIDL); every run tells them apart by \
          reading all of them"]
    );
}

#[tokio::test]
async fn uidl_that_is_announced_and_refused_is_not_missing() {
    let script = "
        C: STAT
        C: LIST
        C: UIDL
        S: +OK 0 0
        S: +OK
        S: .
        S: -ERR not now
    ";
    let error = after(LOGIN, script, async |it| it.mailboxes().await).await.unwrap_err();
    expect!["Transient: 127.0.0.1:110 refused to name its messages (UIDL): not now"]
        .assert_eq(&format!("{:?}: {error}", error.kind()));
}

#[tokio::test]
async fn pop3_uidl_partial_no_forget() {
    // A list that is shorter than the server says is told as it is: the archiver compares.
    let script = "
        C: STAT
        C: LIST
        C: UIDL
        S: +OK 3 30
        S: +OK
        S: 1 10
        S: .
        S: +OK
        S: 1 a
        S: .
    ";
    let opened = after(LOGIN, script, async |it| Ok(open(it).await?.0)).await.unwrap();
    assert_eq!(opened.status.messages, 3);
    assert!(matches!(opened.uids, Uids::All(uids) if uids.len() == 1));
}

#[tokio::test]
async fn headers_come_by_top() {
    let script = lists(&[(1, "30", "a"), (2, "40", "b"), (3, "50", "c")])
        + "
        C: TOP 1 0
        C: TOP 2 0
        C: TOP 3 0
        S: +OK
        S: Subject: one
        S:
        S: .
        S: -ERR gone
        S: +OK
        S: Subject: three
        S:
        S: some servers send more
        S: .
        ";
    let items = after(LOGIN, &script, async |it| {
        let (_, uids) = open(it).await?;
        it.headers(&uids).await
    });
    let items = items.await.unwrap();
    let mut found: Vec<(u64, types::Hash)> =
        items.iter().map(|it| (it.size, it.header_hash)).collect();
    found.sort();
    let hash = |it: &str| message::header_hash(it.as_bytes());
    assert_eq!(found, [(30, hash("Subject: one\r\n")), (50, hash("Subject: three\r\n"))]);
    assert!(items.iter().all(|it| it.received.is_none()));
}

#[tokio::test]
async fn without_top_there_are_no_headers() {
    let login = LOGIN.replace("S: TOP\n", "");
    let script = lists(&[(1, "30", "a")]);
    let items = after(&login, &script, async |it| {
        let (_, uids) = open(it).await?;
        it.headers(&uids).await
    });
    assert_eq!(items.await.unwrap(), []);
}

#[tokio::test]
async fn unknown_uids_are_left_out() {
    let script = lists(&[(1, "30", "a")]);
    let result = after(LOGIN, &script, async |it| {
        open(it).await?;
        let (answer, got) = fetch(it, &[77]).await;
        assert_eq!(got, []);
        answer
    });
    assert_eq!(result.await.unwrap(), FetchAnswer::Done);
}
