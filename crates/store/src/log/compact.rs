//! Compaction: segments are written once more without what was erased.
//!
//! Each segment by itself: a new file beside, read back and checked, synced, renamed over the old
//! one. A crash leaves the old one or the new one. What was not reached is found again by the
//! next plan, because the plan is made from the log alone.
//!
//! Rules:
//! - Entries are kept byte for byte; batches keep their numbers and hashes.
//! - What any message needs that stays is never dropped, whatever an entry lists.
//! - What only the old file needed goes behind the rename: the key that it was sealed with.
//! - The last segment is never rewritten: what is condemned stands in segments before it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use frames::{
    Boundary, Casing, Chain, Dictionary, FooterWriter, Frame, FrameReader, IdRecord, Kind, Place,
    Prelude, ReadFlaw, ReadMode, Rewriter, Salt, SegmentMarks, State, blob_places, decode_details,
    decode_entries,
};
use ledger::{Entry, Fact};
use ports::{LogError, LogErrorKind, Random};
use types::{BlobId, MessageKey};

use super::dir::{SegmentFile, segment_name};
use super::entries::visit;
use super::erasing::{Erasing, belongs_to_erased};
use super::error::{io_error, log_error};
use super::references::{Question, needed, records_of};
use super::segment::{Segment, Snapshot};
use super::tables::{Ids, Tables, merge, note_placed};
use super::train;

/// Frames are written in pieces of about this many bytes.
const PIECE_BYTES: usize = 4 << 20;

/// What compaction would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CompactPlan {
    /// Segments to be written anew, in order.
    pub segments: Vec<SegmentPlan>,
    /// Bytes of these segments.
    pub bytes: u64,
    /// Names of files with torn tails, which are removed: nobody can say what is in them.
    pub torn: Vec<String>,
    /// Messages that are erased.
    pub messages: u64,
}

/// What is taken out of one segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SegmentPlan {
    /// Its number.
    pub segment: u32,
    /// Its bytes.
    pub bytes: u64,
    /// Blobs that go.
    pub blobs: BTreeSet<BlobId>,
    /// Entries whose details go.
    pub details: BTreeSet<u64>,
}

impl CompactPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.torn.is_empty()
    }
}

/// What a compaction does, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CompactStep {
    /// It writes segments anew.
    #[default]
    Log,
    /// It writes the catalog anew.
    Catalog,
    /// It writes parts of the index anew.
    Index,
}

/// How far a compaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CompactProgress {
    /// What it does.
    pub step: CompactStep,
    /// Segments that are done.
    pub segments: u64,
    /// Segments that there are to do.
    pub segments_total: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that are to be read.
    pub bytes_total: u64,
}

/// Whether to go on; asked between segments, often within them, and before each view.
pub type GoOn<'a> = dyn FnMut(CompactProgress) -> ControlFlow<()> + 'a;

/// What a compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compacted {
    /// Segments that were written anew.
    pub segments: u64,
    /// Blobs that went: messages, parts, chunks, skeletons.
    pub blobs: u64,
    /// Details that went.
    pub details: u64,
    /// Bytes that the log is shorter by.
    pub bytes_freed: u64,
    /// Files of torn tails that were removed.
    pub torn: u64,
    /// It was stopped before its end.
    pub is_stopped: bool,
}

/// Finds what is still to be taken out.
pub(super) fn plan(tables: &Tables) -> Result<CompactPlan, LogError> {
    let erasing = tables.erasing()?;
    if erasing.said.erased.is_empty() {
        return Ok(CompactPlan::default());
    }
    let snapshot = tables.snapshot();
    let last = snapshot.segments.len().saturating_sub(1);
    let erased_below = erased_below(&erasing, &snapshot);
    let candidates: HashSet<BlobId> = erased_below.keys().copied().collect();
    let dead_below = |id: &BlobId| erased_below.get(id).copied().unwrap_or(0);
    let goes = |message: MessageKey| erasing.is_erased(message);
    let question = Question { candidates: &candidates, goes: &goes, dead_below: &dead_below };
    let needed = needed(tables, &question)?.needed;
    // The newest segment that has each candidate.
    let mut newest: HashMap<BlobId, u32> = HashMap::new();
    let mut places: Vec<Vec<BlobId>> = Vec::new();
    for (index, segment) in snapshot.segments.iter().enumerate() {
        let records = records_of(tables, &snapshot, index)?.into_iter();
        let here = records.filter(|(id, it)| it.place.is_some() && candidates.contains(id));
        let here: Vec<BlobId> = here.map(|(id, _)| id).collect();
        newest.extend(here.iter().map(|id| (*id, segment.number)));
        places.push(here);
    }
    let mut plan =
        CompactPlan { messages: erasing.said.erased.len() as u64, ..CompactPlan::default() };
    let mut mine = BTreeSet::new();
    for (index, (segment, here)) in snapshot.segments.iter().zip(places).enumerate().take(last) {
        let is_free = |id: &BlobId| {
            let below = dead_below(id);
            let comes_later = newest.get(id).is_some_and(|it| below <= *it);
            segment.number < below && (comes_later || !needed.contains(id))
        };
        let blobs: BTreeSet<BlobId> = here.into_iter().filter(is_free).collect();
        let details = details_of(tables, &snapshot, index, &erasing, &mut mine)?;
        let dictionary = segment.dictionary(&tables.dir)?;
        let is_tainted = dictionary.is_some_and(|it| {
            it.trained_on().iter().any(|id| candidates.contains(id) && !needed.contains(id))
        });
        if is_tainted || !blobs.is_empty() || !details.is_empty() {
            let bytes = snapshot.end_of(index);
            plan.bytes += bytes;
            plan.segments.push(SegmentPlan { segment: segment.number, bytes, blobs, details });
        }
    }
    plan.torn = tables.dir.list().map_err(io_error)?.torn;
    Ok(plan)
}

