//! Takes messages from a connection while they come: judges each, and hands groups on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::EnvelopeDetail;
use ports::{Body, Fetched, InFlight, Log, LogError};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Semaphore, mpsc};
use types::BlobId;

use crate::fetch::Suspect;
use crate::intake::{Arrived, ArrivedBody};
use crate::large::{self, Arrival};
use crate::options::Limits;
use crate::prepare::{GROUP_BYTES, GROUP_MESSAGES};
use crate::work::{Event, Unit};

/// How long a group that is not full waits for more.
const GROUP_WAIT: Duration = Duration::from_millis(5);

/// Runs that tried a message in vain before its announced size is not believed any more.
const TRIED_TO_BELIEVE: u32 = 2;

/// Messages that must have come before their sizes say anything about the server.
const SIZES_MIN: u64 = 20;

/// What is known of the sizes that a server announces. RFC 9051 §6.4.5 wants them exact; some
/// servers estimate.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    exact: AtomicU64,
    other: AtomicU64,
}

impl Sizes {
    fn note(&self, is_exact: bool) {
        let count = if is_exact { &self.exact } else { &self.other };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether more than a quarter of them were wrong.
    fn are_estimates(&self) -> bool {
        let (exact, other) =
            (self.exact.load(Ordering::Relaxed), self.other.load(Ordering::Relaxed));
        exact + other >= SIZES_MIN && other > exact / 3
    }
}

/// What connections hand things over with.
#[derive(Debug)]
pub(crate) struct Desk<L> {
    pub(crate) log: Arc<L>,
    pub(crate) budget: InFlight,
    /// Rights to hold the beginning of a large message.
    pub(crate) larges: Arc<Semaphore>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) sizes: Arc<Sizes>,
    pub(crate) limits: Limits,
}

/// Why taking ended early.
#[derive(Debug)]
pub(crate) enum DrainEnd {
    /// Nobody takes events any more.
    Closed,
    /// The log failed.
    Log(LogError),
}

impl From<LogError> for DrainEnd {
    fn from(error: LogError) -> DrainEnd {
        DrainEnd::Log(error)
    }
}

/// Takes the messages of one command.
pub(crate) struct Drain<'a, L> {
    desk: &'a Desk<L>,
    unit: &'a Unit,
    transport: &'static str,
    /// Messages that no answer came for yet.
    left: &'a mut BTreeSet<u64>,
    /// What was wrong with the answer before, when this is the second one.
    before: Option<&'a Suspect>,
    group: Vec<Arrived>,
    group_bytes: usize,
    answered: usize,
    suspects: Vec<(u64, Suspect)>,
}

