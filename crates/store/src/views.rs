//! Two threads that carry what the log made durable into its views: first the catalog, then the
//! full-text index.
//!
//! What it is not: a part of archiving. A view that is slow, missing or broken stops nothing; it
//! is read again from the log, and says how far it is.
//!
//! Rules:
//! - Batches come over a bounded queue, after their sync, in order. When one is missing (the
//!   queue was full, the store was just opened), the log is read from where the view is.
//! - The catalog goes first: it gives the messages their numbers. What the index has committed
//!   is never ahead of what the catalog has.
//! - A transaction takes everything that waits. The index commits when much is pending, when
//!   somebody waits for it, and after a pause.
//! - What the parser read travels with the batch and is used once. Where it is gone, the index
//!   reads the message from the log.

mod budget;
mod catalog_thread;
mod index_thread;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ports::{Index, Log};
use tokio::sync::watch;
use types::Position;

use crate::catalog::{CatalogWriter, Reach, SqlCatalog};
use crate::log::{Committed, SegmentLog};
use budget::{Work, WorkQueue};
pub(crate) use index_thread::{is_lost, new_message, read_message};

/// Batches that may wait for the catalog; more hold the log back. One has up to 8 MiB of mail, and
/// when that is small as much again of what was read in it.
const BATCHES_WAITING_MAX: usize = 4;

/// How far the views have read the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ViewsReach {
    /// The catalog.
    pub catalog: Reach,
    /// The index, when the store has one.
    pub index: Option<Reach>,
}

impl ViewsReach {
    /// Whether every view shows the first `entries` entries.
    #[must_use]
    pub fn is_at(&self, entries: u64) -> bool {
        let index = self.index.as_ref();
        entries <= self.catalog.entries && index.is_none_or(|it| entries <= it.entries)
    }
}

/// The threads, and how far they are.
pub(crate) struct Views {
    catalog: watch::Receiver<Reach>,
    index: Option<watch::Receiver<Reach>>,
    orders: Arc<Orders>,
    wake: SyncSender<Committed>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads are asked to do besides.
#[derive(Default)]
pub(crate) struct Orders {
    /// The index is to commit once it has read this many entries.
    index_commit: AtomicU64,
    /// End when everything that waits is done.
    stop: AtomicBool,
}

impl Orders {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// What the catalog thread needs.
pub(crate) struct CatalogSide {
    pub(crate) path: PathBuf,
    pub(crate) store: String,
    pub(crate) writer: CatalogWriter,
    pub(crate) reader: Arc<SqlCatalog>,
    pub(crate) reach: watch::Sender<Reach>,
}

impl Views {
    /// Starts the threads; they first read what the views do not have yet.
    pub(crate) fn start(
        log: &Arc<SegmentLog>,
        catalog: CatalogSide,
        index: Option<Box<dyn Index>>,
    ) -> io::Result<Views> {
        let (wake, batches) = sync_channel(BATCHES_WAITING_MAX);
        log.subscribe(wake.clone());
        let orders = Arc::new(Orders::default());
        let queue = index.is_some().then(|| Arc::new(WorkQueue::new()));
        let catalog_reach = catalog.reach.subscribe();
        catalog.reach.send_modify(|it| it.failure = None);
        let mut threads = Vec::new();
        let mut index_reach = None;
        if let (Some(index), Some(queue)) = (index, &queue) {
            let entries = index.position().entries;
            let (reach, reached) = watch::channel(Reach { entries, failure: None });
            index_reach = Some(reached);
            let thread = index_thread::IndexThread::new(
                Arc::clone(log),
                Arc::clone(&catalog.reader),
                index,
                Arc::clone(queue),
                reach,
                Arc::clone(&orders),
            );
            let builder = std::thread::Builder::new().name("index".into());
            let queue = Arc::clone(queue);
            threads.push(builder.spawn(move || {
                let _closes = Last(|| queue.close());
                thread.run();
            })?);
        }
        let reach = catalog.reach.clone();
        let thread = catalog_thread::CatalogThread::new(
            Arc::clone(log),
            catalog,
            queue.clone(),
            Arc::clone(&orders),
        );
        let builder = std::thread::Builder::new().name("catalog".into());
        threads.push(builder.spawn(move || {
            let _stops = Last(|| {
                if let Some(queue) = &queue {
                    queue.push(Work::Stop);
                }
                // Nobody must wait for what does not come any more.
                reach.send_modify(|it| it.failure = Some("the store is closed".into()));
            });
            thread.run(&batches);
        })?);
        let threads = Mutex::new(threads);
        Ok(Views { catalog: catalog_reach, index: index_reach, orders, wake, threads })
    }

    /// How far the views are now.
    pub(crate) fn reach(&self) -> ViewsReach {
        ViewsReach {
            catalog: self.catalog.borrow().clone(),
            index: self.index.as_ref().map(|it| it.borrow().clone()),
        }
    }

    /// Asks the views to show the first `entries` entries. What is returned waits until they do,
    /// or say why they do not, and holds nothing of the views.
    pub(crate) fn ask(&self, entries: u64) -> impl Future<Output = ()> + Send + use<> {
        self.orders.index_commit.fetch_max(entries, Ordering::AcqRel);
        self.wake();
        let reaches = [Some(self.catalog.clone()), self.index.clone()];
        async move {
            for mut reach in reaches.into_iter().flatten() {
                let is_there = |it: &Reach| entries <= it.entries || it.failure.is_some();
                // An error means that the thread has ended; then its last word counts.
                let _ = reach.wait_for(is_there).await;
            }
        }
    }

    /// Ends the threads when they have done what waits. The index has committed then.
    pub(crate) fn stop(&self) {
        self.orders.stop.store(true, Ordering::Release);
        self.wake();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..).rev() {
            // A panic of a view has been reported by its reach.
            let _ = thread.join();
        }
    }

    /// An empty batch wakes the catalog thread. When the queue is full it is awake.
    fn wake(&self) {
        let position = Position::default();
        let nothing = Committed { first: 0, entries: Vec::new(), parsed: Vec::new(), position };
        let _ = self.wake.try_send(nothing);
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Calls a function when it is dropped: also when a thread ends by a panic, the other one must
/// not wait for it.
struct Last<F: FnMut()>(F);

impl<F: FnMut()> Drop for Last<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Where the log ends, in entries.
fn end_of(log: &SegmentLog) -> u64 {
    log.position().entries
}
