//! Where messages come from.
//!
//! The contract (design: the contract of a source): a source reports what it saw and decides
//! nothing. An omitted, a NIL, an empty and a refused answer are four different results.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use types::{Flags, Hash, MailboxName, Timestamp};

/// What a mailbox is for (RFC 6154 §2), when the server says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SpecialUse {
    /// `\All`
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`
    Flagged,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

/// Whose a mailbox is (RFC 2342).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Namespace {
    /// The account's own.
    #[default]
    Personal,
    /// Another user's, shared with the account.
    OtherUsers,
    /// Public.
    Shared,
}

/// A mailbox that the account sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailboxInfo {
    /// Its name.
    pub name: MailboxName,
    /// What it is for, if the server says so.
    pub special_use: Option<SpecialUse>,
    /// Whose it is.
    pub namespace: Namespace,
    /// Whether it can hold messages (not `\NoSelect` or `\NonExistent`).
    pub selectable: bool,
    /// What the server says of it without opening it; `None` when it would not say.
    pub status: Option<MailboxStatus>,
}

/// The state of a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MailboxStatus {
    /// Number of messages.
    pub messages: u64,
    /// UIDVALIDITY, or 0 when the server gives none.
    pub uid_validity: u64,
    /// UIDNEXT, or 0 when the server gives none: then UIDs come in no order.
    pub uid_next: u64,
    /// HIGHESTMODSEQ, or 0 when the mailbox keeps none.
    pub modseq: u64,
}

/// What the archive knows of a mailbox, so that a server can answer with the difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// UIDVALIDITY that it belongs to.
    pub uid_validity: u64,
    /// HIGHESTMODSEQ up to which it was compared.
    pub modseq: u64,
    /// First UID that was not there yet.
    pub uid_next: u64,
}

/// Which messages a mailbox holds now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enumeration {
    /// The mailbox as it was opened.
    pub status: MailboxStatus,
    /// Its UIDs.
    pub uids: Uids,
}

/// UIDs of a mailbox, whole or against what was known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Uids {
    /// Every UID, ascending. The list was received to its end.
    All(Vec<u64>),
    /// Against [`Known`] (QRESYNC, RFC 7162 §3.2.5).
    Delta {
        /// UIDs that are gone; may name some that were never there.
        vanished: Vec<u64>,
        /// UIDs at or above `Known::uid_next`, ascending.
        new: Vec<u64>,
    },
}

/// Bytes that may be held between network and log. Shared by all connections of a run.
#[derive(Clone, Debug)]
pub struct InFlight {
    permits: Arc<Semaphore>,
    bytes_max: usize,
}

impl InFlight {
    /// A budget of `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> InFlight {
        InFlight { permits: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// Waits until `bytes` bytes may be held; they are given back when the permit is dropped.
    /// Asks for no more than the whole budget.
    pub async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes.min(self.bytes_max)).unwrap_or(u32::MAX);
        Arc::clone(&self.permits).acquire_many_owned(bytes).await.ok()
    }
}

/// One message as it arrived.
#[derive(Debug)]
pub struct Fetched {
    /// Its UID.
    pub uid: u64,
    /// RFC822.SIZE as the server claims it, or 0. Only a hint: some servers estimate.
    pub size_claimed: u64,
    /// INTERNALDATE.
    pub received: Option<Timestamp>,
    /// System flags.
    pub flags: Flags,
    /// Keywords.
    pub keywords: Vec<String>,
    /// The bytes.
    pub body: Body,
    /// Its share of the budget, given back when this is dropped.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// The bytes of a message as they arrived.
#[derive(Debug)]
pub enum Body {
    /// All of them (at most `PARSE_BYTES_MAX`). May be empty: an empty message is a message.
    Whole(Vec<u8>),
    /// A large message piece by piece. Without [`Piece::End`] it was cut.
    Pieces(mpsc::Receiver<Piece>),
    /// The server answered NIL where the bytes should be.
    Nil,
}

/// A piece of a large message.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes, at most `CHUNK_BYTES`.
    Bytes(Vec<u8>),
    /// All announced bytes have come.
    End,
}

/// How the server ended a fetch. Messages it said nothing of were omitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FetchAnswer {
    /// OK.
    Done,
    /// NO, with its text: some or all messages were refused.
    Refused(String),
}

/// What a message is recognised by without its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderItem {
    /// Its UID.
    pub uid: u64,
    /// RFC822.SIZE.
    pub size: u64,
    /// INTERNALDATE.
    pub received: Option<Timestamp>,
    /// SHA-256 of the header block, without the empty line.
    pub header_hash: Hash,
}

