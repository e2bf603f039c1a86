//! A real server: security, mechanisms, every message byte for byte, sessions and their ends.

use std::collections::{BTreeMap, BTreeSet};

use mail_client::{
    CertificatePolicy, Mechanism, Pop3Account, Pop3Connection, Pop3Settings, Security, Server,
};
use ports::{Body, Connect, FetchAnswer, InFlight, Piece, Source, SourceError, SourceErrorKind};
use testkit::dovecot::{MASTER, MASTER_PASSWORD, Mail, PASSWORD};
use testkit::{Dovecot, DovecotOptions};
use tokio::sync::mpsc;
use types::Secret;

use super::wire::{open, settings};

fn start(options: DovecotOptions) -> Option<Dovecot> {
    Dovecot::start_with_or_leave_out(DovecotOptions { pop3: true, ..options })
}

fn account(dovecot: &Dovecot, security: Security) -> Pop3Settings {
    let addr = match security {
        Security::ImplicitTls => dovecot.pop3s(),
        _ => dovecot.pop3(),
    };
    Pop3Settings {
        server: Server { host: addr.ip().to_string(), port: addr.port() },
        security,
        certificates: CertificatePolicy::CaFile(dovecot.ca_file()),
        secret: Secret::new(PASSWORD.into()),
        ..settings()
    }
}

async fn connect(settings: Pop3Settings) -> Result<Pop3Connection, SourceError> {
    Pop3Account::new(settings)?.connect().await
}

/// Everything in INBOX by UID, as it came.
async fn everything(it: &mut Pop3Connection) -> BTreeMap<u64, Vec<u8>> {
    let (_, uids) = open(it).await.unwrap();
    let budget = InFlight::new(4 << 20);
    let (sender, mut receiver) = mpsc::channel(4);
    let fetching = async {
        let answer = it.fetch(&uids, &budget, &sender).await.unwrap();
        assert_eq!(answer, FetchAnswer::Done);
        drop(sender);
    };
    let collecting = async {
        let mut all = BTreeMap::new();
        while let Some(fetched) = receiver.recv().await {
            let mut bytes = Vec::new();
            match fetched.body {
                Body::Whole(whole) => bytes = whole,
                Body::Nil => panic!("NIL"),
                Body::Pieces(mut pieces) => {
                    while let Piece::Bytes(piece) = pieces.recv().await.unwrap() {
                        bytes.extend(piece);
                    }
                }
            }
            if fetched.size_claimed != 0 {
                assert_eq!(fetched.size_claimed, bytes.len() as u64);
            }
            all.insert(fetched.uid, bytes);
        }
        all
    };
    tokio::join!(fetching, collecting).1
}

#[tokio::test]
async fn every_kind_of_security_and_mechanism() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    for security in
        [Security::Plain, Security::StartTls, Security::StartTlsIfOffered, Security::ImplicitTls]
    {
        let connection = connect(account(&dovecot, security)).await.unwrap();
        let description = connection.describe().unwrap();
        assert_eq!(description.encryption.is_some(), security != Security::Plain, "{description}");
        assert_eq!(description.login, "SCRAM-SHA-256");
        assert_eq!(connection.warnings(), Vec::<String>::new());
        connection.close().await;
    }
    for mechanism in [
        Mechanism::ScramSha256,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::Apop,
    ] {
        let settings = Pop3Settings { mechanism, ..account(&dovecot, Security::StartTls) };
        match connect(settings).await {
            Ok(connection) => {
                assert_eq!(connection.describe().unwrap().login, mechanism.name());
                connection.close().await;
            }
            // It sends no timestamp where APOP is not switched on.
            Err(error) => {
                assert_eq!(
                    (mechanism, error.kind()),
                    (Mechanism::Apop, SourceErrorKind::Configuration)
                );
            }
        }
    }
    let wrong = Pop3Settings {
        secret: Secret::new("wrong".into()),
        ..account(&dovecot, Security::ImplicitTls)
    };
    assert_eq!(connect(wrong).await.unwrap_err().kind(), SourceErrorKind::Credentials);
}

#[tokio::test]
async fn user_and_pass() {
    let options = DovecotOptions { mechanisms: "plain", ..DovecotOptions::default() };
    let Some(dovecot) = start(options) else { return };
    let settings =
        Pop3Settings { mechanism: Mechanism::Login, ..account(&dovecot, Security::StartTls) };
    let connection = connect(settings).await.unwrap();
    assert_eq!(connection.describe().unwrap().login, "USER and PASS");
    connection.close().await;
}

