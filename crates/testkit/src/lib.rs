//! What tests need and the product must not have: real peers, faulty wires, made-up mail.
//!
//! Only ever a dev-dependency (and what `xtask bench` stands on); `cargo xtask layers` checks it.
//! Rules: a helper that fails, fails its test by a panic that says what is missing; everything
//! listens on loopback only, lives in a temporary directory and ends with the value that
//! started it; nothing here is used by two crates to talk to each other.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test helper that fails, fails the test"
)]

pub mod catalog_conformance;
pub mod certificates;
pub mod corpus;
pub mod cyrus;
pub mod dovecot;
pub mod fault_proxy;
pub mod faulty_disk;
pub mod files;
pub mod hostile;
pub mod log_conformance;
pub mod made_imap;
pub mod memory_catalog;
pub mod odd_imap;
pub mod peers;
pub mod postfix;
pub mod raw_imap;
pub mod scripted;
pub mod smtp_sink;
pub mod time_authority;

pub use cyrus::Cyrus;
pub use dovecot::{Dovecot, DovecotOptions, MailFormat};
pub use fault_proxy::{FaultProxy, Faults, ImapFault, WireAction, WireFault};
pub use faulty_disk::FaultyDisk;
pub use files::copy_tree;
pub use made_imap::{MadeImap, MadeOptions, Speaks};
pub use memory_catalog::{MemoryCatalog, MemoryCatalogWriter};
pub use odd_imap::{OddImap, Oddity};
pub use peers::left_out;
pub use postfix::Postfix;
pub use raw_imap::{RawImap, RawMessage};
pub use smtp_sink::{SinkMail, SinkMood, SmtpSink};
pub use time_authority::{AuthorityOptions, TimeAuthority};
