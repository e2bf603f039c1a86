//! The engine as its users see it: a server that counts, a memory, and a clock that only tests move.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails the test"
)]

mod governing;
mod leasing;
mod remembered;
mod server;
