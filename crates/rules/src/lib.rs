//! What administrators decide once for many messages: which mailboxes are archived, which messages,
//! into whose archives and folders, when, and what leaves its source.
//!
//! What it is not: a look at any server. Names, facts and times come in as values, verdicts go out.
//!
//! Rules:
//! - A mailbox that is left out is left out for one named reason, so that a report can say it.
//! - `INBOX` is `INBOX` in any spelling (RFC 9051 §5.1); everything else is compared as written,
//!   in NFC.
//! - Archiving too much harms nobody; leaving out too much loses mail. Where a name could mean
//!   something else, the mailbox stays in.

pub mod access;
pub mod address;
pub mod age;
pub mod batch_file;
mod calendar;
pub mod filter;
mod fold;
mod folder;
pub mod macros;
mod names;
mod pattern;
pub mod presets;
mod punycode;
pub mod removal;
pub mod retention;
pub mod same_mailbox;
pub mod schedule;
mod scope;
pub mod selection;
pub mod sorting;
mod wording;

pub use folder::folder_path;
pub use pattern::{PatternError, PatternList};
pub use scope::{
    DefaultFolder, DefaultFolders, ListedMailbox, OutReason, Role, Scope, Verdict, Whose,
};
pub use wording::{WORDING_BYTES_MAX, WordingError};
