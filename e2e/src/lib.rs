//! The binary, end to end: see `tests/it/main.rs`.
