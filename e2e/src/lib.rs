//! Tests of the real binary from end to end: see `tests/it`.
