//! One session, cut after every byte and delivered in groups of every size: what is complete is
//! what was sent, and a cut is never success.

use mail_client::ImapConnection;
use ports::{Enumeration, FetchAnswer, HeaderItem, MailboxInfo, Source, SourceError, Uids};
use testkit::scripted::{Delivery, Played};

use crate::wire::{Got, fetch, mailbox, settings, with};

const SCRIPT: &str = r#"
    S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready {5}
    C: l AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
    S: l OK [CAPABILITY IMAP4rev1 NAMESPACE ESEARCH ENABLE QRESYNC] logged in
    C: e ENABLE QRESYNC
    C: n NAMESPACE
    S: * ENABLED QRESYNC
    S: e OK done
    S: * NAMESPACE (("" "/")) NIL NIL
    S: n OK done
    C: a LIST "" "*"
    S: * LIST (\HasNoChildren) "/" {3}
    S+ Box\r\n
    S: * LIST (\HasNoChildren) "/" "Other one"
    S: a OK done
    C: s STATUS *
    C: t STATUS *
    S: * STATUS Box (MESSAGES 4 UIDNEXT 10 UIDVALIDITY 7 HIGHESTMODSEQ 9)
    S: s OK done
    S: * STATUS "Other one" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 8 HIGHESTMODSEQ 1)
    S: t OK done
    C: b EXAMINE "Box" (CONDSTORE)
    S: * 4 EXISTS
    S: * OK [UIDVALIDITY 7] ok
    S: * OK [UIDNEXT 10] ok
    S: * OK [HIGHESTMODSEQ 9] ok
    S: b OK [READ-ONLY] done
    C: c UID SEARCH *
    S: * ESEARCH (TAG "c") UID ALL 2:3,7,9
    S: c OK done
    C: d UID FETCH *
    S: * 1 FETCH (UID 2 FLAGS (\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 14 BODY[] {14}
    S+ A: b\r\n\r\nbody\r\n)\r\n
    S: * 2 FETCH (X-NEW ("q" {2}
    S+ ))) BODY[] "A: \\"quoted\\"" UID 3)\r\n
    S: * 3 FETCH (UID 7 BODY[] NIL)
    S: * 4 FETCH (UID 9 BODY[] {0}
    S+ )\r\n
    S: d OK done
    C: h UID FETCH *
    S: * 1 FETCH (UID 2 RFC822.SIZE 14 BODY[HEADER] {8}
    S+ A: b\r\n\r\n)\r\n
    S: h OK done
"#;

/// What a session brought, as far as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Brought {
    mailboxes: Option<Vec<MailboxInfo>>,
    enumeration: Option<Enumeration>,
    messages: Vec<Got>,
    answer: Option<FetchAnswer>,
    headers: Option<Vec<HeaderItem>>,
}

async fn session(it: &mut ImapConnection, brought: &mut Brought) -> Result<(), SourceError> {
    brought.mailboxes = Some(it.mailboxes().await?);
    brought.enumeration = Some(it.open(&mailbox("Box"), None).await?);
    let (answer, got) = fetch(it, &[2, 3, 7, 9]).await;
    brought.messages = got;
    brought.answer = Some(answer?);
    brought.headers = Some(it.headers(&[2]).await?);
    Ok(())
}

async fn run(delivery: Delivery) -> (Result<(), SourceError>, Brought, Played) {
    let mut brought = Brought::default();
    let (result, played) = with(SCRIPT, settings(), delivery, async |mut it| {
        let result = session(&mut it, &mut brought).await;
        it.close().await;
        result
    })
    .await;
    (result, brought, played)
}

#[tokio::test]
async fn the_grouping_of_bytes_makes_no_difference() {
    let (result, whole, played) = run(Delivery::default()).await;
    result.unwrap();
    assert_eq!(played.surprise, None);
    assert_eq!(whole.messages.len(), 4);
    assert_eq!(whole.enumeration.as_ref().unwrap().uids, Uids::All(vec![2, 3, 7, 9]));
    assert_eq!(whole.mailboxes.as_ref().unwrap().len(), 2);
    assert_eq!(whole.headers.as_ref().unwrap().len(), 1);
    for group in 1..200 {
        let (result, brought, _) = run(Delivery { group, cut_after: None }).await;
        result.unwrap();
        assert_eq!(brought, whole, "in groups of {group}");
    }
}

#[tokio::test]
async fn a_cut_after_any_byte_is_an_error() {
    let (_, whole, played) = run(Delivery::default()).await;
    let goodbye = "* BYE bye\r\nP10 OK done\r\n".len() + 1;
    for cut in 0..played.n_sent - goodbye {
        let (result, brought, _) = run(Delivery { group: 0, cut_after: Some(cut) }).await;
        assert!(result.is_err(), "success after {cut} bytes");
        // Whatever arrived is whole, and is what was sent.
        let at = format!("cut after {cut} bytes");
        assert!(brought.mailboxes.is_none() || brought.mailboxes == whole.mailboxes, "{at}");
        assert!(brought.enumeration.is_none() || brought.enumeration == whole.enumeration, "{at}");
        assert!(whole.messages.starts_with(&brought.messages), "{at}: {:?}", brought.messages);
        assert!(brought.answer.is_none() || brought.messages == whole.messages, "{at}");
        assert_eq!(brought.headers, None, "{at}");
    }
}
