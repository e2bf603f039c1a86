//! Clients of others: Python's smtplib and Postfix, where they are installed.

use std::process::Stdio;

use smtpd::{Access, Refusal, TlsRule};
use testkit::{Postfix, left_out, peers};
use tokio::process::Command;

use crate::running::{Client, Options, Running, options};

/// Sends each file in a directory; over TLS, with a login.
const SCRIPT: &str = r#"
import pathlib, smtplib, ssl, sys
port, mode, ca, mails = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)
if mode == "smtps":
    client = smtplib.SMTP_SSL("localhost", port, context=context, timeout=60)
else:
    client = smtplib.SMTP("localhost", port, timeout=60)
    try:
        client.login("mx", "open sesame")
        sys.exit("a login in clear")
    except smtplib.SMTPNotSupportedError:
        pass
    client.starttls(context=context)
try:
    client.login("mx", "wrong")
    sys.exit("a wrong password")
except smtplib.SMTPAuthenticationError:
    pass
client.login("mx", "open sesame")
for path in sorted(pathlib.Path(mails).iterdir()):
    refused = client.sendmail("a@example.org", ["b@example.org", "c@example.org"], path.read_bytes())
    if refused:
        sys.exit(str(refused))
client.quit()
"#;

#[tokio::test]
async fn python_hands_in_mail_after_starttls() {
    let mut options = options();
    options.config.policy.tls = TlsRule::Required;
    python(options, "smtp").await;
}

#[tokio::test]
async fn python_hands_in_mail_over_tls() {
    let mut options = options();
    options.tls_from_start = true;
    python(options, "smtps").await;
}

async fn python(mut options: Options, mode: &str) {
    let Some(program) = peers::program("python3") else {
        left_out("python3 is not installed (Debian: python3)");
        return;
    };
    options.config.policy.access = Access::NetworkAndLogin;
    let server = Running::start(options).await;
    let dir = server.dir.path().join("mails");
    std::fs::create_dir(&dir).unwrap();
    let mut sent = Vec::new();
    for (n, mail) in testkit::corpus::messages(9, 40).enumerate() {
        // smtplib sends CR LF for each line end, and adds one where the last is missing.
        let bytes = String::from_utf8(mail.bytes).unwrap().replace('\n', "\r\n").into_bytes();
        let bytes = [&b"X-Dots: .\r\n"[..], &bytes, b".\r\n..\r\n. \r\n"].concat();
        std::fs::write(dir.join(format!("{n:03}")), &bytes).unwrap();
        sent.push(bytes);
    }
    let output = Command::new(program)
        .args(["-c", SCRIPT, &server.address.port().to_string(), mode])
        .arg(server.dir.path().join("ca.pem"))
        .arg(&dir)
        .stdin(Stdio::null())
        .output();
    let output = output.await.unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let mut stored = server.stored();
    stored.sort();
    sent.sort();
    assert!(stored == sent, "byte for byte");
    let envelope = &server.envelopes()[0];
    assert_eq!((envelope.sender.as_str(), envelope.recipients.len()), ("a@example.org", 2));
    assert_eq!(envelope.login.as_deref(), Some("mx"));
    assert!(envelope.tls.is_some_and(|it| it.starts_with("TLS 1.")));
    server.stop().await;
}

/// Postfix hands in its mail over TLS; what could not be stored it keeps, and brings again.
#[tokio::test]
async fn postfix_keeps_what_we_could_not_store() {
    let mut options = options();
    options.config.policy.tls = TlsRule::Required;
    options.outcome = Some(Refusal::NoRoom);
    let server = Running::start(options).await;
    let ca_file = server.dir.path().join("ca.pem");
    let Some(postfix) = Postfix::start_or_leave_out(server.address, &ca_file) else { return };
    let mut client = Client::to(postfix.address()).await;
    assert_eq!(client.answer().await, "220");
    let mut sent = Vec::new();
    for mail in testkit::corpus::messages(9, 30) {
        let text = String::from_utf8(mail.bytes).unwrap().replace('\n', "\r\n") + ".\r\n";
        // Postfix puts an empty line before lines of a header that are no fields; the made-up
        // signatures are such lines.
        if text.contains("DKIM-Signature") {
            continue;
        }
        client.begin().await;
        assert_eq!(client.ask("DATA\r\n").await, "354");
        let stuffed = text.replace("\r\n.", "\r\n..");
        assert_eq!(client.ask(&format!("{stuffed}.\r\n")).await, "250");
        sent.push(text);
    }
    while server.n_refused() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(server.stored().is_empty());
    server.recover();
    while server.stored().len() < sent.len() {
        postfix.flush();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    // Postfix puts a field of its own before the message; the rest is as it was sent.
    let stored = server.stored();
    for text in &sent {
        assert!(stored.iter().any(|it| it.ends_with(text.as_bytes())), "{text}");
    }
    let envelopes = server.envelopes();
    assert_eq!((envelopes.len(), stored.len()), (sent.len(), sent.len()), "each came once");
    assert!(envelopes.iter().all(|it| it.tls == Some("TLS 1.3")));
    server.stop().await;
}