/// Of each blob that an erased message was made of, the segments in which it goes: those before
/// the one that condemned the message.
fn erased_below(erasing: &Erasing, snapshot: &Snapshot) -> HashMap<BlobId, u32> {
    let mut below: HashMap<BlobId, u32> = HashMap::new();
    for gone in erasing.said.erased.values() {
        let segment = snapshot.number_of_entry(gone.condemned.entry);
        for part in &gone.condemned.parts {
            let known = below.entry(*part).or_default();
            *known = segment.max(*known);
        }
    }
    below
}

/// The entries of a segment that have a detail of an erased message. `mine` collects all entries
/// that belong to one, over the segments in order.
fn details_of(
    tables: &Tables,
    snapshot: &Snapshot,
    index: usize,
    erasing: &Erasing,
    mine: &mut BTreeSet<u64>,
) -> Result<BTreeSet<u64>, LogError> {
    let mut found = BTreeSet::new();
    let _ = visit(&tables.dir, snapshot, index, (0, None), &mut |record| {
        match record.kind {
            Kind::Entries => {
                let (first, entries) = decode_entries(record.raw)?;
                for (number, bytes) in (first..).zip(entries) {
                    let entry = Entry::decode(bytes);
                    let entry = entry.map_err(|_| frames::Flaw::Malformed("an entry"))?;
                    let is_better =
                        matches!(entry.fact, Fact::Detail { of } if mine.contains(&of.0));
                    if is_better || belongs_to_erased(number, &entry, erasing) {
                        mine.insert(number);
                    }
                }
            }
            Kind::Details => {
                let details = decode_details(record.raw)?.into_iter();
                found.extend(details.map(|(number, _)| number).filter(|it| mine.contains(it)));
            }
            _ => (),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Carries a plan out, segment by segment.
pub(super) fn compact(
    tables: &Tables,
    random: &dyn Random,
    plan: &CompactPlan,
    go_on: &mut GoOn<'_>,
) -> Result<Compacted, LogError> {
    let mut done = Compacted::default();
    let mut progress = CompactProgress {
        segments_total: plan.segments.len() as u64,
        bytes_total: plan.bytes,
        ..CompactProgress::default()
    };
    for name in &plan.torn {
        tables.dir.remove(name).map_err(io_error)?;
        done.torn += 1;
    }
    if done.torn != 0 {
        tables.dir.sync().map_err(io_error)?;
    }
    for segment in &plan.segments {
        let before = progress.bytes;
        let mut on_bytes = |bytes: u64| {
            progress.bytes = before + bytes;
            go_on(progress)
        };
        if on_bytes(0).is_break() {
            done.is_stopped = true;
            break;
        }
        let Some(rewritten) = rewrite(tables, random, segment, &mut on_bytes)? else {
            done.is_stopped = true;
            break;
        };
        progress.bytes = before + segment.bytes;
        progress.segments += 1;
        done.segments += 1;
        done.blobs += segment.blobs.len() as u64;
        done.details += segment.details.len() as u64;
        done.bytes_freed += segment.bytes.saturating_sub(rewritten);
    }
    let _ = go_on(progress);
    Ok(done)
}

/// The dictionary of a segment that is written anew: its own, when nothing that it was trained on
/// is erased; else the newest one of which that is true.
fn next_dictionary(
    tables: &Tables,
    snapshot: &Snapshot,
    own: Option<&Arc<Dictionary>>,
) -> Result<Option<Arc<Dictionary>>, LogError> {
    let Some(own) = own else { return Ok(None) };
    if train::is_clean(tables, own)? {
        return Ok(Some(Arc::clone(own)));
    }
    for segment in snapshot.segments.iter().rev() {
        let Some(other) = segment.dictionary(&tables.dir)? else { continue };
        if train::is_clean(tables, &other)? {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

type OnBytes<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;

/// Writes one segment anew and puts it into the place of the old one. Returns its new length;
/// `None` when it was told to stop, and then the old one stands as it was.
fn rewrite(
    tables: &Tables,
    random: &dyn Random,
    plan: &SegmentPlan,
    on_bytes: &mut OnBytes<'_>,
) -> Result<Option<u64>, LogError> {
    let snapshot = tables.snapshot();
    let found = snapshot.segments.iter().position(|it| it.number == plan.segment);
    let (Some(index), Some(old)) = (found, found.and_then(|it| snapshot.segments.get(it))) else {
        return Ok(Some(0));
    };
    let Some(next) = snapshot.segments.get(index + 1) else { return Ok(Some(plan.bytes)) };
    let end_state = next.start.state.clone();
    let file = tables.dir.file_of(old).map_err(io_error)?;
    let mut salt = Salt::default();
    random.fill(&mut salt.0);
    let marks = SegmentMarks { is_compacted: true, ..old.marks };
    let previous_end = old.previous_end;
    let (key, casing) = tables.dir.new_casing(salt).map_err(io_error)?;
    let from = old.dictionary(&tables.dir)?;
    let dictionary = next_dictionary(tables, &snapshot, from.as_ref())?;
    let id = dictionary.as_ref().map_or(0, |it| it.id());
    let prelude = Prelude { segment: old.number, salt, previous_end, key, marks, dictionary: id };
    let end = snapshot.end_of(index);
    let mut work =
        Work { old, file: &file, end, plan, prelude, casing, end_state, from, dictionary };
    // Who reads the old file goes on reading it.
    let _ = old.kept.set(Arc::clone(&file));
    let mut outcome = Ok(None);
    let made = tables.dir.make(&segment_name(old.number), |new| {
        outcome = work.write(new, on_bytes);
        match &outcome {
            Ok(Some(_)) => Ok(()),
            _ => Err(std::io::ErrorKind::Interrupted.into()),
        }
    });
    match (outcome?, made) {
        (Some((segment, ids)), Ok(())) => {
            let len = segment.end;
            tables.replace(segment, ids);
            // Who still reads the old file has its key.
            tables.dir.remove_key(old.key).map_err(io_error)?;
            Ok(Some(len))
        }
        (Some(_), Err(error)) => Err(io_error(error)),
        (None, _) => {
            tables.dir.remove_unfinished(&segment_name(old.number)).map_err(io_error)?;
            tables.dir.remove_key(key).map_err(io_error)?;
            Ok(None)
        }
    }
}

/// One segment on its way into another file.
struct Work<'a> {
    old: &'a Arc<Segment>,
    file: &'a SegmentFile,
    end: u64,
    plan: &'a SegmentPlan,
    prelude: Prelude,
    casing: Casing,
    end_state: State,
    /// The dictionary of the old file, and that of the new one.
    from: Option<Arc<Dictionary>>,
    dictionary: Option<Arc<Dictionary>>,
}

impl Work<'_> {
    /// Writes the new file, and reads it back.
    fn write(
        &mut self,
        new: &SegmentFile,
        on_bytes: &mut OnBytes<'_>,
    ) -> Result<Option<(Segment, Ids)>, LogError> {
        let Some(end) = self.copy(new, on_bytes)? else { return Ok(None) };
        let (ids, start) = self.check(new, end)?;
        let (end, footer) = match &self.old.footer {
            None => (self.close(new, end)?, None),
            Some(_) => {
                let (end, footer) = self.footer(new, end, &ids)?;
                (end, Some(footer))
            }
        };
        Ok(Some((Segment::new(&self.prelude, self.casing.clone(), start, end, footer), ids)))
    }

    fn copy(&self, new: &SegmentFile, on_bytes: &mut OnBytes<'_>) -> Result<Option<u64>, LogError> {
        let wrong = log_error(self.old.number);
        let dictionary = self.dictionary.clone();
        let state = &self.old.start.state;
        let mut out = Rewriter::new(&self.prelude, self.casing.clone(), state, dictionary);
        let mut reader = self.old.reader(self.file, self.end, ReadMode::Through);
        let mut at = self.old.start.offset;
        let mut pending = 0;
        while at < self.end {
            let frame = reader.frame(at).map_err(&wrong)?;
            let (end, len) = (frame.end(), frame.header.frame_len());
            if is_footer(&frame) {
                break;
            }
            self.take(&mut out, &frame).map_err(ReadFlaw::at(at)).map_err(&wrong)?;
            at = end;
            pending += usize::try_from(len).unwrap_or(usize::MAX);
            if PIECE_BYTES <= pending {
                pending = 0;
                write(new, out.drain())?;
                if on_bytes(at).is_break() {
                    return Ok(None);
                }
            }
        }
        let end = out.end();
        write(new, out.drain())?;
        Ok(Some(end))
    }

    fn take(&self, out: &mut Rewriter, frame: &Frame<'_>) -> Result<(), frames::Flaw> {
        let kind = frame.header.kind;
        if kind.has_id() {
            let (id, _) = frames::split_id(frame.payload)?;
            if self.plan.blobs.contains(&id) {
                return out.gone(frame);
            }
        }
        match kind {
            Kind::Details => out.details(frame, |number| !self.plan.details.contains(&number)),
            Kind::Commit => out.commit(frame),
            // One that stands between batches says nothing that is not said elsewhere.
            Kind::Close => Ok(()),
            Kind::Pack => out.pack(frame, self.from.as_deref(), &|id| self.plan.blobs.contains(id)),
            _ => out.copy(frame, self.from.as_deref()),
        }
    }

    /// Reads back what was written: the batches must be those of the old file, with the same
    /// hashes. Returns the ids in it, and its start.
    fn check(&self, new: &SegmentFile, end: u64) -> Result<(Ids, Boundary), LogError> {
        let wrong = log_error(self.old.number);
        let mut reader = FrameReader::new(new, self.casing.clone(), end, ReadMode::Through);
        let start = frames::read_start(&mut reader).map_err(&wrong)?;
        let mut chain = Chain::new(start.state.clone());
        let mut ids = Ids::default();
        let mut at = start.offset;
        while at < end {
            let frame = reader.frame(at).map_err(&wrong)?;
            let checked = chain.push(&frame).and_then(|_| note_ids(&frame, &mut ids));
            checked.map_err(ReadFlaw::at(at)).map_err(&wrong)?;
            at = frame.end();
        }
        if *chain.state() == self.end_state && !chain.is_inside() {
            return Ok((ids, start));
        }
        let message = format!("segment {} cannot be compacted: it ends otherwise", self.old.number);
        Err(LogError::new(LogErrorKind::Damaged, message))
    }

    fn close(&self, new: &SegmentFile, end: u64) -> Result<u64, LogError> {
        let bytes = frames::close_frame(self.casing.clone(), end, &self.end_state);
        let len = bytes.len() as u64;
        write(new, (end, bytes))?;
        Ok(end + len)
    }

    fn footer(
        &self,
        new: &SegmentFile,
        end: u64,
        ids: &Ids,
    ) -> Result<(u64, frames::Footer), LogError> {
        let wrong = log_error(self.old.number);
        let place = Place { casing: self.casing.clone(), offset: end, prefix: Vec::new() };
        let mut writer = FooterWriter::new(place, self.end_state.batch, self.old.first_entry());
        let mut reader = FrameReader::new(new, self.casing.clone(), end, ReadMode::Hopping);
        let mut at = frames::read_start(&mut reader).map_err(&wrong)?.offset;
        while at < end {
            let header = reader.header(at).map_err(&wrong)?;
            if matches!(header.kind, Kind::Entries | Kind::Details | Kind::Commit) {
                let frame = reader.frame(at).map_err(&wrong)?;
                writer.take(&frame).map_err(ReadFlaw::at(at)).map_err(&wrong)?;
            }
            at += header.frame_len();
        }
        let mut sorted: Vec<(BlobId, IdRecord)> = ids.iter().map(|it| (*it.0, *it.1)).collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        let (offset, bytes, footer) = writer.finish(&sorted, &self.end_state);
        let end = offset + bytes.len() as u64;
        write(new, (offset, bytes))?;
        Ok((end, footer))
    }
}

fn is_footer(frame: &Frame<'_>) -> bool {
    matches!(frame.header.kind, Kind::FooterRun | Kind::FooterIds | Kind::FooterFilter)
}

fn note_ids(frame: &Frame<'_>, ids: &mut Ids) -> Result<(), frames::Flaw> {
    for (id, place) in blob_places(&frame.header, frame.offset, frame.payload)? {
        merge(ids.entry(id).or_default(), IdRecord { place: Some(place), placed: None });
    }
    if frame.header.kind == Kind::Entries { note_placed(frame, ids) } else { Ok(()) }
}

fn write(file: &SegmentFile, (offset, bytes): (u64, Vec<u8>)) -> Result<(), LogError> {
    if bytes.is_empty() { Ok(()) } else { file.write_at(&bytes, offset).map_err(io_error) }
}
