//! A real server: security, mechanisms, names, large messages, the difference, compression.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail_client::{
    CertificatePolicy, Fingerprint, ImapAccount, ImapConnection, ImapSettings, LookAtInbox,
    Mechanism, Security, Server, encode_mutf7,
};
use ports::{
    Body, Connect, FetchAnswer, InFlight, Known, Piece, Source, SourceError, SourceErrorKind,
    SpecialUse, Uids,
};
use rules::same_mailbox::{Sameness, compare};
use sha2::{Digest, Sha256};
use testkit::certificates::ServerCertificate;
use testkit::dovecot::{MASTER, MASTER_PASSWORD, Mail, PASSWORD};
use testkit::{Dovecot, DovecotOptions, FaultProxy, ImapFault, MailFormat};
use tokio::sync::mpsc;
use types::{MailboxName, Secret};

use crate::wire::{fetch, mailbox, settings};

fn server(dovecot: &Dovecot, security: Security) -> Server {
    let addr = match security {
        Security::ImplicitTls => dovecot.imaps(),
        _ => dovecot.imap(),
    };
    Server { host: addr.ip().to_string(), port: addr.port() }
}

fn account(dovecot: &Dovecot, security: Security) -> ImapSettings {
    ImapSettings {
        server: server(dovecot, security),
        security,
        certificates: CertificatePolicy::CaFile(dovecot.ca_file()),
        secret: Secret::new(PASSWORD.into()),
        ..settings()
    }
}

async fn connect(settings: ImapSettings) -> Result<ImapConnection, SourceError> {
    ImapAccount::new(settings)?.connect().await
}

/// Everything of an account, as it came.
async fn everything(connection: &mut ImapConnection) -> BTreeMap<Vec<u8>, BTreeMap<u64, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for it in connection.mailboxes().await.unwrap().iter().filter(|it| it.selectable) {
        let opened = connection.open(&it.name, None).await.unwrap();
        assert_eq!(Some(opened.status.messages), it.status.map(|it| it.messages));
        let Uids::All(uids) = opened.uids else { panic!("a difference to nothing") };
        all.insert(it.name.raw.clone(), bodies(connection, &uids).await);
    }
    all
}

async fn bodies(connection: &mut ImapConnection, uids: &[u64]) -> BTreeMap<u64, Vec<u8>> {
    let budget = InFlight::new(4 << 20);
    let (sender, mut receiver) = mpsc::channel(4);
    let fetching = async {
        let answer = connection.fetch(uids, &budget, &sender).await.unwrap();
        assert_eq!(answer, FetchAnswer::Done);
        drop(sender);
    };
    let collecting = async {
        let mut all = BTreeMap::new();
        while let Some(fetched) = receiver.recv().await {
            let bytes = match fetched.body {
                Body::Whole(bytes) => bytes,
                Body::Pieces(pieces) => joined(pieces).await,
                Body::Nil => panic!("NIL"),
            };
            assert!(fetched.received.is_some());
            all.insert(fetched.uid, bytes);
        }
        all
    };
    let ((), all) = tokio::join!(fetching, collecting);
    assert_eq!(all.len(), uids.len());
    all
}

async fn joined(mut pieces: mpsc::Receiver<Piece>) -> Vec<u8> {
    let mut joined = Vec::new();
    loop {
        match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => joined.extend(bytes),
            Some(Piece::End) => return joined,
            None => panic!("a message was cut"),
        }
    }
}

#[tokio::test]
async fn every_kind_of_security() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    for security in [Security::Plain, Security::StartTls, Security::StartTlsIfOffered] {
        let connection = connect(account(&dovecot, security)).await.unwrap();
        let description = connection.describe();
        assert_eq!(description.encryption.is_some(), security != Security::Plain, "{description}");
        assert_eq!(description.software.as_deref(), Some("Dovecot"));
        assert_eq!(connection.warnings(), Vec::<String>::new());
        connection.close().await;
    }
    let connection = connect(account(&dovecot, Security::ImplicitTls)).await.unwrap();
    let fingerprint = Fingerprint::of(&dovecot.certificates().server_der);
    let encryption = format!("TLS 1.3, {fingerprint}");
    assert_eq!(connection.describe().encryption, Some(encryption));
    connection.close().await;

    for certificates in [CertificatePolicy::Fingerprint(fingerprint), CertificatePolicy::AcceptAll]
    {
        let any = certificates == CertificatePolicy::AcceptAll;
        let settings = ImapSettings { certificates, ..account(&dovecot, Security::ImplicitTls) };
        let connection = connect(settings).await.unwrap();
        let warnings = connection.warnings();
        assert_eq!(warnings.iter().any(|it| it.contains("was not checked")), any, "{warnings:?}");
        connection.close().await;
    }
}

