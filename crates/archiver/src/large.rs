//! Large messages: hashed and cut into parts and chunks while they arrive, never whole in memory.
//!
//! Parts are appended ahead of the message. When it is cut, what was appended refers to nothing;
//! the next try brings the same parts and the log keeps each once.

use std::sync::Arc;

use frames::{SKELETON_TEXT_BYTES_MAX, Skeleton};
use message::parts::{ATTACHMENT_BYTES_MIN, Event, Form, Joiner, PIECES_MAX, Splitter};
use ports::{Change, Log, LogError, LogErrorKind, NewBody, Piece};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use types::BlobId;
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX, WHOLE_BLOB_BYTES_MAX};

use crate::intake::{ArrivedBody, Large};
use crate::parts::Parts;

/// Large messages whose beginning may be in memory at the same time.
pub(crate) const LARGE_MAX: usize = 2;

/// Chunks that are appended together.
const CHUNKS_PER_APPEND: usize = 4;

/// Text between parts that is longer than this becomes a part itself.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Cuts bytes into parts and chunks.
pub(crate) struct Chunker<L> {
    hasher: Sha256,
    size: u64,
    head: Vec<u8>,
    /// Bytes that wait until the message is known to be large.
    waiting: Vec<u8>,
    splitter: Splitter,
    cutter: Cutter<L>,
}

impl<L: Log> Chunker<L> {
    pub(crate) fn new(log: Arc<L>) -> Chunker<L> {
        Chunker {
            hasher: Sha256::new(),
            size: 0,
            head: Vec::new(),
            waiting: Vec::new(),
            splitter: Splitter::new(),
            cutter: Cutter::new(log),
        }
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes and gives what they fill.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Change>, LogError> {
        self.hasher.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        let room = PARSE_BYTES_MAX.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if self.size <= WHOLE_BLOB_BYTES_MAX as u64 {
            self.waiting.extend_from_slice(bytes);
            return Ok(Vec::new());
        }
        let waiting = std::mem::take(&mut self.waiting);
        for bytes in [&waiting, bytes] {
            self.splitter.push(bytes, &mut |event| self.cutter.take(event));
        }
        if PIECES_MAX < self.cutter.skeleton.pieces.len() {
            self.splitter.stop();
        }
        self.cutter.filled()
    }

    /// What is left to append, and the message: one that is not large after all as if it had come
    /// whole.
    pub(crate) fn end(
        self,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(Vec<Change>, ArrivedBody), LogError> {
        if self.size <= WHOLE_BLOB_BYTES_MAX as u64 {
            return Ok((Vec::new(), ArrivedBody::Whole(self.head)));
        }
        let mut cutter = self.cutter;
        self.splitter.end(&mut |event| cutter.take(event));
        cutter.literal(Ending::Here);
        let last = cutter.filled()?;
        let id = BlobId(self.hasher.finalize().into());
        if cutter.joined.finalize().as_slice() != id.0 {
            let text = "the parts of a large message do not make its bytes";
            return Err(LogError::new(LogErrorKind::Request, text));
        }
        cutter.skeleton.total_len = self.size;
        let body = NewBody::Split(frames::encode_skeleton(id, &cutter.skeleton, None));
        let large = Large { id, size: self.size, body, head: self.head, permit };
        Ok((last, ArrivedBody::Large(large)))
    }
}

/// Makes parts of what a splitter finds.
struct Cutter<L> {
    log: Arc<L>,
    skeleton: Skeleton,
    /// Over what the pieces so far are when they are joined.
    joined: Sha256,
    /// Bytes that stand as they are, and are in no piece yet.
    run: Vec<u8>,
    part: Option<Part>,
    parts: Parts,
    /// The log failed to answer.
    failed: Option<LogError>,
}

/// A part whose end has not come.
struct Part {
    joiner: Joiner,
    hasher: Sha256,
    len: u64,
    /// Content that does not fill a chunk yet.
    rest: Vec<u8>,
    chunks: Vec<(BlobId, u32)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Later,
    Here,
}

impl<L: Log> Cutter<L> {
    fn new(log: Arc<L>) -> Cutter<L> {
        Cutter {
            log,
            skeleton: Skeleton::default(),
            joined: Sha256::new(),
            run: Vec::new(),
            part: None,
            parts: Parts::default(),
            failed: None,
        }
    }

    /// What there is to append.
    fn filled(&mut self) -> Result<Vec<Change>, LogError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.parts.changes)),
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Literal(bytes) => {
                self.joined.update(bytes);
                self.run.extend_from_slice(bytes);
                self.literal(Ending::Later);
            }
            Event::Begin(form) => {
                self.literal(Ending::Here);
                self.part = Some(Part {
                    joiner: Joiner::new(&form),
                    hasher: Sha256::new(),
                    len: 0,
                    rest: Vec::new(),
                    chunks: Vec::new(),
                });
            }
            Event::Content(bytes) => self.content(bytes),
            Event::End(form) => self.end_part(form),
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        let Some(part) = &mut self.part else { return };
        let mut out = Vec::new();
        part.joiner.push(bytes, &mut out);
        self.joined.update(&out);
        part.hasher.update(bytes);
        part.len += u64::try_from(bytes.len()).unwrap_or(0);
        part.rest.extend_from_slice(bytes);
        let whole = part.rest.len() / CHUNK_BYTES * CHUNK_BYTES;
        if whole != 0 {
            let rest = part.rest.split_off(whole);
            let full = std::mem::replace(&mut part.rest, rest);
            let chunks = self.parts.chunks(&full, self.log.as_ref());
            match chunks {
                Ok(chunks) => part.chunks.extend(chunks),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn end_part(&mut self, form: Form) {
        let Some(mut part) = self.part.take() else { return };
        let mut out = Vec::new();
        part.joiner.end_as(&form, &mut out);
        self.joined.update(&out);
        let has_room = self.skeleton.text.len() + part.rest.len() <= SKELETON_TEXT_BYTES_MAX;
        if part.chunks.is_empty() && part.rest.len() < ATTACHMENT_BYTES_MIN && has_room {
            self.skeleton.push_text(form, &part.rest);
            return;
        }
        let id = if part.chunks.is_empty() {
            self.parts.part(&part.rest, self.log.as_ref())
        } else {
            let last = self.parts.chunks(&part.rest, self.log.as_ref());
            last.and_then(|last| {
                part.chunks.extend(last);
                let id = BlobId(part.hasher.finalize().into());
                self.parts.list(id, part.chunks, self.log.as_ref())
            })
        };
        match id {
            Ok(id) => self.skeleton.push_blob(form, id, part.len),
            Err(error) => self.failed = Some(error),
        }
    }

    /// Makes pieces of bytes that stand as they are; of all of them when something else follows.
    fn literal(&mut self, ending: Ending) {
        while CHUNK_BYTES <= self.run.len() {
            let rest = self.run.split_off(CHUNK_BYTES);
            let full = std::mem::replace(&mut self.run, rest);
            self.literal_part(&full);
        }
        if ending == Ending::Later || self.run.is_empty() {
            return;
        }
        let run = std::mem::take(&mut self.run);
        let has_room = self.skeleton.text.len() + run.len() <= SKELETON_TEXT_BYTES_MAX;
        if run.len() <= TEXT_BYTES_MAX && has_room {
            self.skeleton.push_text(Form::PLAIN, &run);
        } else {
            self.literal_part(&run);
        }
    }

    fn literal_part(&mut self, bytes: &[u8]) {
        match self.parts.part(bytes, self.log.as_ref()) {
            Ok(id) => {
                let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.skeleton.push_blob(Form::PLAIN, id, len);
            }
            Err(error) => self.failed = Some(error),
        }
    }
}

/// How the arrival of a large message ended.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// All announced bytes came.
    Whole(ArrivedBody),
    /// It ended early.
    Cut,
    /// It is larger than the limit; what came is not kept.
    TooLarge,
}

/// Takes a message piece by piece and appends its parts.
pub(crate) async fn receive<L: Log>(
    mut pieces: mpsc::Receiver<Piece>,
    log: &Arc<L>,
    bytes_max: u64,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<Arrival, LogError> {
    let mut chunker = Chunker::new(Arc::clone(log));
    let mut appends = ChunkAppends::new(Arc::clone(log));
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Bytes(_) if chunker.size() > bytes_max => (),
            Piece::Bytes(bytes) => {
                let (back, full) = aside(move || {
                    let full = chunker.push(&bytes);
                    (chunker, full)
                })
                .await?;
                chunker = back;
                appends.put(full?).await?;
            }
            Piece::End if chunker.size() > bytes_max => return Ok(Arrival::TooLarge),
            Piece::End => {
                let (last, body) = aside(move || chunker.end(permit)).await??;
                appends.put(last).await?;
                appends.finish().await?;
                return Ok(Arrival::Whole(body));
            }
        }
    }
    Ok(Arrival::Cut)
}

