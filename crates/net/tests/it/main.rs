//! Connections to servers on loopback, and over pipes where a clock must be stopped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that fails, fails the test")]

mod streams;
mod tls;
