//! Conversations: what is sent, what is answered, what the caller is asked to do.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use smtpd::{
    Access, BareLineEnds, Body, ClearLogin, Policy, Recipients, Refusal, Session, StartTls, TlsRule,
};

use crate::script::{check, check_bytes, setting};

const HELLO: &str = "EHLO client.example\n";
const MAIL: &str = "MAIL FROM:<a@example.org>\nRCPT TO:<journal@example.org>\n";

#[test]
fn a_message() {
    let record = check(
        &setting(),
        "EHLO client.example\n\
         MAIL FROM:<a@example.org> SIZE=20 BODY=8BITMIME ENVID=x AUTH=<>\n\
         RCPT TO:<Journal@Example.ORG> ORCPT=rfc822;b@example.org NOTIFY=NEVER\n\
         DATA\n\
         Subject: x\n\
         \n\
         ..dot\n\
         .\n\
         QUIT\n",
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            S: 354 send it, and end with CR LF . CR LF
            * end "Subject: x\r\n\r\n.dot\r\n"
            S: 250 2.0.0 archived
            S: 221 2.0.0 closing
            * close
        "#]],
    );
    let (envelope, _) = &record.messages[0];
    assert_eq!(envelope.recipients[0].original.as_deref(), Some("rfc822;b@example.org"));
    assert_eq!(envelope.recipients[0].address, "Journal@Example.ORG");
    assert_eq!((envelope.announced_bytes, envelope.body), (Some(20), Body::EightBitMime));
    assert_eq!(
        (envelope.hello.as_str(), envelope.sender.as_str()),
        ("client.example", "a@example.org")
    );
    assert_eq!((envelope.tls, envelope.login.as_deref()), (None, None));
}

#[test]
fn several_messages_and_other_commands() {
    check(
        &setting(),
        "HELO x\nNOOP\nVRFY a\nEXPN a\nHELP\nMAIL FROM:<>\nRSET\nMAIL FROM:<>\n\
         RCPT TO:<journal@example.org>\nDATA\n.\n\
         MAIL FROM:<b@example.org>\nRCPT TO:<journal@example.org>\nDATA\nb\n.\nQUIT\nNOOP\n",
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250 mx.test
            S: 250 2.0.0 nothing was done
            S: 252 2.1.5 hand it in, and you will see
            S: 502 5.5.1 there are no lists here
            S: 214 2.0.0 RFC 5321
            S: 250 2.1.0 sender accepted
            S: 250 2.0.0 nothing is under way
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            S: 354 send it, and end with CR LF . CR LF
            * end ""
            S: 250 2.0.0 archived
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            S: 354 send it, and end with CR LF . CR LF
            * end "b\r\n"
            S: 250 2.0.0 archived
            S: 221 2.0.0 closing
            * close
        "#]],
    );
}

#[test]
fn commands_out_of_order() {
    check(
        &setting(),
        "MAIL FROM:<a@example.org>\nEHLO x\nRCPT TO:<journal@example.org>\nDATA\n",
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 503 5.5.1 EHLO comes first
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 503 5.5.1 MAIL comes first
            S: 503 5.5.1 MAIL comes first
        "#]],
    );
    check(
        &setting(),
        &format!("{HELLO}MAIL FROM:<a@example.org>\nDATA\nMAIL FROM:<a@example.org>\nSTARTTLS\n"),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 554 5.5.1 there are no recipients
            S: 503 5.5.1 a message is under way already
            S: 503 5.5.1 not within a message
        "#]],
    );
}

#[test]
fn lines_that_are_no_commands() {
    check_bytes(
        &setting(),
        b"EHLO a\r\nNOOP\nNO\0OP\r\nNO\rOP\r\nGET / HTTP/1.1\r\n\xff\r\nNOOP\r\n",
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 500 5.5.2 lines end with CR LF
            S: 500 5.5.2 a command is text in UTF-8
            S: 500 5.5.2 a command is text in UTF-8
            S: 500 5.5.1 this command is not known here
            S: 500 5.5.2 a command is text in UTF-8
            S: 421 4.7.0 too many errors, closing
            * close
        "#]],
    );
    let long = format!("NOOP {}\r\nQUIT\r\n", "a".repeat(20_000));
    check_bytes(
        &setting(),
        long.as_bytes(),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 500 5.5.6 the line is too long
        S: 221 2.0.0 closing
        * close
    "#]],
    );
}

