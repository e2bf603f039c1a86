//! What goes along when another store becomes the current one, or a store takes changes again.

use std::sync::Arc;

use ledger::{
    Certificate, DeferredChange, Detail, Fact, FolderDetail, HoldChange, HoldDetail,
    QuarantineDetail, SourceDetail, SourceRef,
};
use ports::{Catalog, Change, Log, LogError, LogErrorKind, SourceRow};
use types::{EntryNumber, FolderId, FolderPath, HoldId, PlacementId, SourceId};

use super::log::unroutable;
use super::route::at_once;
use super::{Member, Stores};
use crate::catalog::{DeferredRow, DeferredWhat};

/// Changes that are appended together.
const TOGETHER_MAX: usize = 8_192;

/// Changes for a store that nobody else writes: the numbers of their entries are known before.
struct Carrying {
    member: Arc<Member>,
    store: Arc<crate::store::Store>,
    changes: Vec<Change>,
    /// Folders that are made by these changes, by the number that everybody calls them.
    folders: std::collections::HashMap<FolderId, FolderId>,
}

impl Stores {
    /// Carries what is known of sources, and the legal holds, into a store that is going to be the
    /// current one. Done again, it writes only what differs. Nobody else writes to the store.
    pub async fn carry_into(&self, member: &Arc<Member>) -> Result<(), LogError> {
        let store = self.writable(member).await?;
        let (log, catalog) = (store.log(), store.catalog());
        catalog.wait_for(log.position().entries).await.map_err(unroutable)?;
        let mut carrying = Carrying {
            member: Arc::clone(member),
            changes: Vec::new(),
            folders: std::collections::HashMap::new(),
            store,
        };
        let mut accounts = std::collections::BTreeSet::new();
        for other in self.others(member) {
            accounts.extend(other.store().catalog().accounts().map_err(unroutable)?);
        }
        for (archive, profile, account) in accounts {
            let rows = self.rows_of(archive, &profile, &account, member).map_err(unroutable)?;
            for row in rows {
                self.carry_source(&mut carrying, &row)?;
            }
            carrying.append_if(TOGETHER_MAX).await?;
        }
        self.carry_holds(&mut carrying).map_err(unroutable)?;
        carrying.append_if(1).await
    }

    /// Writes to a store the legal holds that others have and it has not: it took no entries when
    /// they were set.
    pub async fn carry_holds_into(&self, name: &str) -> Result<(), LogError> {
        let members = self.members();
        let Some(member) = members.iter().find(|it| it.name() == name) else { return Ok(()) };
        let store = self.writable(member).await?;
        let mut carrying = Carrying {
            member: Arc::clone(member),
            changes: Vec::new(),
            folders: std::collections::HashMap::new(),
            store,
        };
        self.carry_holds(&mut carrying).map_err(unroutable)?;
        carrying.append_if(1).await
    }

    fn others(&self, member: &Member) -> Vec<Arc<Member>> {
        let mut others = self.members();
        others.retain(|it| it.number() != member.number());
        others
    }

    /// What the open stores know of an account's sources, the new one included.
    fn rows_of(
        &self,
        archive: types::ArchiveId,
        profile: &str,
        account: &str,
        member: &Member,
    ) -> Result<Vec<SourceRow>, ports::CatalogError> {
        let mut rows: Vec<(SourceRow, SourceId)> = Vec::new();
        for other in self.others(member) {
            for mut row in other.store().catalog().sources(archive, profile, account)? {
                let called = self.source_of(&other, row.source)?;
                row.folder = self.folder_of(&other, row.folder)?;
                row.source = called;
                match rows.iter().position(|(_, it)| *it == called) {
                    // The newer store is where it stands in the order.
                    Some(at) => {
                        let (older, _) = rows.remove(at);
                        rows.push((Stores::newer_of(older, &row), called));
                    }
                    None => rows.push((row, called)),
                }
            }
        }
        Ok(rows.into_iter().map(|(row, _)| row).collect())
    }

