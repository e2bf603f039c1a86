//! The thread that writes the full-text index.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use message::Message;
use ports::{
    CatalogError, Index, IndexDoc, IndexError, LogError, NewMessage, ReadError, ReadErrorKind,
};
use thiserror::Error;
use tokio::sync::watch;
use types::limits::PARSE_BYTES_MAX;
use types::{BlobId, MessageSet, Position};

use super::Orders;
use super::budget::{Work, WorkQueue};
use crate::catalog::{MessageRow, Reach, SqlCatalog};
use crate::error::chain;
use crate::log::SegmentLog;

/// The index commits at the latest when this many messages are pending, ...
const PENDING_MESSAGES_MAX: usize = 25_000;

/// ... or this many bytes of text, ...
const PENDING_TEXT_BYTES_MAX: usize = 256 << 20;

/// ... or when something has been pending for this long and nothing more comes.
const PAUSE: Duration = Duration::from_secs(2);

/// Messages that are read from the catalog at once when the index is behind.
const CATCH_UP_MESSAGES: usize = 500;

/// Why the index goes no further.
#[derive(Debug, Error)]
pub(crate) enum Stuck {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("failed to read a message for the index")]
    Read(#[source] ReadError),
    #[error("failed to read in the log what is erased")]
    Log(#[from] LogError),
}

pub(super) struct IndexThread {
    log: Arc<SegmentLog>,
    catalog: Arc<SqlCatalog>,
    index: Box<dyn Index>,
    queue: Arc<WorkQueue>,
    reach: watch::Sender<Reach>,
    orders: Arc<Orders>,
    /// How far it has read, what is not committed included.
    read: Position,
    pending_messages: usize,
    pending_text_bytes: usize,
    changed: Instant,
}

impl IndexThread {
    pub(super) fn new(
        log: Arc<SegmentLog>,
        catalog: Arc<SqlCatalog>,
        index: Box<dyn Index>,
        queue: Arc<WorkQueue>,
        reach: watch::Sender<Reach>,
        orders: Arc<Orders>,
    ) -> IndexThread {
        let read = index.position();
        IndexThread {
            log,
            catalog,
            index,
            queue,
            reach,
            orders,
            read,
            pending_messages: 0,
            pending_text_bytes: 0,
            changed: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        if let Err(stuck) = self.work() {
            let why = chain(&stuck);
            tracing::warn!(why, "the index does not follow the log");
            self.reach.send_modify(|it| it.failure = Some(why));
            // What was committed stays; the rest is read again when the store is opened next.
            return;
        }
        if let Err(error) = self.index.close() {
            tracing::warn!(why = chain(&error), "closing the index failed");
        }
    }

    fn work(&mut self) -> Result<(), Stuck> {
        loop {
            match self.queue.pop(PAUSE) {
                Some(Work::Add { first, messages, upto }) => self.add(first, messages, upto)?,
                Some(Work::Stop) => return self.commit(),
                None => (),
            }
            let wanted = self.orders.index_commit.load(Ordering::Acquire);
            let committed = self.index.position().entries;
            let somebody_waits = committed < wanted && wanted <= self.read.entries;
            let is_much = PENDING_MESSAGES_MAX <= self.pending_messages
                || PENDING_TEXT_BYTES_MAX <= self.pending_text_bytes;
            let is_quiet = self.pending_messages > 0 && PAUSE <= self.changed.elapsed();
            if somebody_waits || is_much || is_quiet {
                self.commit()?;
            }
        }
    }

    fn add(
        &mut self,
        first: u64,
        messages: Vec<(NewMessage, Option<Box<Message>>)>,
        upto: Position,
    ) -> Result<(), Stuck> {
        if upto.entries <= self.read.entries {
            return Ok(());
        }
        // What was added without reaching a known position is added again when the store is
        // opened next; a document of the same number replaces it.
        if self.read.entries < first && self.catch_up(first)? {
            return Ok(());
        }
        for (new, parsed) in messages {
            // The index may have read a part of what the catalog reads again.
            if self.read.entries <= new.key.0 {
                self.add_one(new, parsed)?;
            }
        }
        self.forget(self.read.entries..upto.entries)?;
        self.read = upto;
        self.changed = Instant::now();
        Ok(())
    }

    /// Adds the messages that were placed before entry `end`, from the catalog and the log.
    /// Returns whether it was asked to stop before the end.
    fn catch_up(&mut self, end: u64) -> Result<bool, Stuck> {
        let mut first = self.read.entries;
        loop {
            if self.orders.is_stopped() {
                return Ok(true);
            }
            let rows = self.catalog.messages_between(first, end, CATCH_UP_MESSAGES)?;
            let Some(last) = rows.last() else { return Ok(false) };
            first = last.key.0 + 1;
            for row in rows.iter().filter(|it| !it.is_erased) {
                self.add_one(new_message(row), None)?;
            }
        }
    }

    /// Takes out what these entries erased: nobody finds it by its words any more.
    fn forget(&mut self, entries: Range<u64>) -> Result<(), Stuck> {
        let mut numbers = MessageSet::default();
        for message in self.log.erased_by(entries)? {
            if let Some(row) = self.catalog.message(message)? {
                numbers.insert(row.n);
            }
        }
        if numbers.is_empty() {
            return Ok(());
        }
        // Somebody waits for it to be gone, though nothing new comes.
        self.pending_messages += usize::try_from(numbers.len()).unwrap_or(usize::MAX);
        Ok(self.index.forget(&numbers)?)
    }

    fn add_one(&mut self, new: NewMessage, parsed: Option<Box<Message>>) -> Result<(), Stuck> {
        let message = match parsed {
            Some(message) => message,
            None => match read_message(&self.log, &new.blob, new.size) {
                Ok(message) => message,
                // The bytes may be there: it is read again when the store is opened next.
                Err(error) if !is_lost(&error) => return Err(Stuck::Read(error)),
                Err(error) => {
                    // It is damaged or missing: `verify` says so; the others are to be found.
                    let why = chain(&error);
                    tracing::warn!(message = %new.blob, why, "left out of the index");
                    return Ok(());
                }
            },
        };
        self.pending_messages += 1;
        self.pending_text_bytes += message.text.len();
        let NewMessage { n, blob, size, date, archived, .. } = new;
        Ok(self.index.add(IndexDoc { n, blob, size, date, archived, message })?)
    }

    fn commit(&mut self) -> Result<(), Stuck> {
        if self.index.position() == self.read {
            return Ok(());
        }
        self.index.commit(self.read)?;
        self.pending_messages = 0;
        self.pending_text_bytes = 0;
        let entries = self.read.entries;
        self.reach.send_modify(|it| it.entries = entries);
        Ok(())
    }
}

/// The row of a message as the catalog gives it when it makes it.
pub(crate) fn new_message(row: &MessageRow) -> NewMessage {
    let MessageRow { n, key, blob, size, date, archived, .. } = *row;
    NewMessage { key, n, blob, size, date, archived }
}

/// Whether no later attempt will read the message either.
pub(crate) fn is_lost(error: &ReadError) -> bool {
    matches!(error.kind(), ReadErrorKind::NotFound | ReadErrorKind::Damaged)
}

/// Reads and parses a message as archiving does: of a large one only the start.
pub(crate) fn read_message(
    log: &SegmentLog,
    blob: &BlobId,
    size: u64,
) -> Result<Box<Message>, ReadError> {
    if size <= PARSE_BYTES_MAX as u64 {
        let bytes = log.read_whole(blob, PARSE_BYTES_MAX as u64)?;
        return Ok(Box::new(message::parse(&bytes).0));
    }
    let mut start = Vec::new();
    let read = log.read(blob, &mut |bytes| {
        let room = PARSE_BYTES_MAX - start.len();
        start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if start.len() < PARSE_BYTES_MAX { Ok(()) } else { Err(io::Error::other("enough")) }
    });
    match read {
        Err(error) if error.kind() != ReadErrorKind::Sink => Err(error),
        _ => Ok(Box::new(message::parse_prefix(&start, size).0)),
    }
}
