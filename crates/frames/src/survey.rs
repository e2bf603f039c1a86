//! Recovery over bytes: what in a segment that ended uncleanly is whole, what was recorded, and
//! whether the rest can be a torn tail.
//!
//! Rules:
//! - A batch is whole when every frame, the hash chain and the Merkle root match.
//! - The writer writes on only behind bytes that were synced. So whatever is wrong and has
//!   anything written later behind it is damage, and never a torn tail.
//! - Deciding what to do about it is the caller's business; nothing here changes a byte.

use std::io;

use types::Position;

use crate::batch::Step;
use crate::header::{HEADER_LEN, batch_low};
use crate::prelude::PRELUDE_BYTES;
use crate::{
    Chain, Close, Commit, Dictionary, Flaw, Footer, FrameReader, Header, Kind, ReadFlaw, State,
};

/// What is recorded elsewhere of the segment that is surveyed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// At least this many entries of the log were durable.
    pub entries: u64,
    /// At least the batches up to this number were durable.
    pub batch: u64,
    /// At least this many bytes of this segment were durable.
    pub end: u64,
    /// Numbers of entries whose Merkle root is asked for.
    pub positions: Vec<u64>,
}

/// A place between two frames, and the state of the log there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Boundary {
    /// Where.
    pub offset: u64,
    /// The log up to there.
    pub state: State,
}

/// What a segment holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// Behind the last whole batch, close frame or footer.
    pub whole: Boundary,
    /// The first boundary by which everything wanted is there; `None` when the whole batches do
    /// not reach that far.
    pub recorded: Option<Boundary>,
    /// How many whole batches lie between the two.
    pub n_batches_beyond: u64,
    /// The asked positions that are the end of a batch here, with their roots.
    pub positions: Vec<Position>,
    /// Whether the bytes end with a close frame; with its footer when the segment is sealed.
    pub closed: Option<Option<Footer>>,
    /// What stopped the survey before the end of the bytes, and where.
    pub flaw: Option<(u64, Flaw)>,
    /// Where something stands behind the flaw that was written later than what is flawed: the
    /// flaw is damage.
    pub later: Option<u64>,
}

/// Reads the close frame behind the prelude: the state of the log where the segment begins, and
/// the offset of the first frame behind it, and behind the dictionary.
pub fn read_start(reader: &mut FrameReader<'_>) -> Result<Boundary, ReadFlaw> {
    let first = read_state(reader, PRELUDE_BYTES as u64)?;
    match reader.header(first.offset) {
        Ok(header) if header.kind == Kind::Dictionary => {
            read_state(reader, first.offset + header.frame_len())
        }
        // What stands here is for others to judge.
        _ => Ok(first),
    }
}

/// Reads the dictionary of a segment; `None` when it has none.
pub fn read_dictionary(reader: &mut FrameReader<'_>) -> Result<Option<Dictionary>, ReadFlaw> {
    let first = read_state(reader, PRELUDE_BYTES as u64)?;
    if first.offset == reader.end() {
        return Ok(None);
    }
    let frame = reader.frame(first.offset)?;
    if frame.header.kind != Kind::Dictionary {
        return Ok(None);
    }
    let dictionary = Dictionary::decode(&frame.header, frame.payload);
    dictionary.map(Some).map_err(ReadFlaw::at(first.offset))
}

fn read_state(reader: &mut FrameReader<'_>, offset: u64) -> Result<Boundary, ReadFlaw> {
    let frame = reader.frame(offset)?;
    let end = frame.end();
    match (frame.header.kind, Close::decode(frame.payload)) {
        (Kind::Close, Ok(Close { state, footer: None })) => Ok(Boundary { offset: end, state }),
        (Kind::Close, Err(flaw)) => Err(ReadFlaw::Flaw { offset, flaw }),
        _ => Err(ReadFlaw::Flaw { offset, flaw: Flaw::OutOfOrder }),
    }
}

/// Reads the close frame that the bytes end with, and where it begins. `None` when they end with
/// something else: the end was not clean.
pub fn read_end(reader: &mut FrameReader<'_>) -> io::Result<Option<(u64, Close)>> {
    let end = reader.end();
    let Some(at) = end.checked_sub(4) else { return Ok(None) };
    let Some(frame_len) = reader.bytes(at, 4)?.first_chunk::<4>() else { return Ok(None) };
    let frame_len = u64::from(u32::from_le_bytes(*frame_len));
    let Some(offset) = end.checked_sub(frame_len).filter(|it| PRELUDE_BYTES as u64 <= *it) else {
        return Ok(None);
    };
    let close = match reader.frame(offset) {
        Ok(frame) if frame.header.kind == Kind::Close && frame.end() == end => {
            Close::decode(frame.payload).ok()
        }
        Ok(_) | Err(ReadFlaw::Flaw { .. }) => None,
        Err(ReadFlaw::Io(error)) => return Err(error),
    };
    let fits = |it: &Close| it.footer.as_ref().is_none_or(|footer| footer.fits(offset));
    Ok(close.filter(fits).map(|it| (offset, it)))
}

