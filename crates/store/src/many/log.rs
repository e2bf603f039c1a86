//! The logs of all open stores as one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use frames::Dictionary;
use ports::{Change, Found, Log, LogError, LogErrorKind, ReadBack, ReadError, ReadErrorKind};
use types::{BlobId, EntryNumber, Position};

use super::Stores;
use super::ids::joined;
use crate::log::Sink;

/// The logs of all open stores as one: new mail goes to that of the current store.
#[derive(Clone)]
pub struct AllLog(Arc<Stores>);

impl AllLog {
    pub(super) fn new(stores: Arc<Stores>) -> AllLog {
        AllLog(stores)
    }

    /// The stores.
    #[must_use]
    pub fn stores(&self) -> &Arc<Stores> {
        &self.0
    }

    /// Reads a blob from the first store that gives it whole, the current one first.
    pub fn read(&self, id: &BlobId, sink: &mut Sink<'_>) -> Result<u64, ReadError> {
        let mut last = None;
        for member in self.0.members().into_iter().rev() {
            let mut passed = false;
            let read = member.store().log().read(id, &mut |bytes| {
                passed = true;
                sink(bytes)
            });
            match read {
                Ok(bytes) => return Ok(bytes),
                // What was given cannot be taken back.
                Err(error) if passed => return Err(error),
                Err(error) if error.kind() == ReadErrorKind::NotFound => {
                    last.get_or_insert(error);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| ReadError::new(ReadErrorKind::NotFound, "no store has it")))
    }

    /// Whether the current log takes no more appends.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.current().store().log().is_stopped()
    }
}

impl Log for AllLog {
    fn find(&self, blob: &BlobId) -> Result<Option<Found>, LogError> {
        let current = self.0.current().store().log().find(blob)?;
        // Messages of a store refer to its own parts alone.
        let can_be_part = current.is_some_and(|it| it.can_be_part);
        let mut found = current.map(|it| Found { message: None, ..it });
        // The newest first, as the catalog names messages.
        for member in self.0.members().into_iter().rev() {
            match member.store().log().find(blob)? {
                Some(Found { message: Some(key), .. }) => {
                    return Ok(Some(Found { message: Some(member.key(key)), can_be_part }));
                }
                Some(_) => {
                    found.get_or_insert(Found { message: None, can_be_part });
                }
                None => (),
            }
        }
        Ok(found)
    }

    async fn append(&self, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        let n_new = changes.iter().filter(|it| matches!(it, Change::Message(_))).count();
        if n_new != 0 {
            self.0.succeed_if_due().await?;
        }
        let _turn = self.0.turn.read().await;
        self.0.messages.fetch_add(n_new as u64, Ordering::Relaxed);
        let current = self.0.current();
        if self.0.is_first_alone() {
            return current.store().log().append(changes).await;
        }
        self.0.route(changes).await
    }

    fn position(&self) -> Position {
        let current = self.0.current();
        let Position { entries, root } = current.position();
        Position { entries: joined(current.number(), entries), root }
    }

    fn dictionary(&self) -> Result<Option<Arc<Dictionary>>, LogError> {
        self.0.current().store().log().dictionary()
    }
}

impl ReadBack for AllLog {
    fn read_back(&self, blob: &BlobId, sink: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        let mut into = |bytes: &[u8]| {
            sink(bytes);
            Ok(())
        };
        self.read(blob, &mut into).map(|_| ())
    }
}

/// A look-up that an append depends on failed.
pub(super) fn unroutable(error: impl std::error::Error + Send + Sync + 'static) -> LogError {
    let message = "failed to find out which store a change belongs to";
    LogError::new(LogErrorKind::Io, message).caused_by(error)
}
