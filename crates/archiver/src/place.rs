//! What becomes of a message that arrived: the rules of archives (design: archives and live
//! folders).
//!
//! Inside a root, asked in this order:
//! 1. It is in this folder: it stands at one more place of the source, nothing else.
//! 2. A placement of it stood at this account before and stands nowhere now: that one moves here.
//! 3. It is placed here, whatever other folders have it.
//!
//! A placement that came from files never moves: nobody said that it left its folder.
//!
//! What a run saw to be gone is in the catalog before it decides about any message.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ledger::{EnvelopeDetail, Fact, PlacementDetail, SourceRef};
use ports::{Catalog, Change, Log, NewBody, NewPlacement};
use tokio::sync::OwnedSemaphorePermit;
use types::{ArchiveId, BlobId, FolderId, FolderPath, PlacementId, SourceId};

use crate::intake::Prepared;
use crate::options::Target;
use crate::recent::{Recent, Waiter};
use crate::report::RunFailure;

/// Messages kept in [`Recent`] before the catalog is waited for.
const RECENT_MAX: usize = 65_536;

/// Decides about messages of one root.
pub(crate) struct Placer<L, K> {
    pub(crate) log: Arc<L>,
    pub(crate) catalog: Arc<K>,
    pub(crate) archive: ArchiveId,
    /// The root as it stands in folder paths.
    pub(crate) root: String,
    /// The log's number of entries when the run began: what is older was there already.
    pub(crate) began: u64,
    /// Every source of the account in this root.
    pub(crate) account: HashSet<SourceId>,
    pub(crate) recent: Recent,
    /// Messages that wait for a move of the same message.
    parked: HashMap<BlobId, Vec<Prepared>>,
}

/// What is to be done with a message.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) action: Action,
    /// Whether the message was in this root before this run.
    pub(crate) existed: bool,
}

/// What is to be appended.
#[derive(Debug)]
pub(crate) enum Action {
    /// A placement. The last change makes its entry.
    Place { changes: Vec<Change>, encoded_bytes: usize, permits: Vec<OwnedSemaphorePermit> },
    /// One fact about a placement that is there.
    Tell(Fact),
    /// The same, and the placement leaves another folder.
    Move(Fact),
    /// Nothing yet: it is decided again when a move of the same message is durable.
    Park,
    /// Nothing yet: it waits for its own first placement in this folder.
    Wait,
    /// Nothing: it is where it should be.
    Nothing,
}

/// A placement of the message in this root, as the catalog and this run know it together.
struct Candidate {
    placement: Option<PlacementId>,
    folder: FolderId,
    last_source: Option<SourceId>,
}

impl<L: Log, K: Catalog> Placer<L, K> {
    /// For a run that begins now.
    pub(crate) fn new(log: &Arc<L>, catalog: &Arc<K>, target: &Target) -> Placer<L, K> {
        Placer {
            log: Arc::clone(log),
            catalog: Arc::clone(catalog),
            archive: target.archive,
            root: FolderPath::from_parts([target.root.as_str()]).as_str().to_owned(),
            began: log.position().entries,
            account: HashSet::new(),
            recent: Recent::default(),
            parked: HashMap::new(),
        }
    }

    /// Decides, and notes the decision as in flight.
    pub(crate) fn place(
        &mut self,
        message: Prepared,
        folder: FolderId,
        source: Option<SourceRef>,
    ) -> Result<Decision, RunFailure> {
        let blob = message.id;
        let candidates = self.candidates(&blob)?;
        let existed = candidates.iter().any(|it| it.placement.is_some_and(|id| self.is_old(id)));
        let is_moving = self.recent.is_moving(&blob);
        let action = if let Some(here) = candidates.iter().find(|it| it.folder == folder) {
            self.stands_here(&message, here, folder, source, existed)
        } else if is_moving {
            self.parked.entry(blob).or_default().push(message);
            Action::Park
        } else if let Some((placement, source)) = self.moved(&blob, &candidates, source)? {
            self.recent.begin_move(blob, folder, placement, source);
            Action::Move(Fact::Moved { placement, folder, source: Some(source) })
        } else {
            self.recent.begin(blob, folder, None, source);
            new_placement(message, folder, source)
        };
        Ok(Decision { action, existed })
    }

    /// Notes that a move of a message is durable, and gives the messages that waited for it.
    pub(crate) fn moved_durably(&mut self, blob: &BlobId) -> Vec<Prepared> {
        self.recent.end_move(blob);
        self.parked.remove(blob).unwrap_or_default()
    }