impl<'a, L: Log> Drain<'a, L> {
    pub(crate) fn new(
        desk: &'a Desk<L>,
        unit: &'a Unit,
        transport: &'static str,
        left: &'a mut BTreeSet<u64>,
        before: Option<&'a Suspect>,
    ) -> Drain<'a, L> {
        Drain {
            desk,
            unit,
            transport,
            left,
            before,
            group: Vec::new(),
            group_bytes: 0,
            answered: 0,
            suspects: Vec::new(),
        }
    }

    /// Number of messages with an answer, and those whose answer is suspicious.
    pub(crate) fn into_result(self) -> (usize, Vec<(u64, Suspect)>) {
        (self.answered, self.suspects)
    }

    /// Takes what comes until the connection has no more.
    pub(crate) async fn run(&mut self, mut from: mpsc::Receiver<Fetched>) -> Result<(), DrainEnd> {
        loop {
            let next = match from.try_recv() {
                Ok(fetched) => Some(fetched),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) if self.group.is_empty() => from.recv().await,
                Err(TryRecvError::Empty) => {
                    match tokio::time::timeout(GROUP_WAIT, from.recv()).await {
                        Ok(next) => next,
                        Err(_) => {
                            self.hand_on().await?;
                            continue;
                        }
                    }
                }
            };
            let Some(fetched) = next else { break };
            self.take(fetched).await?;
        }
        self.hand_on().await
    }

    async fn take(&mut self, fetched: Fetched) -> Result<(), DrainEnd> {
        let Fetched { uid, size_claimed, received, flags, keywords, body, permit } = fetched;
        if !self.left.remove(&uid) {
            return Ok(());
        }
        self.answered += 1;
        let body = match self.body(body).await? {
            Ok(body) => body,
            Err(suspect) => {
                self.suspects.push((uid, suspect));
                return Ok(());
            }
        };
        self.note_size(&body, size_claimed);
        if let Some(short) = short(&body, size_claimed) {
            if !self.takes_short(uid, &short) {
                self.suspects.push((uid, short));
                return Ok(());
            }
            let slot = self.unit.mailbox.slot;
            self.tell(Event::Shorter { slot, uid }).await?;
        }
        let origin = String::new();
        let (slot, uid, transport) = (self.unit.mailbox.slot, Some(uid), self.transport);
        self.group_bytes += body.held();
        self.group.push(Arrived {
            slot,
            uid,
            flags,
            keywords,
            received,
            transport,
            origin,
            envelope: EnvelopeDetail::default(),
            body,
            permit,
        });
        if self.group.len() >= GROUP_MESSAGES || self.group_bytes >= GROUP_BYTES {
            self.hand_on().await?;
        }
        Ok(())
    }

    /// All the bytes, or what is wrong with them.
    async fn body(&mut self, body: Body) -> Result<Result<ArrivedBody, Suspect>, DrainEnd> {
        let pieces = match body {
            Body::Nil => return Ok(Err(Suspect::Nil)),
            Body::Whole(bytes) => return Ok(Ok(ArrivedBody::Whole(bytes))),
            Body::Pieces(pieces) => pieces,
        };
        // The group may hold the right that the beginning of this message waits for.
        self.hand_on().await?;
        let right = Arc::clone(&self.desk.larges).acquire_owned().await.ok();
        let limit = self.desk.limits.message_bytes_max;
        Ok(match large::receive(pieces, &self.desk.log, limit, right).await? {
            Arrival::Whole(body) => Ok(body),
            Arrival::Cut => Err(Suspect::Cut),
            Arrival::TooLarge => Err(Suspect::TooLarge),
        })
    }

    /// Notes whether the server announced the true size of a message that it was asked for first.
    fn note_size(&self, body: &ArrivedBody, announced: u64) {
        if self.before.is_none() && announced != 0 {
            self.desk.sizes.note(body.size() == announced);
        }
    }

    /// Whether fewer bytes than announced are taken for the whole message: when the same bytes
    /// came twice, and the server's sizes are estimates, or it stays with it run after run. That
    /// there are none at all is never believed against an announced size.
    fn takes_short(&self, uid: u64, short: &Suspect) -> bool {
        let Suspect::Short { len, .. } = short else { return false };
        let tried = self.unit.tried.get(&uid).copied().unwrap_or(0);
        *len > 0
            && self.before.is_some_and(|before| before.is_same_bytes(short))
            && (self.desk.sizes.are_estimates() || tried >= TRIED_TO_BELIEVE)
    }

    async fn hand_on(&mut self) -> Result<(), DrainEnd> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.group_bytes = 0;
        let group = std::mem::take(&mut self.group);
        self.tell(Event::Arrived(group)).await
    }

    async fn tell(&self, event: Event) -> Result<(), DrainEnd> {
        self.desk.events.send(event).await.map_err(|_| DrainEnd::Closed)
    }
}

/// Whether fewer bytes came than the server announced. More are fine: some servers estimate.
fn short(body: &ArrivedBody, announced: u64) -> Option<Suspect> {
    let len = body.size();
    if len >= announced {
        return None;
    }
    let id = match body {
        ArrivedBody::Whole(bytes) => BlobId::of(bytes),
        ArrivedBody::Large(large) => large.id,
    };
    Some(Suspect::Short { id, len, announced })
}
