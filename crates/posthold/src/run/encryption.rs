//! `store encrypt`: a store that is not encrypted becomes one that is.
//!
//! Rules: the key is there before; the store is opened and closed first, so that its log is whole;
//! the log that was not encrypted stays until somebody asks for its removal, and is removed only
//! when the other one opens.

use std::sync::Arc;

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, Phase, PlainLog, ProgressSink, StoreEncrypted, Work,
};
use disk::{OsRandom, RealDisk};
use ports::{Disk, Log, Random};
use store::{EncryptProgress, Store};

use super::stores::{Reading, options, recorded_by_state};
use super::{Teller, faults, keys, store_admin, telling, users};
use crate::context::{Context, DataDir, KeySource};

/// Encrypts a store. The caller owns the data directory, and nobody has its stores.
pub(super) async fn encrypt(
    context: &Context,
    name: String,
    plain: PlainLog,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let encrypted = telling(progress, move |teller| {
        let saved = store_admin::named(&data, &name)?;
        one(&data.at(&saved), &source, plain, teller)
    });
    let answer = AdminAnswer::StoreEncrypted(encrypted.await?);
    Ok(Answer::Admin(Box::new(answer)))
}

fn one(
    data: &DataDir,
    source: &KeySource,
    plain: PlainLog,
    teller: &Teller,
) -> Result<StoreEncrypted, Failure> {
    // Said before anything is done: without the key nothing could be read afterwards.
    keys::needed_for_stores(data, source)?;
    let dir = data.store();
    let failed = |it| faults::store(&it);
    let mut state = users::open(data)?;
    let name = data.place().name;
    let recorded = recorded_by_state(&state, &name).map_err(|it| faults::state(&it))?;
    let (store, _) = Store::open(&dir, options(data, recorded.clone())).map_err(failed)?;
    let was_encrypted = store.description().is_encrypted();
    let position = store.close().map_err(failed)?;
    state.set_store_head(&name, position).map_err(|it| faults::state(&it))?;
    if !was_encrypted {
        check_room(data)?;
        let mut tell = |it: EncryptProgress| {
            let (bytes, total) = match it {
                EncryptProgress::Copying(it) => (it.bytes, it.bytes_total),
                EncryptProgress::Verifying(it) => (it.bytes, it.bytes_total),
            };
            let bytes_total = Some(total);
            teller.tell(Work { phase: Phase::Verifying, bytes, bytes_total, ..Work::default() });
        };
        let keys = keys::for_stores(data);
        let (disk, random): (Arc<dyn Disk>, Arc<dyn Random>) =
            (Arc::new(RealDisk), Arc::new(OsRandom));
        store::encrypt(&dir, &disk, &keys, &random, &recorded, &mut tell).map_err(failed)?;
    }
    let reading = Reading::open(data)?;
    let now = reading.store.log().position();
    if now != position {
        let message = "the encrypted log does not end where the other one did";
        return Err(Failure::new(FailureKind::Store, message));
    }
    if plain == PlainLog::Removed {
        store::remove_plain_log(&dir).map_err(failed)?;
    }
    let left = store::has_plain_log(&dir).then(|| dir.join("segments.plain"));
    Ok(StoreEncrypted {
        name,
        already: was_encrypted,
        entries: now.entries,
        root: now.root,
        plain: left,
        warnings: warnings(data, source),
    })
}

/// The copy needs as much room as the log has.
fn check_room(data: &DataDir) -> Result<(), Failure> {
    let needed = store_admin::size(&data.segments());
    let free = disk::room(&data.store()).map_or(u64::MAX, |(free, _)| free);
    if free <= needed.saturating_add(needed / 50) {
        let message =
            format!("the copy needs {} MB, and {} MB are free", (needed >> 20) + 1, free >> 20);
        return Err(Failure::new(FailureKind::DiskFull, message)
            .with_hint("Make room: the log that is there stays until the copy was checked."));
    }
    Ok(())
}

fn warnings(data: &DataDir, source: &KeySource) -> Vec<String> {
    let mut warnings = vec![
        "Keep copies of the key apart from the data directory (`posthold key split`): without it \
         no mail of this store can ever be read again."
            .to_owned(),
    ];
    if *source == KeySource::DataDir {
        warnings.push(
            "The key is in the data directory: whoever copies that has both. POSTHOLD_KEY_FILE or \
             a credential of systemd keeps it elsewhere."
                .to_owned(),
        );
    }
    if let disk::FileEncryption::None(device) = disk::file_encryption(&data.store()) {
        warnings.push(format!(
            "Catalog and index are not encrypted: their file system on {device} has no \
             encryption. `posthold doctor` says more."
        ));
    }
    warnings
}
