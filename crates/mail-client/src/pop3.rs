//! A POP3 client for reading (RFC 1939, RFC 2449), on a connection layer of its own; what is
//! archived it can remove.
//!
//! From the wire upwards: `unstuff` finds where a message ends; `reply` reads status lines;
//! `command` writes; `session` keeps order and waits; `login` and `authenticate` open a session;
//! `listing` and `identity` say which messages there are; `fetch` and `headers` bring them;
//! `account` and `connection` are what the outside sees.
//!
//! Rules:
//! - Only `removal` can make a DELE, from the proof that a message was read back from the archive.
//! - A message ends where the protocol says so. The size that a server announces is a hint.
//! - A message counts when another answer has begun behind it: what a server forgot to escape
//!   would otherwise pass for a shorter message.
//! - Message numbers hold for one session and never leave it; what leaves are UIDs made of UIDLs
//!   (`identity`).
//! - After an error a session is not used again.

mod account;
mod authenticate;
mod capability;
mod command;
mod connection;
mod fetch;
mod headers;
mod identity;
mod limits;
mod listing;
mod login;
mod removal;
mod reply;
mod session;
mod unstuff;

pub use account::{Pop3Account, Pop3Greeted, Pop3Settings};
pub use connection::Pop3Connection;
