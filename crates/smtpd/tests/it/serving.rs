//! The server over real sockets: limits, encryption, stopping, and messages that come again.

use std::time::Duration;

use smtpd::Refusal;

use crate::running::{Client, Running, options};

#[tokio::test]
async fn a_message_over_a_socket() {
    let server = Running::start(options()).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    assert_eq!(client.ask("DATA\r\n").await, "354");
    assert_eq!(client.ask("Subject: a\r\n\r\n..\r\n.\r\n").await, "250");
    assert_eq!(client.ask("QUIT\r\n").await, "221");
    assert_eq!(server.stored(), [b"Subject: a\r\n\r\n.\r\n".to_vec()]);
    assert_eq!(server.envelopes()[0].client.to_string(), "127.0.0.1");
}

#[tokio::test]
async fn a_message_that_comes_again_is_stored_once() {
    let server = Running::start(options()).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    client.ask("DATA\r\n").await;
    client.send("Subject: a\r\n\r\na\r\n.\r\n").await;
    // It goes away before it reads what became of it.
    drop(client);
    server.until_delivered(1).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    client.ask("DATA\r\n").await;
    assert_eq!(client.ask("Subject: a\r\n\r\na\r\n.\r\n").await, "250");
    assert_eq!(server.n_delivered(), 2);
    assert_eq!(server.stored().len(), 1);
}

#[tokio::test]
async fn a_message_that_was_cut_off_is_not_stored() {
    let server = Running::start(options()).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    client.ask("DATA\r\n").await;
    client.send("Subject: a\r\n\r\na\r\n.\r").await;
    drop(client);
    server.stop().await;
    assert!(server.stored().is_empty());
}

#[tokio::test]
async fn what_is_not_durable_is_refused() {
    let mut options = options();
    options.outcome = Some(Refusal::NoRoom);
    let server = Running::start(options).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    client.ask("DATA\r\n").await;
    assert_eq!(client.ask("a\r\n.\r\n").await, "452");
    assert_eq!(client.ask("NOOP\r\n").await, "250");
    assert!(server.stored().is_empty());
}

#[tokio::test]
async fn a_delivery_that_takes_too_long_is_no_success() {
    let mut options = options();
    options.takes_for_ever = true;
    options.config.limits.delivery = Duration::from_millis(50);
    let server = Running::start(options).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    client.ask("DATA\r\n").await;
    assert_eq!(client.ask("a\r\n.\r\n").await, "451");
}

#[tokio::test]
async fn silence_has_an_end() {
    let mut options = options();
    options.config.limits.idle = Duration::from_millis(50);
    let server = Running::start(options).await;
    let mut client = Client::connect(&server).await;
    assert_eq!(client.answer().await, "421");
    assert_eq!(client.answer().await, "", "it is closed");

    // Within a message too, and also when bytes come again and again.
    let mut options = crate::running::options();
    options.config.limits.message = Duration::from_millis(50);
    let server = Running::start(options).await;
    let mut client = Client::connect(&server).await;
    client.begin().await;
    client.ask("DATA\r\n").await;
    client.send("a\r\n").await;
    assert_eq!(client.answer().await, "421");
    assert!(server.stored().is_empty());
}

#[tokio::test]
async fn there_is_room_for_so_many() {
    let mut options = options();
    options.config.limits.connections_per_address_max = 2;
    let server = Running::start(options).await;
    let first = Client::connect(&server).await;
    let _second = Client::connect(&server).await;
    let mut third = Client::open(&server).await;
    assert_eq!(third.answer().await, "421");
    drop(first);
    // The place of the first becomes free as soon as its end was seen.
    loop {
        let mut next = Client::open(&server).await;
        if next.answer().await == "220" {
            break;
        }
    }
}

#[tokio::test]
async fn stopping_lets_a_message_end() {
    let server = Running::start(options()).await;
    let mut busy = Client::connect(&server).await;
    let mut idle = Client::connect(&server).await;
    busy.begin().await;
    busy.ask("DATA\r\n").await;
    let stopping = server.stop();
    let talking = async {
        assert_eq!(idle.answer().await, "421");
        assert_eq!(busy.ask("a\r\n.\r\n").await, "250");
        assert_eq!(busy.answer().await, "421");
    };
    tokio::join!(stopping, talking);
    assert_eq!(server.stored().len(), 1);
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut options = options();
    options.config.limits.stop = Duration::from_millis(50);
    let server = Running::start(options).await;
    let mut busy = Client::connect(&server).await;
    busy.begin().await;
    busy.ask("DATA\r\n").await;
    server.stop().await;
    assert_eq!(busy.answer().await, "");
    assert!(server.stored().is_empty());
}

#[tokio::test]
async fn commands_before_encryption_are_not_obeyed() {
    let server = Running::start(options()).await;
    let mut client = Client::connect(&server).await;
    client.ask("EHLO a\r\n").await;
    client.send("STARTTLS\r\nMAIL FROM:<>\r\n").await;
    assert_eq!(client.answer().await, "220");
    assert_eq!(client.answer().await, "554");
    assert_eq!(client.answer().await, "");
}
