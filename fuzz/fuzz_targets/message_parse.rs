//! Any bytes are a message: parsing them neither fails nor panics nor exceeds a limit.
#![no_main]

#[path = "../../crates/message/tests/it/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::check(bytes));
