//! Large messages: hashed and cut into chunks while they arrive, never whole in memory.
//!
//! Chunks are appended ahead of the message. When it is cut, what was appended refers to
//! nothing; the next try writes the same chunks and the log keeps each once.

use std::sync::Arc;

use frames::EncodedBlob;
use ports::{Change, Log, LogError, LogErrorKind, Piece};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use types::BlobId;
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};

use crate::intake::{ArrivedBody, Large};

/// Large messages whose beginning may be in memory at the same time.
pub(crate) const LARGE_MAX: usize = 2;

/// Chunks that are appended together.
const CHUNKS_PER_APPEND: usize = 4;

/// Cuts bytes into chunks.
pub(crate) struct Chunker {
    hasher: Sha256,
    size: u64,
    head: Vec<u8>,
    /// Bytes that do not fill a chunk yet.
    rest: Vec<u8>,
    chunks: Vec<(BlobId, u32)>,
}

impl Chunker {
    pub(crate) fn new() -> Chunker {
        Chunker {
            hasher: Sha256::new(),
            size: 0,
            head: Vec::new(),
            rest: Vec::with_capacity(CHUNK_BYTES),
            chunks: Vec::new(),
        }
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes and gives the chunks that they fill.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Vec<EncodedBlob> {
        self.hasher.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        let room = PARSE_BYTES_MAX.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let mut full = Vec::new();
        while self.rest.len() + bytes.len() >= CHUNK_BYTES {
            let (now, later) = bytes.split_at(CHUNK_BYTES - self.rest.len());
            self.rest.extend_from_slice(now);
            bytes = later;
            full.push(self.close_chunk());
        }
        self.rest.extend_from_slice(bytes);
        full
    }

    /// The last chunk, if any, and the message.
    pub(crate) fn end(
        mut self,
        permit: Option<OwnedSemaphorePermit>,
    ) -> (Option<EncodedBlob>, Large) {
        let last = (!self.rest.is_empty()).then(|| self.close_chunk());
        let Chunker { hasher, size, head, chunks, .. } = self;
        (last, Large { id: BlobId(hasher.finalize().into()), size, chunks, head, permit })
    }

    fn close_chunk(&mut self) -> EncodedBlob {
        let blob = frames::encode_blob(&self.rest);
        self.chunks.push((blob.id, blob.raw_len));
        self.rest.clear();
        blob
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

/// Takes a message piece by piece and appends its chunks.
pub(crate) async fn receive<L: Log>(
    mut pieces: mpsc::Receiver<Piece>,
    log: &Arc<L>,
    bytes_max: u64,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<Arrival, LogError> {
    let mut chunker = Chunker::new();
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
                appends.put(full).await?;
            }
            Piece::End if chunker.size() > bytes_max => return Ok(Arrival::TooLarge),
            Piece::End => {
                let (last, large) = aside(move || chunker.end(permit)).await?;
                let body = large.into_body();
                if let ArrivedBody::Whole(_) = body {
                    return Ok(Arrival::Whole(body));
                }
                appends.put(last.into_iter().collect()).await?;
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

    /// Hands in chunks.
    pub(crate) async fn put(&mut self, chunks: Vec<EncodedBlob>) -> Result<(), LogError> {
        self.waiting.extend(chunks.into_iter().map(Change::Chunk));
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
#[allow(clippy::cast_possible_truncation, reason = "the numbers are small")]
mod tests {
    use super::*;

    fn chunked(bytes: &[u8], step: usize) -> Large {
        let mut chunker = Chunker::new();
        for piece in bytes.chunks(step) {
            chunker.push(piece);
        }
        chunker.end(None).1
    }

    #[test]
    fn chunks_do_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 3 + 17).map(|it| (it % 251) as u8).collect();
        let whole = chunked(&bytes, bytes.len());
        assert_eq!(whole.id, BlobId::of(&bytes));
        assert_eq!(whole.size, bytes.len() as u64);
        assert_eq!(whole.head, bytes);
        let lengths: Vec<u32> = whole.chunks.iter().map(|it| it.1).collect();
        assert_eq!(lengths, [CHUNK_BYTES as u32, CHUNK_BYTES as u32, CHUNK_BYTES as u32, 17]);
        for step in [4_096, CHUNK_BYTES, CHUNK_BYTES + 1] {
            assert_eq!(chunked(&bytes, step).chunks, whole.chunks, "{step}");
        }
        let exact = chunked(&bytes[..CHUNK_BYTES * 2], 1 << 20);
        assert_eq!(exact.chunks.len(), 2, "no empty chunk at the end");
    }

    #[test]
    fn the_head_is_limited() {
        let bytes = vec![b'x'; PARSE_BYTES_MAX + CHUNK_BYTES];
        assert_eq!(chunked(&bytes, CHUNK_BYTES).head.len(), PARSE_BYTES_MAX);
    }
}
