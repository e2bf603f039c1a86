//! Entries and details in order, as views read them: from the run of a sealed segment, from the
//! frames of others, and always whole batches.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use frames::{Commit, Flaw, Kind, ReadFlaw, ReadMode, decode_body, decode_details, decode_entries};
use ledger::{Detail, Entry};
use ports::LogError;
use types::{Hash, Position};

use super::dir::SegmentDir;
use super::error::{io_error, log_error};
use super::segment::{Segment, Snapshot};
use super::tables::Tables;

/// Some entries of a log, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EntryRun {
    /// Number of the first.
    pub first: u64,
    /// The entries, whole batches, each with its detail if it has one that is not erased.
    pub items: Vec<(Entry, Option<Detail>)>,
    /// The log behind the last of them.
    pub position: Position,
}

/// Where a reading of entries stopped, so that the next one need not walk there again.
#[derive(Default)]
pub(super) struct Resume(Mutex<Option<ResumeAt>>);

#[derive(Clone, Copy)]
struct ResumeAt {
    entries: u64,
    segment: u32,
    offset: u64,
}

impl Resume {
    fn get(&self, segment: u32, entries: u64) -> Option<u64> {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.filter(|it| it.segment == segment && it.entries == entries).map(|it| it.offset)
    }

    fn set(&self, at: ResumeAt) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

/// A record of a segment: an `Entries`, `Details` or `Commit` payload, decoded.
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) raw: &'a [u8],
    /// Behind its frame.
    pub(super) end: u64,
}

/// What a visitor of records says: go on, or it has enough.
pub(super) type Visit = Result<ControlFlow<()>, Flaw>;

/// The same, with the number of the entry behind which the visitor stands.
pub(super) type Walk = Result<(ControlFlow<()>, u64), Flaw>;

/// Reads whole batches from entry `from` on, until they are about `bytes_max` bytes.
pub(super) fn read_entries(
    tables: &Tables,
    resume: &Resume,
    from: u64,
    bytes_max: usize,
) -> Result<EntryRun, LogError> {
    let mut reading = Reading::new(from, bytes_max, tables.position());
    walk(tables, resume, from, &mut |record| {
        let flow = reading.take(record)?;
        Ok((flow, reading.run.position.entries))
    })?;
    Ok(reading.run)
}

