//! The facts of a store: entries, their erasable details, and the Merkle tree over them.
//!
//! What it is not: storage. Entries and details come and go as bytes; where they are kept is the
//! business of `frames` and `store`. The layout of both is specified in `docs/format/log.md`.
//!
//! Rules:
//! - An entry is a leaf: numbers and hashes, never a name, address, subject or path.
//! - What is personal stands in the detail, which the entry names by a salted hash.
//! - An unknown entry kind is refused by the name of the feature that it needs.

mod detail;
mod entry;
pub mod project;

pub use detail::{
    Detail, FolderDetail, Fidelity, MessageDetail, PartDetail, PlacementDetail, QuarantineDetail,
    RunDetail, SourceDetail,
};
pub use entry::{
    Certificate, Entry, Excluded, Fact, Outcome, QuarantineReason, RunCounts, SourceRef, TreeKind,
};
