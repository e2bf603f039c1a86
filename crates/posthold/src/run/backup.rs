//! `backup ...`: what of a data directory is in a backup, and what is told of backups.
//!
//! In a backup are: of every store its description, the segments of its log, its checkpoints and
//! its keys; the audit log; the state, with users, jobs, settings and sealed passwords. Catalogs,
//! indexes and tiles are views, and made anew.

pub(super) mod erased;
mod source;

use std::sync::Arc;

use std::path::{Path, PathBuf};

use archiver::CancelToken;
use backup::{BackupError, BackupErrorKind, Created, Listed, Manifest, Repository, Step, Watch};
use commands::{
    AdminAnswer, Answer, BackupAnswer, BackupCreate, BackupCreated, BackupDefect, BackupKeys,
    BackupPurged, BackupReading, BackupRequest, BackupShown, BackupVerified, Failure, FailureKind,
    Phase, ProgressSink, WaitForViews, Work,
};
use disk::{DataLock, OsRandom, RealDisk, SystemClock};
use ports::{Clock, Disk};
use state::BackedUp;

use super::stores::Writing;
use super::{Teller, blocking, faults, ownership, restore, telling, users};
use crate::context::Context;
use source::DataSource;
pub(super) use source::{AUDIT, STATE, place_of};

/// Carries out a request about backups.
pub(super) async fn run(
    context: &Context,
    request: BackupRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let answer = match request {
        BackupRequest::Create(it) => {
            let _owned = ownership::take(context, title, progress).await?;
            create(context, it, progress).await?
        }
        BackupRequest::List(dir) => blocking(move || list(&dir)).await?,
        BackupRequest::Verify(dir, number) => verify(context, dir, number, progress).await?,
        BackupRequest::Purge(dir, keep) => blocking(move || purge(&dir, keep)).await?,
        BackupRequest::Restore(it) => restore::restore(context, it, progress).await?,
    };
    Ok(Answer::Admin(Box::new(AdminAnswer::Backup(Box::new(answer)))))
}

/// Makes a backup. The caller owns the data directory.
async fn create(
    context: &Context,
    request: BackupCreate,
    progress: &dyn ProgressSink,
) -> Result<BackupAnswer, Failure> {
    let writing = Writing::open(context).await?;
    let mut source = DataSource::new(&context.data, Arc::clone(writing.stores()), request.keys);
    let (stop, data, dir) = (context.stop.clone(), context.data.clone(), request.dir.clone());
    check_is_outside(data.path(), &dir)?;
    let created = telling(progress, move |teller| {
        let disk = RealDisk;
        let repository = Repository::open_or_create(&disk, &dir).map_err(|it| failure(&it))?;
        let _lock = lock(&dir, "backup create")?;
        let reread = match request.reading {
            BackupReading::Changed => backup::Reread::Changed,
            BackupReading::Everything => backup::Reread::Everything,
        };
        let mut watch = Watching { teller, stop, phase: Phase::BackingUp };
        let now = SystemClock.now();
        let created = backup::create(&repository, &mut source, now, reread, &mut watch)
            .map_err(|it| failure(&it))?;
        note(&data, &dir, &created.manifest)?;
        Ok((created, source.left_out()))
    })
    .await;
    let closed = writing.close(WaitForViews::No, progress).await;
    let (created, left_out) = created?;
    let mut warnings = closed.warnings;
    let left = left_out.into_iter();
    let left: Vec<_> = left.map(|(store, why)| format!("{store} is not in it: {why}")).collect();
    let is_whole = left.is_empty();
    warnings.extend(left);
    warnings.extend(warnings_of(&created, request.keys, context));
    Ok(BackupAnswer::Created(BackupCreated {
        backup: shown(&created.manifest),
        bytes_read: created.bytes_read,
        bytes_written: created.bytes_written,
        is_whole,
        warnings,
    }))
}

/// A backup in what is backed up would be copied into the next one, and be lost with it.
fn check_is_outside(data: &Path, dir: &Path) -> Result<(), Failure> {
    let whole = |it: &Path| it.canonicalize().unwrap_or_else(|_| it.to_owned());
    let parent = dir.ancestors().find(|it| it.exists()).unwrap_or(dir);
    if !whole(parent).starts_with(whole(data)) {
        return Ok(());
    }
    let message = "a directory of backups cannot be in the data directory";
    Err(Failure::new(FailureKind::Request, message).with_hint("Keep it on another disk."))
}

/// Notes how far the logs are in a backup that is whole.
fn note(data: &crate::context::DataDir, dir: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let at = manifest.made;
    // Whoever looks for it later may stand elsewhere.
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string();
    let row = |it: &backup::LogKept| BackedUp {
        log: it.id.clone(),
        position: it.position,
        dir: dir.clone(),
        number: manifest.number,
        at,
    };
    let rows: Vec<_> = manifest.logs.iter().map(row).collect();
    users::open(data)?.set_backed_up(&rows).map_err(|it| faults::state(&it))
}

fn warnings_of(created: &Created, keys: BackupKeys, context: &Context) -> Vec<String> {
    let mut warnings = Vec::new();
    if keys == BackupKeys::Without && context.data.key_file().is_file() {
        let text = "secret.key is not in the backup: keep a copy of it elsewhere, or saved \
                    passwords cannot be used in a restored data directory";
        warnings.push(text.to_owned());
    }
    let held: u64 = created.held.iter().map(|it| it.messages.len() as u64).sum();
    if held != 0 {
        let numbers: Vec<_> = created.held.iter().map(|it| it.number.to_string()).collect();
        warnings.push(format!(
            "messages that were erased are still in backup {}; `posthold backup purge` removes \
             older backups that hold them",
            numbers.join(", ")
        ));
    }
    warnings
}

