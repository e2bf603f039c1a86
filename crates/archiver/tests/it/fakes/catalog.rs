//! A catalog in memory: the rows that `ledger::project` makes, applied as late as is allowed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use ledger::project::{RowChange, project};
use ledger::{Certificate, EnvelopeDetail, SourceRef};
use ports::{
    ArchivedRow, Catalog, CatalogError, CursorRow, FoundPlacement, Log, MatchRow, PlacedRow,
    QuarantineRow, SourceRow,
};
use types::{
    ArchiveId, BlobId, EntryNumber, Flags, FolderId, FolderPath, Hash, MailboxName, MessageKey,
    PlacementId, SourceId, Timestamp,
};

use super::log::MemoryLog;

pub(crate) struct MemoryCatalog {
    log: Arc<MemoryLog>,
    rows: Mutex<Rows>,
}

#[derive(Default)]
pub(crate) struct Rows {
    reached: u64,
    pub(crate) folders: BTreeMap<FolderId, (ArchiveId, String)>,
    pub(crate) sources: BTreeMap<SourceId, Source>,
    pub(crate) messages: HashMap<MessageKey, (BlobId, u64, Hash)>,
    dates: HashMap<MessageKey, Timestamp>,
    pub(crate) placements: BTreeMap<PlacementId, Placement>,
    aliases: HashMap<PlacementId, PlacementId>,
    contents: Vec<(Hash, MessageKey)>,
    pub(crate) refs: BTreeMap<SourceRef, PlacementId>,
    pub(crate) quarantine: BTreeMap<SourceRef, QuarantineRow>,
}

pub(crate) struct Source {
    pub(crate) row: SourceRow,
    archive: ArchiveId,
    profile: String,
    account: String,
    pub(crate) mailbox: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) message: MessageKey,
    pub(crate) folder: FolderId,
    received: Option<Timestamp>,
    placed: Timestamp,
    source: Option<SourceId>,
    flags: Flags,
    pub(crate) envelope: EnvelopeDetail,
}

impl MemoryCatalog {
    pub(crate) fn new(log: Arc<MemoryLog>) -> MemoryCatalog {
        MemoryCatalog { log, rows: Mutex::default() }
    }

    /// The rows, with everything that the log has.
    pub(crate) fn rows(&self) -> MutexGuard<'_, Rows> {
        let mut rows = self.lag();
        rows.read(&self.log, u64::MAX);
        rows
    }

    fn lag(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }
}

impl Rows {
    fn read(&mut self, log: &MemoryLog, upto: u64) {
        for (entry, detail) in log.entries_from(self.reached) {
            if self.reached >= upto {
                break;
            }
            for change in project(EntryNumber(self.reached), &entry, detail.as_ref()) {
                self.apply(change);
            }
            self.reached += 1;
        }
    }

    fn placement_of(&self, id: PlacementId) -> PlacementId {
        self.aliases.get(&id).copied().unwrap_or(id)
    }

    fn stand(&mut self, place: SourceRef, placement: Option<PlacementId>) {
        self.quarantine.remove(&place);
        match placement.map(|it| self.placement_of(it)) {
            Some(placement) => {
                self.refs.insert(place, placement);
                self.placements.get_mut(&placement).unwrap().source = Some(place.source);
            }
            None => {
                self.refs.remove(&place);
            }
        }
    }

    fn move_to(&mut self, placement: PlacementId, folder: FolderId) {
        let message = self.placements.get(&placement).expect("a placement is there").message;
        let there = |(id, it): &(&PlacementId, &Placement)| {
            **id != placement && it.folder == folder && it.message == message
        };
        let Some(there) = self.placements.iter().find(there).map(|it| *it.0) else {
            self.placements.get_mut(&placement).unwrap().folder = folder;
            return;
        };
        self.refs.values_mut().filter(|it| **it == placement).for_each(|it| *it = there);
        self.placements.remove(&placement);
        self.aliases.insert(placement, there);
    }

    fn place(&mut self, placement: PlacementId, new: Placement) {
        let is_there = |it: &Placement| it.folder == new.folder && it.message == new.message;
        let there = self.placements.iter().find(|it| is_there(it.1)).map(|it| *it.0);
        match there {
            Some(there) => _ = self.aliases.insert(placement, there),
            None => _ = self.placements.insert(placement, new),
        }
    }

