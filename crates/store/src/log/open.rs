//! Opening: what the directory holds, whether it is whole as far as it was recorded, and what
//! recovery must do. Nothing here changes anything; [`recover`](super::recover) does.
//!
//! Rules:
//! - A segment has its name only once its start is durable, and the next one says how many of
//!   its bytes count. So only the last segment can have ended uncleanly.
//! - Below every recorded position, what is missing or wrong is damage or a rollback.
//! - A log that was closed is opened without a scan.

use std::io;
use std::sync::Arc;

use frames::{
    Boundary, Close, Flaw, FrameReader, Mark, PRELUDE_BYTES, Prelude, ReadMode, State, Survey,
    Wanted, read_end, read_start, survey,
};
use types::Position;

use super::Recorded;
use super::dir::{SegmentDir, SegmentFile};
use super::entries::root_at;
use super::error::{OpenError, OpenErrorKind};
use super::mark_file::read_mark;
use super::segment::{Segment, Snapshot};

/// How the ack mark is called in messages.
const MARK: &str = "the ack mark";

/// What stands in a directory of segments.
pub(super) struct Found {
    /// The segments, and where the last whole batch of the last one ends.
    pub(super) snapshot: Snapshot,
    /// Segments that are longer than what the next one says of them, with what counts.
    pub(super) tails: Vec<(u32, u64)>,
    /// The end of the log.
    pub(super) end: End,
    /// Names of files that never became segments.
    pub(super) unfinished: Vec<String>,
}

/// How the last segment ends.
pub(super) enum End {
    /// There is no segment.
    Empty,
    /// It was closed. `at` is where its last close frame begins.
    Clean { at: u64, end: u64, state: State },
    /// It was not.
    Unclean {
        /// The whole batches up to here were recorded by somebody.
        recorded: Boundary,
        /// Whole batches reach up to here.
        whole: Boundary,
        /// How many batches lie between.
        n_batches_beyond: u64,
        /// Length of the file.
        len: u64,
    },
}

impl End {
    /// The log up to its last whole batch, and where that ends in the last segment.
    pub(super) fn whole(&self) -> (State, u64) {
        match self {
            End::Empty => (State::default(), 0),
            End::Clean { end, state, .. } => (state.clone(), *end),
            End::Unclean { whole, .. } => (whole.state.clone(), whole.offset),
        }
    }
}

/// Looks at a directory of segments, and holds it against what is recorded.
pub(super) fn inspect(dir: &SegmentDir, recorded: &[Recorded]) -> Result<Found, OpenError> {
    let listing = dir.list()?;
    let mark = read_mark(dir)?;
    let mut recorded = recorded.to_vec();
    recorded.extend(mark.map(|it| Recorded { who: MARK, position: it.position }));
    let unfinished = listing.unfinished;
    if listing.segments.is_empty() {
        // A mark is written only behind a segment that is durable.
        let shorter = recorded.iter().find(|it| it.position.entries != 0 || it.who == MARK);
        let snapshot = Snapshot { segments: Arc::default(), tip_end: 0 };
        return match shorter {
            Some(it) => Err(rollback(it, 0)),
            None => Ok(Found { snapshot, tails: Vec::new(), end: End::Empty, unfinished }),
        };
    }
    let (mut segments, tails) = read_segments(dir, &listing.segments)?;
    check_mark_segment(&segments, mark.as_ref())?;
    let end = match segments.last_mut() {
        Some(last) => inspect_last(dir, last, mark.as_ref(), &recorded)?,
        None => End::Empty,
    };
    let segments = Arc::new(segments.into_iter().map(Arc::new).collect());
    let snapshot = Snapshot { segments, tip_end: end.whole().1 };
    let found = Found { snapshot, tails, end, unfinished };
    check_recorded(dir, &found, &recorded)?;
    Ok(found)
}

/// Whether the last segment ends with a close frame that a session wrote at its end.
pub(super) fn was_closed(dir: &SegmentDir, snapshot: &Snapshot) -> Option<bool> {
    let mut latest = snapshot.segments.iter().rev();
    let last = latest.next()?;
    // Recovery ends its segment with a close frame, too; then the one before has no footer.
    let is_told = last.footer.is_none() && latest.next().is_none_or(|it| it.footer.is_some());
    if !is_told || snapshot.tip_end <= last.start.offset {
        return None;
    }
    let file = dir.file(last.number).ok()?;
    let mut reader = last.reader(&file, snapshot.tip_end, ReadMode::Hopping);
    read_end(&mut reader).ok().map(|it| it.is_some())
}

fn rollback(recorded: &Recorded, entries: u64) -> OpenError {
    let Recorded { who, position } = recorded;
    let what = format!(
        "the log ends earlier than {who} recorded, behind {entries} entries instead of {}: \
         it may be an older copy",
        position.entries
    );
    OpenError::new(OpenErrorKind::Rollback, what).recorded_by(who)
}

