//! Gives blobs back, checked against their ids.

use std::io;

use frames::{BlobPlace, ChunkList, HEADER_BYTES, ID_BYTES, Kind, SEALED_MORE_MAX, Skeleton};
use ports::{ReadError, ReadErrorKind};
use sha2::{Digest, Sha256};
use types::BlobId;
use types::limits::WHOLE_BLOB_BYTES_MAX;

use super::contents::contents_at;
use super::error::{log_error, read_error};
use super::join::{join, read_joined};
use super::segment::Segment;
use super::tables::Tables;

/// Where a reader puts the bytes of a blob, piece by piece.
pub type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Reads a blob into `sink`. Each piece (the blob, or a chunk of a large one) is checked against
/// its own id before it is handed out; the whole is checked before this returns. A message that
/// is kept as parts is checked as a whole before anything of it is handed out.
pub(super) fn read_blob(
    tables: &Tables,
    id: &BlobId,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    if tables.is_erased(id).map_err(read_error)? {
        return Err(ReadError::new(ReadErrorKind::NotFound, format!("blob {id} was erased")));
    }
    let (segment, place) = find(tables, id)?;
    match place.kind {
        Kind::Skeleton => {
            let skeleton = read_skeleton(tables, &segment, &place, id)?;
            read_joined(tables, id, &skeleton, sink)
        }
        _ => read_piece(tables, (&segment, &place), id, sink),
    }
}

fn find(tables: &Tables, id: &BlobId) -> Result<(std::sync::Arc<Segment>, BlobPlace), ReadError> {
    let missing = || ReadError::new(ReadErrorKind::NotFound, format!("the log has no blob {id}"));
    tables.place_of(id).map_err(read_error)?.ok_or_else(missing)
}

/// Reads a part of a message, which is whole or has chunks.
pub(super) fn read_part(
    tables: &Tables,
    id: &BlobId,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    let found = tables.place_of(id).map_err(read_error)?;
    match found {
        Some((segment, place)) if place.kind != Kind::Skeleton => {
            read_piece(tables, (&segment, &place), id, sink)
        }
        _ => Err(damaged(format!("part {id} is missing"))),
    }
}

/// Reads a blob that is no skeleton.
fn read_piece(
    tables: &Tables,
    (segment, place): (&Segment, &BlobPlace),
    id: &BlobId,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    if place.kind != Kind::ChunkList {
        return read_whole_frame(tables, segment, place, id, sink);
    }
    let list = read_list(tables, segment, place, id)?;
    let mut hasher = Sha256::new();
    for (chunk, len) in &list.chunks {
        let found = tables.place_of(chunk).map_err(read_error)?;
        let found = found.filter(|(_, place)| matches!(place.kind, Kind::Blob | Kind::Chunk));
        let Some((segment, place)) = found else {
            return Err(damaged(format!("chunk {chunk} of blob {id} is missing")));
        };
        let mut piece = |bytes: &[u8]| {
            hasher.update(bytes);
            sink(bytes)
        };
        let n = read_whole_frame(tables, &segment, &place, chunk, &mut piece)?;
        if n != u64::from(*len) {
            return Err(damaged(format!("chunk {chunk} of blob {id} has another length")));
        }
    }
    let hash: [u8; 32] = hasher.finalize().into();
    if hash == id.0 { Ok(list.total_len) } else { Err(not_its_id(id)) }
}

pub(super) fn damaged(message: String) -> ReadError {
    ReadError::new(ReadErrorKind::Damaged, message)
}

pub(super) fn not_its_id(id: &BlobId) -> ReadError {
    damaged(format!("the bytes of blob {id} do not have its hash"))
}

pub(super) fn sink_failed(error: io::Error) -> ReadError {
    ReadError::new(ReadErrorKind::Sink, "failed to pass the blob on").caused_by(error)
}

/// Reads a blob, chunk, list or skeleton, and hands its decoded body to `take`.
fn read_body<T>(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
    take: impl FnOnce(&[u8]) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    // A stored body is as long as what it stands for, a packed one shorter: one read does. What a
    // skeleton stands for says nothing.
    let raw_len = if place.kind == Kind::Skeleton { 0 } else { place.raw_len };
    let raw_len = usize::try_from(raw_len).unwrap_or(usize::MAX);
    let len = HEADER_BYTES + ID_BYTES + SEALED_MORE_MAX + raw_len.min(WHOLE_BLOB_BYTES_MAX);
    let contents = contents_at(tables, segment, place.offset, len).map_err(read_error)?;
    let Some((_, body)) = contents.find(place.kind, id) else {
        let flaw = frames::Flaw::Mismatch("a blob's place");
        let at = frames::ReadFlaw::at(place.offset)(flaw);
        return Err(read_error(log_error(segment.number)(at)));
    };
    take(body)
}

fn read_whole_frame(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    read_body(tables, segment, place, id, |raw| {
        if BlobId::of(raw) != *id {
            return Err(not_its_id(id));
        }
        sink(raw).map_err(sink_failed)?;
        Ok(raw.len() as u64)
    })
}

fn read_list(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
) -> Result<ChunkList, ReadError> {
    read_body(tables, segment, place, id, |raw| {
        let list = ChunkList::decode(raw);
        list.map_err(|flaw| damaged(format!("blob {id} is damaged")).caused_by(flaw))
    })
}

fn read_skeleton(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
) -> Result<Skeleton, ReadError> {
    read_body(tables, segment, place, id, |raw| decode_skeleton(id, place.raw_len, raw))
}

fn decode_skeleton(id: &BlobId, total_len: u64, raw: &[u8]) -> Result<Skeleton, ReadError> {
    let skeleton = Skeleton::from_bytes(total_len, raw);
    skeleton.map_err(|flaw| damaged(format!("blob {id} is damaged")).caused_by(flaw))
}

/// Whether the message whose skeleton has this body is what its parts are.
pub(super) fn check_skeleton(
    tables: &Tables,
    (id, total_len): (&BlobId, u64),
    raw: &[u8],
) -> Result<(), ReadError> {
    let skeleton = decode_skeleton(id, total_len, raw)?;
    let mut hasher = Sha256::new();
    join(tables, id, &skeleton, &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    let hash: [u8; 32] = hasher.finalize().into();
    if hash == id.0 { Ok(()) } else { Err(not_its_id(id)) }
}

/// The blobs that the bytes of a blob are made of.
pub(super) fn made_of(tables: &Tables, id: &BlobId) -> Result<Vec<BlobId>, ReadError> {
    let (segment, place) = find(tables, id)?;
    Ok(match place.kind {
        Kind::ChunkList => {
            let list = read_list(tables, &segment, &place, id)?;
            list.chunks.into_iter().map(|(id, _)| id).collect()
        }
        Kind::Skeleton => {
            let skeleton = read_skeleton(tables, &segment, &place, id)?;
            skeleton.parts().into_iter().map(|(id, _)| id).collect()
        }
        _ => Vec::new(),
    })
}

/// Reads a blob of at most `bytes_max` bytes into memory.
pub(super) fn read_whole(
    tables: &Tables,
    id: &BlobId,
    bytes_max: u64,
) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    read_blob(tables, id, &mut |piece| {
        if bytes_max < (bytes.len() + piece.len()) as u64 {
            return Err(io::Error::other(format!("the blob has more than {bytes_max} bytes")));
        }
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(bytes)
}
