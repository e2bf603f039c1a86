//! A client and a scripted POP3 server at the two ends of a pipe.

use mail_client::{
    CertificatePolicy, Mechanism, Pop3Account, Pop3Connection, Pop3Settings, Security, Server,
    Timeouts,
};
use net::Stream;
use ports::{Enumeration, FetchAnswer, Source, SourceError, Uids};
use testkit::scripted::{Delivery, Played, Speech, play};
use tokio::io::duplex;
use types::Secret;

use crate::wire::{Got, mailbox};

/// A greeting, and a login by USER and PASS at a server that can do everything.
pub(crate) const LOGIN: &str = "
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
    S: .
";

/// The same at a server that knows what RFC 1939 makes it know, and no CAPA.
pub(crate) const OLD_LOGIN: &str = "
    S: +OK ready
    C: CAPA
    S: -ERR what
    C: USER alice
    S: +OK
    C: PASS secret
    S: +OK in
    C: CAPA
    S: -ERR what
";

/// `alice` with the password `secret`, at a server that counts as this machine.
pub(crate) fn settings() -> Pop3Settings {
    Pop3Settings {
        server: Server { host: "127.0.0.1".into(), port: 110 },
        security: Security::Plain,
        certificates: CertificatePolicy::SystemRoots,
        login: "alice".into(),
        authzid: None,
        secret: Secret::new("secret".into()),
        mechanism: Mechanism::Auto,
        timeouts: Timeouts::default(),
    }
}

/// Plays `script` to a client that logs in and then does what `client` does.
pub(crate) async fn with<T>(
    script: &str,
    settings: Pop3Settings,
    delivery: Delivery,
    client: impl AsyncFnOnce(Pop3Connection) -> Result<T, SourceError>,
) -> (Result<T, SourceError>, Played) {
    let (near, far) = duplex(1 << 20);
    let client = async move {
        let account = Pop3Account::new(settings)?;
        let stream = Stream::over(near, account.settings().server.clone(), account.deadlines());
        client(account.connect_over(stream).await?).await
    };
    tokio::join!(client, play(Speech::Pop3, script, far, delivery))
}

/// Plays `login` and then `script`; the client must keep to it when it succeeds.
pub(crate) async fn after<T>(
    login: &str,
    script: &str,
    client: impl AsyncFnOnce(&mut Pop3Connection) -> Result<T, SourceError>,
) -> Result<T, SourceError> {
    let script = format!("{login}{script}");
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

/// Opens INBOX, as listed.
pub(crate) async fn open(it: &mut Pop3Connection) -> Result<(Enumeration, Vec<u64>), SourceError> {
    let opened = it.open(&mailbox("INBOX"), None).await?;
    let Uids::All(uids) = opened.uids.clone() else { panic!("a difference to nothing") };
    Ok((opened, uids))
}

/// Opens INBOX and fetches all of it: the bodies in the order in which they came, without UIDs.
pub(crate) async fn fetch_all(
    it: &mut Pop3Connection,
) -> Result<(Result<FetchAnswer, SourceError>, Vec<Got>), SourceError> {
    let (_, uids) = open(it).await?;
    Ok(crate::wire::fetch(it, &uids).await)
}

/// What came, as lines without UIDs.
pub(crate) fn shown(answer: &Result<FetchAnswer, SourceError>, got: &[Got]) -> String {
    let lines: String =
        got.iter().map(|it| format!("{}: {}\n", size_of(&it.facts), it.body)).collect();
    match answer {
        Ok(answer) => format!("{lines}{answer:?}\n"),
        Err(error) => format!("{lines}{:?}: {error}\n", error.kind()),
    }
}

/// The announced size, the last of the facts; there are no others.
fn size_of(facts: &str) -> &str {
    facts.rsplit(' ').next().unwrap_or_default()
}
