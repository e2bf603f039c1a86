//! What is known of the log in memory: its segments, its end, and where every blob is.
//!
//! Ids of sealed segments are in their footers; those of the others are held here, found by a
//! scan that is put off until somebody asks: opening a log and finding nothing to do costs
//! nothing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use frames::{
    BlobPlace, Dictionary, FrameReader, IdRange, IdRecord, IdSearch, Kind, Look, PAGE_BYTES,
    ReadMode, blob_places, decode_body, decode_entries,
};
use ledger::{Detail, Entry, Fact};
use ports::{LogError, LogErrorKind};
use types::{BlobId, MessageKey, Position};

use super::contents::KeptPacks;
use super::dir::SegmentDir;
use super::erasing::{Erasing, is_erasure};
use super::error::{io_error, log_error};
use super::segment::{Segment, Snapshot};

/// Ids with what one segment knows of them.
pub(super) type Ids = HashMap<BlobId, IdRecord>;

/// Where the log is and what it has.
pub(super) struct Tables {
    pub(super) dir: SegmentDir,
    inner: RwLock<Inner>,
    /// What the log says of erasure; `None` before it was read.
    erasing: RwLock<Option<Arc<Erasing>>>,
    pub(super) packs: KeptPacks,
}

/// Who looks for a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sight {
    /// What arrives: condemned and erased messages are not there, nor what they alone were made of.
    Arriving,
    /// What points at a message that is condemned, and spares it with that.
    Sparing,
    /// Everything that has a place.
    All,
}

struct Inner {
    snapshot: Snapshot,
    position: Position,
    /// Of each segment without a footer its ids, by segment number; `None` before the scan.
    ids: Option<Vec<(u32, Ids)>>,
}

/// What the log knows of a blob, over all segments.
pub(super) struct Lookup {
    sight: Sight,
    /// Places in segments below this number do not count.
    absent_below: u32,
    erasing: Arc<Erasing>,
    /// Where it stands.
    pub(super) place: Option<(Arc<Segment>, BlobPlace)>,
    /// The entry that placed it first.
    pub(super) placed: Option<u64>,
}

