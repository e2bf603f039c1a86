//! The words of Posthold as types: ids, names, addresses, time, secrets, limits.
//!
//! What it is not: behaviour. Nothing here reads a file, a socket or a clock, and nothing here
//! knows a wire or disk format.

mod address;
mod flags;
mod ids;
pub mod limits;
mod message_set;
mod names;
pub mod retention;
mod secret;
mod time;

pub use address::Address;
pub use flags::Flags;
pub use ids::{
    ArchiveId, BlobId, EntryNumber, FolderId, Hash, HoldId, MessageKey, ParseIdError, PlacementId,
    Position, SourceId, StoreId,
};
pub use message_set::MessageSet;
pub use names::{FolderPath, MailboxName, NameError, UserName};
pub use secret::Secret;
pub use time::{Civil, Timestamp};
