//! The index against small sets of messages, against a model, and against crashes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail"
)]

mod commits;
mod library;
mod model;
mod queries;
mod random;
