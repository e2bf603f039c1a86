//! From the greeting to a login: mechanisms, capabilities, refusals.

use expect_test::{Expect, expect};
use mail_client::{CertificatePolicy, Fingerprint, ImapSettings, Mechanism, Security};
use ports::{Source, SourceErrorKind};
use testkit::scripted::Delivery;

use crate::wire::{settings, settings_elsewhere, with};

/// What came of a login: a description with warnings, or an error with its hint.
async fn check(settings: ImapSettings, script: &str, want: Expect) {
    let (result, played) = with(script, settings, Delivery::default(), async |connection| {
        let description = connection.describe().to_string();
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

fn by(mechanism: Mechanism) -> ImapSettings {
    ImapSettings { mechanism, ..settings() }
}

#[tokio::test]
async fn plain_with_and_without_initial_response() {
    check(
        settings(),
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN] hi
        C: a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
        S: a OK [CAPABILITY IMAP4rev1 UIDPLUS LOGINDISABLED] in
        ",
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by PLAIN
        "#]],
    )
    .await;
    check(
        settings(),
        "
        S: * OK hi
        C: a CAPABILITY
        S: * CAPABILITY IMAP4rev1 AUTH=PLAIN
        S: a OK done
        C: b AUTHENTICATE PLAIN
        S: +
        C: AGFsaWNlAHNlY3JldA==
        S: b OK in
        C: c CAPABILITY
        S: * CAPABILITY IMAP4rev1 X-AFTER
        S: c OK done
        ",
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by PLAIN
        "#]],
    )
    .await;
}

#[tokio::test]
async fn plain_for_another_account() {
    let master =
        ImapSettings { login: "master".into(), authzid: Some("alice".into()), ..settings() };
    check(
        master.clone(),
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN] hi
        C: a AUTHENTICATE PLAIN YWxpY2UAbWFzdGVyAHNlY3JldA==
        S: a NO [AUTHORIZATIONFAILED] not for alice
        ",
        expect![[r#"
            Credentials: 127.0.0.1:143 took the password, but not for this account: [AUTHORIZATIONFAILED] not for alice
            hint: The login may not act for the account whose mailboxes were asked for.
        "#]],
    )
    .await;
    check(
        master,
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=LOGIN AUTH=CRAM-MD5] hi",
        expect![[r#"
            Configuration: 127.0.0.1:143 does not offer a mechanism that can act for another account (it offers: CRAM-MD5, LOGIN)
            hint: Name another mechanism, or none to let us choose.
        "#]],
    )
    .await;
}

/// Kerio Connect's master password: MD5 of `challenge1` and `secret`.
#[tokio::test]
async fn kerio_master_password() {
    let master = ImapSettings {
        login: String::new(),
        authzid: Some("alice@example.org".into()),
        ..by(Mechanism::KerioMaster)
    };
    check(
        master.clone(),
        "
        S: * OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] Kerio Connect 9.4 IMAP4rev1 server ready
        C: a X-MASTERAUTH
        S: + challenge1
        C: 8b78994f1d13d5aad349036d497a3759
        S: a OK in
        C: b X-SETUSER alice@example.org
        S: b OK user set
        C: c CAPABILITY
        S: * CAPABILITY IMAP4rev1
        S: c OK done
        ",
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by X-MASTERAUTH
        "#]],
    )
    .await;
    let greeting = "S: * OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] hi\nC: a X-MASTERAUTH\n";
    let refused = [
        "S: a BAD Unknown authentication method",
        "S: + c\nC: *\nS: a NO wrong password",
        "S: + c\nC: *\nS: a NO too many logins, wait 5 minutes",
        "S: + c\nC: *\nS: a OK in\nC: b X-SETUSER alice@example.org\nS: b NO no such user",
        "S: a OK in",
        "S: + c\nC: *\nS: + d",
    ];
    let want = [
        expect![[r#"
            Configuration: 127.0.0.1:143 takes no master password: Unknown authentication method
            hint: In Kerio Connect, switch master authentication on in the advanced options, and put this machine into the group of addresses that may use it. Other servers have no X-MASTERAUTH.
        "#]],
        expect![[r#"
            Credentials: 127.0.0.1:143 refused login or password: wrong password
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
        expect![[r#"
            Throttled { retry_after: Some(300s) }: 127.0.0.1:143 wants a pause before it takes a login: too many logins, wait 5 minutes
            hint: This is no wrong password. Wait, then run again.
        "#]],
        expect![[r#"
            Credentials: 127.0.0.1:143 took the master password, and does not open alice@example.org: no such user
            hint: Kerio Connect wants the whole address, of a user that it has.
        "#]],
        expect![[r#"
            Protocol: 127.0.0.1:143 takes X-MASTERAUTH without a password
        "#]],
        expect![[r#"
            Protocol: 127.0.0.1:143 asks more than X-MASTERAUTH has
        "#]],
    ];
    for (script, want) in refused.into_iter().zip(want) {
        check(master.clone(), &format!("{greeting}{script}"), want).await;
    }
}

#[tokio::test]
async fn login_mechanism_and_command() {
    check(
        settings(),
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=LOGIN] hi
        C: a AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: YWxpY2U=
        S: + UGFzc3dvcmQ6
        C: c2VjcmV0
        S: * CAPABILITY IMAP4rev1 ID
        S: a OK in
        C: b ID (\"name\" \"Posthold\")
        S: * ID (\"name\" \"Cyrus\" \"version\" \"3.6\")
        S: b OK done
        ",
        expect![[r#"
            127.0.0.1:143 (Cyrus 3.6), not encrypted, login by LOGIN
        "#]],
    )
    .await;
    check(
        settings(),
        "
        S: * OK [CAPABILITY IMAP4rev1] hi
        C: a LOGIN \"alice\" \"secret\"
        S: a OK [CAPABILITY IMAP4rev1] in
        ",
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by LOGIN command
        "#]],
    )
    .await;
    let umlaut = ImapSettings { login: "ünal".into(), ..settings() };
    check(
        umlaut,
        "
        S: * OK [CAPABILITY IMAP4rev1] hi
        C: a LOGIN {5}
        S: + go
        C: ünal \"secret\"
        S: a OK [CAPABILITY IMAP4rev1] in
        ",
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by LOGIN command
        "#]],
    )
    .await;
}

#[tokio::test]
async fn cram_md5_only_when_asked_for() {
    let offer = "S: * OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5 LOGINDISABLED] hi\n";
    check(
        settings(),
        offer,
        expect![[r#"
        Configuration: 127.0.0.1:143 takes no password on this connection (LOGINDISABLED)
        hint: It wants encryption: use imaps://, or imap:// without --plain.
    "#]],
    )
    .await;
    check(
        by(Mechanism::CramMd5),
        &format!(
            "{offer}
            C: a AUTHENTICATE CRAM-MD5
            S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
            C: YWxpY2UgNzMzYmE4N2U2NGVkN2U0NDFmMDYyYzRhYzZkYjAxMDM=
            S: a OK [CAPABILITY IMAP4rev1] in"
        ),
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by CRAM-MD5
        "#]],
    )
    .await;
}

#[tokio::test]
async fn xoauth2_answers_the_refusal() {
    check(
        by(Mechanism::XOAuth2),
        r"
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi
        C: a AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBzZWNyZXQBAQ==
        S: + eyJzdGF0dXMiOiI0MDAifQ==
        C:
        S: a NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)
        ",
        expect![[r#"
            Credentials: 127.0.0.1:143 refused login or password: [AUTHENTICATIONFAILED] Invalid credentials (Failure) {\"status\":\"400\"}
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
    )
    .await;
}

/// A server that accepts anything is not believed, and gets no password by another way.
#[tokio::test]
async fn scram_wants_the_servers_proof() {
    check(
        settings(),
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256] hi
        C: a AUTHENTICATE SCRAM-SHA-256 *
        S: a OK [CAPABILITY IMAP4rev1] in
        ",
        expect![[r#"
            Protocol: the server accepted the login without proving that it knows the password
            hint: Check that host and certificate are those of your server; then name another mechanism.
        "#]],
    )
    .await;
    check(
        settings(),
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256] hi
        C: a AUTHENTICATE SCRAM-SHA-256 *
        S: + cj1ldmlsLHM9QUFBQSxpPTE=
        C: *
        S: a BAD cancelled
        ",
        expect![[r#"
            Protocol: the server broke the rules of SCRAM: a nonce that does not continue ours
            hint: Check that host and certificate are those of your server; then name another mechanism.
        "#]],
    )
    .await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn refusals_say_what_to_do() {
    let login = |answer: &str| {
        format!(
            "
            S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
            C: a AUTHENTICATE PLAIN *
            {answer}"
        )
    };
    for (answer, want) in [
        (
            "S: a NO [AUTHENTICATIONFAILED] Authentication failed.",
            expect![[r#"
            Credentials: 127.0.0.1:143 refused login or password: [AUTHENTICATIONFAILED] Authentication failed.
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
        ),
        (
            "S: * NO [ALERT] account locked\nS: a NO no",
            expect![[r#"
            Credentials: 127.0.0.1:143 refused login or password: no ([ALERT] account locked)
            hint: Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
        "#]],
        ),
        (
            "S: a NO [EXPIRED] too old",
            expect![[r#"
            Credentials: the password for 127.0.0.1:143 has expired: [EXPIRED] too old
            hint: Change it at the server, then give the new one with --password-file.
        "#]],
        ),
        (
            "S: a NO [PRIVACYREQUIRED] not like this",
            expect![[r#"
            Configuration: 127.0.0.1:143 wants encryption before a login: [PRIVACYREQUIRED] not like this
            hint: Use imaps://, or imap:// without --plain.
        "#]],
        ),
        (
            "S: a NO [UNAVAILABLE] Temporary authentication failure.",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:143 wants a pause before it takes a login: [UNAVAILABLE] Temporary authentication failure.
            hint: This is no wrong password. Wait, then run again.
        "#]],
        ),
        (
            "S: * BYE [ALERT] Too many connections from your address",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:143 ended the session: [ALERT] Too many connections from your address
            hint: Wait, then run again.
        "#]],
        ),
        (
            "S: * BYE shutting down",
            expect![[r#"
            Transient: 127.0.0.1:143 ended the session: shutting down
        "#]],
        ),
        (
            "S: a BAD syntax",
            expect![[r#"
            Configuration: 127.0.0.1:143 did not understand the login: syntax
            hint: Name another mechanism.
        "#]],
        ),
        (
            "S: b OK in",
            expect![[r#"
            Protocol: the server sent what cannot be understood (an answer to no command): b OK in\r\n
        "#]],
        ),
        (
            "CLOSE",
            expect![[r#"
            Transient: 127.0.0.1:143 closed the connection
        "#]],
        ),
    ] {
        check(settings(), &login(answer), want).await;
    }
}

#[tokio::test]
async fn greetings_that_are_none() {
    for (script, want) in [
        (
            "S: * BYE Too many connections, try again in 5 minutes",
            expect![[r#"
            Throttled { retry_after: Some(300s) }: 127.0.0.1:143 ended the session: Too many connections, try again in 5 minutes
            hint: Wait, then run again.
        "#]],
        ),
        (
            "S: +OK POP3 ready",
            expect![[r#"
            Protocol: the server sent what cannot be understood (no greeting): +OK POP3 ready\r\n
            hint: Is this the port of an IMAP server?
        "#]],
        ),
        (
            "S: 220 mail.example.org ESMTP",
            expect![[r#"
            Protocol: the server sent what cannot be understood (a response of no known form): 220 mail.example.org ESMTP\r\n
            hint: Is this the port of an IMAP server?
        "#]],
        ),
        // It is gone before our first command reaches it; its reason is read all the same.
        (
            "S: * OK [CAPABILITY IMAP4rev1] hi\nS: * BYE Too many sessions\nCLOSE",
            expect![[r#"
            Throttled { retry_after: None }: 127.0.0.1:143 ended the session: Too many sessions
            hint: Wait, then run again.
        "#]],
        ),
        (
            "S: * NO not today",
            expect![[r#"
            Transient: 127.0.0.1:143 ended the session: not today
        "#]],
        ),
        (
            "S: * OK hi\nC: a CAPABILITY\nS: a NO system error",
            expect![[r#"
            Throttled { retry_after: None }: the server does not say what it can do: system error
        "#]],
        ),
    ] {
        check(settings(), script, want).await;
    }
}

#[tokio::test]
async fn passwords_do_not_travel_in_clear() {
    let offered = ImapSettings { security: Security::StartTlsIfOffered, ..settings_elsewhere() };
    let greeting = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-256] hi";
    let disabled = "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi";
    check(
        offered.clone(),
        greeting,
        expect![[r#"
        Configuration: mail.example.org:143 offers no encryption
        hint: Use imaps://. --plain sends the password where others can read it.
    "#]],
    )
    .await;
    let wanted = ImapSettings { security: Security::StartTls, ..settings() };
    check(
        wanted,
        greeting,
        expect![[r#"
        Configuration: 127.0.0.1:143 does not offer STARTTLS
        hint: Use imaps:// if the server offers it.
    "#]],
    )
    .await;
    check(
        settings_elsewhere(),
        disabled,
        expect![[r#"
        Configuration: mail.example.org:143 takes no password on this connection (LOGINDISABLED)
        hint: It wants encryption: use imaps://, or imap:// without --plain.
    "#]],
    )
    .await;
    // Asked for: then it is only said.
    check(
        settings_elsewhere(),
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: a AUTHENTICATE PLAIN *
        S: a OK [CAPABILITY IMAP4rev1] in
        ",
        expect![[r#"
            mail.example.org:143 (unknown software), not encrypted, login by PLAIN
            warning: the connection to mail.example.org:143 is not encrypted
        "#]],
    )
    .await;
    // On this machine nobody listens.
    let here = ImapSettings { security: Security::StartTlsIfOffered, ..settings() };
    check(
        here,
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: a AUTHENTICATE PLAIN *
        S: a OK [CAPABILITY IMAP4rev1] in
        ",
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by PLAIN
        "#]],
    )
    .await;
}

#[tokio::test]
async fn logged_in_before_encrypted_is_not_believed() {
    let preauth = "S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi alice";
    check(
        settings(),
        preauth,
        expect![[r#"
        127.0.0.1:143 (unknown software), not encrypted, login by PREAUTH
    "#]],
    )
    .await;
    let tls = ImapSettings { security: Security::StartTls, ..settings() };
    check(
        tls,
        preauth,
        expect![[r#"
        Configuration: 127.0.0.1:143 is logged in before it is encrypted
        hint: Use imaps://. If the server is meant to be like that, --plain takes it as it is.
    "#]],
    )
    .await;
    let offered = ImapSettings { security: Security::StartTlsIfOffered, ..settings_elsewhere() };
    check(
        offered,
        preauth,
        expect![[r#"
        Configuration: mail.example.org:143 is logged in before it is encrypted
        hint: Use imaps://. If the server is meant to be like that, --plain takes it as it is.
    "#]],
    )
    .await;
}

/// What comes in clear behind the agreement to encrypt is never an answer.
#[tokio::test]
async fn injected_bytes_end_the_connection() {
    let pinned = CertificatePolicy::Fingerprint(Fingerprint([0; 32]));
    let tls = ImapSettings { security: Security::StartTls, certificates: pinned, ..settings() };
    check(
        tls.clone(),
        r"
        S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi
        C: a STARTTLS
        S+ P1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=EVIL\r\n
        HANG
        ",
        expect![[r#"
            Configuration: 127.0.0.1:143 sent 34 bytes in clear after it agreed to encrypt
            hint: The server is broken, or somebody changes what it sends. Use TLS from the first byte (imaps://, pop3s://) if the server offers it.
        "#]],
    )
    .await;
    check(
        tls,
        "
        S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi
        C: a STARTTLS
        S: a NO not now
        ",
        expect![[r#"
            Configuration: 127.0.0.1:143 refused STARTTLS: not now
            hint: Use imaps:// if the server offers it.
        "#]],
    )
    .await;
}

#[tokio::test]
async fn extensions_are_switched_on_at_once() {
    check(
        settings(),
        r#"
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: a AUTHENTICATE PLAIN *
        S: a OK [CAPABILITY IMAP4rev1 ID ENABLE QRESYNC CONDSTORE UTF8=ACCEPT NAMESPACE] in
        C: b ID ("name" "Posthold")
        C: c ENABLE QRESYNC UTF8=ACCEPT
        C: d NAMESPACE
        S: * ID NIL
        S: b OK done
        S: c BAD no such thing
        S: * NAMESPACE (("" "/")) NIL NIL
        S: d OK done
        "#,
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by PLAIN
        "#]],
    )
    .await;
}

#[tokio::test]
async fn compression_that_is_not_there_is_said() {
    let compress = ImapSettings { compress: true, ..settings() };
    let login = "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        C: a AUTHENTICATE PLAIN *
        ";
    check(
        compress.clone(),
        &format!("{login}\nS: a OK [CAPABILITY IMAP4rev1] in"),
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by PLAIN
            warning: the server offers no compression
        "#]],
    )
    .await;
    check(
        compress,
        &format!(
            "{login}
            S: a OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in
            C: b COMPRESS DEFLATE
            S: b NO [COMPRESSIONACTIVE] by TLS"
        ),
        expect![[r#"
            127.0.0.1:143 (unknown software), not encrypted, login by PLAIN
            warning: the server refused compression: [COMPRESSIONACTIVE] by TLS
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_login_has_a_deadline() {
    for (script, want) in [
        ("HANG", "127.0.0.1:143 does not greet"),
        ("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\nHANG", "127.0.0.1:143 is too slow (login)"),
    ] {
        let (result, _) = with(script, settings(), Delivery::default(), async |_| Ok(())).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Transient);
        assert_eq!(error.to_string(), want);
    }
}
