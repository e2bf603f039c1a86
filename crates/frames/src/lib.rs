//! The bytes of a segment: frames, batches, codecs, footers, recovery. Pure.
//!
//! What it is not: storage. Bytes come in through [`ReadAt`] or as slices and go out as vectors;
//! files, threads and syncs are the business of `store`. The layout is specified in
//! `docs/format/log.md`.
//!
//! Rules:
//! - No payload and no decoded payload exceeds `FRAME_PAYLOAD_BYTES_MAX`.
//! - Nothing read is trusted before its checksum matched; what is wrong is a [`Flaw`], never a
//!   panic.

mod batch;
mod blob;
mod dictionary;
pub mod features;
mod flaw;
mod footer;
mod frame_out;
mod gone;
mod header;
mod id_range;
mod ids;
mod mark;
mod pack;
mod payload;
mod prelude;
mod reader;
mod rewrite;
mod seal;
mod skeleton;
mod state;
mod survey;
mod wire;

pub use batch::{BatchWriter, Chain, Place, Step};
pub use blob::{
    Codec, EncodedBlob, Encoder, dictionary_of, encode_again, encode_blob, encode_hashed_blob,
    encode_skeleton, loose_blob, loose_skeleton,
};
pub use dictionary::{DICTIONARY_BYTES_MAX, Dictionary, SAMPLES_MAX};
pub use flaw::{Flaw, ReadFlaw};
pub use footer::{FooterWriter, blob_places, decode_run};
pub use frame_out::{close_frame, copy_frame, segment_start};
pub use gone::Gone;
pub use header::{FRAME_MAGIC, HEADER_BYTES, Header, Kind, Salt};
pub use id_range::{IdRange, Look};
pub use ids::{BlobPlace, Filter, IdRecord, IdSearch, PAGE_BYTES, decode_page, encode_ids};
pub use mark::{MARK_SLOT_BYTES, MARK_SLOTS, Mark};
pub use pack::{Contents, Item, PACK_BYTES, PACK_ITEMS_MAX, PACKED_BYTES_MAX, Pack, items};
pub use payload::{
    CHUNKS_MAX, ChunkList, ID_BYTES, decode_body, decode_body_with, decode_details, decode_entries,
    split_id, unpack_with,
};
pub use prelude::{FORMAT_VERSION, PRELUDE_BYTES, Prelude, SegmentMarks};
pub use reader::{Frame, FrameReader, ReadAt, ReadMode};
pub use rewrite::Rewriter;
pub use seal::{Casing, Fill, KeyName, SEALED_MORE_MAX, Seal};
pub use skeleton::{EncodedSkeleton, SKELETON_TEXT_BYTES_MAX, Skeleton, SkeletonPiece};
pub use state::{Close, Commit, Footer, State, recommitted};
pub use survey::{Boundary, Survey, Wanted, read_dictionary, read_end, read_start, survey};
