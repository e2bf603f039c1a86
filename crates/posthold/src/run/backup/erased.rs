//! What was erased since the newest backup is told to the directory of backups at once: so that
//! nobody brings it back before there is another backup.

use std::path::Path;

use backup::{ErasedMessage, Repository};
use commands::Failure;
use disk::RealDisk;

use super::{failure, lock};
use crate::context::DataDir;
use crate::run::all_stores::{AllStores, OneStore};
use crate::run::{erasures, faults, users};

/// Tells it. Gives what could not be told, and why: sentences. Blocks.
pub(in crate::run) fn note(data: &DataDir) -> Vec<String> {
    let all = match AllStores::open(data) {
        Ok(all) => all,
        Err(failure) => return vec![failure.message],
    };
    all.stores.iter().filter_map(|it| note_of(data, it).err().map(|it| it.message)).collect()
}

fn note_of(data: &DataDir, one: &OneStore) -> Result<(), Failure> {
    let store = &one.reading.store;
    let id = &store.description().id;
    let backed_up = users::open_for_reading(data)?.backed_up(id);
    let Some(newest) = backed_up.map_err(|it| faults::state(&it))? else { return Ok(()) };
    let mut messages = Vec::new();
    for row in store.log().erased().map_err(|it| faults::log(&it))? {
        let Some((entry, at)) = row.erased else { continue };
        // What was erased before it knows.
        if newest.position.entries <= entry.0 {
            let blob = erasures::blob_of(store.log(), row.message)?;
            messages.push(ErasedMessage { entry: entry.0, message: row.message.0, blob, at });
        }
    }
    let dir = Path::new(&newest.dir);
    if messages.is_empty() {
        return Ok(());
    }
    let told = told(dir, id, &messages);
    told.map_err(|it| {
        let (n, why) = (messages.len(), it.message.trim_end_matches('.'));
        let message = format!(
            "The backups in {} do not know yet that {n} messages of the store {} are erased: \
             {why}. The next `posthold backup create` tells them.",
            dir.display(),
            one.name,
        );
        Failure::new(it.kind, message)
    })
}

fn told(dir: &Path, id: &str, messages: &[ErasedMessage]) -> Result<(), Failure> {
    let disk = RealDisk;
    let repository = Repository::open(&disk, dir).map_err(|it| failure(&it))?;
    let _lock = lock(dir, "retention run")?;
    backup::note_erased(&repository, id, messages.iter().copied()).map_err(|it| failure(&it))
}
