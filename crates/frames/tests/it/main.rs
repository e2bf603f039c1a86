//! Whole segments in memory: what a survey says of them, cut and flipped at every place.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod sealed;
mod segment;
mod survey;
