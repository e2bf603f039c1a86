//! Which store each change of an append goes to, in the numbers of that store.

use std::collections::HashMap;
use std::sync::Arc;

use ledger::{Certificate, DeferredChange, Detail, Fact, FolderDetail, SourceDetail, SourceRef};
use ports::{Change, Log, LogError, LogErrorKind, NewPlacement};
use types::{EntryNumber, FolderId, FolderPath, MessageKey, PlacementId, SourceId};

use super::ids::{joined, split};
use super::log::unroutable;
use super::{Access, Member, Stores, WRITABLE_MAX};
use crate::catalog::FolderPlace;

/// Folders and sources that were made in a store that lacked them, until its catalog shows them:
/// by store and the number that everybody calls them.
#[derive(Default)]
pub(super) struct Made {
    folders: HashMap<(u64, FolderId), FolderId>,
    sources: HashMap<(u64, SourceId), SourceId>,
}

/// Changes for one store, each with the place in the append that its entry answers.
struct Share {
    member: Arc<Member>,
    changes: Vec<Change>,
    /// Of each change that makes an entry.
    answers: Vec<Option<usize>>,
}

impl Stores {
    pub(super) fn is_first_alone(&self) -> bool {
        let members = self.members();
        members.len() == 1 && members.first().is_some_and(|it| it.number() == 0)
    }

    /// Appends each change where it belongs. Those of older stores go first: a cursor, which is
    /// in the current one, is never ahead of what it proves.
    pub(super) async fn route(&self, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        let current = self.current();
        let mut shares = vec![Share::of(&current)];
        let mut n_answers = 0;
        for change in changes {
            let answer = makes_entry(&change).then_some(n_answers);
            n_answers += usize::from(answer.is_some());
            for (member, change) in self.translated(change, &current).await? {
                let at = shares.iter().position(|it| it.member.number() == member.number());
                match at.and_then(|at| shares.get_mut(at)) {
                    Some(share) => share.add(change, answer),
                    None => {
                        let mut share = Share::of(&member);
                        share.add(change, answer);
                        shares.push(share);
                    }
                }
            }
        }
        let mut answers = vec![EntryNumber(0); n_answers];
        // The current one, which is the first, comes last.
        for share in shares.into_iter().rev().filter(|it| !it.changes.is_empty()) {
            let Share { member, changes, answers: places } = share;
            let store = self.writable(&member).await?;
            let entries = store.log().append(changes).await?;
            for (entry, place) in entries.into_iter().zip(places) {
                if let Some(answer) = place.and_then(|it| answers.get_mut(it)) {
                    *answer = EntryNumber(joined(member.number(), entry.0));
                }
            }
        }
        Ok(answers)
    }

    /// A store, open for writing.
    pub(super) async fn writable(
        &self,
        member: &Arc<Member>,
    ) -> Result<Arc<crate::store::Store>, LogError> {
        if member.is_writable() {
            return Ok(member.store());
        }
        let (member, options) = (Arc::clone(member), Arc::clone(&self.options));
        let mut others = self.members();
        others.retain(|it| it.access() != Access::Current && it.is_writable());
        others.sort_by_key(|it| it.last_written());
        let n_extra = (others.len() + 1).saturating_sub(WRITABLE_MAX);
        let opened = tokio::task::spawn_blocking(move || {
            for other in others.into_iter().take(n_extra) {
                if let Err(error) = other.rest(&options) {
                    tracing::warn!(store = other.name(), %error, "it cannot be closed now");
                }
            }
            member.make_writable(&options)
        });
        match opened.await {
            Ok(Ok(store)) => Ok(store),
            Ok(Err(error)) => Err(unroutable(error)),
            Err(error) => Err(unroutable(error)),
        }
    }

    /// What a change is in the stores that it concerns.
    async fn translated(
        &self,
        change: Change,
        current: &Arc<Member>,
    ) -> Result<Vec<(Arc<Member>, Change)>, LogError> {
        match change {
            bytes @ (Change::Chunk(_) | Change::Part(_)) => Ok(vec![(Arc::clone(current), bytes)]),
            Change::Message(it) => {
                let made = self.message_in(*it, current).await?;
                Ok(made.into_iter().map(|it| (Arc::clone(current), it)).collect())
            }
            Change::Fact(fact, detail) => self.fact(fact, detail, current).await,
        }
    }

