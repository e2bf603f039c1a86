//! The segments of an open log, and what of them counts.

use std::sync::{Arc, OnceLock};

use frames::{Boundary, Casing, Filter, Footer, FrameReader, Kind, ReadMode};
use ports::LogError;
use types::BlobId;

use super::dir::{SegmentDir, SegmentFile};
use super::error::{io_error, log_error};

/// A segment that is there. Only its end still moves, while it is the last one.
pub(super) struct Segment {
    pub(super) number: u32,
    /// Salt and seal of its frames.
    pub(super) casing: Casing,
    /// Behind its start: the first frame, and the state of the log there.
    pub(super) start: Boundary,
    /// Where the next segment says that this one ends; what counts of the last one stands in
    /// [`Tip`](super::tables::Tables).
    pub(super) end: u64,
    /// There when it is sealed.
    pub(super) footer: Option<Footer>,
    pub(super) filter: OnceLock<Option<Filter>>,
}

impl Segment {
    /// Number of the first entry in it.
    pub(super) fn first_entry(&self) -> u64 {
        self.start.state.tree.size()
    }

    /// A reader of its bytes up to `end`.
    pub(super) fn reader<'a>(
        &self,
        file: &'a SegmentFile,
        end: u64,
        mode: ReadMode,
    ) -> FrameReader<'a> {
        FrameReader::new(file, self.casing.clone(), end, mode)
    }

    /// Whether the footer may know the id. A filter that cannot be read lets every id pass: the
    /// pages of ids have checksums of their own, and `verify` reports the filter.
    pub(super) fn may_have(&self, dir: &SegmentDir, id: &BlobId) -> Result<bool, LogError> {
        let Some(footer) = &self.footer else { return Ok(false) };
        if let Some(filter) = self.filter.get() {
            return Ok(filter.as_ref().is_none_or(|it| it.may_have(id)));
        }
        let filter = self.read_filter(dir, footer)?;
        let may_have = filter.as_ref().is_none_or(|it| it.may_have(id));
        let _ = self.filter.set(filter);
        Ok(may_have)
    }

    fn read_filter(&self, dir: &SegmentDir, footer: &Footer) -> Result<Option<Filter>, LogError> {
        let file = dir.file(self.number).map_err(io_error)?;
        let mut reader = self.reader(&file, self.end, ReadMode::Hopping);
        let mut bytes = Vec::new();
        let mut at = footer.filter;
        while (bytes.len() as u64) < footer.filter_bits / 8 {
            match reader.frame(at) {
                Ok(frame) if frame.header.kind == Kind::FooterFilter => {
                    bytes.extend_from_slice(frame.payload);
                    at = frame.end();
                }
                Ok(_) | Err(frames::ReadFlaw::Flaw { .. }) => return Ok(None),
                Err(error) => return Err(log_error(self.number)(error)),
            }
        }
        Ok(Filter::from_bytes(footer.filter_bits, bytes).ok())
    }
}

/// The segments of a log as they were at one moment. Readers take one and ask no lock again.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) segments: Arc<Vec<Arc<Segment>>>,
    /// Where the durable bytes of the last segment end.
    pub(super) tip_end: u64,
}

impl Snapshot {
    /// Where the bytes of the segment at `index` end.
    pub(super) fn end_of(&self, index: usize) -> u64 {
        let is_last = index + 1 == self.segments.len();
        let segment = self.segments.get(index);
        if is_last { self.tip_end } else { segment.map_or(0, |it| it.end) }
    }
}