/// What a filter decides about a message by, before it is fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactsItem {
    /// Its UID.
    pub uid: u64,
    /// RFC822.SIZE.
    pub size: u64,
    /// INTERNALDATE.
    pub received: Option<Timestamp>,
    /// System flags.
    pub flags: Flags,
    /// Its header block, when that was asked for and is not too large.
    pub header: Option<Vec<u8>>,
}

/// Whether facts come with the header blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WithHeaders {
    /// They do.
    Yes,
    /// Only what the source says of itself.
    No,
}

/// One connection to an account. Nothing here changes anything at the source; removal is a trait
/// of its own ([`Removes`](crate::Removes)).
pub trait Source: Send + 'static {
    /// `imap`, `pop3`, ...: how messages come, for their placement details.
    fn transport(&self) -> &'static str;

    /// What its owner must be told of the connection and its server: no encryption, a certificate
    /// that was not checked, an alert. Whole sentences without a full stop.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Every mailbox that the account sees.
    fn mailboxes(&mut self) -> impl Future<Output = Result<Vec<MailboxInfo>, SourceError>> + Send;

    /// Opens a mailbox for reading only, and lists its messages. With `known`, the answer may be
    /// a [`Uids::Delta`] against it.
    fn open(
        &mut self,
        mailbox: &MailboxName,
        known: Option<Known>,
    ) -> impl Future<Output = Result<Enumeration, SourceError>> + Send;

    /// Fetches messages of the open mailbox, in any order, into `out`, holding no more than
    /// `budget` allows. Marks nothing as read.
    fn fetch(
        &mut self,
        uids: &[u64],
        budget: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> impl Future<Output = Result<FetchAnswer, SourceError>> + Send;

    /// Fetches what messages of the open mailbox are recognised by. Omits what the server omits.
    fn headers(
        &mut self,
        uids: &[u64],
    ) -> impl Future<Output = Result<Vec<HeaderItem>, SourceError>> + Send;

    /// Fetches what a filter decides about messages of the open mailbox by. Omits what the server
    /// omits. Sources that cannot tell it refuse as `Configuration`.
    fn facts(
        &mut self,
        uids: &[u64],
        headers: WithHeaders,
    ) -> impl Future<Output = Result<Vec<FactsItem>, SourceError>> + Send {
        let _ = (uids, headers);
        let text = format!("messages cannot be filtered over {}", self.transport());
        let error = SourceError::new(SourceErrorKind::Configuration, text)
            .with_hint("Archive without a filter, or over IMAP.");
        std::future::ready(Err(error))
    }

    /// Ends the connection politely.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Makes connections to one account.
pub trait Connect: Send + Sync + 'static {
    /// What it connects to.
    type Source: Source;

    /// Connects and logs in.
    fn connect(&self) -> impl Future<Output = Result<Self::Source, SourceError>> + Send;
}

/// What the caller of a source can do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// Try again later: timeout, reset, server busy.
    Transient,
    /// Try again after this time: the server asked for a pause. It is neither a wrong password
    /// nor success.
    Throttled {
        /// How long the server asked for, or `None` when it did not say.
        retry_after: Option<Duration>,
    },
    /// Ask the administrator: the credentials were refused.
    Credentials,
    /// Ask the administrator: host, port, certificate or security is wrong.
    Configuration,
    /// The mailbox is not there or may not be read: go on with the others.
    Mailbox,
    /// The server broke the protocol: this mailbox goes no further, its cursor stays.
    Protocol,
}

/// Whom a pause is asked of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PauseOf {
    /// Everybody who connects to the server.
    #[default]
    Server,
    /// This account only: its mailbox is in use, its own quota is used up.
    Account,
    /// Nobody: a limit of ours is reached, and the server knows nothing of it.
    Nobody,
}

/// A source failed.
#[derive(Debug)]
pub struct SourceError {
    kind: SourceErrorKind,
    pause_of: PauseOf,
    message: String,
    hint: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl SourceError {
    /// An error of this kind. `message` is lower case, without a full stop, and names the thing.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> SourceError {
        let pause_of = PauseOf::Server;
        SourceError { kind, pause_of, message: message.into(), hint: None, cause: None }
    }

    /// The same of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: SourceErrorKind) -> SourceError {
        self.kind = kind;
        self
    }

    /// The same, asking somebody else for the pause of [`SourceErrorKind::Throttled`].
    #[must_use]
    pub fn asking(mut self, pause_of: PauseOf) -> SourceError {
        self.pause_of = pause_of;
        self
    }

    /// The same with what a person can do about it: a sentence.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> SourceError {
        self.hint = Some(hint.into());
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> SourceError {
        self.cause = Some(cause.into());
        self
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }

    /// Whom it asks for a pause, when it is [`SourceErrorKind::Throttled`].
    #[must_use]
    pub fn pause_of(&self) -> PauseOf {
        self.pause_of
    }

    /// What a person can do.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for SourceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|it| it as &(dyn StdError + 'static))
    }
}