#[tokio::test]
async fn a_master_opens_the_mailbox_of_another() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let bytes = b"Subject: of alice\n\nx\n";
    dovecot.fill("alice", "INBOX", [Mail { bytes, flags: "", received: 1_600_000_000 }]);
    let master = Pop3Settings {
        login: MASTER.into(),
        authzid: Some("alice".into()),
        secret: Secret::new(MASTER_PASSWORD.into()),
        mechanism: Mechanism::Plain,
        ..account(&dovecot, Security::StartTls)
    };
    let mut connection = connect(master).await.unwrap();
    assert_eq!(everything(&mut connection).await.len(), 1);
    connection.close().await;
}

#[tokio::test]
async fn messages_are_those_that_imap_gives_and_nothing_changes() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let mut mail: Vec<Vec<u8>> = testkit::corpus::messages(5, 60).map(|it| it.bytes).collect();
    mail.push(b"Subject: dots\n\n.\n..\n.a\n\n".to_vec());
    mail.push([b"Subject: large\n\n".as_slice(), &b"0123456789abcde\n".repeat(600_000)].concat());
    let mails = mail.iter().map(|bytes| Mail { bytes, flags: "", received: 1_600_000_000 });
    dovecot.fill("alice", "INBOX", mails);
    let before = dovecot.everything("alice");
    let by_imap: BTreeSet<&[u8]> =
        before["INBOX"].messages.iter().map(|it| it.bytes.as_slice()).collect();
    let mut connection = connect(account(&dovecot, Security::ImplicitTls)).await.unwrap();
    let by_pop3 = everything(&mut connection).await;
    let uids: Vec<u64> = by_pop3.keys().copied().collect();
    let headers = connection.headers(&uids).await.unwrap();
    connection.close().await;
    assert_eq!(by_pop3.len(), mail.len());
    assert!(by_pop3.values().map(Vec::as_slice).collect::<BTreeSet<_>>() == by_imap);
    assert_eq!(headers.len(), mail.len());
    for item in headers {
        let bytes = &by_pop3[&item.uid];
        assert_eq!(item.size, bytes.len() as u64);
        assert_eq!(item.header_hash, message::header_hash(bytes));
    }
    let after = dovecot.everything("alice");
    assert!(after == before, "a flag, a message or a mailbox changed");
}

#[tokio::test]
async fn pop3_renumber() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let mail: Vec<Vec<u8>> = testkit::corpus::messages(6, 5).map(|it| it.bytes).collect();
    let mails = mail.iter().map(|bytes| Mail { bytes, flags: "", received: 1_600_000_000 });
    dovecot.fill("alice", "INBOX", mails);
    let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
    let before = everything(&mut connection).await;
    // What another client removes is seen when the mailbox is opened again, by a new session.
    let mut imap = dovecot.login("alice");
    imap.ok("SELECT INBOX");
    imap.ok("STORE 2 +FLAGS (\\Deleted)");
    imap.ok("EXPUNGE");
    let after = everything(&mut connection).await;
    connection.close().await;
    assert_eq!((before.len(), after.len()), (5, 4));
    assert!(after.iter().all(|it| before.get(it.0) == Some(it.1)));
}

#[tokio::test]
async fn a_message_that_vanishes_under_way_costs_no_other() {
    let Some(dovecot) = start(DovecotOptions::default()) else { return };
    let mail: Vec<Vec<u8>> = testkit::corpus::messages(7, 5).map(|it| it.bytes).collect();
    let mails = mail.iter().map(|bytes| Mail { bytes, flags: "", received: 1_600_000_000 });
    dovecot.fill("alice", "INBOX", mails);
    let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
    let (_, uids) = open(&mut connection).await.unwrap();
    let mut imap = dovecot.login("alice");
    imap.ok("SELECT INBOX");
    imap.ok("STORE 2 +FLAGS (\\Deleted)");
    imap.ok("EXPUNGE");
    let (answer, got) = crate::wire::fetch(&mut connection, &uids).await;
    assert!(got.len() < 5);
    assert!(!matches!(answer, Ok(FetchAnswer::Done)), "{answer:?}");
    // The archiver goes on with a new session.
    let mut connection = connect(account(&dovecot, Security::Plain)).await.unwrap();
    let left = everything(&mut connection).await;
    assert_eq!(left.len(), 4);
    assert!(left.keys().all(|it| uids.contains(it)));
    connection.close().await;
}