    fn carry_source(&self, carrying: &mut Carrying, row: &SourceRow) -> Result<(), LogError> {
        let (of, local) = self.member_of(row.source.0).ok_or_else(|| {
            LogError::new(LogErrorKind::Request, "a source of a store that is not open")
        })?;
        let named = of.store().catalog().source_name(SourceId(local)).map_err(unroutable)?;
        let Some((name, _)) = named else { return Ok(()) };
        let catalog = Arc::clone(carrying.store.catalog());
        let folder = carrying.folder(self, row.folder)?;
        let there = catalog.sources_named(&name).map_err(unroutable)?;
        let known = there.into_iter().rev().find(|(_, its)| *its == folder);
        let before = match known {
            Some((own, _)) => {
                let rows = catalog.sources(name.archive, &name.profile, &name.account);
                rows.map_err(unroutable)?.into_iter().find(|it| it.source == own)
            }
            None => None,
        };
        let source = match known {
            Some((own, _)) => own,
            None => {
                let (archive, uid_validity) = (name.archive, name.uid_validity);
                let detail = Detail::Source(SourceDetail {
                    profile: name.profile,
                    account: name.account,
                    mailbox_raw: name.mailbox_raw,
                    mailbox: name.mailbox,
                });
                let fact = Fact::SourceOpened { archive, folder, uid_validity };
                SourceId(carrying.add(fact, Some(detail)).0)
            }
        };
        let (cursor, certificate) = match &before {
            Some(it) => (it.cursor, it.certificate),
            None => (None, None),
        };
        // What the store knows already may be the newest.
        let is_newer = |it: &ports::CursorRow| {
            cursor.is_none_or(|own| {
                own.fingerprint != it.fingerprint
                    || (own.uid_next, own.modseq) < (it.uid_next, it.modseq)
            })
        };
        if let Some(it) = row.cursor.filter(is_newer) {
            let ports::CursorRow { uid_next, modseq, fingerprint } = it;
            carrying.add(Fact::CursorAdvanced { source, uid_next, modseq, fingerprint }, None);
            if let Some(it) = row.certificate {
                let its = Certificate { source, ..it };
                if certificate != Some(its) {
                    carrying.add(Fact::Certified(its), None);
                }
            }
        }
        self.carry_quarantine(carrying, row.source, source)
    }

    fn carry_quarantine(
        &self,
        carrying: &mut Carrying,
        called: SourceId,
        source: SourceId,
    ) -> Result<(), LogError> {
        let held = carrying.store.catalog().quarantined(source).map_err(unroutable)?;
        for (number, local) in self.everywhere(called).map_err(unroutable)? {
            let members = self.members();
            let Some(of) = members.iter().find(|it| it.number() == number) else { continue };
            for it in of.store().catalog().quarantine_told(local).map_err(unroutable)? {
                let was_taken = self.stands_later(of, called, it.uid).map_err(unroutable)?;
                let is_known = held.iter().any(|own| own.uid == it.uid);
                if was_taken || is_known {
                    continue;
                }
                let fact = Fact::Quarantined {
                    source: SourceRef { source, uid: it.uid },
                    reason: it.reason,
                    attempts: it.attempts,
                    retry_at: it.retry_at,
                };
                let detail = Detail::Quarantine(QuarantineDetail { text: it.text });
                carrying.add(fact, Some(detail));
            }
        }
        Ok(())
    }

    /// Legal holds that were not lifted hold in every store.
    fn carry_holds(&self, carrying: &mut Carrying) -> Result<(), ports::CatalogError> {
        let mut known: Vec<HoldId> =
            carrying.store.catalog().holds()?.into_iter().map(|it| it.id).collect();
        let (mut lifted, mut set) = (Vec::new(), Vec::new());
        for other in self.others(&carrying.member) {
            for hold in other.store().catalog().holds()? {
                if hold.lifted.is_some() {
                    lifted.push(hold.id);
                } else {
                    set.push(hold);
                }
            }
        }
        for hold in set {
            let Some(scope) = hold.scope else { continue };
            if known.contains(&hold.id) || lifted.contains(&hold.id) {
                continue;
            }
            known.push(hold.id);
            let detail = HoldDetail {
                name: hold.name,
                query: hold.query.unwrap_or_default(),
                user: hold.user,
                by: hold.set_by,
                reason: hold.reason,
            };
            let fact = Fact::Hold { hold: hold.id, change: HoldChange::Set(scope) };
            carrying.add(fact, Some(Detail::Hold(detail)));
        }
        Ok(())
    }

