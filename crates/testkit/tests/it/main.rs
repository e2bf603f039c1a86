//! The kit itself, against real peers.

mod peers;
