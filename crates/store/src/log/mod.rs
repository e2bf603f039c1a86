//! The log of a store: a directory of segments, one writer, any number of readers.
//!
//! What it is not: a view. It knows entries, details and blobs, and in which order they came;
//! what they mean together is the business of the catalog and the index. The bytes are specified
//! in `docs/format/log.md` and made by `frames`; here are the files, syncs and threads.
//!
//! Rules:
//! - A batch is durable whole or not at all; nothing is acknowledged before its one sync.
//! - Bytes below a recorded position are never cut. What is missing or wrong there is reported.
//! - After an unclean end nothing is appended to the segment that has it.
//! - Readers wait for no disk write of the writer.

mod batch;
mod committer;
mod compact;
mod contents;
mod create;
mod dir;
mod entries;
mod erase;
mod erasing;
mod error;
mod join;
mod key_files;
mod mark_file;
mod open;
mod raw;
mod read;
mod recover;
mod references;
mod reseal;
mod seal;
mod segment;
mod tables;
mod train;
mod turn;
mod usage;
mod verify;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use frames::Dictionary;
use ports::{
    Change, Clock, Condemnation, CondemnedRow, Disk, Erased, Found, Holds, Log, LogError,
    LogErrorKind, Random, ReadBack, ReadError, Sparing,
};
use tokio::sync::oneshot;
use types::limits::BATCH_BYTES_MAX;
use types::{BlobId, EntryNumber, MessageKey, Position, Timestamp};

pub use committer::Committed;
pub use compact::{CompactPlan, CompactProgress, CompactStep, Compacted, GoOn, SegmentPlan};
pub use entries::EntryRun;
pub use error::{OpenError, OpenErrorKind, OpenReport, Recovery, TornTail};
pub(crate) use key_files::CHECKPOINTS;
pub use key_files::{KeysAtHand, LogKeys, wrapped_with};
pub use raw::{Leaves, RawEntry};
pub use read::Sink;
pub use reseal::{CopyProgress, copy_log};
pub use turn::Turn;
pub use usage::{LogUsage, Share};
pub use verify::{LogDefect, LogVerdict, VerifyProgress};

use committer::Subscribers;
use dir::SegmentDir;
use entries::Resume;
use tables::{Sight, Tables};
use writer::{Message, Stopped, WriterParts, stopped_error};

/// Sizes that tests make small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogOptions {
    /// A segment is sealed when it has this many bytes.
    pub segment_bytes_max: u64,
    /// Or when it has this many ids. Those of the last segment are in memory, and those of each
    /// while it is verified or written anew: about 100 bytes an id.
    pub segment_ids_max: usize,
    /// A batch takes no further call when it has this many bytes.
    pub batch_bytes_max: usize,
    /// The first dictionary is trained when the log has this many bytes, the next ones when it
    /// has grown fourfold.
    pub dictionary_bytes_first: u64,
}

impl LogOptions {
    /// What stores are written with.
    pub const STANDARD: LogOptions = LogOptions {
        segment_bytes_max: 256 << 20,
        segment_ids_max: 128 << 10,
        batch_bytes_max: BATCH_BYTES_MAX,
        dictionary_bytes_first: 2 << 20,
    };
}

/// Where the segments of a log are, and the keys that they are sealed with.
#[derive(Clone, Debug)]
pub struct LogDir {
    /// The directory of the segments.
    pub path: PathBuf,
    /// `None` when the log is not encrypted.
    pub keys: Option<Arc<LogKeys>>,
}

/// A log that is not encrypted.
impl From<&Path> for LogDir {
    fn from(path: &Path) -> LogDir {
        LogDir { path: path.to_owned(), keys: None }
    }
}

impl From<&PathBuf> for LogDir {
    fn from(path: &PathBuf) -> LogDir {
        LogDir::from(path.as_path())
    }
}

/// A position that somebody outside the log has stored: bytes below it were durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Who, for messages: `the catalog`, `the index`, `the state`.
    pub who: &'static str,
    /// How far the log was.
    pub position: Position,
}

/// The files of a log at one moment: all that has to be copied to have it as it is then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFiles {
    /// Where it ends.
    pub position: Position,
    /// Its segments, in order.
    pub segments: Vec<SegmentCopy>,
}

/// A segment at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentCopy {
    /// The name of its file.
    pub name: String,
    /// How many of its bytes count, and are durable.
    pub len: u64,
    /// The salt in its prelude: a segment that is made anew in its place has another one.
    pub salt: [u8; 16],
}

