//! The catalogs of all open stores as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::SourceRef;
use ports::{
    ArchivedRow, Catalog, CatalogError, CursorRow, FoundPlacement, MatchRow, PlacedRow,
    QuarantineRow, SourceRow,
};
use types::{
    ArchiveId, BlobId, FolderId, FolderPath, Hash, MailboxName, MessageKey, PlacementId, SourceId,
};

use super::ids::{joined, split};
use super::{Member, Stores};

/// The catalogs of all open stores as one.
#[derive(Clone)]
pub struct AllCatalog(Arc<Stores>);

impl AllCatalog {
    pub(super) fn new(stores: Arc<Stores>) -> AllCatalog {
        AllCatalog(stores)
    }

    /// The stores.
    #[must_use]
    pub fn stores(&self) -> &Arc<Stores> {
        &self.0
    }

    /// The messages in quarantine, as everybody calls them: of one archive, or of all.
    pub fn quarantine(
        &self,
        archive: Option<ArchiveId>,
    ) -> Result<Vec<crate::QuarantineListed>, CatalogError> {
        let mut found = BTreeMap::new();
        for member in self.0.members() {
            for mut row in member.store().catalog().quarantine(archive)? {
                let place = SourceRef { source: row.source, uid: row.uid };
                row.source = self.0.source_of(&member, row.source)?;
                let was_taken = self.0.stands_later(&member, row.source, place.uid)?;
                if !was_taken {
                    // That of a newer store says more.
                    found.insert((row.source, row.uid), row);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// UIDVALIDITY of a source, or 0 where it has none.
    pub fn uid_validity(&self, source: SourceId) -> Result<Option<u64>, CatalogError> {
        match self.0.member_of(source.0) {
            Some((member, local)) => member.store().catalog().uid_validity(SourceId(local)),
            None => Ok(None),
        }
    }
}

impl Stores {
    /// Each store that has a source, with its number there, oldest first.
    fn with_source(&self, source: SourceId) -> Result<Vec<(Arc<Member>, SourceId)>, CatalogError> {
        let members = self.members();
        let found = self.everywhere(source)?.into_iter().filter_map(|(number, local)| {
            let member = members.iter().find(|it| it.number() == number)?;
            Some((Arc::clone(member), local))
        });
        Ok(found.collect())
    }

    /// Whether a store younger than `member` has a message at this place.
    pub(super) fn stands_later(
        &self,
        member: &Member,
        source: SourceId,
        uid: u64,
    ) -> Result<bool, CatalogError> {
        for (other, local) in self.with_source(source)? {
            let place = SourceRef { source: local, uid };
            if member.number() < other.number() && other.store().catalog().stands_at(place)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The key of a message in each store that has it, oldest first.
    fn copies(&self, key: MessageKey) -> Result<Vec<(Arc<Member>, MessageKey)>, CatalogError> {
        let members = self.members();
        let Some((member, local)) = self.member_of(key.0) else { return Ok(Vec::new()) };
        if members.len() == 1 {
            return Ok(vec![(member, MessageKey(local))]);
        }
        let row = member.store().catalog().message(MessageKey(local))?;
        // Its entry may be younger than the catalog: then only the log knows it.
        let Some(blob) = row.map(|it| it.blob) else { return Ok(Vec::new()) };
        self.copies_of(&blob)
    }

    /// The same by the id of its bytes.
    pub(super) fn copies_of(
        &self,
        blob: &BlobId,
    ) -> Result<Vec<(Arc<Member>, MessageKey)>, CatalogError> {
        let mut copies = Vec::new();
        for member in self.members() {
            let found = ports::Log::find(&**member.store().log(), blob);
            let found = found.map_err(|error| CatalogError {
                what: format!("the messages of the store {}", member.name()),
                cause: Box::new(error),
            })?;
            if let Some(key) = found.and_then(|it| it.message) {
                copies.push((member, key));
            }
        }
        Ok(copies)
    }

    /// Whether the stores that are open have all that a certificate says is archived. Only asked
    /// when one is missing.
    fn is_borne_out(&self, row: &SourceRow) -> Result<bool, CatalogError> {
        let Some(certificate) = row.certificate.filter(|_| self.has_gaps) else { return Ok(true) };
        let mut refs = 0;
        for (member, local) in self.with_source(row.source)? {
            refs += member.store().catalog().source_refs(local)?.len() as u64;
        }
        let counts = certificate.counts;
        Ok(counts.server_count <= refs + counts.excluded.total() + counts.quarantined)
    }

    /// One row of the same source in two stores: the newer store knows better, the farther cursor
    /// of the same rules counts.
    pub(super) fn newer_of(older: SourceRow, newer: &SourceRow) -> SourceRow {
        let farther = |it: &CursorRow| (it.uid_next, it.modseq);
        let cursor = match (older.cursor, newer.cursor) {
            (Some(a), Some(b)) if a.fingerprint == b.fingerprint && farther(&b) < farther(&a) => {
                Some(a)
            }
            (a, b) => b.or(a),
        };
        let certificate = match cursor == older.cursor && older.certificate.is_some() {
            true => older.certificate,
            false => newer.certificate.or(older.certificate),
        };
        SourceRow { cursor, certificate, ..older }
    }
}

impl Catalog for AllCatalog {
    async fn wait_for(&self, entries: u64) -> Result<(), CatalogError> {
        let (number, local) = split(entries);
        let is_current = number == self.0.current().number();
        for member in self.0.members() {
            let wanted = match member.number() == number {
                true => local,
                // What was appended elsewhere meanwhile has to show, too.
                false if is_current && member.is_writable() => member.position().entries,
                false => continue,
            };
            member.store().catalog().wait_for(wanted).await?;
        }
        Ok(())
    }

    fn reached(&self) -> u64 {
        let current = self.0.current();
        let mut least = joined(current.number(), current.store().catalog().reached());
        for member in self.0.members() {
            let reached = member.store().catalog().reached();
            if member.is_writable() && reached < member.position().entries {
                least = least.min(joined(member.number(), reached));
            }
        }
        least
    }

    fn folder(
        &self,
        archive: ArchiveId,
        path: &FolderPath,
    ) -> Result<Option<FolderId>, CatalogError> {
        self.0.find_folder(archive, path)
    }

    fn sources(
        &self,
        archive: ArchiveId,
        profile: &str,
        account: &str,
    ) -> Result<Vec<SourceRow>, CatalogError> {
        // By its name for all; where it stands in the newest store decides the order.
        let mut merged: BTreeMap<SourceId, (u64, SourceRow)> = BTreeMap::new();
        for member in self.0.members() {
            for mut row in member.store().catalog().sources(archive, profile, account)? {
                let place = joined(member.number(), row.source.0);
                row.folder = self.0.folder_of(&member, row.folder)?;
                row.source = self.0.source_of(&member, row.source)?;
                if let Some(it) = &mut row.certificate {
                    it.source = row.source;
                }
                let row = match merged.remove(&row.source) {
                    Some((_, older)) => Stores::newer_of(older, &row),
                    None => row,
                };
                merged.insert(row.source, (place, row));
            }
        }
        let mut rows: Vec<(u64, SourceRow)> = merged.into_values().collect();
        rows.sort_by_key(|(place, _)| *place);
        let rows = rows.into_iter().map(|(_, mut row)| {
            if !self.0.is_borne_out(&row)? {
                // What a missing store holds is not archived: everything is compared again.
                row.certificate = None;
                row.cursor = None;
            }
            Ok(row)
        });
        rows.collect()
    }

    fn source_refs(&self, source: SourceId) -> Result<Vec<(u64, PlacementId)>, CatalogError> {
        let with_source = self.0.with_source(source)?;
        if let ([(member, local)], 0) = (&with_source[..], self.0.members().len() - 1) {
            let refs = member.store().catalog().source_refs(*local)?;
            let named = refs.into_iter().map(|(uid, it)| (uid, member.placement(it)));
            return Ok(named.collect());
        }
        // One UID stands for one message: the newest store counts.
        let mut all: BTreeMap<u64, PlacementId> = BTreeMap::new();
        for (member, local) in with_source {
            let refs = member.store().catalog().source_refs(local)?;
            all.extend(refs.into_iter().map(|(uid, it)| (uid, member.placement(it))));
        }
        for (uid, placement) in self.0.waiting_at(source)? {
            match placement {
                Some(placement) => all.insert(uid, placement),
                None => all.remove(&uid),
            };
        }
        Ok(all.into_iter().collect())
    }

    fn archived(&self, source: SourceId, uids: &[u64]) -> Result<Vec<ArchivedRow>, CatalogError> {
        let mut all: BTreeMap<u64, ArchivedRow> = BTreeMap::new();
        for (member, local) in self.0.with_source(source)? {
            for mut row in member.store().catalog().archived(local, uids)? {
                row.place.source = source;
                row.placement = member.placement(row.placement);
                all.insert(row.place.uid, row);
            }
        }
        for (uid, placement) in self.0.waiting_at(source)? {
            if placement.is_none() {
                all.remove(&uid);
            }
        }
        Ok(all.into_values().collect())
    }

    fn quarantined(&self, source: SourceId) -> Result<Vec<QuarantineRow>, CatalogError> {
        let mut all: BTreeMap<u64, QuarantineRow> = BTreeMap::new();
        for (member, local) in self.0.with_source(source)? {
            for row in member.store().catalog().quarantined(local)? {
                if !self.0.stands_later(&member, source, row.uid)? {
                    all.insert(row.uid, row);
                }
            }
        }
        Ok(all.into_values().collect())
    }

    fn placements(
        &self,
        archive: ArchiveId,
        root: &str,
        message: MessageKey,
    ) -> Result<Vec<FoundPlacement>, CatalogError> {
        let mut all = Vec::new();
        for (member, key) in self.0.copies(message)? {
            for found in member.store().catalog().placements(archive, root, key)? {
                all.extend(self.0.placement_of(&member, found)?);
            }
        }
        Ok(all)
    }

    fn refs_of(&self, placement: PlacementId) -> Result<Vec<SourceRef>, CatalogError> {
        let Some((member, local)) = self.0.member_of(placement.0) else { return Ok(Vec::new()) };
        let named = |member: &Member, it: SourceRef| -> Result<SourceRef, CatalogError> {
            Ok(SourceRef { source: self.0.source_of(member, it.source)?, uid: it.uid })
        };
        let local = PlacementId(local);
        let mut refs = Vec::new();
        for it in member.store().catalog().refs_of(local)? {
            refs.push(named(&member, it)?);
        }
        for (other, row) in self.0.waiting_on(&member, local)? {
            if let crate::DeferredWhat::Sighted(at) | crate::DeferredWhat::Moved(_, Some(at)) =
                row.what
            {
                refs.push(named(&other, at)?);
            }
        }
        let mut standing = Vec::new();
        for it in refs {
            let waiting = self.0.waiting_at(it.source)?;
            let last = waiting.iter().rev().find(|(uid, _)| *uid == it.uid);
            if last.is_none_or(|(_, placement)| placement.is_some()) {
                standing.push(it);
            }
        }
        standing.sort_unstable();
        standing.dedup();
        Ok(standing)
    }

    fn match_rows(&self, source: SourceId) -> Result<Vec<MatchRow>, CatalogError> {
        let mut all = Vec::new();
        for (member, local) in self.0.with_source(source)? {
            for mut row in member.store().catalog().match_rows(local)? {
                row.placement = member.placement(row.placement);
                all.push(row);
            }
        }
        Ok(all)
    }

    fn message_of(&self, placement: PlacementId) -> Result<Option<MessageKey>, CatalogError> {
        let Some((member, local)) = self.0.member_of(placement.0) else { return Ok(None) };
        let key = member.store().catalog().message_of(PlacementId(local))?;
        let Some(key) = key else { return Ok(None) };
        // As the log names it, which is asked first: by the store that is asked first there.
        let copies = self.0.copies(member.key(key))?;
        let first = copies.last().map(|(member, key)| member.key(*key));
        Ok(first.or(Some(member.key(key))))
    }

    fn places_of(&self, message: MessageKey) -> Result<Vec<FoundPlacement>, CatalogError> {
        let mut all = Vec::new();
        for (member, key) in self.0.copies(message)? {
            for found in member.store().catalog().places_of(key)? {
                all.extend(self.0.placement_of(&member, found)?);
            }
        }
        Ok(all)
    }

    fn same_content(&self, canonical: &Hash) -> Result<Vec<MessageKey>, CatalogError> {
        let mut all = Vec::new();
        for member in self.0.members() {
            let keys = member.store().catalog().same_content(canonical)?;
            all.extend(keys.into_iter().map(|it| member.key(it)));
        }
        Ok(all)
    }

    fn placed_in(
        &self,
        folder: FolderId,
        after: Option<PlacementId>,
        count: u32,
    ) -> Result<Vec<PlacedRow>, CatalogError> {
        let Some((member, local)) = self.0.member_of(folder.0) else { return Ok(Vec::new()) };
        let place = member.store().catalog().folder_place(FolderId(local))?;
        let path = place.as_ref().and_then(|it| it.path.clone()).map(FolderPath::from_stored);
        let mut rows = Vec::new();
        for member in self.0.members() {
            let from = match after.map(|it| split(it.0)) {
                Some((number, _)) if member.number() < number => continue,
                Some((number, it)) if member.number() == number => Some(PlacementId(it)),
                _ => None,
            };
            let own = match (&place, &path) {
                (Some(place), Some(path)) => {
                    member.store().catalog().folder(place.archive, path)?
                }
                _ => None,
            };
            let left = count.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            let Some(own) = own.filter(|_| left != 0) else { continue };
            for mut row in member.store().catalog().placed_in(own, from, left)? {
                let found = FoundPlacement { placement: row.placement, folder: own, source: None };
                let now = self.0.placement_of(&member, found)?;
                if now.is_none_or(|it| it.folder != folder) {
                    // What waits takes it elsewhere.
                    continue;
                }
                row.placement = member.placement(row.placement);
                row.message = member.key(row.message);
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn mailbox_name(&self, source: SourceId) -> Result<Option<MailboxName>, CatalogError> {
        match self.0.member_of(source.0) {
            Some((member, local)) => member.store().catalog().mailbox_name(SourceId(local)),
            None => Ok(None),
        }
    }
}