/// Runs `work` beside the reactor.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        LogError::new(LogErrorKind::Request, "failed to encode a chunk").caused_by(error)
    })
}

/// Appends chunks, some together, with one append in flight while the next ones come.
pub(crate) struct ChunkAppends<L> {
    log: Arc<L>,
    waiting: Vec<Change>,
    flying: Option<tokio::task::JoinHandle<Result<(), LogError>>>,
}

impl<L: Log> ChunkAppends<L> {
    pub(crate) fn new(log: Arc<L>) -> ChunkAppends<L> {
        ChunkAppends { log, waiting: Vec::new(), flying: None }
    }

    /// Hands in parts and chunks.
    pub(crate) async fn put(&mut self, changes: Vec<Change>) -> Result<(), LogError> {
        self.waiting.extend(changes);
        if self.waiting.len() >= CHUNKS_PER_APPEND {
            self.fly().await?;
        }
        Ok(())
    }

    /// Returns when all chunks are durable.
    pub(crate) async fn finish(mut self) -> Result<(), LogError> {
        if !self.waiting.is_empty() {
            self.fly().await?;
        }
        self.land().await
    }

    async fn fly(&mut self) -> Result<(), LogError> {
        self.land().await?;
        let (log, changes) = (Arc::clone(&self.log), std::mem::take(&mut self.waiting));
        self.flying = Some(tokio::spawn(async move { log.append(changes).await.map(drop) }));
        Ok(())
    }

    async fn land(&mut self) -> Result<(), LogError> {
        let Some(flying) = self.flying.take() else { return Ok(()) };
        flying.await.unwrap_or_else(|error| {
            let broken = LogError::new(LogErrorKind::Stopped, "failed to append chunks");
            Err(broken.caused_by(error))
        })
    }
}

#[cfg(test)]
mod tests;