#[test]
fn senders_recipients_and_sizes_that_are_not_taken() {
    check(
        &setting(),
        &format!(
            "{HELLO}MAIL FROM:<a@other.example>\nMAIL FROM:<a@example.org> SIZE=1001\n\
             MAIL FROM:<a@example.org> X=1\nMAIL FROM:<a@example.org> SIZE=x\n"
        ),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 550 5.7.1 mail of this sender is not taken here
            S: 552 5.3.4 the message is larger than this server takes
            S: 555 5.5.4 a parameter is not known here
            S: 501 5.5.4 a parameter makes no sense
        "#]],
    );
    check(
        &setting(),
        &format!(
            "{HELLO}MAIL FROM:<>\nRCPT TO:<a@example.org>\nRCPT TO:<>\nRCPT TO:<ü@example.org>\nDATA\n"
        ),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 550 5.7.1 mail for this recipient is not taken here
            S: 501 5.1.3 a recipient has an address
            S: 553 5.6.7 this address needs SMTPUTF8
            S: 554 5.5.1 there are no recipients
        "#]],
    );
    let mut many = setting();
    many.config.policy.recipients = Recipients::Any;
    check(
        &many,
        &format!(
            "{HELLO}MAIL FROM:<> SMTPUTF8\nRCPT TO:<ü@b>\nRCPT TO:<a@b>\nRCPT TO:<a@b>\nRCPT TO:<a@b>\n"
        ),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            S: 250 2.1.5 recipient accepted
            S: 250 2.1.5 recipient accepted
            S: 452 4.5.3 too many recipients, send the others later
        "#]],
    );
}

#[test]
fn recipients_that_the_delivery_is_asked_for() {
    let mut asked = setting();
    asked.config.policy.recipients = Recipients::Asked;
    check(
        &asked,
        &format!(
            "{HELLO}MAIL FROM:<>\nRCPT TO:<unknown@b>\nRCPT TO:<later@b>\nRCPT TO:<a@b>\nDATA\nx\n.\n"
        ),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            * recipient unknown@b
            S: 550 5.1.1 no such recipient here
            * recipient later@b
            S: 451 4.3.0 try again later
            * recipient a@b
            S: 250 2.1.5 recipient accepted
            * begin
            S: 354 send it, and end with CR LF . CR LF
            * end "x\r\n"
            S: 250 2.0.0 archived
        "#]],
    );
}

