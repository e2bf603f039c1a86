//! Servers that never end, never answer, or say what no server says.

use std::time::Duration;

use mail_client::{ImapConnection, ImapSettings};
use ports::{FetchAnswer, Source, SourceError, SourceErrorKind};
use testkit::scripted::Delivery;

use crate::wire::{LOGIN, fetch, mailbox, settings, timeouts, with};

/// Logs in, lists, opens, fetches and asks for headers, as far as the server lets it.
async fn session(mut it: ImapConnection) -> Result<(usize, FetchAnswer), SourceError> {
    it.mailboxes().await?;
    it.open(&mailbox("Box"), None).await?;
    let (answer, got) = fetch(&mut it, &[1, 2, 3]).await;
    let answer = answer?;
    it.headers(&[1, 2, 3]).await?;
    it.close().await;
    Ok((got.len(), answer))
}

fn impatient() -> ImapSettings {
    ImapSettings { timeouts: timeouts(), ..settings() }
}

/// The places in a session where a server can go wrong: what comes before each.
const STAGES: [&str; 6] = [
    "",
    "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\nC: l AUTHENTICATE *",
    "LOGIN\nC: a LIST *",
    "LOGIN\nC: a LIST *\nS: a OK\nC: b EXAMINE *",
    "LOGIN\nC: a LIST *\nS: a OK\nC: b EXAMINE *\nS: * 3 EXISTS\nS: b OK\nC: c UID SEARCH ALL\n\
     S: * SEARCH 1 2 3\nS: c OK\nC: d UID FETCH *",
    "LOGIN\nC: a LIST *\nS: a OK\nC: b EXAMINE *\nS: * 3 EXISTS\nS: b OK\nC: c UID SEARCH ALL\n\
     S: * SEARCH 1 2 3\nS: c OK\nC: d UID FETCH *\nS: * 1 FETCH (UID 1 BODY[] \"x\")\nS: d OK\n\
     C: e UID FETCH *",
];

async fn at_every_stage(
    what: &str,
    check: impl Fn(&str, Result<(usize, FetchAnswer), SourceError>),
) {
    for stage in STAGES {
        let script = format!("{}\n{what}", stage.replace("LOGIN", LOGIN));
        let (result, _) = with(&script, impatient(), Delivery::default(), session).await;
        check(stage, result);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_everywhere() {
    at_every_stage("HANG", |stage, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Transient, "{stage}: {error}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn half_a_line_has_an_end_everywhere() {
    at_every_stage("S+ * 1 FETCH (UID 1 BODY[] {5}\\r\\nab\nHANG", |stage, result| {
        let error = result.unwrap_err();
        let kinds = [SourceErrorKind::Transient, SourceErrorKind::Protocol];
        assert!(kinds.contains(&error.kind()), "{stage}: {error}");
    })
    .await;
}

#[tokio::test]
async fn goodbyes_are_errors_everywhere() {
    at_every_stage("S: * BYE Too many sessions, come back in 2 minutes\nCLOSE", |stage, result| {
        let error = result.unwrap_err();
        let pause = Some(Duration::from_secs(120));
        let want = SourceErrorKind::Throttled { retry_after: pause };
        assert_eq!(error.kind(), want, "{stage}: {error}");
    })
    .await;
}

#[tokio::test]
async fn closed_connections_are_errors_everywhere() {
    at_every_stage("CLOSE", |stage, result| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Transient, "{stage}: {error}");
    })
    .await;
}

/// Not one of these is remembered, nor waited for longer than the limits say.
#[tokio::test]
async fn streams_without_end_have_one() {
    for (stage, what) in [
        (2, "S*501000 * OK x"),
        (3, "S*501000 * 5 EXISTS"),
        (4, "S*501000 * 1 FETCH (FLAGS ())"),
        (5, "S*501000 * X-SPAM"),
    ] {
        let script = format!("{}\n{what}\nHANG", STAGES[stage].replace("LOGIN", LOGIN));
        let (result, _) = with(&script, settings(), Delivery::default(), session).await;
        let error = result.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), SourceErrorKind::Protocol, "{what}: {text}");
        assert!(text.contains("without end"), "{what}: {text}");
    }
}

