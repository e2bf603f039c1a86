//! The bytes of a segment: frames, batches, codecs, footers, recovery. Pure.

mod blob;

pub use blob::{Codec, EncodedBlob, Encoder, encode_blob, encode_hashed_blob};
