//! The thread that writes the catalog.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ledger::{Detail, Entry};
use message::Message;
use ports::{CatalogError, LogError, NewMessage, WriteCatalog};
use thiserror::Error;
use types::limits::BATCH_BYTES_MAX;
use types::{EntryNumber, Position};

use super::budget::{Work, WorkQueue};
use super::{BATCHES_WAITING_MAX, CatalogSide, Orders, end_of};
use crate::catalog::says_damage;
use crate::catalog_files;
use crate::error::chain;
use crate::log::{Committed, SegmentLog};

/// How long the thread waits for a batch before it looks whether it missed one.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why the catalog goes no further for now.
#[derive(Debug, Error)]
enum Stuck {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("failed to read the log for the catalog")]
    Log(#[from] LogError),
}

/// Parsed messages of a batch, by the entry that placed them.
type Parsed = HashMap<EntryNumber, Box<Message>>;

pub(super) struct CatalogThread {
    log: Arc<SegmentLog>,
    side: CatalogSide,
    index: Option<Arc<WorkQueue>>,
    orders: Arc<Orders>,
    /// Work for the index that waits for the commit of the transaction.
    for_index: Vec<Work>,
    was_made_anew: bool,
    /// The next batch is not in the queue but in the log.
    is_behind: bool,
}

impl CatalogThread {
    pub(super) fn new(
        log: Arc<SegmentLog>,
        side: CatalogSide,
        index: Option<Arc<WorkQueue>>,
        orders: Arc<Orders>,
    ) -> CatalogThread {
        CatalogThread {
            log,
            side,
            index,
            orders,
            for_index: Vec::new(),
            was_made_anew: false,
            is_behind: true,
        }
    }

    pub(super) fn run(mut self, batches: &Receiver<Committed>) {
        loop {
            if self.is_behind {
                self.catch_up(batches);
                self.show_end_to_index();
            }
            if let Some(index) = &self.index {
                index.wake();
            }
            // When it is to end, only what waits already is taken.
            let patience = if self.orders.is_stopped() { Duration::ZERO } else { PATIENCE };
            match batches.recv_timeout(patience) {
                Ok(batch) => self.take(batch, batches),
                Err(_) if self.orders.is_stopped() => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.is_behind |= self.side.writer.position().entries < end_of(&self.log);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Err(error) = self.side.writer.close() {
            tracing::warn!(why = chain(&error), "the catalog was not closed well");
        }
    }

    /// The index may be behind though the catalog has everything.
    fn show_end_to_index(&self) {
        let upto = self.side.writer.committed();
        if let Some(index) = &self.index {
            index.push(Work::Add { first: upto.entries, messages: Vec::new(), upto });
        }
    }

    /// Applies a batch and all that wait behind it in one transaction.
    fn take(&mut self, batch: Committed, batches: &Receiver<Committed>) {
        let waiting = std::iter::once(batch).chain(batches.try_iter());
        for batch in waiting.take(BATCHES_WAITING_MAX) {
            let Committed { first, entries, parsed, position } = batch;
            let reached = self.side.writer.position().entries;
            // Empty ones only wake; earlier ones were read from the log.
            if entries.is_empty() || first < reached {
                continue;
            }
            self.is_behind |= reached < first;
            if self.is_behind {
                continue;
            }
            if let Err(stuck) = self.apply(first, &entries, position, parsed) {
                self.report(&stuck);
            }
        }
        // What was applied before a gap is committed with what is read from the log.
        if !self.is_behind
            && let Err(error) = self.commit()
        {
            self.report(&Stuck::Catalog(error));
        }
    }

    /// Reads from the log what the catalog does not have. The queue is emptied meanwhile: the
    /// log must not wait, and what was in it is read too.
    fn catch_up(&mut self, batches: &Receiver<Committed>) {
        while self.side.writer.position().entries < end_of(&self.log) {
            batches.try_iter().for_each(drop);
            if let Err(stuck) = self.catch_up_once()
                && !self.make_anew_after(&stuck)
            {
                return self.report(&stuck);
            }
        }
        self.is_behind = false;
    }

    fn catch_up_once(&mut self) -> Result<(), Stuck> {
        let from = self.side.writer.position().entries;
        let run = self.log.entries(from, BATCH_BYTES_MAX)?;
        self.apply(run.first, &run.items, run.position, Vec::new())?;
        Ok(self.commit()?)
    }

    fn apply(
        &mut self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
        upto: Position,
        parsed: Vec<(EntryNumber, Box<Message>)>,
    ) -> Result<(), Stuck> {
        let made = match self.side.writer.apply(first, entries, upto) {
            Ok(made) => made,
            Err(error) => {
                // The writer has taken back all of the transaction, and the index must not see
                // it either.
                self.for_index.clear();
                return Err(error.into());
            }
        };
        if self.index.is_some() {
            let mut parsed: Parsed = parsed.into_iter().collect();
            let with_text = |new: NewMessage| {
                let text = parsed.remove(&EntryNumber(new.key.0));
                (new, text)
            };
            let messages = made.into_iter().map(with_text).collect();
            self.for_index.push(Work::Add { first, messages, upto });
        }
        Ok(())
    }

    /// Shows what was applied: first to readers of the catalog, then to the index.
    fn commit(&mut self) -> Result<(), CatalogError> {
        if let Err(error) = self.side.writer.commit() {
            self.for_index.clear();
            return Err(error);
        }
        let entries = self.side.writer.committed().entries;
        self.side.reach.send_if_modified(|reach| {
            let is_new = reach.entries != entries || reach.failure.is_some();
            reach.entries = entries;
            reach.failure = None;
            is_new
        });
        for work in self.for_index.drain(..) {
            if let Some(index) = &self.index {
                index.push(work);
            }
        }
        Ok(())
    }

    /// A file that turns out to be damaged is made anew, once: the view is not precious.
    fn make_anew_after(&mut self, stuck: &Stuck) -> bool {
        let is_damage = matches!(stuck, Stuck::Catalog(error) if says_damage(error));
        if !is_damage || self.was_made_anew {
            return false;
        }
        self.was_made_anew = true;
        tracing::warn!(why = chain(stuck), "the catalog is damaged and is made anew");
        let CatalogSide { path, store, writer, reader, reach } = &mut self.side;
        reader.forget_connections();
        match catalog_files::start_anew(path, store) {
            Ok(new) => *writer = new,
            Err(error) => {
                tracing::warn!(%error, "the catalog cannot be made anew");
                return false;
            }
        }
        reader.forget_connections();
        reach.send_modify(|it| it.entries = 0);
        true
    }

    fn report(&mut self, stuck: &Stuck) {
        self.is_behind = true;
        let sentence = chain(stuck);
        let entries = self.side.writer.committed().entries;
        self.side.reach.send_if_modified(|reach| {
            if reach.failure.as_ref() == Some(&sentence) {
                return false;
            }
            tracing::warn!(entries, why = sentence, "the catalog does not follow the log");
            reach.failure = Some(sentence);
            true
        });
    }
}
