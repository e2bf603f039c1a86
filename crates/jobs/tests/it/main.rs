//! The engine as its users see it: a server that counts, a memory, and a clock that only tests move.

mod governing;
mod leasing;
mod remembered;
mod server;
