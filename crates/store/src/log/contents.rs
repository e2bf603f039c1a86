//! Frames of blobs, decoded. The packs that were read last are kept: who reads messages in the
//! order in which they came decodes each pack once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use frames::{Contents, Kind, ReadFlaw, ReadMode, Salt};
use ports::LogError;

use super::error::{io_error, log_error};
use super::segment::Segment;
use super::tables::Tables;

/// So many packs are kept, each of which has half a megabyte.
const KEPT_MAX: usize = 8;

/// A pack by its segment and place. A segment that is written anew has another salt.
struct Kept {
    salt: Salt,
    offset: u64,
    contents: Arc<Contents>,
}

/// The packs that were read last, the oldest first.
#[derive(Default)]
pub(super) struct KeptPacks(Mutex<VecDeque<Kept>>);

impl KeptPacks {
    fn get(&self, salt: Salt, offset: u64) -> Option<Arc<Contents>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|it| (it.salt, it.offset) == (salt, offset));
        found.map(|it| Arc::clone(&it.contents))
    }

    fn put(&self, salt: Salt, offset: u64, contents: &Arc<Contents>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if KEPT_MAX <= kept.len() {
            kept.pop_front();
        }
        kept.push_back(Kept { salt, offset, contents: Arc::clone(contents) });
    }
}

/// What the frame at `offset` of a segment holds of blobs. The frame has probably not more than
/// `len` bytes.
pub(super) fn contents_at(
    tables: &Tables,
    segment: &Segment,
    offset: u64,
    len: usize,
) -> Result<Arc<Contents>, LogError> {
    let salt = segment.casing.salt;
    if let Some(contents) = tables.packs.get(salt, offset) {
        return Ok(contents);
    }
    let wrong = log_error(segment.number);
    let file = tables.dir.file_of(segment).map_err(io_error)?;
    // The end is not known here, nor needed: the header says how long the frame is.
    let mut reader = segment.reader(&file, u64::MAX, ReadMode::Hopping);
    reader.bytes(offset, len).map_err(io_error)?;
    let frame = reader.frame(offset).map_err(&wrong)?;
    let dictionary = segment.dictionary_for(&tables.dir, frame.header.codec)?;
    let contents = Contents::open(&frame.header, frame.payload, dictionary.as_deref());
    let contents = Arc::new(contents.map_err(ReadFlaw::at(offset)).map_err(wrong)?);
    if frame.header.kind == Kind::Pack {
        tables.packs.put(salt, offset, &contents);
    }
    Ok(contents)
}
