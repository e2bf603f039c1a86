//! Tests of `rules` as its users see it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod hostile;
mod properties;