    fn apply(&mut self, change: RowChange) {
        match change {
            RowChange::Folder { folder, archive, path, .. } => {
                self.folders.insert(folder, (archive, path.unwrap()));
            }
            RowChange::Source {
                source,
                archive,
                folder,
                uid_validity,
                profile,
                account,
                mailbox_raw,
                mailbox,
            } => {
                let row = SourceRow {
                    source,
                    mailbox_raw,
                    folder,
                    uid_validity,
                    cursor: None,
                    certificate: None,
                };
                self.sources.insert(source, Source { row, archive, profile, account, mailbox });
            }
            RowChange::Message { message, bytes, detail, content, date, .. } => {
                let bytes = bytes.unwrap();
                self.contents.extend(content.map(|it| (it, message)));
                self.dates.insert(message, date.unwrap_or(bytes.archived));
                let header = detail.unwrap().header_hash;
                self.messages.insert(message, (bytes.blob, bytes.size, header));
            }
            RowChange::Placement {
                placement,
                message,
                folder,
                received,
                placed,
                source,
                flags,
                envelope,
                ..
            } => {
                let stood = None;
                let new =
                    Placement { message, folder, received, placed, source: stood, flags, envelope };
                self.place(placement, new);
                if let Some(source) = source {
                    self.stand(source, Some(placement));
                }
            }
            RowChange::PlacementChange { placement, folder, .. } => {
                let placement = self.placement_of(placement);
                self.move_to(placement, folder.unwrap());
            }
            RowChange::SourceRef { source, placement } => self.stand(source, placement),
            RowChange::Cursor { source, uid_next, modseq, fingerprint } => {
                let row = &mut self.sources.get_mut(&source).unwrap().row;
                row.cursor = Some(CursorRow { uid_next, modseq, fingerprint });
            }
            RowChange::Quarantine { source, reason, attempts, retry_at, .. } => {
                let row = QuarantineRow { uid: source.uid, reason, attempts, retry_at };
                self.quarantine.insert(source, row);
            }
            RowChange::Certificate { certificate, .. } => {
                let row = &mut self.sources.get_mut(&certificate.source).unwrap().row;
                row.certificate = Some(certificate);
            }
            RowChange::Run { .. }
            | RowChange::Hold { .. }
            | RowChange::Erasure { .. }
            | RowChange::Deferred { .. } => (),
        }
    }

    pub(crate) fn certificate(&self, source: SourceId) -> Option<Certificate> {
        self.sources.get(&source).and_then(|it| it.row.certificate)
    }
}

impl Catalog for MemoryCatalog {
    async fn wait_for(&self, entries: u64) -> Result<(), CatalogError> {
        self.lag().read(&self.log, entries);
        Ok(())
    }

    fn reached(&self) -> u64 {
        // It follows at a distance.
        let mut rows = self.lag();
        let upto = self.log.position().entries.saturating_sub(7);
        rows.read(&self.log, upto);
        rows.reached
    }

    fn folder(
        &self,
        archive: ArchiveId,
        path: &FolderPath,
    ) -> Result<Option<FolderId>, CatalogError> {
        let rows = self.lag();
        let found = rows
            .folders
            .iter()
            .find(|(_, (of, it))| *of == archive && FolderPath::from_stored(it.clone()) == *path);
        Ok(found.map(|it| *it.0))
    }

    fn sources(
        &self,
        archive: ArchiveId,
        profile: &str,
        account: &str,
    ) -> Result<Vec<SourceRow>, CatalogError> {
        let rows = self.lag();
        let ours = |it: &&Source| {
            (it.archive, it.profile.as_str(), it.account.as_str()) == (archive, profile, account)
        };
        Ok(rows.sources.values().filter(ours).map(|it| it.row.clone()).collect())
    }

    fn source_refs(&self, source: SourceId) -> Result<Vec<(u64, PlacementId)>, CatalogError> {
        let rows = self.lag();
        let ours = rows.refs.iter().filter(|(place, _)| place.source == source);
        Ok(ours.map(|(place, placement)| (place.uid, *placement)).collect())
    }