#[tokio::test]
async fn certificates_that_are_not_accepted_say_how_they_could_be() {
    let options =
        DovecotOptions { certificate: ServerCertificate::WrongHost, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let fingerprint = Fingerprint::of(&dovecot.certificates().server_der);
    for security in [Security::ImplicitTls, Security::StartTls] {
        let error = connect(account(&dovecot, security)).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Configuration);
        assert!(error.to_string().contains("for another name (elsewhere.example)"), "{error}");
        let hint = error.hint().unwrap();
        for flag in [&format!("--fingerprint {fingerprint}"), "--ca-file", "--accept-all-cert"] {
            assert!(hint.contains(flag), "{hint}");
        }
    }
    // TLS where none is spoken, and the other way round.
    let mut settings = account(&dovecot, Security::ImplicitTls);
    settings.server = server(&dovecot, Security::Plain);
    let error = connect(settings).await.unwrap_err();
    assert!(error.to_string().contains("does not speak TLS on this port"), "{error}");
}

#[tokio::test]
async fn every_mechanism() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let settings = account(&dovecot, Security::ImplicitTls);
    for (mechanism, name) in [
        (Mechanism::Auto, "SCRAM-SHA-256"),
        (Mechanism::ScramSha256, "SCRAM-SHA-256"),
        (Mechanism::Plain, "PLAIN"),
        (Mechanism::Login, "LOGIN"),
        (Mechanism::CramMd5, "CRAM-MD5"),
    ] {
        let right = ImapSettings { mechanism, ..settings.clone() };
        let connection = connect(right.clone()).await.unwrap();
        assert_eq!(connection.describe().login, name);
        connection.close().await;

        let wrong = ImapSettings { secret: Secret::new("wrong".into()), ..right };
        let error = connect(wrong).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Credentials, "{mechanism}: {error}");
        assert!(error.hint().unwrap().contains("--password-file"));
    }
    let missing = ImapSettings { mechanism: Mechanism::XOAuth2, ..settings };
    let error = connect(missing).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Configuration);
    assert!(error.to_string().contains("does not offer XOAUTH2"), "{error}");
}

/// The server offers SCRAM to everybody, and keeps this password hashed in another way.
#[tokio::test]
async fn scram_that_cannot_work_gives_way_to_plain() {
    let hash = BASE64.encode(Sha256::digest(PASSWORD));
    let options = DovecotOptions {
        extra: format!("passdb {{\n  driver = static\n  args = password={{SHA256}}{hash}\n}}\n"),
        ..DovecotOptions::default()
    };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    dovecot.add_user("carol", "what SCRAM is asked for");
    let carol = |security| ImapSettings { login: "carol".into(), ..account(&dovecot, security) };
    let connection = connect(carol(Security::ImplicitTls)).await.unwrap();
    assert_eq!(connection.describe().login, "PLAIN");
    let warnings = connection.warnings();
    assert!(warnings[0].contains("refused SCRAM-SHA-256 and accepted PLAIN"), "{warnings:?}");
    connection.close().await;
    // Nobody who listens, or who sits between, gets the password that way.
    let unchecked =
        ImapSettings { certificates: CertificatePolicy::AcceptAll, ..carol(Security::ImplicitTls) };
    for settings in [unchecked, carol(Security::Plain)] {
        let error = connect(settings).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Credentials, "{error}");
    }
}

