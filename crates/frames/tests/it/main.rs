//! Whole segments in memory: what a survey says of them, cut and flipped at every place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod hostile;
mod properties;
mod sealed;
mod segment;
mod survey;