    fn archived(&self, source: SourceId, uids: &[u64]) -> Result<Vec<ArchivedRow>, CatalogError> {
        let rows = self.lag();
        let uid_validity = rows.sources[&source].row.uid_validity;
        let places = uids.iter().map(|uid| SourceRef { source, uid: *uid });
        let found = places.filter_map(|place| Some((place, *rows.refs.get(&place)?)));
        let mut found: Vec<ArchivedRow> = found
            .map(|(place, placement)| {
                let Placement { message, placed, .. } = &rows.placements[&placement];
                let (blob, size, _) = rows.messages[message];
                let (placed, date) = (*placed, rows.dates[message]);
                ArchivedRow { place, uid_validity, placement, blob, size, date, placed }
            })
            .collect();
        found.sort_by_key(|it| it.place);
        Ok(found)
    }

    fn quarantined(&self, source: SourceId) -> Result<Vec<QuarantineRow>, CatalogError> {
        let rows = self.lag();
        let ours = rows.quarantine.iter().filter(|(place, _)| place.source == source);
        Ok(ours.map(|it| it.1.clone()).collect())
    }

    fn placements(
        &self,
        archive: ArchiveId,
        root: &str,
        message: MessageKey,
    ) -> Result<Vec<FoundPlacement>, CatalogError> {
        let rows = self.lag();
        let mut found = Vec::new();
        for (id, placement) in rows.placements.iter().filter(|it| it.1.message == message) {
            let (of, path) = rows.folders.get(&placement.folder).unwrap();
            let path = FolderPath::from_stored(path.clone());
            if *of == archive && path.root() == root {
                let Placement { folder, source, .. } = placement;
                found.push(FoundPlacement { placement: *id, folder: *folder, source: *source });
            }
        }
        Ok(found)
    }

    fn refs_of(&self, placement: PlacementId) -> Result<Vec<SourceRef>, CatalogError> {
        let rows = self.lag();
        let placement = rows.placement_of(placement);
        Ok(rows.refs.iter().filter(|it| *it.1 == placement).map(|it| *it.0).collect())
    }

    fn match_rows(&self, source: SourceId) -> Result<Vec<MatchRow>, CatalogError> {
        let rows = self.lag();
        let ours = rows.refs.iter().filter(|(place, _)| place.source == source);
        Ok(ours
            .map(|(_, id)| {
                let placement = rows.placements.get(id).unwrap();
                let (_, size, header_hash) = *rows.messages.get(&placement.message).unwrap();
                MatchRow { placement: *id, size, received: placement.received, header_hash }
            })
            .collect())
    }

    fn message_of(&self, placement: PlacementId) -> Result<Option<MessageKey>, CatalogError> {
        let rows = self.lag();
        let placement = rows.placement_of(placement);
        Ok(rows.placements.get(&placement).map(|it| it.message))
    }

    fn places_of(&self, message: MessageKey) -> Result<Vec<FoundPlacement>, CatalogError> {
        let rows = self.lag();
        let ours = rows.placements.iter().filter(|it| it.1.message == message);
        let found = |(id, it): (&PlacementId, &Placement)| FoundPlacement {
            placement: *id,
            folder: it.folder,
            source: it.source,
        };
        Ok(ours.map(found).collect())
    }

    fn same_content(&self, canonical: &Hash) -> Result<Vec<MessageKey>, CatalogError> {
        let rows = self.lag();
        Ok(rows.contents.iter().filter(|it| it.0 == *canonical).map(|it| it.1).collect())
    }

    fn placed_in(
        &self,
        folder: FolderId,
        after: Option<PlacementId>,
        count: u32,
    ) -> Result<Vec<PlacedRow>, CatalogError> {
        let rows = self.lag();
        let inside = rows
            .placements
            .iter()
            .filter(|(id, it)| it.folder == folder && after.is_none_or(|after| after < **id));
        let row = |(id, it): (&PlacementId, &Placement)| {
            let (blob, size, _) = rows.messages[&it.message];
            PlacedRow {
                placement: *id,
                message: it.message,
                blob,
                size,
                flags: it.flags,
                received: it.received,
                envelope: it.envelope.clone(),
            }
        };
        Ok(inside.map(row).take(count as usize).collect())
    }

    fn mailbox_name(&self, source: SourceId) -> Result<Option<MailboxName>, CatalogError> {
        let rows = self.lag();
        Ok(rows.sources.get(&source).map(|it| MailboxName {
            raw: it.row.mailbox_raw.clone(),
            parts: it.mailbox.split('/').map(str::to_owned).collect(),
        }))
    }
}
