//! What an INBOX is told from others by: MAILBOXID, and its two ends.

use expect_test::{Expect, expect};
use mail_client::LookAtInbox;
use ports::SourceError;
use rules::same_mailbox::{Sameness, Seen, compare};

use crate::pop3::wire as pop3;
use crate::wire::after_login;

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(seen: &Result<Seen, SourceError>, want: Expect) {
    let end = |it: Option<(u64, u64, types::Hash)>| match it {
        Some((uid, size, hash)) => {
            let hash: String = hash.to_string().chars().take(8).collect();
            format!("{uid} of {size} bytes, {hash}")
        }
        None => "none".to_owned(),
    };
    want.assert_eq(&match seen {
        Ok(Seen { mailbox_id, uid_validity, oldest, newest }) => format!(
            "{mailbox_id:?} {uid_validity}\noldest: {}\nnewest: {}\n",
            end(*oldest),
            end(*newest)
        ),
        Err(error) => format!("{:?}: {error}\n", error.kind()),
    });
}

async fn imap(script: &str) -> Result<Seen, SourceError> {
    after_login(script, async |it| it.look_at_inbox().await).await
}

#[tokio::test]
async fn the_ends_of_a_mailbox() {
    let two = r#"
        C: c EXAMINE "INBOX"
        S: * 3 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: * OK [MAILBOXID (F2212ea87-6097)] ok
        S: c OK [READ-ONLY] done
        C: d FETCH 1,* (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
        S: * 3 FETCH (UID 9 RFC822.SIZE 20 BODY[HEADER] {8}
        S+ A: c\r\n\r\n)\r\n
        S: * 1 FETCH (UID 2 RFC822.SIZE 11 BODY[HEADER] {8}
        S+ A: b\r\n\r\n)\r\n
        S: d OK done
    "#;
    check(
        &imap(two).await,
        expect![[r#"
            Some("F2212ea87-6097") 7
            oldest: 2 of 11 bytes, aa3491d6
            newest: 9 of 20 bytes, 1cf08336
        "#]],
    );
    let one = r#"
        C: c EXAMINE "INBOX"
        S: * 1 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: c OK [READ-ONLY] done
        C: d FETCH 1,* (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])
        S: * 1 FETCH (UID 2 RFC822.SIZE 11 BODY[HEADER] {8}
        S+ A: b\r\n\r\n)\r\n
        S: * 1 FETCH (UID 2 RFC822.SIZE 11 BODY[HEADER] {8}
        S+ A: b\r\n\r\n)\r\n
        S: d OK done
    "#;
    check(
        &imap(one).await,
        expect![[r#"
            None 7
            oldest: 2 of 11 bytes, aa3491d6
            newest: 2 of 11 bytes, aa3491d6
        "#]],
    );
    check(
        &imap("C: c EXAMINE \"INBOX\"\nS: * 0 EXISTS\nS: c OK done").await,
        expect![[r#"
            None 0
            oldest: none
            newest: none
        "#]],
    );
    check(
        &imap("C: c EXAMINE \"INBOX\"\nS: c NO none of yours").await,
        expect![[r#"
            Mailbox: the server does not open INBOX: none of yours
        "#]],
    );
}

#[tokio::test]
async fn by_pop3_too() {
    let script = |top: &str| {
        format!(
            "
            C: STAT
            S: +OK 3 60
            C: LIST
            S: +OK
            S+ 1 20\\r\\n2 20\\r\\n3 30\\r\\n.\\r\\n
            C: UIDL
            S: +OK
            S+ 1 x\\r\\n2 y\\r\\n3 z\\r\\n.\\r\\n
            C: TOP 1 0
            S: +OK
            S+ A: b\\r\\n\\r\\n.\\r\\n
            C: TOP 3 0
            S: +OK
            S+ A: {top}\\r\\n\\r\\n.\\r\\n
            "
        )
    };
    let look = async |top: &str| {
        pop3::after(pop3::LOGIN, &script(top), async |it| it.look_at_inbox().await).await
    };
    let (one, other) = (look("c").await, look("d").await);
    check(
        &one,
        expect![[r#"
            None 1
            oldest: 3238315253949868685 of 20 bytes, aa3491d6
            newest: 2960429780927027672 of 30 bytes, 1cf08336
        "#]],
    );
    assert_eq!(compare(&one.unwrap(), &other.unwrap()), Sameness::Different);
}
