//! Gives blobs back, checked against their ids.

use std::io;

use frames::{BlobPlace, ChunkList, HEADER_BYTES, ID_BYTES, Kind, ReadMode, decode_body, split_id};
use ports::{ReadError, ReadErrorKind};
use sha2::{Digest, Sha256};
use types::BlobId;

use super::error::{io_error, log_error, read_error};
use super::segment::Segment;
use super::tables::Tables;

/// Where a reader puts the bytes of a blob, piece by piece.
pub type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Reads a blob into `sink`. Each piece (the blob, or a chunk of a large one) is checked against
/// its own id before it is handed out; the whole is checked before this returns.
pub(super) fn read_blob(
    tables: &Tables,
    id: &BlobId,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    let Some((segment, place)) = tables.place_of(id).map_err(read_error)? else {
        return Err(ReadError::new(ReadErrorKind::NotFound, format!("the log has no blob {id}")));
    };
    if place.kind != Kind::ChunkList {
        return read_piece(tables, &segment, &place, id, sink);
    }
    let list = read_list(tables, &segment, &place, id)?;
    let mut hasher = Sha256::new();
    for (chunk, len) in &list.chunks {
        let found = tables.place_of(chunk).map_err(read_error)?;
        let found = found.filter(|(_, place)| place.kind != Kind::ChunkList);
        let Some((segment, place)) = found else {
            return Err(damaged(format!("chunk {chunk} of blob {id} is missing")));
        };
        let mut piece = |bytes: &[u8]| {
            hasher.update(bytes);
            sink(bytes)
        };
        let n = read_piece(tables, &segment, &place, chunk, &mut piece)?;
        if n != u64::from(*len) {
            return Err(damaged(format!("chunk {chunk} of blob {id} has another length")));
        }
    }
    let hash: [u8; 32] = hasher.finalize().into();
    if hash == id.0 { Ok(list.total_len) } else { Err(not_its_id(id)) }
}

fn damaged(message: String) -> ReadError {
    ReadError::new(ReadErrorKind::Damaged, message)
}

fn not_its_id(id: &BlobId) -> ReadError {
    damaged(format!("the bytes of blob {id} do not have its hash"))
}

/// Reads the frame of a blob, chunk or list, and hands its body to `body`.
fn read_frame<T>(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
    body: impl FnOnce(&[u8]) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let wrong = |error| read_error(log_error(segment.number)(error));
    let at_place = |flaw| wrong(frames::ReadFlaw::at(place.offset)(flaw));
    let file = tables.dir.file(segment.number).map_err(|it| read_error(io_error(it)))?;
    // The end is not known here, nor needed: the header says how long the frame is.
    let mut reader = segment.reader(&file, u64::MAX, ReadMode::Hopping);
    // A stored body is as long as what it stands for, a packed one shorter: one read does.
    let raw_len = usize::try_from(place.raw_len).unwrap_or(usize::MAX);
    let most = HEADER_BYTES + ID_BYTES + raw_len.min(types::limits::WHOLE_BLOB_BYTES_MAX);
    reader.bytes(place.offset, most).map_err(|it| read_error(io_error(it)))?;
    let frame = reader.frame(place.offset).map_err(wrong)?;
    let (found, packed) = split_id(frame.payload).map_err(at_place)?;
    if frame.header.kind != place.kind || found != *id {
        return Err(at_place(frames::Flaw::Mismatch("a blob's place")));
    }
    let raw = decode_body(&frame.header, packed).map_err(at_place)?;
    body(&raw)
}

fn read_piece(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
    sink: &mut Sink<'_>,
) -> Result<u64, ReadError> {
    read_frame(tables, segment, place, id, |raw| {
        if BlobId::of(raw) != *id {
            return Err(not_its_id(id));
        }
        let failed = |error: io::Error| {
            ReadError::new(ReadErrorKind::Sink, "failed to pass the blob on").caused_by(error)
        };
        sink(raw).map_err(failed)?;
        Ok(raw.len() as u64)
    })
}

fn read_list(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
) -> Result<ChunkList, ReadError> {
    read_frame(tables, segment, place, id, |raw| {
        let list = ChunkList::decode(raw);
        list.map_err(|flaw| damaged(format!("blob {id} is damaged")).caused_by(flaw))
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
