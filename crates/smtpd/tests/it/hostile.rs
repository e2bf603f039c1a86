//! Hostile mail handed in: what is kept is what was sent, byte for byte.
//!
//! With `POSTHOLD_CORPUS=DIR` the mail is every file in that directory.
#![allow(clippy::print_stdout, reason = "what the servers made of it is what it tells")]

use testkit::hostile::messages;

use crate::running::{Client, Running, options};

/// As DATA carries it: dots doubled behind CR LF, and an end.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 5);
    let mut at_start = true;
    let mut before = 0;
    for byte in bytes {
        if at_start && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        at_start = before == b'\r' && *byte == b'\n';
        before = *byte;
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[tokio::test]
async fn w22_w23_any_bytes_are_kept_as_they_were_sent() {
    let server = Running::start(options()).await;
    let mut client = Client::connect(&server).await;
    let mut sent = Vec::new();
    let mut n_ended = 0;
    for mail in messages() {
        let mut bytes = mail.bytes;
        // The end of DATA is a line of its own: without a line end before it there is none.
        if !bytes.ends_with(b"\r\n") && !bytes.is_empty() {
            bytes.extend_from_slice(b"\r\n");
            n_ended += 1;
        }
        client.begin().await;
        assert_eq!(client.ask("DATA\r\n").await, "354");
        client.send_bytes(&stuffed(&bytes)).await;
        assert_eq!(client.answer().await, "250", "{}", mail.name);
        sent.push(bytes);
    }
    println!("SMTP: {} messages, {n_ended} with a line end put behind them", sent.len());
    let mut stored = server.stored();
    sent.sort();
    sent.dedup();
    stored.sort();
    assert!(stored == sent, "byte for byte");
    server.stop().await;
}
