//! Any bytes where a skeleton, a pack or a dictionary should stand are read or refused.
#![no_main]

#[path = "../../crates/frames/tests/it/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::check(bytes));
