//! A store on local disks: the log in segment files, the catalog in SQLite, and the feeding of
//! both views.
//!
//! What it is not: the full-text index, which comes in as a `ports::Index`, and decisions about
//! mail, which engines take.

mod catalog;
pub mod log;

pub use catalog::{
    CatalogCounts, CatalogWriter, CertifiedRow, FolderRow, MessageRow, NewMessage, Place,
    PlacedMessage, QuarantineListed, Reach, RunRow, SqlCatalog, Unusable, UserRow,
};
