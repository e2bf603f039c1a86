//! Any text is read as every setting there is or refused at a place of it, and what was read can
//! be written and read again.
#![no_main]

#[path = "../../crates/rules/tests/it/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::check(bytes));
