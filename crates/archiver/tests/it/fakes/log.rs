//! A log in memory. Appends become durable some time after they were made, in any order; one may
//! fail, and then all later ones do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use frames::{Codec, EncodedBlob, EncodedSkeleton, Skeleton};
use ledger::{Detail, Entry, Fact};
use message::parts::Joiner;
use ports::{
    Change, Found, Log, LogError, LogErrorKind, NewBody, ReadBack, ReadError, ReadErrorKind,
};
use types::{BlobId, EntryNumber, MessageKey, Position, Timestamp};

#[derive(Default)]
pub(crate) struct MemoryLog {
    state: Mutex<State>,
    /// The time of new entries.
    pub(crate) now: AtomicU64,
    calls: AtomicU64,
}

#[derive(Default)]
struct State {
    entries: Vec<(Entry, Option<Detail>)>,
    blobs: HashMap<BlobId, Blob>,
    appends: u64,
    fail_at: Option<u64>,
    kind: Option<LogErrorKind>,
    has_failed: bool,
}

struct Blob {
    bytes: Vec<u8>,
    message: Option<MessageKey>,
}

impl MemoryLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Every entry so far.
    pub(crate) fn entries_from(&self, first: u64) -> Vec<(Entry, Option<Detail>)> {
        self.state().entries.iter().skip(first as usize).cloned().collect()
    }

    /// Appends that became durable.
    pub(crate) fn appends(&self) -> u64 {
        self.state().appends
    }

    /// Lets the append after `more` others fail, and everything after it.
    pub(crate) fn fail_after(&self, more: u64, kind: LogErrorKind) {
        let mut state = self.state();
        state.fail_at = Some(state.appends + more);
        state.kind = Some(kind);
    }

    /// As after opening the store again. Whether it had failed.
    pub(crate) fn reopen(&self) -> bool {
        let mut state = self.state();
        state.fail_at = None;
        state.kind = None;
        std::mem::take(&mut state.has_failed)
    }

    /// Spoils the stored bytes of a message, so that only its hash tells.
    pub(crate) fn damage(&self, bytes: &[u8]) {
        let mut state = self.state();
        let blob = state.blobs.get_mut(&BlobId::of(bytes)).expect("it is archived");
        *blob.bytes.last_mut().unwrap() ^= 1;
    }

    /// The bytes of a message.
    pub(crate) fn bytes(&self, blob: &BlobId) -> Option<Vec<u8>> {
        self.state().blobs.get(blob).map(|it| it.bytes.clone())
    }
}

fn unpack(codec: Codec, body: &[u8], raw_len: usize) -> Vec<u8> {
    match codec {
        Codec::Stored => body.to_vec(),
        Codec::Zstd => zstd::bulk::decompress(body, raw_len).unwrap(),
        Codec::ZstdDictionary => panic!("this log has no dictionary"),
    }
}

fn decode(blob: &EncodedBlob) -> Vec<u8> {
    let bytes = unpack(blob.codec, &blob.body, blob.raw_len as usize);
    assert_eq!(BlobId::of(&bytes), blob.id, "a blob has another hash than it says");
    assert_eq!(bytes.len(), blob.raw_len as usize);
    bytes
}

