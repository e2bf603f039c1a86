//! Removing backups: those that hold what was erased, and those that are too many.

use std::collections::HashSet;

use types::Hash;

use crate::error::{BackupError, damaged};
use crate::manifest::Manifest;
use crate::repository::Repository;

/// What was removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Purged {
    /// Backups that are gone.
    pub removed: Vec<u32>,
    /// Pieces that nothing needs any more, and that are gone.
    pub pieces: u64,
    /// Whether the newest backup holds what was erased since, and stays: without it there would
    /// be none. A new backup has to be made first.
    pub newest_holds: bool,
}

/// Removes every backup that holds what was erased since, but never the newest one; with `keep`,
/// also those before the newest `keep`. Pieces that no backup needs any more go with them.
pub fn purge(repository: &Repository<'_>, keep: Option<u32>) -> Result<Purged, BackupError> {
    let mut manifests = Vec::new();
    for listed in repository.list()? {
        // Pieces of a backup that cannot be read must not go by mistake.
        let why = |it| damaged(format!("backup {}: {it}", listed.number));
        manifests.push(listed.manifest.map_err(why)?);
    }
    let erased = repository.erased()?;
    let holds = |it: &Manifest| !erased.held_by(it).messages.is_empty();
    let newest = manifests.last().map_or(0, |it| it.number);
    let keep = usize::try_from(keep.unwrap_or(u32::MAX)).unwrap_or(usize::MAX).max(1);
    let n_old = manifests.len().saturating_sub(keep);
    let mut purged =
        Purged { newest_holds: manifests.last().is_some_and(holds), ..Purged::default() };
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    for (index, manifest) in manifests.into_iter().enumerate() {
        let goes = manifest.number != newest && (index < n_old || holds(&manifest));
        if goes { go.push(manifest) } else { stay.push(manifest) }
    }
    for manifest in go {
        repository.remove_manifest(manifest.number)?;
        purged.removed.push(manifest.number);
    }
    let needed: HashSet<Hash> =
        stay.iter().flat_map(|it| &it.files).flat_map(|it| it.pieces.iter().copied()).collect();
    repository.forget_notes()?;
    repository.remove_unfinished_pieces()?;
    for piece in repository.pieces()?.difference(&needed) {
        repository.remove_piece(*piece)?;
        purged.pieces += 1;
    }
    Ok(purged)
}