fn list(dir: &Path) -> Result<BackupAnswer, Failure> {
    let disk = RealDisk;
    let repository = Repository::open(&disk, dir).map_err(|it| failure(&it))?;
    let listed = repository.list().map_err(|it| failure(&it))?;
    Ok(BackupAnswer::Listed(listed.iter().map(listed_shown).collect()))
}

fn listed_shown(it: &Listed) -> BackupShown {
    let erased = it.held as u64;
    match &it.manifest {
        Ok(manifest) => BackupShown { erased, ..shown(manifest) },
        Err(failure) => BackupShown {
            number: it.number,
            made: None,
            logs: Vec::new(),
            files: 0,
            bytes: 0,
            erased,
            failure: Some(failure.clone()),
        },
    }
}

/// A backup as lists show it.
pub(super) fn shown(manifest: &Manifest) -> BackupShown {
    BackupShown {
        number: manifest.number,
        made: Some(manifest.made),
        logs: manifest.logs.iter().map(|it| (it.path.clone(), it.position.entries)).collect(),
        files: manifest.files.len() as u64,
        bytes: manifest.bytes(),
        erased: 0,
        failure: None,
    }
}

async fn verify(
    context: &Context,
    dir: PathBuf,
    number: Option<u32>,
    progress: &dyn ProgressSink,
) -> Result<BackupAnswer, Failure> {
    let stop = context.stop.clone();
    let verdict = telling(progress, move |teller| {
        let disk = RealDisk;
        let repository = Repository::open(&disk, &dir).map_err(|it| failure(&it))?;
        let mut watch = Watching { teller, stop, phase: Phase::Verifying };
        backup::verify(&repository, number, &mut watch).map_err(|it| failure(&it))
    })
    .await?;
    let defect =
        |it: backup::Defect| BackupDefect { number: it.number, path: it.path, message: it.what };
    let erased = verdict
        .held
        .iter()
        .flat_map(|held| held.messages.iter().map(|(_, it)| (held.number, it.blob, it.at)));
    Ok(BackupAnswer::Verified(BackupVerified {
        backups: verdict.backups,
        bytes: verdict.bytes,
        erased: erased.collect(),
        defects: verdict.defects.into_iter().map(defect).collect(),
    }))
}

fn purge(dir: &Path, keep: Option<u32>) -> Result<BackupAnswer, Failure> {
    let disk = RealDisk;
    let repository = Repository::open(&disk, dir).map_err(|it| failure(&it))?;
    let _lock = lock(dir, "backup purge")?;
    let purged = backup::purge(&repository, keep).map_err(|it| failure(&it))?;
    let mut warnings = Vec::new();
    if purged.newest_holds {
        let text = "the newest backup holds messages that were erased since and stays: make \
                    another one when they have left the store, then purge again";
        warnings.push(text.to_owned());
    }
    Ok(BackupAnswer::Purged(BackupPurged { removed: purged.removed, warnings }))
}

/// Owns a directory while it is changed.
pub(super) fn lock(dir: &Path, title: &str) -> Result<DataLock, Failure> {
    DataLock::take(dir, &format!("posthold {title}"), &SystemClock, &OsRandom)
        .map_err(|it| Failure::chain(FailureKind::Busy, &it))
}

/// Passes on how far it is, and that it should end.
pub(super) struct Watching<'a> {
    pub(super) teller: &'a Teller,
    pub(super) stop: CancelToken,
    pub(super) phase: Phase,
}

impl Watch for Watching<'_> {
    fn step(&mut self, step: Step) {
        let Step { bytes, bytes_total, .. } = step;
        let bytes_total = Some(bytes_total);
        self.teller.tell(Work { phase: self.phase, bytes, bytes_total, ..Work::default() });
    }

    fn is_cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// From an error to what the caller can do.
pub(super) fn failure(error: &BackupError) -> Failure {
    let of = |kind| Failure::chain(kind, error);
    match error.kind() {
        BackupErrorKind::Cancelled => {
            of(FailureKind::Cancelled).with_hint("Run it again: it goes on with what was copied.")
        }
        BackupErrorKind::DiskFull => of(FailureKind::DiskFull).with_hint(
            "Make room and run it again: it goes on with what was copied. Backups that were whole \
             are whole.",
        ),
        BackupErrorKind::Request => of(FailureKind::Request),
        BackupErrorKind::Unsupported => of(FailureKind::Configuration)
            .with_hint("Use the newest Posthold that has worked on these backups."),
        BackupErrorKind::Damaged => of(FailureKind::Damaged).with_hint(
            "`posthold backup verify` says which backups are whole; `posthold backup create \
             --full` writes anew what is damaged.",
        ),
        BackupErrorKind::Erased => of(FailureKind::Request)
            .with_hint("Restore a newer backup: what was erased must not come back."),
        BackupErrorKind::Changing => of(FailureKind::Store).with_hint("Run it again."),
        _ => of(FailureKind::Io),
    }
}

/// What of a file is there, for copying.
fn length(path: &Path) -> std::io::Result<u64> {
    RealDisk.open(path, ports::Access::Read)?.len()
}
