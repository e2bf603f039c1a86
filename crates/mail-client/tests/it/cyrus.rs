//! The second real server, Cyrus: what it does otherwise than Dovecot, over IMAP and POP3.

use mail_client::{
    CertificatePolicy, ImapAccount, ImapConnection, ImapSettings, LookAtInbox, Mechanism,
    Pop3Account, Pop3Connection, Pop3Settings, Security, Server,
};
use ports::{Connect, Known, Namespace, Source, SourceErrorKind, SpecialUse, Uids};
use rules::same_mailbox::{Sameness, compare};
use testkit::Cyrus;
use testkit::cyrus::{ADMIN, ADMIN_PASSWORD};
use testkit::dovecot::PASSWORD;
use types::Secret;

use crate::wire::{fetch, mailbox, settings};

fn server(address: std::net::SocketAddr) -> Server {
    Server { host: address.ip().to_string(), port: address.port() }
}

fn imap(cyrus: &Cyrus, security: Security) -> ImapSettings {
    let address = match security {
        Security::ImplicitTls => cyrus.imaps(),
        _ => cyrus.imap(),
    };
    ImapSettings {
        server: server(address),
        security,
        certificates: CertificatePolicy::CaFile(cyrus.ca_file()),
        secret: Secret::new(PASSWORD.into()),
        ..settings()
    }
}

fn pop3(cyrus: &Cyrus, security: Security) -> Pop3Settings {
    let address = match security {
        Security::ImplicitTls => cyrus.pop3s(),
        _ => cyrus.pop3(),
    };
    Pop3Settings {
        server: server(address),
        security,
        certificates: CertificatePolicy::CaFile(cyrus.ca_file()),
        secret: Secret::new(PASSWORD.into()),
        ..crate::pop3::wire::settings()
    }
}

async fn connect(settings: ImapSettings) -> ImapConnection {
    ImapAccount::new(settings).unwrap().connect().await.unwrap()
}

async fn connect_pop3(settings: Pop3Settings) -> Pop3Connection {
    Pop3Account::new(settings).unwrap().connect().await.unwrap()
}

/// After the login it still says LOGINDISABLED; nobody may mind.
#[tokio::test]
async fn every_kind_of_security_and_mechanism() {
    let Some(cyrus) = Cyrus::start_or_leave_out() else { return };
    for security in [Security::ImplicitTls, Security::StartTls, Security::Plain] {
        for (mechanism, name) in [
            (Mechanism::Auto, "SCRAM-SHA-256"),
            (Mechanism::Plain, "PLAIN"),
            (Mechanism::Login, "LOGIN"),
            (Mechanism::CramMd5, "CRAM-MD5"),
        ] {
            let settings = ImapSettings { mechanism, ..imap(&cyrus, security) };
            let connection = connect(settings).await;
            let described = connection.describe();
            assert_eq!(described.login, name);
            assert!(described.software.unwrap().starts_with("Cyrus"));
            assert_eq!(connection.warnings(), Vec::<String>::new());
            connection.close().await;
            let settings = Pop3Settings { mechanism, ..pop3(&cyrus, security) };
            let connection = connect_pop3(settings).await;
            assert_eq!(connection.describe().unwrap().login, name);
            connection.close().await;
        }
    }
    let wrong =
        ImapSettings { secret: Secret::new("no".into()), ..imap(&cyrus, Security::ImplicitTls) };
    let error = ImapAccount::new(wrong).unwrap().connect().await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Credentials, "{error}");
}

/// Special uses come in lower case; mailboxes have lasting names.
#[tokio::test]
async fn mailboxes_and_whose_they_are() {
    let Some(cyrus) = Cyrus::start_or_leave_out() else { return };
    for user in ["alice", "bob"] {
        drop(cyrus.login(user));
    }
    let mut connection = connect(imap(&cyrus, Security::ImplicitTls)).await;
    let mailboxes = connection.mailboxes().await.unwrap();
    let use_of = |name: &str| {
        let found = mailboxes.iter().find(|it| it.name.raw == name.as_bytes());
        found.unwrap_or_else(|| panic!("{name} is not listed")).special_use
    };
    for (name, want) in [
        ("INBOX", None),
        ("Sent", Some(SpecialUse::Sent)),
        ("Drafts", Some(SpecialUse::Drafts)),
        ("Trash", Some(SpecialUse::Trash)),
        ("Junk", Some(SpecialUse::Junk)),
    ] {
        assert_eq!(use_of(name), want, "{name}");
    }
    assert!(mailboxes.iter().all(|it| it.namespace == Namespace::Personal));
    assert!(mailboxes.iter().all(|it| it.status.is_some()));

    // Both are empty, and were made in the same second: only their names tell them apart.
    let alice = connection.look_at_inbox().await.unwrap();
    assert!(alice.mailbox_id.is_some());
    connection.close().await;
    let settings = ImapSettings { login: "bob".into(), ..imap(&cyrus, Security::ImplicitTls) };
    let mut connection = connect(settings).await;
    let bob = connection.look_at_inbox().await.unwrap();
    assert_eq!(compare(&alice, &bob), Sameness::Different);
    connection.close().await;
}