    async fn message_in(
        &self,
        placement: NewPlacement,
        current: &Arc<Member>,
    ) -> Result<Vec<Change>, LogError> {
        let mut placement = self.with_bytes(placement, current).await?;
        placement.1.folder = self.folder_in(placement.1.folder, current).await?;
        placement.1.source = self.place_in(placement.1.source, current).await?;
        let (mut changes, placement) = placement;
        changes.push(Change::Message(Box::new(placement)));
        Ok(changes)
    }

    async fn fact(
        &self,
        fact: Fact,
        detail: Option<Detail>,
        current: &Arc<Member>,
    ) -> Result<Vec<(Arc<Member>, Change)>, LogError> {
        let here = |fact: Fact, detail| vec![(Arc::clone(current), Change::Fact(fact, detail))];
        Ok(match fact {
            Fact::Moved { placement, .. }
            | Fact::Flagged { placement, .. }
            | Fact::Removed { placement }
            | Fact::Sighted { placement, .. } => {
                return self.of_placement(placement, fact, detail, current).await;
            }
            Fact::SourceGone { source } => return self.gone(source, current).await,
            Fact::FolderChanged { folder: Some(folder), archive, kind } => {
                let folder = self.folder_in(folder, current).await?;
                here(Fact::FolderChanged { folder: Some(folder), archive, kind }, detail)
            }
            Fact::SourceOpened { archive, folder, uid_validity } => {
                let folder = self.folder_in(folder, current).await?;
                here(Fact::SourceOpened { archive, folder, uid_validity }, detail)
            }
            Fact::CursorAdvanced { source, uid_next, modseq, fingerprint } => {
                let source = self.source_into(source, current).await?;
                here(Fact::CursorAdvanced { source, uid_next, modseq, fingerprint }, detail)
            }
            Fact::Quarantined { source: SourceRef { source, uid }, reason, attempts, retry_at } => {
                let source = SourceRef { source: self.source_into(source, current).await?, uid };
                here(Fact::Quarantined { source, reason, attempts, retry_at }, detail)
            }
            Fact::Certified(certificate) => {
                let source = self.source_into(certificate.source, current).await?;
                here(Fact::Certified(Certificate { source, ..certificate }), detail)
            }
            Fact::Detail { of } => {
                let (number, local) = split(of.0);
                let member = self.named(number)?;
                vec![(member, Change::Fact(Fact::Detail { of: EntryNumber(local) }, detail))]
            }
            Fact::Condemned { .. } | Fact::Spared { .. } | Fact::Erased { .. } => {
                return self.erasing(&fact, detail.as_ref());
            }
            Fact::Hold { .. } => {
                // Whatever is removed from a store is removed by what its own log says.
                let writable = self.members().into_iter();
                let writable = writable.filter(|it| it.access() != Access::Protected);
                writable.map(|it| (it, Change::Fact(fact.clone(), detail.clone()))).collect()
            }
            fact => here(fact, detail),
        })
    }

    /// What is said of messages that are to be erased, store by store.
    fn erasing(
        &self,
        fact: &Fact,
        detail: Option<&Detail>,
    ) -> Result<Vec<(Arc<Member>, Change)>, LogError> {
        let mut said = Vec::new();
        let (Fact::Condemned { messages, .. }
        | Fact::Spared { messages, .. }
        | Fact::Erased { messages }) = fact
        else {
            return Ok(said);
        };
        for member in self.members() {
            let own = messages.iter().map(|it| split(it.0));
            let own = own.filter(|(number, _)| *number == member.number());
            let own: Vec<MessageKey> = own.map(|(_, it)| MessageKey(it)).collect();
            if own.is_empty() {
                continue;
            }
            if member.access() == Access::Protected {
                let message = "messages of a write-protected store cannot be erased";
                return Err(LogError::new(LogErrorKind::Request, message));
            }
            let mut fact = fact.clone();
            if let Fact::Condemned { messages, .. }
            | Fact::Spared { messages, .. }
            | Fact::Erased { messages } = &mut fact
            {
                *messages = own;
            }
            said.push((member, Change::Fact(fact, detail.cloned())));
        }
        Ok(said)
    }

