//! Hashing, compressing and parsing, on threads beside the reactor.
//!
//! Groups go in and come out in the same order. A message that the log has is only hashed.

use std::collections::VecDeque;
use std::sync::Arc;

use ledger::EnvelopeDetail;
use ports::{Log, LogError, LogErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use types::BlobId;

use crate::describe::describe;
use crate::intake::{Arrived, ArrivedBody, Content, Large, Prepared};
use crate::parts::Parts;
use crate::shared::Shared;
use crate::sorted::{self, Addressed, SortOptions};

/// Groups that may wait or be worked on; each is at most one message over `GROUP_BYTES`.
const GROUPS_MAX: usize = 6;

/// A group is closed at this many messages.
pub(crate) const GROUP_MESSAGES: usize = 64;

/// A group is closed at this many bytes.
pub(crate) const GROUP_BYTES: usize = 512 << 10;

/// What a group became.
pub(crate) type PreparedGroup = Result<Vec<Prepared>, LogError>;

/// Prepares groups of messages.
pub(crate) struct Preparer<L> {
    log: Arc<L>,
    /// How messages are sorted, when they are.
    sorted: Option<Arc<SortOptions>>,
    threads: Arc<Semaphore>,
    groups: VecDeque<JoinHandle<PreparedGroup>>,
}

impl<L: Log> Preparer<L> {
    pub(crate) fn new(log: Arc<L>, shared: &Shared) -> Preparer<L> {
        let threads = Arc::clone(&shared.threads);
        Preparer { log, sorted: None, threads, groups: VecDeque::new() }
    }

    /// One that reads whose messages are, as well.
    pub(crate) fn sorting(log: Arc<L>, shared: &Shared, sorted: Arc<SortOptions>) -> Preparer<L> {
        Preparer { sorted: Some(sorted), ..Preparer::new(log, shared) }
    }

    /// Whether another group may be handed in now.
    pub(crate) fn has_room(&self) -> bool {
        self.groups.len() < GROUPS_MAX
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.groups.is_empty()
    }

    /// Hands in a group.
    pub(crate) fn put(&mut self, group: Vec<Arrived>) {
        let (log, threads) = (Arc::clone(&self.log), Arc::clone(&self.threads));
        let sorted = self.sorted.clone();
        self.groups.push_back(tokio::spawn(async move {
            // Never closed; without a permit the work is only less bounded.
            let permit = threads.acquire_owned().await.ok();
            let prepared = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                let sorted = sorted.as_deref();
                group.into_iter().map(|it| prepare(it, log.as_ref(), sorted)).collect()
            });
            prepared.await.unwrap_or_else(|error| Err(broken(error)))
        }));
    }

    /// The oldest group, when it is ready. Waits for ever when there is none. Nothing is lost
    /// when this is dropped while it waits.
    pub(crate) async fn take(&mut self) -> PreparedGroup {
        let Some(oldest) = self.groups.front_mut() else { return std::future::pending().await };
        let prepared = oldest.await;
        self.groups.pop_front();
        prepared.unwrap_or_else(|error| Err(broken(error)))
    }
}

fn broken(error: tokio::task::JoinError) -> LogError {
    LogError::new(LogErrorKind::Request, "failed to prepare messages").caused_by(error)
}

/// Prepares one message.
pub(crate) fn prepare<L: Log>(
    mut arrived: Arrived,
    log: &L,
    sorted: Option<&SortOptions>,
) -> Result<Prepared, LogError> {
    let mut permits = Vec::from_iter(arrived.permit.take());
    let (id, size, content, addressed) = match sorted {
        None => {
            let (id, size, content) =
                content_of(arrived.body, arrived.received, &mut permits, log)?;
            (id, size, content, None)
        }
        Some(options) => {
            let said = std::mem::take(&mut arrived.envelope);
            sort_out(options, arrived.body, said, arrived.received, &mut permits, log).map(
                |(whole, addressed)| {
                    let (id, size, content) = whole;
                    (id, size, content, Some(Box::new(addressed)))
                },
            )?
        }
    };
    let opened = addressed.as_ref().is_some_and(|it| it.opened);
    Ok(Prepared {
        slot: arrived.slot,
        uid: arrived.uid,
        flags: arrived.flags,
        keywords: arrived.keywords,
        received: arrived.received,
        transport: arrived.transport,
        origin: if opened && arrived.origin.is_empty() {
            IN_REPORT.to_owned()
        } else {
            arrived.origin
        },
        id,
        size,
        content,
        addressed,
        permits,
    })
}

