//! What is done to a directory so that a log may be written again.
//!
//! Every step may be the last one before a crash; the next opening goes on:
//! 1. Files that never became segments are removed.
//! 2. After an unclean end, the batches that nobody recorded are copied into a new segment,
//!    which is synced before it has its name. From here on that segment decides what of the old
//!    one counts.
//! 3. What does not count is moved into `NNNNNN.torn`, and only then cut off.

use std::sync::Arc;

use frames::{PRELUDE_BYTES, SegmentMarks, State};
use ports::Random;

use super::create::{copy_batches, create_segment};
use super::dir::{SegmentDir, torn_name};
use super::error::{OpenError, OpenReport, Recovery, TornTail};
use super::open::{End, Found};
use super::segment::{Segment, Snapshot};

/// The last segment of a log that may be written.
pub(super) struct Tip {
    pub(super) segment: Arc<Segment>,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// Where the close frame that it ends with begins.
    pub(super) closed_at: u64,
}

/// A log that may be written.
pub(super) struct Ready {
    pub(super) snapshot: Snapshot,
    pub(super) tip: Tip,
    pub(super) state: State,
    pub(super) report: OpenReport,
}

/// Makes what was found ready for writing.
pub(super) fn make_ready(
    dir: &SegmentDir,
    random: &dyn Random,
    found: Found,
) -> Result<Ready, OpenError> {
    for name in &found.unfinished {
        dir.remove(name)?;
    }
    let (state, _) = found.end.whole();
    let mut report = OpenReport { position: state.position(), ..OpenReport::default() };
    let mut segments: Vec<Arc<Segment>> = found.snapshot.segments.iter().map(Arc::clone).collect();
    let mut tails = found.tails;
    let (end, closed_at) = match found.end {
        End::Empty => {
            // The first append sees to it that the directory's own name is durable.
            dir.create()?;
            let marks = SegmentMarks::default();
            let segment = create_segment(dir, random, 1, 0, marks, &state, None)?;
            let end = segment.end;
            segments.push(Arc::new(segment));
            (end, PRELUDE_BYTES as u64)
        }
        End::Clean { at, end, .. } => (end, at),
        End::Unclean { recorded, whole, n_batches_beyond, len } => {
            let old = segments.pop().ok_or_else(no_segment)?;
            let (next, closed_at, end) = copy_batches(dir, random, &old, &recorded, &whole)?;
            tails.push((old.number, recorded.offset));
            report.recovery = Some(Recovery {
                segment: old.number,
                batches_kept: n_batches_beyond,
                torn_bytes: len.saturating_sub(whole.offset),
            });
            segments.push(Arc::new(ended(&old, recorded.offset)));
            segments.push(Arc::new(next));
            (end, closed_at)
        }
    };
    for (segment, offset) in tails {
        let bytes = dir.set_aside(segment, offset)?;
        if bytes != 0 {
            report.torn.push(TornTail { name: torn_name(segment), segment, offset, bytes });
        }
    }
    let segment = segments.last().map(Arc::clone).ok_or_else(no_segment)?;
    let snapshot = Snapshot { segments: Arc::new(segments), tip_end: end };
    Ok(Ready { snapshot, tip: Tip { segment, end, closed_at }, state, report })
}

/// A segment that nothing is appended to any more.
fn ended(old: &Segment, end: u64) -> Segment {
    old.ended(end, None)
}

fn no_segment() -> OpenError {
    OpenError::new(super::error::OpenErrorKind::Io, "the log has no segment")
}
