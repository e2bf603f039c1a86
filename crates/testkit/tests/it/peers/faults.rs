//! Each fault of the proxy, seen by a client that trusts its server.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use testkit::dovecot::{Mail, PASSWORD};
use testkit::fault_proxy::{Direction, Refusal, Then};
use testkit::{Dovecot, FaultProxy, Faults, ImapFault, RawImap, WireAction, WireFault};

fn filled() -> Option<Dovecot> {
    let dovecot = Dovecot::start_or_leave_out()?;
    let bodies: Vec<String> = (1..=3).map(|n| format!("Subject: {n}\r\n\r\n{n}\r\n")).collect();
    let mails = bodies.iter().map(|it| Mail { bytes: it.as_bytes(), flags: "", received: 0 });
    dovecot.fill("alice", "INBOX", mails);
    Some(dovecot)
}

/// What a client sees of the inbox: every line that tells of a message or ends a command.
fn seen(proxy: &FaultProxy) -> String {
    let mut imap = RawImap::login(proxy.addr(), "alice", PASSWORD);
    let mut seen = String::new();
    for command in ["EXAMINE INBOX", "UID FETCH 1:* (BODY.PEEK[])", "NOOP"] {
        let (responses, status) = imap.run(command);
        for it in responses {
            let text = it.text;
            if text.contains("FETCH") || text.contains("UIDVALIDITY") || text.contains('?') {
                let bodies: Vec<_> = it.literals.iter().map(Vec::len).collect();
                seen += &format!("{text} {bodies:?}\n");
            }
        }
        seen += &format!("{}\n", status.split(" (").next().unwrap_or_default());
    }
    seen
}

/// The same, or why the client gave up.
fn tried(proxy: &FaultProxy) -> Result<String, String> {
    let seen = catch_unwind(AssertUnwindSafe(|| seen(proxy)));
    seen.map_err(|it| it.downcast::<String>().map_or("?".to_owned(), |it| *it))
}

fn check(fault: impl Into<Faults>, expect: &Expect) {
    let Some(dovecot) = filled() else { return };
    dovecot.set_uid_validity("alice", "INBOX", 9);
    let proxy = FaultProxy::start(dovecot.imap());
    proxy.set(fault);
    let result = tried(&proxy).unwrap_or_else(|it| format!("the client gave up: {it}\n"));
    expect.assert_eq(&format!("{result}struck {}", proxy.counts().struck));
}

