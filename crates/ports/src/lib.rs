//! What engines ask of the outside: traits and their error kinds, nothing else.
//!
//! Engines see these; adapters implement them; the binary brings them together. The one thing here
//! that does something is the proof that removal takes: where both sides see it, and neither can
//! make it otherwise.

mod catalog;
mod catalog_write;
mod clock;
mod disk;
mod erase;
mod files;
mod index;
mod log;
mod memory;
mod removal;
mod retention;
mod source;

pub use catalog::{
    ArchivedRow, Catalog, CatalogError, CursorRow, FoundPlacement, MatchRow, PlacedRow,
    QuarantineRow, SourceRow,
};
pub use catalog_write::{NewMessage, WriteCatalog};
pub use clock::{Clock, Random};
pub use disk::{Access, Disk, DiskFile};
pub use erase::{Condemnation, CondemnedRow, Erase, Erased, Held, Holds, Sparing};
pub use files::{FileBody, FileFolder, FileMessage, MailReader, Origin, ReadItem, ReadProgress};
pub use index::{Index, IndexDoc, IndexError};
pub use log::{
    Change, Found, Log, LogError, LogErrorKind, NewBody, NewPlacement, ReadError, ReadErrorKind,
};
pub use memory::{LeaseRow, Leases, MemoryError, PauseRow, Traffic};
pub use removal::{
    Again, ArchivedCopy, Identity, Kept, Needed, Proof, ReadBack, Removed, Removes, Standing,
    Unproven,
};
pub use retention::{Covered, Covers, MessageTimes, RetentionViews};
pub use source::{
    Body, Connect, Enumeration, FactsItem, FetchAnswer, Fetched, HeaderItem, InFlight, Known,
    MailboxInfo, MailboxStatus, Namespace, PauseOf, Piece, Source, SourceError, SourceErrorKind,
    SpecialUse, Uids, WithHeaders,
};
