//! The writer of a log: two threads, one that builds batches and one that makes them durable.
//!
//! Rules:
//! - A batch is closed as soon as the disk is free, or is full; no timer holds it back. While
//!   one is written and synced, the next one is built.
//! - What is written goes behind bytes that are durable, and is synced once. After an error
//!   nothing more is written or synced: the next opening recovers as after a crash.
//! - Nothing is acknowledged before the sync that covers it returned.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, PoisonError};
use std::thread;

use frames::{Encoder, Mark, Place, State, close_frame};
use ports::{Change, Clock, LogError, LogErrorKind, Random};
use types::Position;

use super::batch::{ClosedBatch, Context, OpenBatch, Reply, Underway};
use super::committer::{Committer, Job, Subscribers};
use super::create::create_segment;
use super::dir::SegmentFile;
use super::error::io_error;
use super::mark_file::{MarkFile, read_mark};
use super::recover::Tip;
use super::seal::{rewrite_footer, seal};
use super::tables::Tables;
use super::{LogOptions, Witness, WitnessPlace};

/// What the writer is told.
pub(super) enum Message {
    /// Append these changes.
    Append(Vec<Change>, Reply),
    /// The committer has ended a batch: well, or with this.
    Free(Result<(), LogErrorKind>),
    /// End without closing the log.
    Abandon,
    /// Append what waits, close the log, and end.
    Close(SyncSender<Result<(), LogError>>),
}

/// Why no more is written, for everybody who asks.
pub(super) type Stopped = Arc<OnceLock<LogErrorKind>>;

/// The error for everybody who comes too late.
pub(super) fn stopped_error(stopped: &Stopped) -> LogError {
    match stopped.get() {
        Some(LogErrorKind::DiskFull) => {
            LogError::new(LogErrorKind::DiskFull, "the disk is full, the log takes no more")
        }
        _ => LogError::new(LogErrorKind::Stopped, "the writer of the log has ended"),
    }
}

/// What a writer needs.
pub(super) struct WriterParts {
    pub(super) tables: Arc<Tables>,
    pub(super) tip: Tip,
    pub(super) state: State,
    pub(super) options: LogOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) subscribers: Arc<Subscribers>,
    pub(super) witness: WitnessPlace,
    pub(super) stopped: Stopped,
    pub(super) inbox: Receiver<Message>,
    /// The other end of `inbox`, for the committer.
    pub(super) outbox: Sender<Message>,
}

/// Builds batches. See the module.
pub(super) struct Writer {
    tables: Arc<Tables>,
    tip: Tip,
    /// Bytes before the end that are written once more with the next batch.
    prefix: Vec<u8>,
    /// The open last segment; `None` before the first append.
    file: Option<Arc<SegmentFile>>,
    mark: Arc<MarkFile>,
    state: State,
    options: LogOptions,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    witness: WitnessPlace,
    stopped: Stopped,
    inbox: Receiver<Message>,
    jobs: SyncSender<Job>,
    batch: Option<OpenBatch>,
    underway: Underway,
    is_committing: bool,
    /// Calls that wait for room in a batch.
    waiting: VecDeque<(Vec<Change>, Reply)>,
    is_abandoned: bool,
    closing: Option<SyncSender<Result<(), LogError>>>,
    encoder: Encoder,
}

/// Starts the two threads. They end when the log is closed, or all senders are gone.
pub(super) fn start(parts: WriterParts) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
    let (jobs, job_inbox) = sync_channel(1);
    let mark = Arc::new(MarkFile::closed());
    let committer = Committer {
        tables: Arc::clone(&parts.tables),
        subscribers: parts.subscribers,
        mark: Arc::clone(&mark),
        jobs: job_inbox,
        done: parts.outbox,
    };
    let writer = Writer {
        tables: parts.tables,
        tip: parts.tip,
        prefix: Vec::new(),
        file: None,
        mark,
        state: parts.state,
        options: parts.options,
        clock: parts.clock,
        random: parts.random,
        witness: parts.witness,
        stopped: parts.stopped,
        inbox: parts.inbox,
        jobs,
        batch: None,
        underway: Underway::default(),
        is_committing: false,
        waiting: VecDeque::new(),
        is_abandoned: false,
        closing: None,
        encoder: Encoder::new(),
    };
    let spawn = |name: &str| thread::Builder::new().name(name.into());
    Ok(vec![
        spawn("log-commit").spawn(move || committer.run())?,
        spawn("log-write").spawn(move || writer.run())?,
    ])
}

