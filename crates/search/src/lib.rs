//! The full-text index: one document per message, a view of the log (Tantivy).
//!
//! What it is not: the truth, a store of text, or a judge of rights. It can be thrown away and
//! fed again; it holds words and positions, no text; who may see what comes in with each search
//! as a set of message numbers, and so do folders, users, flags and ids.
//!
//! Rules: a message is added once and changes only by erasure; the newest commit says how much
//! of the log it has read; a search never returns a part of the hits as if it were all.

mod compare;
mod document;
mod error;
mod evaluate;
mod gather;
mod indexer;
mod layout;
mod lookup;
mod phrase;
mod rank;
mod searcher;
mod snapshot;
mod tokens;

pub use compare::FieldDiffers;
pub use error::{SearchError, SearchErrorKind};
pub use indexer::{Indexer, MEMORY_BUDGET_BYTES};
pub use lookup::{EXPANSIONS_MAX, SCANNED_TERMS_MAX};
pub use searcher::{Hit, Hits, Matches, Order, Resolved, Scope, SearchOptions, Searcher};
