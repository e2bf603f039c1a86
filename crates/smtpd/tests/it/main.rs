//! SMTP reception as its callers see it: scripts and properties of the protocol, and the server
//! with real clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper that fails, fails the test"
)]
#![allow(clippy::too_many_lines, reason = "a conversation stands beside its answers")]

mod hostile;
mod peers;
mod properties;
mod running;
mod script;
mod scripts;
mod serving;
