//! The look-ups, by looking at every row.

use ledger::SourceRef;
use ports::{
    ArchivedRow, Catalog, CatalogError, FoundPlacement, MatchRow, PlacedRow, QuarantineRow,
    SourceRow,
};
use types::{
    ArchiveId, FolderId, FolderPath, Hash, MailboxName, MessageKey, PlacementId, SourceId,
};

use super::MemoryCatalog;
use super::rows::{Placement, Source};

fn found((id, it): (&PlacementId, &Placement)) -> FoundPlacement {
    FoundPlacement { placement: *id, folder: it.folder, source: it.source }
}

fn path(text: Option<&String>) -> FolderPath {
    FolderPath::from_stored(text.cloned().unwrap_or_default())
}

impl Catalog for MemoryCatalog {
    async fn wait_for(&self, entries: u64) -> Result<(), CatalogError> {
        match entries <= self.reached() {
            true => Ok(()),
            false => Err(super::broken("waiting for it")),
        }
    }

    fn reached(&self) -> u64 {
        self.state().position.entries
    }

    fn folder(
        &self,
        archive: ArchiveId,
        wanted: &FolderPath,
    ) -> Result<Option<FolderId>, CatalogError> {
        let state = self.state();
        let is_wanted = |(of, it): &(ArchiveId, Option<String>)| {
            *of == archive && it.is_some() && path(it.as_ref()) == *wanted
        };
        Ok(state.rows.folders.iter().find(|it| is_wanted(it.1)).map(|it| *it.0))
    }

    fn sources(
        &self,
        archive: ArchiveId,
        profile: &str,
        account: &str,
    ) -> Result<Vec<SourceRow>, CatalogError> {
        let state = self.state();
        let ours = |it: &&Source| {
            (it.archive, it.profile.as_str(), it.account.as_str()) == (archive, profile, account)
        };
        Ok(state.rows.sources.values().filter(ours).map(|it| it.row.clone()).collect())
    }

    fn source_refs(&self, source: SourceId) -> Result<Vec<(u64, PlacementId)>, CatalogError> {
        let state = self.state();
        let ours = state.rows.refs.iter().filter(|it| it.0.source == source);
        Ok(ours.map(|(place, placement)| (place.uid, *placement)).collect())
    }

    fn archived(&self, source: SourceId, uids: &[u64]) -> Result<Vec<ArchivedRow>, CatalogError> {
        let rows = &self.state().rows;
        let mut all = Vec::new();
        for uid in uids {
            let place = SourceRef { source, uid: *uid };
            let (Some(id), Some(of)) = (rows.refs.get(&place), rows.sources.get(&source)) else {
                continue;
            };
            let placement = &rows.placements[id];
            let message = &rows.messages[&placement.message];
            all.push(ArchivedRow {
                place,
                uid_validity: of.row.uid_validity,
                placement: *id,
                blob: message.blob,
                size: message.size,
                date: message.date,
                placed: placement.placed,
            });
        }
        all.sort_by_key(|it| it.place);
        Ok(all)
    }

    fn quarantined(&self, source: SourceId) -> Result<Vec<QuarantineRow>, CatalogError> {
        let state = self.state();
        let ours = state.rows.quarantine.iter().filter(|it| it.0.source == source);
        Ok(ours.map(|it| it.1.clone()).collect())
    }

    fn placements(
        &self,
        archive: ArchiveId,
        root: &str,
        message: MessageKey,
    ) -> Result<Vec<FoundPlacement>, CatalogError> {
        let rows = &self.state().rows;
        let root = FolderPath::from_stored(root.to_owned());
        let is_below = |it: &Placement| {
            let Some((of, text)) = rows.folders.get(&it.folder) else { return false };
            let own = FolderPath::from_stored(path(text.as_ref()).root().to_owned());
            *of == archive && own == root
        };
        let ours = rows.placements.iter().filter(|it| it.1.message == message && is_below(it.1));
        Ok(ours.map(found).collect())
    }

    fn refs_of(&self, placement: PlacementId) -> Result<Vec<SourceRef>, CatalogError> {
        let rows = &self.state().rows;
        let id = rows.resolve(placement);
        Ok(rows.refs.iter().filter(|it| Some(*it.1) == id).map(|it| *it.0).collect())
    }

    fn match_rows(&self, source: SourceId) -> Result<Vec<MatchRow>, CatalogError> {
        let rows = &self.state().rows;
        let is_here = |id: &PlacementId| {
            rows.refs.iter().any(|(place, it)| it == id && place.source == source)
        };
        let here = rows.placements.iter().filter(|it| is_here(it.0));
        let row = |(id, it): (&PlacementId, &Placement)| {
            let message = &rows.messages[&it.message];
            let (size, received) = (message.size, it.received);
            let of = |header_hash| MatchRow { placement: *id, size, received, header_hash };
            message.header.map(of)
        };
        Ok(here.filter_map(row).collect())
    }

    fn message_of(&self, placement: PlacementId) -> Result<Option<MessageKey>, CatalogError> {
        let rows = &self.state().rows;
        let id = rows.resolve(placement);
        Ok(id.and_then(|it| rows.placements.get(&it)).map(|it| it.message))
    }

    fn places_of(&self, message: MessageKey) -> Result<Vec<FoundPlacement>, CatalogError> {
        let rows = &self.state().rows;
        Ok(rows.placements.iter().filter(|it| it.1.message == message).map(found).collect())
    }

    fn same_content(&self, canonical: &Hash) -> Result<Vec<MessageKey>, CatalogError> {
        let rows = &self.state().rows;
        Ok(rows.contents.iter().filter(|it| it.0 == *canonical).map(|it| it.1).collect())
    }

    fn placed_in(
        &self,
        folder: FolderId,
        after: Option<PlacementId>,
        count: u32,
    ) -> Result<Vec<PlacedRow>, CatalogError> {
        let rows = &self.state().rows;
        let is_wanted = |id: PlacementId, it: &Placement| {
            it.folder == folder && after.is_none_or(|after| after < id)
        };
        let inside = rows.placements.iter().filter(|it| is_wanted(*it.0, it.1));
        let row = |(id, it): (&PlacementId, &Placement)| {
            let message = &rows.messages[&it.message];
            PlacedRow {
                placement: *id,
                message: it.message,
                blob: message.blob,
                size: message.size,
                flags: it.flags,
                received: it.received,
                envelope: it.envelope.clone(),
            }
        };
        Ok(inside.map(row).take(count as usize).collect())
    }

    fn mailbox_name(&self, source: SourceId) -> Result<Option<MailboxName>, CatalogError> {
        let state = self.state();
        Ok(state.rows.sources.get(&source).map(|it| MailboxName {
            raw: it.row.mailbox_raw.clone(),
            parts: it.mailbox.split('/').map(unescape).collect(),
        }))
    }
}

/// A part of a path as [`MailboxName::path`] writes it.
fn unescape(part: &str) -> String {
    match part {
        "%" => String::new(),
        part => part.replace("%2F", "/").replace("%25", "%"),
    }
}
