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

use frames::{Dictionary, Encoder, Mark, Place, SegmentMarks, State, close_frame};
use ports::{Change, Clock, LogError, LogErrorKind, Random};
use types::{BlobId, MessageKey, Position};

use super::batch::{ClosedBatch, Context, OpenBatch, Reply, Underway};
use super::committer::{Committer, Job, Subscribers};
use super::create::create_segment;
use super::dir::SegmentFile;
use super::erase::{pointed_at, spare_pointed_at};
use super::erasing::is_erasure;
use super::error::io_error;
use super::mark_file::{MarkFile, read_mark};
use super::recover::Tip;
use super::seal::{rewrite_footer, seal};
use super::tables::Tables;
use super::train;
use super::turn::{TURN_MAX, TurnReply};
use super::{LogOptions, Witness, WitnessPlace};

/// What the writer is told.
pub(super) enum Message {
    /// Append these changes.
    Append(Vec<Change>, Reply),
    /// Let somebody look at the log while nothing is appended, and append next.
    Turn(TurnReply),
    /// The committer has ended a batch: well, or with this.
    Free(Result<(), LogErrorKind>),
    /// A dictionary that pays: a new segment begins with it.
    Dictionary(Arc<Dictionary>),
    /// End without closing the log.
    Abandon,
    /// Append what waits, close the log, and end.
    Close(SyncSender<Result<(), LogError>>),
}

/// A call that waits for its turn.
enum Waiting {
    Append(Vec<Change>, Reply),
    Turn(TurnReply),
}

impl Waiting {
    fn fail(self, error: LogError) {
        match self {
            Waiting::Append(_, reply) => _ = reply.send(Err(error)),
            Waiting::Turn(reply) => _ = reply.send(Err(error)),
        }
    }
}

/// Whether a batch goes with others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Company {
    /// It takes all calls that wait.
    Open,
    /// It is one call of erasure, in front of everything else in its segment.
    Alone,
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
    /// The dictionary of the next segment, when it is another than that of this one.
    dictionary: Option<Arc<Dictionary>>,
    /// The thread that trains one.
    training: Option<thread::JoinHandle<()>>,
    /// For the thread that trains.
    outbox: Sender<Message>,
    /// Bytes of the segments before the last one.
    bytes_before: u64,
    /// Calls that wait for room in a batch.
    waiting: VecDeque<Waiting>,
    /// Of the batch that takes calls, and of the one that is being committed.
    company: Company,
    company_in_flight: Company,
    /// Nothing but batches of erasure stands in the last segment, which is made for that.
    is_tip_plain: bool,
    is_abandoned: bool,
    closing: Option<SyncSender<Result<(), LogError>>>,
    encoder: Encoder,
}

/// Starts the two threads. They end when the log is closed, or all senders are gone.
pub(super) fn start(parts: WriterParts) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
    let (jobs, job_inbox) = sync_channel(1);
    let mark = Arc::new(MarkFile::closed());
    let outbox = parts.outbox.clone();
    let snapshot = parts.tables.snapshot();
    let before = snapshot.segments.iter().filter(|it| it.number != parts.tip.segment.number);
    let bytes_before = before.map(|it| it.end).sum();
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
        dictionary: None,
        training: None,
        outbox,
        bytes_before,
        waiting: VecDeque::new(),
        company: Company::Open,
        company_in_flight: Company::Open,
        is_tip_plain: false,
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

