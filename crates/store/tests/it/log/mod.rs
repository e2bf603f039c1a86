//! The segment log on a faulty disk.

mod append;
mod bench;
mod crash;
mod damage;
mod golden;
mod parts;
mod tamper;
