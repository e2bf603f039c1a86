//! Erasure of one store, and the holds that it asks for.

use ports::{
    Condemnation, CondemnedRow, Erase, Erased, Held, Holds, LogError, LogErrorKind, Sparing,
};
use retention::{Hold, Judge};
use store::Store;
use types::{EntryNumber, MessageKey, Position, Timestamp};

use super::holds::hold_of;
use super::views::StoreViews;

/// Erasure by the log of a store.
pub(super) struct StoreErase<'a> {
    store: &'a Store,
}

impl<'a> StoreErase<'a> {
    /// That of `store`, which is open for writing.
    pub(super) fn new(store: &'a Store) -> StoreErase<'a> {
        StoreErase { store }
    }
}

impl Erase for StoreErase<'_> {
    fn condemned(&self) -> Result<Vec<CondemnedRow>, LogError> {
        self.store.log().condemned()
    }

    fn erased(&self) -> Result<Vec<CondemnedRow>, LogError> {
        self.store.log().erased()
    }

    async fn condemn(&self, what: Condemnation) -> Result<Vec<EntryNumber>, LogError> {
        Erase::condemn(self.store, what).await
    }

    async fn spare(&self, what: Sparing) -> Result<Vec<EntryNumber>, LogError> {
        Erase::spare(self.store, what).await
    }

    async fn erase<H: Holds>(
        &self,
        messages: &[MessageKey],
        now: Timestamp,
        holds: &H,
    ) -> Result<Erased, LogError> {
        Erase::erase(self.store, messages, now, holds).await
    }
}

/// The holds of one store at a position of its log, and those of the others as they were when
/// the command began. Each stands in every store, so that these are a second net.
pub(in crate::run) struct LogHolds<'a> {
    store: &'a Store,
    others: &'a [Hold],
}

impl<'a> LogHolds<'a> {
    /// Those of `store`, and `others`.
    pub(in crate::run) fn new(store: &'a Store, others: &'a [Hold]) -> LogHolds<'a> {
        LogHolds { store, others }
    }

    /// Asks both views, which have read everything.
    fn look(&self, messages: &[MessageKey]) -> Result<Vec<Held>, LogError> {
        let failed = |it: &dyn std::fmt::Display| {
            let message = format!("it cannot be told what legal holds cover: {it}");
            LogError::new(LogErrorKind::Request, message)
        };
        let catalog = self.store.catalog();
        let rows = catalog.holds().map_err(|it| failed(&it))?;
        let mut holds: Vec<Hold> =
            rows.iter().filter(|it| it.lifted.is_none()).map(hold_of).collect();
        let is_known = |it: &&Hold| rows.iter().any(|row| row.id == it.id);
        holds.extend(self.others.iter().filter(|it| !is_known(it)).cloned());
        let views = StoreViews::new(self.store).map_err(|it| failed(&it.message))?;
        let judge = Judge::new(&views, &[], &holds).map_err(|it| failed(&it))?;
        let mut held = Vec::new();
        for message in messages {
            let row = catalog.times_of_message(*message).map_err(|it| failed(&it))?;
            let row = row.ok_or_else(|| failed(&"a message is not in the catalog"))?;
            if let Some(hold) = judge.hold_of(row.n) {
                held.push(Held { message: *message, hold: hold.to_owned() });
            }
        }
        Ok(held)
    }
}

impl Holds for LogHolds<'_> {
    async fn held(
        &self,
        messages: &[MessageKey],
        position: Position,
    ) -> Result<Vec<Held>, LogError> {
        let reach = self.store.flush().await;
        if !reach.is_at(position.entries) {
            let message = "the views have not read the whole log, so nobody can tell what is held";
            return Err(LogError::new(LogErrorKind::Request, message));
        }
        tokio::task::block_in_place(|| self.look(messages))
    }
}