/// Where the salt of a segment stands in its file.
pub const SALT_OFFSET: u64 = 16;
/// Is told when the writing of a log begins and ends, by the thread that writes it. What makes
/// checkpoints is one.
///
/// An error ends the writer, as one of the disk does.
pub trait Witness: Send {
    /// Something is about to be appended, for the first time since the log was opened.
    fn begins(&mut self, position: Position) -> std::io::Result<()>;
    /// The log is about to be closed; everything that was appended is durable.
    fn ends(&mut self, position: Position) -> std::io::Result<()>;
}

/// The witness of a log, when it has one.
type WitnessPlace = Arc<Mutex<Option<Box<dyn Witness>>>>;

/// An open log.
pub struct SegmentLog {
    tables: Arc<Tables>,
    resume: Resume,
    subscribers: Arc<Subscribers>,
    witness: WitnessPlace,
    stopped: Stopped,
    /// Makes the salts of segments that are written anew; `None` when it was opened for reading.
    random: Option<Arc<dyn Random>>,
    /// Held while segments are checked, or written anew.
    maintenance: Mutex<()>,
    /// `None` when it was opened for reading, or was closed.
    outbox: Mutex<Option<Sender<Message>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SegmentLog {
    /// Opens the log in `dir` for writing, or makes one where none is. Recovers it first when it
    /// did not end cleanly.
    ///
    /// `recorded` is what others have stored of how far the log was. The caller owns the
    /// directory: nobody else writes to it.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: impl Into<LogDir>,
        recorded: &[Recorded],
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: LogOptions,
    ) -> Result<(SegmentLog, OpenReport), OpenError> {
        let dir = SegmentDir::new(disk, dir.into());
        let found = open::inspect(&dir, recorded)?;
        let ready = recover::make_ready(&dir, &*random, found)?;
        let position = ready.state.position();
        let tables = Arc::new(Tables::new(dir, ready.snapshot, position));
        let subscribers = Arc::new(Subscribers::default());
        let witness = WitnessPlace::default();
        let stopped = Stopped::default();
        let own_random = Arc::clone(&random);
        let (outbox, inbox) = channel();
        let threads = writer::start(WriterParts {
            tables: Arc::clone(&tables),
            tip: ready.tip,
            state: ready.state,
            options,
            clock,
            random,
            subscribers: Arc::clone(&subscribers),
            witness: Arc::clone(&witness),
            stopped: Arc::clone(&stopped),
            inbox,
            outbox: outbox.clone(),
        })?;
        let log = SegmentLog {
            tables,
            resume: Resume::default(),
            subscribers,
            witness,
            stopped,
            random: Some(own_random),
            maintenance: Mutex::default(),
            outbox: Mutex::new(Some(outbox)),
            threads: Mutex::new(threads),
        };
        Ok((log, ready.report))
    }

    /// Opens the log in `dir` for reading. Touches nothing: after an unclean end, or while
    /// another process writes, it reads up to the last whole batch that it finds.
    pub fn open_for_reading(
        disk: Arc<dyn Disk>,
        dir: impl Into<LogDir>,
        recorded: &[Recorded],
    ) -> Result<SegmentLog, OpenError> {
        let dir = SegmentDir::new(disk, dir.into());
        let found = open::inspect(&dir, recorded)?;
        let (state, _) = found.end.whole();
        let tables = Arc::new(Tables::new(dir, found.snapshot, state.position()));
        let stopped = Stopped::default();
        let _ = stopped.set(LogErrorKind::Stopped);
        Ok(SegmentLog {
            tables,
            resume: Resume::default(),
            subscribers: Arc::default(),
            witness: WitnessPlace::default(),
            stopped,
            random: None,
            maintenance: Mutex::default(),
            outbox: Mutex::new(None),
            threads: Mutex::default(),
        })
    }

    /// Sends every batch to `subscriber` once it is durable, in order, from the next one on.
    ///
    /// While the subscriber's channel is full, the writer waits: that is how a view holds back a
    /// source that is faster than it. One whose receiver is gone is forgotten.
    pub fn subscribe(&self, subscriber: SyncSender<Committed>) {
        self.subscribers.add(subscriber);
    }

    /// Lets `witness` know when writing begins and ends, from now on.
    pub fn set_witness(&self, witness: Box<dyn Witness>) {
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = Some(witness);
    }

