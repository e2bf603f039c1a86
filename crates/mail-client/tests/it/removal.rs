//! Removal over IMAP: every answer of a server, and a real one.

use expect_test::{Expect, expect};
use mail_client::{ImapAccount, ImapConnection, ImapSettings, Security, Server};
use ports::{Connect, Kept, Removed, Removes, Source, SourceError, SourceErrorKind};
use rules::removal::Way;
use testkit::dovecot::{Mail, PASSWORD};
use testkit::scripted::Delivery;
use testkit::{Dovecot, DovecotOptions};
use types::Secret;

use crate::proofs::{prove, remove};
use crate::wire::{after_login, mailbox, settings, with};

/// A login at a server that offers `capabilities`.
fn offering(capabilities: &str) -> String {
    format!(
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        C: l AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
        S: l OK [CAPABILITY IMAP4rev1 {capabilities}] logged in
        "
    )
}

/// INBOX opened for removal, with messages 1 and 2 of ten bytes.
const OPENED: &str = "
    C: s SELECT \"INBOX\"
    S: * 2 EXISTS
    S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] limited
    S: * OK [UIDVALIDITY 7] valid
    S: s OK [READ-WRITE] opened
    C: f UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE)
    S: * 1 FETCH (UID 1 FLAGS () INTERNALDATE \"01-Jan-2024 10:00:00 +0000\" RFC822.SIZE 10)
    S: * 2 FETCH (UID 2 FLAGS () INTERNALDATE \"01-Jan-2024 10:00:00 +0000\" RFC822.SIZE 10)
    S: f OK done
";

fn messages() -> Vec<(u64, Vec<u8>)> {
    vec![(1, b"message 01".to_vec()), (2, b"message 02".to_vec())]
}

fn shown(result: Result<Removed, SourceError>) -> String {
    match result {
        Ok(Removed { mut gone, mut kept, others }) => {
            gone.sort_unstable();
            kept.sort_unstable();
            format!("gone {gone:?}, kept {kept:?}, others {others}")
        }
        Err(error) => {
            let hint = error.hint().map(|it| format!("\n{it}")).unwrap_or_default();
            format!("{:?}: {error}{hint}", error.kind())
        }
    }
}

/// Removes both messages at a server that plays `script` behind the login.
async fn check_way(capabilities: &str, way: Way, script: &str, want: Expect) {
    let script = format!("{}{script}", offering(capabilities));
    let (result, played) = with(&script, settings(), Delivery::default(), async |mut it| {
        let result = remove(&mut it, &mailbox("INBOX"), &way, &messages()).await;
        it.close().await;
        result
    })
    .await;
    assert_eq!(played.surprise, None);
    want.assert_eq(&shown(result));
}

async fn check(script: &str, want: Expect) {
    check_way("UIDPLUS", Way::Removed, &format!("{OPENED}{script}"), want).await;
}

const MARKED: &str = "
    C: m UID STORE 1:2 +FLAGS.SILENT (\\Deleted)
    S: m OK marked
";

fn flags(first: &str, second: &str) -> String {
    let line = |n: u32, flags: &str| {
        format!(
            "S: * {n} FETCH (UID {n} FLAGS ({flags}) INTERNALDATE \"01-Jan-2024 10:00:00 +0000\" \
             RFC822.SIZE 10)"
        )
    };
    format!(
        "
        C: g UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE)
        {}
        {}
        S: g OK done
        ",
        line(1, first),
        line(2, second)
    )
}

#[tokio::test]
async fn w28_messages_are_marked_looked_at_and_expunged_by_uid() {
    let flags = flags("\\Deleted", "\\Deleted \\Seen");
    check(
        &format!(
            "{MARKED}{flags}
            C: e UID EXPUNGE 1:2
            S: * 1 EXPUNGE
            S: * 1 EXPUNGE
            S: e OK gone
            C: q UID SEARCH UID 1:2
            S: * SEARCH
            S: q OK none"
        ),
        expect!["gone [1, 2], kept [], others 0"],
    )
    .await;
}

#[tokio::test]
async fn w28_who_flags_a_message_meanwhile_keeps_it() {
    let flags = flags("\\Deleted \\Flagged", "\\Deleted");
    check(
        &format!(
            "{MARKED}{flags}
            C: u UID STORE 1 -FLAGS.SILENT (\\Deleted)
            S: u OK taken back
            C: e UID EXPUNGE 2
            S: * 2 EXPUNGE
            S: e OK gone
            C: q UID SEARCH UID 2
            S: * SEARCH
            S: q OK none"
        ),
        expect!["gone [2], kept [(1, Flagged)], others 0"],
    )
    .await;
}

/// The mark is not taken, and the server says OK: nothing is expunged on its word.
#[tokio::test]
async fn marks_that_do_not_hold() {
    let flags = flags("", "\\Deleted");
    check(
        &format!(
            "{MARKED}{flags}
            C: u UID STORE 1 -FLAGS.SILENT (\\Deleted)
            S: u OK taken back
            C: e UID EXPUNGE 2
            S: e OK gone
            C: q UID SEARCH UID 2
            S: * SEARCH 2
            S: q OK one"
        ),
        expect!["gone [], kept [(1, StillThere), (2, StillThere)], others 0"],
    )
    .await;
}

#[tokio::test]
async fn w28_more_goes_than_was_asked_for() {
    let flags = flags("\\Deleted", "\\Deleted");
    check(
        &format!(
            "{MARKED}{flags}
            C: e UID EXPUNGE 1:2
            S: * 1 EXPUNGE
            S: * 1 EXPUNGE
            S: * 1 EXPUNGE
            S: e OK gone
            C: q UID SEARCH UID 1:2
            S: * SEARCH
            S: q OK none"
        ),
        expect!["gone [1, 2], kept [], others 1"],
    )
    .await;
}

#[tokio::test]
async fn refusals() {
    check(
        "
        C: m UID STORE 1:2 +FLAGS.SILENT (\\Deleted)
        S: m NO not you
        C: u UID STORE 1:2 -FLAGS.SILENT (\\Deleted)
        S: u OK taken back",
        expect!["Protocol: 127.0.0.1:143 refused to mark messages as deleted: not you"],
    )
    .await;
    let flags = flags("\\Deleted", "\\Deleted");
    check(
        &format!(
            "{MARKED}{flags}
            C: e UID EXPUNGE 1:2
            S: e NO not you
            C: u UID STORE 1:2 -FLAGS.SILENT (\\Deleted)
            S: u OK taken back"
        ),
        expect!["Protocol: 127.0.0.1:143 refused to remove messages: not you"],
    )
    .await;
    check(
        &format!(
            "{MARKED}{flags}
            C: e UID EXPUNGE 1:2
            S: e OK gone
            C: q UID SEARCH UID 1:2
            S: q NO not now"
        ),
        expect!["Protocol: 127.0.0.1:143 refused to say what is left in the mailbox: not now"],
    )
    .await;
}

/// What the server did before nobody knows.
#[tokio::test]
async fn w28_the_connection_ends_between_store_and_expunge() {
    let flags = flags("\\Deleted", "\\Deleted");
    for script in [
        "C: m UID STORE 1:2 +FLAGS.SILENT (\\Deleted)\nCLOSE".to_owned(),
        format!("{MARKED}\nCLOSE"),
        format!("{MARKED}{flags}\nC: e UID EXPUNGE 1:2\nCLOSE"),
        format!("{MARKED}{flags}\nC: e UID EXPUNGE 1:2\nS: * 1 EXPUNGE\nCLOSE"),
        format!("{MARKED}{flags}\nC: e UID EXPUNGE 1:2\nS: e OK\nC: q UID SEARCH UID 1:2\nCLOSE"),
    ] {
        let script = format!("{}{OPENED}{script}", offering("UIDPLUS"));
        let removed = async |mut it: ImapConnection| {
            remove(&mut it, &mailbox("INBOX"), &Way::Removed, &messages()).await
        };
        let (result, played) = with(&script, settings(), Delivery::default(), removed).await;
        assert_eq!(result.unwrap_err().kind(), SourceErrorKind::Transient);
        assert_eq!(played.surprise, None);
    }
}

#[tokio::test]
async fn w28_a_server_without_uidplus_is_refused() {
    check_way(
        "",
        Way::Removed,
        "",
        expect![[r#"
            Configuration: 127.0.0.1:143 cannot remove messages by UID (no UIDPLUS)
            Set the removal of the job to never: without UIDPLUS, removing a message removes what others marked, too."#]],
    )
    .await;
    check_way(
        "MOVE",
        Way::Removed,
        "",
        expect![[r#"
            Configuration: 127.0.0.1:143 cannot remove messages by UID (no UIDPLUS)
            Let the job move messages instead: at once into MAILBOX."#]],
    )
    .await;
    check_way(
        "",
        Way::Moved("Old".into()),
        "",
        expect![[r#"
            Configuration: 127.0.0.1:143 can neither move messages nor remove them by UID
            Set the removal of the job to never."#]],
    )
    .await;
}

#[tokio::test]
async fn mailboxes_that_cannot_be_changed() {
    check_way(
        "UIDPLUS",
        Way::Removed,
        "
        C: s SELECT \"INBOX\"
        S: s OK [READ-ONLY] opened",
        expect!["Mailbox: nothing can be removed from INBOX: the server opens it for reading only"],
    )
    .await;
    check_way(
        "UIDPLUS",
        Way::Removed,
        "
        C: s SELECT \"INBOX\"
        S: * OK [PERMANENTFLAGS (\\Seen)] limited
        S: s OK [READ-WRITE] opened",
        expect!["Mailbox: nothing can be removed from INBOX: the server does not let messages be marked as deleted"],
    )
    .await;
}

const LISTED: &str = "
    C: k LIST \"\" \"*\"
    S: * LIST () \".\" INBOX
    S: * LIST () \".\" Sent
    S: k OK listed
";

#[tokio::test]
async fn messages_are_moved_and_the_mailbox_is_made() {
    let flags = flags("", "");
    check_way(
        "MOVE UIDPLUS",
        Way::Moved("Old/2026".into()),
        &format!(
            "{LISTED}{OPENED}{flags}
            C: v UID MOVE 1:2 \"Old.2026\"
            S: v NO [TRYCREATE] no such mailbox
            C: c CREATE \"Old.2026\"
            S: c OK made
            C: b SUBSCRIBE \"Old.2026\"
            S: b OK shown
            C: w UID MOVE 1:2 \"Old.2026\"
            S: * OK [COPYUID 9 1:2 5:6] moved
            S: * 2 EXPUNGE
            S: * 1 EXPUNGE
            S: w OK moved
            C: q UID SEARCH UID 1:2
            S: * SEARCH
            S: q OK none"
        ),
        expect!["gone [1, 2], kept [], others 0"],
    )
    .await;
}

#[tokio::test]
async fn without_move_messages_are_copied_first() {
    let none = flags("", "\\Flagged");
    let marked = "
        C: h UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)
        S: * 1 FETCH (UID 1 FLAGS (\\Deleted) INTERNALDATE \"01-Jan-2024 10:00:00 +0000\" RFC822.SIZE 10)
        S: h OK done";
    check_way(
        "UIDPLUS",
        Way::Moved("Sent".into()),
        &format!(
            "{LISTED}{OPENED}{none}
            C: v UID COPY 1 \"Sent\"
            S: v OK [COPYUID 9 1 5] copied
            C: m UID STORE 1 +FLAGS.SILENT (\\Deleted)
            S: m OK marked
            {marked}
            C: e UID EXPUNGE 1
            S: * 1 EXPUNGE
            S: e OK gone
            C: q UID SEARCH UID 1
            S: * SEARCH
            S: q OK none"
        ),
        expect!["gone [1], kept [(2, Flagged)], others 0"],
    )
    .await;
    let none = flags("", "");
    check_way(
        "UIDPLUS",
        Way::Moved("Sent".into()),
        &format!(
            "{LISTED}{OPENED}{none}
            C: v UID COPY 1:2 \"Sent\"
            S: v OK [COPYUID 9 1 5] copied"
        ),
        expect!["Protocol: the server copied another number of messages than it was asked to"],
    )
    .await;
}

/// A proof of another epoch removes nothing.
#[tokio::test]
async fn w28_proofs_of_another_epoch() {
    let script = format!("{}{OPENED}", offering("UIDPLUS"));
    let (result, played) = with(&script, settings(), Delivery::default(), async |mut it| {
        let way = Way::Removed;
        let mut opened = it.open_to_remove(&mailbox("INBOX"), &way).await?;
        let standing = it.standing(&[1, 2]).await?;
        opened.uid_validity = 6;
        let removed = it.remove(prove(&messages(), &opened, &standing)).await;
        it.close().await;
        removed
    })
    .await;
    assert_eq!(played.surprise, None);
    let kept = vec![(1, Kept::Changed), (2, Kept::Changed)];
    assert_eq!(result.unwrap(), Removed { kept, ..Removed::default() });
}

/// Reading opens by EXAMINE, also on a connection that removed.
#[tokio::test]
async fn reading_goes_on_as_before() {
    after_login(
        "
        C: e EXAMINE \"INBOX\"
        S: * 0 EXISTS
        S: e OK [READ-ONLY] opened",
        async |it| {
            let refused = it.open_to_remove(&mailbox("INBOX"), &Way::Removed).await;
            assert!(refused.is_err());
            it.open(&mailbox("INBOX"), None).await
        },
    )
    .await
    .unwrap();
}

fn account(dovecot: &Dovecot) -> ImapSettings {
    let addr = dovecot.imap();
    ImapSettings {
        server: Server { host: addr.ip().to_string(), port: addr.port() },
        security: Security::Plain,
        secret: Secret::new(PASSWORD.into()),
        ..settings()
    }
}

fn plain(bytes: &[u8]) -> Mail<'_> {
    Mail { bytes, flags: "", received: 1_700_000_000 }
}

/// Bodies and flags of what a mailbox holds.
fn held(dovecot: &Dovecot, name: &str) -> Vec<(String, Vec<String>)> {
    let found = dovecot.login("alice").mailbox(name);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    found.messages.into_iter().map(|it| (text(it.bytes), it.flags)).collect()
}

#[tokio::test]
async fn w28_dovecot_removes_what_was_proven_and_nothing_else() {
    let Some(dovecot) = Dovecot::start_with_or_leave_out(DovecotOptions::default()) else {
        return;
    };
    let mails: Vec<Vec<u8>> =
        (1..=4).map(|it| format!("Subject: {it}\r\n\r\n{it}\r\n").into_bytes()).collect();
    dovecot.fill("alice", "INBOX", mails.iter().map(|it| plain(it)));
    // Another client marked one, and has it open.
    let mut other = dovecot.login("alice");
    other.flag("INBOX", &[4], "\\Deleted");
    let mut connection = ImapAccount::new(account(&dovecot)).unwrap().connect().await.unwrap();
    assert_eq!(connection.try_removal(&Way::Removed).await.unwrap(), "UIDPLUS");
    let way = Way::Removed;
    let inbox = mailbox("INBOX");
    let opened = connection.open_to_remove(&inbox, &way).await.unwrap();
    let standing = connection.standing(&[1, 2, 3]).await.unwrap();
    let messages: Vec<(u64, Vec<u8>)> = (1..=3).zip(mails.iter().cloned()).collect();
    let proofs = prove(&messages, &opened, &standing);
    // Between the check and the removal somebody flags one, and one comes.
    other.flag("INBOX", &[2], "\\Flagged");
    dovecot.fill("alice", "INBOX", [plain(b"Subject: 5\r\n\r\n5\r\n")]);
    let removed = connection.remove(proofs).await;
    assert_eq!(shown(removed), "gone [1, 3], kept [(2, Flagged)], others 0");
    let left = held(&dovecot, "INBOX");
    let shown =
        |it: &(String, Vec<String>)| format!("{} {}", it.0.lines().last().unwrap(), it.1.join(" "));
    let left: Vec<String> = left.iter().map(shown).collect();
    assert_eq!(left, ["2 \\Flagged", "4 \\Deleted", "5 "]);
    connection.close().await;
}

#[tokio::test]
async fn dovecot_moves_into_a_mailbox_that_it_makes() {
    let Some(dovecot) = Dovecot::start_with_or_leave_out(DovecotOptions::default()) else {
        return;
    };
    let mail = b"Subject: 1\r\n\r\n1\r\n".to_vec();
    dovecot.fill("alice", "INBOX", [plain(&mail), plain(&mail)]);
    let mut connection = ImapAccount::new(account(&dovecot)).unwrap().connect().await.unwrap();
    let way = Way::Moved("Alte Entwürfe/2026".into());
    assert_eq!(connection.try_removal(&way).await.unwrap(), "MOVE");
    let removed = remove(&mut connection, &mailbox("INBOX"), &way, &[(1, mail)]).await;
    assert_eq!(shown(removed), "gone [1], kept [], others 0");
    assert_eq!(held(&dovecot, "INBOX").len(), 1);
    let listed = connection.mailboxes().await.unwrap();
    let target = listed.iter().find(|it| it.name.path() == "Alte Entwürfe/2026").unwrap();
    assert_eq!(target.status.unwrap().messages, 1);
    connection.close().await;
}
