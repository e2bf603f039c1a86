//! SMTP reception: how mail servers hand copies of their mail to the archive (journaling).
//!
//! What it is not: a mail server. It relays nothing, sends nothing back, looks nothing up, and
//! knows nothing of archives: what it received goes to a [`Delivery`], which its caller has.
//!
//! Rules:
//! - 250 after the end of a message is said only when the delivery says that it is durable. What
//!   cannot be kept now is answered 4xx, what never will be 5xx; nothing is dropped in silence.
//! - The bytes of a message are those that were sent, without the transparency of DATA (RFC 5321
//!   §4.5.2). No `Received` field is added: the envelope travels beside the message.
//! - Only CR LF `.` CR LF ends a message. A bare LF or CR is part of it, or a reason to refuse
//!   it, and never a line end.
//! - Nothing is accepted that the [`Policy`] does not name. An empty one accepts nothing.
//! - Bytes that came before encryption are never read after it (RFC 3207 §6).
//! - Every length, count and wait has a limit with a name in [`Limits`].
//!
//! The protocol ([`Session`]) has no socket and no clock: bytes in, [`Step`]s and answers out.
//! [`Server`] connects it to both.

mod address;
mod command;
mod content;
mod delivery;
mod envelope;
mod limits;
mod lines;
mod parameters;
mod policy;
mod server;
mod session;

pub use delivery::{
    Delivery, Incoming, LoginVerdict, Logins, NoLogins, Outcome, RecipientVerdict, Refusal,
};
pub use envelope::{Body, Envelope, Recipient};
pub use limits::{LINE_BYTES_MAX, Limits};
pub use policy::{
    Access, AddressPattern, BareLineEnds, ClearLogin, Network, ParsePolicyError, Policy,
    Recipients, TlsRule,
};
pub use server::{Encryption, Server};
pub use session::{Config, Credentials, Session, StartTls, Step};
