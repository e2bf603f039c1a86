//! The log of a store, as engines write and read it.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use frames::{Dictionary, EncodedBlob, EncodedSkeleton};
use ledger::{Detail, Fact, MessageDetail, PlacementDetail, SourceRef};
use message::Message;
use types::{BlobId, EntryNumber, Flags, FolderId, MessageKey, Position, Timestamp};

/// One thing to append. Changes of one call are durable together or not at all.
#[derive(Debug)]
pub enum Change {
    /// A piece of a large blob, ahead of the change that commits it. It makes no entry.
    Chunk(EncodedBlob),
    /// A part of messages, ahead of those that refer to it: whole, or chunks that were appended
    /// before. It makes no entry.
    Part(NewBody),
    /// A message goes into a folder. The log sees whether this is its first placement.
    Message(Box<NewPlacement>),
    /// Any other fact.
    Fact(Fact, Option<Detail>),
}

/// A message to be placed.
#[derive(Debug)]
pub struct NewPlacement {
    /// Its bytes.
    pub body: NewBody,
    /// Number of its bytes.
    pub size: u64,
    /// The folder.
    pub folder: FolderId,
    /// Flags at archiving.
    pub flags: Flags,
    /// When the source received it.
    pub received: Option<Timestamp>,
    /// Where it stands at the source.
    pub source: Option<SourceRef>,
    /// How it came.
    pub placement_detail: PlacementDetail,
    /// What the parser read; written only with the first placement of the message.
    pub message_detail: Box<MessageDetail>,
    /// The same with its text, for the index; `None` lets the index read it from the log.
    pub parsed: Option<Box<Message>>,
}

/// The bytes of a message to be placed.
#[derive(Debug)]
pub enum NewBody {
    /// All of them. Written unless the log has them already.
    Whole(EncodedBlob),
    /// Those of chunks that were appended before, in this order.
    Chunked {
        /// SHA-256 of all bytes together.
        id: BlobId,
        /// Id and length of each chunk.
        chunks: Vec<(BlobId, u32)>,
    },
    /// Those of parts that the log has, or that were appended before, joined.
    Split(EncodedSkeleton),
    /// The log has them already.
    Known(BlobId),
}

impl NewBody {
    /// The id of the bytes.
    #[must_use]
    pub fn id(&self) -> BlobId {
        match self {
            NewBody::Whole(blob) => blob.id,
            NewBody::Split(skeleton) => skeleton.id,
            NewBody::Chunked { id, .. } | NewBody::Known(id) => *id,
        }
    }
}

/// A blob that the log has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The message that it is, when it has been placed.
    pub message: Option<MessageKey>,
    /// Whether it can be a part of other messages as it stands. A message that is itself kept as
    /// parts cannot; its bytes have to be appended as a part.
    pub can_be_part: bool,
}

/// The append-only truth of a store.
pub trait Log: Send + Sync + 'static {
    /// Looks for a blob. Answers from the log's own tables, never from a view.
    fn find(&self, blob: &BlobId) -> Result<Option<Found>, LogError>;

    /// Appends `changes` and returns when they are durable: for each change that makes an entry,
    /// in order, its number. Calls made at the same time share one sync.
    fn append(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<Vec<EntryNumber>, LogError>> + Send;

    /// Where the log ends.
    fn position(&self) -> Position;

    /// What new blobs are best compressed with. Others are taken as well.
    fn dictionary(&self) -> Result<Option<Arc<Dictionary>>, LogError> {
        Ok(None)
    }
}

/// What the caller of a log can do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LogErrorKind {
    /// Make room, then run again: nothing of the append was acknowledged.
    DiskFull,
    /// Run again: the writer ended, and recovery comes first.
    Stopped,
    /// Run `posthold verify`: bytes that were recorded are missing or changed.
    Damaged,
    /// Look at the cause: the disk or the file system failed.
    Io,
    /// The caller asked for something that cannot be (a chunk that is not there).
    Request,
}

/// The log could not do it.
#[derive(Debug)]
pub struct LogError {
    kind: LogErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A blob could not be given back.
#[derive(Debug)]
pub struct ReadError {
    kind: ReadErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the caller of a read can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The store has no such blob.
    NotFound,
    /// Run `posthold verify`: the bytes are not those that were stored.
    Damaged,
    /// Look at the cause: reading failed.
    Io,
    /// What the bytes were handed to failed.
    Sink,
}

macro_rules! port_error {
    ($name:ident, $kind:ident) => {
        impl $name {
            /// An error of this kind. `message` is lower case, without a full stop.
            pub fn new(kind: $kind, message: impl Into<String>) -> $name {
                $name { kind, message: message.into(), source: None }
            }

            /// The same with its cause.
            #[must_use]
            pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> $name {
                self.source = Some(cause.into());
                self
            }

            /// What the caller can do.
            #[must_use]
            pub fn kind(&self) -> $kind {
                self.kind
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.message)
            }
        }

        impl StdError for $name {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                self.source.as_deref().map(|it| it as &(dyn StdError + 'static))
            }
        }
    };
}

port_error!(LogError, LogErrorKind);
port_error!(ReadError, ReadErrorKind);