    fn named(&self, number: u64) -> Result<Arc<Member>, LogError> {
        self.members().into_iter().find(|it| it.number() == number).ok_or_else(|| {
            LogError::new(LogErrorKind::Request, "a change names a store that is not open")
        })
    }

    /// A change to a placement: in the store that has it, or waiting in the current one.
    async fn of_placement(
        &self,
        placement: PlacementId,
        fact: Fact,
        detail: Option<Detail>,
        current: &Arc<Member>,
    ) -> Result<Vec<(Arc<Member>, Change)>, LogError> {
        let (number, local) = split(placement.0);
        let (member, placement) = (self.named(number)?, PlacementId(local));
        let is_protected = member.access() == Access::Protected;
        let target = if is_protected { current } else { &member };
        let change = match fact {
            Fact::Moved { folder, source, .. } => {
                let folder = self.folder_in(folder, target).await?;
                let source = self.place_in(source, target).await?;
                DeferredChange::Moved { placement, folder, source }
            }
            Fact::Flagged { flags, .. } => DeferredChange::Flagged { placement, flags },
            Fact::Sighted { source: SourceRef { source, uid }, .. } => {
                let source = SourceRef { source: self.source_into(source, target).await?, uid };
                DeferredChange::Sighted { placement, source }
            }
            _ => DeferredChange::Removed { placement },
        };
        let fact = match is_protected {
            true => Fact::Deferred { store: member.id(), change },
            false => at_once(change),
        };
        Ok(vec![(Arc::clone(target), Change::Fact(fact, detail))])
    }

    /// Nothing stands at a place any more: said in every store that has something there.
    async fn gone(
        &self,
        place: SourceRef,
        current: &Arc<Member>,
    ) -> Result<Vec<(Arc<Member>, Change)>, LogError> {
        let mut said = Vec::new();
        for member in self.members() {
            let local = self.source_in(&member, place.source).map_err(unroutable)?;
            let Some(source) = local else { continue };
            let local = SourceRef { source, uid: place.uid };
            if !member.store().catalog().knows_place(local).map_err(unroutable)? {
                continue;
            }
            if member.access() == Access::Protected {
                let source = self.source_into(place.source, current).await?;
                let change =
                    DeferredChange::SourceGone { source: SourceRef { source, uid: place.uid } };
                let fact = Fact::Deferred { store: member.id(), change };
                said.push((Arc::clone(current), Change::Fact(fact, None)));
            } else {
                said.push((member, Change::Fact(Fact::SourceGone { source: local }, None)));
            }
        }
        if said.is_empty() {
            let source = self.source_into(place.source, current).await?;
            let source = SourceRef { source, uid: place.uid };
            said.push((Arc::clone(current), Change::Fact(Fact::SourceGone { source }, None)));
        }
        Ok(said)
    }

    async fn place_in(
        &self,
        place: Option<SourceRef>,
        member: &Arc<Member>,
    ) -> Result<Option<SourceRef>, LogError> {
        let Some(SourceRef { source, uid }) = place else { return Ok(None) };
        let source = self.source_into(source, member).await?;
        Ok(Some(SourceRef { source, uid }))
    }