impl Writer {
    fn run(mut self) {
        while let Ok(message) = self.inbox.recv() {
            self.hear(message);
            // What has come meanwhile goes into the same batch.
            while let Ok(message) = self.inbox.try_recv() {
                self.hear(message);
            }
            if self.is_abandoned {
                return;
            }
            if let Err(error) = self.advance() {
                self.stop(&error);
            }
            if self.closing.is_some() && !self.is_committing {
                self.end();
                return;
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Append(changes, reply) => self.waiting.push_back((changes, reply)),
            Message::Free(Ok(())) => {
                self.is_committing = false;
                self.underway.in_flight = Arc::default();
            }
            Message::Free(Err(kind)) => {
                self.is_committing = false;
                let _ = self.stopped.set(kind);
            }
            Message::Abandon => self.is_abandoned = true,
            Message::Close(reply) => self.closing = Some(reply),
        }
    }

    /// Does all that can be done without waiting.
    fn advance(&mut self) -> Result<(), LogError> {
        if self.stopped.get().is_some() {
            return Err(stopped_error(&self.stopped));
        }
        loop {
            self.fill_batch()?;
            let Some(batch) = self.batch.as_mut().filter(|_| !self.is_committing) else {
                return Ok(());
            };
            if batch.is_empty() {
                batch.answer_empty();
                return Ok(());
            }
            self.commit();
        }
    }

    /// Moves waiting calls into the batch while it has room.
    fn fill_batch(&mut self) -> Result<(), LogError> {
        while !self.waiting.is_empty() && self.has_room()? {
            let Some((changes, reply)) = self.waiting.pop_front() else { break };
            let place = Place {
                casing: self.tip.segment.casing.clone(),
                offset: self.tip.end - self.prefix.len() as u64,
                prefix: Vec::new(),
            };
            let (state, prefix) = (&self.state, &mut self.prefix);
            let batch = self.batch.get_or_insert_with(|| {
                let prefix = std::mem::take(prefix);
                OpenBatch::new(Place { prefix, ..place }, state.clone())
            });
            let mut ctx = Context {
                tables: &self.tables,
                underway: &mut self.underway,
                random: &*self.random,
                now: self.clock.now(),
            };
            if let Err(error) = ctx.check(&changes) {
                let _ = reply.send(Err(error));
                continue;
            }
            match batch.take(changes, &mut ctx) {
                Ok(numbers) => batch.promise(reply, numbers),
                Err(error) => {
                    let kind = error.kind();
                    let _ = reply.send(Err(error));
                    return Err(LogError::new(kind, "failed to look into the log"));
                }
            }
        }
        Ok(())
    }

    /// Whether the batch takes another call. A full segment is sealed first, for which the
    /// committer must be done with it.
    fn has_room(&mut self) -> Result<bool, LogError> {
        if let Some(batch) = &self.batch {
            return Ok(batch.len() < self.options.batch_bytes_max);
        }
        let is_full = self.options.segment_bytes_max <= self.tip.end;
        if is_full && self.is_committing {
            return Ok(false);
        }
        self.open_tip()?;
        if is_full && self.tip.segment.footer.is_none() {
            self.seal_tip()?;
        }
        if self.tip.segment.footer.is_some() {
            self.next_segment()?;
        }
        Ok(true)
    }

    /// Opens the last segment for writing, once.
    fn open_tip(&mut self) -> Result<(), LogError> {
        if self.file.is_some() {
            return Ok(());
        }
        self.tell_witness(|witness, position| witness.begins(position))?;
        let dir = &self.tables.dir;
        let file = dir.file_to_write(self.tip.segment.number).map_err(io_error)?;
        self.mark.open(dir).map_err(io_error)?;
        // Also the names that an earlier process made: it may have died before this.
        dir.sync().and_then(|()| dir.sync_parent()).map_err(io_error)?;
        // Bytes whose sync failed are read back until the power goes. What nobody confirmed is
        // therefore written once more.
        let Tip { end, closed_at, ref segment } = self.tip;
        let mark = read_mark(dir).map_err(|it| io_error(std::io::Error::other(it)))?;
        let is_confirmed = mark.is_some_and(|it| (it.segment, it.end) == (segment.number, end));
        if let Some(footer) = &segment.footer {
            if !is_confirmed {
                rewrite_footer(&file, footer.start, end).map_err(io_error)?;
            }
        } else {
            // The last close frame, together with what comes behind it.
            let len = usize::try_from(end - closed_at).unwrap_or(usize::MAX);
            self.prefix = file.read_vec(closed_at, len).map_err(io_error)?;
        }
        self.file = Some(Arc::new(file));
        self.tables.load()
    }

    /// Seals the last segment. Nothing is being written to it.
    fn seal_tip(&mut self) -> Result<(), LogError> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let prefix = std::mem::take(&mut self.prefix);
        let offset = self.tip.end - prefix.len() as u64;
        let place = Place { casing: self.tip.segment.casing.clone(), offset, prefix };
        let sealed = seal(&self.tables, &self.tip.segment, &file, place, &self.state)?;
        self.tip.end = sealed.end;
        self.mark.write(&self.mark_here());
        self.tables.seal(sealed);
        let snapshot = self.tables.snapshot();
        if let Some(segment) = snapshot.segments.last() {
            self.tip.segment = Arc::clone(segment);
        }
        Ok(())
    }

