//! What engines ask of the outside: traits and their error kinds, nothing else.
//!
//! Engines see these; adapters implement them; the binary brings them together.

mod catalog;
mod clock;
mod disk;
mod files;
mod index;
mod log;
mod memory;
mod source;

pub use catalog::{
    Catalog, CatalogError, CursorRow, FoundPlacement, MatchRow, PlacedRow, QuarantineRow, SourceRow,
};
pub use clock::{Clock, Random};
pub use disk::{Access, Disk, DiskFile};
pub use files::{FileBody, FileFolder, FileMessage, MailReader, Origin, ReadItem, ReadProgress};
pub use index::{Index, IndexDoc, IndexError};
pub use log::{
    Change, Found, Log, LogError, LogErrorKind, NewBody, NewPlacement, ReadError, ReadErrorKind,
};
pub use memory::{LeaseRow, Leases, MemoryError, PauseRow, Traffic, Visit};
pub use source::{
    Body, Connect, Enumeration, FactsItem, FetchAnswer, Fetched, HeaderItem, InFlight, Known,
    MailboxInfo, MailboxStatus, Namespace, PauseOf, Piece, Source, SourceError, SourceErrorKind,
    SpecialUse, Uids, WithHeaders,
};
