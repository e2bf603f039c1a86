//! Any bytes can be read as an mbox, and what comes out survives being written and read again.
#![no_main]

#[path = "../../crates/mail-files/tests/it/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::check(bytes));