/// An administrator opens the mailboxes of others as their authorization identity; what is chosen
/// by itself works too.
#[tokio::test]
async fn an_administrator_acts_for_others() {
    let Some(cyrus) = Cyrus::start_or_leave_out() else { return };
    cyrus.login("bob").append("INBOX", "", b"Subject: for bob\r\n\r\nx\r\n");
    let secret = || Secret::new(ADMIN_PASSWORD.into());
    let mut seen = Vec::new();
    for mechanism in [Mechanism::Auto, Mechanism::Plain, Mechanism::ScramSha256] {
        let settings = ImapSettings {
            login: ADMIN.into(),
            authzid: Some("bob".into()),
            secret: secret(),
            mechanism,
            ..imap(&cyrus, Security::ImplicitTls)
        };
        let mut connection = connect(settings).await;
        seen.push(connection.look_at_inbox().await.unwrap());
        connection.close().await;
    }
    let own = ImapSettings { login: "bob".into(), ..imap(&cyrus, Security::ImplicitTls) };
    let mut connection = connect(own).await;
    seen.push(connection.look_at_inbox().await.unwrap());
    connection.close().await;
    assert!(seen.windows(2).all(|it| compare(&it[0], &it[1]) == Sameness::Same), "{seen:?}");
    let settings = Pop3Settings {
        login: ADMIN.into(),
        authzid: Some("bob".into()),
        secret: secret(),
        ..pop3(&cyrus, Security::ImplicitTls)
    };
    let mut connection = connect_pop3(settings).await;
    assert!(connection.look_at_inbox().await.unwrap().oldest.is_some());
    connection.close().await;
}

/// Both protocols give the same bytes; the difference since last time comes by QRESYNC.
#[tokio::test]
async fn messages_over_both_protocols_and_the_difference() {
    let Some(cyrus) = Cyrus::start_or_leave_out() else { return };
    let messages: Vec<Vec<u8>> =
        (0..5).map(|it| format!("Subject: m{it}\r\n\r\n.dot {it}\r\n").into_bytes()).collect();
    let mut raw = cyrus.login("alice");
    for message in &messages {
        raw.append("INBOX", "", message);
    }
    let mut want: Vec<String> =
        messages.iter().map(|it| format!("whole {} {}", it.len(), it.escape_ascii())).collect();
    want.sort();
    let mut connection = connect(imap(&cyrus, Security::ImplicitTls)).await;
    let opened = connection.open(&mailbox("INBOX"), None).await.unwrap();
    let Uids::All(uids) = opened.uids else { panic!("a difference to nothing") };
    let (_, got) = fetch(&mut connection, &uids).await;
    let mut bodies: Vec<String> = got.into_iter().map(|it| it.body).collect();
    bodies.sort();
    assert_eq!(bodies, want);

    let status = opened.status;
    let known = Known {
        uid_validity: status.uid_validity,
        modseq: status.modseq,
        uid_next: status.uid_next,
    };
    raw.append("INBOX", "", b"Subject: new\r\n\r\n");
    let opened = connection.open(&mailbox("INBOX"), Some(known)).await.unwrap();
    let Uids::Delta { new, .. } = opened.uids else { panic!("no difference: {opened:?}") };
    assert_eq!(new, [status.uid_next]);
    connection.close().await;
    drop(raw);

    let mut connection = connect_pop3(pop3(&cyrus, Security::ImplicitTls)).await;
    let (_, got) = crate::pop3::wire::fetch_all(&mut connection).await.unwrap();
    let bodies: Vec<String> = got.into_iter().map(|it| it.body).collect();
    assert_eq!(bodies.len(), 6);
    assert!(want.iter().all(|it| bodies.contains(it)), "{bodies:?}");
    connection.close().await;
}
