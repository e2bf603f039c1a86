//! The facts of a store: entries, their erasable details, the Merkle tree over them, and what
//! makes evidence of it: checkpoints, proofs and tiles.
//!
//! What it is not: storage. Entries and details come and go as bytes; where they are kept is the
//! business of `frames` and `store`. The layout of both is specified in `docs/format/entries.md`.
//!
//! Rules:
//! - An entry is a leaf: numbers and hashes, never a name, address, subject or path.
//! - What is personal stands in the detail, which the entry names by a salted hash.
//! - An unknown entry kind is refused by the name of the feature that it needs.

mod anchor;
mod audit;
pub mod checkpoint;
mod confirmed;
mod detail;
mod detail_wire;
mod entry;
mod entry_wire;
mod erasure;
mod error;
mod kind;
pub mod merkle;
pub mod note;
pub mod project;
pub mod proof;
mod shorten;
pub mod statement;
pub mod tiles;
mod wire;

pub use anchor::{ANCHOR_START, AnchorKind, Anchored, anchored_in};
pub use audit::{AUDITED_MESSAGES_MAX, AuditDetail, AuditOutcome, Audited};
pub use checkpoint::{Checkpoint, Moment};
pub use confirmed::{ConfirmedLeaf, confirmed};
pub use detail::{
    Detail, EnvelopeDetail, Fidelity, FolderDetail, HoldDetail, MessageDetail, PartDetail,
    PlacementDetail, QuarantineDetail, RunDetail, SourceDetail,
};
pub use detail_wire::detail_hash;
pub use entry::{
    Certificate, DeferredChange, Entry, EpochReason, Excluded, Fact, HoldChange, HoldScope,
    Outcome, QuarantineReason, RunCounts, SourceRef, TreeKind,
};
pub use erasure::{
    Condemned, ERASURE_MESSAGES_MAX, ERASURE_PARTS_MAX, EraseReason, ErasureDetail, Erasures, Gone,
    SpareReason,
};
pub use error::{DecodeError, DecodeErrorKind};
pub use merkle::leaf_hash;