#[tokio::test]
async fn a_master_user_opens_anothers_mailboxes() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    dovecot.login("bob").append("INBOX", "", b"Subject: for bob\r\n\r\n");
    let master = ImapSettings {
        login: MASTER.into(),
        secret: Secret::new(MASTER_PASSWORD.into()),
        ..account(&dovecot, Security::ImplicitTls)
    };
    let separator = ImapSettings {
        login: format!("bob*{MASTER}"),
        mechanism: Mechanism::Plain,
        ..master.clone()
    };
    // Dovecot offers SCRAM, and refuses it to who acts for another.
    let options = [Mechanism::Plain, Mechanism::Auto].map(|mechanism| ImapSettings {
        authzid: Some("bob".into()),
        mechanism,
        ..master.clone()
    });
    let [authzid, chosen] = options;
    let here = ImapSettings {
        server: server(&dovecot, Security::Plain),
        security: Security::Plain,
        ..chosen.clone()
    };
    for settings in [separator, authzid, chosen, here] {
        let mut connection = connect(settings).await.unwrap();
        let all = everything(&mut connection).await;
        assert_eq!(all[&b"INBOX"[..]][&1], b"Subject: for bob\r\n\r\n");
        connection.close().await;
    }
}

#[tokio::test]
async fn looks_tell_mailboxes_apart() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    for (user, text) in [("alice", "for alice"), ("bob", "for bob")] {
        dovecot.login(user).append("INBOX", "", format!("Subject: {text}\r\n\r\n").as_bytes());
    }
    let look = async |login: &str| {
        let settings =
            ImapSettings { login: login.into(), ..account(&dovecot, Security::ImplicitTls) };
        let mut connection = connect(settings).await.unwrap();
        let seen = connection.look_at_inbox().await.unwrap();
        connection.close().await;
        seen
    };
    let alice = look("alice").await;
    assert_eq!(compare(&alice, &look("alice").await), Sameness::Same);
    assert_eq!(compare(&alice, &look("bob").await), Sameness::Different);
}

#[tokio::test]
async fn passwords_without_encryption_are_refused_by_the_server() {
    let options = DovecotOptions { plaintext_login: false, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let plain = ImapSettings { mechanism: Mechanism::Plain, ..account(&dovecot, Security::Plain) };
    let error = connect(plain.clone()).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Configuration, "{error}");
    let auto = ImapSettings { mechanism: Mechanism::Auto, ..plain };
    // SCRAM and CRAM send no password, and are offered without encryption too.
    match connect(auto).await {
        Ok(connection) => assert_eq!(connection.describe().login, "SCRAM-SHA-256"),
        Err(error) => assert!(error.to_string().contains("LOGINDISABLED"), "{error}"),
    }
}

