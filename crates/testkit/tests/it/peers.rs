//! Dovecot, and what the kit does to it.

mod faults;

use testkit::dovecot::Mail;
use testkit::{Dovecot, DovecotOptions, MailFormat, RawImap};

const HELLO: &[u8] = b"Subject: hello\n\nfirst\nsecond\r\n";

/// The mailboxes that have messages, one line each: name, then size and flags of each message.
fn contents(dovecot: &Dovecot, user: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, mailbox) in dovecot.everything(user) {
        let mut line = name;
        for message in &mailbox.messages {
            line += &format!(" {}:{}{:?}", message.uid, message.bytes.len(), message.flags);
        }
        if !mailbox.messages.is_empty() {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn fill_and_read_back() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let mail = |flags| Mail { bytes: HELLO, flags, received: 1_000_000_000 };
    dovecot.fill("alice", "INBOX", [mail(""), mail("S")]);
    dovecot.fill("alice", "Projects/Alpha", [mail("FRS")]);
    dovecot.fill("alice", "INBOX", [Mail { bytes: b"", flags: "", received: 1 }]);
    assert_eq!(
        contents(&dovecot, "alice"),
        [
            r#"INBOX 1:33[] 2:33["\\Seen"] 3:0[]"#,
            r#"Projects/Alpha 1:33["\\Answered", "\\Flagged", "\\Seen"]"#,
        ]
    );
    let inbox = dovecot.login("alice").mailbox("INBOX");
    assert_eq!(inbox.messages[0].bytes, b"Subject: hello\r\n\r\nfirst\r\nsecond\r\n");
    assert_eq!(inbox.messages[0].internal_date, "09-Sep-2001 01:46:40 +0000");
    assert!(contents(&dovecot, "bob").is_empty());
}

#[test]
fn change_a_mailbox() {
    for format in [MailFormat::Maildir, MailFormat::MaildirDots, MailFormat::Sdbox] {
        let options = DovecotOptions { format, ..DovecotOptions::default() };
        let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
        let mut imap = dovecot.login("alice");
        imap.create("Box");
        let one = imap.append("INBOX", "\\Seen $Label", HELLO);
        let two = imap.append("INBOX", "", HELLO);
        let three = imap.append("INBOX", "", HELLO);
        imap.copy("INBOX", &[one, two], "Box");
        imap.move_to("INBOX", &[three], "Box");
        imap.expunge("INBOX", &[two]);
        imap.flag("Box", &[1, 2], "\\Flagged");
        imap.rename("Box", "Kiste");
        assert_eq!(
            contents(&dovecot, "alice"),
            [
                r#"INBOX 1:33["$Label", "\\Seen"]"#,
                r#"Kiste 1:33["\\Flagged"] 2:33["\\Flagged"] 3:33[]"#
            ],
            "{format:?}"
        );
        dovecot.set_uid_validity("alice", "Kiste", 77);
        let kiste = imap.mailbox("Kiste");
        assert_eq!((kiste.uid_validity, kiste.messages.len()), (77, 3), "{format:?}");
        imap.delete("Kiste");
    }
}

#[test]
fn who_may_log_in() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    dovecot.add_user("carol", "x y");
    let _ = RawImap::login(dovecot.imap(), "carol", "x y");
    let _ = RawImap::login(dovecot.imap(), "alice*master", testkit::dovecot::MASTER_PASSWORD);
    let mut imap = dovecot.login("bob");
    let began = std::time::Instant::now();
    assert!(imap.run("LOGIN bob wrong").1.starts_with("BAD"), "already logged in");
    let refused = std::panic::catch_unwind(|| RawImap::login(dovecot.imap(), "bob", "wrong"));
    assert!(refused.is_err());
    assert!(began.elapsed().as_secs() < 2, "a wrong password is answered at once");
}

#[test]
fn what_it_offers() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let capability = capability(&dovecot);
    for it in ["STARTTLS", "AUTH=PLAIN", "AUTH=CRAM-MD5", "AUTH=SCRAM-SHA-256"] {
        assert!(capability.contains(it), "{it} in {capability}");
    }
    assert!(!capability.contains("LOGINDISABLED"), "{capability}");

    let options = DovecotOptions { plaintext_login: false, ..DovecotOptions::default() };
    let dovecot = Dovecot::start_with(options);
    let capability = self::capability(&dovecot);
    assert!(capability.contains("LOGINDISABLED"), "{capability}");
}

/// What the server says to a client that is not logged in.
fn capability(dovecot: &Dovecot) -> String {
    use std::io::{BufRead as _, Write as _};
    let stream = std::net::TcpStream::connect(dovecot.imap()).unwrap();
    (&stream).write_all(b"a CAPABILITY\r\n").unwrap();
    std::io::BufReader::new(stream).lines().map(Result::unwrap).nth(1).unwrap()
}

#[test]
fn compress_is_offered_when_asked_for() {
    let options = DovecotOptions { compress: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let answer = dovecot.login("alice").ok("CAPABILITY");
    assert!(answer[0].text.contains("COMPRESS=DEFLATE"), "{}", answer[0].text);
}

#[test]
fn it_stops_and_starts_again() {
    let Some(mut dovecot) = Dovecot::start_or_leave_out() else { return };
    dovecot.login("alice").append("INBOX", "", HELLO);
    dovecot.stop();
    assert!(std::net::TcpStream::connect(dovecot.imap()).is_err());
    dovecot.start_again();
    assert_eq!(contents(&dovecot, "alice"), ["INBOX 1:33[]"]);
}
