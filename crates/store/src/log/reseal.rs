//! A log copied into another directory, under keys of its own: how encryption is turned on.
//!
//! Rules:
//! - What is copied was closed, and is checked frame by frame on the way; entries keep their bytes
//!   and batches their hashes, so the root stays the same.
//! - Each segment is whole and durable before it has its name. A copy that was interrupted goes on
//!   with the segments that are there, if they are copies of those that are there now.
//! - Nothing here changes the log that is copied.

use std::io;

use frames::{
    BlobPlace, Casing, Flaw, FooterWriter, Frame, FrameReader, IdRecord, Kind, PRELUDE_BYTES,
    Place, Prelude, ReadFlaw, ReadMode, Salt, State, blob_places, close_frame, copy_frame,
    recommitted, segment_start,
};
use ports::{Disk, Random};
use std::sync::Arc;
use types::Position;

use super::create::new_salt;
use super::dir::{SegmentDir, SegmentFile, segment_name};
use super::error::{OpenError, OpenErrorKind};
use super::open::{End, inspect};
use super::segment::{Segment, Snapshot};
use super::tables::{Ids, merge, note_placed};
use super::{LogDir, Recorded};

/// Copied frames are written in pieces of about this many bytes.
const PIECE_BYTES: usize = 4 << 20;

/// How far a copy is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CopyProgress {
    /// Bytes of the log that were copied.
    pub bytes: u64,
    /// Bytes that there are.
    pub bytes_total: u64,
}

/// Copies the log in `from`, which was closed, into the directory `to`, which has none or a part
/// of a copy of the same log. Says where the log ends.
pub fn copy_log(
    disk: Arc<dyn Disk>,
    (from, to): (LogDir, LogDir),
    recorded: &[Recorded],
    random: &dyn Random,
    progress: &mut dyn FnMut(CopyProgress),
) -> Result<Position, OpenError> {
    let source = SegmentDir::new(Arc::clone(&disk), from);
    let target = SegmentDir::new(disk, to);
    let found = inspect(&source, recorded)?;
    let End::Clean { state, .. } = &found.end else {
        return Err(OpenError::new(OpenErrorKind::Damaged, "the log was not closed"));
    };
    let snapshot = &found.snapshot;
    let n_segments = snapshot.segments.len();
    let bytes_total = (0..n_segments).map(|it| snapshot.end_of(it)).sum();
    target.create()?;
    let mut copy = Copy { source: &source, target: &target, random, previous_end: 0 };
    let mut bytes = 0;
    for index in 0..n_segments {
        let next = snapshot.segments.get(index + 1);
        let state = next.map_or(state, |it| &it.start.state);
        copy.segment(snapshot, index, state)?;
        bytes += snapshot.end_of(index);
        progress(CopyProgress { bytes, bytes_total });
    }
    Ok(state.position())
}

struct Copy<'a> {
    source: &'a SegmentDir,
    target: &'a SegmentDir,
    random: &'a dyn Random,
    /// How long the copy of the segment before is.
    previous_end: u64,
}

