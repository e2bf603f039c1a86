//! Changes that wait for a write-protected store, laid over what it says.

use ledger::SourceRef;
use ports::{CatalogError, FoundPlacement};
use types::{ArchiveId, FolderId, PlacementId, SourceId};

use super::ids::joined;
use super::{Access, Member, Stores};
use crate::catalog::{DeferredRow, DeferredWhat, Place, SqlCatalog};

impl Stores {
    /// Changes to a placement of a store that wait in the others, oldest first, each with the
    /// store that it waits in.
    pub(super) fn waiting_on(
        &self,
        member: &Member,
        placement: PlacementId,
    ) -> Result<Vec<(std::sync::Arc<Member>, DeferredRow)>, CatalogError> {
        if member.access() != Access::Protected {
            return Ok(Vec::new());
        }
        let mut waiting = Vec::new();
        for other in self.members() {
            let rows = other.store().catalog().deferred_on(member.id(), placement)?;
            waiting.extend(rows.into_iter().map(|it| (std::sync::Arc::clone(&other), it)));
        }
        waiting.sort_by_key(|(_, it)| (it.at, it.entry));
        Ok(waiting)
    }

    /// A placement as everybody calls it, and as it is with what waits; `None` when it is gone.
    pub(super) fn placement_of(
        &self,
        member: &Member,
        found: FoundPlacement,
    ) -> Result<Option<FoundPlacement>, CatalogError> {
        let FoundPlacement { placement, folder, source } = found;
        let mut folder = self.folder_of(member, folder)?;
        let mut source = source.map(|it| self.source_of(member, it)).transpose()?;
        for (other, row) in self.waiting_on(member, placement)? {
            match row.what {
                DeferredWhat::Removed => return Ok(None),
                DeferredWhat::Moved(to, at) => {
                    folder = self.folder_of(&other, to)?;
                    let at = at.map(|it| self.source_of(&other, it.source)).transpose()?;
                    source = at.or(source);
                }
                DeferredWhat::Sighted(at) => source = Some(self.source_of(&other, at.source)?),
                DeferredWhat::Flagged(_) | DeferredWhat::Gone(_) => (),
            }
        }
        Ok(Some(FoundPlacement { placement: member.placement(placement), folder, source }))
    }

    /// What waits for places of a source: places where nothing stands any more, or a placement
    /// does, oldest first.
    pub(super) fn waiting_at(
        &self,
        source: SourceId,
    ) -> Result<Vec<(u64, Option<PlacementId>)>, CatalogError> {
        let members = self.members();
        let protected: Vec<_> =
            members.iter().filter(|it| it.access() == Access::Protected).collect();
        if protected.is_empty() {
            return Ok(Vec::new());
        }
        let mut waiting = Vec::new();
        for (number, local) in self.everywhere(source)? {
            let Some(member) = members.iter().find(|it| it.number() == number) else { continue };
            for (store, row) in member.store().catalog().deferred_at(local)? {
                let Some(of) = protected.iter().find(|it| it.id() == store) else { continue };
                let placement = row.placement.map(|it| PlacementId(joined(of.number(), it.0)));
                match row.what {
                    DeferredWhat::Gone(SourceRef { uid, .. }) => {
                        waiting.push((row.at, row.entry, uid, None));
                    }
                    DeferredWhat::Moved(_, Some(SourceRef { uid, .. }))
                    | DeferredWhat::Sighted(SourceRef { uid, .. }) => {
                        waiting.push((row.at, row.entry, uid, placement));
                    }
                    _ => (),
                }
            }
        }
        waiting.sort_by_key(|(at, entry, ..)| (*at, *entry));
        Ok(waiting.into_iter().map(|(_, _, uid, placement)| (uid, placement)).collect())
    }
}

/// The places of a message of a write-protected store with what waits for them in `others`, each
/// the catalog of a store. For showing.
pub fn lay_over(
    store: types::StoreId,
    places: Vec<Place>,
    others: &[&SqlCatalog],
) -> Result<Vec<Place>, CatalogError> {
    let mut shown = Vec::new();
    for mut place in places {
        let mut waiting = Vec::new();
        for other in others {
            let rows = other.deferred_on(store, place.placement)?;
            waiting.extend(rows.into_iter().map(|it| (*other, it)));
        }
        waiting.sort_by_key(|(_, it)| (it.at, it.entry));
        let mut is_there = true;
        for (other, row) in waiting {
            match row.what {
                DeferredWhat::Removed => is_there = false,
                DeferredWhat::Flagged(flags) => place.flags = flags,
                DeferredWhat::Moved(folder, _) => move_to(&mut place, folder, other)?,
                DeferredWhat::Gone(_) | DeferredWhat::Sighted(_) => (),
            }
        }
        if is_there {
            shown.push(place);
        }
    }
    Ok(shown)
}

fn move_to(place: &mut Place, folder: FolderId, of: &SqlCatalog) -> Result<(), CatalogError> {
    let Some(to) = of.folder_place(folder)? else { return Ok(()) };
    let ArchiveId(archive) = to.archive;
    place.archive = ArchiveId(archive);
    if let Some(path) = to.path {
        place.path = path;
        place.user = to.user;
    }
    Ok(())
}
