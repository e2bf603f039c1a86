//! Whether a catalog says what its log says.

use ports::{Log, WriteCatalog};
use types::Position;
use types::limits::BATCH_BYTES_MAX;

use crate::catalog::{CatalogWriter, SqlCatalog, TableDiffers};
use crate::error::StoreError;
use crate::log::SegmentLog;

/// How often a catalog that is being written is followed before it is left to the next time.
const TRIES_MAX: usize = 8;

/// Tables of the catalog whose rows are not those that the log gives. `None` when that cannot be
/// told: it is being written faster than it is followed, or is ahead of the log as it was opened.
///
/// Takes as long as making the catalog anew, and no more memory.
pub fn compare_catalog(
    catalog: &SqlCatalog,
    log: &SegmentLog,
) -> Result<Option<Vec<TableDiffers>>, StoreError> {
    let mut right = CatalogWriter::nameless(catalog.store())?;
    for _ in 0..TRIES_MAX {
        let upto = catalog.position()?;
        if log.position().entries < upto.entries {
            return Ok(None);
        }
        follow(&mut right, log, upto)?;
        if let Some(found) = catalog.compare(&right, upto)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Applies the log up to a position, which is the end of a batch.
fn follow(writer: &mut CatalogWriter, log: &SegmentLog, upto: Position) -> Result<(), StoreError> {
    while writer.position().entries < upto.entries {
        let mut run = log.entries(writer.position().entries, BATCH_BYTES_MAX)?;
        let left = usize::try_from(upto.entries - run.first).unwrap_or(usize::MAX);
        if left <= run.items.len() {
            run.items.truncate(left);
            run.position = upto;
        }
        if run.items.is_empty() {
            break;
        }
        writer.apply(run.first, &run.items, run.position)?;
        writer.commit()?;
    }
    Ok(())
}
