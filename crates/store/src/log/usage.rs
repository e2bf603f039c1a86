//! What the bytes of a log are: how much mail, in how many bytes, and how they became so few.
//!
//! Only headers of frames are read: so it says nothing about whether the log is sound.

use frames::{Codec, Header, Kind, PRELUDE_BYTES, ReadMode};
use ports::LogError;

use super::error::{io_error, log_error};
use super::tables::Tables;

/// Bytes before and after compression.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// Frames.
    pub frames: u64,
    /// Bytes after decoding.
    pub raw_bytes: u64,
    /// Bytes in the log, headers and ids included.
    pub stored_bytes: u64,
}

impl Share {
    fn add(&mut self, header: &Header) {
        self.frames += 1;
        self.raw_bytes += u64::from(header.raw_len);
        self.stored_bytes += header.frame_len();
    }
}

/// What the bytes of a log are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogUsage {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages and their parts.
    pub content: Share,
    /// Those of them that are compressed with a dictionary.
    pub by_dictionary: Share,
    /// The dictionaries: one for each segment that has one.
    pub dictionaries: Share,
    /// Entries and details, once.
    pub facts: Share,
}

/// Adds up the headers of all frames.
pub(super) fn usage(tables: &Tables) -> Result<LogUsage, LogError> {
    let snapshot = tables.snapshot();
    let mut usage = LogUsage::default();
    for (index, segment) in snapshot.segments.iter().enumerate() {
        let end = snapshot.end_of(index);
        usage.segments += 1;
        usage.bytes += end;
        let file = tables.dir.file_of(segment).map_err(io_error)?;
        let mut reader = segment.reader(&file, end, ReadMode::Hopping);
        let mut at = PRELUDE_BYTES as u64;
        while at < end {
            let header = reader.header(at).map_err(log_error(segment.number))?;
            usage.add(&header);
            at += header.frame_len();
        }
    }
    Ok(usage)
}

impl LogUsage {
    fn add(&mut self, header: &Header) {
        match header.kind {
            Kind::Blob | Kind::Chunk | Kind::ChunkList | Kind::Skeleton | Kind::Pack => {
                self.content.add(header);
                if header.codec == Codec::ZstdDictionary {
                    self.by_dictionary.add(header);
                }
            }
            Kind::Entries | Kind::Details => self.facts.add(header),
            Kind::Dictionary => self.dictionaries.add(header),
            Kind::Gone
            | Kind::Commit
            | Kind::Close
            | Kind::FooterRun
            | Kind::FooterIds
            | Kind::FooterFilter => (),
        }
    }
}
