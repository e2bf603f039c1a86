//! An SMTP client for mail of our own (RFC 6409): alerts, reports.
//!
//! What it is not: a relay. It hands a message to the one server that was configured, says for
//! each recipient what became of it, and keeps nothing for later.
//!
//! From the wire upwards: `reply` reads answers, `stuff` writes messages, `session` keeps order and
//! waits, `login` and `authenticate` open a session, `connection` sends; `account` is what the
//! outside configures.
//!
//! Rules:
//! - A login goes out only over TLS, to this machine, or because the caller asked for a plain
//!   connection.
//! - A refusal for now (4xx, greylisting, throttling) and one for good are two results.
//! - Nothing that a caller gives can end a line, a command or a message.
//! - After an error a session is not used again.

mod account;
mod authenticate;
mod connection;
mod limits;
mod login;
mod reply;
mod session;
mod stuff;

pub use account::{SmtpAccount, SmtpGreeted, SmtpLogin, SmtpSettings};
pub use connection::{Letter, SmtpConnection, Told};