impl State {
    fn apply(
        &mut self,
        changes: Vec<Change>,
        time: Timestamp,
    ) -> Result<Vec<EntryNumber>, LogError> {
        let mut numbers = Vec::new();
        for change in changes {
            let number = EntryNumber(self.entries.len() as u64);
            let (fact, detail) = match change {
                Change::Chunk(blob) => {
                    let bytes = decode(&blob);
                    self.blobs.entry(blob.id).or_insert(Blob { bytes, message: None });
                    continue;
                }
                Change::Part(body) => {
                    let bytes = self.bytes_of(&body)?;
                    self.blobs.entry(body.id()).or_insert(Blob { bytes, message: None });
                    continue;
                }
                Change::Fact(fact, detail) => (fact, detail),
                Change::Message(new) => {
                    let id = new.body.id();
                    let bytes = self.bytes_of(&new.body)?;
                    assert_eq!(bytes.len() as u64, new.size);
                    let blob = self.blobs.entry(id).or_insert(Blob { bytes, message: None });
                    let message = blob.message;
                    if message.is_none() {
                        assert_ne!(new.message_detail.parser_version, 0, "never described");
                        blob.message = Some(MessageKey(number.0));
                    }
                    let detail = message.is_none().then_some(new.message_detail);
                    let fact = Fact::Placed {
                        message,
                        blob: id,
                        size: new.size,
                        folder: new.folder,
                        flags: new.flags,
                        received: new.received,
                        source: new.source,
                    };
                    (fact, Some(Detail::Placed(new.placement_detail, detail)))
                }
            };
            self.entries.push((Entry { time, salt: [0; 16], detail: None, fact }, detail));
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn bytes_of(&self, body: &NewBody) -> Result<Vec<u8>, LogError> {
        let bytes = match body {
            NewBody::Whole(blob) => decode(blob),
            NewBody::Known(id) => self.known(id)?.bytes.clone(),
            NewBody::Chunked { chunks, .. } => {
                let mut bytes = Vec::new();
                for (chunk, len) in chunks {
                    let chunk = &self.known(chunk)?.bytes;
                    assert_eq!(chunk.len(), *len as usize);
                    bytes.extend_from_slice(chunk);
                }
                bytes
            }
            NewBody::Split(split) => self.joined(split)?,
        };
        assert_eq!(BlobId::of(&bytes), body.id(), "parts make other bytes");
        Ok(bytes)
    }

    fn joined(&self, split: &EncodedSkeleton) -> Result<Vec<u8>, LogError> {
        let EncodedSkeleton { total_len, raw_len, codec, body, .. } = split;
        let raw = unpack(*codec, body, *raw_len as usize);
        let skeleton = Skeleton::from_bytes(*total_len, &raw).unwrap();
        let mut text = skeleton.text.as_slice();
        let mut out = Vec::new();
        for piece in &skeleton.pieces {
            let len = piece.len as usize;
            let content = match &piece.blob {
                Some(id) => self.known(id)?.bytes.as_slice(),
                None => text.split_off(..len).unwrap(),
            };
            assert_eq!(content.len(), len);
            let mut joiner = Joiner::new(&piece.form);
            joiner.push(content, &mut out);
            joiner.end(&mut out);
        }
        Ok(out)
    }

    fn known(&self, id: &BlobId) -> Result<&Blob, LogError> {
        let missing = || LogError::new(LogErrorKind::Request, format!("there is no blob {id}"));
        self.blobs.get(id).ok_or_else(missing)
    }
}

impl Log for MemoryLog {
    fn find(&self, blob: &BlobId) -> Result<Option<Found>, LogError> {
        Ok(self.state().blobs.get(blob).map(|it| Found { message: it.message, can_be_part: true }))
    }

    async fn append(&self, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        // Later ones may overtake.
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis([3, 9, 1, 6][(call % 4) as usize])).await;
        let time = Timestamp(self.now.load(Ordering::Relaxed) as i64);
        let mut state = self.state();
        if let (Some(at), Some(kind)) = (state.fail_at, state.kind)
            && at <= state.appends
        {
            state.has_failed = true;
            return Err(LogError::new(kind, "the writer of the log has ended"));
        }
        state.appends += 1;
        state.apply(changes, time)
    }

    fn position(&self) -> Position {
        Position { entries: self.state().entries.len() as u64, ..Position::default() }
    }
}

impl ReadBack for MemoryLog {
    fn read_back(&self, blob: &BlobId, sink: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        let state = self.state();
        let missing = || ReadError::new(ReadErrorKind::NotFound, format!("no blob {blob}"));
        let bytes = &state.blobs.get(blob).ok_or_else(missing)?.bytes;
        bytes.chunks(7).for_each(sink);
        Ok(())
    }
}

/// A clock that stands still until a test moves it.
pub(crate) struct LogClock(pub(crate) Arc<MemoryLog>);

impl ports::Clock for LogClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now.load(Ordering::Relaxed) as i64)
    }
}
