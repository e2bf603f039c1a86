//! Folders of archives: found, or made once, whoever needs them at the same time.

use ledger::{Detail, Fact, FolderDetail, TreeKind};
use ports::{Catalog, Change, Log};
use tokio::sync::{Mutex, MutexGuard};
use types::{ArchiveId, FolderId, FolderPath, UserName};

use crate::report::{RunFailure, RunFailureKind};

/// Held by whoever makes a folder. Two runs that both find it missing would make it twice.
static MAKING: Mutex<()> = Mutex::const_new(());

/// A folder of an archive.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Place {
    pub(crate) archive: ArchiveId,
    /// The name of its user, for the detail of a new folder.
    pub(crate) user: UserName,
    pub(crate) path: FolderPath,
}

/// A folder that was found, or made by an entry.
pub(crate) struct FoundFolder {
    pub(crate) id: FolderId,
    pub(crate) made: bool,
}

/// The right to make folders, when the catalog shows all that were made.
pub(crate) async fn making<L: Log, K: Catalog>(
    log: &L,
    catalog: &K,
) -> Result<MutexGuard<'static, ()>, RunFailure> {
    let right = MAKING.lock().await;
    catalog.wait_for(log.position().entries).await?;
    Ok(right)
}

/// Finds or makes a folder. The catalog need not have caught up.
pub(crate) async fn find_or_make<L: Log, K: Catalog>(
    log: &L,
    catalog: &K,
    place: &Place,
) -> Result<FoundFolder, RunFailure> {
    if let Some(id) = catalog.folder(place.archive, &place.path)? {
        return Ok(FoundFolder { id, made: false });
    }
    let _making = making(log, catalog).await?;
    if let Some(id) = catalog.folder(place.archive, &place.path)? {
        return Ok(FoundFolder { id, made: false });
    }
    let fact =
        Fact::FolderChanged { folder: None, archive: place.archive, kind: TreeKind::Archive };
    let detail =
        FolderDetail { user: place.user.as_str().to_owned(), path: place.path.as_str().to_owned() };
    let entries = log.append(vec![Change::Fact(fact, Some(Detail::Folder(detail)))]).await?;
    let entry = entries
        .first()
        .copied()
        .ok_or_else(|| RunFailure::new(RunFailureKind::Store, "the log acknowledged no entry"))?;
    Ok(FoundFolder { id: FolderId(entry.0), made: true })
}
