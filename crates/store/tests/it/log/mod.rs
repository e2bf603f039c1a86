//! The segment log on a faulty disk.

mod bench;
mod crash;
