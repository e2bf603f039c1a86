//! Mail servers as sources of messages: IMAP, POP3. And one to send mail of our own by: SMTP.
//!
//! What it is not: a decision about mail. It reports what a server said; `imap::command` and
//! `pop3::command` list all that it can send.
//!
//! Rules:
//! - Nothing changes a mailbox but `imap::removal` and `pop3::removal`, and they take
//!   [`Proof`](ports::Proof)s: only reading an archived copy back makes those.
//! - Every line, literal, list and wait has a limit with a name (`imap::limits`, `pop3::limits`,
//!   `smtp::limits`).
//! - What a server leaves out, answers with NIL, answers with nothing or refuses are four
//!   different results.
//! - A response that cannot be understood is an error that shows its bytes; it is never skipped.
//! - Throttling is never taken for a wrong password, and never for success.

mod account;
mod imap;
mod lines;
mod look;
mod pop3;
mod sasl;
mod security;
mod server_url;
mod smtp;
mod trouble;

pub use account::{Account, Greeted, Protocol, Reach};
pub use imap::{
    Description, ImapAccount, ImapConnection, ImapGreeted, ImapSettings, decode_mutf7, encode_mutf7,
};
pub use look::LookAtInbox;
pub use net::{CertificatePolicy, Fingerprint, Server};
pub use pop3::{Pop3Account, Pop3Connection, Pop3Greeted, Pop3Settings};
pub use sasl::Mechanism;
pub use security::{Security, Timeouts};
pub use server_url::{Scheme, ServerUrl, UrlError};
pub use smtp::{Letter, SmtpAccount, SmtpConnection, SmtpGreeted, SmtpLogin, SmtpSettings, Told};
