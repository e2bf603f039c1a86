//! Whatever an IMAP server says, a session with it ends, and brings nothing that was not asked for.
#![no_main]

#[path = "../../crates/mail-client/tests/it/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::check(bytes);
});
