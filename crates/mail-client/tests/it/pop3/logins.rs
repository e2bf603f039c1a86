//! From the greeting to a login: capabilities, encryption, mechanisms, refusals.

use expect_test::{Expect, expect};
use mail_client::{Mechanism, Pop3Settings, Security, Server};
use ports::Source;
use testkit::scripted::Delivery;

use super::wire::{settings, with};

/// What came of a login: a description with warnings, or an error with its hint.
async fn check(settings: Pop3Settings, script: &str, want: Expect) {
    let (result, played) = with(script, settings, Delivery::default(), async |connection| {
        let description = connection.describe().unwrap().to_string();
        let warnings = connection.warnings();
        connection.close().await;
        Ok((description, warnings))
    })
    .await;
    let shown = match &result {
        Ok((description, warnings)) => {
            let warnings: String = warnings.iter().map(|it| format!("warning: {it}\n")).collect();
            format!("{description}\n{warnings}")
        }
        Err(error) => {
            let hint = error.hint().map(|it| format!("hint: {it}\n")).unwrap_or_default();
            format!("{:?}: {error}\n{hint}", error.kind())
        }
    };
    let surprise = played.surprise.map(|it| format!("surprise: {it}\n")).unwrap_or_default();
    want.assert_eq(&format!("{shown}{surprise}"));
}

fn by(mechanism: Mechanism) -> Pop3Settings {
    Pop3Settings { mechanism, ..settings() }
}

fn elsewhere() -> Pop3Settings {
    let server = Server { host: "mail.example.org".into(), port: 110 };
    Pop3Settings { server, security: Security::StartTlsIfOffered, ..settings() }
}

/// A greeting and capabilities.
fn hello(capabilities: &[&str]) -> String {
    let lines: String = capabilities.iter().map(|it| format!("S: {it}\n")).collect();
    format!("S: +OK ready <1896.697170952@dbc.mtview.ca.us>\nC: CAPA\nS: +OK\n{lines}S: .\n")
}