impl Copy<'_> {
    /// Copies one segment, behind which the log has `state`, unless that was done.
    fn segment(
        &mut self,
        snapshot: &Snapshot,
        index: usize,
        state: &State,
    ) -> Result<(), OpenError> {
        let Some(segment) = snapshot.segments.get(index) else { return Ok(()) };
        let end = snapshot.end_of(index);
        let name = segment_name(segment.number);
        let origin = origin_of(segment, end, self.previous_end);
        let origin_name = format!("{:06}.from", segment.number);
        let is_there = self.target.list()?.segments.contains(&segment.number);
        if is_there && self.target.read_note(&origin_name)? == Some(origin.clone()) {
            self.previous_end = self.target.file(segment.number)?.len()?;
            return Ok(());
        }
        if is_there {
            self.target.remove(&name)?;
            self.target.sync()?;
        }
        self.target.make(&origin_name, |file| file.write_at(origin.as_bytes(), 0))?;
        self.previous_end = self.write(segment, end, state)?;
        Ok(())
    }

    /// Writes the copy of a segment, and says how long it is.
    fn write(&self, segment: &Segment, end: u64, state: &State) -> Result<u64, OpenError> {
        let file = self.source.file(segment.number)?;
        let bytes = file.read_vec(0, PRELUDE_BYTES)?;
        let wrong = |flaw: Flaw| OpenError::flaw(segment.number, 0, &flaw);
        let old = Prelude::decode(&bytes).map_err(wrong)?;
        let (salt, previous_end) = (new_salt(self.random), self.previous_end);
        let (key, casing) = self.target.new_casing(salt)?;
        let prelude = Prelude { salt, previous_end, key, ..old };
        let dictionary = segment.dictionary(self.source).map_err(OpenError::from_log)?;
        let mut failed = None;
        let mut len = 0;
        let made = self.target.make(&segment_name(segment.number), |out| {
            let start = segment_start(
                &prelude,
                casing.seal.as_ref(),
                &segment.start.state,
                dictionary.as_deref(),
            );
            let first = start.len() as u64;
            let mut pieces = Pieces { file: out, offset: 0, bytes: start };
            let mut copied = || -> Result<(), ReadFlaw> {
                let mut walk = Walk { segment, file: &file, end, ids: Ids::default() };
                walk.copy_frames(&casing, &mut pieces)?;
                let at = pieces.end();
                if segment.footer.is_some() {
                    walk.write_footer(&casing, first, state, &mut pieces)?;
                } else {
                    pieces.bytes.extend(close_frame(casing.clone(), at, state));
                }
                Ok(pieces.flush()?)
            };
            if let Err(error) = copied() {
                failed = Some(error);
                return Err(io::ErrorKind::InvalidData.into());
            }
            len = pieces.end();
            Ok(())
        });
        match (made, failed) {
            (Ok(()), _) => Ok(len),
            (Err(_), Some(error)) => Err(OpenError::read(segment.number)(error)),
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// What a segment is a copy of, and what it stands behind.
fn origin_of(segment: &Segment, end: u64, previous_end: u64) -> String {
    let Salt(salt) = segment.casing.salt;
    let salt: String = salt.iter().map(|it| format!("{it:02x}")).collect();
    format!("{salt} {end} {previous_end}\n")
}

/// The frames of a segment, one after the other.
struct Walk<'a> {
    segment: &'a Segment,
    file: &'a SegmentFile,
    end: u64,
    /// Ids, with the places that they have in the copy.
    ids: Ids,
}

impl Walk<'_> {
    /// Copies everything but close frames and the footer.
    fn copy_frames(&mut self, casing: &Casing, pieces: &mut Pieces<'_>) -> Result<(), ReadFlaw> {
        let mut reader = self.segment.reader(self.file, self.end, ReadMode::Through);
        let (mut at, mut batch_at) = (self.segment.start.offset, pieces.end());
        while at < self.end {
            let frame = reader.frame(at)?;
            let wrong = ReadFlaw::at(at);
            let offset = pieces.end();
            let kind = frame.header.kind;
            at = frame.end();
            if matches!(kind, Kind::Close | Kind::Dictionary) || is_footer(kind) {
                continue;
            }
            self.note(&frame, offset).map_err(wrong)?;
            if kind == Kind::Commit {
                let wrong = ReadFlaw::at(frame.offset);
                // The same batch, whose frames have another length here.
                let payload = recommitted(frame.payload, offset - batch_at).map_err(wrong)?;
                let commit = Frame { payload: &payload, ..frame };
                pieces.bytes.extend(copy_frame(casing.clone(), offset, &commit));
                batch_at = pieces.end();
            } else {
                pieces.bytes.extend(copy_frame(casing.clone(), offset, &frame));
            }
            if PIECE_BYTES <= pieces.bytes.len() {
                pieces.flush()?;
            }
        }
        Ok(())
    }

    /// Notes which blob stands at `offset` of the copy, and which are placed first.
    fn note(&mut self, frame: &Frame<'_>, offset: u64) -> Result<(), Flaw> {
        for (id, place) in blob_places(&frame.header, offset, frame.payload)? {
            let record = IdRecord { place: Some(BlobPlace { offset, ..place }), placed: None };
            merge(self.ids.entry(id).or_default(), record);
        }
        if frame.header.kind == Kind::Entries { note_placed(frame, &mut self.ids) } else { Ok(()) }
    }

    /// Writes the footer behind the frames of the copy, which begin at `start`: it says what they
    /// say.
    fn write_footer(
        &self,
        casing: &Casing,
        start: u64,
        state: &State,
        pieces: &mut Pieces<'_>,
    ) -> Result<(), ReadFlaw> {
        pieces.flush()?;
        let (file, end) = (pieces.file, pieces.end());
        let place = Place { casing: casing.clone(), offset: end, prefix: Vec::new() };
        let mut writer = FooterWriter::new(place, state.batch, self.segment.first_entry());
        let mut reader = FrameReader::new(file, casing.clone(), end, ReadMode::Hopping);
        let mut at = start;
        let mut pending = 0;
        while at < end {
            let header = reader.header(at)?;
            if matches!(header.kind, Kind::Entries | Kind::Details | Kind::Commit) {
                let frame = reader.frame(at)?;
                writer.take(&frame).map_err(ReadFlaw::at(at))?;
                pending += header.raw_len as usize;
            }
            at += header.frame_len();
            if PIECE_BYTES <= pending {
                pending = 0;
                pieces.put(writer.drain())?;
            }
        }
        let mut ids: Vec<_> = self.ids.iter().map(|(id, record)| (*id, *record)).collect();
        ids.sort_unstable_by_key(|(id, _)| *id);
        let (offset, bytes, _) = writer.finish(&ids, state);
        Ok(pieces.put((offset, bytes))?)
    }
}

fn is_footer(kind: Kind) -> bool {
    matches!(kind, Kind::FooterRun | Kind::FooterIds | Kind::FooterFilter)
}

/// Bytes on their way into a file.
struct Pieces<'a> {
    file: &'a SegmentFile,
    offset: u64,
    bytes: Vec<u8>,
}

impl Pieces<'_> {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Takes bytes that know where they belong: behind the last ones.
    fn put(&mut self, (offset, bytes): (u64, Vec<u8>)) -> io::Result<()> {
        debug_assert!(bytes.is_empty() || offset == self.end());
        self.bytes.extend_from_slice(&bytes);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(&self.bytes, self.offset)?;
        self.offset = self.end();
        self.bytes.clear();
        Ok(())
    }
}