    /// The hashes of the leaves of its tree, from entry `from` on.
    #[must_use]
    pub fn leaves(&self, from: u64) -> Leaves<'_> {
        Leaves::new(&self.tables, from)
    }

    /// An entry and its detail as the bytes that stand in the log; `None` when it has no such
    /// entry.
    pub fn raw_entry(&self, number: EntryNumber) -> Result<Option<RawEntry>, LogError> {
        raw::read_raw(&self.tables, number)
    }

    /// The same of several entries, in one walk from the first to the last; those that the log does
    /// not have are left out.
    pub fn raw_entries(
        &self,
        numbers: &std::collections::BTreeSet<u64>,
    ) -> Result<std::collections::BTreeMap<u64, RawEntry>, LogError> {
        raw::read_raws(&self.tables, numbers)
    }

    /// Whether its last session ended with [`close`](Self::close). `None` when that cannot be
    /// told: nothing was written yet, or the last segment was made by sealing or recovery.
    #[must_use]
    pub fn was_closed(&self) -> Option<bool> {
        open::was_closed(&self.tables.dir, &self.tables.snapshot())
    }

    /// Reads entries and details from number `from` on: whole batches, at least one, until they
    /// are about `bytes_max` bytes. No items mean that there are none yet.
    pub fn entries(&self, from: u64, bytes_max: usize) -> Result<EntryRun, LogError> {
        entries::read_entries(&self.tables, &self.resume, from, bytes_max)
    }

    /// The Merkle root over the first `entries` entries, when a batch ended there.
    pub fn root_at(&self, entries: u64) -> Result<Option<types::Hash>, LogError> {
        entries::root_at(&self.tables.dir, &self.tables.snapshot(), entries)
    }

    /// What a copy of the log needs, as it is at this moment. Bytes of a segment below its length
    /// stay as they are, unless the whole segment is made anew.
    #[must_use]
    pub fn files(&self) -> LogFiles {
        let (snapshot, position) = self.tables.moment();
        let segment = |(index, it): (usize, &Arc<segment::Segment>)| SegmentCopy {
            name: dir::segment_name(it.number),
            len: snapshot.end_of(index),
            salt: it.casing.salt.0,
        };
        LogFiles { position, segments: snapshot.segments.iter().enumerate().map(segment).collect() }
    }

    /// Reads a blob into `sink`, piece by piece, in bounded memory, and says how long it is.
    ///
    /// Every piece has the hash of its id before it is handed out; `Ok` means that the whole has
    /// the hash of `id` too.
    pub fn read(&self, id: &BlobId, sink: &mut Sink<'_>) -> Result<u64, ReadError> {
        read::read_blob(&self.tables, id, sink)
    }

    /// Reads a blob of at most `bytes_max` bytes into memory; of a longer one, an error of the
    /// kind `Sink`.
    pub fn read_whole(&self, id: &BlobId, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        read::read_whole(&self.tables, id, bytes_max)
    }

    /// The blobs that the bytes of a blob are made of: the parts of a message, the chunks of a
    /// large blob. None for one that is whole. Parts may have chunks in turn.
    pub fn made_of(&self, id: &BlobId) -> Result<Vec<BlobId>, ReadError> {
        read::made_of(&self.tables, id)
    }

    /// Ids of messages from `low` up to and with `high`, sorted: those that begin alike. Stops
    /// when it has about `n_ids_max`.
    pub fn messages_between(
        &self,
        low: &BlobId,
        high: &BlobId,
        n_ids_max: usize,
    ) -> Result<Vec<BlobId>, LogError> {
        self.tables.placed_between(low, high, n_ids_max)
    }

    /// What its bytes are. Reads the header of every frame.
    pub fn usage(&self) -> Result<LogUsage, LogError> {
        usage::usage(&self.tables)
    }

    /// Reads every frame of the log as it is now, and checks all there is to check. Goes on
    /// behind damage.
    pub fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> LogVerdict {
        let _alone = self.maintenance();
        verify::verify(&self.tables, progress)
    }

    fn maintenance(&self) -> MutexGuard<'_, ()> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is being appended, and keeps it so while the turn is held.
    pub async fn turn(&self) -> Result<Turn, LogError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Turn(reply))?;
        let (position, back) =
            answer.await.unwrap_or_else(|_| Err(stopped_error(&self.stopped)))?;
        Ok(Turn::new(position, back))
    }

    /// Messages that are condemned now, by key.
    pub fn condemned(&self) -> Result<Vec<CondemnedRow>, LogError> {
        Ok(self.tables.erasing()?.condemned())
    }

    /// Messages that are erased, by key.
    pub fn erased(&self) -> Result<Vec<CondemnedRow>, LogError> {
        Ok(self.tables.erasing()?.erased())
    }

    /// Whether a blob belongs to a message that is condemned, or erased; `true` where nobody can
    /// say.
    #[must_use]
    pub fn may_be_condemned(&self, id: &BlobId) -> bool {
        self.tables.erasing().map_or(true, |it| it.absent_below(id) != 0)
    }

    /// Messages that entries of these numbers erased.
    pub fn erased_by(&self, entries: Range<u64>) -> Result<Vec<MessageKey>, LogError> {
        Ok(self.tables.erasing()?.erased_by(entries))
    }

    /// The last entry that erased anything.
    pub fn last_erasure(&self) -> Result<Option<EntryNumber>, LogError> {
        Ok(self.tables.erasing()?.last_erased())
    }

    /// The entries that condemn messages, in groups for one append each. Reads the lists of the
    /// whole log, to find what else refers to the parts of these messages.
    pub fn condemnation(&self, what: &Condemnation) -> Result<Vec<Vec<Change>>, LogError> {
        erase::condemn(&self.tables, what)
    }

    /// The entries that spare messages. Those that are not condemned are left out.
    pub fn sparing(&self, what: &Sparing) -> Result<Vec<Change>, LogError> {
        erase::spare(&self.tables, what)
    }

    /// Erases those of `messages` that are condemned, due at `now` and held by nothing; spares
    /// those that are held. Nothing is appended while `holds` is asked.
    pub async fn erase<H: Holds>(
        &self,
        messages: &[MessageKey],
        now: Timestamp,
        holds: &H,
    ) -> Result<Erased, LogError> {
        let turn = self.turn().await?;
        let (due, left) = erase::due(&self.tables, messages, now)?;
        let held = match due.is_empty() {
            true => Vec::new(),
            false => holds.held(&due, turn.position()).await?,
        };
        let (changes, mut done) = erase::erased(&due, held);
        turn.append(changes).await?;
        done.left = left;
        Ok(done)
    }

    /// What compaction would take out: all that is erased and still stands in a file.
    pub fn compact_plan(&self) -> Result<CompactPlan, LogError> {
        compact::plan(&self.tables)
    }

    /// Writes segments once more without what was erased. `go_on` is told how far it is, and ends
    /// it: then what is done stays done, and the next plan has the rest.
    pub fn compact(&self, plan: &CompactPlan, go_on: &mut GoOn<'_>) -> Result<Compacted, LogError> {
        let Some(random) = &self.random else { return Err(stopped_error(&self.stopped)) };
        let _alone = self.maintenance();
        compact::compact(&self.tables, &**random, plan, go_on)
    }

    /// Ends the log cleanly, so that the next opening needs no scan. Everything appended before
    /// is durable then; later appends fail. A log to which nothing was appended is not touched.
    pub fn close(&self) -> Result<(), LogError> {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(outbox) = outbox else { return Ok(()) };
        let (reply, answer) = sync_channel(1);
        let sent = outbox.send(Message::Close(reply));
        drop(outbox);
        let closed = match sent {
            Ok(()) => answer.recv().unwrap_or_else(|_| Err(stopped_error(&self.stopped))),
            Err(_) => Err(stopped_error(&self.stopped)),
        };
        self.join();
        closed
    }

    /// Whether it takes no more appends: it was closed, opened for reading, or a write failed.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        outbox.is_none() || self.stopped.get().is_some()
    }

    fn join(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panic there was told to everybody who waited for an answer.
            let _ = thread.join();
        }
    }

    fn send(&self, message: Message) -> Result<(), LogError> {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = outbox.as_ref().map(|it| it.send(message));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(stopped_error(&self.stopped)),
        }
    }
}

