//! Clients of others: Python's smtplib, where Python is installed.

use std::process::Stdio;

use smtpd::{Access, TlsRule};
use testkit::{left_out, peers};
use tokio::process::Command;

use crate::running::{Options, Running, options};

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
