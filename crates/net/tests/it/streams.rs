//! Deadlines, ends, counters and compression, over pipes.

use std::time::Duration;

use net::{Deadlines, NetErrorKind, Server, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(30), idle: Duration::from_secs(60) };

fn pipe() -> (Stream, DuplexStream) {
    let (near, far) = duplex(64 << 10);
    let server = Server { host: "mail.example.org".into(), port: 143 };
    (Stream::over(near, server, DEADLINES), far)
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_times_out() {
    let (mut stream, _far) = pipe();
    let error = stream.fill().await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Timeout);
    assert_eq!(error.to_string(), "mail.example.org:143 gave no answer in time (reading)");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_times_out() {
    let (mut stream, _far) = pipe();
    let error = stream.write(&vec![b'x'; 1 << 20]).await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Timeout);
}

#[tokio::test]
async fn the_end_is_an_error() {
    let (mut stream, mut far) = pipe();
    far.write_all(b"* BYE\r\n").await.unwrap();
    drop(far);
    assert_eq!(stream.fill().await.unwrap(), b"* BYE\r\n");
    stream.consume(7);
    let error = stream.fill().await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Reset);
}

#[tokio::test]
async fn bytes_arrive_whatever_their_grouping() {
    let sent: Vec<u8> = (0..700_000_u32).map(|it| (it % 251) as u8).collect();
    for group in [1_usize, 1000, 300_000] {
        let sent = if group == 1 { sent[..5000].to_vec() } else { sent.clone() };
        let (mut stream, mut far) = pipe();
        let bytes = sent.clone();
        let writer = tokio::spawn(async move {
            for piece in bytes.chunks(group) {
                far.write_all(piece).await.unwrap();
            }
            far
        });
        let mut got = Vec::new();
        stream.read_into(&mut got, 10).await.unwrap();
        stream.fill().await.unwrap();
        stream.skip(100).await.unwrap();
        let rest = sent.len() - 110;
        stream.read_into(&mut got, rest).await.unwrap();
        assert!(got == [&sent[..10], &sent[110..]].concat(), "group of {group}");
        assert_eq!(stream.counters().received, sent.len() as u64);
        drop(writer.await.unwrap());
    }
}

#[tokio::test]
async fn compression_starts_after_the_bytes_before_it() {
    let (mut stream, far) = pipe();
    let server = Server { host: "localhost".into(), port: 143 };
    let mut far = Stream::over(far, server, DEADLINES);
    far.write(b"A1 OK now\r\n").await.unwrap();
    far.start_deflate();
    far.write(&b"* compressed\r\n".repeat(50_000)).await.unwrap();

    assert!(stream.fill().await.unwrap().starts_with(b"A1 OK now\r\n"));
    stream.consume(11);
    stream.start_deflate();
    let mut got = Vec::new();
    stream.read_into(&mut got, 14 * 50_000).await.unwrap();
    assert!(got == b"* compressed\r\n".repeat(50_000));
    assert!(stream.is_compressed());

    stream.write(b"A2 NOOP\r\n").await.unwrap();
    far.fill().await.unwrap();
    assert_eq!(far.buffered(), b"A2 NOOP\r\n");
}

#[tokio::test]
async fn what_is_in_clear_is_said() {
    let (stream, mut far) = pipe();
    let warnings: Vec<String> = stream.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["the connection to mail.example.org:143 is not encrypted"]);
    stream.shut_down().await;
    assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0, "it is closed");

    for (host, loopback) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("LocalHost.", true),
        ("imap.localhost", true),
        ("localhost.example.org", false),
        ("10.0.0.1", false),
    ] {
        let server = Server { host: host.into(), port: 143 };
        assert_eq!(server.is_loopback(), loopback, "{host}");
    }
}
