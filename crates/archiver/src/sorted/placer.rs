//! What becomes of a message that is sorted: which placements are new, and which are there.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use ledger::{EnvelopeDetail, Fact, Fidelity, PlacementDetail, SourceRef};
use ports::{Catalog, Change, Log, NewBody, NewPlacement};
use rules::sorting::UnknownAddress;
use tokio::sync::OwnedSemaphorePermit;
use types::{BlobId, EntryNumber, FolderId, Hash, PlacementId};

use super::unknown::{Unknown, example};
use super::{Addressed, Kept, SortOptions, Sorted};
use crate::folders::{self, Place};
use crate::intake::{Content, Prepared};
use crate::report::RunFailure;

/// Groups that are kept before the catalog is waited for.
const RECENT_MAX: usize = 65_536;

/// Decides about messages of shared mailboxes.
pub(crate) struct SortPlacer<L, K> {
    log: Arc<L>,
    catalog: Arc<K>,
    pub(crate) options: Arc<SortOptions>,
    /// The log's number of entries when it began: what is older was there already.
    began: u64,
    /// Folders that were found or made.
    folders: HashMap<Place, FolderId>,
    /// Entries that made folders.
    pub(crate) folders_made: u64,
    recent: HashMap<Hash, Group>,
    /// In the order in which they became durable: until when each is needed.
    durable: VecDeque<(u64, Hash)>,
    unknown: Unknown,
}

/// What was done lately with copies of one message.
#[derive(Debug, Default)]
struct Group {
    /// Its placements; without an id while the entry is in flight.
    placements: Vec<(FolderId, Option<PlacementId>)>,
    /// Whether something about it is in flight: until then nothing else is decided.
    flying: bool,
    newest: u64,
}

/// What is to be done with a message.
pub(crate) enum Verdict {
    /// Nothing yet: something about another copy is in flight.
    Wait(Box<Prepared>),
    /// It belongs to nobody and stays where it is.
    Left {
        /// Who nobody is, in words.
        why: String,
    },
    /// It is in all its folders already. The fact says that it stands at one more place.
    There { fact: Option<Fact>, existed: bool },
    /// New placements, in this order, in one append; each makes an entry.
    Placed(Vec<NewPlace>),
}

/// One new placement.
pub(crate) struct NewPlace {
    pub(crate) folder: FolderId,
    pub(crate) changes: Vec<Change>,
    pub(crate) encoded_bytes: usize,
    pub(crate) permits: Vec<OwnedSemaphorePermit>,
}

/// An entry about a message that became durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Appended {
    pub(crate) group: Hash,
    /// The folder whose placement it makes, if it makes one.
    pub(crate) folder: Option<FolderId>,
    /// Whether it is the last one about this message.
    pub(crate) last: bool,
}

impl<L: Log, K: Catalog> SortPlacer<L, K> {
    /// For a run, or a reception, that begins now.
    pub(crate) fn new(log: &Arc<L>, catalog: &Arc<K>, options: Arc<SortOptions>) -> Self {
        SortPlacer {
            log: Arc::clone(log),
            catalog: Arc::clone(catalog),
            options,
            began: log.position().entries,
            folders: HashMap::new(),
            folders_made: 0,
            recent: HashMap::new(),
            durable: VecDeque::new(),
            unknown: Unknown::default(),
        }
    }

    /// Decides, and notes the decision as in flight. `at` says where the message stands, for
    /// people; `first_look` whether its unknown addresses were not told before.
    pub(crate) async fn place(
        &mut self,
        mut message: Prepared,
        source: Option<SourceRef>,
        at: &str,
        first_look: bool,
    ) -> Result<Verdict, RunFailure> {
        let Some(addressed) = message.addressed.take() else {
            return Ok(Verdict::Left { why: String::new() });
        };
        let group = addressed.group;
        if self.recent.get(&group).is_some_and(|it| it.flying) {
            message.addressed = Some(addressed);
            return Ok(Verdict::Wait(Box::new(message)));
        }
        let options = Arc::clone(&self.options);
        let Sorted { places, kept, unknown } = options.sort(&addressed.parties);
        let why = named(&unknown);
        if first_look {
            self.unknown.add(unknown, kept, &example(at, &addressed.subject));
        }
        if kept == Kept::Left {
            return Ok(Verdict::Left { why });
        }
        let mut wanted = Vec::with_capacity(places.len());
        for place in places {
            let folder = self.folder(place).await?;
            if !wanted.contains(&folder) {
                wanted.push(folder);
            }
        }
        let there = self.there(&message.id, &addressed)?;
        let missing: Vec<FolderId> =
            wanted.iter().copied().filter(|it| !there.contains_key(it)).collect();
        if missing.is_empty() {
            let placement = wanted.iter().find_map(|it| there.get(it)).copied();
            let fact = placement
                .zip(source)
                .map(|(placement, source)| Fact::Sighted { placement, source });
            if fact.is_some() {
                self.recent.entry(group).or_default().flying = true;
            }
            let existed = placement.is_some_and(|it| it.0 < self.began);
            return Ok(Verdict::There { fact, existed });
        }
        let known = self.recent.entry(group).or_default();
        known.flying = true;
        known.placements.extend(missing.iter().map(|it| (*it, None)));
        let envelope = match kept {
            // Sorting it anew has to know what was believed.
            Kept::CaughtAll => EnvelopeDetail {
                senders: addressed.parties.senders.clone(),
                recipients: addressed.parties.recipients.clone(),
            },
            _ => addressed.envelope,
        };
        Ok(Verdict::Placed(new_places(message, &missing, source, &envelope)))
    }