/// Surveys a segment from its start to the end of the reader's bytes.
///
/// Fails when the disk fails, or the start of the segment is damaged: that was synced before the
/// segment had its name.
pub fn survey(reader: &mut FrameReader<'_>, wanted: &Wanted) -> Result<Survey, ReadFlaw> {
    let start = read_start(reader)?;
    let mut walk = Walk::new(start, wanted);
    let mut offset = walk.whole.offset;
    let mut flaw = None;
    while offset < reader.end() {
        match reader.frame(offset) {
            Ok(frame) => match walk.take(&frame) {
                Ok(()) => offset = frame.end(),
                Err(wrong) => flaw = Some((offset, wrong)),
            },
            Err(ReadFlaw::Flaw { flaw: wrong, .. }) => flaw = Some((offset, wrong)),
            Err(ReadFlaw::Io(error)) => return Err(error.into()),
        }
        if flaw.is_some() {
            break;
        }
    }
    let later = match flaw {
        Some((at, _)) => find_later(reader, at, walk.chain.state())?,
        None => None,
    };
    let at_end = walk.whole.offset == reader.end();
    let closed = walk.closed.filter(|_| at_end);
    Ok(Survey {
        whole: walk.whole,
        recorded: walk.recorded,
        n_batches_beyond: walk.n_batches_beyond,
        positions: walk.positions,
        closed,
        flaw,
        later,
    })
}

struct Walk<'a> {
    wanted: &'a Wanted,
    chain: Chain,
    whole: Boundary,
    recorded: Option<Boundary>,
    n_batches_beyond: u64,
    positions: Vec<Position>,
    closed: Option<Option<Footer>>,
}

impl<'a> Walk<'a> {
    fn new(start: Boundary, wanted: &'a Wanted) -> Walk<'a> {
        let mut walk = Walk {
            wanted,
            chain: Chain::new(start.state.clone()),
            whole: start,
            recorded: None,
            n_batches_beyond: 0,
            positions: Vec::new(),
            closed: Some(None),
        };
        walk.note_boundary();
        walk.note_position();
        walk
    }

    fn take(&mut self, frame: &crate::Frame<'_>) -> Result<(), Flaw> {
        let step = self.chain.push(frame)?;
        if step == Step::Inside {
            return Ok(());
        }
        self.whole = Boundary { offset: frame.end(), state: self.chain.state().clone() };
        self.closed = None;
        match step {
            Step::Committed(_) => {
                self.n_batches_beyond += u64::from(self.recorded.is_some());
                self.note_position();
            }
            Step::Closed(footer) => self.closed = Some(footer),
            Step::Inside => (),
        }
        self.note_boundary();
        Ok(())
    }

    fn note_boundary(&mut self) {
        let Boundary { offset, state } = &self.whole;
        let enough = self.wanted.entries <= state.tree.size()
            && self.wanted.batch <= state.batch
            && self.wanted.end <= *offset;
        if self.recorded.is_none() && enough {
            self.recorded = Some(self.whole.clone());
        }
    }

    fn note_position(&mut self) {
        let size = self.whole.state.tree.size();
        if self.wanted.positions.contains(&size) {
            self.positions.push(self.whole.state.position());
        }
    }
}

/// Looks behind a flaw at `from` for anything that was written later than the batch behind
/// `state`, which is the first that may be flawed.
fn find_later(reader: &mut FrameReader<'_>, from: u64, state: &State) -> io::Result<Option<u64>> {
    let mut at = from + 1;
    while let Some((offset, header)) = reader.find_header(at)? {
        if is_later(reader, from, state, offset, &header)? {
            return Ok(Some(offset));
        }
        at = offset + HEADER_LEN;
    }
    Ok(None)
}

fn is_later(
    reader: &mut FrameReader<'_>,
    flaw_at: u64,
    state: &State,
    offset: u64,
    header: &Header,
) -> io::Result<bool> {
    // Numbers wrap; what stands in one tail is never half the circle apart.
    let ahead = header.batch.wrapping_sub(batch_low(state.batch.wrapping_add(1)));
    match ahead {
        0 if !header.kind.is_content() => Ok(true),
        0 if header.kind == Kind::Commit => is_whole_behind(reader, flaw_at, state, offset),
        0 => Ok(false),
        1..0x8000 => Ok(true),
        _ => Ok(false),
    }
}

/// Whether the commit frame at `offset` ends a whole batch that begins behind `flaw_at`. Then the
/// flaw is none of this batch: it was synced before this batch was written.
fn is_whole_behind(
    reader: &mut FrameReader<'_>,
    flaw_at: u64,
    state: &State,
    offset: u64,
) -> io::Result<bool> {
    let commit = match reader.frame(offset) {
        Ok(frame) => Commit::decode(frame.payload).ok(),
        Err(ReadFlaw::Flaw { .. }) => None,
        Err(ReadFlaw::Io(error)) => return Err(error),
    };
    let start = commit.and_then(|it| offset.checked_sub(it.bytes));
    let Some(start) = start.filter(|it| flaw_at < *it) else { return Ok(false) };
    let mut chain = Chain::new(state.clone());
    let mut at = start;
    while at <= offset {
        match reader.frame(at) {
            Ok(frame) if chain.push(&frame).is_ok() => at = frame.end(),
            Ok(_) | Err(ReadFlaw::Flaw { .. }) => return Ok(false),
            Err(ReadFlaw::Io(error)) => return Err(error),
        }
    }
    Ok(chain.state().batch == state.batch.wrapping_add(1))
}