#[tokio::test]
async fn too_many_connections_are_a_pause() {
    let options = DovecotOptions { user_connections_max: 1, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let settings = account(&dovecot, Security::Plain);
    let first = connect(settings.clone()).await.unwrap();
    let error = connect(settings).await.unwrap_err();
    assert!(matches!(error.kind(), SourceErrorKind::Throttled { .. }), "{error}");
    first.close().await;
}

/// Names that break clients: each mailbox is listed, opened and read under the name it has.
#[tokio::test]
async fn mailboxes_of_every_name() {
    let names = [
        "Entwürfe",
        "台北/日本語",
        "a & b",
        "100%",
        "star *",
        "quote \" and \\ back",
        "trailing ",
        "ümlaut/sub.dot",
        "(paren) {5}",
        "[x]",
        "NIL",
        "😀",
        "Entwu\u{308}rfe",
    ];
    for format in [MailFormat::Maildir, MailFormat::Sdbox] {
        let options = DovecotOptions { format, special_use: false, ..DovecotOptions::default() };
        let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
        let mut witness = dovecot.login("alice");
        for name in names {
            let raw = encode_mutf7(name);
            witness.create(&raw);
            witness.append(&raw, "", format!("Subject: {raw}\r\n\r\n").as_bytes());
        }
        let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
        let listed = connection.mailboxes().await.unwrap();
        for name in names {
            let raw = encode_mutf7(name);
            let found = listed.iter().find(|it| it.name.raw == raw.as_bytes());
            let found = found.unwrap_or_else(|| panic!("{raw} is not listed"));
            let parts: Vec<&str> = name.split('/').collect();
            assert_eq!(found.name.parts, parts);
            assert_eq!(found.status.map(|it| it.messages), Some(1), "{raw}");
        }
        let all = everything(&mut connection).await;
        for name in names {
            let raw = encode_mutf7(name);
            let want = format!("Subject: {raw}\r\n\r\n").into_bytes();
            assert_eq!(all[raw.as_bytes()].get(&1), Some(&want), "{raw}");
        }
        connection.close().await;
    }
}

#[tokio::test]
async fn dots_separate_and_special_uses_are_known() {
    let options = DovecotOptions { format: MailFormat::MaildirDots, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    dovecot.login("alice").create("Lists.rust.announce");
    let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
    let listed = connection.mailboxes().await.unwrap();
    let parts: Vec<&[String]> = listed.iter().map(|it| it.name.parts.as_slice()).collect();
    assert!(parts.contains(&&["Lists", "rust", "announce"].map(str::to_owned)[..]), "{parts:?}");
    for (name, special_use) in [
        ("Sent", SpecialUse::Sent),
        ("Trash", SpecialUse::Trash),
        ("Junk", SpecialUse::Junk),
        ("Drafts", SpecialUse::Drafts),
        ("Archive", SpecialUse::Archive),
    ] {
        let found = listed.iter().find(|it| it.name.raw == name.as_bytes()).unwrap();
        assert_eq!(found.special_use, Some(special_use));
    }
    connection.close().await;
}

fn large(len: usize) -> Vec<u8> {
    let mut bytes = b"Subject: large\r\n\r\n".to_vec();
    let mut n = 0_u32;
    while bytes.len() < len {
        n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(
            format!("{n:08x}{n:08x}{n:08x}{n:08x}{n:08x}{n:08x}\r\n").as_bytes(),
        );
    }
    bytes
}

/// 30 MB in pieces, between small ones, also over TLS and compressed.
#[tokio::test]
async fn large_messages_arrive_in_pieces() {
    let options = DovecotOptions { compress: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let large = large(30_000_000);
    let small = b"Subject: small\r\n\r\n".to_vec();
    let mail = |bytes| Mail { bytes, flags: "S", received: 1_000_000_000 };
    dovecot.fill("alice", "INBOX", [mail(&small[..]), mail(&large), mail(&small)]);
    for (security, compress) in
        [(Security::Plain, false), (Security::ImplicitTls, false), (Security::Plain, true)]
    {
        let settings = ImapSettings { compress, ..account(&dovecot, security) };
        let mut connection = connect(settings).await.unwrap();
        let described = connection.describe();
        let offered = described.capabilities.iter().any(|it| it == "COMPRESS=DEFLATE");
        assert_eq!(described.compressed, compress && offered, "{described}");
        connection.open(&mailbox("INBOX"), None).await.unwrap();
        let all = bodies(&mut connection, &[1, 2, 3]).await;
        assert!(all[&1] == small && all[&2] == large && all[&3] == small);
        connection.close().await;
    }
}

/// Flags are as they were, and nobody's mail is marked as read.
#[tokio::test]
async fn reading_leaves_no_trace() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let mail = |bytes, flags| Mail { bytes, flags, received: 1_000_000_000 };
    let unread = b"Subject: unread\r\n\r\nhello\r\n";
    dovecot.fill("alice", "INBOX", [mail(&unread[..], ""), mail(unread, "FS")]);
    let before = dovecot.everything("alice");
    for _ in 0..2 {
        let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
        everything(&mut connection).await;
        connection.open(&mailbox("INBOX"), None).await.unwrap();
        connection.headers(&[1, 2]).await.unwrap();
        connection.close().await;
    }
    assert_eq!(dovecot.everything("alice"), before);
}

/// The hash of a header block is that of the whole message, as the parser makes it.
#[tokio::test]
async fn header_hashes_are_those_of_the_parser() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let messages: [&[u8]; 7] = [
        b"Subject: usual\n\nbody\n",
        b"Subject: crlf\r\n folded\r\n\r\nbody\r\n",
        b"\nno header\n",
        b"Subject: no body\n",
        b"Subject: no body, no line end",
        b"not a header\nat all\n\nbody",
        b"Subject: 8 bit \xff\xfe\n\nbody\n",
    ];
    let mails = messages.map(|bytes| Mail { bytes, flags: "", received: 1_000_000_000 });
    dovecot.fill("alice", "INBOX", mails);
    let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
    connection.open(&mailbox("INBOX"), None).await.unwrap();
    let uids: Vec<u64> = (1..=7).collect();
    let headers = connection.headers(&uids).await.unwrap();
    assert_eq!(headers.len(), 7);
    let all = bodies(&mut connection, &uids).await;
    for item in headers {
        let bytes = &all[&item.uid];
        assert_eq!(item.header_hash, message::header_hash(bytes), "{}", bytes.escape_ascii());
        assert_eq!(item.size, bytes.len() as u64);
    }
    connection.close().await;
}

#[tokio::test]
async fn the_difference_since_last_time() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let mut witness = dovecot.login("alice");
    for n in 1..=5 {
        witness.append("INBOX", "", format!("Subject: {n}\r\n\r\n").as_bytes());
    }
    let inbox: MailboxName = mailbox("INBOX");
    let settings = account(&dovecot, Security::Plain);
    let mut connection = connect(settings.clone()).await.unwrap();
    let first = connection.open(&inbox, None).await.unwrap();
    assert_eq!(first.uids, Uids::All(vec![1, 2, 3, 4, 5]));
    assert!(first.status.modseq > 0 && first.status.uid_validity > 0);
    connection.close().await;

    witness.expunge("INBOX", &[2, 4]);
    witness.flag("INBOX", &[3], "\\Flagged");
    witness.append("INBOX", "", b"Subject: 6\r\n\r\n");
    let known = Known {
        uid_validity: first.status.uid_validity,
        modseq: first.status.modseq,
        uid_next: first.status.uid_next,
    };
    let mut connection = connect(settings.clone()).await.unwrap();
    let second = connection.open(&inbox, Some(known)).await.unwrap();
    assert_eq!(second.uids, Uids::Delta { vanished: vec![2, 4], new: vec![6] });
    assert_eq!(second.status.messages, 4);
    let other = Known { uid_validity: known.uid_validity + 1, ..known };
    let third = connection.open(&inbox, Some(other)).await.unwrap();
    assert_eq!(third.uids, Uids::All(vec![1, 3, 5, 6]));
    connection.close().await;

    // A server that offers less is asked for everything.
    drop((witness, dovecot));
    let options = DovecotOptions {
        capability: Some("IMAP4rev1 SASL-IR AUTH=PLAIN"),
        ..DovecotOptions::default()
    };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    dovecot.login("alice").append("INBOX", "", b"Subject: 1\r\n\r\n");
    let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
    let listed = connection.mailboxes().await.unwrap();
    let status = listed.iter().find(|it| it.name.raw == b"INBOX").unwrap().status.unwrap();
    assert_eq!((status.messages, status.modseq), (1, 0));
    let opened = connection.open(&inbox, Some(known)).await.unwrap();
    assert_eq!(opened.uids, Uids::All(vec![1]));
    connection.close().await;
}

