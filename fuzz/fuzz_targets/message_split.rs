//! Any bytes that are split into parts, at once or as they arrive, join to the same bytes.
#![no_main]

#[path = "../../crates/message/tests/it/splitting.rs"]
mod splitting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| splitting::check(bytes));
