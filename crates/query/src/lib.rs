//! The search language: text to a tree, the same everywhere in Posthold.
//!
//! What it is not: a search. It knows no index and no catalog; `search` runs the tree over the
//! index, and whoever calls it resolves the [`CatalogTerm`]s. It also owns how text is cut into
//! words and folded, because index and query must do the same.
//!
//! Rules: pure; no clock (relative dates count from a `now` that is handed in); a wrong query is
//! an error with a place, never a guess; parsing never panics. For users:
//! `docs/reference/query.md`.

mod bounds;
mod catalog_term;
mod error;
mod field;
mod fold;
mod parse;
mod pattern;
mod terms;
mod tree;
mod value;
mod words;

pub use bounds::{Bounds, is_relative};
pub use catalog_term::{
    CatalogTerm, FlagName, FolderPattern, ID_DIGITS_MIN, IdPrefix, NamePattern,
};
pub use error::QueryError;
pub use fold::{fold, fold_into};
pub use parse::{DEPTH_MAX, QUERY_BYTES_MAX, TERMS_MAX, parse};
pub use pattern::{Glob, Pattern};
pub use terms::PHRASE_WORDS_MAX;
pub use tree::{Node, Query, Span, TextField, TimeField, Words};
pub use words::{
    WHOLE_BYTES_MAX, WORD_BYTES_MAX, WordCutter, whole_address, whole_domain, whole_file_name,
    words,
};

#[cfg(test)]
mod tests;
