//! `restore`: a backup becomes a data directory.
//!
//! Rules: the directory says that it is unfinished until everything in it was read again, every
//! log begins its new epoch, and the state knows where the logs end.

use std::path::Path;
use std::sync::Arc;

use backup::{Manifest, Repository};
use commands::{BackupAnswer, BackupRestore, Failure, FailureKind, Phase, ProgressSink, Restored};
use disk::{OsRandom, RealDisk, SystemClock};
use ledger::EpochReason;
use ports::{Disk, Log};
use state::State;
use store::begin_epoch;
use store::log::{LogOptions, Recorded, SegmentLog};
use types::Position;

use super::audit::AUDIT_HEAD;
use super::backup::{AUDIT, Watching, failure, lock, place_of, shown};
use super::{blocking, faults, keys, telling};
use crate::context::{Context, DataDir};

/// Who has recorded a position, in messages.
const BACKUP: &str = "the backup";

/// Brings a backup back.
pub(super) async fn restore(
    context: &Context,
    request: BackupRestore,
    progress: &dyn ProgressSink,
) -> Result<BackupAnswer, Failure> {
    let stop = context.stop.clone();
    let to = request.to.clone();
    let (manifest, held) = telling(progress, move |teller| {
        let disk = RealDisk;
        let repository = Repository::open(&disk, &request.from).map_err(|it| failure(&it))?;
        let manifest = chosen(&repository, request.number)?;
        let to = &request.to;
        disk.create_dir_all(to).map_err(|it| faults::io(&it, "failed to make the directory"))?;
        let held = lock(to, "restore")?;
        let mut watch = Watching { teller, stop, phase: Phase::Restoring };
        let restored = backup::restore(&repository, &manifest, to, &mut watch);
        restored.map_err(|it| failure(&it))?;
        Ok((manifest, held))
    })
    .await?;
    let mut epochs = Vec::new();
    {
        let to = to.clone();
        blocking(move || bring_stores_home(&to)).await?;
    }
    for log in manifest.logs.iter().filter(|it| it.position.entries != 0) {
        let (epoch, position) = begin(&to, log).await?;
        epochs.push((log.path.clone(), epoch));
        let (to, path, id) = (to.clone(), log.path.clone(), log.id.clone());
        blocking(move || note(&to, &path, &id, position)).await?;
    }
    let mut warnings = Vec::new();
    let has_key = manifest.file("secret.key").is_some();
    if !has_key && has_secrets(&to).await? {
        let text = "the key of saved passwords is not in the backup: put secret.key there, or name \
                    it by POSTHOLD_KEY_FILE, before jobs run";
        warnings.push(text.to_owned());
    }
    let done = to.clone();
    blocking(move || {
        backup::finish(&RealDisk, &done).map_err(|it| failure(&it))?;
        drop(held);
        Ok(())
    })
    .await?;
    Ok(BackupAnswer::Restored(Restored { to, backup: shown(&manifest), epochs, warnings }))
}

/// Whether a restored state has secrets that somebody's key must open.
async fn has_secrets(to: &Path) -> Result<bool, Failure> {
    let path = to.join(super::backup::STATE);
    blocking(move || {
        let counts = State::open(&path).and_then(|it| it.secret_counts());
        Ok(counts.map_err(|it| faults::state(&it))?.iter().any(|it| it.secrets != 0))
    })
    .await
}

/// Refuses a data directory into which a backup was brought back only in part.
pub(super) fn check_is_whole(data: &DataDir) -> Result<(), Failure> {
    if !data.path().join(backup::UNFINISHED).is_file() {
        return Ok(());
    }
    let message = format!("{} is a backup that was restored only in part", data.path().display());
    Err(Failure::new(FailureKind::Configuration, message)
        .with_hint("Run `posthold restore` again: it goes on where it ended."))
}

fn chosen(repository: &Repository<'_>, number: Option<u32>) -> Result<Manifest, Failure> {
    let Some(number) = number else {
        let newest = repository.newest().map_err(|it| failure(&it))?;
        let none = || Failure::new(FailureKind::Request, "there is no backup that is whole");
        return newest.ok_or_else(none);
    };
    repository.manifest(number).map_err(|it| failure(&it))
}

/// Begins the new epoch of a log. It must end exactly where the backup says.
async fn begin(to: &Path, log: &backup::LogKept) -> Result<(u64, Position), Failure> {
    let dir = to.join(&log.path);
    let recorded = [Recorded { who: BACKUP, position: log.position }];
    let open = {
        let (dir, data) = (dir.clone(), DataDir::new(to.to_owned()));
        move || {
            let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            let log_dir = store::log_dir(&dir, &disk, &keys::for_stores(&data));
            let log_dir = log_dir.map_err(|it| faults::store(&it))?;
            SegmentLog::open(disk, log_dir, &recorded, clock, random, LogOptions::STANDARD)
                .map_err(|it| faults::store(&it.into()))
        }
    };
    let (opened, _) = blocking(open).await?;
    if opened.position() != log.position {
        let message = format!("the log of {} does not end where the backup says", log.path);
        return Err(Failure::new(FailureKind::Damaged, message));
    }
    let begun = begin_epoch(&RealDisk, &dir, &opened, EpochReason::Restored, None).await;
    let epoch = begun.map_err(|it| faults::store(&it))?;
    blocking(move || {
        opened.close().map_err(|it| faults::log(&it))?;
        Ok((epoch, opened.position()))
    })
    .await
}

/// A store with a directory elsewhere is below the others now: what is elsewhere is another copy.
fn bring_stores_home(to: &Path) -> Result<(), Failure> {
    let failed = |it| faults::state(&it);
    let mut state = State::open(&to.join(super::backup::STATE)).map_err(failed)?;
    let stores = state.stores().map_err(failed)?;
    for store in stores.iter().filter(|it| Path::new(&it.dir).is_absolute()) {
        let place = place_of(store, &stores);
        let dir = place.strip_prefix("stores/").unwrap_or(&place);
        state.set_store_dir(&store.name, dir).map_err(failed)?;
    }
    Ok(())
}

/// Notes in the restored state where a log ends, and that no backup is known of what comes.
fn note(to: &Path, path: &str, id: &str, position: Position) -> Result<(), Failure> {
    let failed = |it| faults::state(&it);
    let mut state = State::open(&to.join(super::backup::STATE)).map_err(failed)?;
    let stores = state.stores().map_err(failed)?;
    if path == AUDIT {
        state.set_store_head(AUDIT_HEAD, position).map_err(failed)?;
    }
    if let Some(store) = stores.iter().find(|it| place_of(it, &stores) == path) {
        state.set_store_head(&store.name, position).map_err(failed)?;
    }
    state.forget_backed_up(id).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_that_is_not_understood_begins_no_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let text = "format = 1\nname = 'n'\nid = 'i'\ncreated = 1\nfeatures = ['later']\n";
        let path = dir.path().join("stores/n/store.toml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let log = backup::LogKept {
            path: "stores/n".to_owned(),
            id: "i".to_owned(),
            position: Position::default(),
            epoch: 1,
            purged: 0,
        };
        let failure = begin(dir.path(), &log).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains("needs later"), "{failure:?}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}
