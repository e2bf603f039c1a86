//! Connections to servers on loopback, and over pipes where a clock must be stopped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails the test"
)]

mod accepting;
mod streams;
mod tls;