/// Messages whose announced length is wrong, by up to more than a line in both directions, are
/// never taken for messages; those before them are.
#[tokio::test]
async fn lengths_that_are_wrong_never_make_a_message() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let texts = [
        "Subject: 1\r\n\r\none\r\n",
        "Subject: 2\r\n\r\n(two)\r\n)\r\n (UID 3)\r\n)\r\n",
        "Subject: 3\r\n\r\nthree\r\n",
        "Subject: 4\r\n\r\nfour\r\n",
    ];
    dovecot.fill(
        "alice",
        "INBOX",
        texts.map(|text| Mail { bytes: text.as_bytes(), flags: "", received: 1_000_000_000 }),
    );
    let proxy = FaultProxy::start(dovecot.imap());
    let mut settings = account(&dovecot, Security::Plain);
    settings.server.port = proxy.addr().port();
    // A server that announces more than it sends would be waited for.
    settings.timeouts.idle = std::time::Duration::from_secs(1);
    for by in (-30..=60).filter(|it| *it != 0) {
        proxy.set(ImapFault::WrongSize { uids: [2].into(), by }.always());
        let mut connection = connect(settings.clone()).await.unwrap();
        connection.open(&mailbox("INBOX"), None).await.unwrap();
        let (answer, got) = fetch(&mut connection, &[1, 2, 3, 4]).await;
        let kinds = [SourceErrorKind::Protocol, SourceErrorKind::Transient];
        assert!(answer.is_err_and(|error| kinds.contains(&error.kind())), "by {by}");
        assert_eq!(got.first().map(|it| it.uid), Some(1), "by {by}");
        for it in got {
            let text = texts[usize::try_from(it.uid).unwrap() - 1];
            let want = format!("whole {} {}", text.len(), text.escape_default());
            assert_eq!(it.body, want, "by {by}");
        }
    }
}
