//! The bytes of a message, brought into a store that lacks them.

use std::sync::Arc;

use ledger::{Detail, MessageDetail};
use ports::{Change, Log, LogError, LogErrorKind, NewBody, NewPlacement, ReadErrorKind};
use types::limits::{CHUNK_BYTES, WHOLE_BLOB_BYTES_MAX};
use types::{BlobId, MessageKey};

use super::log::unroutable;
use super::{Member, Stores};
use crate::log::SegmentLog;

/// Bytes of a detail that are read to find one.
const DETAIL_BYTES: usize = 1;

impl Stores {
    /// A placement with everything that its bytes need in a store: changes to go before it, and
    /// itself.
    pub(super) async fn with_bytes(
        &self,
        placement: NewPlacement,
        into: &Arc<Member>,
    ) -> Result<(Vec<Change>, NewPlacement), LogError> {
        let target = into.store();
        match &placement.body {
            NewBody::Known(id) if target.log().find(id)?.is_none_or(|it| it.message.is_none()) => {
                let id = *id;
                self.brought_from_elsewhere(id, placement, into).await
            }
            // They were appended while another store was current, or stand in this very append.
            NewBody::Chunked { chunks, .. } => {
                let mut before = Vec::new();
                for (id, _) in chunks {
                    before.extend(self.chunk(*id, into)?.map(Change::Chunk));
                }
                Ok((before, placement))
            }
            NewBody::Split(skeleton) => {
                let mut before = Vec::new();
                for (id, _) in &skeleton.parts {
                    before.extend(self.part(*id, into)?);
                }
                Ok((before, placement))
            }
            _ => Ok((Vec::new(), placement)),
        }
    }

    /// The other stores, the newest first.
    fn elsewhere(&self, into: &Member) -> Vec<Arc<Member>> {
        let mut others = self.members();
        others.retain(|it| it.number() != into.number());
        others.reverse();
        others
    }

    /// A chunk that only other stores have.
    fn chunk(&self, id: BlobId, into: &Member) -> Result<Option<frames::EncodedBlob>, LogError> {
        if into.store().log().find(&id)?.is_some() {
            return Ok(None);
        }
        for member in self.elsewhere(into) {
            match member.store().log().read_whole(&id, CHUNK_BYTES as u64) {
                Ok(bytes) => return Ok(Some(frames::encode_hashed_blob(id, &bytes, None))),
                Err(error) if error.kind() == ReadErrorKind::NotFound => (),
                Err(error) => return Err(unroutable(error)),
            }
        }
        Ok(None)
    }

    /// A part that only other stores have.
    fn part(&self, id: BlobId, into: &Member) -> Result<Vec<Change>, LogError> {
        let target = into.store();
        if target.log().find(&id)?.is_some_and(|it| it.can_be_part) {
            return Ok(Vec::new());
        }
        for member in self.elsewhere(into) {
            let from = member.store();
            if from.log().find(&id)?.is_some() {
                let (mut before, body) = copy_bytes(from.log(), id)?;
                before.push(Change::Part(body));
                return Ok(before);
            }
        }
        Ok(Vec::new())
    }

    /// Messages do not leave a log: whichever store had it has it still.
    async fn brought_from_elsewhere(
        &self,
        id: BlobId,
        mut placement: NewPlacement,
        into: &Arc<Member>,
    ) -> Result<(Vec<Change>, NewPlacement), LogError> {
        let copies = self.copies_of(&id).map_err(unroutable)?;
        let from = copies.into_iter().rev().find(|(it, _)| it.number() != into.number());
        let Some((member, key)) = from else {
            return Err(LogError::new(LogErrorKind::Request, "the message is in no open store"));
        };
        let (from, target) = (member.store(), into.store());
        let copied = tokio::task::spawn_blocking(move || {
            let detail = detail_of(from.log(), key)?;
            // A part of it may be there as a blob already: then that is what it is.
            let bytes = match target.log().find(&id)? {
                Some(_) => (Vec::new(), NewBody::Known(id)),
                None => copy_bytes(from.log(), id)?,
            };
            Ok((detail, bytes))
        });
        let (detail, (before, body)) = copied.await.unwrap_or_else(|it| Err(unroutable(it)))?;
        placement.message_detail = detail;
        placement.body = body;
        placement.parsed = None;
        Ok((before, placement))
    }
}

/// What the parser read of a message, from the log that placed it first.
pub(super) fn detail_of(log: &SegmentLog, key: MessageKey) -> Result<Box<MessageDetail>, LogError> {
    let run = log.entries(key.0, DETAIL_BYTES)?;
    let at = usize::try_from(key.0.saturating_sub(run.first)).unwrap_or(usize::MAX);
    match run.items.into_iter().nth(at) {
        Some((_, Some(Detail::Placed(_, Some(detail))))) => Ok(detail),
        _ => Ok(Box::default()),
    }
}

/// The bytes of a message of one log, as changes for another: a large one in chunks, which are
/// never more than the message itself.
pub(super) fn copy_bytes(
    from: &SegmentLog,
    id: BlobId,
) -> Result<(Vec<Change>, NewBody), LogError> {
    let (mut before, mut chunks, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |bytes: &[u8]| {
        rest.extend_from_slice(bytes);
        while WHOLE_BLOB_BYTES_MAX < rest.len() {
            let tail = rest.split_off(CHUNK_BYTES.min(rest.len()));
            let chunk = frames::encode_blob(&std::mem::replace(&mut rest, tail));
            chunks.push((chunk.id, chunk.raw_len));
            before.push(Change::Chunk(chunk));
        }
        Ok(())
    };
    from.read(&id, &mut take).map_err(unroutable)?;
    if chunks.is_empty() {
        return Ok((before, NewBody::Whole(frames::encode_hashed_blob(id, &rest, None))));
    }
    if !rest.is_empty() {
        let chunk = frames::encode_blob(&rest);
        chunks.push((chunk.id, chunk.raw_len));
        before.push(Change::Chunk(chunk));
    }
    Ok((before, NewBody::Chunked { id, chunks }))
}
