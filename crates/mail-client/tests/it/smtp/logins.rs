//! From the greeting to a login: mechanisms, refusals, encryption.

use expect_test::{Expect, expect};
use mail_client::{Mechanism, Security, Server, SmtpSettings};
use testkit::scripted::Delivery;

use super::wire::{shown, with, with_login};

async fn check(settings: SmtpSettings, script: &str, want: Expect) {
    let (result, played) = with(script, settings, Delivery::default(), async |it| {
        Ok(format!("{}\n{:?}\n", it.describe(), it.warnings()))
    })
    .await;
    let shown = result.unwrap_or_else(|error| shown(&Err(error)));
    let surprise = played.surprise.map(|it| format!("surprise: {it}\n")).unwrap_or_default();
    want.assert_eq(&format!("{shown}{surprise}"));
}

/// A greeting that offers these mechanisms.
fn offers(mechanisms: &str) -> String {
    format!(
        "
        S: 220 hi
        C: EHLO [127.0.0.1]
        S: 250-hi
        S: 250 AUTH {mechanisms}
        "
    )
}

fn by(mechanism: Mechanism) -> SmtpSettings {
    SmtpSettings { mechanism, ..with_login() }
}

#[tokio::test]
async fn mechanisms() {
    check(
        with_login(),
        &(offers("LOGIN PLAIN") + "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==\nS: 235 2.7.0 in"),
        expect![[r#"
            127.0.0.1:587 (unknown software), not encrypted, login by PLAIN
            []
        "#]],
    )
    .await;
    check(
        with_login(),
        &(offers("LOGIN")
            + "
            C: AUTH LOGIN
            S: 334 VXNlcm5hbWU6
            C: YWxpY2U=
            S: 334 UGFzc3dvcmQ6
            C: c2VjcmV0
            S: 235 in
            "),
        expect![[r#"
            127.0.0.1:587 (unknown software), not encrypted, login by LOGIN
            []
        "#]],
    )
    .await;
    check(
        by(Mechanism::CramMd5),
        &(offers("CRAM-MD5 PLAIN")
            + "
            C: AUTH CRAM-MD5
            S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
            C: *
            S: 235 in
            "),
        expect![[r#"
            127.0.0.1:587 (unknown software), not encrypted, login by CRAM-MD5
            []
        "#]],
    )
    .await;
    // Old servers put the mechanisms behind an equals sign, and know no EHLO line of their own.
    check(
        with_login(),
        "
        S: 220-many
        S: 220 lines
        C: EHLO [127.0.0.1]
        S: 250-hi
        S: 250 AUTH=PLAIN
        C: AUTH PLAIN *
        S: 235 in
        ",
        expect![[r#"
            127.0.0.1:587 (unknown software), not encrypted, login by PLAIN
            []
        "#]],
    )
    .await;
}

#[tokio::test]
async fn xoauth2_answers_the_refusal() {
    check(
        by(Mechanism::XOAuth2),
        &(offers("XOAUTH2")
            + "
            C: AUTH XOAUTH2 *
            S: 334 eyJzdGF0dXMiOiI0MDEifQ==
            C: 
            S: 535 5.7.8 no
            "),
        expect![[r#"
            Credentials: 127.0.0.1:587 refused login or password: 535 5.7.8 no {\"status\":\"401\"}
            hint: Check both. Some providers want an app password or an access token there.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn scram_wants_the_servers_proof() {
    check(
        with_login(),
        &(offers("SCRAM-SHA-256 PLAIN") + "C: AUTH SCRAM-SHA-256 *\nS: 235 come in"),
        expect![[r#"
            Protocol: the server accepted the login without proving that it knows the password
            hint: Check that host and certificate are those of your server; then name another mechanism.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let script = |answer: &str| format!("{}C: AUTH PLAIN *\nS: {answer}", offers("PLAIN"));
    for (answer, want) in [
        (
            "535 5.7.8 wrong",
            expect![[r#"
            Credentials: 127.0.0.1:587 refused login or password: 535 5.7.8 wrong
            hint: Check both. Some providers want an app password or an access token there.
        "#]],
        ),
        (
            "454 4.7.0 Temporary authentication failure",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:587 wants a pause before it takes a login: 454 4.7.0 Temporary authentication failure
            hint: This is no wrong password. Wait, then run again.
        "#]],
        ),
        (
            "421 4.7.0 too many logins, try again in 10 minutes",
            expect![[r#"
            Throttled { retry_after: Some(600s) }: 127.0.0.1:587 wants a pause before it takes a login: 421 4.7.0 too many logins, try again in 10 minutes
            hint: This is no wrong password. Wait, then run again.
        "#]],
        ),
        (
            "538 5.7.11 Encryption required",
            expect![[r#"
            Configuration: 127.0.0.1:587 wants encryption before a login: 538 5.7.11 Encryption required
            hint: Use STARTTLS (587) or TLS from the first byte (465).
        "#]],
        ),
        (
            "534 5.7.9 too weak",
            expect![[r#"
            Configuration: 127.0.0.1:587 does not take this way to log in: 534 5.7.9 too weak
            hint: Name another mechanism, or none to let us choose.
        "#]],
        ),
        (
            "501 5.5.4 what",
            expect![[r#"
            Configuration: 127.0.0.1:587 did not understand the login: 501 5.5.4 what
            hint: Name another mechanism.
        "#]],
        ),
    ] {
        check(with_login(), &script(answer), want).await;
    }
    check(
        by(Mechanism::CramMd5),
        &offers("PLAIN"),
        expect![[r#"
        Configuration: 127.0.0.1:587 does not offer CRAM-MD5 (it offers: PLAIN)
        hint: Name another mechanism, or none to let us choose.
    "#]],
    )
    .await;
    let none = "S: 220 hi\nC: EHLO [127.0.0.1]\nS: 502 what\nC: HELO [127.0.0.1]\nS: 250 hi";
    check(
        with_login(),
        none,
        expect![[r#"
        Configuration: 127.0.0.1:587 takes no login on this connection
        hint: It may want encryption first: use STARTTLS (587) or TLS (465).
    "#]],
    )
    .await;
}

#[tokio::test]
async fn greetings_that_are_none() {
    for (script, want) in [
        (
            "S: 554 5.7.1 no service for you",
            expect![[r#"
            Configuration: 127.0.0.1:587 refused the connection: 554 5.7.1 no service for you
        "#]],
        ),
        (
            "S: 421 4.3.2 shutting down",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:587 refused the connection: 421 4.3.2 shutting down
        "#]],
        ),
        (
            "S: * OK IMAP4rev1",
            expect![[r#"
            Protocol: the server sent what cannot be understood (no answer of SMTP): * OK IMAP4rev1
            hint: Is this the port of an SMTP server? Usual ones are 465 (TLS from the first byte) and 587 (STARTTLS).
        "#]],
        ),
        (
            "S: 220 hi\nC: EHLO *\nS: 450 4.7.1 later",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:587 refused to talk: 450 4.7.1 later
        "#]],
        ),
    ] {
        check(with_login(), script, want).await;
    }
}

#[tokio::test]
async fn passwords_do_not_travel_in_clear() {
    let server = Server { host: "mail.example.org".into(), port: 587 };
    let elsewhere = SmtpSettings { server, security: Security::StartTls, ..with_login() };
    check(
        elsewhere.clone(),
        &offers("PLAIN"),
        expect![[r#"
        Configuration: mail.example.org:587 does not offer STARTTLS
        hint: Use TLS from the first byte (port 465) if the server offers it.
    "#]],
    )
    .await;
    let if_offered = SmtpSettings { security: Security::StartTlsIfOffered, ..elsewhere };
    check(
        if_offered.clone(),
        &offers("PLAIN"),
        expect![[r#"
        Configuration: mail.example.org:587 offers no encryption
        hint: Use TLS from the first byte (port 465) if the server offers it.
    "#]],
    )
    .await;
    let offered = "S: 220 hi\nC: EHLO *\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\n";
    for answer in ["S: 454 4.7.0 not now", "S: 502 no", "S+ 220 go\\r\\n250 injected\\r\\n"] {
        let want = match answer {
            "S: 454 4.7.0 not now" => expect![[r#"
                Throttled { retry_after: None }: mail.example.org:587 refused STARTTLS: 454 4.7.0 not now
            "#]],
            "S: 502 no" => expect![[r#"
                Configuration: mail.example.org:587 refused STARTTLS: 502 no
            "#]],
            _ => expect![[r#"
                Configuration: mail.example.org:587 sent 14 bytes in clear after it agreed to encrypt
                hint: The server is broken, or somebody changes what it sends. Use TLS from the first byte (imaps://, pop3s://) if the server offers it.
            "#]],
        };
        check(if_offered.clone(), &format!("{offered}{answer}"), want).await;
    }
}
