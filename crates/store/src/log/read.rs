//! Gives blobs back, checked against their ids.

use std::io;

use frames::{
    BlobPlace, ChunkList, Dictionary, Frame, HEADER_BYTES, Header, ID_BYTES, Kind, ReadMode,
    SEALED_MORE_MAX, Skeleton, decode_body_with, split_id,
};
use ports::{ReadError, ReadErrorKind};
use sha2::{Digest, Sha256};
use types::BlobId;
use types::limits::WHOLE_BLOB_BYTES_MAX;

use super::error::{io_error, log_error, read_error};
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

/// Reads the frame of a blob, chunk, list or skeleton, and hands it to `take`.
fn read_frame<T>(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
    take: impl FnOnce(&Frame<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let wrong = |error| read_error(log_error(segment.number)(error));
    let at_place = |flaw| wrong(frames::ReadFlaw::at(place.offset)(flaw));
    let file = tables.dir.file_of(segment).map_err(|it| read_error(io_error(it)))?;
    // The end is not known here, nor needed: the header says how long the frame is.
    let mut reader = segment.reader(&file, u64::MAX, ReadMode::Hopping);
    if place.kind != Kind::Skeleton {
        // A stored body is as long as what it stands for, a packed one shorter: one read does.
        let raw_len = usize::try_from(place.raw_len).unwrap_or(usize::MAX);
        let around = HEADER_BYTES + ID_BYTES + SEALED_MORE_MAX;
        let most = around + raw_len.min(WHOLE_BLOB_BYTES_MAX);
        reader.bytes(place.offset, most).map_err(|it| read_error(io_error(it)))?;
    }
    let frame = reader.frame(place.offset).map_err(wrong)?;
    let (found, _) = split_id(frame.payload).map_err(at_place)?;
    if frame.header.kind != place.kind || found != *id {
        return Err(at_place(frames::Flaw::Mismatch("a blob's place")));
    }
    take(&frame)
}

/// The same with the decoded body.
fn read_body<T>(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
    body: impl FnOnce(&[u8]) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    read_frame(tables, segment, place, id, |frame| {
        let at_place = |flaw| {
            let at = frames::ReadFlaw::at(place.offset)(flaw);
            read_error(log_error(segment.number)(at))
        };
        let (_, packed) = split_id(frame.payload).map_err(at_place)?;
        let dictionary = segment.dictionary_for(&tables.dir, frame.header.codec);
        let dictionary = dictionary.map_err(read_error)?;
        let raw = decode_body_with(&frame.header, packed, dictionary.as_deref());
        let raw = raw.map_err(at_place)?;
        body(&raw)
    })
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
    read_frame(tables, segment, place, id, |frame| {
        let dictionary = segment.dictionary_for(&tables.dir, frame.header.codec);
        let dictionary = dictionary.map_err(read_error)?;
        decode_skeleton(id, &frame.header, frame.payload, dictionary.as_deref())
    })
}

fn decode_skeleton(
    id: &BlobId,
    header: &Header,
    payload: &[u8],
    dictionary: Option<&Dictionary>,
) -> Result<Skeleton, ReadError> {
    let skeleton = Skeleton::decode(header, payload, dictionary);
    skeleton.map_err(|flaw| damaged(format!("blob {id} is damaged")).caused_by(flaw))
}

/// Whether the message in a frame is what its parts are.
pub(super) fn check_skeleton(
    tables: &Tables,
    id: &BlobId,
    (header, payload): (&Header, &[u8]),
    dictionary: Option<&Dictionary>,
) -> Result<(), ReadError> {
    let skeleton = decode_skeleton(id, header, payload, dictionary)?;
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