impl Tables {
    pub(super) fn new(dir: SegmentDir, snapshot: Snapshot, position: Position) -> Tables {
        let inner = RwLock::new(Inner { snapshot, position, ids: None });
        Tables { dir, inner, erasing: RwLock::default(), packs: KeptPacks::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn position(&self) -> Position {
        self.read().position
    }

    /// Both, as they are at one moment.
    pub(super) fn moment(&self) -> (Snapshot, Position) {
        let inner = self.read();
        (inner.snapshot.clone(), inner.position)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.read().snapshot.clone()
    }

    /// The dictionary that new blobs are compressed with: that of the last segment.
    pub(super) fn dictionary(&self) -> Result<Option<Arc<Dictionary>>, LogError> {
        let last = self.read().snapshot.segments.last().map(Arc::clone);
        last.map_or(Ok(None), |it| it.dictionary(&self.dir))
    }

    /// Takes in a batch that is durable: it ends at `tip_end` of the last segment.
    pub(super) fn commit(&self, tip_end: u64, position: Position, added: &Ids) {
        let mut inner = self.write();
        inner.snapshot.tip_end = tip_end;
        inner.position = position;
        let Some((_, ids)) = inner.ids.as_mut().and_then(|it| it.last_mut()) else { return };
        for (id, record) in added {
            merge(ids.entry(*id).or_default(), *record);
        }
    }

    /// What the log says of erasure.
    pub(super) fn erasing(&self) -> Result<Arc<Erasing>, LogError> {
        let known = self.erasing.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(erasing) = known {
            return Ok(erasing);
        }
        let mut slot = self.erasing.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(erasing) = &*slot {
            return Ok(Arc::clone(erasing));
        }
        let erasing = Arc::new(Erasing::load(&self.dir, &self.snapshot())?);
        *slot = Some(Arc::clone(&erasing));
        Ok(erasing)
    }

    /// Takes in what a batch that is durable says of erasure. Before it is shown: whoever reads it
    /// later must not take it a second time.
    pub(super) fn note_erasure(&self, first: u64, entries: &[(Entry, Option<Detail>)]) {
        if !entries.iter().any(|(entry, _)| is_erasure(&entry.fact)) {
            return;
        }
        let mut slot = self.erasing.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*slot {
            let next = known.with(first, entries, &self.snapshot());
            *slot = Some(Arc::new(next));
        }
    }

    /// Whether this is a message, or a part of one, that is erased, and nothing else.
    pub(super) fn is_erased(&self, id: &BlobId) -> Result<bool, LogError> {
        let erasing = self.erasing()?;
        if erasing.absent_below(id) == 0 || erasing.condemned_with_id(id).is_some() {
            return Ok(false);
        }
        let lookup = self.lookup(id, Sight::Arriving)?;
        Ok(lookup.place.is_none() && lookup.placed.is_none())
    }

    /// The ids of a segment that has no footer, as its scan found them.
    pub(super) fn scanned(&self, number: u32) -> Result<Vec<(BlobId, IdRecord)>, LogError> {
        self.load()?;
        let inner = self.read();
        let found = inner.ids.iter().flatten().find(|(it, _)| *it == number);
        Ok(found.map_or_else(Vec::new, |(_, ids)| ids.iter().map(|it| (*it.0, *it.1)).collect()))
    }

    /// Puts a segment that was written anew into the place of the old one.
    pub(super) fn replace(&self, rewritten: Segment, ids: Ids) {
        self.dir.forget(rewritten.number);
        let mut inner = self.write();
        let number = rewritten.number;
        let is_scanned = rewritten.footer.is_none();
        let rewritten = Arc::new(rewritten);
        let segments = inner.snapshot.segments.iter().map(|it| match it.number == number {
            true => Arc::clone(&rewritten),
            false => Arc::clone(it),
        });
        inner.snapshot.segments = Arc::new(segments.collect());
        let slot = inner.ids.iter_mut().flatten().find(|(it, _)| *it == number);
        if let Some((_, known)) = slot.filter(|_| is_scanned) {
            *known = ids;
        }
    }

    /// Puts `sealed` into the place of the last segment.
    pub(super) fn seal(&self, sealed: Segment) {
        let mut inner = self.write();
        inner.snapshot.tip_end = sealed.end;
        let number = sealed.number;
        let mut segments: Vec<_> = inner.snapshot.segments.iter().map(Arc::clone).collect();
        segments.pop();
        segments.push(Arc::new(sealed));
        inner.snapshot.segments = Arc::new(segments);
        if let Some(ids) = inner.ids.as_mut() {
            ids.retain(|(segment, _)| *segment != number);
        }
    }

    /// Adds a new last segment.
    pub(super) fn push(&self, segment: &Arc<Segment>) {
        let mut inner = self.write();
        inner.snapshot.tip_end = segment.start.offset;
        let mut segments: Vec<_> = inner.snapshot.segments.iter().map(Arc::clone).collect();
        segments.push(Arc::clone(segment));
        inner.snapshot.segments = Arc::new(segments);
        if let Some(ids) = inner.ids.as_mut() {
            ids.push((segment.number, Ids::default()));
        }
    }

    /// How many ids the last segment has; none before the scan, and when it is sealed.
    pub(super) fn n_tip_ids(&self) -> usize {
        let inner = self.read();
        inner.ids.as_ref().and_then(|it| it.last()).map_or(0, |(_, ids)| ids.len())
    }

    /// The ids of the last segment, sorted, for its footer.
    pub(super) fn tip_ids(&self) -> Result<Vec<(BlobId, IdRecord)>, LogError> {
        self.load()?;
        let inner = self.read();
        let tip = inner.ids.as_ref().and_then(|it| it.last());
        let mut ids: Vec<_> =
            tip.iter().flat_map(|(_, ids)| ids).map(|it| (*it.0, *it.1)).collect();
        ids.sort_unstable_by_key(|(id, _)| *id);
        Ok(ids)
    }

    /// Scans the segments that have no footer, unless that was done.
    pub(super) fn load(&self) -> Result<(), LogError> {
        if self.read().ids.is_some() {
            return Ok(());
        }
        let mut inner = self.write();
        if inner.ids.is_some() {
            return Ok(());
        }
        let mut ids = Vec::new();
        let snapshot = inner.snapshot.clone();
        for (index, segment) in snapshot.segments.iter().enumerate() {
            if segment.footer.is_none() {
                ids.push((segment.number, scan_segment(&self.dir, &snapshot, index)?));
            }
        }
        // A sealed last segment has no ids here; the next one begins its own.
        inner.ids = Some(ids);
        Ok(())
    }

    /// Looks for a blob in all segments.
    pub(super) fn lookup(&self, id: &BlobId, sight: Sight) -> Result<Lookup, LogError> {
        self.load()?;
        let mut lookup = Lookup::new(id, sight, self.erasing()?);
        let snapshot = {
            let inner = self.read();
            for (number, ids) in inner.ids.iter().flatten() {
                if let Some(record) = ids.get(id) {
                    lookup.add(&inner.snapshot, *number, *record);
                }
            }
            inner.snapshot.clone()
        };
        for segment in snapshot.segments.iter().rev() {
            if lookup.place.is_some() && lookup.placed.is_some() {
                break;
            }
            if segment.may_have(&self.dir, id)?
                && let Some(record) = self.search(segment, id)?
            {
                lookup.add(&snapshot, segment.number, record);
            }
        }
        Ok(lookup)
    }

    /// Where the bytes of a blob stand. For readers: where the ids of a sealed segment cannot be
    /// read, its frames are, so that a damaged footer hides no blob.
    pub(super) fn place_of(
        &self,
        id: &BlobId,
    ) -> Result<Option<(Arc<Segment>, BlobPlace)>, LogError> {
        self.load()?;
        let snapshot = {
            let inner = self.read();
            let mut lookup = Lookup::new(id, Sight::All, Arc::default());
            for (number, ids) in inner.ids.iter().flatten() {
                let record = ids.get(id).copied().unwrap_or_default();
                lookup.add(&inner.snapshot, *number, record);
            }
            if lookup.place.is_some() {
                return Ok(lookup.place);
            }
            inner.snapshot.clone()
        };
        for (index, segment) in snapshot.segments.iter().enumerate().rev() {
            if !segment.may_have(&self.dir, id)? {
                continue;
            }
            let record = match self.search(segment, id) {
                Err(error) if error.kind() == LogErrorKind::Damaged => {
                    scan_segment(&self.dir, &snapshot, index)?.get(id).copied()
                }
                other => other?,
            };
            if let Some(place) = record.and_then(|it| it.place) {
                return Ok(Some((Arc::clone(segment), place)));
            }
        }
        Ok(None)
    }

    /// Looks into the footer of a sealed segment.
    pub(super) fn search(
        &self,
        segment: &Segment,
        id: &BlobId,
    ) -> Result<Option<IdRecord>, LogError> {
        let search = segment
            .footer
            .as_ref()
            .and_then(|footer| IdSearch::new(footer, id, segment.casing.page_bytes()));
        let Some(mut search) = search else { return Ok(None) };
        let file = self.dir.file_of(segment).map_err(io_error)?;
        loop {
            let offset = search.offset();
            let page = file.read_vec(offset, PAGE_BYTES).map_err(io_error)?;
            match segment.casing.open_page(page).and_then(|it| search.look(&it)) {
                Ok(None) => (),
                Ok(Some(found)) => return Ok(found),
                Err(flaw) => return Err(damaged_page(segment.number, offset, flaw)),
            }
        }
    }

    /// Ids of placed messages from `low` up to and with `high`, sorted, at most about
    /// `n_ids_max`.
    pub(super) fn placed_between(
        &self,
        low: &BlobId,
        high: &BlobId,
        n_ids_max: usize,
    ) -> Result<Vec<BlobId>, LogError> {
        self.load()?;
        let (mut found, snapshot) = {
            let inner = self.read();
            let open = inner.ids.iter().flatten().flat_map(|(_, ids)| ids.keys());
            let found: Vec<BlobId> = open.filter(|id| (low..=high).contains(id)).copied().collect();
            (found, inner.snapshot.clone())
        };
        for segment in snapshot.segments.iter() {
            if n_ids_max <= found.len() {
                break;
            }
            let range = segment
                .footer
                .as_ref()
                .and_then(|it| IdRange::new(it, low, high, segment.casing.page_bytes()));
            let Some(range) = range else { continue };
            found.extend(self.range(segment, range)?);
        }
        found.sort_unstable();
        found.dedup();
        // Chunks have ids too, and are no messages.
        let mut placed = Vec::new();
        for id in found {
            if self.lookup(&id, Sight::All)?.placed.is_some() {
                placed.push(id);
            }
        }
        Ok(placed)
    }

    fn range(&self, segment: &Segment, mut range: IdRange) -> Result<Vec<BlobId>, LogError> {
        let file = self.dir.file_of(segment).map_err(io_error)?;
        loop {
            let offset = range.offset();
            let page = file.read_vec(offset, PAGE_BYTES).map_err(io_error)?;
            match segment.casing.open_page(page).and_then(|it| range.look(&it)) {
                Ok(Look::Again) => (),
                Ok(Look::Done) => return Ok(range.into_found()),
                Err(flaw) => return Err(damaged_page(segment.number, offset, flaw)),
            }
        }
    }
}

fn damaged_page(segment: u32, offset: u64, flaw: frames::Flaw) -> LogError {
    let message = format!("segment {segment} is damaged at offset {offset}");
    LogError::new(LogErrorKind::Damaged, message).caused_by(flaw)
}

impl Lookup {
    fn new(id: &BlobId, sight: Sight, erasing: Arc<Erasing>) -> Lookup {
        let absent_below = match sight {
            Sight::Arriving => erasing.absent_below(id),
            Sight::Sparing | Sight::All => 0,
        };
        Lookup { sight, absent_below, erasing, place: None, placed: None }
    }

    fn sees(&self, message: MessageKey) -> bool {
        match self.sight {
            Sight::Arriving => !self.erasing.goes(message),
            Sight::Sparing => !self.erasing.is_erased(message),
            Sight::All => true,
        }
    }

    fn add(&mut self, snapshot: &Snapshot, number: u32, record: IdRecord) {
        let segment = snapshot.segments.iter().find(|it| it.number == number);
        let found = segment.zip(record.place).map(|(segment, it)| (Arc::clone(segment), it));
        let found = found.filter(|_| self.absent_below <= number);
        self.place = better(self.place.take(), found, |(_, place)| place);
        // Should damage ever have made two, the older one names the message.
        let placed = record.placed.filter(|it| self.sees(MessageKey(*it)));
        self.placed = [self.placed, placed].into_iter().flatten().min();
    }
}

/// Whether what stands at a place can be a chunk or a part. A skeleton cannot.
pub(super) fn is_piece(place: &BlobPlace) -> bool {
    place.kind != Kind::Skeleton
}

/// Which of two places of a blob counts: the first, unless only the other is of a piece. A message
/// that is kept as parts is written once more when it becomes a part itself.
fn better<T>(known: Option<T>, other: Option<T>, place: impl Fn(&T) -> &BlobPlace) -> Option<T> {
    match (known, other) {
        (Some(known), Some(other)) if is_piece(place(&known)) || !is_piece(place(&other)) => {
            Some(known)
        }
        (known, other) => other.or(known),
    }
}

/// Adds what is new in `record`; what is known already stays.
pub(super) fn merge(known: &mut IdRecord, record: IdRecord) {
    known.place = better(known.place, record.place, |it| it);
    known.placed = known.placed.or(record.placed);
}

/// The ids of a segment, from its own frames.
fn scan_segment(dir: &SegmentDir, snapshot: &Snapshot, index: usize) -> Result<Ids, LogError> {
    let Some(segment) = snapshot.segments.get(index) else { return Ok(Ids::default()) };
    let file = dir.file_of(segment).map_err(io_error)?;
    let mut reader = segment.reader(&file, snapshot.end_of(index), ReadMode::Hopping);
    scan_ids(&mut reader, segment.start.offset).map_err(log_error(segment.number))
}

/// What the frames from `start` to the end of the reader say of ids. Bodies are skipped.
fn scan_ids(reader: &mut FrameReader<'_>, start: u64) -> Result<Ids, frames::ReadFlaw> {
    let mut ids = Ids::default();
    let mut at = start;
    while at < reader.end() {
        let header = reader.header(at)?;
        let wrong = frames::ReadFlaw::at(at);
        if header.kind.has_id() || header.kind == Kind::Pack {
            let bytes = reader.payload_start(&header, at)?;
            for (id, place) in blob_places(&header, at, bytes).map_err(wrong)? {
                merge(ids.entry(id).or_default(), IdRecord { place: Some(place), placed: None });
            }
        } else if header.kind == Kind::Entries {
            let frame = reader.frame(at)?;
            note_placed(&frame, &mut ids).map_err(wrong)?;
        }
        at += header.frame_len();
    }
    Ok(ids)
}

/// Notes which blobs the entries of a frame place first.
pub(super) fn note_placed(frame: &frames::Frame<'_>, ids: &mut Ids) -> Result<(), frames::Flaw> {
    let raw = decode_body(&frame.header, frame.payload)?;
    let (first, entries) = decode_entries(&raw)?;
    for (number, bytes) in (first..).zip(entries) {
        let entry = Entry::decode(bytes).map_err(|_| frames::Flaw::Malformed("an entry"))?;
        if let Fact::Placed { message: None, blob, .. } = entry.fact {
            merge(ids.entry(blob).or_default(), IdRecord { place: None, placed: Some(number) });
        }
    }
    Ok(())
}
