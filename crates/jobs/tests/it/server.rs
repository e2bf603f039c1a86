//! A server that counts who is connected, and says what it was told to say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ports::{
    Body, Connect, Enumeration, FetchAnswer, Fetched, HeaderItem, InFlight, Known, MailboxInfo,
    MailboxStatus, PauseOf, Piece, Source, SourceError, SourceErrorKind, Uids,
};
use tokio::sync::mpsc;
use tokio::time::Instant;
use types::{Flags, MailboxName};

/// What the server asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Throttle {
    pub(crate) retry_after: Option<Duration>,
    pub(crate) of: PauseOf,
}

impl Throttle {
    pub(crate) fn error(self) -> SourceError {
        let kind = SourceErrorKind::Throttled { retry_after: self.retry_after };
        SourceError::new(kind, "[LIMIT] slow down").asking(self.of)
    }
}

#[derive(Default)]
pub(crate) struct State {
    /// Connections by account.
    pub(crate) open: BTreeMap<String, usize>,
    pub(crate) open_max: usize,
    /// When connections were tried, and by whom.
    pub(crate) tried: Vec<(Instant, String)>,
    /// What the next connections, and the next fetches, are answered.
    pub(crate) connects: VecDeque<Throttle>,
    pub(crate) fetches: VecDeque<Throttle>,
    /// Until when nobody may try.
    pub(crate) closed_until: Option<Instant>,
    pub(crate) uid_validity: u64,
    pub(crate) opened: usize,
    pub(crate) fetched: Vec<u64>,
}

#[derive(Clone, Default)]
pub(crate) struct Server(pub(crate) Arc<Mutex<State>>);

impl Server {
    pub(crate) fn new() -> Server {
        let server = Server::default();
        server.0.lock().unwrap().uid_validity = 7;
        server
    }

    pub(crate) fn account(&self, name: &str) -> Account {
        Account { server: self.clone(), name: name.into(), takes: Duration::from_secs(1), size: 10 }
    }
}

/// An account, as it is connected to.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) server: Server,
    pub(crate) name: String,
    /// How long each command takes.
    pub(crate) takes: Duration,
    /// Bytes of each message.
    pub(crate) size: usize,
}

pub(crate) struct Connection(Account);

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.0.server.0.lock().unwrap();
        *state.open.get_mut(&self.0.name).unwrap() -= 1;
    }
}

impl Connect for Account {
    type Source = Connection;

    async fn connect(&self) -> Result<Connection, SourceError> {
        {
            let mut state = self.server.0.lock().unwrap();
            let now = Instant::now();
            assert!(state.closed_until.is_none_or(|it| it <= now), "connected during a pause");
            state.tried.push((now, self.name.clone()));
            *state.open.entry(self.name.clone()).or_default() += 1;
            state.open_max = state.open_max.max(state.open.values().sum());
        }
        let connection = Connection(self.clone());
        tokio::time::sleep(self.takes).await;
        let mut state = self.server.0.lock().unwrap();
        match state.connects.pop_front() {
            None => Ok(connection),
            Some(throttle) => {
                if let (Some(pause), PauseOf::Server) = (throttle.retry_after, throttle.of) {
                    let until = Instant::now() + pause;
                    state.closed_until = state.closed_until.max(Some(until));
                }
                drop(state);
                Err(throttle.error())
            }
        }
    }
}

impl Source for Connection {
    fn transport(&self) -> &'static str {
        "imap"
    }

    fn warnings(&self) -> Vec<String> {
        vec!["it is not encrypted".into()]
    }

    async fn mailboxes(&mut self) -> Result<Vec<MailboxInfo>, SourceError> {
        Ok(Vec::new())
    }

    async fn open(
        &mut self,
        _: &MailboxName,
        _: Option<Known>,
    ) -> Result<Enumeration, SourceError> {
        let mut state = self.0.server.0.lock().unwrap();
        state.opened += 1;
        let uid_validity = state.uid_validity;
        let status = MailboxStatus { messages: 9, uid_validity, uid_next: 10, modseq: 0 };
        Ok(Enumeration { status, uids: Uids::All((1..10).collect()) })
    }

    async fn fetch(
        &mut self,
        uids: &[u64],
        _: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<FetchAnswer, SourceError> {
        tokio::time::sleep(self.0.takes).await;
        if let Some(throttle) = self.0.server.0.lock().unwrap().fetches.pop_front() {
            return Err(throttle.error());
        }
        for uid in uids {
            let bytes = vec![b'x'; self.0.size];
            // Messages of odd size come in pieces.
            let (body, mut rest) = if self.0.size.is_multiple_of(2) {
                (Body::Whole(bytes), Vec::new())
            } else {
                let (into, pieces) = mpsc::channel(1);
                let half = bytes.len() / 2;
                let parts = [bytes[..half].to_vec(), bytes[half..].to_vec()];
                (Body::Pieces(pieces), vec![(into, parts)])
            };
            let fetched = Fetched {
                uid: *uid,
                size_claimed: 0,
                received: None,
                flags: Flags::default(),
                keywords: Vec::new(),
                body,
                permit: None,
            };
            if out.send(fetched).await.is_err() {
                break;
            }
            self.0.server.0.lock().unwrap().fetched.push(*uid);
            if let Some((into, parts)) = rest.pop() {
                for part in parts {
                    let _ = into.send(Piece::Bytes(part)).await;
                }
                let _ = into.send(Piece::End).await;
            }
        }
        Ok(FetchAnswer::Done)
    }

    async fn headers(&mut self, _: &[u64]) -> Result<Vec<HeaderItem>, SourceError> {
        Ok(Vec::new())
    }

    async fn close(self) {}
}