/// Shows records to `visitor` from those of the batch that holds entry `from` on, until it has
/// enough. It also says behind which entry it stands then, which `resume` keeps.
pub(super) fn walk(
    tables: &Tables,
    resume: &Resume,
    from: u64,
    visitor: &mut dyn FnMut(&Record<'_>) -> Walk,
) -> Result<(), LogError> {
    let snapshot = tables.snapshot();
    for (index, segment) in snapshot.segments.iter().enumerate() {
        let first_of_next = snapshot.segments.get(index + 1).map(|it| it.first_entry());
        if first_of_next.is_some_and(|next| next <= from) {
            continue;
        }
        let start = resume.get(segment.number, from);
        let mut stopped = None;
        let flow = visit(&tables.dir, &snapshot, index, (from, start), &mut |record| {
            let (flow, entries) = visitor(record)?;
            if flow.is_break() {
                stopped = Some((entries, record.end));
            }
            Ok(flow)
        })?;
        if flow.is_break() {
            if let (Some((entries, offset)), None) = (stopped, &segment.footer) {
                resume.set(ResumeAt { entries, segment: segment.number, offset });
            }
            break;
        }
    }
    Ok(())
}

/// The Merkle root over the first `entries` entries, when a batch ends there.
pub(super) fn root_at(
    dir: &SegmentDir,
    snapshot: &Snapshot,
    entries: u64,
) -> Result<Option<Hash>, LogError> {
    for (index, segment) in snapshot.segments.iter().enumerate() {
        if segment.first_entry() == entries {
            return Ok(Some(segment.start.state.position().root));
        }
        let first_of_next = snapshot.segments.get(index + 1).map(|it| it.first_entry());
        if first_of_next.is_some_and(|next| next < entries) || entries < segment.first_entry() {
            continue;
        }
        let mut root = None;
        let from = (entries.saturating_sub(1), None);
        let _ = visit(dir, snapshot, index, from, &mut |record| {
            if record.kind != Kind::Commit {
                return Ok(ControlFlow::Continue(()));
            }
            let position = Commit::decode(record.raw)?.position;
            if position.entries < entries {
                return Ok(ControlFlow::Continue(()));
            }
            root = Some(position.root).filter(|_| position.entries == entries);
            Ok(ControlFlow::Break(()))
        })?;
        if root.is_some() {
            return Ok(root);
        }
    }
    Ok(None)
}

struct Reading {
    from: u64,
    bytes_max: usize,
    bytes: usize,
    run: EntryRun,
    /// Entries of a batch whose commit has not come, and the number of the first.
    batch: Vec<(Entry, Option<Detail>)>,
    batch_first: u64,
}

impl Reading {
    fn new(from: u64, bytes_max: usize, end: Position) -> Reading {
        let run = EntryRun { first: from, items: Vec::new(), position: end };
        Reading { from, bytes_max, bytes: 0, run, batch: Vec::new(), batch_first: 0 }
    }

    fn take(&mut self, record: &Record<'_>) -> Visit {
        match record.kind {
            Kind::Entries => self.entries(record.raw)?,
            Kind::Details => self.details(record.raw)?,
            _ => return self.commit(record.raw),
        }
        self.bytes += record.raw.len();
        Ok(ControlFlow::Continue(()))
    }

    fn entries(&mut self, raw: &[u8]) -> Result<(), Flaw> {
        let (first, entries) = decode_entries(raw)?;
        if self.batch.is_empty() {
            self.batch_first = first;
        }
        for bytes in entries {
            let entry = Entry::decode(bytes).map_err(|_| Flaw::Malformed("an entry"))?;
            self.batch.push((entry, None));
        }
        Ok(())
    }

    fn details(&mut self, raw: &[u8]) -> Result<(), Flaw> {
        for (number, bytes) in decode_details(raw)? {
            let at = number.checked_sub(self.batch_first).and_then(|it| usize::try_from(it).ok());
            let item = at.and_then(|it| self.batch.get_mut(it));
            let (_, detail) = item.ok_or(Flaw::Malformed("a detail's entry number"))?;
            *detail = Some(Detail::decode(bytes).map_err(|_| Flaw::Malformed("a detail"))?);
        }
        Ok(())
    }

    fn commit(&mut self, raw: &[u8]) -> Visit {
        let position = Commit::decode(raw)?.position;
        let batch = std::mem::take(&mut self.batch);
        if position.entries <= self.from {
            self.bytes = 0;
            return Ok(ControlFlow::Continue(()));
        }
        let known = self.from.saturating_sub(self.batch_first);
        let skip = if self.run.items.is_empty() { known } else { 0 };
        self.run.items.extend(batch.into_iter().skip(usize::try_from(skip).unwrap_or(0)));
        self.run.position = position;
        let enough = self.bytes_max <= self.bytes && !self.run.items.is_empty();
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Shows the records of a segment to `visitor`, beginning no later than with those of the batch
/// that holds entry `from.0`, or at the offset `from.1` where a batch begins.
pub(super) fn visit(
    dir: &SegmentDir,
    snapshot: &Snapshot,
    index: usize,
    from: (u64, Option<u64>),
    visitor: &mut dyn FnMut(&Record<'_>) -> Visit,
) -> Result<ControlFlow<()>, LogError> {
    let Some(segment) = snapshot.segments.get(index) else { return Ok(ControlFlow::Continue(())) };
    let file = dir.file_of(segment).map_err(io_error)?;
    let mut reader = segment.reader(&file, snapshot.end_of(index), ReadMode::Hopping);
    let (entry, start) = from;
    let visited = if segment.footer.is_some() {
        visit_run(&mut reader, segment, entry, visitor)
    } else {
        visit_frames(&mut reader, start.unwrap_or(segment.start.offset), visitor)
    };
    visited.map_err(log_error(segment.number))
}

fn visit_frames(
    reader: &mut frames::FrameReader<'_>,
    start: u64,
    visitor: &mut dyn FnMut(&Record<'_>) -> Visit,
) -> Result<ControlFlow<()>, ReadFlaw> {
    let mut at = start;
    while at < reader.end() {
        let header = reader.header(at)?;
        let kind = header.kind;
        if matches!(kind, Kind::Entries | Kind::Details | Kind::Commit) {
            let frame = reader.frame(at)?;
            let end = frame.end();
            let visited = decode_body(&frame.header, frame.payload)
                .and_then(|raw| visitor(&Record { kind, raw: &raw, end }));
            if visited.map_err(ReadFlaw::at(at))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        at += header.frame_len();
    }
    Ok(ControlFlow::Continue(()))
}

fn visit_run(
    reader: &mut frames::FrameReader<'_>,
    segment: &Segment,
    from: u64,
    visitor: &mut dyn FnMut(&Record<'_>) -> Visit,
) -> Result<ControlFlow<()>, ReadFlaw> {
    let Some(footer) = &segment.footer else { return Ok(ControlFlow::Continue(())) };
    let after = footer.run.partition_point(|(entries, _)| *entries <= from);
    let mut blocks = footer.run.iter().skip(after.saturating_sub(1));
    let Some((_, start)) = blocks.next() else { return Ok(ControlFlow::Continue(())) };
    let mut at = *start;
    while at < footer.ids {
        let frame = reader.frame(at)?;
        let end = frame.end();
        if frame.header.kind != Kind::FooterRun {
            return Err(ReadFlaw::Flaw { offset: at, flaw: Flaw::OutOfOrder });
        }
        let mut visit_block = || -> Visit {
            let block = decode_body(&frame.header, frame.payload)?;
            for (kind, raw) in frames::decode_run(&block)? {
                if visitor(&Record { kind, raw, end })?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        };
        if visit_block().map_err(ReadFlaw::at(at))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        at = end;
    }
    Ok(ControlFlow::Continue(()))
}
