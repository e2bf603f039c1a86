//! Servers that mean harm, or are broken beyond hope: every wait and every size has an end.

use std::time::Duration;

use expect_test::{Expect, expect};
use mail_client::Pop3Settings;
use ports::Source;
use testkit::scripted::Delivery;
use tokio::io::AsyncWriteExt;

use super::wire::{LOGIN, fetch_all, settings, with};
use crate::wire::timeouts;

const LISTS: &str = "
    C: STAT
    C: LIST
    C: UIDL
    S: +OK 1 10
    S: +OK
    S: 1 10
    S: .
    S: +OK
    S: 1 a
    S: .
    C: RETR 1
    C: RSET
";

/// What comes of fetching everything.
async fn check(script: &str, want: Expect) {
    let settings = Pop3Settings { timeouts: timeouts(), ..settings() };
    let (result, _) = with(script, settings, Delivery::default(), async |mut it| {
        let (answer, got) = fetch_all(&mut it).await?;
        assert_eq!(got.iter().filter(|it| !it.body.starts_with("cut")).count(), 0);
        let result = answer.map(|it| format!("{it:?}"));
        assert!(it.mailboxes().await.is_err(), "a session after an error");
        result
    })
    .await;
    let shown = match result {
        Ok(text) => text,
        Err(error) => format!("{:?}: {error}", error.kind()),
    };
    let shown: String = shown.chars().take(200).collect();
    want.assert_eq(&shown);
}

#[tokio::test]
async fn lines_and_lists_without_end() {
    check("ZEROS 100000", expect!["Protocol: the server sent what cannot be understood (a line without end): xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]).await;
    let capabilities = "S: +OK\nC: CAPA\nS: +OK\nS*2000 X-MORE";
    check(capabilities, expect!["Protocol: the server lists capabilities without end"]).await;
    let stat = format!("{LOGIN}\nC: STAT\nC: LIST\nC: UIDL\nS: +OK 1 1\nS: +OK\nZEROS 9000");
    check(&stat, expect!["Protocol: the server sent what cannot be understood (a line without end): xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]).await;
}

#[tokio::test]
async fn answers_that_cannot_be_understood() {
    let begin = format!("{LOGIN}\nC: STAT\nC: LIST\nC: UIDL\n");
    check(
        &format!("{begin}S: +OK many"),
        expect!["Protocol: the server sent what cannot be understood (a number of messages): many"],
    )
    .await;
    check(
        &format!("{begin}S: OK 1 1"),
        expect!["Protocol: the server sent what cannot be understood (no status): OK 1 1"],
    )
    .await;
    check(
        &format!("{begin}S: +OK 1 1\nS: +OK\nS: one 1"),
        expect!["Protocol: the server sent what cannot be understood (a line of a list): one 1"],
    )
    .await;
    check(
        &format!("{begin}S: +OK 1 1\nS: +OK\nS: 99999999999 1"),
        expect![
            "Protocol: the server sent what cannot be understood (a line of a list): 99999999999 1"
        ],
    )
    .await;
    check(
        &format!("{begin}S: +OK 1 1\nS: +OK\nS: 0 1"),
        expect!["Protocol: the server sent what cannot be understood (a line of a list): 0 1"],
    )
    .await;
    let twice = "S: +OK 1 1\nS: +OK\nS: 1 1\nS: .\nS: +OK\nS: 1 a\nS: 1 b";
    check(&format!("{begin}{twice}"), expect!["Protocol: the server sent what cannot be understood (a second UIDL of one message): 1 b"]).await;
    check(
        &format!("{begin}S: -ERR [SYS/PERM] cannot be read"),
        expect!["Mailbox: 127.0.0.1:110 refused to open the mailbox: [SYS/PERM] cannot be read"],
    )
    .await;
    check(
        &format!("{LOGIN}{LISTS}S: what"),
        expect!["Transient: the server sent what cannot be understood (no status): what"],
    )
    .await;
}

#[tokio::test]
async fn a_login_that_asks_without_end() {
    let script = "S: +OK\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\nC: AUTH PLAIN\nS*100 +\nHANG";
    check(script, expect!["Protocol: 127.0.0.1:110 asks in a login without end"]).await;
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_everywhere() {
    let lines: Vec<&str> = LOGIN.lines().chain(LISTS.lines()).filter(|it| !it.is_empty()).collect();
    for n in 0..=lines.len() {
        let script = format!("{}\nHANG", lines[..n].join("\n"));
        let settings = Pop3Settings { timeouts: timeouts(), ..settings() };
        let began = tokio::time::Instant::now();
        let (result, _) = with(&script, settings, Delivery::default(), async |mut it| {
            let (answer, _) = fetch_all(&mut it).await?;
            answer
        })
        .await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ports::SourceErrorKind::Transient, "{n}: {error}");
        assert!(began.elapsed() < Duration::from_secs(120), "{n}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_is_left() {
    // A kilobyte a second would do; this is one in three, and each wait is short.
    let settings = Pop3Settings { timeouts: timeouts(), ..settings() };
    let (near, far) = tokio::io::duplex(1 << 16);
    let client = async move {
        let account = mail_client::Pop3Account::new(settings).unwrap();
        let server = account.settings().server.clone();
        let stream = net::Stream::over(near, server, account.deadlines());
        let mut it = account.connect_over(stream).await.unwrap();
        fetch_all(&mut it).await.unwrap().0
    };
    let server = async move {
        let (mut from, mut to) = tokio::io::split(far);
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
        });
        // Nothing waits for the client: its questions are known.
        let says = LOGIN.lines().chain(LISTS.lines()).map(str::trim_start);
        for line in says.filter_map(|it| it.strip_prefix("S: ")).chain(["+OK"]) {
            to.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        }
        while to.write_all(&[b'x'; 1024]).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    };
    let (answer, ()) = tokio::join!(client, server);
    let error = answer.unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1:110 is too slow (a message)");
}
