//! Retention against a store in memory.

mod cases;
mod world;
