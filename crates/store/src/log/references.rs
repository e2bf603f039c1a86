//! What refers to what: a message to the chunks or parts that it is made of.
//!
//! Rules:
//! - [`refers_to`] alone knows which blobs refer to others.
//! - References are counted from the frames of the log, never from a view.

use std::collections::{HashMap, HashSet};

use frames::{
    BlobPlace, ChunkList, Flaw, IdRecord, Item, Kind, ReadFlaw, ReadMode, Skeleton, blob_places,
    decode_page,
};
use ports::LogError;
use types::{BlobId, MessageKey};

use super::contents::contents_at;
use super::error::{io_error, log_error};
use super::segment::{Segment, Snapshot};
use super::tables::Tables;

/// Bytes that are read at first of what refers to others.
const LIST_BYTES: usize = 4 << 10;

/// The blobs that an item with this decoded body refers to; none when it holds all of its bytes
/// itself.
fn refers_to(item: &Item, body: &[u8]) -> Result<Vec<BlobId>, Flaw> {
    match item.kind {
        Kind::ChunkList => {
            Ok(ChunkList::decode(body)?.chunks.into_iter().map(|(id, _)| id).collect())
        }
        Kind::Skeleton => {
            let skeleton = Skeleton::from_bytes(item.total_len, body)?;
            Ok(skeleton.parts().into_iter().map(|(id, _)| id).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether frames of this kind refer to others.
pub(super) fn is_list(kind: Kind) -> bool {
    matches!(kind, Kind::ChunkList | Kind::Skeleton)
}

/// What a segment knows of its ids.
pub(super) fn records_of(
    tables: &Tables,
    snapshot: &Snapshot,
    index: usize,
) -> Result<Vec<(BlobId, IdRecord)>, LogError> {
    let Some(segment) = snapshot.segments.get(index) else { return Ok(Vec::new()) };
    let Some(footer) = &segment.footer else { return tables.scanned(segment.number) };
    let file = tables.dir.file_of(segment).map_err(io_error)?;
    let mut reader = segment.reader(&file, segment.end, ReadMode::Through);
    let mut read = || -> Result<Vec<(BlobId, IdRecord)>, ReadFlaw> {
        let (mut at, mut page) = (footer.ids, 0);
        let mut records = Vec::new();
        while at < footer.filter {
            let frame = reader.frame(at)?;
            let end = frame.end();
            for bytes in frame.payload.chunks(segment.casing.page_bytes()) {
                records.extend(decode_page(page, bytes).map_err(ReadFlaw::at(at))?);
                page += 1;
            }
            at = end;
        }
        Ok(records)
    };
    read().map_err(log_error(segment.number))
}

/// What the blob at a place refers to.
fn read_list(
    tables: &Tables,
    segment: &Segment,
    place: &BlobPlace,
    id: &BlobId,
) -> Result<Vec<BlobId>, LogError> {
    let contents = contents_at(tables, segment, place.offset, LIST_BYTES)?;
    let found = contents.find(place.kind, id).ok_or(Flaw::Mismatch("a blob's place"));
    let parts = found.and_then(|(item, body)| refers_to(item, body));
    parts.map_err(ReadFlaw::at(place.offset)).map_err(log_error(segment.number))
}

/// All that a blob is made of, itself first: its chunks, its parts, and the chunks of these. What
/// is not there is listed and refers to nothing.
pub(super) fn made_of(tables: &Tables, id: &BlobId) -> Result<Vec<BlobId>, LogError> {
    let mut all = vec![*id];
    let mut seen: HashSet<BlobId> = HashSet::from([*id]);
    let mut next = 0;
    while let Some(id) = all.get(next).copied() {
        next += 1;
        let Some((segment, place)) = tables.place_of(&id)? else { continue };
        if is_list(place.kind) {
            let parts = read_list(tables, &segment, &place, &id)?;
            all.extend(parts.into_iter().filter(|it| seen.insert(*it)));
        }
    }
    Ok(all)
}

/// Which of some blobs are needed by messages that stay.
pub(super) struct Question<'a> {
    /// The blobs.
    pub(super) candidates: &'a HashSet<BlobId>,
    /// Whether a message goes.
    pub(super) goes: &'a dyn Fn(MessageKey) -> bool,
    /// Frames of a blob in segments below this number belong to messages that go; 0 for none.
    pub(super) dead_below: &'a dyn Fn(&BlobId) -> u32,
}

/// The answer to a question.
pub(super) struct Answer {
    /// The candidates that messages need which stay.
    pub(super) needed: HashSet<BlobId>,
    /// Candidates that are messages themselves and parts of others: a skeleton of one may stand
    /// where the ids of a segment know only the blob.
    pub(super) suspects: HashSet<BlobId>,
}

/// Answers a question by all the lists that the log has.
pub(super) fn needed(tables: &Tables, question: &Question<'_>) -> Result<Answer, LogError> {
    tables.load()?;
    let snapshot = tables.snapshot();
    let mut needed: HashSet<BlobId> = HashSet::new();
    // What blobs refer to that are among the candidates themselves.
    let mut inner: HashMap<BlobId, Vec<BlobId>> = HashMap::new();
    let (mut messages, mut referred) = (HashSet::new(), HashSet::new());
    for (index, segment) in snapshot.segments.iter().enumerate() {
        let mut records = records_of(tables, &snapshot, index)?;
        // In the order in which they stand, so that each pack is decoded once.
        records.sort_unstable_by_key(|(_, record)| record.place.map(|it| it.offset));
        for (id, record) in records {
            let placed = record.placed.filter(|_| question.candidates.contains(&id));
            if let Some(key) = placed {
                messages.insert(id);
                needed.extend(Some(id).filter(|_| !(question.goes)(MessageKey(key))));
            }
            let Some(place) = record.place.filter(|it| is_list(it.kind)) else { continue };
            let mut parts = read_list(tables, segment, &place, &id)?;
            parts.retain(|it| question.candidates.contains(it));
            referred.extend(parts.iter().copied());
            if segment.number < (question.dead_below)(&id) {
                inner.entry(id).or_default().extend(parts);
            } else {
                needed.extend(parts);
            }
        }
    }
    let mut waiting: Vec<BlobId> = needed.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        let parts = inner.remove(&id).unwrap_or_default();
        waiting.extend(parts.into_iter().filter(|it| needed.insert(*it)));
    }
    let suspects = messages.intersection(&referred).copied().collect();
    Ok(Answer { needed, suspects })
}

/// What skeletons of these messages refer to, wherever they stand: found frame by frame.
pub(super) fn hidden_parts(
    tables: &Tables,
    messages: &HashSet<BlobId>,
) -> Result<HashMap<BlobId, Vec<BlobId>>, LogError> {
    let mut found: HashMap<BlobId, Vec<BlobId>> = HashMap::new();
    let snapshot = tables.snapshot();
    for (index, segment) in snapshot.segments.iter().enumerate().filter(|_| !messages.is_empty()) {
        let file = tables.dir.file_of(segment).map_err(io_error)?;
        let mut reader = segment.reader(&file, snapshot.end_of(index), ReadMode::Hopping);
        let mut at = segment.start.offset;
        let mut places = Vec::new();
        let mut read = || -> Result<(), ReadFlaw> {
            while at < reader.end() {
                let header = reader.header(at)?;
                if matches!(header.kind, Kind::Skeleton | Kind::Pack) {
                    let start = reader.payload_start(&header, at)?;
                    let here = blob_places(&header, at, start).map_err(ReadFlaw::at(at))?;
                    let is_asked = |(id, place): &(BlobId, BlobPlace)| {
                        place.kind == Kind::Skeleton && messages.contains(id)
                    };
                    places.extend(here.into_iter().filter(is_asked));
                }
                at += header.frame_len();
            }
            Ok(())
        };
        read().map_err(log_error(segment.number))?;
        for (id, place) in places {
            found.entry(id).or_default().extend(read_list(tables, segment, &place, &id)?);
        }
    }
    Ok(found)
}
