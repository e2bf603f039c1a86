//! A dictionary: what the messages of a store have in common, so that none has to say it again.
//!
//! It is trained on messages, holds pieces of them, and says which they were: whoever erases one of
//! them has to give up the dictionary too.

use std::sync::OnceLock;

use types::BlobId;
use zstd::zstd_safe::{CDict, DDict};

use crate::wire::Fields;
use crate::{Flaw, Header, decode_body};

/// The zstd level of what is compressed with a dictionary.
const LEVEL: i32 = 3;

/// The most bytes of a dictionary.
pub const DICTIONARY_BYTES_MAX: usize = 256 << 10;

/// The most messages that one is trained on.
pub const SAMPLES_MAX: usize = 1_024;

/// Fewer are not worth a dictionary.
const SAMPLES_MIN: usize = 64;

/// A dictionary.
pub struct Dictionary {
    id: u32,
    bytes: Vec<u8>,
    trained_on: Vec<BlobId>,
    /// Made when something is compressed: most are only read.
    compress: OnceLock<Option<CDict<'static>>>,
    decompress: OnceLock<Option<DDict<'static>>>,
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dictionary").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Dictionary) -> bool {
        self.bytes == other.bytes && self.trained_on == other.trained_on
    }
}

impl Eq for Dictionary {}

impl Dictionary {
    fn new(bytes: Vec<u8>, trained_on: Vec<BlobId>) -> Option<Dictionary> {
        let decompress = DDict::try_create(&bytes)?;
        let id = decompress.get_dict_id()?.get();
        let decompress = OnceLock::from(Some(decompress));
        Some(Dictionary { id, bytes, trained_on, compress: OnceLock::new(), decompress })
    }

    /// Trains one on samples: of each message its bytes, as they are compressed. `None` when they
    /// are too few, or have nothing in common.
    #[must_use]
    pub fn train(samples: &[(BlobId, Vec<u8>)]) -> Option<Dictionary> {
        let samples = samples.get(..SAMPLES_MAX).unwrap_or(samples);
        if samples.len() < SAMPLES_MIN {
            return None;
        }
        let joined: Vec<u8> = samples.iter().flat_map(|(_, bytes)| bytes).copied().collect();
        let sizes: Vec<usize> = samples.iter().map(|(_, bytes)| bytes.len()).collect();
        let bytes = zstd::dict::from_continuous(&joined, &sizes, DICTIONARY_BYTES_MAX).ok()?;
        Dictionary::new(bytes, samples.iter().map(|(id, _)| *id).collect())
    }

    /// The number that names it: in the prelude of a segment, and in what is compressed with it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The messages that it was trained on.
    #[must_use]
    pub fn trained_on(&self) -> &[BlobId] {
        &self.trained_on
    }

    /// What stands in it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn compressor(&self) -> Option<&CDict<'static>> {
        self.compress.get_or_init(|| CDict::try_create(&self.bytes, LEVEL)).as_ref()
    }

    pub(crate) fn decompressor(&self) -> Option<&DDict<'static>> {
        self.decompress.get_or_init(|| DDict::try_create(&self.bytes)).as_ref()
    }

    /// The payload of a `Dictionary` frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let n = u32::try_from(self.trained_on.len()).unwrap_or(u32::MAX);
        let mut payload = Vec::with_capacity(8 + self.trained_on.len() * 32 + self.bytes.len());
        payload.extend(self.id.to_le_bytes());
        payload.extend(n.to_le_bytes());
        payload.extend(self.trained_on.iter().flat_map(|it| it.0));
        payload.extend_from_slice(&self.bytes);
        payload
    }

    /// Reads the payload of a `Dictionary` frame.
    pub fn decode(header: &Header, payload: &[u8]) -> Result<Dictionary, Flaw> {
        let what = "a dictionary";
        let raw = decode_body(header, payload)?;
        let mut fields = Fields::new(what, &raw);
        let id = fields.u32()?;
        let n = fields.u32()?;
        let trained_on: Result<Vec<_>, Flaw> =
            (0..n).map(|_| Ok(BlobId(fields.array()?))).collect();
        let trained_on = trained_on?;
        let bytes = raw.get(8 + trained_on.len() * 32..).unwrap_or_default().to_vec();
        let dictionary = Dictionary::new(bytes, trained_on).ok_or(Flaw::Malformed(what))?;
        if dictionary.id == id { Ok(dictionary) } else { Err(Flaw::Malformed(what)) }
    }
}
