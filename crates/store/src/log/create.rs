//! New segments: whole and durable before they have their name.

use std::sync::Arc;

use frames::{
    Boundary, Casing, Dictionary, Frame, Prelude, Salt, SegmentMarks, State, close_frame,
    copy_frame, segment_start,
};
use ports::Random;

use super::dir::{SegmentDir, SegmentFile, segment_name};
use super::error::OpenError;
use super::segment::Segment;

/// Copied frames are written in pieces of about this many bytes.
const PIECE_BYTES: usize = 4 << 20;

/// Makes segment `number`, which goes on from `state`; of the segment before, `previous_end`
/// bytes count.
pub(super) fn create_segment(
    dir: &SegmentDir,
    random: &dyn Random,
    number: u32,
    previous_end: u64,
    marks: SegmentMarks,
    state: &State,
    dictionary: Option<&Arc<Dictionary>>,
) -> std::io::Result<Segment> {
    let salt = new_salt(random);
    let (key, casing) = dir.new_casing(salt)?;
    let id = dictionary.map_or(0, |it| it.id());
    let prelude = Prelude { segment: number, salt, previous_end, key, marks, dictionary: id };
    let bytes = segment_start(&prelude, casing.seal.as_ref(), state, dictionary.map(AsRef::as_ref));
    dir.make(&segment_name(number), |file| file.write_at(&bytes, 0))?;
    Ok(new_segment(&prelude, casing, state, bytes.len() as u64))
}

pub(super) fn new_salt(random: &dyn Random) -> Salt {
    let mut salt = Salt::default();
    random.fill(&mut salt.0);
    salt
}

fn new_segment(prelude: &Prelude, casing: Casing, state: &State, offset: u64) -> Segment {
    let start = Boundary { offset, state: state.clone() };
    Segment::new(prelude, casing, start, offset, None)
}

/// Makes the segment behind `old`: it takes over the whole batches from `from` to `to`, and ends
/// cleanly. Returns it, where its last close frame begins, and its length.
pub(super) fn copy_batches(
    dir: &SegmentDir,
    random: &dyn Random,
    old: &Segment,
    from: &Boundary,
    to: &Boundary,
) -> Result<(Segment, u64, u64), OpenError> {
    let number = old.number + 1;
    let salt = new_salt(random);
    let (key, casing) = dir.new_casing(salt)?;
    // Batches of erasure that come first in the old one may come first in this one.
    let marks = SegmentMarks { is_compacted: false, ..old.marks };
    // What is copied is compressed with the dictionary of the old one.
    let dictionary = old.dictionary(dir).map_err(OpenError::from_log)?;
    let id = dictionary.as_ref().map_or(0, |it| it.id());
    let previous_end = from.offset;
    let prelude = Prelude { segment: number, salt, previous_end, key, marks, dictionary: id };
    let seal = casing.seal.as_ref();
    let start = segment_start(&prelude, seal, &from.state, dictionary.as_deref());
    let segment = new_segment(&prelude, casing.clone(), &from.state, start.len() as u64);
    let source = dir.file(old.number)?;
    let mut reader = old.reader(&source, to.offset, frames::ReadMode::Through);
    let mut flaw = None;
    let (mut closed_at, mut len) = (0, 0);
    dir.make(&segment_name(number), |file| {
        let mut pieces = Pieces { file, casing: &casing, offset: 0, bytes: start };
        let mut at = from.offset;
        while at < to.offset {
            let frame = match reader.frame(at) {
                Ok(frame) => frame,
                Err(error) => {
                    flaw = Some(error);
                    return Err(std::io::ErrorKind::InvalidData.into());
                }
            };
            pieces.copy(&frame)?;
            at = frame.end();
        }
        closed_at = pieces.end();
        pieces.bytes.extend(close_frame(casing.clone(), closed_at, &to.state));
        len = pieces.end();
        pieces.flush()
    })
    .map_err(|error| flaw.take().map_or(OpenError::from(error), OpenError::read(old.number)))?;
    Ok((segment, closed_at, len))
}

struct Pieces<'a> {
    file: &'a SegmentFile,
    casing: &'a Casing,
    offset: u64,
    bytes: Vec<u8>,
}

impl Pieces<'_> {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Takes a frame over. Close frames are left out: a new one comes at the end.
    fn copy(&mut self, frame: &Frame<'_>) -> std::io::Result<()> {
        if frame.header.kind.is_content() {
            self.bytes.extend(copy_frame(self.casing.clone(), self.end(), frame));
        }
        if PIECE_BYTES <= self.bytes.len() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_at(&self.bytes, self.offset)?;
        self.offset = self.end();
        self.bytes.clear();
        Ok(())
    }
}
