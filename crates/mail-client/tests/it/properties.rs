//! Whatever a server says, a session with it comes to an end, and brings nothing that was not
//! asked for. `fuzz` runs this over bytes of its own.

use std::collections::BTreeSet;

use mail_client::{
    CertificatePolicy, ImapAccount, ImapConnection, ImapSettings, Mechanism, Security, Server,
    Timeouts,
};
use net::Stream;
use ports::{Body, Fetched, InFlight, Piece, Source};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::sync::mpsc;
use types::{MailboxName, Secret};

/// What is said before the bytes under test, so that the session is logged in.
const GREETING: &[u8] =
    b"* OK [CAPABILITY IMAP4rev1] hi\r\nP1 OK [CAPABILITY IMAP4rev1 ESEARCH] in\r\n";

/// UIDs that are asked for.
const ASKED: [u64; 4] = [2, 3, 7, 9];

/// Holds a session with a server that greets, says `bytes` and is gone. Returns how many messages
/// it brought.
pub(crate) fn check(bytes: &[u8]) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let delivered = runtime.block_on(async {
        let (near, far) = duplex(1 << 16);
        let (mut heard, mut says) = tokio::io::split(far);
        let said = [GREETING, bytes].concat();
        let speak = async move {
            // A client that has heard enough is no failure.
            let _ = says.write_all(&said).await;
            let _ = says.shutdown().await;
        };
        let listen = async move { tokio::io::copy(&mut heard, &mut tokio::io::sink()).await };
        let (delivered, (), _) = tokio::join!(session(near), speak, listen);
        delivered
    });
    let n_bytes: usize = delivered.iter().map(|(_, len)| *len).sum();
    assert!(n_bytes <= bytes.len(), "{n_bytes} bytes of messages in {}", bytes.len());
    let uids: BTreeSet<u64> = delivered.iter().map(|(uid, _)| *uid).collect();
    assert_eq!(uids.len(), delivered.len(), "a message came twice");
    assert!(uids.iter().all(|it| ASKED.contains(it)), "not asked for: {uids:?}");
    delivered.len()
}

/// UID and length of each message that came.
async fn session(io: impl net::ByteStream) -> Vec<(u64, usize)> {
    let settings = ImapSettings {
        server: Server { host: "localhost".into(), port: 143 },
        security: Security::Plain,
        certificates: CertificatePolicy::SystemRoots,
        login: "alice".into(),
        authzid: None,
        secret: Secret::new("secret".into()),
        mechanism: Mechanism::Auto,
        compress: false,
        timeouts: Timeouts::default(),
    };
    let account = ImapAccount::new(settings).unwrap();
    let server = account.settings().server.clone();
    let stream = Stream::over(io, server, account.deadlines());
    let Ok(mut connection) = account.connect_over(stream).await else { return Vec::new() };
    // Each of these may fail; the next one then says so at once.
    let _ = connection.mailboxes().await;
    let name = MailboxName { raw: b"Box".to_vec(), parts: vec!["Box".into()] };
    let _ = connection.open(&name, None).await;
    let delivered = messages(&mut connection).await;
    let _ = connection.headers(&ASKED).await;
    connection.close().await;
    delivered
}

async fn messages(connection: &mut ImapConnection) -> Vec<(u64, usize)> {
    let budget = InFlight::new(16 << 20);
    let (sender, mut receiver) = mpsc::channel(4);
    let fetching = async {
        let _ = connection.fetch(&ASKED, &budget, &sender).await;
        drop(sender);
    };
    let collecting = async {
        let mut delivered = Vec::new();
        while let Some(Fetched { uid, body, .. }) = receiver.recv().await {
            let len = match body {
                Body::Nil => 0,
                Body::Whole(bytes) => bytes.len(),
                Body::Pieces(pieces) => total(pieces).await,
            };
            delivered.push((uid, len));
        }
        delivered
    };
    tokio::join!(fetching, collecting).1
}

async fn total(mut pieces: mpsc::Receiver<Piece>) -> usize {
    let mut total = 0;
    while let Some(piece) = pieces.recv().await {
        if let Piece::Bytes(bytes) = piece {
            total += bytes.len();
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::check;

    /// A session in full, as the fuzzer begins with it too.
    const SEED: &[u8] = include_bytes!("../../../../fuzz/corpus/imap_session/whole");

    #[test]
    fn a_whole_session_brings_its_messages() {
        assert_eq!(check(SEED), 4);
    }

    /// Every byte taken away, and changed to those that mean something; every cut.
    #[test]
    fn broken_sessions_end() {
        for at in 0..SEED.len() {
            check(&SEED[..at]);
            check(&[&SEED[..at], &SEED[at + 1..]].concat());
            for byte in *b"\n {(\"]*+9N\\\xff" {
                let mut broken = SEED.to_vec();
                broken[at] = byte;
                check(&broken);
            }
        }
    }

    /// Every line left out, and every line twice.
    #[test]
    fn lines_out_of_place_end_too() {
        let lines: Vec<&[u8]> = SEED.split_inclusive(|it| *it == b'\n').collect();
        for at in 0..lines.len() {
            check(&[&lines[..at], &lines[at + 1..]].concat().concat());
            check(&[&lines[..=at], &lines[at..]].concat().concat());
            check(&[&lines[at..], &lines[..at]].concat().concat());
        }
    }
}
