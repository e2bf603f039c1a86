//! Tokens of `openssl ts`, read; and what is done to them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "what fails here, fails the test"
)]

mod peers;
