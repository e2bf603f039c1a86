//! Joins messages that are kept as parts, in bounded memory.
//!
//! Rules:
//! - Nothing is handed out before the whole has the hash of the message. A message that is too
//!   large to wait in memory is therefore joined twice.
//! - Parts are checked against their own ids wherever they are read.
//! - No more bytes come out than the skeleton says the message has.

use frames::Skeleton;
use message::parts::{Form, Joiner};
use ports::ReadError;
use sha2::{Digest, Sha256};
use types::BlobId;
use types::limits::{PARSE_BYTES_MAX, WHOLE_BLOB_BYTES_MAX};

use super::read::{Sink, damaged, not_its_id, read_part, sink_failed};
use super::tables::Tables;

/// A message of up to this size waits in memory until its hash is known.
const WAITING_BYTES_MAX: usize = PARSE_BYTES_MAX;

/// Where joined bytes go.
pub(super) type JoinSink<'a> = dyn FnMut(&[u8]) -> Result<(), ReadError> + 'a;

/// Joins a message into `sink`, once it is known to be `id`.
pub(super) fn read_joined(
    tables: &Tables,
    id: &BlobId,
    skeleton: &Skeleton,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    let mut hasher = Sha256::new();
    let mut waiting = Vec::new();
    let waits = skeleton.total_len <= WAITING_BYTES_MAX as u64;
    join(tables, id, skeleton, &mut |bytes| {
        hasher.update(bytes);
        if waits {
            waiting.extend_from_slice(bytes);
        }
        Ok(())
    })?;
    let hash: [u8; 32] = hasher.finalize().into();
    if hash != id.0 {
        return Err(not_its_id(id));
    }
    for piece in waiting.chunks(WHOLE_BLOB_BYTES_MAX) {
        sink(piece).map_err(sink_failed)?;
    }
    if !waits {
        join(tables, id, skeleton, &mut |bytes| sink(bytes).map_err(sink_failed))?;
    }
    Ok(skeleton.total_len)
}

/// Joins a message. Only its length is checked.
pub(super) fn join(
    tables: &Tables,
    id: &BlobId,
    skeleton: &Skeleton,
    sink: &mut JoinSink<'_>,
) -> Result<(), ReadError> {
    let mut left = skeleton.total_len;
    let mut limited = |bytes: &[u8]| {
        let rest = left.checked_sub(bytes.len() as u64);
        left = rest.ok_or_else(|| damaged(format!("blob {id} has another length")))?;
        sink(bytes)
    };
    let mut text = skeleton.text.as_slice();
    for piece in &skeleton.pieces {
        let mut joining = Joining { joiner: Joiner::new(&piece.form), out: Vec::new() };
        let is_plain = piece.form == Form::PLAIN;
        match &piece.blob {
            Some(part) => {
                joining.part(tables, part, piece.len, is_plain, &mut limited)?;
            }
            None => {
                let len = usize::try_from(piece.len).unwrap_or(usize::MAX);
                let (content, rest) = text.split_at_checked(len).unwrap_or((text, b""));
                text = rest;
                if is_plain {
                    limited(content)?;
                    continue;
                }
                joining.joiner.push(content, &mut joining.out);
            }
        }
        joining.joiner.end(&mut joining.out);
        limited(&joining.out)?;
    }
    if left == 0 { Ok(()) } else { Err(damaged(format!("blob {id} has another length"))) }
}

struct Joining {
    joiner: Joiner,
    /// What is joined and not handed on.
    out: Vec<u8>,
}

impl Joining {
    fn part(
        &mut self,
        tables: &Tables,
        part: &BlobId,
        len: u64,
        is_plain: bool,
        sink: &mut JoinSink<'_>,
    ) -> Result<(), ReadError> {
        // The reader of the part passes on errors of the disk only; ours waits here.
        let mut failed = None;
        let read = read_part(tables, part, &mut |content| {
            let joined = if is_plain {
                sink(content)
            } else {
                self.joiner.push(content, &mut self.out);
                let joined = sink(&self.out);
                self.out.clear();
                joined
            };
            joined.map_err(|error| {
                failed = Some(error);
                std::io::ErrorKind::Other.into()
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if read? == len { Ok(()) } else { Err(damaged(format!("part {part} has another length"))) }
    }
}
