//! The archiver between an account and a store in memory.

mod cases;
mod fakes;
mod imports;
mod model;
mod world;
