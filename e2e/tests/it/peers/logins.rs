//! Logging in: what works, and what people are told when it does not.

use std::net::TcpListener;

use expect_test::{Expect, expect};
use testkit::certificates::ServerCertificate;
use testkit::dovecot::{MASTER, MASTER_PASSWORD, Mail, PASSWORD};
use testkit::{Dovecot, DovecotOptions};

use crate::posthold::{Place, Ran};

fn start(options: DovecotOptions) -> Option<Dovecot> {
    let dovecot = Dovecot::start_with_or_leave_out(options)?;
    let mail = Mail { bytes: b"Subject: one\n\nx\n", flags: "", received: 1_600_000_000 };
    dovecot.fill("alice", "INBOX", [mail]);
    Some(dovecot)
}

fn archive(place: &Place, url: &str, password: &str, options: &[&str]) -> Ran {
    let line = ["archive", url, "--user", "alice"];
    let mut command = place.command(line.iter().chain(options));
    Ran::of(command.env("POSTHOLD_PASSWORD", password).output().unwrap())
}

fn check(url: &str, password: &str, options: &[&str], want: &Expect) {
    let place = Place::new();
    let ran = archive(&place, url, password, options);
    let mut text = ran.transcript(&place);
    // Ports and fingerprints differ from run to run.
    let port = url.rsplit(':').next().and_then(|it| it.strip_suffix('/')).unwrap_or_default();
    if !port.is_empty() {
        text = text.replace(port, "PORT");
    }
    want.assert_eq(&without_fingerprints(&text));
}

fn without_fingerprints(text: &str) -> String {
    let mut parts = text.split("SHA256:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|it: char| it.is_ascii_hexdigit() || it == ':');
        let is_fingerprint = 64 <= part.len() - rest.len();
        out.push_str(if is_fingerprint { "SHA256:FINGERPRINT" } else { "SHA256:" });
        out.push_str(rest);
    }
    out
}

