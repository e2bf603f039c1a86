//! The thread that signs checkpoints while a log is written, and makes tiles up to them.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ports::{Log, Random};
use types::Position;

use super::book::{Book, OnEnd};
use super::tile_files::TileFiles;
use super::{Evidence, SignedCheckpoint};
use crate::error::{StoreError, chain};
use crate::log::{SegmentLog, Witness};

/// How long at least passes between two checkpoints of a log that is being written.
pub(crate) const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Signs checkpoints of a log from when it is opened until it is closed.
pub struct Checkpointer {
    book: Arc<Mutex<Book>>,
    log: Arc<SegmentLog>,
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Begins with the log as it was opened for writing. Returns what is strange about the
    /// evidence that is there, in sentences without a full stop. `on_end` is told of every end of
    /// the log before that is signed.
    pub fn start(
        evidence: &Evidence,
        log: &Arc<SegmentLog>,
        random: Arc<dyn Random>,
        on_end: OnEnd,
    ) -> Result<(Checkpointer, Vec<String>), StoreError> {
        Checkpointer::start_with(evidence, log, random, CHECKPOINT_EVERY, on_end)
    }

    /// The same with another pause between two checkpoints.
    pub(crate) fn start_with(
        evidence: &Evidence,
        log: &Arc<SegmentLog>,
        random: Arc<dyn Random>,
        every: Duration,
        on_end: OnEnd,
    ) -> Result<(Checkpointer, Vec<String>), StoreError> {
        let (book, strange) = Book::open(evidence, random, log.position(), on_end)?;
        let book = Arc::new(Mutex::new(book));
        log.set_witness(Box::new(BookWitness(Arc::clone(&book))));
        let (stop, stopped) = sync_channel(1);
        let work =
            Work { book: Arc::clone(&book), log: Arc::clone(log), tiles: TileFiles::new(evidence) };
        let thread = std::thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || work.run(&stopped, every))
            .map_err(StoreError::io("start the thread of the checkpoints"))?;
        let log = Arc::clone(log);
        Ok((Checkpointer { book, log, stop, thread: Some(thread) }, strange))
    }

    /// Signs what the log has now, unless that is signed already, and gives the newest
    /// checkpoint; `None` when the log was never written.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        let mut book = lock(&self.book);
        let position = self.log.position();
        if book.last().is_some_and(|it| it.checkpoint.position != position) {
            book.sign_open(position).map_err(StoreError::io("sign a checkpoint"))?;
        }
        Ok(book.last().cloned())
    }
}

/// Ends the thread; tiles then reach to the last checkpoint.
impl Drop for Checkpointer {
    fn drop(&mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            // A panic there has nothing to do with the log.
            let _ = thread.join();
        }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

struct BookWitness(Arc<Mutex<Book>>);

impl Witness for BookWitness {
    fn begins(&mut self, position: Position) -> io::Result<()> {
        lock(&self.0).sign_open(position)
    }

    fn ends(&mut self, position: Position) -> io::Result<()> {
        lock(&self.0).sign_closed(position)
    }
}

/// What the thread has.
struct Work {
    book: Arc<Mutex<Book>>,
    log: Arc<SegmentLog>,
    tiles: TileFiles,
}

impl Work {
    fn run(mut self, stopped: &Receiver<()>, every: Duration) {
        loop {
            let is_last = stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout);
            if !is_last && let Err(error) = self.sign() {
                tracing::warn!(why = %error, "no checkpoint was signed");
            }
            self.tile();
            if is_last {
                return;
            }
        }
    }

    /// Nothing is signed twice: a log at rest gets no checkpoints.
    fn sign(&self) -> io::Result<()> {
        let mut book = lock(&self.book);
        let position = self.log.position();
        match book.last() {
            Some(last) if last.checkpoint.position != position => book.sign_open(position),
            _ => Ok(()),
        }
    }

    fn tile(&mut self) {
        let last = lock(&self.book).last().cloned();
        let Some(last) = last else { return };
        if let Err(error) = self.tiles.bring_to(&self.log, &last) {
            tracing::warn!(why = chain(&error), "the tiles do not follow the log");
        }
    }
}
