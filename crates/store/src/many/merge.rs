//! What a store holds, put into another one.
//!
//! Rules: the log of the store that ends is read in its order, and what its catalog shows now is
//! made in the other one; what is there already is not made again, so that a merge that was killed
//! is done again from its beginning; nothing is taken away anywhere.

use std::sync::Arc;

use ledger::{Detail, Entry, Fact, PlacementDetail, SourceRef};
use ports::{Catalog, Change, Log, LogError, LogErrorKind, NewBody, NewPlacement};
use types::{BlobId, EntryNumber, FolderId, MessageKey, PlacementId};

use super::copy::{copy_bytes, detail_of};
use super::log::unroutable;
use super::{Access, Member, Stores};
use crate::catalog::PlacementNow;

/// Bytes of entries that are read at once.
const READ_BYTES: usize = 4 << 20;

/// Bytes of messages that are appended together; one message may be larger.
const TOGETHER_BYTES: usize = 8 << 20;

/// Placements that are appended together.
const TOGETHER_MAX: usize = 1_000;

/// Ids of damaged messages that are named.
const DAMAGED_MAX: usize = 1_000;

/// What a merge did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Merged {
    /// Messages that the other store did not have.
    pub copied: u64,
    /// Messages that it had.
    pub already: u64,
    /// Placements that it did not have.
    pub placements: u64,
    /// Messages whose bytes cannot be read.
    pub damaged: Vec<BlobId>,
}

/// Placements that are to be appended together.
#[derive(Default)]
struct Pending {
    changes: Vec<Change>,
    bytes: usize,
    /// Of each placement the other places where it stands.
    stands: Vec<Vec<SourceRef>>,
}

/// A merge under way.
struct Merging<'a> {
    stores: &'a Stores,
    from: Arc<Member>,
    into: Arc<Member>,
    merged: Merged,
    pending: Pending,
}