#[test]
fn nothing_is_accepted_by_an_empty_policy() {
    let mut nothing = setting();
    nothing.config.policy = Policy::nothing();
    check(
        &nothing,
        &format!("{HELLO}{MAIL}"),
        &expect![[r#"
        S: 554 mx.test accepts no mail from you
        * close
    "#]],
    );
    let mut elsewhere = setting();
    elsewhere.client = "192.0.2.1";
    check(
        &elsewhere,
        HELLO,
        &expect![[r#"
        S: 554 mx.test accepts no mail from you
        * close
    "#]],
    );
}

#[test]
fn only_cr_lf_dot_cr_lf_ends_a_message() {
    let smuggled =
        "MAIL FROM:<evil@example.org>\r\nRCPT TO:<journal@example.org>\r\nDATA\r\nevil\r\n";
    for end in
        ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n.\r\r\n", "\r\n\0.\r\n"]
    {
        let begin = format!("{HELLO}{MAIL}DATA\n").replace('\n', "\r\n");
        let input = format!("{begin}one{end}{smuggled}\r\n.\r\n");
        let record = crate::script::play(&setting(), input.as_bytes(), &[usize::MAX]);
        assert_eq!(record, crate::script::play(&setting(), input.as_bytes(), &[1]), "{end:?}");
        assert_eq!(record.messages.len(), 1, "{end:?}");
        let kept = String::from_utf8(record.messages[0].1.clone()).unwrap();
        // What a dot at the start of a true line hid is gone; everything else is there.
        let end = end.replace("\r\n.", "\r\n");
        assert_eq!(kept, format!("one{end}{smuggled}\r\n"), "{end:?}");

        let mut strict = setting();
        strict.config.policy.bare_line_ends = BareLineEnds::Refuse;
        let record = crate::script::play(&strict, input.as_bytes(), &[1]);
        if end.contains('\0') {
            continue;
        }
        assert!(record.messages.is_empty(), "{end:?}");
        assert!(
            record.text.ends_with("S: 554 5.6.0 the message holds CR or LF alone\n"),
            "{end:?}"
        );
    }
}

#[test]
fn messages_that_are_too_large_are_read_and_refused() {
    let body = "0123456789abcdef\n".repeat(60);
    check(
        &setting(),
        &format!("{HELLO}{MAIL}DATA\n{body}.\nNOOP\n"),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250 STARTTLS
        S: 250 2.1.0 sender accepted
        S: 250 2.1.5 recipient accepted
        * begin
        S: 354 send it, and end with CR LF . CR LF
        * abandon
        S: 552 5.3.4 the message is larger than this server takes
        S: 250 2.0.0 nothing was done
    "#]],
    );
    check(
        &setting(),
        &format!("{HELLO}{MAIL}BDAT 1001 LAST\n{}NOOP\n", "a".repeat(1001)),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            * abandon
            S: 552 5.3.4 the message is larger than this server takes
            S: 250 2.0.0 nothing was done
        "#]],
    );
}

#[test]
fn chunks() {
    let record = check_bytes(
        &setting(),
        format!(
            "{}BDAT 5\r\n.\r\n\r\nBDAT 0\r\nBDAT 4 LAST\r\n\n..\rNOOP\r\n",
            format!("{HELLO}MAIL FROM:<> BODY=BINARYMIME\nRCPT TO:<journal@example.org>\n")
                .replace('\n', "\r\n")
        )
        .as_bytes(),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            S: 250 2.0.0 5 octets received
            S: 250 2.0.0 0 octets received
            * end ".\r\n\r\n\n..\r"
            S: 250 2.0.0 archived
            S: 250 2.0.0 nothing was done
        "#]],
    );
    assert_eq!(record.messages[0].1, b".\r\n\r\n\n..\r");
    check(
        &setting(),
        &format!("{HELLO}BDAT 6\nRSET\nBDAT 0 LAST\nNOOP\n"),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250 STARTTLS
        S: 503 5.5.1 there is no message that this belongs to
        S: 503 5.5.1 there is no message that this belongs to
        S: 250 2.0.0 nothing was done
    "#]],
    );
    check(
        &setting(),
        &format!("{HELLO}{MAIL}BDAT 3\na\nDATA\nMAIL FROM:<>\nRSET\nBDAT 0 LAST\nBDAT x\n"),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            S: 250 2.0.0 3 octets received
            S: 503 5.5.1 the message began with BDAT
            S: 503 5.5.1 a message is under way already
            S: 250 2.0.0 nothing is under way
            * abandon
            S: 503 5.5.1 there is no message that this belongs to
            S: 501 5.5.4 the size of the chunk makes no sense, closing
            * close
        "#]],
    );
    check(
        &setting(),
        &format!("{HELLO}MAIL FROM:<> BODY=BINARYMIME\nRCPT TO:<journal@example.org>\nDATA\n"),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            S: 503 5.5.1 BINARYMIME needs BDAT
        "#]],
    );
}

#[test]
fn what_is_not_durable_is_not_accepted() {
    for (refusal, want) in [
        (
            Refusal::NoRoom,
            expect![[r#"
            S: 452 4.3.1 no room for the message, try again later
            S: 452 4.3.1 no room for the message, try again later
            S: 452 4.3.1 no room for the message, try again later
        "#]],
        ),
        (
            Refusal::NotNow,
            expect![[r#"
            S: 451 4.3.0 the message cannot be stored now, try again later
            S: 451 4.3.0 the message cannot be stored now, try again later
            S: 451 4.3.0 the message cannot be stored now, try again later
        "#]],
        ),
        (
            Refusal::Stopping,
            expect![[r#"
            S: 421 4.3.2 closing, try again later
            S: 421 4.3.2 closing, try again later
            S: 421 4.3.2 closing, try again later
        "#]],
        ),
        (
            Refusal::UnknownRecipient,
            expect![[r#"
            S: 550 5.1.1 none of the recipients is known here
            S: 550 5.1.1 none of the recipients is known here
            S: 550 5.1.1 none of the recipients is known here
        "#]],
        ),
        (
            Refusal::Forbidden,
            expect![[r#"
            S: 550 5.7.1 the message is not accepted here
            S: 550 5.7.1 the message is not accepted here
            S: 550 5.7.1 the message is not accepted here
        "#]],
        ),
    ] {
        let mut at_end = setting();
        at_end.outcome = Some(refusal);
        let mut in_between = setting();
        in_between.piece = Some(refusal);
        let mut before = setting();
        before.begin = Some(refusal);
        let mut text = String::new();
        for setting in [at_end, in_between, before] {
            let input = if setting.begin.is_some() { "DATA\n" } else { "DATA\nx\n.\n" };
            let input = format!("{HELLO}{MAIL}{input}").replace('\n', "\r\n");
            let record = crate::script::play(&setting, input.as_bytes(), &[usize::MAX]);
            text.push_str(record.text.lines().rfind(|it| it.starts_with("S:")).unwrap());
            text.push('\n');
        }
        want.assert_eq(&text);
    }
    let mut chunked = setting();
    chunked.begin = Some(Refusal::NoRoom);
    check(
        &chunked,
        &format!("{HELLO}{MAIL}BDAT 3\na\nBDAT 3 LAST\na\nNOOP\n"),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250 STARTTLS
        S: 250 2.1.0 sender accepted
        S: 250 2.1.5 recipient accepted
        * begin
        S: 452 4.3.1 no room for the message, try again later
        S: 503 5.5.1 there is no message that this belongs to
        S: 250 2.0.0 nothing was done
    "#]],
    );
}

#[test]
fn encryption_is_offered_and_demanded() {
    let mut demanding = setting();
    demanding.config.policy.tls = TlsRule::Required;
    check(
        &demanding,
        &format!("{HELLO}{MAIL}STARTTLS\nMAIL FROM:<>\n{HELLO}{MAIL}STARTTLS\n"),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 STARTTLS
            S: 530 5.7.0 mail is taken over TLS only
            S: 503 5.5.1 MAIL comes first
            S: 220 2.0.0 begin
            * tls
            S: 503 5.5.1 EHLO comes first
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250 BINARYMIME
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            S: 503 5.5.1 the connection is encrypted already
        "#]],
    );
    let mut without = setting();
    without.config.start_tls = StartTls::Absent;
    check(
        &without,
        &format!("{HELLO}STARTTLS\n"),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250 BINARYMIME
        S: 502 5.5.1 this server has no certificate
    "#]],
    );
}

#[test]
fn logins() {
    let mut open = setting();
    open.config.policy.access = Access::NetworkAndLogin;
    // In clear there are none.
    check(
        &open,
        &format!("{HELLO}AUTH PLAIN AGEAcmlnaHQ=\n{MAIL}"),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250 STARTTLS
        S: 538 5.7.11 passwords are taken over TLS only
        S: 530 5.7.0 log in first
        S: 503 5.5.1 MAIL comes first
    "#]],
    );
    open.tls = Some("TLS 1.2");
    let record = check(
        &open,
        &format!("{HELLO}MAIL FROM:<>\nAUTH PLAIN AGEAcmlnaHQ=\nAUTH LOGIN\n{MAIL}DATA\n.\n"),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 AUTH PLAIN LOGIN
            S: 530 5.7.0 log in first
            * login a right
            S: 235 2.7.0 welcome
            S: 503 5.5.1 not now
            S: 250 2.1.0 sender accepted
            S: 250 2.1.5 recipient accepted
            * begin
            S: 354 send it, and end with CR LF . CR LF
            * end ""
            S: 250 2.0.0 archived
        "#]],
    );
    let (envelope, _) = &record.messages[0];
    assert_eq!((envelope.login.as_deref(), envelope.tls), (Some("a"), Some("TLS 1.2")));
    check(
        &open,
        &format!("{HELLO}AUTH LOGIN\nYQ==\ncmlnaHQ=\n"),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250 AUTH PLAIN LOGIN
        S: 334 VXNlcm5hbWU6
        S: 334 UGFzc3dvcmQ6
        * login a right
        S: 235 2.7.0 welcome
    "#]],
    );
    check(
        &open,
        &format!(
            "{HELLO}AUTH LOGIN YQ==\nbGF0ZXI=\nAUTH PLAIN\n*\nAUTH PLAIN\n!\nAUTH CRAM-MD5\nAUTH PLAIN =\n"
        ),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 AUTH PLAIN LOGIN
            S: 334 UGFzc3dvcmQ6
            * login a later
            S: 454 4.7.0 try again later
            S: 334 
            S: 501 5.7.0 the login was given up
            S: 334 
            S: 501 5.5.2 this is not text in base64
            S: 504 5.5.4 this mechanism is not offered
            S: 501 5.5.2 this is not what PLAIN sends
        "#]],
    );
    check(
        &open,
        &format!("{HELLO}AUTH PLAIN AGEAd3Jvbmc=\nAUTH PLAIN YgBhAHJpZ2h0\n"),
        &expect![[r#"
            S: 220 mx.test ESMTP
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 1000
            S: 250-8BITMIME
            S: 250-SMTPUTF8
            S: 250-ENHANCEDSTATUSCODES
            S: 250-CHUNKING
            S: 250-BINARYMIME
            S: 250 AUTH PLAIN LOGIN
            * login a wrong
            S: 535 5.7.8 name or password is wrong
            S: 535 5.7.8 name or password is wrong
            S: 421 4.7.0 too many logins failed, closing
            * close
        "#]],
    );
    let mut local = setting();
    local.config.policy.access = Access::NetworkOrLogin;
    local.config.policy.clear_login = ClearLogin::OnLoopback;
    check(
        &local,
        HELLO,
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 1000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250-STARTTLS
        S: 250 AUTH PLAIN LOGIN
    "#]],
    );
}

#[test]
fn limits_of_a_conversation() {
    check(
        &setting(),
        &"X\n".repeat(9),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 500 5.5.1 this command is not known here
        S: 500 5.5.1 this command is not known here
        S: 500 5.5.1 this command is not known here
        S: 500 5.5.1 this command is not known here
        S: 500 5.5.1 this command is not known here
        S: 421 4.7.0 too many errors, closing
        * close
    "#]],
    );
    check(
        &setting(),
        &"NOOP\n".repeat(20),
        &expect![[r#"
        S: 220 mx.test ESMTP
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 250 2.0.0 nothing was done
        S: 421 4.7.0 too many commands without a message, closing
        * close
    "#]],
    );
}

#[test]
fn errors_make_answers_slow() {
    let mut slow = setting();
    slow.config.limits.error_pause = Duration::from_secs(1);
    slow.config.limits.error_pause_max = Duration::from_secs(6);
    let client = "127.0.0.1".parse().unwrap();
    let mut session = Session::new(Arc::new(slow.config), client, None);
    let mut pause_after = |line: &[u8]| {
        session.step(line);
        session.take_pause().as_secs()
    };
    assert_eq!(pause_after(b"NOOP\r\n"), 0);
    assert_eq!([pause_after(b"X\r\n"), pause_after(b"X\r\n")], [1, 2]);
    assert_eq!(pause_after(b"NOOP\r\n"), 0);
    // Those of commands that came together add up, to a limit.
    session.step(b"X\r\n");
    session.step(b"X\r\n");
    assert_eq!(session.take_pause().as_secs(), 6);
}