#[tokio::test]
async fn lists_without_end_have_one() {
    for (what, words) in
        [("S*501000 * LIST () NIL a", "without end"), ("S*300 * VANISHED 1:4000000000", "not open")]
    {
        let script = format!("{LOGIN}\nC: a LIST *\n{what}\nS: a NO not open");
        let (result, _) = with(&script, settings(), Delivery::default(), session).await;
        let error = result.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    // A range is short on the wire, and endless in memory.
    let script = format!(
        "{LOGIN}
        C: a LIST *
        S: a OK
        C: b EXAMINE *
        S: * 3 EXISTS
        S: b OK
        C: c UID SEARCH ALL
        S: * ESEARCH UID ALL 1:4294967295
        S: c OK"
    );
    let (result, _) = with(&script, settings(), Delivery::default(), session).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("more than 20000000 messages"), "{error}");
}

#[tokio::test]
async fn lines_and_literals_without_end() {
    for (what, words) in [
        ("ZEROS 10000000", "a line without end"),
        ("S: * 1 FETCH (UID 1 BODY[] {18446744073709551616}", "a literal beyond all limits"),
        ("S: * 1 FETCH (UID 1 BODY[] {4294967296}", "a literal beyond all limits"),
        ("S: * 1 FETCH (UID 1 X {4294967296}", "a literal beyond all limits"),
    ] {
        let script = format!("{}\n{what}\nHANG", STAGES[4].replace("LOGIN", LOGIN));
        let (result, _) = with(&script, settings(), Delivery::default(), session).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Protocol);
        assert!(error.to_string().contains(words), "{error}");
    }
    // 65 literals in one response.
    let many = "S: X {1}\nS+ y\n".repeat(65);
    let script = format!("{}\nS+ * 1 FETCH (UID 1 \n{many}HANG", STAGES[4].replace("LOGIN", LOGIN));
    let (result, _) = with(&script, settings(), Delivery::default(), session).await;
    assert!(result.unwrap_err().to_string().contains("a literal beyond all limits"));
}

/// A literal that nobody asked for is passed over, whatever its size, and the rest goes on.
#[tokio::test]
async fn large_literals_of_strangers_are_passed_over() {
    let script = format!(
        "{}
        S: * 1 FETCH (UID 1 X-HUGE {{30000000}}
        ZEROS 30000000
        S+  BODY[] {{3}}\\r\\none)\\r\\n
        S: * 9 FETCH (UID 9 BODY[] {{30000000}}
        ZEROS 30000000
        S+ )\\r\\n
        S: d OK
        C: e UID FETCH *
        S: * 1 FETCH (UID 1 BODY[HEADER] {{30000000}}
        ZEROS 30000000
        S+ )\\r\\n
        S: e OK",
        STAGES[4].replace("LOGIN", LOGIN)
    );
    let (result, played) = with(&script, settings(), Delivery::default(), session).await;
    assert_eq!(result.unwrap(), (1, FetchAnswer::Done));
    assert_eq!(played.surprise, None);
}

/// A server that sends what nobody wants, but always something, is left after a while.
#[tokio::test(start_paused = true)]
async fn chatter_is_not_progress() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let server = async move {
        use tokio::io::AsyncWriteExt;
        let stage = STAGES[4].replace("LOGIN", LOGIN);
        testkit::scripted::play(
            testkit::scripted::Speech::Imap,
            &format!("{stage}\nCLOSE"),
            &mut far,
            Delivery::default(),
        )
        .await;
        while far.write_all(b"* OK still working\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    let client = async move {
        let account = mail_client::ImapAccount::new(impatient())?;
        let server = account.settings().server.clone();
        let stream = net::Stream::over(near, server, account.deadlines());
        session(account.connect_over(stream).await?).await
    };
    let (result, ()) = tokio::join!(client, server);
    assert_eq!(result.unwrap_err().to_string(), "127.0.0.1:143 is too slow (a message)");
}
