//! Placements of this run that the catalog may not show yet.
//!
//! The catalog follows the log at some distance. Until it has caught up with a message that this
//! run touched, what the run did with it is kept here.

use std::collections::{HashMap, VecDeque};

use ledger::SourceRef;
use types::{BlobId, EntryNumber, FolderId, PlacementId};

/// A message for which nothing is appended until its first placement in this folder is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiter {
    /// Which mailbox or folder of the run.
    pub(crate) slot: usize,
    /// Where it stands.
    pub(crate) source: Option<SourceRef>,
    /// Its size.
    pub(crate) size: u64,
    /// Whether it counts as there before this run.
    pub(crate) existed: bool,
}

/// A placement that this run made or changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RecentPlacement {
    /// The folder that it is in now.
    pub(crate) folder: FolderId,
    /// Its id; `None` while its entry is in flight.
    pub(crate) placement: Option<PlacementId>,
    /// Places of the source that this run saw it at.
    pub(crate) stands: Vec<SourceRef>,
    /// The same message at other places, waiting for the id.
    waiters: Vec<Waiter>,
}

#[derive(Debug, Default)]
struct RecentMessage {
    placements: Vec<RecentPlacement>,
    /// Entries in flight.
    flying: u32,
    /// Of these, moves of a placement to another folder.
    moving: u32,
    /// The newest entry about it.
    newest: u64,
}

/// The messages that this run touched lately.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    messages: HashMap<BlobId, RecentMessage>,
    /// In the order in which they were acknowledged: until when each is needed.
    acknowledged: VecDeque<(u64, BlobId)>,
}

impl Recent {
    /// How many messages are kept.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The newest entry that keeps anything here.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.acknowledged.front().map(|it| it.0)
    }

    /// What this run did with a message lately.
    pub(crate) fn placements(&self, blob: &BlobId) -> &[RecentPlacement] {
        self.messages.get(blob).map_or(&[], |it| it.placements.as_slice())
    }

    /// Whether a placement of this message is on its way from one folder to another. Appends may
    /// overtake each other: until it is there, another one must not come to where it was.
    pub(crate) fn is_moving(&self, blob: &BlobId) -> bool {
        self.messages.get(blob).is_some_and(|it| it.moving > 0)
    }

    /// Notes an entry in flight that moves a placement to another folder.
    pub(crate) fn begin_move(
        &mut self,
        blob: BlobId,
        folder: FolderId,
        placement: PlacementId,
        source: SourceRef,
    ) {
        self.begin(blob, folder, Some(placement), Some(source));
        if let Some(message) = self.messages.get_mut(&blob) {
            message.moving += 1;
        }
    }

    /// Notes that a move is durable.
    pub(crate) fn end_move(&mut self, blob: &BlobId) {
        if let Some(message) = self.messages.get_mut(blob) {
            message.moving = message.moving.saturating_sub(1);
        }
    }

    /// Notes an entry in flight that puts a message into a folder: a new placement, or one that
    /// has an id and is seen there at one more place.
    pub(crate) fn begin(
        &mut self,
        blob: BlobId,
        folder: FolderId,
        placement: Option<PlacementId>,
        source: Option<SourceRef>,
    ) {
        let message = self.messages.entry(blob).or_default();
        message.flying += 1;
        let known = message.placements.iter_mut().find(|it| match placement {
            Some(id) => it.placement == Some(id),
            None => it.folder == folder,
        });
        match known {
            Some(known) => {
                known.folder = folder;
                known.stands.extend(source);
            }
            None => message.placements.push(RecentPlacement {
                folder,
                placement,
                stands: Vec::from_iter(source),
                waiters: Vec::new(),
            }),
        }
    }

    /// Lets a message wait until its placement in `folder`, which is in flight, has its id.
    pub(crate) fn wait(&mut self, blob: &BlobId, folder: FolderId, waiter: Waiter) {
        let message = self.messages.get_mut(blob);
        let placements = message.into_iter().flat_map(|it| it.placements.iter_mut());
        for placement in placements.filter(|it| it.folder == folder) {
            placement.waiters.push(waiter);
        }
    }

    /// Notes that an entry about a message is durable. `made` says that it made the placement of
    /// this folder. Gives those who waited for it, with the placement.
    pub(crate) fn acknowledge(
        &mut self,
        blob: &BlobId,
        entry: EntryNumber,
        made: Option<FolderId>,
    ) -> Vec<(PlacementId, Waiter)> {
        let Some(message) = self.messages.get_mut(blob) else { return Vec::new() };
        message.flying = message.flying.saturating_sub(1);
        message.newest = message.newest.max(entry.0);
        if message.flying == 0 {
            self.acknowledged.push_back((message.newest, *blob));
        }
        let id = PlacementId(entry.0);
        let in_flight = message
            .placements
            .iter_mut()
            .find(|it| it.placement.is_none() && made == Some(it.folder));
        let Some(placement) = in_flight else { return Vec::new() };
        placement.placement = Some(id);
        std::mem::take(&mut placement.waiters).into_iter().map(|it| (id, it)).collect()
    }

    /// Forgets what a catalog shows that has read `entries` entries.
    pub(crate) fn forget_before(&mut self, entries: u64) {
        while let Some((newest, blob)) = self.acknowledged.front().copied() {
            if newest >= entries {
                break;
            }
            self.acknowledged.pop_front();
            let done = self.messages.get(&blob).is_some_and(|it| {
                let waited_for = it.placements.iter().any(|it| !it.waiters.is_empty());
                it.flying == 0 && it.newest <= newest && !waited_for
            });
            if done {
                self.messages.remove(&blob);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::SourceId;

    const INBOX: FolderId = FolderId(1);
    const SENT: FolderId = FolderId(2);

    fn at(uid: u64) -> SourceRef {
        SourceRef { source: SourceId(9), uid }
    }

    #[test]
    fn waiters_get_the_id_of_their_folder() {
        let mut recent = Recent::default();
        let blob = BlobId::of(b"x");
        recent.begin(blob, INBOX, None, Some(at(1)));
        recent.begin(blob, SENT, None, Some(at(2)));
        let waiter = Waiter { slot: 0, source: Some(at(3)), size: 1, existed: false };
        recent.wait(&blob, INBOX, waiter);
        assert!(recent.acknowledge(&blob, EntryNumber(10), Some(SENT)).is_empty());
        let woken = recent.acknowledge(&blob, EntryNumber(11), Some(INBOX));
        assert_eq!(woken, [(PlacementId(11), waiter)]);
        assert_eq!(recent.placements(&blob).len(), 2);
    }

    #[test]
    fn forgets_what_the_catalog_shows() {
        let mut recent = Recent::default();
        let (a, b) = (BlobId::of(b"a"), BlobId::of(b"b"));
        for (blob, entry) in [(a, 20), (b, 21)] {
            recent.begin(blob, INBOX, None, None);
            recent.acknowledge(&blob, EntryNumber(entry), Some(INBOX));
        }
        recent.begin(a, INBOX, Some(PlacementId(20)), Some(at(5)));
        assert_eq!(recent.oldest(), Some(20));
        recent.forget_before(22);
        assert_eq!(recent.len(), 1, "a has an entry in flight");
        recent.acknowledge(&a, EntryNumber(30), None);
        recent.forget_before(30);
        assert_eq!(recent.len(), 1, "30 entries are 0 to 29");
        recent.forget_before(31);
        assert_eq!(recent.len(), 0);
    }
}
