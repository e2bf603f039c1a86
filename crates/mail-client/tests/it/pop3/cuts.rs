//! One session, cut after every byte and delivered in groups of every size: what is complete is
//! what was sent, and a cut is never success.

use mail_client::Pop3Connection;
use ports::{Enumeration, FetchAnswer, HeaderItem, Source, SourceError};
use testkit::scripted::{Delivery, Played};

use super::wire::{LOGIN, open, settings, with};
use crate::wire::{Got, fetch};

const SCRIPT: &str = r"
    C: STAT
    C: LIST
    C: UIDL
    S: +OK 3 40
    S: +OK
    S: 1 14
    S: 2 6
    S: 3 0
    S: .
    S: +OK
    S: 1 a
    S: 2 b
    S: 3 c
    S: .
    C: RETR 1
    C: RETR 2
    C: RETR 3
    C: RSET
    S: +OK 14 octets
    S+ A: b\r\n\r\nbody\r\n.\r\n
    S: +OK
    S+ ..\r\n...\r\n.\r\n
    S: +OK
    S: .
    S: +OK
    C: TOP 1 0
    S: +OK
    S: A: b
    S:
    S: .
";

/// What a session brought, as far as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Brought {
    enumeration: Option<Enumeration>,
    messages: Vec<Got>,
    answer: Option<FetchAnswer>,
    headers: Option<Vec<HeaderItem>>,
}

async fn session(it: &mut Pop3Connection, brought: &mut Brought) -> Result<(), SourceError> {
    let (enumeration, uids) = open(it).await?;
    brought.enumeration = Some(enumeration);
    let (answer, got) = fetch(it, &uids).await;
    let first = got.first().map_or(0, |it| it.uid);
    brought.messages = got;
    brought.answer = Some(answer?);
    brought.headers = Some(it.headers(&[first]).await?);
    Ok(())
}

async fn run(delivery: Delivery) -> (Result<(), SourceError>, Brought, Played) {
    let mut brought = Brought::default();
    let script = format!("{LOGIN}{SCRIPT}");
    let (result, played) = with(&script, settings(), delivery, async |mut it| {
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
    assert_eq!(played.lines.last().map(String::as_str), Some("QUIT"));
    assert_eq!(whole.messages.len(), 3);
    assert_eq!(whole.headers.as_ref().unwrap().len(), 1);
    for group in 1..100 {
        let (result, brought, _) = run(Delivery { group, cut_after: None }).await;
        result.unwrap();
        assert_eq!(brought, whole, "in groups of {group}");
    }
}

#[tokio::test]
async fn pop3_cut_every_byte() {
    let (_, whole, played) = run(Delivery::default()).await;
    let goodbye = "+OK bye\r\n".len() + 1;
    for cut in 0..played.n_sent - goodbye {
        let (result, brought, _) = run(Delivery { group: 0, cut_after: Some(cut) }).await;
        assert!(result.is_err(), "success after {cut} bytes");
        // Whatever arrived is whole, and is what was sent.
        let at = format!("cut after {cut} bytes");
        assert!(brought.enumeration.is_none() || brought.enumeration == whole.enumeration, "{at}");
        assert!(whole.messages.starts_with(&brought.messages), "{at}: {:?}", brought.messages);
        assert!(brought.answer.is_none() || brought.messages == whole.messages, "{at}");
        assert_eq!(brought.headers, None, "{at}");
    }
}