#[test]
fn certificates() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let (imaps, imap) = (dovecot.imaps(), dovecot.imap());
    let ca = dovecot.ca_file();
    let ca = ca.to_str().unwrap();
    check(
        &format!("imaps://alice@{imaps}/"),
        PASSWORD,
        &[],
        &expect![[r#"
        exit code 2
        stderr: error: the certificate of 127.0.0.1:PORT is not accepted: its issuer is not trusted (SHA256:FINGERPRINT)
        stderr:   If it is the right one, pin it with --fingerprint SHA256:FINGERPRINT, or name its issuer with --ca-file FILE. --accept-all-certificates checks nothing.
    "#]],
    );
    let place = Place::new();
    for url in [format!("imaps://alice@{imaps}/"), format!("imap://alice@{imap}/")] {
        let ran = archive(&place, &url, PASSWORD, &["--ca-file", ca]);
        assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    }
    check(
        &format!("imaps://alice@{imaps}/"),
        PASSWORD,
        &["--accept-all-certificates"],
        &expect![[r#"
        exit code 0
        All done: 1 archived, 0 there already.

          mailbox  there  archived  already  excluded  quarantined
          Archive      0         0        0         0            0
          Drafts       0         0        0         0            0  Drafts is left out by default
          INBOX        1         1        0         0            0
          Junk         0         0        0         0            0  Junk is left out by default
          Sent         0         0        0         0            0
          Trash        0         0        0         0            0  Trash is left out by default

        warning: the certificate of 127.0.0.1:PORT was not checked; to pin it: --fingerprint SHA256:FINGERPRINT.
        warning: Any certificate is accepted from the incoming server 127.0.0.1:PORT: anybody can pretend to be it.
    "#]],
    );
    check(
        &format!("imaps://alice@{imaps}/"),
        PASSWORD,
        &["--fingerprint", "zz"],
        &expect![[r#"
            exit code 2
            stderr: error: --fingerprint zz: a fingerprint is SHA256: and 64 hexadecimal digits, with or without colons
        "#]],
    );
    check(
        &format!("imaps://alice@{imaps}/"),
        PASSWORD,
        &["--ca-file", "nowhere"],
        &expect![[r#"
        exit code 2
        stderr: error: failed to read certificates from nowhere: I/O error: No such file or directory (os error 2)
        stderr:   The file holds one or more certificates in PEM form (-----BEGIN CERTIFICATE-----).
    "#]],
    );
    let other = "00".repeat(32);
    check(
        &format!("imaps://alice@{imaps}/"),
        PASSWORD,
        &["--fingerprint", &other],
        &expect![[r#"
            exit code 2
            stderr: error: the certificate of 127.0.0.1:PORT is not accepted: the pinned one is SHA256:FINGERPRINT, this is another (SHA256:FINGERPRINT)
            stderr:   If it is the right one, pin it with --fingerprint SHA256:FINGERPRINT, or name its issuer with --ca-file FILE. --accept-all-certificates checks nothing.
        "#]],
    );
}

#[test]
fn an_expired_certificate() {
    let options = DovecotOptions { certificate: ServerCertificate::Expired, ..Default::default() };
    let Some(dovecot) = start(options) else { return };
    let ca = dovecot.ca_file();
    let options = ["--ca-file", ca.to_str().unwrap()];
    check(
        &format!("imaps://alice@{}/", dovecot.imaps()),
        PASSWORD,
        &options,
        &expect![[r#"
        exit code 2
        stderr: error: the certificate of 127.0.0.1:PORT is not accepted: it has expired (SHA256:FINGERPRINT)
        stderr:   If it is the right one, pin it with --fingerprint SHA256:FINGERPRINT, or name its issuer with --ca-file FILE. --accept-all-certificates checks nothing.
    "#]],
    );
}

#[test]
fn wrong_logins() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let url = format!("imap://alice@{}/", dovecot.imap());
    check(
        &url,
        "wrong",
        &["--plain"],
        &expect![[r#"
        exit code 2
        stderr: error: 127.0.0.1:PORT refused login or password: [AUTHENTICATIONFAILED] Authentication failed.
        stderr:   Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there.
    "#]],
    );
    check(
        &url,
        "wrong",
        &["--plain", "--json"],
        &expect![[r#"
        exit code 2
        {"error":{"kind":"credentials","message":"127.0.0.1:PORT refused login or password: [AUTHENTICATIONFAILED] Authentication failed.","hint":"Check both. The password comes from --password-file or POSTHOLD_PASSWORD; some providers want an app password or an access token there."}}
    "#]],
    );
    check(
        &url,
        PASSWORD,
        &["--plain", "--auth", "xoauth2"],
        &expect![[r#"
        exit code 2
        stderr: error: 127.0.0.1:PORT does not offer XOAUTH2 (it offers: CRAM-MD5, LOGIN, PLAIN, SCRAM-SHA-256)
        stderr:   Name another mechanism, or none to let us choose.
    "#]],
    );
}

#[test]
fn mechanisms() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let place = Place::new();
    let url = format!("imap://alice@{}/", dovecot.imap());
    for mechanism in ["auto", "plain", "login", "cram-md5", "scram-sha-256"] {
        let ran = archive(&place, &url, PASSWORD, &["--plain", "--auth", mechanism]);
        assert_eq!(ran.code, 0, "{mechanism}: {}", ran.transcript(&place));
    }
    let master = format!("imap://{MASTER}@{}/", dovecot.imap());
    let options = ["--plain", "--auth", "plain", "--authzid", "alice"];
    let ran = archive(&place, &master, MASTER_PASSWORD, &options);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
}

#[test]
fn nobody_there() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    check(
        &format!("imap://alice@127.0.0.1:{port}/"),
        "x",
        &[],
        &expect![[r#"
        exit code 2
        stderr: error: 127.0.0.1:PORT refused the connection: Connection refused (os error 111)
        stderr:   Nothing listens on this port. Check host and port.
    "#]],
    );
    check(
        "imap://alice@no-such-host.invalid/",
        "x",
        &[],
        &expect![[r#"
        exit code 2
        stderr: error: unknown host no-such-host.invalid: failed to lookup address information: Name or service not known
        stderr:   Check the spelling of the host name, and that this machine can reach a DNS.
    "#]],
    );
}

#[test]
fn passwords_do_not_go_in_the_clear() {
    // With nothing but plain passwords on offer there is no way in without encryption.
    let options =
        DovecotOptions { plaintext_login: false, mechanisms: "plain login", ..Default::default() };
    let Some(dovecot) = start(options) else { return };
    let url = format!("imap://alice@{}/", dovecot.imap());
    check(
        &url,
        PASSWORD,
        &["--plain"],
        &expect![[r#"
        exit code 2
        stderr: error: 127.0.0.2:PORT takes no password on this connection (LOGINDISABLED)
        stderr:   It wants encryption: use imaps://, or imap:// without --plain.
    "#]],
    );
    check(
        &url,
        PASSWORD,
        &["--plain", "--auth", "plain"],
        &expect![[r#"
        exit code 2
        stderr: error: 127.0.0.2:PORT does not offer PLAIN (it offers: none)
        stderr:   Name another mechanism, or none to let us choose.
    "#]],
    );

    // A mechanism that does not send the password needs none.
    let options = DovecotOptions { plaintext_login: false, ..Default::default() };
    let Some(dovecot) = start(options) else { return };
    let place = Place::new();
    let url = format!("imap://alice@{}/", dovecot.imap());
    let ran = archive(&place, &url, PASSWORD, &["--plain"]);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
}