/// Whoever opens the directory next must not meet the thread that trains there.
impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(training) = self.training.take() {
            let _ = training.join();
        }
    }
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
            Message::Append(changes, reply) => {
                self.waiting.push_back(Waiting::Append(changes, reply));
            }
            Message::Turn(reply) => self.waiting.push_back(Waiting::Turn(reply)),
            Message::Free(Ok(())) => {
                self.is_committing = false;
                self.underway.in_flight = Arc::default();
            }
            Message::Free(Err(kind)) => {
                self.is_committing = false;
                let _ = self.stopped.set(kind);
            }
            Message::Dictionary(dictionary) => self.dictionary = Some(dictionary),
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
        while let Some((company, spares)) = self.next_call()? {
            let Some(Waiting::Append(changes, reply)) = self.waiting.pop_front() else { break };
            self.company = company;
            let (changes, spared) = with_spared(changes, &spares);
            let place = Place {
                casing: self.tip.segment.casing.clone(),
                offset: self.tip.end - self.prefix.len() as u64,
                prefix: Vec::new(),
            };
            let (state, prefix) = (&self.state, &mut self.prefix);
            let dictionary = self.tip.segment.dictionary(&self.tables.dir)?;
            let batch = self.batch.get_or_insert_with(|| {
                let prefix = std::mem::take(prefix);
                OpenBatch::new(Place { prefix, ..place }, state.clone(), dictionary.clone())
            });
            let mut ctx = Context {
                dictionary,
                tables: &self.tables,
                underway: &mut self.underway,
                encoder: &mut self.encoder,
                random: &*self.random,
                now: self.clock.now(),
                spared,
            };
            if let Err(error) = ctx.check(&changes) {
                let _ = reply.send(Err(error));
                continue;
            }
            match batch.take(changes, &mut ctx) {
                // Of what was put before the call its caller knows nothing.
                Ok(mut numbers) => {
                    let own = numbers.split_off(spares.len().min(numbers.len()));
                    batch.promise(reply, own);
                }
                Err(error) => {
                    let kind = error.kind();
                    let _ = reply.send(Err(error));
                    return Err(LogError::new(kind, "failed to look into the log"));
                }
            }
        }
        Ok(())
    }

    /// Whether the next call that waits can be taken: how, and the messages that it spares. Gives
    /// turns to those who wait for one.
    fn next_call(&mut self) -> Result<Option<(Company, Vec<MessageKey>)>, LogError> {
        while let Some(Waiting::Turn(_)) = self.waiting.front() {
            if !self.is_idle() {
                return Ok(None);
            }
            self.give_turn();
        }
        let Some(Waiting::Append(changes, _)) = self.waiting.front() else { return Ok(None) };
        let (company, spares) = company_of(&self.tables, changes)?;
        let is_alone = [self.company, company].contains(&Company::Alone);
        if self.batch.as_ref().is_some_and(|it| is_alone && !it.is_empty()) {
            return Ok(None);
        }
        if self.is_committing && (self.company_in_flight == Company::Alone) {
            return Ok(None);
        }
        let has_room = match company {
            Company::Alone => self.has_place_alone()?,
            Company::Open => self.has_room()?,
        };
        Ok(has_room.then_some((company, spares)))
    }

    fn is_idle(&self) -> bool {
        !self.is_committing && self.batch.as_ref().is_none_or(OpenBatch::is_empty)
    }

    /// Waits for what the holder of the turn appends. It comes next.
    fn give_turn(&mut self) {
        let Some(Waiting::Turn(reply)) = self.waiting.pop_front() else { return };
        let (back, answer) = sync_channel(1);
        if reply.send(Ok((self.state.position(), back))).is_err() {
            return;
        }
        // One that is dropped, or takes too long, has had its turn.
        if let Ok((changes, reply)) = answer.recv_timeout(TURN_MAX) {
            self.waiting.push_front(Waiting::Append(changes, reply));
        }
    }

    /// Sees to it that the last segment holds nothing but batches of erasure. `false` while the
    /// committer is not done with the one before.
    fn has_place_alone(&mut self) -> Result<bool, LogError> {
        if self.is_committing {
            return Ok(false);
        }
        if let Some(batch) = self.batch.take() {
            self.prefix = batch.into_prefix();
        }
        self.open_tip()?;
        let is_full = self.is_tip_full();
        if !self.is_tip_plain || is_full {
            if self.tip.segment.footer.is_none() {
                self.seal_tip()?;
            }
            self.next_segment(SegmentMarks { begins_with_erasure: true, is_compacted: false })?;
            self.is_tip_plain = true;
        }
        Ok(true)
    }

    fn is_tip_full(&self) -> bool {
        let LogOptions { segment_bytes_max, segment_ids_max, .. } = self.options;
        segment_bytes_max <= self.tip.end || segment_ids_max <= self.tables.n_tip_ids()
    }

    /// Whether the batch takes another call. A full segment is sealed first, for which the
    /// committer must be done with it.
    fn has_room(&mut self) -> Result<bool, LogError> {
        if let Some(batch) = &self.batch {
            return Ok(batch.len() < self.options.batch_bytes_max);
        }
        let is_full = self.is_tip_full() || self.dictionary.is_some();
        if is_full && self.is_committing {
            return Ok(false);
        }
        self.open_tip()?;
        if is_full && self.tip.segment.footer.is_none() {
            self.seal_tip()?;
        }
        if self.tip.segment.footer.is_some() {
            self.next_segment(SegmentMarks::default())?;
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

    /// The dictionary of a segment that is about to be made. One that begins with erasure has none:
    /// what is condemned may stand in it.
    fn next_dictionary(
        &mut self,
        marks: SegmentMarks,
    ) -> Result<Option<Arc<Dictionary>>, LogError> {
        let new = self.dictionary.take();
        if marks.begins_with_erasure {
            return Ok(None);
        }
        let dir = &self.tables.dir;
        match new {
            Some(new) if train::is_clean(&self.tables, &new)? => Ok(Some(dir.share(new))),
            _ => self.tip.segment.dictionary(dir),
        }
    }

    /// Makes the segment behind the last one, which is sealed.
    fn next_segment(&mut self, marks: SegmentMarks) -> Result<(), LogError> {
        let number = self.tip.segment.number + 1;
        let next = self.next_dictionary(marks)?;
        let dir = &self.tables.dir;
        self.bytes_before += self.tip.end;
        let (end, state) = (self.tip.end, &self.state);
        let segment = create_segment(dir, &*self.random, number, end, marks, state, next.as_ref());
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
        let pending = &mut self.underway.pending;
        let batch: ClosedBatch = batch.close(&mut self.encoder, pending);
        self.state = batch.state.clone();
        let before = self.bytes_before + self.tip.end;
        self.tip.end = batch.end;
        self.train(before);
        let ids = Arc::new(std::mem::take(&mut self.underway.pending));
        self.underway.in_flight = Arc::clone(&ids);
        let mark = self.mark_here();
        self.is_committing = true;
        self.company_in_flight = self.company;
        self.is_tip_plain &= self.company == Company::Alone;
        self.company = Company::Open;
        // Should the committer be gone, this thread is about to end too.
        let _ = self.jobs.send(Job { batch, file, ids, mark });
    }

    /// Has a dictionary trained when the log has grown enough since it had `before` bytes.
    fn train(&mut self, before: u64) {
        let first = self.options.dictionary_bytes_first;
        let is_busy = self.training.as_ref().is_some_and(|it| !it.is_finished());
        // Without a dictionary, by what stands in this segment: after an erasure it has none.
        let ignored = if self.tip.segment.dictionary_id == 0 { self.bytes_before } else { 0 };
        let (before, after) = (before - ignored, self.bytes_before + self.tip.end - ignored);
        if is_busy || !train::is_due(first, before, after) {
            return;
        }
        // Without a thread there is no dictionary, and nothing is lost.
        self.training = train::start(&self.tables, &self.outbox).ok();
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
        for it in self.waiting.drain(..) {
            it.fail(again());
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

/// How a call is taken, and the condemned messages that it points at.
fn company_of(tables: &Tables, changes: &[Change]) -> Result<(Company, Vec<MessageKey>), LogError> {
    let is_own = |it: &Change| matches!(it, Change::Fact(fact, _) if is_erasure(fact));
    if changes.iter().any(is_own) {
        return Ok((Company::Alone, Vec::new()));
    }
    let spares = pointed_at(&*tables.erasing()?, changes);
    Ok((if spares.is_empty() { Company::Open } else { Company::Alone }, spares))
}

/// A call with the entries before it that spare what it points at, and the ids of these.
fn with_spared(changes: Vec<Change>, spares: &[MessageKey]) -> (Vec<Change>, Vec<BlobId>) {
    if spares.is_empty() {
        return (changes, Vec::new());
    }
    let ids = changes.iter().filter_map(|it| match it {
        Change::Message(it) => Some(it.body.id()),
        _ => None,
    });
    let ids = ids.collect();
    let mut all = spare_pointed_at(spares);
    all.extend(changes);
    (all, ids)
}

fn mark_of(segment: u32, end: u64, state: &State) -> Mark {
    Mark { segment, end, batch: state.batch, position: state.position(), hash: state.hash }
}