    /// Makes the segment behind the last one, which is sealed.
    fn next_segment(&mut self) -> Result<(), LogError> {
        let number = self.tip.segment.number + 1;
        let dir = &self.tables.dir;
        let segment = create_segment(dir, &*self.random, number, self.tip.end, &self.state);
        let segment = Arc::new(segment.map_err(io_error)?);
        let file = dir.file_to_write(number).map_err(io_error)?;
        self.tables.push(&segment);
        let end = segment.end;
        self.tip = Tip { segment, end, closed_at: frames::PRELUDE_BYTES as u64 };
        self.file = Some(Arc::new(file));
        self.mark.write(&self.mark_here());
        Ok(())
    }

    fn tell_witness(
        &self,
        tell: impl FnOnce(&mut dyn Witness, Position) -> std::io::Result<()>,
    ) -> Result<(), LogError> {
        let mut witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(witness) = witness.as_mut() else { return Ok(()) };
        tell(&mut **witness, self.state.position()).map_err(io_error)
    }

    fn mark_here(&self) -> Mark {
        mark_of(self.tip.segment.number, self.tip.end, &self.state)
    }

    /// Hands the batch to the committer.
    fn commit(&mut self) {
        let (Some(batch), Some(file)) = (self.batch.take(), self.file.clone()) else { return };
        let batch: ClosedBatch = batch.close(&mut self.encoder);
        self.state = batch.state.clone();
        self.tip.end = batch.end;
        let ids = Arc::new(std::mem::take(&mut self.underway.pending));
        self.underway.in_flight = Arc::clone(&ids);
        let mark = self.mark_here();
        self.is_committing = true;
        // Should the committer be gone, this thread is about to end too.
        let _ = self.jobs.send(Job { batch, file, ids, mark });
    }

    /// Ends writing: everybody who waits is told.
    fn stop(&mut self, error: &LogError) {
        let _ = self.stopped.set(match error.kind() {
            LogErrorKind::DiskFull => LogErrorKind::DiskFull,
            _ => LogErrorKind::Stopped,
        });
        let again = || LogError::new(error.kind(), error.to_string());
        if let Some(batch) = self.batch.take() {
            batch.fail(again);
        }
        for (_, reply) in self.waiting.drain(..) {
            let _ = reply.send(Err(again()));
        }
    }

    /// Closes the log, if it is whole.
    fn end(&mut self) {
        let closed = match self.stopped.get() {
            Some(_) => Err(stopped_error(&self.stopped)),
            None => self.close_tip(),
        };
        let _ = self.stopped.set(LogErrorKind::Stopped);
        if let Some(reply) = self.closing.take() {
            let _ = reply.send(closed);
        }
    }

    fn close_tip(&mut self) -> Result<(), LogError> {
        // Nothing was appended: the log ends as cleanly as it did.
        let Some(file) = &self.file else { return Ok(()) };
        // Before the close frame: a log that ends with one was witnessed to its end.
        self.tell_witness(|witness, position| witness.ends(position))?;
        let is_closed = !self.prefix.is_empty() || self.tip.segment.footer.is_some();
        if is_closed || self.tip.end == self.tip.segment.start.offset {
            return Ok(());
        }
        let bytes = close_frame(self.tip.segment.casing.clone(), self.tip.end, &self.state);
        file.write_at(&bytes, self.tip.end).map_err(io_error)?;
        file.sync().map_err(io_error)?;
        self.tip.end += bytes.len() as u64;
        self.mark.write_durably(&self.mark_here());
        Ok(())
    }
}

fn mark_of(segment: u32, end: u64, state: &State) -> Mark {
    Mark { segment, end, batch: state.batch, position: state.position(), hash: state.hash }
}
