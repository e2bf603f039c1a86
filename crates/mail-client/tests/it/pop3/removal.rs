//! Removal over POP3: DELE and QUIT in every order of answers, and a real server.

use expect_test::{Expect, expect};
use mail_client::{Pop3Account, Pop3Connection, Pop3Settings, Security, Server};
use ports::{Connect, Removed, Removes, Source, SourceError, SourceErrorKind};
use rules::removal::Way;
use testkit::dovecot::{Mail, PASSWORD};
use testkit::scripted::Delivery;
use testkit::{Dovecot, DovecotOptions};
use types::Secret;

use super::wire::{LOGIN, open, settings, with};
use crate::proofs::remove;
use crate::wire::mailbox;

/// Two messages of ten bytes with names of their own.
const LISTS: &str = "
    C: STAT
    C: LIST
    C: UIDL
    S: +OK 2 20
    S: +OK
    S: 1 10
    S: 2 10
    S: .
    S: +OK
    S: 1 a
    S: 2 b
    S: .
";

fn messages(uids: &[u64]) -> Vec<(u64, Vec<u8>)> {
    let bytes = |n: usize| format!("message {:02}", n + 1).into_bytes();
    uids.iter().enumerate().map(|(n, uid)| (*uid, bytes(n))).collect()
}

/// The UIDs that `a` and `b` have in every session: hashes.
async fn uids_of_both() -> Vec<u64> {
    let of = async |script: String| {
        let list = async |mut it: Pop3Connection| {
            let uids = open(&mut it).await?.1;
            it.close().await;
            Ok(uids)
        };
        with(&script, settings(), Delivery::default(), list).await.0.unwrap()
    };
    let first = LISTS.replace("S: 2 10\n", "").replace("S: 2 b\n", "").replace("OK 2", "OK 1");
    let first = of(format!("{LOGIN}{first}")).await;
    let mut both = of(format!("{LOGIN}{LISTS}")).await;
    both.sort_unstable_by_key(|it| *it != first[0]);
    both
}

fn shown(result: Result<Removed, SourceError>, uids: &[u64]) -> String {
    let name = |uid: &u64| uids.iter().position(|it| it == uid).map_or(0, |it| it + 1);
    match result {
        Ok(Removed { gone, kept, others }) => {
            let mut gone: Vec<usize> = gone.iter().map(name).collect();
            gone.sort_unstable();
            let kept: Vec<_> = kept.iter().map(|(uid, why)| (name(uid), *why)).collect();
            format!("gone {gone:?}, kept {kept:?}, others {others}")
        }
        Err(error) => {
            let hint = error.hint().map(|it| format!("\n{it}")).unwrap_or_default();
            format!("{:?}: {error}{hint}", error.kind())
        }
    }
}

/// Removes both messages at a server that plays `script` behind the list.
async fn check_at(login: &str, script: &str, want: Expect) {
    let uids = uids_of_both().await;
    let script = format!("{login}{LISTS}{script}");
    let (result, played) = with(&script, settings(), Delivery::default(), async |mut it| {
        let way = Way::Removed;
        let result = remove(&mut it, &mailbox("INBOX"), &way, &messages(&uids)).await;
        it.close().await;
        result
    })
    .await;
    assert_eq!(played.surprise, None);
    want.assert_eq(&shown(result, &uids));
}

async fn check(script: &str, want: Expect) {
    check_at(LOGIN, script, want).await;
}

