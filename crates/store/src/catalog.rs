//! The catalog: folders and metadata of a store as a view of its log, in SQLite.
//!
//! What it is not: the truth. It is made of entries and details alone, in their order, without a
//! clock and without a parser; so the same log gives the same rows, and the file can be thrown
//! away. Nothing asks it whether a message exists.
//!
//! Rules:
//! - One writer, on a thread of its own ([`CatalogWriter`]); any number of readers, also in
//!   other processes ([`SqlCatalog`]).
//! - Only synced batches are applied, whole ones, several in a transaction; how far it has read
//!   (size and root) is written in the same transaction.
//! - `synchronous=NORMAL`: a power cut may take the last transactions, which are read from the
//!   log again.
//! - No index over hashes and Message-IDs: it would be the largest part of the file. A blob is
//!   found by the log, a Message-ID by the full-text index.

mod across;
mod apply;
mod compare;
mod digest;
mod holds;
mod look_ups;
mod plain;
mod queries;
mod reader;
mod rows;
mod schema;
mod sets;
mod usage;
mod values;
mod writer;

pub use across::{DeferredRow, DeferredWhat};
pub(crate) use across::{FolderPlace, PlacementNow, SourceName};
pub use compare::TableDiffers;
pub use reader::{Reach, SqlCatalog};
pub use rows::{
    CatalogCounts, CertifiedRow, FolderRow, HoldLifted, HoldRow, MessageRow, Place, PlacedMessage,
    QuarantineListed, RunRow, UserRow,
};
pub use usage::{CatalogUsage, YearUsage};
pub use writer::{CatalogWriter, Unusable};

pub(crate) use values::says_damage;
pub(crate) use writer::companions;

#[cfg(test)]
mod tests;
