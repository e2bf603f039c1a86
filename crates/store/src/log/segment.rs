//! The segments of an open log, and what of them counts.

use std::sync::{Arc, OnceLock};

use frames::{
    Boundary, Casing, Codec, Dictionary, Filter, Flaw, Footer, FrameReader, KeyName, Kind, Prelude,
    ReadMode, SegmentMarks, read_dictionary,
};
use ports::LogError;
use types::{BlobId, EntryNumber};

use super::dir::{SegmentDir, SegmentFile};
use super::error::{io_error, log_error};

/// A segment that is there. Only its end still moves, while it is the last one.
pub(super) struct Segment {
    pub(super) number: u32,
    /// Salt and seal of its frames.
    pub(super) casing: Casing,
    /// Names the key that its frames are sealed with.
    pub(super) key: Option<KeyName>,
    pub(super) marks: SegmentMarks,
    /// What its prelude says of the segment before.
    pub(super) previous_end: u64,
    /// Behind its start: the first frame, and the state of the log there.
    pub(super) start: Boundary,
    /// Where the next segment says that this one ends; what counts of the last one stands in
    /// [`Tip`](super::tables::Tables).
    pub(super) end: u64,
    /// There when it is sealed.
    pub(super) footer: Option<Footer>,
    pub(super) filter: OnceLock<Option<Filter>>,
    /// Its file, once another one is about to take its place: who still reads this segment reads
    /// the file that it was.
    pub(super) kept: OnceLock<Arc<SegmentFile>>,
    /// The number of its dictionary; 0 when it has none.
    pub(super) dictionary_id: u32,
    /// The dictionary, once it was asked for.
    pub(super) dictionary: OnceLock<Arc<Dictionary>>,
}

impl Segment {
    /// The segment of this prelude.
    pub(super) fn new(
        prelude: &Prelude,
        casing: Casing,
        start: Boundary,
        end: u64,
        footer: Option<Footer>,
    ) -> Segment {
        let Prelude { segment: number, previous_end, key, marks, dictionary, .. } = *prelude;
        Segment {
            number,
            casing,
            key,
            marks,
            previous_end,
            start,
            end,
            footer,
            filter: OnceLock::new(),
            kept: OnceLock::new(),
            dictionary_id: dictionary,
            dictionary: OnceLock::new(),
        }
    }

    /// The same segment with another end.
    pub(super) fn ended(&self, end: u64, footer: Option<Footer>) -> Segment {
        let Segment { number: segment, key, marks, previous_end, .. } = *self;
        let (salt, dictionary) = (self.casing.salt, self.dictionary_id);
        let prelude = Prelude { segment, salt, previous_end, key, marks, dictionary };
        let (casing, start) = (self.casing.clone(), self.start.clone());
        let mut ended = Segment::new(&prelude, casing, start, end, footer);
        ended.dictionary = self.dictionary.clone();
        ended
    }

    /// Number of the first entry in it.
    pub(super) fn first_entry(&self) -> u64 {
        self.start.state.tree.size()
    }

    /// Its dictionary; `None` when it has none.
    pub(super) fn dictionary(&self, dir: &SegmentDir) -> Result<Option<Arc<Dictionary>>, LogError> {
        if self.dictionary_id == 0 {
            return Ok(None);
        }
        if let Some(dictionary) = self.dictionary.get() {
            return Ok(Some(Arc::clone(dictionary)));
        }
        let file = dir.file_of(self).map_err(io_error)?;
        let mut reader = self.reader(&file, self.start.offset, ReadMode::Hopping);
        let wrong = log_error(self.number);
        let dictionary = read_dictionary(&mut reader).map_err(&wrong)?;
        let Some(dictionary) = dictionary.filter(|it| it.id() == self.dictionary_id) else {
            let flaw = Flaw::Mismatch("the number of the dictionary");
            return Err(wrong(frames::ReadFlaw::at(0)(flaw)));
        };
        let dictionary = dir.share(Arc::new(dictionary));
        let _ = self.dictionary.set(Arc::clone(&dictionary));
        Ok(Some(dictionary))
    }

    /// The same when something with this codec is to be decoded.
    pub(super) fn dictionary_for(
        &self,
        dir: &SegmentDir,
        codec: Codec,
    ) -> Result<Option<Arc<Dictionary>>, LogError> {
        if codec == Codec::ZstdDictionary { self.dictionary(dir) } else { Ok(None) }
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
        let file = dir.file_of(self).map_err(io_error)?;
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

    /// Number of the segment that has an entry.
    pub(super) fn number_of_entry(&self, EntryNumber(entry): EntryNumber) -> u32 {
        // Segments without entries begin with the same one as the next.
        let behind = self.segments.partition_point(|it| it.first_entry() <= entry);
        let index = behind.checked_sub(1);
        index.and_then(|it| self.segments.get(it)).map_or(0, |it| it.number)
    }
}
