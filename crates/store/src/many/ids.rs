//! Numbers that carry the store they are of, and what several stores call by one name.

use std::collections::HashMap;

use ports::CatalogError;
use types::{FolderId, FolderPath, MessageKey, PlacementId, SourceId};

use super::{Member, Stores};
use crate::catalog::SourceName;

/// Bits of an entry number. A store of 5,000,000 messages has some 2^23 entries.
const ENTRY_BITS: u32 = 48;

/// Names that are remembered, of folders and of sources each.
const NAMES_MAX: usize = 65_536;

/// A number of a store, for all: `u64::MAX`, which means no folder in particular, is itself.
pub(super) fn joined(number: u64, local: u64) -> u64 {
    if local == u64::MAX { local } else { (number << ENTRY_BITS) | local }
}

/// The store that a number is of, and the number there.
pub(super) fn split(joined: u64) -> (u64, u64) {
    if joined == u64::MAX {
        return (0, joined);
    }
    (joined >> ENTRY_BITS, joined & ((1 << ENTRY_BITS) - 1))
}

/// What was looked up. Nothing of it changes while stores are open: the oldest store that has a
/// name stays the oldest.
#[derive(Default)]
pub(super) struct Names {
    folders: HashMap<u64, FolderId>,
    sources: HashMap<u64, SourceId>,
    /// Of each source as all call it, where it is.
    everywhere: HashMap<u64, Vec<(u64, SourceId)>>,
}

impl Names {
    /// Forgets where sources are: another store has them too, now.
    pub(super) fn forget(&mut self) {
        self.everywhere.clear();
    }

    fn tidy(&mut self) {
        if NAMES_MAX <= self.folders.len().max(self.sources.len()).max(self.everywhere.len()) {
            *self = Names::default();
        }
    }
}

impl Member {
    pub(super) fn key(&self, key: MessageKey) -> MessageKey {
        MessageKey(joined(self.number(), key.0))
    }

    pub(super) fn placement(&self, placement: PlacementId) -> PlacementId {
        PlacementId(joined(self.number(), placement.0))
    }
}

impl Stores {
    /// The store that a number is of.
    pub(super) fn member_of(&self, joined: u64) -> Option<(std::sync::Arc<Member>, u64)> {
        let (number, local) = split(joined);
        self.members().into_iter().find(|it| it.number() == number).map(|it| (it, local))
    }

    fn is_one(&self) -> bool {
        let members = self.members();
        members.len() == 1 && members.first().is_some_and(|it| it.number() == 0)
    }

    /// How everybody calls a folder of a store.
    pub(super) fn folder_of(
        &self,
        member: &Member,
        folder: FolderId,
    ) -> Result<FolderId, CatalogError> {
        if folder == FolderId::SHARED || self.is_one() {
            return Ok(folder);
        }
        let own = joined(member.number(), folder.0);
        if let Some(known) = self.names().folders.get(&own) {
            return Ok(*known);
        }
        let place = member.store().catalog().folder_place(folder)?;
        let named = place.and_then(|it| Some((it.archive, FolderPath::from_stored(it.path?))));
        let found = match named {
            Some((archive, path)) => self.find_folder(archive, &path)?,
            None => None,
        };
        let found = found.unwrap_or(FolderId(own));
        let mut names = self.names();
        names.tidy();
        names.folders.insert(own, found);
        Ok(found)
    }

    /// The folder of this path, in the oldest store that has it.
    pub(super) fn find_folder(
        &self,
        archive: types::ArchiveId,
        path: &FolderPath,
    ) -> Result<Option<FolderId>, CatalogError> {
        for member in self.members() {
            let found = ports::Catalog::folder(&**member.store().catalog(), archive, path)?;
            if let Some(folder) = found {
                return Ok(Some(FolderId(joined(member.number(), folder.0))));
            }
        }
        Ok(None)
    }

    /// How everybody calls a source of a store.
    pub(super) fn source_of(
        &self,
        member: &Member,
        source: SourceId,
    ) -> Result<SourceId, CatalogError> {
        if self.is_one() {
            return Ok(source);
        }
        let own = joined(member.number(), source.0);
        if let Some(known) = self.names().sources.get(&own) {
            return Ok(*known);
        }
        let mut found = SourceId(own);
        if let Some((name, folder)) = member.store().catalog().source_name(source)? {
            let folder = self.folder_of(member, folder)?;
            let first = self.sources_named(&name, folder)?.into_iter().next();
            found = first.map_or(found, |(number, it)| SourceId(joined(number, it.0)));
        }
        let mut names = self.names();
        names.tidy();
        names.sources.insert(own, found);
        Ok(found)
    }

    /// Where a source is that everybody calls so: numbers of stores, and its number there.
    pub(super) fn everywhere(
        &self,
        source: SourceId,
    ) -> Result<Vec<(u64, SourceId)>, CatalogError> {
        if let Some(known) = self.names().everywhere.get(&source.0) {
            return Ok(known.clone());
        }
        let Some((member, local)) = self.member_of(source.0) else { return Ok(Vec::new()) };
        let named = member.store().catalog().source_name(SourceId(local))?;
        let Some((name, folder)) = named else {
            // Its entry is younger than the catalog.
            return Ok(vec![(member.number(), SourceId(local))]);
        };
        let folder = self.folder_of(&member, folder)?;
        let found = self.sources_named(&name, folder)?;
        let mut names = self.names();
        names.tidy();
        names.everywhere.insert(source.0, found.clone());
        Ok(found)
    }

    /// The sources of this name that go to this folder, oldest store first.
    fn sources_named(
        &self,
        name: &SourceName,
        folder: FolderId,
    ) -> Result<Vec<(u64, SourceId)>, CatalogError> {
        let mut found = Vec::new();
        for member in self.members() {
            for (source, its_folder) in member.store().catalog().sources_named(name)? {
                if self.folder_of(&member, its_folder)? == folder {
                    found.push((member.number(), source));
                }
            }
        }
        Ok(found)
    }

    /// The number of a source in one store, when it has it. The newest, should it have two.
    pub(super) fn source_in(
        &self,
        member: &Member,
        source: SourceId,
    ) -> Result<Option<SourceId>, CatalogError> {
        let everywhere = self.everywhere(source)?;
        let own = everywhere.iter().rev().find(|(number, _)| *number == member.number());
        Ok(own.map(|(_, it)| *it))
    }
}