#[test]
fn none() {
    check(
        Faults::default(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 0"#]],
    );
}

#[test]
fn bye_in_a_literal() {
    check(
        ImapFault::ByeInLiteral.times(1, 1),
        &expect![[r#"
        the client gave up: the connection ended after ""
        struck 1"#]],
    );
}

#[test]
fn bodies_left_out() {
    check(
        ImapFault::OmitBody([1, 3].into()).always(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 2"#]],
    );
    check(
        ImapFault::NilBody([2].into()).once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] NIL) []
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
    check(
        ImapFault::EmptyBody([2].into()).once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {0}) [0]
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
}

#[test]
fn wrong_sizes() {
    check(
        ImapFault::ShortBody { uids: [2].into(), missing: 4 }.once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {13}) [13]
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
    check(
        ImapFault::WrongSize { uids: [2].into(), by: -4 }.once(),
        &expect![[r#"
        the client gave up: the connection ended after "* 2 FETCH (UID 2 BODY[] {13}"
        struck 1"#]],
    );
    check(
        ImapFault::WrongSize { uids: [2].into(), by: 4 }.once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {21} 3 FETCH (UID 3 BODY[] {17}) [21, 17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
}

#[test]
fn too_much() {
    check(
        ImapFault::Twice([2].into()).once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
    let says = "* ?\r\n";
    check(
        ImapFault::Before { uids: [2].into(), says }.once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * ? []
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
}

#[test]
fn out_of_order() {
    check(
        ImapFault::Reverse.always(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
}

#[test]
fn another_uid_validity() {
    check(
        ImapFault::UidValidity(4711).always(),
        &expect![[r#"
        * OK [UIDVALIDITY 4711] UIDs valid []
        OK [READ-ONLY] Examine completed
        * 1 FETCH (UID 1 BODY[] {17}) [17]
        * 2 FETCH (UID 2 BODY[] {17}) [17]
        * 3 FETCH (UID 3 BODY[] {17}) [17]
        OK Fetch completed
        OK NOOP completed
        struck 1"#]],
    );
}

#[test]
fn commands_refused() {
    let refuse = |command, with| ImapFault::Refuse { command, with };
    check(
        refuse("uid fetch", Refusal::No("[THROTTLED] slow")).once(),
        &expect![[r#"
        * OK [UIDVALIDITY 9] UIDs valid []
        OK [READ-ONLY] Examine completed
        NO [THROTTLED] slow
        OK NOOP completed
        struck 1"#]],
    );
    check(
        refuse("EXAMINE", Refusal::Bad("what")).always(),
        &expect![[r#"
        BAD what
        BAD No mailbox selected
        OK NOOP completed
        struck 1"#]],
    );
    check(
        refuse("", Refusal::Bye("[UNAVAILABLE] later")).times(2, 1),
        &expect![[r#"
        the client gave up: the connection ended after ""
        struck 1"#]],
    );
}

/// A fault of what the server says.
fn wire(after: u64, action: WireAction, then: Then) -> WireFault {
    WireFault { direction: Direction::ToClient, after, action, then }
}

#[test]
fn a_cut_at_every_hundredth_byte_ends_the_session_there() {
    let Some(dovecot) = filled() else { return };
    let proxy = FaultProxy::start(dovecot.imap());
    let whole = proxy.run_through(|| drop(seen(&proxy)));
    assert_eq!((whole.connections, whole.struck), (1, 0));
    for n in (0..whole.to_client).step_by(100) {
        for action in [WireAction::Cut, WireAction::Reset] {
            proxy.set(wire(n, action, Then::Fine));
            assert!(tried(&proxy).is_err(), "{action:?} at {n}");
            let counts = proxy.counts();
            assert_eq!((counts.to_client, counts.struck), (n, 1), "{action:?} at {n}");
            let _ = seen(&proxy);

            proxy.set(wire(n, action, Then::Same));
            assert!(tried(&proxy).is_err(), "{action:?} at {n}");
            assert!(tried(&proxy).is_err(), "{action:?} at {n}, again");
        }
    }
    let n = whole.to_server - 1;
    proxy.set(WireFault { direction: Direction::ToServer, ..wire(n, WireAction::Cut, Then::Fine) });
    assert!(tried(&proxy).is_err());
    assert_eq!(proxy.counts().to_server, n);
}

#[test]
fn a_cut_is_an_end_and_a_reset_is_a_reset() {
    let Some(dovecot) = filled() else { return };
    let proxy = FaultProxy::start(dovecot.imap());
    let read = |action| {
        proxy.set(wire(10, action, Then::Fine));
        let mut stream = TcpStream::connect(proxy.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).map_err(|it| it.kind());
        (end, String::from_utf8(bytes).unwrap())
    };
    assert_eq!(read(WireAction::Cut), (Ok(10), "* OK [CAPA".to_owned()));
    assert_eq!(read(WireAction::Reset).0, Err(ErrorKind::ConnectionReset));
    assert_eq!(read(WireAction::Stall), (Err(ErrorKind::WouldBlock), "* OK [CAPA".to_owned()));
    let (end, text) = read(WireAction::Lose(6));
    assert_eq!((end, text.get(..20)), (Err(ErrorKind::WouldBlock), Some("* OK [CAPA IMAP4rev1")));
}

#[test]
fn slow_is_slow() {
    let Some(dovecot) = filled() else { return };
    let proxy = FaultProxy::start(dovecot.imap());
    let whole = proxy.run_through(|| drop(seen(&proxy)));
    let per_second = u32::try_from(whole.to_client).unwrap();
    proxy.set(wire(0, WireAction::Slow(per_second), Then::Fine));
    let began = Instant::now();
    let _ = seen(&proxy);
    assert!(Duration::from_millis(700) < began.elapsed());
}

#[test]
fn a_refused_literal_does_not_reach_the_server() {
    let Some(dovecot) = filled() else { return };
    let proxy = FaultProxy::start(dovecot.imap());
    let with = Refusal::No("[OVERQUOTA] full");
    proxy.set(ImapFault::Refuse { command: "STATUS", with }.once());
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    stream.read_exact(&mut [0; 10]).unwrap(); // The greeting has come.
    let login = format!("a LOGIN alice \"{PASSWORD}\"\r\nb STATUS {{5+}}\r\nINBOX (MESSAGES)\r\n");
    stream
        .write_all(format!("{login}c STATUS INBOX (MESSAGES)\r\nd LOGOUT\r\n").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("\r\nb NO [OVERQUOTA] full\r\n"), "{text}");
    assert!(text.contains("* STATUS INBOX (MESSAGES 3)\r\nc OK"), "{text}");
}