fn other_history(recorded: &Recorded) -> OpenError {
    let Recorded { who, position } = recorded;
    let what =
        format!("what {who} recorded of the first {} entries is not in this log", position.entries);
    OpenError::new(OpenErrorKind::OtherHistory, what).recorded_by(who)
}

type Tails = Vec<(u32, u64)>;

/// Reads the ends of all segments, and checks that each goes on where the one before stopped.
fn read_segments(dir: &SegmentDir, numbers: &[u32]) -> Result<(Vec<Segment>, Tails), OpenError> {
    let mut segments: Vec<Segment> = Vec::with_capacity(numbers.len());
    let mut tails = Vec::new();
    for (number, present) in (1u32..).zip(numbers) {
        if number != *present {
            let what = format!("segment {number} is missing");
            return Err(OpenError::new(OpenErrorKind::Damaged, what));
        }
        let segment = read_segment(dir, number)?;
        let previous_end = segment.previous_end;
        match segments.last_mut() {
            Some(previous) => {
                if end_segment(dir, previous, previous_end, &segment.start.state)? {
                    tails.push((previous.number, previous.end));
                }
            }
            None if previous_end == 0 => (),
            None => return Err(OpenError::flaw(number, 0, &Flaw::Mismatch("the prelude"))),
        }
        segments.push(segment);
    }
    Ok((segments, tails))
}

fn read_segment(dir: &SegmentDir, number: u32) -> Result<Segment, OpenError> {
    let file = dir.file(number)?;
    let bytes = file.read_vec(0, PRELUDE_BYTES)?;
    let flaw = |flaw: Flaw| OpenError::flaw(number, 0, &flaw);
    let prelude = Prelude::decode(&bytes).map_err(flaw)?;
    if prelude.segment != number {
        return Err(flaw(Flaw::Mismatch("the number in the prelude")));
    }
    let len = file.len()?;
    let casing = match dir.casing(&prelude) {
        // Compaction has put another file into its place, and removed the key of this one.
        Err(_) if is_another(dir, &prelude)? => return read_segment(dir, number),
        casing => casing?,
    };
    let mut reader = FrameReader::new(&*file, casing.clone(), len, ReadMode::Hopping);
    let start = read_start(&mut reader).map_err(OpenError::read(number))?;
    let end = start.offset;
    Ok(Segment::new(&prelude, casing, start, end, None))
}

/// Whether another file than that of this prelude has the name of the segment by now.
fn is_another(dir: &SegmentDir, prelude: &Prelude) -> io::Result<bool> {
    dir.forget(prelude.segment);
    let now = Prelude::decode(&dir.file(prelude.segment)?.read_vec(0, PRELUDE_BYTES)?);
    Ok(now.is_ok_and(|it| it.salt != prelude.salt))
}

/// Sets the end of a segment to what the next one says, whose state must be that of this one.
/// Returns whether the file is longer.
fn end_segment(
    dir: &SegmentDir,
    segment: &mut Segment,
    end: u64,
    state: &State,
) -> Result<bool, OpenError> {
    let number = segment.number;
    let file = dir.file(number)?;
    let len = file.len()?;
    // Compaction has made it shorter than the next one knows. It was whole before it had its name.
    let end = if segment.marks.is_compacted { len } else { end };
    if len < end || end < segment.start.offset {
        return Err(OpenError::flaw(number, len.min(end), &Flaw::Short));
    }
    let mut reader = segment.reader(&file, end, ReadMode::Hopping);
    if let Some((offset, close)) = read_end(&mut reader)? {
        if close.state != *state {
            return Err(OpenError::flaw(number + 1, offset, &Flaw::Mismatch("the first state")));
        }
        segment.footer = close.footer;
    } else if segment.marks.is_compacted {
        return Err(OpenError::flaw(number, len, &Flaw::Short));
    }
    segment.end = end;
    Ok(end < len)
}

/// The mark names a segment, and how many of its bytes were durable.
fn check_mark_segment(segments: &[Segment], mark: Option<&Mark>) -> Result<(), OpenError> {
    let Some(mark) = mark else { return Ok(()) };
    let last = segments.last().map_or(0, |it| it.number);
    let recorded = Recorded { who: MARK, position: mark.position };
    if last < mark.segment {
        let what = format!("segment {} was written and is not there", mark.segment);
        return Err(OpenError::new(OpenErrorKind::Rollback, what).recorded_by(MARK));
    }
    let earlier = segments.iter().find(|it| it.number == mark.segment && it.number != last);
    match earlier {
        Some(it) if it.end < mark.end && !it.marks.is_compacted => Err(other_history(&recorded)),
        _ => Ok(()),
    }
}

