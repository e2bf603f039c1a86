//! A store on local disks: the log in segment files, the catalog in SQLite, and the feeding of
//! both views.
//!
//! What it is not: the full-text index, which comes in as a `ports::Index`, and decisions about
//! mail, which engines take.

mod catalog;
mod catalog_files;
mod error;
pub mod evidence;
pub mod log;
mod many;
mod store;
mod views;

pub use catalog::{
    CatalogCounts, CatalogUsage, CatalogWriter, CertifiedRow, DeferredRow, DeferredWhat, FolderRow,
    HoldLifted, HoldRow, MessageRow, Place, PlacedMessage, QuarantineListed, Reach, RunRow,
    SqlCatalog, TableDiffers, Unusable, UserRow, YearUsage,
};
pub use error::{StoreError, StoreErrorKind};
pub use many::{
    Access, AllCatalog, AllLog, MakeOptions, Member, Merged, Opened, StoreSpec, Stores, Succession,
    WRITABLE_MAX, lay_over,
};
pub use store::{
    Description, EncryptProgress, EndKeeper, IndexOpener, NewStores, RebuildProgress, Rebuilt,
    SideIndex, Store, StoreCompactPlan, StoreOptions, StoreReport, accept_rollback, add_feature,
    begin_epoch, compare_catalog, encrypt, fill_index, has_plain_log, log_dir, remove_plain_log,
};
pub use views::ViewsReach;