#[tokio::test]
async fn mechanisms() {
    check(
        settings(),
        &(hello(&["USER", "SASL LOGIN plain", "IMPLEMENTATION Some thing"])
            + "
            C: AUTH PLAIN
            S: +
            C: AGFsaWNlAHNlY3JldA==
            S: +OK in
            C: CAPA
            S: +OK
            S: IMPLEMENTATION Some thing
            S: .
            "),
        expect![[r#"
            127.0.0.1:110 (Some thing), not encrypted, login by PLAIN
        "#]],
    )
    .await;
    check(
        by(Mechanism::Login),
        &(hello(&["USER", "SASL LOGIN PLAIN"])
            + "
            C: AUTH LOGIN
            S: + VXNlcm5hbWU6
            C: YWxpY2U=
            S: + UGFzc3dvcmQ6
            C: c2VjcmV0
            S: +OK in
            C: CAPA
            S: -ERR not now
            "),
        expect![[r#"
            127.0.0.1:110 (unknown software), not encrypted, login by LOGIN
        "#]],
    )
    .await;
    check(
        by(Mechanism::Apop),
        &(hello(&["USER"])
            + "
            C: APOP alice 3f18b52881e44c0cc6067f46e0ced7bc
            S: +OK in
            C: CAPA
            S: -ERR
            "),
        expect![[r#"
            127.0.0.1:110 (unknown software), not encrypted, login by APOP
        "#]],
    )
    .await;
    check(
        by(Mechanism::XOAuth2),
        &(hello(&["SASL XOAUTH2"])
            + "
            C: AUTH XOAUTH2
            S: +
            C: dXNlcj1hbGljZQFhdXRoPUJlYXJlciBzZWNyZXQBAQ==
            S: + eyJzdGF0dXMiOiI0MDEifQ==
            C:
            S: -ERR [AUTH] no
            "),
        expect![[r#"
            Credentials: 127.0.0.1:110 refused login or password: [AUTH] no {\"status\":\"401\"}
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_offered() {
    check(
        by(Mechanism::CramMd5),
        &hello(&["USER", "SASL PLAIN"]),
        expect![[r#"
            Configuration: 127.0.0.1:110 does not offer CRAM-MD5 (it offers: PLAIN)
            hint: Name another mechanism, or none to let us choose.
        "#]],
    )
    .await;
    check(
        settings(),
        &hello(&["STLS", "SASL"]),
        expect![[r#"
            Configuration: 127.0.0.1:110 takes no password on this connection
            hint: It wants encryption: use pop3s://, or pop3:// without --plain.
        "#]],
    )
    .await;
    check(
        Pop3Settings { authzid: Some("bob".into()), ..settings() },
        &hello(&["USER", "SASL LOGIN"]),
        expect![[r#"
            Configuration: 127.0.0.1:110 does not offer a mechanism that can act for another account (it offers: LOGIN)
            hint: Name another mechanism, or none to let us choose.
        "#]],
    )
    .await;
    check(
        by(Mechanism::Apop),
        "
        S: +OK no stamp
        C: CAPA
        S: -ERR
        ",
        expect![[r#"
            Configuration: 127.0.0.1:110 does not offer APOP
            hint: Name another mechanism, or none to let us choose.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_prove_itself_gets_nothing_more() {
    check(
        by(Mechanism::ScramSha256),
        &(hello(&["USER", "SASL SCRAM-SHA-256 PLAIN"])
            + "
            C: AUTH SCRAM-SHA-256
            S: +
            C: *
            S: +OK in
            "),
        expect![[r#"
            Protocol: the server accepted the login without proving that it knows the password
            hint: Check that host and certificate are those of your server; then name another mechanism.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn pop3_stls_required() {
    check(
        elsewhere(),
        &hello(&["USER", "SASL PLAIN"]),
        expect![[r#"
            Configuration: mail.example.org:110 offers no encryption
            hint: Use pop3s://. --plain sends the password where others can read it.
        "#]],
    )
    .await;
    check(
        elsewhere(),
        &(hello(&["USER", "STLS"]) + "C: STLS\nS: -ERR not today"),
        expect![[r#"
            Configuration: mail.example.org:110 refused STLS: not today
            hint: Use pop3s:// if the server offers it.
        "#]],
    )
    .await;
    // What comes in the clear behind the agreement is never read.
    check(
        elsewhere(),
        &(hello(&["USER", "STLS"]) + "C: STLS\nS+ +OK begin\\r\\n+OK\\r\\nSASL PLAIN\\r\\n.\\r\\n"),
        expect![[r#"
            Configuration: mail.example.org:110 sent 20 bytes in clear after it agreed to encrypt
            hint: The server is broken, or somebody changes what it sends. Use TLS from the first byte (imaps://, pop3s://) if the server offers it.
        "#]],
    )
    .await;
    check(
        Pop3Settings { security: Security::StartTls, ..settings() },
        "
        S: +OK ready
        C: CAPA
        S: -ERR
        ",
        expect![[r#"
            Configuration: 127.0.0.1:110 does not offer STLS
            hint: Use pop3s:// if the server offers it.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let user = "
        C: USER alice
        S: +OK
        C: PASS secret
    ";
    for (capability, line, want) in [
        (
            "USER",
            "-ERR [AUTH] wrong",
            expect![[r#"
            Credentials: 127.0.0.1:110 refused login or password: [AUTH] wrong
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
        ),
        (
            "USER",
            "-ERR wrong password",
            expect![[r#"
            Credentials: 127.0.0.1:110 refused login or password: wrong password
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
        ),
        (
            "USER",
            "-ERR [IN-USE] locked by another session",
            expect![[r#"
            Throttled { retry_after: None }: another session has the mailbox at 127.0.0.1:110 open: [IN-USE] locked by another session
            hint: This is no wrong password. Wait until it has ended, then run again.
        "#]],
        ),
        (
            "LOGIN-DELAY 300",
            "-ERR [LOGIN-DELAY] too soon",
            expect![[r#"
            Throttled { retry_after: Some(300s) }: 127.0.0.1:110 wants a pause before it takes a login: [LOGIN-DELAY] too soon
            hint: This is no wrong password. Wait, then run again.
        "#]],
        ),
    ] {
        let script = hello(&["USER", capability]) + user + "S: " + line;
        check(settings(), &script, want).await;
    }
}

#[tokio::test]
async fn refusals_that_are_no_wrong_password() {
    let user = "
        C: USER alice
        S: +OK
        C: PASS secret
    ";
    for (capability, line, want) in [
        (
            "USER",
            "-ERR [SYS/TEMP] try later",
            expect![[r#"
            Transient: 127.0.0.1:110 cannot take a login now: [SYS/TEMP] try later
            hint: This is no wrong password. Wait, then run again.
        "#]],
        ),
        (
            "USER",
            "-ERR [SYS/PERM] broken mailbox",
            expect![[r#"
            Configuration: 127.0.0.1:110 cannot open this mailbox: [SYS/PERM] broken mailbox
            hint: This is no wrong password. Whoever looks after the server has to look.
        "#]],
        ),
        (
            "USER",
            "-ERR too many logins, try in 5 minutes",
            expect![[r#"
            Throttled { retry_after: Some(300s) }: 127.0.0.1:110 wants a pause before it takes a login: too many logins, try in 5 minutes
            hint: This is no wrong password. Wait, then run again.
        "#]],
        ),
    ] {
        let script = hello(&["USER", capability]) + user + "S: " + line;
        check(settings(), &script, want).await;
    }
}

#[tokio::test]
async fn greetings_that_are_none() {
    check(
        settings(),
        "S: -ERR [SYS/TEMP] shutting down",
        expect![[r#"
        Transient: 127.0.0.1:110 ended the session: [SYS/TEMP] shutting down
    "#]],
    )
    .await;
    check(
        settings(),
        "S: * OK IMAP4rev1 ready",
        expect![[r#"
        Protocol: the server sent what cannot be understood (no status): * OK IMAP4rev1 ready
        hint: Is this the port of a POP3 server?
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_removes_what_was_read_gets_no_goodbye() {
    check(
        settings(),
        &(hello(&["USER"])
            + "
            C: USER alice
            S: +OK
            C: PASS secret
            S: +OK in
            C: CAPA
            S: +OK
            S: EXPIRE 0
            S: UTF8
            S: .
            "),
        expect![[r#"
            127.0.0.1:110 (unknown software), not encrypted, login by USER and PASS
            warning: the server may remove what was fetched (EXPIRE 0); the session is ended without a goodbye, so that it does not
        "#]],
    )
    .await;
}

#[tokio::test]
async fn utf8_is_asked_for_before_the_login() {
    check(
        settings(),
        &(hello(&["USER", "UTF8 USER"])
            + "
            C: UTF8
            S: +OK
            C: USER alice
            S: +OK
            C: PASS secret
            S: +OK in
            C: CAPA
            S: -ERR
            "),
        expect![[r#"
            127.0.0.1:110 (unknown software), not encrypted, login by USER and PASS
        "#]],
    )
    .await;
}