/// Where a message was that was taken out of a journal report.
const IN_REPORT: &str = "in a journal report";

/// Id and size of a message, and what is appended of it when the log has not got it.
type Whole = (BlobId, u64, Option<Content>);

fn content_of<L: Log>(
    body: ArrivedBody,
    received: Option<types::Timestamp>,
    permits: &mut Vec<OwnedSemaphorePermit>,
    log: &L,
) -> Result<Whole, LogError> {
    match body {
        ArrivedBody::Whole(bytes) => whole_of(&bytes, received, log),
        ArrivedBody::Large(Large { id, size, body, head, permit }) => {
            permits.extend(permit);
            if is_message(log, &id)? {
                return Ok((id, size, None));
            }
            let (detail, parsed) = describe(&head, size, received);
            let parsed = Some(parsed);
            let content = Content { ahead: Vec::new(), body, detail, parsed, encoded_bytes: 0 };
            Ok((id, size, Some(content)))
        }
    }
}

fn whole_of<L: Log>(
    bytes: &[u8],
    received: Option<types::Timestamp>,
    log: &L,
) -> Result<Whole, LogError> {
    let id = BlobId::of(bytes);
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let known = is_message(log, &id)?;
    let content = if known { None } else { Some(whole(id, bytes, received, log)?) };
    Ok((id, size, content))
}

/// The message itself, and whose it is.
fn sort_out<L: Log>(
    options: &SortOptions,
    body: ArrivedBody,
    said: EnvelopeDetail,
    received: Option<types::Timestamp>,
    permits: &mut Vec<OwnedSemaphorePermit>,
    log: &L,
) -> Result<(Whole, Addressed), LogError> {
    let total = body.size();
    let bytes = match &body {
        ArrivedBody::Whole(bytes) => bytes.as_slice(),
        ArrivedBody::Large(large) => large.head.as_slice(),
    };
    let believed = sorted::believe(options, bytes, total, said);
    if believed.opened {
        let made = whole_of(&believed.original, received, log)?;
        let parsed = describe_known(&made, &believed.original, made.1, received);
        let addressed = believed.addressed(options, &parsed, made.0, made.1);
        return Ok((made, addressed));
    }
    let head = believed.without_bytes();
    let described;
    let made = match body {
        ArrivedBody::Whole(bytes) => {
            let made = whole_of(&bytes, received, log)?;
            described = describe_known(&made, &bytes, made.1, received);
            made
        }
        ArrivedBody::Large(large) => {
            described = describe(&large.head, total, received).0;
            content_of(ArrivedBody::Large(large), received, permits, log)?
        }
    };
    let addressed = head.addressed(options, &described, made.0, made.1);
    Ok((made, addressed))
}

/// What a message says of itself, read again only when it was not read just now.
fn describe_known(
    made: &Whole,
    bytes: &[u8],
    size: u64,
    received: Option<types::Timestamp>,
) -> Box<ledger::MessageDetail> {
    match &made.2 {
        Some(content) => content.detail.clone(),
        None => describe(bytes, size, received).0,
    }
}

fn is_message<L: Log>(log: &L, id: &BlobId) -> Result<bool, LogError> {
    Ok(log.find(id)?.is_some_and(|it| it.message.is_some()))
}

/// Encodes and parses a message that is in memory.
fn whole<L: Log>(
    id: BlobId,
    bytes: &[u8],
    received: Option<types::Timestamp>,
    log: &L,
) -> Result<Content, LogError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let (detail, parsed) = describe(bytes, size, received);
    let parsed = Some(parsed);
    let mut parts = Parts::new(log)?;
    let body = parts.message(id, bytes, log)?;
    let Parts { changes, encoded_bytes, .. } = parts;
    Ok(Content { ahead: changes, body, detail, parsed, encoded_bytes })
}
