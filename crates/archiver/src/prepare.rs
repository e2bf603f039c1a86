//! Hashing, compressing and parsing, on threads beside the reactor.
//!
//! Groups go in and come out in the same order. A message that the log has is only hashed.

use std::collections::VecDeque;
use std::sync::Arc;

use ports::{Change, Log, LogError, LogErrorKind, NewBody};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use types::BlobId;
use types::limits::{CHUNK_BYTES, WHOLE_BLOB_BYTES_MAX};

use crate::describe::describe;
use crate::intake::{Arrived, ArrivedBody, Content, Large, Prepared};

/// The most threads that prepare: as many keep one indexing thread busy.
const THREADS_MAX: usize = 2;

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
    threads: Arc<Semaphore>,
    groups: VecDeque<JoinHandle<PreparedGroup>>,
}

impl<L: Log> Preparer<L> {
    pub(crate) fn new(log: Arc<L>) -> Preparer<L> {
        Preparer { log, threads: Arc::new(Semaphore::new(threads())), groups: VecDeque::new() }
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
        self.groups.push_back(tokio::spawn(async move {
            // Never closed; without a permit the work is only less bounded.
            let permit = threads.acquire_owned().await.ok();
            let prepared = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                group.into_iter().map(|it| prepare(it, log.as_ref())).collect()
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

/// How many threads prepare: half of the processors. The other half writes, catalogs and indexes
/// at the same time; with more, the index falls behind, and its rest is made by one thread at the
/// end while the other processors wait.
fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, THREADS_MAX)
}

fn broken(error: tokio::task::JoinError) -> LogError {
    LogError::new(LogErrorKind::Request, "failed to prepare messages").caused_by(error)
}

/// Prepares one message.
fn prepare<L: Log>(arrived: Arrived, log: &L) -> Result<Prepared, LogError> {
    let Arrived { slot, uid, flags, keywords, received, transport, origin, body, permit } = arrived;
    let mut permits = Vec::from_iter(permit);
    let (id, size, content) = match body {
        ArrivedBody::Whole(bytes) => {
            let id = BlobId::of(&bytes);
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let content = match is_message(log, &id)? {
                true => None,
                false => Some(whole(id, &bytes, received)),
            };
            (id, size, content)
        }
        ArrivedBody::Large(Large { id, size, chunks, head, permit }) => {
            permits.extend(permit);
            let content = match is_message(log, &id)? {
                true => None,
                false => {
                    let (detail, parsed) = describe(&head, size, received);
                    let body = NewBody::Chunked { id, chunks };
                    let parsed = Some(parsed);
                    Some(Content { chunks: Vec::new(), body, detail, parsed, encoded_bytes: 0 })
                }
            };
            (id, size, content)
        }
    };
    Ok(Prepared {
        slot,
        uid,
        flags,
        keywords,
        received,
        transport,
        origin,
        id,
        size,
        content,
        permits,
    })
}

fn is_message<L: Log>(log: &L, id: &BlobId) -> Result<bool, LogError> {
    Ok(log.find(id)?.is_some_and(|it| it.message.is_some()))
}

/// Encodes and parses a message that is in memory.
fn whole(id: BlobId, bytes: &[u8], received: Option<types::Timestamp>) -> Content {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let (detail, parsed) = describe(bytes, size, received);
    let parsed = Some(parsed);
    if bytes.len() <= WHOLE_BLOB_BYTES_MAX {
        let blob = frames::encode_hashed_blob(id, bytes);
        let encoded_bytes = blob.body.len();
        let body = NewBody::Whole(blob);
        return Content { chunks: Vec::new(), body, detail, parsed, encoded_bytes };
    }
    let blobs: Vec<_> = bytes.chunks(CHUNK_BYTES).map(frames::encode_blob).collect();
    let list = blobs.iter().map(|it| (it.id, it.raw_len)).collect();
    let encoded_bytes = blobs.iter().map(|it| it.body.len()).sum();
    let chunks = blobs.into_iter().map(Change::Chunk).collect();
    let body = NewBody::Chunked { id, chunks: list };
    Content { chunks, body, detail, parsed, encoded_bytes }
}
