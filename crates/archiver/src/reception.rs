//! Reception: messages that others hand in, one by one, each durable before its sender is told so.
//!
//! What it is not: SMTP. Whoever speaks it begins a message, hands on its bytes, and learns
//! whether it may say 250.
//!
//! Rules:
//! - [`Arriving::finish`] returns only when every placement of the message is durable, or was.
//! - The same message twice makes one placement, whether one after the other or at the same time.
//! - A small message is held in memory; of a large one, chunks are appended while it comes, and at
//!   most [`LARGE_MAX`] beginnings of large ones are held.
//! - A message that belongs to nobody is refused, unless everything is kept.

use std::sync::{Arc, Mutex, PoisonError};

use ledger::{Detail, EnvelopeDetail, Fact, Outcome, RunCounts, RunDetail};
use ports::{Catalog, Change, Clock, Log, LogError, LogErrorKind};
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedSemaphorePermit, Semaphore};
use types::limits::{PARSE_BYTES_MAX, WHOLE_BLOB_BYTES_MAX};
use types::{BlobId, Flags, Timestamp};

use crate::cancel::CancelToken;
use crate::intake::{Arrived, ArrivedBody, Prepared};
use crate::large::{ChunkAppends, Chunker, LARGE_MAX};
use crate::prepare::prepare;
use crate::report::RunFailure;
use crate::sorted::{Appended, NewPlace, SortBy, SortOptions, SortPlacer, Verdict};

/// How messages come that are handed in, in their placement details.
const TRANSPORT: &str = "smtp";

/// How a reception is done.
#[derive(Clone, Debug)]
pub struct ReceptionOptions {
    /// What it is called in the log.
    pub title: String,
    /// The largest message that is taken, in bytes.
    pub message_bytes_max: u64,
    /// Says that nothing more is taken.
    pub cancel: CancelToken,
    /// Counts what is received; may be that of an earlier reception, which it goes on with.
    pub tally: ReceptionTally,
}

/// Counts what is received. Clones are the same tally.
#[derive(Clone, Debug, Default)]
pub struct ReceptionTally(Arc<Mutex<ReceptionCounts>>);

impl ReceptionTally {
    /// What was received so far.
    #[must_use]
    pub fn counts(&self) -> ReceptionCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, ended: &Result<(BlobId, bool), NotReceived>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.received += 1;
        match ended {
            Ok((_, false)) => counts.archived += 1,
            Ok((_, true)) => counts.already += 1,
            Err(NotReceived::Unclaimed) => counts.unclaimed += 1,
            Err(_) => counts.failed += 1,
        }
    }
}

/// What was received so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReceptionCounts {
    /// Messages that came whole.
    pub received: u64,
    /// Of these, placed in a folder that did not have them.
    pub archived: u64,
    /// There before.
    pub already: u64,
    /// Refused because they belong to nobody.
    pub unclaimed: u64,
    /// Not kept because the store could not.
    pub failed: u64,
}

/// Why a message is not kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotReceived {
    /// The store cannot keep it now.
    Failed(RunFailure),
    /// It belongs to nobody.
    Unclaimed,
    /// It is larger than the limit.
    TooLarge,
    /// Nothing more is taken.
    Stopping,
}

impl From<RunFailure> for NotReceived {
    fn from(failure: RunFailure) -> NotReceived {
        NotReceived::Failed(failure)
    }
}

impl From<LogError> for NotReceived {
    fn from(error: LogError) -> NotReceived {
        NotReceived::Failed(error.into())
    }
}

/// Receives messages. Clones are the same reception.
#[derive(Debug)]
pub struct Reception<L, K>(Arc<Inner<L, K>>);

impl<L, K> Clone for Reception<L, K> {
    fn clone(&self) -> Self {
        Reception(Arc::clone(&self.0))
    }
}

struct Inner<L, K> {
    log: Arc<L>,
    clock: Arc<dyn Clock>,
    options: ReceptionOptions,
    /// Replaced when the address book changes.
    sorting: Mutex<Arc<SortOptions>>,
    placer: AsyncMutex<SortPlacer<L, K>>,
    /// Told whenever something became durable, or failed.
    landed: Notify,
    larges: Arc<Semaphore>,
}