#[tokio::test]
async fn w28_only_a_clean_quit_removes() {
    const MARKED: &str = "
        C: DELE 1
        C: DELE 2
        S: +OK
        S: +OK
        C: QUIT
    ";
    check(&format!("{MARKED}S: +OK bye\nCLOSE"), expect!["gone [1, 2], kept [], others 0"]).await;
    check(
        &format!("{MARKED}S: -ERR some deleted messages not removed\nCLOSE"),
        expect!["Transient: 127.0.0.1:110 did not end the session cleanly, so that nothing counts as removed: some deleted messages not removed"],
    )
    .await;
    check(
        &format!("{MARKED}CLOSE"),
        expect!["Transient: 127.0.0.1:110 did not end the session cleanly, so that nothing counts as removed: 127.0.0.1:110 closed the connection"],
    )
    .await;
    check(
        &format!("{MARKED}S: what\nCLOSE"),
        expect![[r#"Transient: 127.0.0.1:110 did not end the session cleanly, so that nothing counts as removed: the server sent what cannot be understood (no status): what"#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_marked_stays() {
    check(
        "
        C: DELE 1
        C: DELE 2
        S: -ERR locked
        S: +OK
        C: QUIT
        S: +OK bye
        CLOSE",
        expect!["gone [2], kept [(1, StillThere)], others 0"],
    )
    .await;
    check(
        "
        C: DELE 1
        C: DELE 2
        S: +OK
        CLOSE",
        expect!["Transient: 127.0.0.1:110 closed the connection"],
    )
    .await;
}

const EXPIRING: &str = "
    S: +OK ready
    C: CAPA
    S: +OK
    S: USER
    S: .
    C: USER alice
    S: +OK
    C: PASS secret
    S: +OK in
    C: CAPA
    S: +OK
    S: TOP
    S: UIDL
    S: PIPELINING
    S: EXPIRE 0
    S: .
";

/// A server that removes what was fetched gets QUIT from a session that fetched nothing, and from
/// no other.
#[tokio::test]
async fn w28_servers_that_remove_what_was_fetched() {
    check_at(
        EXPIRING,
        "
        C: DELE 1
        C: DELE 2
        S: +OK
        S: +OK
        C: QUIT
        S: +OK bye
        CLOSE",
        expect!["gone [1, 2], kept [], others 0"],
    )
    .await;
    let uids = uids_of_both().await;
    let script = format!(
        "{EXPIRING}{LISTS}
        C: RETR 1
        C: RSET
        S: +OK
        S: message 01
        S: .
        S: +OK"
    );
    let (result, played) = with(&script, settings(), Delivery::default(), async |mut it| {
        let opened = it.open_to_remove(&mailbox("INBOX"), &Way::Removed).await?;
        let standing = it.standing(&uids).await?;
        let proofs = crate::proofs::prove(&messages(&uids), &opened, &standing);
        let fetched = crate::wire::fetch(&mut it, &uids[..1]).await;
        assert_eq!(fetched.1.len(), 1);
        let result = it.remove(proofs).await;
        it.close().await;
        result
    })
    .await;
    expect![[r#"
        Configuration: 127.0.0.1:110 removes what was fetched; nothing was removed
        Set the removal of the job to never: the server does it by itself."#]]
    .assert_eq(&shown(result, &uids));
    assert_eq!(played.surprise, None);
}

#[tokio::test]
async fn nothing_is_moved() {
    let script = LOGIN.to_owned();
    let (result, _) = with(&script, settings(), Delivery::default(), async |mut it| {
        let way = Way::Moved("Old".into());
        let tried = it.try_removal(&way).await.unwrap_err();
        assert_eq!(tried.kind(), SourceErrorKind::Configuration);
        let opened = it.open_to_remove(&mailbox("INBOX"), &way).await.map(|_| ());
        it.close().await;
        opened
    })
    .await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "POP3 has no mailbox that messages could be moved to"
    );
}

#[tokio::test]
async fn w28_dovecot_removes_what_was_proven() {
    let options = DovecotOptions { pop3: true, ..DovecotOptions::default() };
    let Some(dovecot) = Dovecot::start_with_or_leave_out(options) else { return };
    let mails: Vec<Vec<u8>> =
        (1..=3).map(|it| format!("Subject: {it}\r\n\r\n{it}\r\n").into_bytes()).collect();
    let plain = |bytes| Mail { bytes, flags: "", received: 1_700_000_000 };
    dovecot.fill("alice", "INBOX", mails.iter().map(|it| plain(it.as_slice())));
    let addr = dovecot.pop3();
    let account = Pop3Account::new(Pop3Settings {
        server: Server { host: addr.ip().to_string(), port: addr.port() },
        security: Security::Plain,
        secret: Secret::new(PASSWORD.into()),
        ..settings()
    })
    .unwrap();
    let mut connection = account.connect().await.unwrap();
    assert_eq!(connection.try_removal(&Way::Removed).await.unwrap(), "DELE");
    let (_, uids) = open(&mut connection).await.unwrap();
    // Which UID is which message, by its bytes.
    let (_, got) = crate::wire::fetch(&mut connection, &uids).await;
    let of = |bytes: &[u8]| {
        let body = format!("whole {} {}", bytes.len(), bytes.escape_ascii());
        got.iter().find(|it| it.body == body).unwrap().uid
    };
    for some in [&mails[..1], &mails[1..2]] {
        // Twice on one connection: each removal is a session of its own.
        let messages: Vec<(u64, Vec<u8>)> = some.iter().map(|it| (of(it), it.clone())).collect();
        let removed = remove(&mut connection, &mailbox("INBOX"), &Way::Removed, &messages).await;
        assert_eq!(removed.unwrap().gone, [messages[0].0]);
    }
    connection.close().await;
    let left = dovecot.login("alice").mailbox("INBOX");
    let left: Vec<&[u8]> = left.messages.iter().map(|it| it.bytes.as_slice()).collect();
    assert_eq!(left, [mails[2].as_slice()]);
}
