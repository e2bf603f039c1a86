//! The real binary from end to end: files and servers in, answers and files out.
//!
//! Rules: every test has a directory of its own; servers are started by `testkit` on loopback;
//! nothing asserts a time; what is compared with a source is compared byte for byte.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here, fails the test"
)]

mod alerts;
mod anchors;
mod apply;
mod audit;
mod backup;
mod cli;
mod damage;
mod dialects;
mod doctor;
mod encryption;
mod erase;
mod export;
mod features;
mod file_jobs;
mod import;
mod jobs;
mod json;
mod keeping;
mod keys;
mod mail;
mod ownership;
mod peers;
mod posthold;
mod profiles;
mod proof;
mod rebuild;
mod retention;
mod search;
mod serve;
mod store_kills;
mod stores;
mod stores_served;
mod tamper;
mod users;
