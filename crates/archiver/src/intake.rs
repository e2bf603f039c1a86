//! Messages on their way to the log.

use ledger::EnvelopeDetail;
use ports::Change;
use tokio::sync::OwnedSemaphorePermit;
use types::{BlobId, Flags, Timestamp};

use crate::sorted::Addressed;

/// A message as it arrived, whole or with its bytes in the log already.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Which mailbox or folder of the run.
    pub(crate) slot: usize,
    /// Its UID, where its source keeps one.
    pub(crate) uid: Option<u64>,
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<String>,
    pub(crate) received: Option<Timestamp>,
    pub(crate) transport: &'static str,
    /// For files: where it was read. For SMTP: who handed it in.
    pub(crate) origin: String,
    /// For SMTP: who it is from and to.
    pub(crate) envelope: EnvelopeDetail,
    pub(crate) body: ArrivedBody,
    /// Its share of the budget, held until it is durable.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// The bytes of a message that arrived.
#[derive(Debug)]
pub(crate) enum ArrivedBody {
    /// All of them.
    Whole(Vec<u8>),
    /// They are in the log as parts.
    Large(Large),
}

impl ArrivedBody {
    /// Number of all its bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            ArrivedBody::Whole(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            ArrivedBody::Large(large) => large.size,
        }
    }

    /// Bytes that it holds in memory.
    pub(crate) fn held(&self) -> usize {
        match self {
            ArrivedBody::Whole(bytes) => bytes.len(),
            ArrivedBody::Large(large) => large.head.len(),
        }
    }
}

/// A message whose parts were appended while it arrived.
#[derive(Debug)]
pub(crate) struct Large {
    /// SHA-256 of all its bytes.
    pub(crate) id: BlobId,
    /// Their number.
    pub(crate) size: u64,
    /// What it is made of.
    pub(crate) body: ports::NewBody,
    /// Its first bytes, for the parser.
    pub(crate) head: Vec<u8>,
    /// The right to hold `head` in memory.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// A message that is ready for a decision.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) slot: usize,
    pub(crate) uid: Option<u64>,
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<String>,
    pub(crate) received: Option<Timestamp>,
    pub(crate) transport: &'static str,
    pub(crate) origin: String,
    pub(crate) id: BlobId,
    pub(crate) size: u64,
    /// What a new message needs; `None` when the log had this message when it was looked up.
    pub(crate) content: Option<Content>,
    /// When it is sorted: whose it is.
    pub(crate) addressed: Option<Box<Addressed>>,
    /// Shares of budgets.
    pub(crate) permits: Vec<OwnedSemaphorePermit>,
}

/// What is appended of a message that the log has not got.
#[derive(Debug)]
pub(crate) struct Content {
    /// Parts and chunks that have to be appended ahead, in the same append.
    pub(crate) ahead: Vec<Change>,
    pub(crate) body: ports::NewBody,
    pub(crate) detail: Box<ledger::MessageDetail>,
    pub(crate) parsed: Option<Box<message::Message>>,
    /// Encoded bytes of all of them.
    pub(crate) encoded_bytes: usize,
}