/// Finds out how the last segment ends, and that it holds what was recorded.
fn inspect_last(
    dir: &SegmentDir,
    last: &mut Segment,
    mark: Option<&Mark>,
    recorded: &[Recorded],
) -> Result<End, OpenError> {
    let file = dir.file(last.number)?;
    let len = file.len()?;
    let mark = mark.filter(|it| it.segment == last.number);
    let mut reader = last.reader(&file, len, ReadMode::Hopping);
    let ended = read_end(&mut reader)?;
    let is_confirmed = mark.is_some_and(|it| it.end == len);
    let has_footer = ended.as_ref().is_some_and(|(_, close)| close.footer.is_some());
    // A footer whose sync nobody heard of may have lost pages before its last one.
    let is_whole = !has_footer || is_confirmed || is_sound(last, &file, len)?;
    if let Some((at, Close { state, footer })) = ended.filter(|_| is_whole) {
        check_mark(mark, &state, len)?;
        last.end = len;
        last.footer = footer;
        return Ok(End::Clean { at, end: len, state });
    }
    let sizes = recorded.iter().map(|it| it.position.entries);
    let wanted = Wanted {
        entries: sizes.clone().max().unwrap_or(0),
        batch: mark.map_or(0, |it| it.batch),
        end: mark.map_or(0, |it| it.end),
        positions: sizes.collect(),
    };
    let mut reader = last.reader(&file, len, ReadMode::Through);
    let survey = survey(&mut reader, &wanted).map_err(OpenError::read(last.number))?;
    judge(last, survey, &wanted, len, recorded)
}

/// Whether every frame of a segment is whole.
fn is_sound(segment: &Segment, file: &SegmentFile, len: u64) -> Result<bool, OpenError> {
    let mut reader = segment.reader(file, len, ReadMode::Through);
    let survey =
        survey(&mut reader, &Wanted::default()).map_err(OpenError::read(segment.number))?;
    Ok(survey.flaw.is_none())
}

/// A log that was closed must not end before its mark, and have its hash.
fn check_mark(mark: Option<&Mark>, state: &State, len: u64) -> Result<(), OpenError> {
    let Some(mark) = mark else { return Ok(()) };
    let recorded = Recorded { who: MARK, position: mark.position };
    if len < mark.end || state.batch < mark.batch {
        return Err(rollback(&recorded, state.tree.size()));
    }
    if state.batch == mark.batch && state.hash != mark.hash {
        return Err(other_history(&recorded));
    }
    Ok(())
}

/// Tells a torn tail from damage and from a rollback.
fn judge(
    last: &Segment,
    survey: Survey,
    wanted: &Wanted,
    len: u64,
    recorded: &[Recorded],
) -> Result<End, OpenError> {
    let Survey { whole, n_batches_beyond, flaw, later, positions, .. } = survey;
    if let (Some((offset, flaw)), Some(later)) = (&flaw, later) {
        let because = format!("what stands at offset {later} was written later");
        return Err(OpenError::flaw(last.number, *offset, flaw).because(&because));
    }
    let Some(boundary) = survey.recorded else {
        // Bytes that only end early were there once; others are wrong.
        return Err(match flaw {
            Some((offset, flaw)) if flaw != Flaw::Short => {
                let because = format!("{} entries were durable", wanted.entries);
                OpenError::flaw(last.number, offset, &flaw).because(&because)
            }
            _ => {
                let entries = whole.state.tree.size();
                let furthest = recorded.iter().max_by_key(|it| it.position.entries);
                let zero = Recorded { who: MARK, position: Position::default() };
                rollback(furthest.unwrap_or(&zero), entries)
            }
        });
    };
    for it in recorded.iter().filter(|it| last.first_entry() <= it.position.entries) {
        if it.position.entries != 0 && !positions.contains(&it.position) {
            return Err(other_history(it));
        }
    }
    Ok(End::Unclean { recorded: boundary, whole, n_batches_beyond, len })
}

/// Every recorded position must be one of this log. A survey has checked those of the last
/// segment already, if one was needed.
fn check_recorded(dir: &SegmentDir, found: &Found, recorded: &[Recorded]) -> Result<(), OpenError> {
    let (state, _) = found.end.whole();
    let position = state.position();
    let is_surveyed = matches!(found.end, End::Unclean { .. });
    let last_first = found.snapshot.segments.last().map_or(0, |it| it.first_entry());
    for it in recorded.iter().filter(|it| it.position.entries != 0) {
        let Position { entries, root } = it.position;
        if position.entries < entries {
            return Err(rollback(it, position.entries));
        }
        if is_surveyed && last_first <= entries {
            continue;
        }
        let root_here = if entries == position.entries {
            Some(position.root)
        } else {
            root_at(dir, &found.snapshot, entries).map_err(OpenError::from_log)?
        };
        if root_here != Some(root) {
            return Err(other_history(it));
        }
    }
    Ok(())
}
