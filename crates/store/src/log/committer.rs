//! Makes batches durable, one after the other, and tells who waits for them.

use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use frames::Mark;
use ledger::{Detail, Entry};
use message::Message as Mail;
use ports::{LogError, LogErrorKind};
use types::{EntryNumber, Position};

use super::batch::{ClosedBatch, Reply};
use super::dir::SegmentFile;
use super::error::io_error;
use super::mark_file::MarkFile;
use super::tables::{Ids, Tables};
use super::writer::Message;

/// A batch that became durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Number of its first entry.
    pub first: u64,
    /// Its entries and their details. A batch of chunks alone has none.
    pub entries: Vec<(Entry, Option<Detail>)>,
    /// What the parser read in messages that it placed first, by the entry that placed them.
    pub parsed: Vec<(EntryNumber, Box<Mail>)>,
    /// The log behind it.
    pub position: Position,
}

/// Those who want to hear of every batch.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<Vec<SyncSender<Committed>>>);

impl Subscribers {
    pub(super) fn add(&self, subscriber: SyncSender<Committed>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }

    /// Waits for those whose channel is full: that is how views hold back a faster source.
    fn tell(&self, committed: Committed) {
        let mut subscribers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = subscribers.len().checked_sub(1) else { return };
        let mut committed = Some(committed);
        let mut index = 0;
        subscribers.retain(|it| {
            let message = if index == last { committed.take() } else { committed.clone() };
            index += 1;
            // One that went away is forgotten.
            message.is_some_and(|message| it.send(message).is_ok())
        });
    }
}

/// A batch to be made durable.
pub(super) struct Job {
    pub(super) batch: ClosedBatch,
    pub(super) file: Arc<SegmentFile>,
    /// What the batch adds to the tables.
    pub(super) ids: Arc<Ids>,
    pub(super) mark: Mark,
}

/// The thread that writes and syncs.
pub(super) struct Committer {
    pub(super) tables: Arc<Tables>,
    pub(super) subscribers: Arc<Subscribers>,
    pub(super) mark: Arc<MarkFile>,
    pub(super) jobs: Receiver<Job>,
    pub(super) done: Sender<Message>,
}

impl Committer {
    pub(super) fn run(self) {
        while let Ok(job) = self.jobs.recv() {
            let done = self.commit(job);
            let failed = done.is_err();
            if self.done.send(Message::Free(done)).is_err() || failed {
                return;
            }
        }
    }

    fn commit(&self, job: Job) -> Result<(), LogErrorKind> {
        let Job { batch, file, ids, mark } = job;
        let written = file.write_at(&batch.bytes, batch.offset).and_then(|()| file.sync());
        if let Err(error) = written {
            return Err(refuse(batch.replies, &io_error(error)));
        }
        drop(batch.bytes);
        let position = batch.state.position();
        self.tables.commit(batch.end, position, &ids);
        self.tables.note_erasure(batch.first, &batch.entries);
        self.mark.write(&mark);
        self.subscribers.tell(Committed {
            first: batch.first,
            entries: batch.entries,
            parsed: batch.parsed,
            position,
        });
        for (reply, numbers) in batch.replies {
            // A caller that went away needs no answer.
            let _ = reply.send(Ok(numbers));
        }
        Ok(())
    }
}

/// Tells everybody who waits for a batch that it is not durable.
fn refuse(replies: Vec<(Reply, Vec<EntryNumber>)>, error: &LogError) -> LogErrorKind {
    let kind = error.kind();
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    for (reply, _) in replies {
        let again = LogError::new(kind, "failed to write a batch").caused_by(cause.clone());
        let _ = reply.send(Err(again));
    }
    kind
}
