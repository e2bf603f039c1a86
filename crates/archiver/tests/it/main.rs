//! The archiver between an account and a store in memory.
#![allow(
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::needless_pass_by_value,
    reason = "a helper that fails, fails the test"
)]

mod accepted;
mod cases;
mod fakes;
mod filters;
mod imports;
mod model;
mod partly_read;
mod removals;
mod sorting;
mod world;
