//! A client and a scripted server at the two ends of a pipe.

use std::time::Duration;

use mail_client::{
    CertificatePolicy, ImapAccount, ImapConnection, ImapSettings, Mechanism, Security, Server,
    Timeouts,
};
use net::Stream;
use ports::{Body, FetchAnswer, Fetched, InFlight, Piece, Source, SourceError};
use testkit::scripted::{Delivery, Played, Speech, play};
use tokio::io::duplex;
use tokio::sync::mpsc;
use types::{MailboxName, Secret};

/// A greeting, and a login by PLAIN; nothing is offered but what IMAP4rev1 has.
pub(crate) const LOGIN: &str = "
    S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
    C: l AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==
    S: l OK [CAPABILITY IMAP4rev1] logged in
";

/// `alice` with the password `secret`, at a server that counts as this machine.
pub(crate) fn settings() -> ImapSettings {
    ImapSettings {
        server: Server { host: "127.0.0.1".into(), port: 143 },
        security: Security::Plain,
        certificates: CertificatePolicy::SystemRoots,
        login: "alice".into(),
        authzid: None,
        secret: Secret::new("secret".into()),
        mechanism: Mechanism::Auto,
        compress: false,
        timeouts: Timeouts::default(),
    }
}

/// The same at a server elsewhere.
pub(crate) fn settings_elsewhere() -> ImapSettings {
    let server = Server { host: "mail.example.org".into(), port: 143 };
    ImapSettings { server, ..settings() }
}

/// Plays `script` to a client that logs in and then does what `client` does.
pub(crate) async fn with<T>(
    script: &str,
    settings: ImapSettings,
    delivery: Delivery,
    client: impl AsyncFnOnce(ImapConnection) -> Result<T, SourceError>,
) -> (Result<T, SourceError>, Played) {
    let (near, far) = duplex(1 << 20);
    let client = async move {
        let account = ImapAccount::new(settings)?;
        let stream = Stream::over(near, account.settings().server.clone(), account.deadlines());
        client(account.connect_over(stream).await?).await
    };
    tokio::join!(client, play(Speech::Imap, script, far, delivery))
}

/// Plays `LOGIN` and then `script`; the client must keep to it.
pub(crate) async fn after_login<T>(
    script: &str,
    client: impl AsyncFnOnce(&mut ImapConnection) -> Result<T, SourceError>,
) -> Result<T, SourceError> {
    let script = format!("{LOGIN}{script}");
    let (result, played) = with(&script, settings(), Delivery::default(), async |mut it| {
        let result = client(&mut it).await;
        it.close().await;
        result
    })
    .await;
    if result.is_ok() {
        assert_eq!(played.surprise, None);
    }
    result
}

/// What became of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Got {
    pub(crate) uid: u64,
    pub(crate) facts: String,
    /// `whole 5 hello`, `nil`, `pieces 3 9000000`, `cut 1 524288`.
    pub(crate) body: String,
}

/// Fetches and collects, as an archiver would.
pub(crate) async fn fetch(
    connection: &mut impl Source,
    uids: &[u64],
) -> (Result<FetchAnswer, SourceError>, Vec<Got>) {
    let budget = InFlight::new(32 << 20);
    let (sender, mut receiver) = mpsc::channel(4);
    let fetching = async {
        let answer = connection.fetch(uids, &budget, &sender).await;
        drop(sender);
        answer
    };
    let collecting = async {
        let mut all = Vec::new();
        while let Some(fetched) = receiver.recv().await {
            all.push(got(fetched).await);
        }
        all
    };
    tokio::join!(fetching, collecting)
}

async fn got(fetched: Fetched) -> Got {
    let received = fetched.received.map_or("no date".to_owned(), |it| it.to_string());
    let facts =
        format!("{:?} {:?} {received} {}", fetched.flags, fetched.keywords, fetched.size_claimed);
    let body = match fetched.body {
        Body::Nil => "nil".to_owned(),
        Body::Whole(bytes) => format!("whole {} {}", bytes.len(), bytes.escape_ascii()),
        Body::Pieces(mut pieces) => {
            let (mut n, mut len, mut ended) = (0, 0, false);
            while let Some(piece) = pieces.recv().await {
                match piece {
                    Piece::Bytes(bytes) => {
                        assert!(bytes.len() <= types::limits::CHUNK_BYTES);
                        n += 1;
                        len += bytes.len();
                    }
                    Piece::End => ended = true,
                }
            }
            format!("{} {n} {len}", if ended { "pieces" } else { "cut" })
        }
    };
    Got { uid: fetched.uid, facts, body }
}

/// The answers of one fetch, as lines.
pub(crate) fn shown(answer: &Result<FetchAnswer, SourceError>, got: &[Got]) -> String {
    let lines = got.iter().map(|it| format!("{} {}: {}\n", it.uid, it.facts, it.body));
    let lines: String = lines.collect();
    match answer {
        Ok(answer) => format!("{lines}{answer:?}\n"),
        Err(error) => format!("{lines}{:?}: {error}\n", error.kind()),
    }
}

/// A mailbox of this raw name.
pub(crate) fn mailbox(name: &str) -> MailboxName {
    MailboxName { raw: name.as_bytes().to_vec(), parts: vec![name.to_owned()] }
}

/// Deadlines that a test with a stopped clock reaches quickly.
pub(crate) fn timeouts() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        login: Duration::from_secs(20),
        idle: Duration::from_secs(10),
        command: Duration::from_secs(60),
    }
}