impl<L, K> std::fmt::Debug for Inner<L, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<L: Log, K: Catalog> Reception<L, K> {
    /// One into this store.
    pub fn new(
        log: Arc<L>,
        catalog: &Arc<K>,
        clock: Arc<dyn Clock>,
        options: ReceptionOptions,
        sorting: Arc<SortOptions>,
    ) -> Reception<L, K> {
        let placer = SortPlacer::new(&log, catalog, Arc::clone(&sorting));
        Reception(Arc::new(Inner {
            log,
            clock,
            options,
            sorting: Mutex::new(sorting),
            placer: AsyncMutex::new(placer),
            landed: Notify::new(),
            larges: Arc::new(Semaphore::new(LARGE_MAX)),
        }))
    }

    /// How messages are sorted now.
    #[must_use]
    pub fn sorting(&self) -> Arc<SortOptions> {
        Arc::clone(&self.0.sorting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sorts in another way from now on: the address book or the rules have changed.
    pub async fn sort_by(&self, sorting: Arc<SortOptions>) {
        self.0.placer.lock().await.options = Arc::clone(&sorting);
        *self.0.sorting.lock().unwrap_or_else(PoisonError::into_inner) = sorting;
    }

    /// Begins a message. `envelope` says who it is from and to, `origin` who hands it in.
    pub fn begin(&self, envelope: EnvelopeDetail, origin: String) -> Arriving<L, K> {
        Arriving {
            inner: Arc::clone(&self.0),
            envelope,
            origin,
            received: self.0.clock.now(),
            size: 0,
            bytes: Vec::new(),
            right: None,
            chunked: None,
        }
    }

    /// Tells the log what was received since `before`, when that was anything.
    pub async fn note_run(
        &self,
        before: ReceptionCounts,
        started: Timestamp,
    ) -> Result<(), RunFailure> {
        let now = self.0.options.tally.counts();
        let unclaimed = now.unclaimed - before.unclaimed;
        let mut counts = RunCounts {
            archived: now.archived - before.archived,
            already: now.already - before.already,
            ..RunCounts::default()
        };
        if counts == RunCounts::default() && unclaimed == 0 {
            return Ok(());
        }
        counts.excluded.unknown_address = unclaimed;
        counts.server_count = counts.archived + counts.already + unclaimed;
        let outcome =
            if now.failed == before.failed { Outcome::Succeeded } else { Outcome::Partial };
        let fact = Fact::RunFinished { outcome, counts, started };
        let detail = RunDetail { title: self.0.options.title.clone(), warnings: Vec::new() };
        self.0.log.append(vec![Change::Fact(fact, Some(Detail::Run(detail)))]).await?;
        Ok(())
    }
}

/// A message on its way in. Dropped before [`finish`](Self::finish) it never came.
pub struct Arriving<L, K> {
    inner: Arc<Inner<L, K>>,
    envelope: EnvelopeDetail,
    origin: String,
    received: Timestamp,
    size: u64,
    /// Its bytes so far, as long as they are few.
    bytes: Vec<u8>,
    /// The right to hold many.
    right: Option<OwnedSemaphorePermit>,
    /// What takes them otherwise.
    chunked: Option<(Chunker<L>, ChunkAppends<L>)>,
}

impl<L: Log, K: Catalog> Arriving<L, K> {
    /// Takes the next bytes.
    pub async fn piece(&mut self, bytes: &[u8]) -> Result<(), NotReceived> {
        let inner = Arc::clone(&self.inner);
        if inner.options.cancel.is_cancelled() {
            return Err(NotReceived::Stopping);
        }
        self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if inner.options.message_bytes_max < self.size {
            return Err(NotReceived::TooLarge);
        }
        if let Some((chunker, appends)) = &mut self.chunked {
            return Ok(appends.put(chunker.push(bytes)?).await?);
        }
        let more = self.bytes.len() + bytes.len();
        if more > WHOLE_BLOB_BYTES_MAX && self.right.is_none() {
            self.right = Arc::clone(&inner.larges).acquire_owned().await.ok();
        }
        self.bytes.extend_from_slice(bytes);
        // A report is opened in memory.
        let by_journal = inner.is_journal();
        let whole_max = if by_journal { PARSE_BYTES_MAX } else { WHOLE_BLOB_BYTES_MAX };
        if self.bytes.len() > whole_max {
            let mut chunker = Chunker::new(Arc::clone(&inner.log));
            let mut appends = ChunkAppends::new(Arc::clone(&inner.log));
            appends.put(chunker.push(&std::mem::take(&mut self.bytes))?).await?;
            self.chunked = Some((chunker, appends));
        }
        Ok(())
    }

    /// The message is complete: makes it durable.
    ///
    /// When this is dropped while it waits, the message may become durable all the same.
    pub async fn finish(self) -> Result<BlobId, NotReceived> {
        // Whoever waits for the same message waits for this one to end, so it does.
        let ending = tokio::spawn(self.counted());
        ending.await.unwrap_or_else(|error| {
            let broken = LogError::new(LogErrorKind::Request, "failed to keep a message");
            Err(broken.caused_by(error).into())
        })
    }

    async fn counted(self) -> Result<BlobId, NotReceived> {
        let inner = Arc::clone(&self.inner);
        let ended = self.all().await;
        inner.options.tally.count(&ended);
        ended.map(|(id, _)| id)
    }

    async fn all(mut self) -> Result<(BlobId, bool), NotReceived> {
        let inner = Arc::clone(&self.inner);
        if inner.options.cancel.is_cancelled() {
            return Err(NotReceived::Stopping);
        }
        let body = match self.chunked.take() {
            None => ArrivedBody::Whole(std::mem::take(&mut self.bytes)),
            Some((chunker, mut appends)) => {
                let (last, body) = chunker.end(self.right.take())?;
                appends.put(last).await?;
                appends.finish().await?;
                body
            }
        };
        let arrived = Arrived {
            slot: 0,
            uid: None,
            flags: Flags::default(),
            keywords: Vec::new(),
            received: Some(self.received),
            transport: TRANSPORT,
            origin: std::mem::take(&mut self.origin),
            envelope: std::mem::take(&mut self.envelope),
            body,
            permit: self.right.take(),
        };
        let (log, sorting) = (Arc::clone(&inner.log), inner.sorting());
        let work = move || prepare(arrived, log.as_ref(), Some(&sorting));
        let prepared = tokio::task::spawn_blocking(work).await.map_err(|error| {
            LogError::new(LogErrorKind::Request, "failed to prepare a message").caused_by(error)
        })??;
        inner.keep(prepared).await
    }
}

impl<L: Log, K: Catalog> Inner<L, K> {
    fn sorting(&self) -> Arc<SortOptions> {
        Arc::clone(&self.sorting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_journal(&self) -> bool {
        self.sorting().by == SortBy::Journal
    }

    /// Makes a message durable; whether it was before.
    async fn keep(&self, mut message: Prepared) -> Result<(BlobId, bool), NotReceived> {
        let id = message.id;
        let Some(group) = message.addressed.as_ref().map(|it| it.group) else {
            return Err(NotReceived::Unclaimed);
        };
        let places = loop {
            // Registered before deciding, so that what lands between the two is not missed.
            let landed = self.landed.notified();
            tokio::pin!(landed);
            landed.as_mut().enable();
            let mut placer = self.placer.lock().await;
            let verdict = placer.place(message, None, "handed in by SMTP", true).await?;
            placer.tell_unknown();
            drop(placer);
            match verdict {
                Verdict::Wait(again) => message = *again,
                Verdict::Left { .. } => return Err(NotReceived::Unclaimed),
                Verdict::There { existed: _, fact: _ } => return Ok((id, true)),
                Verdict::Placed(places) => break places,
            }
            landed.await;
        };
        let folders: Vec<_> = places.iter().map(|it| it.folder).collect();
        let mut changes = Vec::new();
        let mut permits = Vec::new();
        for place in places {
            let NewPlace { changes: more, permits: held, .. } = place;
            changes.extend(more);
            permits.extend(held);
        }
        let answer = self.log.append(changes).await;
        let mut placer = self.placer.lock().await;
        let ended = match answer {
            Ok(entries) if entries.len() == folders.len() => {
                for (idx, (entry, folder)) in entries.into_iter().zip(&folders).enumerate() {
                    let last = idx + 1 == folders.len();
                    let folder = Some(*folder);
                    placer.appended(entry, Appended { group, folder, last });
                }
                placer.tidy().await.map_err(NotReceived::from)
            }
            Ok(_) => {
                placer.failed(&group);
                let text = "the log acknowledged another number of entries than were appended";
                Err(LogError::new(LogErrorKind::Damaged, text).into())
            }
            Err(error) => {
                placer.failed(&group);
                Err(error.into())
            }
        };
        drop(placer);
        self.landed.notify_waiters();
        drop(permits);
        ended.map(|()| (id, false))
    }
}