    /// Where copies of the message are, as catalog and this run know it together.
    fn there(
        &self,
        blob: &BlobId,
        addressed: &Addressed,
    ) -> Result<HashMap<FolderId, PlacementId>, RunFailure> {
        let mut messages = Vec::from_iter(self.log.find(blob)?.and_then(|it| it.message));
        if addressed.is_content {
            messages.extend(self.catalog.same_content(&addressed.group)?);
        }
        let mut there = HashMap::new();
        let mut seen = HashSet::new();
        for message in messages.into_iter().filter(|it| seen.insert(*it)) {
            for found in self.catalog.places_of(message)? {
                there.entry(found.folder).or_insert(found.placement);
            }
        }
        let recent = self.recent.get(&addressed.group).into_iter().flat_map(|it| &it.placements);
        for (folder, placement) in recent {
            if let Some(placement) = placement {
                there.entry(*folder).or_insert(*placement);
            }
        }
        Ok(there)
    }

    async fn folder(&mut self, place: Place) -> Result<FolderId, RunFailure> {
        if let Some(folder) = self.folders.get(&place) {
            return Ok(*folder);
        }
        let found = folders::find_or_make(self.log.as_ref(), self.catalog.as_ref(), &place).await?;
        self.folders_made += u64::from(found.made);
        self.folders.insert(place, found.id);
        Ok(found.id)
    }

    /// Notes that an entry is durable.
    pub(crate) fn appended(&mut self, entry: EntryNumber, appended: Appended) {
        let Appended { group, folder, last } = appended;
        let Some(known) = self.recent.get_mut(&group) else { return };
        known.newest = known.newest.max(entry.0);
        for placement in &mut known.placements {
            if Some(placement.0) == folder && placement.1.is_none() {
                placement.1 = Some(PlacementId(entry.0));
            }
        }
        if last {
            known.flying = false;
            self.durable.push_back((known.newest, group));
        }
    }

    /// Notes that an append failed: nothing of it will become durable.
    pub(crate) fn failed(&mut self, group: &Hash) {
        if let Some(known) = self.recent.get_mut(group) {
            known.flying = false;
            known.placements.retain(|it| it.1.is_some());
        }
    }

    /// Tells the addresses that belong to nobody: before what they stood on becomes durable.
    pub(crate) fn tell_unknown(&mut self) {
        self.unknown.tell(self.options.unknown.as_ref());
    }

    /// Forgets what the catalog shows by now. When too much is left, waits for the catalog.
    pub(crate) async fn tidy(&mut self) -> Result<(), RunFailure> {
        if self.unknown.is_full() {
            self.tell_unknown();
        }
        self.forget_before(self.catalog.reached());
        if self.recent.len() > RECENT_MAX
            && let Some((oldest, _)) = self.durable.front().copied()
        {
            self.catalog.wait_for(oldest + 1).await?;
            self.forget_before(self.catalog.reached());
        }
        Ok(())
    }

    fn forget_before(&mut self, entries: u64) {
        while let Some((newest, group)) = self.durable.front().copied() {
            if newest >= entries {
                break;
            }
            self.durable.pop_front();
            if self.recent.get(&group).is_some_and(|it| !it.flying && it.newest <= newest) {
                self.recent.remove(&group);
            }
        }
    }
}

/// Addresses that are named in one text.
const NAMED_MAX: usize = 5;

/// Who nobody is.
fn named(unknown: &[UnknownAddress]) -> String {
    let names: Vec<&str> = unknown.iter().take(NAMED_MAX).map(|it| it.address.as_str()).collect();
    match (names.is_empty(), unknown.len().saturating_sub(NAMED_MAX)) {
        (true, _) => "it names no address".to_owned(),
        (false, 0) => format!("nobody here has {}", names.join(", ")),
        (false, more) => format!("nobody here has {} and {more} more", names.join(", ")),
    }
}

/// The changes of each new placement. The first one brings the bytes, and stands at the place.
fn new_places(
    message: Prepared,
    folders: &[FolderId],
    source: Option<SourceRef>,
    envelope: &EnvelopeDetail,
) -> Vec<NewPlace> {
    let Prepared {
        flags, keywords, received, transport, origin, id, size, content, permits, ..
    } = message;
    let placement_detail = PlacementDetail {
        keywords,
        transport: transport.to_owned(),
        fidelity: Fidelity::of_transport(transport),
        origin,
        envelope: envelope.clone(),
    };
    let mut first = Some((content, permits));
    let place = |folder: &FolderId| {
        let (content, permits) = first.take().unwrap_or_default();
        let Content { ahead, body, detail, parsed, encoded_bytes } =
            content.unwrap_or_else(|| Content {
                ahead: Vec::new(),
                // The log had it when it was prepared, or gets it with the first placement.
                body: NewBody::Known(id),
                detail: Box::default(),
                parsed: None,
                encoded_bytes: 0,
            });
        let mut changes = ahead;
        changes.push(Change::Message(Box::new(NewPlacement {
            body,
            size,
            folder: *folder,
            flags,
            received,
            source: None,
            placement_detail: placement_detail.clone(),
            message_detail: detail,
            parsed,
        })));
        NewPlace { folder: *folder, changes, encoded_bytes, permits }
    };
    let mut places: Vec<NewPlace> = folders.iter().map(place).collect();
    if let Some(Change::Message(new)) = places.first_mut().and_then(|it| it.changes.last_mut()) {
        new.source = source;
    }
    places
}