impl Stores {
    /// Puts what the store `from` holds into the store `into`. Nobody else uses the stores.
    /// `progress` is told the entries that were read, of how many.
    pub async fn merge(
        &self,
        from: &str,
        into: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Merged, LogError> {
        let members = self.members();
        let named = |name: &str| {
            let found = members.iter().find(|it| it.name() == name).map(Arc::clone);
            found.ok_or_else(|| {
                LogError::new(LogErrorKind::Request, format!("the store {name} is not open"))
            })
        };
        let (from, into) = (named(from)?, named(into)?);
        if [from.access(), into.access()].contains(&Access::Protected) {
            let message = "a write-protected store takes part in no merge";
            return Err(LogError::new(LogErrorKind::Request, message));
        }
        self.carry_deferred(from.name()).await?;
        self.carry_into(&into).await?;
        let (merged, pending) = (Merged::default(), Pending::default());
        let mut merging = Merging { stores: self, from, into, merged, pending };
        merging.run(progress).await?;
        Ok(merging.merged)
    }
}

impl Merging<'_> {
    async fn run(&mut self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<(), LogError> {
        let end = self.from.position().entries;
        let target = self.stores.writable(&self.into).await?;
        target.catalog().wait_for(target.log().position().entries).await.map_err(unroutable)?;
        self.from.store().catalog().wait_for(end).await.map_err(unroutable)?;
        let mut next = 0;
        while next < end {
            let store = self.from.store();
            let read = tokio::task::spawn_blocking(move || store.log().entries(next, READ_BYTES));
            let run = read.await.map_err(unroutable)??;
            if run.items.is_empty() {
                break;
            }
            for (number, (entry, detail)) in (run.first..).zip(run.items) {
                if next <= number {
                    self.entry(number, entry, detail).await?;
                }
            }
            next = run.position.entries.max(next + 1);
            progress(next, end);
        }
        self.append().await?;
        self.waiting().await
    }

    async fn entry(
        &mut self,
        number: u64,
        entry: Entry,
        detail: Option<Detail>,
    ) -> Result<(), LogError> {
        let Fact::Placed { message, blob, size, received, .. } = entry.fact else {
            return Ok(());
        };
        let (placement, store) = (PlacementId(number), self.from.store());
        let now = store.catalog().placement_now(placement).map_err(unroutable)?;
        let Some(PlacementNow { folder, flags }) = now else { return Ok(()) };
        let called = self.stores.folder_of(&self.from, folder).map_err(unroutable)?;
        let folder = self.stores.folder_in(called, &self.into).await?;
        let mut stands = Vec::new();
        for at in store.catalog().refs_of(placement).map_err(unroutable)? {
            let source = self.stores.source_of(&self.from, at.source).map_err(unroutable)?;
            let source = self.stores.source_into(source, &self.into).await?;
            stands.push(SourceRef { source, uid: at.uid });
        }
        let is_first = message.is_none();
        let key = message.unwrap_or(MessageKey(number));
        let there = self.there(&blob, folder)?;
        if is_first {
            match there.is_known {
                true => self.merged.already += 1,
                false => self.merged.copied += 1,
            }
        }
        if let Some(own) = there.placement {
            let sighted = |source| Change::Fact(Fact::Sighted { placement: own, source }, None);
            let told: Vec<Change> = stands.into_iter().map(sighted).collect();
            for change in told {
                self.add(change, 0, Vec::new()).await?;
            }
            return Ok(());
        }
        let (placement_detail, message_detail) = match detail {
            Some(Detail::Placed(placement, message)) => (placement, message),
            _ => (PlacementDetail::default(), None),
        };
        let Some((before, body)) = self.bytes(&blob, there.is_known).await? else {
            return Ok(());
        };
        let message_detail = match message_detail {
            Some(it) => it,
            None => detail_of(store.log(), key)?,
        };
        let mut places = stands.into_iter();
        let change = Change::Message(Box::new(NewPlacement {
            body,
            size,
            folder,
            flags,
            received,
            source: places.next(),
            placement_detail,
            message_detail,
            parsed: None,
        }));
        for it in before {
            let bytes = chunk_len(&it);
            self.pending.changes.push(it);
            self.pending.bytes += bytes;
        }
        self.merged.placements += 1;
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        self.add(change, bytes, places.collect()).await
    }

    /// What the other store has of a message.
    fn there(&self, blob: &BlobId, folder: FolderId) -> Result<There, LogError> {
        let store = self.into.store();
        let found = store.log().find(blob)?.and_then(|it| it.message);
        let placement = match found {
            Some(key) => {
                let places = store.catalog().places_of(key).map_err(unroutable)?;
                places.into_iter().find(|it| it.folder == folder).map(|it| it.placement)
            }
            None => None,
        };
        Ok(There { is_known: found.is_some(), placement })
    }

    /// The bytes of a message, as changes; `None` when they cannot be read.
    async fn bytes(
        &mut self,
        blob: &BlobId,
        is_known: bool,
    ) -> Result<Option<(Vec<Change>, NewBody)>, LogError> {
        if is_known {
            return Ok(Some((Vec::new(), NewBody::Known(*blob))));
        }
        let (store, id) = (self.from.store(), *blob);
        let copied = tokio::task::spawn_blocking(move || copy_bytes(store.log(), id)).await;
        match copied.map_err(unroutable)? {
            Ok(copied) => Ok(Some(copied)),
            Err(error) => {
                tracing::warn!(%error, "a message of a store that is merged cannot be read");
                if self.merged.damaged.len() < DAMAGED_MAX && !self.merged.damaged.contains(blob) {
                    self.merged.damaged.push(*blob);
                }
                self.merged.copied = self.merged.copied.saturating_sub(1);
                Ok(None)
            }
        }
    }

    async fn add(
        &mut self,
        change: Change,
        bytes: usize,
        stands: Vec<SourceRef>,
    ) -> Result<(), LogError> {
        self.pending.changes.push(change);
        self.pending.stands.push(stands);
        self.pending.bytes = self.pending.bytes.saturating_add(bytes);
        if self.pending.stands.len() < TOGETHER_MAX && self.pending.bytes < TOGETHER_BYTES {
            return Ok(());
        }
        self.append().await
    }

    async fn append(&mut self) -> Result<(), LogError> {
        let Pending { changes, stands, .. } = std::mem::take(&mut self.pending);
        if changes.is_empty() {
            return Ok(());
        }
        let log = self.stores.writable(&self.into).await?;
        let entries = log.log().append(changes).await?;
        let mut more = Vec::new();
        for (EntryNumber(entry), stands) in entries.into_iter().zip(stands) {
            let placement = PlacementId(entry);
            more.extend(
                stands
                    .into_iter()
                    .map(|source| Change::Fact(Fact::Sighted { placement, source }, None)),
            );
        }
        if !more.is_empty() {
            log.log().append(more).await?;
        }
        Ok(())
    }

    /// Changes that wait in the store that ends, for others, wait in the other one from now on.
    async fn waiting(&mut self) -> Result<(), LogError> {
        let mut changes = Vec::new();
        for other in self.stores.members() {
            let mut from = EntryNumber(0);
            loop {
                let store = self.from.store();
                let rows = store.catalog().deferred_for(other.id(), from, 1_000);
                let rows = rows.map_err(unroutable)?;
                let Some(last) = rows.last() else { break };
                from = EntryNumber(last.entry.0 + 1);
                for row in rows {
                    let change = self.stores.settled(&self.from, &self.into, row).await?;
                    let fact = Fact::Deferred { store: other.id(), change };
                    changes.push(Change::Fact(fact, None));
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.stores.writable(&self.into).await?.log().append(changes).await.map(|_| ())
    }
}

/// What a store has of a message already.
struct There {
    is_known: bool,
    placement: Option<PlacementId>,
}

fn chunk_len(change: &Change) -> usize {
    match change {
        Change::Chunk(blob) => blob.body.len(),
        _ => 0,
    }
}
