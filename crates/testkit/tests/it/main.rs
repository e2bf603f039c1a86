//! The kit itself, against real peers.

#[cfg(test)]
mod peers;
