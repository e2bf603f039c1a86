//! What feeds a catalog: entries in, rows out, and no decision between.

use ledger::{Detail, Entry};
use types::{BlobId, MessageKey, Position, Timestamp};

use crate::CatalogError;

/// A message that a catalog gave a dense number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewMessage {
    /// Its key: the entry that placed it first.
    pub key: MessageKey,
    /// Its dense number.
    pub n: u32,
    /// Its id.
    pub blob: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// The date to show, search and sort by.
    pub date: Timestamp,
    /// When it was archived.
    pub archived: Timestamp,
}

/// The one writer of a catalog. It carries out what `ledger::project` says of each entry, so that
/// every catalog of the same log has the same rows.
///
/// Rules, which the suite in `testkit::catalog_conformance` holds every implementation to:
/// - Whole batches only, without a gap, several in a transaction. Readers see a transaction whole
///   or not at all, and with it how far the catalog is.
/// - After an error everything since the last commit is taken back, and the writer goes on from
///   there once its storage works again.
/// - There is one writer. One that is no longer the one is refused, whole.
/// - Losing the last commits is allowed: they are read from the log again. Half of one is not.
pub trait WriteCatalog: Send + 'static {
    /// How far it has read, what is not committed included.
    fn position(&self) -> Position;

    /// How far it has read in what readers see.
    fn committed(&self) -> Position;

    /// Applies whole batches: `entries` begin at [`position`](WriteCatalog::position) and end at
    /// `upto`. Returns the messages that are new, in order.
    fn apply(
        &mut self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
        upto: Position,
    ) -> Result<Vec<NewMessage>, CatalogError>;

    /// Makes what was applied visible to readers. Without anything applied it does nothing.
    fn commit(&mut self) -> Result<(), CatalogError>;
}
