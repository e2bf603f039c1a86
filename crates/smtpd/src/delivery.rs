//! What the caller of this crate has to bring: somebody who keeps messages, and somebody who
//! knows passwords.
//!
//! These traits stand here and not in `ports`: they are not what an engine asks of the outside,
//! but what this surface asks of the one who starts it, in words of SMTP that nothing else knows.

use std::fmt::Debug;
use std::future::{Future, ready};

use types::BlobId;

use crate::envelope::Envelope;
use crate::session::Credentials;

/// Keeps messages.
///
/// The same message may come twice: when the client vanished before it read our answer, it has to
/// send it again. Whoever implements this stores the same bytes once.
pub trait Delivery: Send + Sync + 'static {
    /// A message on its way in.
    type Incoming: Incoming;

    /// Whether there can be mail for this address. Asked only under
    /// [`Recipients::Asked`](crate::Recipients::Asked).
    fn recipient(&self, address: &str) -> impl Future<Output = RecipientVerdict> + Send;

    /// Begins a message.
    fn begin(
        &self,
        envelope: Envelope,
    ) -> impl Future<Output = Result<Self::Incoming, Refusal>> + Send;
}

/// A message on its way in. Dropped before [`finish`](Self::finish) it never came: the client
/// vanished, or the message was too large.
pub trait Incoming: Send {
    /// Takes the next bytes, in order; never more than a few tens of kilobytes. After a refusal
    /// nothing more comes.
    fn piece(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// The message is complete: makes it durable, and says whether it is.
    fn finish(self) -> impl Future<Output = Outcome> + Send;
}

/// What became of a whole message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is durable, or was before. Only this lets the client forget it.
    Durable(BlobId),
    /// It is not.
    Refused(Refusal),
}

/// Why a message is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Come again: there is no room (452).
    NoRoom,
    /// Come again: it cannot be stored now (451).
    NotNow,
    /// Come again: we are stopping (421; the connection ends).
    Stopping,
    /// Never: it is larger than we take (552).
    TooLarge,
    /// Never: it is for nobody here (550).
    UnknownRecipient,
    /// Never: a rule forbids it (550).
    Forbidden,
    /// Never: it holds bare CR or LF, and the rule refuses those (554).
    BareLineEnd,
}

/// Whether a recipient is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecipientVerdict {
    /// Mail for it is kept.
    Known,
    /// Mail for it is refused (550).
    Unknown,
    /// It cannot be said now (451).
    NotNow,
}

/// Judges logins.
pub trait Logins: Send + Sync + 'static {
    /// Whether the password is right. Takes as long for a name that does not exist.
    fn check(&self, credentials: Credentials) -> impl Future<Output = LoginVerdict> + Send;
}

/// What became of a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginVerdict {
    /// The password is right, and its owner may hand in mail.
    Right,
    /// It is not, or he may not.
    Wrong,
    /// It cannot be said now.
    NotNow,
}

/// Nobody can log in.
#[derive(Clone, Copy, Debug)]
pub struct NoLogins;

impl Logins for NoLogins {
    fn check(&self, _: Credentials) -> impl Future<Output = LoginVerdict> + Send {
        ready(LoginVerdict::Wrong)
    }
}

impl Refusal {
    /// Code, enhanced code (RFC 3463, RFC 5248) and text of the answer.
    pub(crate) fn answer(self) -> (u16, &'static str, &'static str) {
        match self {
            Refusal::NoRoom => (452, "4.3.1", "no room for the message, try again later"),
            Refusal::NotNow => (451, "4.3.0", "the message cannot be stored now, try again later"),
            Refusal::Stopping => (421, "4.3.2", "closing, try again later"),
            Refusal::TooLarge => (552, "5.3.4", "the message is larger than this server takes"),
            Refusal::UnknownRecipient => (550, "5.1.1", "none of the recipients is known here"),
            Refusal::Forbidden => (550, "5.7.1", "the message is not accepted here"),
            Refusal::BareLineEnd => (554, "5.6.0", "the message holds CR or LF alone"),
        }
    }
}
