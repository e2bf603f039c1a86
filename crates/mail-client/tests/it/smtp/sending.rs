//! Messages, and what the server says for each recipient.

use expect_test::{Expect, expect};
use testkit::scripted::Delivery;

use super::wire::{OPEN, letter, settings, shown, to, with};

const MESSAGE: &str = "Subject: hi\r\n\r\n.dot\r\n";

async fn check(names: &[&str], message: &str, script: &str, want: Expect) {
    let recipients = to(names);
    let script = format!("{OPEN}{script}");
    let (result, played) = with(&script, settings(), Delivery::default(), async |it| {
        it.send(&letter(&recipients, message)).await
    })
    .await;
    let surprise = played.surprise.map(|it| format!("surprise: {it}\n")).unwrap_or_default();
    want.assert_eq(&format!("{}{surprise}", shown(&result)));
}

#[tokio::test]
async fn every_recipient_has_an_answer() {
    check(
        &["a", "b", "c", "d"],
        MESSAGE,
        "
        C: MAIL FROM:<archive@example.org> SIZE=21
        S: 250 2.1.0 ok
        C: RCPT TO:<a@example.org>
        S: 250 2.1.5 ok
        C: RCPT TO:<b@example.org>
        S: 550 5.1.1 no such user
        C: RCPT TO:<c@example.org>
        S: 450 4.2.0 Greylisted, come back in 300 seconds
        C: RCPT TO:<d@example.org>
        S: 251 will forward
        C: DATA
        S: 354 go on
        C: Subject: hi
        C: 
        C: ..dot
        C: .
        S: 250 2.0.0 queued as 4711
        ",
        expect![[r#"
            Accepted("2.0.0 queued as 4711")
            Refused("550 5.1.1 no such user")
            Later { text: "450 4.2.0 Greylisted, come back in 300 seconds", after: Some(300s) }
            Accepted("2.0.0 queued as 4711")
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_ends_a_transaction_is_the_answer_of_all() {
    check(
        &["a", "b"],
        MESSAGE,
        "
        C: MAIL FROM:*
        S: 452 4.3.1 disk full
        ",
        expect![[r#"
            Later { text: "452 4.3.1 disk full", after: None }
            Later { text: "452 4.3.1 disk full", after: None }
        "#]],
    )
    .await;
    check(
        &["a", "b"],
        MESSAGE,
        "
        C: MAIL FROM:*
        S: 250 ok
        C: RCPT TO:*
        S: 554 5.7.1 relay access denied
        C: RCPT TO:*
        S: 554 5.7.1 relay access denied
        C: RSET
        S: 250 ok
        ",
        expect![[r#"
            Refused("554 5.7.1 relay access denied")
            Refused("554 5.7.1 relay access denied")
        "#]],
    )
    .await;
    check(
        &["a", "b"],
        "x",
        "
        C: MAIL FROM:*
        S: 250 ok
        C: RCPT TO:*
        S: 250 ok
        C: RCPT TO:*
        S: 550 5.1.1 unknown
        C: DATA
        S: 354 go on
        C: x
        C: .
        S: 554 5.6.0 looks like spam
        ",
        expect![[r#"
            Refused("554 5.6.0 looks like spam")
            Refused("550 5.1.1 unknown")
        "#]],
    )
    .await;
    check(
        &["a"],
        "x",
        "
        C: MAIL FROM:*
        S: 250 ok
        C: RCPT TO:*
        S: 250 ok
        C: DATA
        S: 451 4.3.0 not now
        ",
        expect![[r#"
            Later { text: "451 4.3.0 not now", after: None }
        "#]],
    )
    .await;
}

#[tokio::test]
async fn servers_that_end_or_refuse_everything_are_errors() {
    check(
        &["a"],
        MESSAGE,
        "
        C: MAIL FROM:*
        S: 421 4.7.0 too many connections, wait 2 minutes
        CLOSE
        ",
        expect![[r#"
            Throttled { retry_after: Some(120s) }: 127.0.0.1:587 refused to go on: 421 4.7.0 too many connections, wait 2 minutes
        "#]],
    )
    .await;
    check(
        &["a"],
        MESSAGE,
        "
        C: MAIL FROM:*
        S: 530 5.7.0 Authentication required
        ",
        expect![[r#"
            Configuration: 127.0.0.1:587 takes no mail: 530 5.7.0 Authentication required
            hint: It wants a login, or encryption before it.
        "#]],
    )
    .await;
    check(
        &["a"],
        "x",
        "
        C: MAIL FROM:*
        S: 250 ok
        C: RCPT TO:*
        S: 250 ok
        C: DATA
        S: 354 go on
        C: x
        C: .
        CLOSE
        ",
        expect![[r#"
            Transient: 127.0.0.1:587 closed the connection
        "#]],
    )
    .await;
}

/// Nothing is said to the server that a caller could end a command with.
#[tokio::test]
async fn what_cannot_be_said_is_refused_here() {
    let long = "x".repeat(1001);
    check(
        &["a"],
        &long,
        "",
        expect![[r#"
            Refused("the message has 1003 bytes, and the server takes 1000")
        "#]],
    )
    .await;
    let recipients = ["a@b\r\nRCPT TO:<c@d>", "a b@c", "<a@b>", "nobody", "", "ä@example.org"]
        .map(str::to_owned);
    let script = format!(
        "{OPEN}
        C: MAIL FROM:*
        S: 250 ok
        C: RSET
        S: 250 ok"
    );
    let (result, played) = with(&script, settings(), Delivery::default(), async |it| {
        it.send(&letter(&recipients, "x")).await
    })
    .await;
    assert_eq!(played.surprise, None);
    expect![[r#"
        Refused("this is no mail address")
        Refused("this is no mail address")
        Refused("this is no mail address")
        Refused("this is no mail address")
        Refused("this is no mail address")
        Refused("the server takes no address with letters beyond ASCII")
    "#]]
    .assert_eq(&shown(&result));
    let (result, played) = with(OPEN, settings(), Delivery::default(), async |it| {
        let sender = "x>\r\nDATA";
        it.send(&mail_client::Letter { sender, recipients: &recipients[..1], message: b"x" }).await
    })
    .await;
    assert_eq!((played.surprise, played.lines.last().map(String::as_str)), (None, Some("QUIT")));
    expect![[r#"
        Refused("sender: this is no mail address")
    "#]]
    .assert_eq(&shown(&result));
}

#[tokio::test]
async fn eight_bits_and_letters_beyond_ascii() {
    let script = "
        S: 220 hi
        C: EHLO posthold.example.org
        S: 250-hi
        S: 250-8bitmime
        S: 250 SMTPUTF8
        C: MAIL FROM:<> BODY=8BITMIME SMTPUTF8
        S: 250 ok
        C: RCPT TO:<ünal@example.org>
        S: 250 ok
        C: DATA
        S: 354 go on
        C: ü
        C: .
        S: 250 ok
    ";
    let settings =
        mail_client::SmtpSettings { hello: Some("posthold.example.org".into()), ..settings() };
    let recipients = to(&["ünal"]);
    let (result, played) = with(script, settings, Delivery::default(), async |it| {
        let message = "ü\n".as_bytes();
        it.send(&mail_client::Letter { sender: "", recipients: &recipients, message }).await
    })
    .await;
    assert_eq!(played.surprise, None);
    expect![[r#"
        Accepted("ok")
    "#]]
    .assert_eq(&shown(&result));
}

/// More recipients than a transaction takes go in several.
#[tokio::test]
async fn many_recipients() {
    let names: Vec<String> = (0..150).map(|it| format!("n{it}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut script = String::from(OPEN);
    for n in [100, 50] {
        script.push_str("C: MAIL FROM:*\nS: 250 ok\n");
        script.push_str(&"C: RCPT TO:*\nS: 250 ok\n".repeat(n));
        script.push_str("C: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\n");
    }
    let recipients = to(&names);
    let (result, played) = with(&script, settings(), Delivery::default(), async |it| {
        it.send(&letter(&recipients, "x")).await
    })
    .await;
    assert_eq!((played.surprise, result.unwrap().len()), (None, 150));
}
