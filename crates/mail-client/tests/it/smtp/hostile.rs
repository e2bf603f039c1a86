//! Servers that are broken, slow, or mean it.

use expect_test::expect;
use mail_client::SmtpSettings;
use ports::SourceErrorKind;
use testkit::scripted::Delivery;

use super::wire::{OPEN, letter, settings, shown, to, with};
use crate::wire::timeouts;

async fn error(script: &str) -> String {
    let settings = SmtpSettings { timeouts: timeouts(), ..settings() };
    let recipients = to(&["a"]);
    let (result, _) = with(script, settings, Delivery::default(), async |it| {
        it.send(&letter(&recipients, "x")).await
    })
    .await;
    shown(&result)
}

#[tokio::test(start_paused = true)]
async fn answers_without_end_and_without_sense() {
    for (script, want) in [
        (
            "S*1000 220-hi",
            expect![[r#"
            Protocol: 127.0.0.1:587 sends an answer without end
            hint: Is this the port of an SMTP server? Usual ones are 465 (TLS from the first byte) and 587 (STARTTLS).
        "#]],
        ),
        (
            "ZEROS 100000",
            expect![[r#"
            Protocol: the server sent what cannot be understood (a line without end): xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... (100000 bytes)
            hint: Is this the port of an SMTP server? Usual ones are 465 (TLS from the first byte) and 587 (STARTTLS).
        "#]],
        ),
        (
            "S+ 220-hi\\r\\n250 other\\r\\n",
            expect![[r#"
            Protocol: the server sent what cannot be understood (no answer of SMTP): 250 other
            hint: Is this the port of an SMTP server? Usual ones are 465 (TLS from the first byte) and 587 (STARTTLS).
        "#]],
        ),
        (
            "S: 999 hi",
            expect![[r#"
            Protocol: the server sent what cannot be understood (no answer of SMTP): 999 hi
            hint: Is this the port of an SMTP server? Usual ones are 465 (TLS from the first byte) and 587 (STARTTLS).
        "#]],
        ),
        (
            "HANG",
            expect![[r#"
            Transient: 127.0.0.1:587 gave no answer in time (reading)
        "#]],
        ),
        (
            "CLOSE",
            expect![[r#"
            Transient: 127.0.0.1:587 closed the connection
        "#]],
        ),
    ] {
        want.assert_eq(&error(script).await);
    }
    let prompts = format!(
        "S: 220 hi\nC: EHLO *\nS: 250-hi\nS: 250 AUTH PLAIN\nC: *\n{}",
        "S: 334 \nC: *\n".repeat(30)
    );
    let settings = super::wire::with_login();
    let (result, _) = with(&prompts, settings, Delivery::default(), async |_| Ok(())).await;
    assert_eq!(result.unwrap_err().kind(), SourceErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_everywhere() {
    let dialogue = format!(
        "{OPEN}
        C: MAIL FROM:*
        S: 250 ok
        C: RCPT TO:*
        S: 250 ok
        C: DATA
        S: 354 go
        C: x
        C: .
        "
    );
    let lines: Vec<&str> = dialogue.lines().collect();
    for n in 0..lines.len() {
        let script = format!("{}\nHANG", lines[..n].join("\n"));
        let told = error(&script).await;
        assert!(told.starts_with("Transient: "), "{n}: {told}");
    }
}

/// Whatever the byte at which the connection ends: an error, and never an answer.
#[tokio::test(start_paused = true)]
async fn a_cut_anywhere_is_no_answer() {
    let script = format!(
        "{OPEN}\nC: MAIL*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok"
    );
    let recipients = to(&["a"]);
    let send = async |delivery| {
        with(&script, settings(), delivery, async |it| it.send(&letter(&recipients, "x")).await)
            .await
    };
    let (whole, played) = send(Delivery::default()).await;
    assert_eq!(whole.unwrap().len(), 1);
    let n_answers = played.n_sent - "221 bye\r\n".len();
    for cut in 0..n_answers {
        let (result, _) = send(Delivery { group: 0, cut_after: Some(cut) }).await;
        let kind = result.unwrap_err().kind();
        assert_eq!(kind, SourceErrorKind::Transient, "{cut}");
    }
}