/// Without [`SegmentLog::close`] the log ends as after a crash.
impl Drop for SegmentLog {
    fn drop(&mut self) {
        let outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(outbox) = outbox {
            let _ = outbox.send(Message::Abandon);
        }
        // Whoever opens the directory next must not meet these threads there.
        self.join();
    }
}

impl Log for SegmentLog {
    fn find(&self, blob: &BlobId) -> Result<Option<Found>, LogError> {
        let lookup = self.tables.lookup(blob, Sight::Arriving)?;
        let message = lookup.placed.map(MessageKey);
        Ok(lookup.place.map(|(_, place)| Found { message, can_be_part: tables::is_piece(&place) }))
    }

    async fn append(&self, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.send(Message::Append(changes, reply))?;
        answer.await.unwrap_or_else(|_| Err(stopped_error(&self.stopped)))
    }

    fn position(&self) -> Position {
        self.tables.position()
    }

    fn dictionary(&self) -> Result<Option<Arc<Dictionary>>, LogError> {
        self.tables.dictionary()
    }
}

impl ReadBack for SegmentLog {
    fn read_back(&self, blob: &BlobId, sink: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        let mut into = |bytes: &[u8]| {
            sink(bytes);
            Ok(())
        };
        self.read(blob, &mut into).map(|_| ())
    }
}
