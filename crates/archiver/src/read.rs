//! Reads files on a thread of its own, in groups, within the budget.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::EnvelopeDetail;
use ports::{
    FileBody, FileFolder, FileMessage, InFlight, Log, LogError, MailReader, Origin, ReadItem,
    ReadProgress,
};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use crate::cancel::CancelToken;
use crate::intake::{Arrived, ArrivedBody};
use crate::large::{ChunkAppends, Chunker};
use crate::options::Limits;
use crate::prepare::{GROUP_BYTES, GROUP_MESSAGES};
use crate::report::with_causes;

/// How long a group waits when there is no room for the next message.
const RIGHT_WAIT: Duration = Duration::from_millis(20);

/// What the reading thread tells.
#[derive(Debug)]
pub(crate) enum ReadEvent {
    /// The folder of the next slot; slots are counted from 0.
    Folder(FileFolder),
    /// Messages that were read.
    Arrived(Vec<Arrived>, ReadProgress),
    /// One that could not be read, or is too large.
    Unreadable { slot: usize, origin: Origin, too_large: bool, text: String },
    /// What could be read in more than one way.
    Ambiguous { origin: Origin, what: &'static str },
    /// A file that is known not to be mail.
    Skipped { origin: Origin, why: &'static str },
    /// The log failed.
    LogFailed(LogError),
}

/// Why reading ended early.
enum ReadEnd {
    /// Nobody takes events any more.
    Closed,
    Log(LogError),
}

impl From<LogError> for ReadEnd {
    fn from(error: LogError) -> ReadEnd {
        ReadEnd::Log(error)
    }
}

/// What a reading thread needs.
pub(crate) struct Reading<R, L> {
    pub(crate) reader: R,
    pub(crate) log: Arc<L>,
    pub(crate) budget: InFlight,
    /// Rights to hold the beginning of a large message.
    pub(crate) larges: Arc<Semaphore>,
    pub(crate) limits: Limits,
    pub(crate) cancel: CancelToken,
    pub(crate) events: mpsc::Sender<ReadEvent>,
    pub(crate) runtime: Handle,
}

impl<R: MailReader, L: Log> Reading<R, L> {
    /// Reads to the end, or until the import is cancelled. Blocks.
    pub(crate) fn run(self) {
        let events = self.events.clone();
        let mut loop_ = ReadLoop { at: self, slots: HashMap::new(), group: Vec::new(), bytes: 0 };
        if let Err(ReadEnd::Log(error)) = loop_.all() {
            let _ = events.blocking_send(ReadEvent::LogFailed(error));
        }
    }
}

struct ReadLoop<R, L> {
    at: Reading<R, L>,
    slots: HashMap<FileFolder, usize>,
    group: Vec<Arrived>,
    bytes: usize,
}

impl<R: MailReader, L: Log> ReadLoop<R, L> {
    fn all(&mut self) -> Result<(), ReadEnd> {
        while !self.at.cancel.is_cancelled() {
            let Some(item) = self.at.reader.next() else { break };
            match item {
                ReadItem::Message(message) => self.message(*message)?,
                ReadItem::Unreadable { origin, folder, cause } => {
                    let slot = self.slot(folder)?;
                    let text = with_causes(&cause);
                    self.tell(ReadEvent::Unreadable { slot, origin, too_large: false, text })?;
                }
                ReadItem::Ambiguous { origin, what } => {
                    self.tell(ReadEvent::Ambiguous { origin, what })?;
                }
                ReadItem::Skipped { origin, why } => {
                    self.tell(ReadEvent::Skipped { origin, why })?;
                }
            }
        }
        self.hand_on()
    }

    fn message(&mut self, message: FileMessage) -> Result<(), ReadEnd> {
        let FileMessage { origin, transport, folder, flags, keywords, received, body } = message;
        let slot = self.slot(folder)?;
        let (body, permit) = match body {
            FileBody::Whole(bytes) => {
                let permit = self.right_to(bytes.len())?;
                (ArrivedBody::Whole(bytes), permit)
            }
            FileBody::Pieces => match self.pieces()? {
                Ok(body) => (body, None),
                Err((too_large, text)) => {
                    return self.tell(ReadEvent::Unreadable { slot, origin, too_large, text });
                }
            },
        };
        self.bytes += body.held();
        self.group.push(Arrived {
            slot,
            uid: Some(place_of(&origin)),
            flags,
            keywords,
            received,
            transport,
            origin: origin.to_string(),
            envelope: EnvelopeDetail::default(),
            body,
            permit,
        });
        if self.group.len() >= GROUP_MESSAGES || self.bytes >= GROUP_BYTES {
            self.hand_on()?;
        }
        Ok(())
    }

    /// The right to hold so many bytes.
    fn right_to(
        &mut self,
        bytes: usize,
    ) -> Result<Option<tokio::sync::OwnedSemaphorePermit>, ReadEnd> {
        let Reading { runtime, budget, .. } = &self.at;
        let at_once =
            runtime.block_on(async { tokio::time::timeout(RIGHT_WAIT, budget.take(bytes)).await });
        if let Ok(right) = at_once {
            return Ok(right);
        }
        // What is waited for may be in the group.
        self.hand_on()?;
        Ok(self.at.runtime.block_on(self.at.budget.take(bytes)))
    }

    /// A large message; or whether it is too large, and what is wrong with it.
    fn pieces(&mut self) -> Result<Result<ArrivedBody, (bool, String)>, ReadEnd> {
        self.hand_on()?;
        let rights = Arc::clone(&self.at.larges);
        let right = self.at.runtime.block_on(rights.acquire_owned()).ok();
        let mut chunker = Chunker::new(Arc::clone(&self.at.log));
        let mut appends = ChunkAppends::new(Arc::clone(&self.at.log));
        loop {
            match self.at.reader.piece() {
                Ok(Some(bytes)) => {
                    let full = chunker.push(&bytes);
                    self.at.runtime.block_on(appends.put(full?))?;
                }
                Ok(None) => break,
                Err(cause) => return Ok(Err((false, with_causes(&cause)))),
            }
            if chunker.size() > self.at.limits.message_bytes_max {
                return Ok(Err((true, "larger than the limit for one message".to_owned())));
            }
        }
        let (last, body) = chunker.end(right)?;
        self.at.runtime.block_on(async {
            appends.put(last).await?;
            appends.finish().await
        })?;
        Ok(Ok(body))
    }

    fn slot(&mut self, folder: FileFolder) -> Result<usize, ReadEnd> {
        if let Some(slot) = self.slots.get(&folder) {
            return Ok(*slot);
        }
        let slot = self.slots.len();
        self.slots.insert(folder.clone(), slot);
        self.tell(ReadEvent::Folder(folder))?;
        Ok(slot)
    }

    fn hand_on(&mut self) -> Result<(), ReadEnd> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let group = std::mem::take(&mut self.group);
        let progress = self.at.reader.progress();
        self.tell(ReadEvent::Arrived(group, progress))
    }

    fn tell(&self, event: ReadEvent) -> Result<(), ReadEnd> {
        self.at.events.blocking_send(event).map_err(|_| ReadEnd::Closed)
    }
}

/// A number for a place in a file, as a source keeps one for each message. Not negative in 64
/// bits with a sign.
pub(crate) fn place_of(origin: &Origin) -> u64 {
    let hash = types::Hash::of(origin.to_string().as_bytes());
    let first = hash.0.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(first) >> 1
}