    /// Writes to a store what waited for it in the others, and says there that it was. Returns how
    /// many changes it were. A change that is written twice changes nothing.
    pub async fn carry_deferred(&self, name: &str) -> Result<u64, LogError> {
        let members = self.members();
        let Some(member) = members.iter().find(|it| it.name() == name) else { return Ok(0) };
        let mut carried = 0;
        for other in self.others(member) {
            let mut from = EntryNumber(0);
            loop {
                let catalog = Arc::clone(other.store().catalog());
                let limit = u32::try_from(TOGETHER_MAX).unwrap_or(u32::MAX);
                let rows = catalog.deferred_for(member.id(), from, limit).map_err(unroutable)?;
                let Some(last) = rows.last() else { break };
                from = EntryNumber(last.entry.0 + 1);
                carried += rows.len() as u64;
                let mut changes = Vec::new();
                for row in rows {
                    let change = self.settled(&other, member, row).await?;
                    changes.push(Change::Fact(at_once(change), None));
                }
                self.writable(member).await?.log().append(changes).await?;
                let change = DeferredChange::Carried { before: from };
                let fact = Fact::Deferred { store: member.id(), change };
                let log = self.writable(&other).await?;
                log.log().append(vec![Change::Fact(fact, None)]).await?;
            }
        }
        Ok(carried)
    }

    /// A change that waited, in the numbers of the store that it is for.
    pub(super) async fn settled(
        &self,
        waited_in: &Arc<Member>,
        target: &Arc<Member>,
        row: DeferredRow,
    ) -> Result<DeferredChange, LogError> {
        let place = async |it: SourceRef| -> Result<SourceRef, LogError> {
            let source = self.source_of(waited_in, it.source).map_err(unroutable)?;
            Ok(SourceRef { source: self.source_into(source, target).await?, uid: it.uid })
        };
        let placement = row.placement.unwrap_or(PlacementId(u64::MAX));
        Ok(match row.what {
            DeferredWhat::Moved(folder, at) => {
                let folder = self.folder_of(waited_in, folder).map_err(unroutable)?;
                let source = match at {
                    Some(at) => Some(place(at).await?),
                    None => None,
                };
                let folder = self.folder_in(folder, target).await?;
                DeferredChange::Moved { placement, folder, source }
            }
            DeferredWhat::Flagged(flags) => DeferredChange::Flagged { placement, flags },
            DeferredWhat::Removed => DeferredChange::Removed { placement },
            DeferredWhat::Gone(at) => DeferredChange::SourceGone { source: place(at).await? },
            DeferredWhat::Sighted(at) => {
                DeferredChange::Sighted { placement, source: place(at).await? }
            }
        })
    }
}

impl Carrying {
    /// Adds a fact, and tells the number of its entry.
    fn add(&mut self, fact: Fact, detail: Option<Detail>) -> EntryNumber {
        let number = self.store.log().position().entries + self.changes.len() as u64;
        self.changes.push(Change::Fact(fact, detail));
        EntryNumber(number)
    }

    /// The number of a folder in the store; it is made when it is not there.
    fn folder(&mut self, stores: &Stores, called: FolderId) -> Result<FolderId, LogError> {
        if called == FolderId::SHARED {
            return Ok(called);
        }
        if let Some(known) = self.folders.get(&called) {
            return Ok(*known);
        }
        let place = match stores.member_of(called.0) {
            Some((of, local)) => of.store().catalog().folder_place(FolderId(local)),
            None => Ok(None),
        };
        let place = place.map_err(unroutable)?;
        let Some((place, path)) = place.and_then(|it| it.path.clone().map(|path| (it, path)))
        else {
            let message = "a source goes to a folder that no catalog knows";
            return Err(LogError::new(LogErrorKind::Request, message));
        };
        let canonical = FolderPath::from_stored(path.clone());
        let there = self.store.catalog().folder(place.archive, &canonical).map_err(unroutable)?;
        let own = there.unwrap_or_else(|| {
            let fact =
                Fact::FolderChanged { folder: None, archive: place.archive, kind: place.kind };
            FolderId(
                self.add(fact, Some(Detail::Folder(FolderDetail { user: place.user, path }))).0,
            )
        });
        self.folders.insert(called, own);
        Ok(own)
    }

    /// Appends what is there, when it is at least so much, and waits until the catalog shows it.
    async fn append_if(&mut self, least: usize) -> Result<(), LogError> {
        if self.changes.len() < least {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.changes);
        let log = self.store.log();
        log.append(changes).await?;
        self.store.catalog().wait_for(log.position().entries).await.map_err(unroutable)
    }
}