    fn is_old(&self, placement: PlacementId) -> bool {
        placement.0 < self.began
    }

    /// It is in this folder, or on its way there.
    fn stands_here(
        &mut self,
        message: &Prepared,
        here: &Candidate,
        folder: FolderId,
        source: Option<SourceRef>,
        existed: bool,
    ) -> Action {
        match (here.placement, source) {
            (None, _) => {
                let (slot, size) = (message.slot, message.size);
                self.recent.wait(&message.id, folder, Waiter { slot, source, size, existed });
                Action::Wait
            }
            (Some(placement), Some(source)) => {
                self.recent.begin(message.id, folder, Some(placement), Some(source));
                Action::Tell(Fact::Sighted { placement, source })
            }
            (Some(_), None) => Action::Nothing,
        }
    }

    /// Where the message is in this root.
    fn candidates(&self, blob: &BlobId) -> Result<Vec<Candidate>, RunFailure> {
        let found = self.log.find(blob)?.and_then(|it| it.message);
        let in_catalog = match found {
            Some(key) => self.catalog.placements(self.archive, &self.root, key)?,
            None => Vec::new(),
        };
        let mut all: Vec<Candidate> = in_catalog
            .iter()
            .map(|it| Candidate {
                placement: Some(it.placement),
                folder: it.folder,
                last_source: it.source,
            })
            .collect();
        for recent in self.recent.placements(blob) {
            let same = |it: &&mut Candidate| match recent.placement {
                Some(id) => it.placement == Some(id),
                // The catalog may be ahead of the acknowledgement.
                None => it.folder == recent.folder,
            };
            let last_source = recent.stands.last().map(|it| it.source);
            match all.iter_mut().find(same) {
                Some(known) => {
                    known.folder = recent.folder;
                    known.last_source = last_source.or(known.last_source);
                }
                None => all.push(Candidate {
                    placement: recent.placement,
                    folder: recent.folder,
                    last_source,
                }),
            }
        }
        Ok(all)
    }

    /// The placement that has moved with the message, if one has.
    fn moved(
        &self,
        blob: &BlobId,
        candidates: &[Candidate],
        source: Option<SourceRef>,
    ) -> Result<Option<(PlacementId, SourceRef)>, RunFailure> {
        let Some(source) = source else { return Ok(None) };
        let ours = |it: &&Candidate| it.last_source.is_some_and(|it| self.account.contains(&it));
        for candidate in candidates.iter().filter(ours) {
            if let Some(placement) = candidate.placement
                && !self.stands(blob, placement)?
            {
                return Ok(Some((placement, source)));
            }
        }
        Ok(None)
    }

    /// Whether a placement stands anywhere at a source, as far as this run knows.
    fn stands(&self, blob: &BlobId, placement: PlacementId) -> Result<bool, RunFailure> {
        let recent = self.recent.placements(blob);
        let seen = recent.iter().any(|it| it.placement == Some(placement) && !it.stands.is_empty());
        Ok(seen || !self.catalog.refs_of(placement)?.is_empty())
    }

    /// Forgets what the catalog shows by now. When too much is left, waits for the catalog.
    pub(crate) async fn tidy(&mut self) -> Result<(), RunFailure> {
        self.recent.forget_before(self.catalog.reached());
        if self.recent.len() > RECENT_MAX
            && let Some(oldest) = self.recent.oldest()
        {
            self.catalog.wait_for(oldest + 1).await?;
            self.recent.forget_before(self.catalog.reached());
        }
        Ok(())
    }
}

/// A new placement.
fn new_placement(message: Prepared, folder: FolderId, source: Option<SourceRef>) -> Action {
    let Prepared {
        flags, keywords, received, transport, origin, id, size, content, permits, ..
    } = message;
    let (mut changes, body, message_detail, parsed, encoded_bytes) = match content {
        Some(it) => (it.ahead, it.body, it.detail, it.parsed, it.encoded_bytes),
        // The log had the message when it was prepared, and messages do not leave a log.
        None => (Vec::new(), NewBody::Known(id), Box::default(), None, 0),
    };
    let placement_detail = PlacementDetail {
        keywords,
        transport: transport.to_owned(),
        fidelity: ledger::Fidelity::of_transport(transport),
        origin,
        envelope: EnvelopeDetail::default(),
    };
    changes.push(Change::Message(Box::new(NewPlacement {
        body,
        size,
        folder,
        flags,
        received,
        source,
        placement_detail,
        message_detail,
        parsed,
    })));
    Action::Place { changes, encoded_bytes, permits }
}
