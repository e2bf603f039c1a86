//! An IMAP client for reading (RFC 3501, RFC 9051), on a connection layer of its own; what is
//! archived it can remove (RFC 4315, RFC 6851).
//!
//! From the wire upwards: `frame` cuts the stream into responses and literals; `tokens`,
//! `fetch_items`, `reply` and `lenient` read them; `command` writes; `session` keeps tags and
//! waits; `login` and `authenticate` open a session; `listing`, `examine`, `fetch` and `headers`
//! are what a [`Source`](ports::Source) does, `removal` what a [`Removes`](ports::Removes) does
//! besides; `account` and `connection` are what the outside
//! sees.
//!
//! Rules:
//! - Commands are pipelined where RFC 9051 §5.5 allows; back-pressure is not to read.
//! - A literal above `types::limits::PARSE_BYTES_MAX` is never in memory as a whole.
//! - FETCH responses are read by our own tolerant reader, so that no message is lost because of
//!   an item that we did not ask for. Everything else goes to `imap-codec` first.
//! - After an error other than a refused mailbox a session is not used again.

mod account;
mod authenticate;
mod capability;
mod command;
mod connection;
mod examine;
mod fetch;
mod fetch_items;
mod frame;
mod headers;
mod kerio;
mod lenient;
mod limits;
mod listing;
mod login;
mod mutf7;
mod removal;
mod reply;
mod session;
mod tokens;
mod trouble;
mod uid_set;

pub use account::{ImapAccount, ImapGreeted, ImapSettings};
pub use connection::{Description, ImapConnection};
pub use mutf7::{decode_mutf7, encode_mutf7};
