//! The client against scripted servers over pipes, and against a real Dovecot on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails the test"
)]

mod cuts;
mod cyrus;
mod dovecot;
mod fetching;
mod hostile;
mod logins;
mod looks;
mod mailboxes;
mod pop3;
mod proofs;
mod properties;
mod removal;
mod smtp;
mod wire;