    /// The number of a folder in a store; it is made there when it is not.
    pub(super) async fn folder_in(
        &self,
        folder: FolderId,
        member: &Arc<Member>,
    ) -> Result<FolderId, LogError> {
        let (number, local) = split(folder.0);
        if folder == FolderId::SHARED || number == member.number() {
            return Ok(FolderId(local));
        }
        let mut made = self.making.lock().await;
        if let Some(known) = made.folders.get(&(member.number(), folder)) {
            return Ok(*known);
        }
        let of = self.named(number)?;
        let place = of.store().catalog().folder_place(FolderId(local)).map_err(unroutable)?;
        let Some(FolderPlace { archive, kind, user, path: Some(path) }) = place else {
            let message = "a change names a folder that no catalog knows";
            return Err(LogError::new(LogErrorKind::Request, message));
        };
        let canonical = FolderPath::from_stored(path.clone());
        let catalog = member.store();
        let there = ports::Catalog::folder(&**catalog.catalog(), archive, &canonical);
        let own = match there.map_err(unroutable)? {
            Some(own) => own,
            None => {
                let fact = Fact::FolderChanged { folder: None, archive, kind };
                let detail = Detail::Folder(FolderDetail { user, path });
                FolderId(self.made(fact, detail, member).await?.0)
            }
        };
        made.folders.insert((member.number(), folder), own);
        Ok(own)
    }

    /// The number of a source in a store; it is opened there when it is not.
    pub(super) async fn source_into(
        &self,
        source: SourceId,
        member: &Arc<Member>,
    ) -> Result<SourceId, LogError> {
        let (number, local) = split(source.0);
        if number == member.number() {
            return Ok(SourceId(local));
        }
        if let Some(own) = self.source_in(member, source).map_err(unroutable)? {
            return Ok(own);
        }
        if let Some(known) = self.making.lock().await.sources.get(&(member.number(), source)) {
            return Ok(*known);
        }
        let of = self.named(number)?;
        let named = of.store().catalog().source_name(SourceId(local)).map_err(unroutable)?;
        let Some((name, folder)) = named else {
            let message = "a change names a source that no catalog knows";
            return Err(LogError::new(LogErrorKind::Request, message));
        };
        let folder = self.folder_of(&of, folder).map_err(unroutable)?;
        let folder = self.folder_in(folder, member).await?;
        let mut made = self.making.lock().await;
        if let Some(known) = made.sources.get(&(member.number(), source)) {
            return Ok(*known);
        }
        let (archive, uid_validity) = (name.archive, name.uid_validity);
        let detail = Detail::Source(SourceDetail {
            profile: name.profile,
            account: name.account,
            mailbox_raw: name.mailbox_raw,
            mailbox: name.mailbox,
        });
        let fact = Fact::SourceOpened { archive, folder, uid_validity };
        let own = SourceId(self.made(fact, detail, member).await?.0);
        made.sources.insert((member.number(), source), own);
        self.names().forget();
        Ok(own)
    }

    async fn made(
        &self,
        fact: Fact,
        detail: Detail,
        member: &Arc<Member>,
    ) -> Result<EntryNumber, LogError> {
        let store = self.writable(member).await?;
        let entries = store.log().append(vec![Change::Fact(fact, Some(detail))]).await?;
        entries
            .first()
            .copied()
            .ok_or_else(|| LogError::new(LogErrorKind::Stopped, "the log acknowledged no entry"))
    }
}

/// The change itself, where nothing has to wait.
pub(super) fn at_once(change: DeferredChange) -> Fact {
    match change {
        DeferredChange::Moved { placement, folder, source } => {
            Fact::Moved { placement, folder, source }
        }
        DeferredChange::Flagged { placement, flags } => Fact::Flagged { placement, flags },
        DeferredChange::Removed { placement } => Fact::Removed { placement },
        DeferredChange::SourceGone { source } => Fact::SourceGone { source },
        DeferredChange::Sighted { placement, source } => Fact::Sighted { placement, source },
        DeferredChange::Carried { before } => Fact::Detail { of: before },
    }
}

fn makes_entry(change: &Change) -> bool {
    matches!(change, Change::Message(_) | Change::Fact(..))
}

impl Share {
    fn of(member: &Arc<Member>) -> Share {
        Share { member: Arc::clone(member), changes: Vec::new(), answers: Vec::new() }
    }

    fn add(&mut self, change: Change, answer: Option<usize>) {
        if makes_entry(&change) {
            self.answers.push(answer);
        }
        self.changes.push(change);
    }
}
