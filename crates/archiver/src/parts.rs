//! Messages as parts, ready to be appended.
//!
//! Rules:
//! - What the log has as a part already is neither compressed nor appended again. Two messages that
//!   bring the same part at the same time both append it, and the log keeps it once.
//! - A message is appended as parts only when they were joined and found to be it.

use std::collections::HashSet;
use std::sync::Arc;

use frames::{Dictionary, Skeleton};
use ports::{Change, Log, LogError, NewBody};
use types::BlobId;
use types::limits::{CHUNK_BYTES, WHOLE_BLOB_BYTES_MAX};

/// Whether the log has these bytes as something that messages may refer to.
pub(crate) fn is_known<L: Log>(log: &L, id: &BlobId) -> Result<bool, LogError> {
    Ok(log.find(id)?.is_some_and(|it| it.can_be_part))
}

/// What is appended of one message besides itself, each part once.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) changes: Vec<Change>,
    /// Encoded bytes of all of them.
    pub(crate) encoded_bytes: usize,
    done: HashSet<BlobId>,
    dictionary: Option<Arc<Dictionary>>,
}

impl Parts {
    /// For one message, compressed as the log wants it now.
    pub(crate) fn new<L: Log>(log: &L) -> Result<Parts, LogError> {
        Ok(Parts { dictionary: log.dictionary()?, ..Parts::default() })
    }

    /// Appends a part, unless the log has it.
    pub(crate) fn part<L: Log>(&mut self, content: &[u8], log: &L) -> Result<BlobId, LogError> {
        let id = BlobId::of(content);
        if !self.done.insert(id) || is_known(log, &id)? {
            return Ok(id);
        }
        let body = if content.len() <= WHOLE_BLOB_BYTES_MAX {
            let blob = frames::encode_hashed_blob(id, content, self.dictionary.as_deref());
            self.encoded_bytes += blob.body.len();
            NewBody::Whole(blob)
        } else {
            NewBody::Chunked { id, chunks: self.chunks(content, log)? }
        };
        self.changes.push(Change::Part(body));
        Ok(id)
    }

    /// Appends the chunks of something large, but for those that the log has.
    pub(crate) fn chunks<L: Log>(
        &mut self,
        bytes: &[u8],
        log: &L,
    ) -> Result<Vec<(BlobId, u32)>, LogError> {
        bytes.chunks(CHUNK_BYTES).map(|chunk| Ok((self.chunk(chunk, log)?, len(chunk)))).collect()
    }

    /// Appends the list of something large whose chunks were appended, unless the log has it.
    pub(crate) fn list<L: Log>(
        &mut self,
        id: BlobId,
        chunks: Vec<(BlobId, u32)>,
        log: &L,
    ) -> Result<BlobId, LogError> {
        if self.done.insert(id) && !is_known(log, &id)? {
            self.changes.push(Change::Part(NewBody::Chunked { id, chunks }));
        }
        Ok(id)
    }

    fn chunk<L: Log>(&mut self, chunk: &[u8], log: &L) -> Result<BlobId, LogError> {
        let id = BlobId::of(chunk);
        if self.done.insert(id) && !is_known(log, &id)? {
            let blob = frames::encode_hashed_blob(id, chunk, None);
            self.encoded_bytes += blob.body.len();
            self.changes.push(Change::Chunk(blob));
        }
        Ok(id)
    }

    /// A message that is in memory, as what is appended for it.
    pub(crate) fn message<L: Log>(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        log: &L,
    ) -> Result<NewBody, LogError> {
        let Some(pieces) = message::parts::split(bytes) else {
            return self.unsplit(id, bytes, log);
        };
        let total_len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut skeleton = Skeleton { total_len, ..Skeleton::default() };
        for piece in pieces {
            if skeleton.takes(&piece) {
                skeleton.push_text(piece.form, &piece.content);
            } else {
                let part = self.part(&piece.content, log)?;
                let len = u64::try_from(piece.content.len()).unwrap_or(u64::MAX);
                skeleton.push_blob(piece.form, part, len);
            }
        }
        let encoded = frames::loose_skeleton(id, &skeleton, self.dictionary.as_deref());
        self.encoded_bytes += encoded.body.len();
        Ok(NewBody::Split(encoded))
    }

    fn unsplit<L: Log>(&mut self, id: BlobId, bytes: &[u8], log: &L) -> Result<NewBody, LogError> {
        if bytes.len() <= WHOLE_BLOB_BYTES_MAX {
            let blob = frames::loose_blob(id, bytes, self.dictionary.as_deref());
            self.encoded_bytes += blob.body.len();
            return Ok(NewBody::Whole(blob));
        }
        Ok(NewBody::Chunked { id, chunks: self.chunks(bytes, log)? })
    }
}

fn len(chunk: &[u8]) -> u32 {
    u32::try_from(chunk.len()).unwrap_or(u32::MAX)
}
