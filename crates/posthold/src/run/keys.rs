//! `key ...`: the keys that secrets are sealed with, where they are kept.
//!
//! Rules: a key file is private and replaced as a whole; while secrets are sealed again, the file
//! holds the old and the new key, so that whatever happens one of them opens each secret; a key
//! is never made beside secrets that another key has sealed.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, KeyListed, KeyRequest, KeyShares, KeyShown,
    KeyStatus, Progress, ProgressSink,
};
use disk::{OsRandom, RealDisk};
use ports::{Access, Disk, Random};
use sealing::{KeyRing, SealingKey};
use state::State;
use store::Description;
use store::log::{KeysAtHand, LogKeys};
use types::Secret;

use super::{all_stores, audit, blocking, faults, ownership, users};
use crate::context::{Context, DataDir, KeySource};

/// Carries out a request about keys.
pub(super) async fn run(
    context: &Context,
    request: KeyRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let answer = match request {
        KeyRequest::New => AdminAnswer::KeyNew(Secret::new(new_key().declassify())),
        KeyRequest::Status => blocking(move || status(&data, &source)).await?,
        KeyRequest::Rotate => {
            let _owned = ownership::take(context, title, progress).await?;
            blocking(move || rotate(&data, &source)).await?
        }
        KeyRequest::Split { shares, needed } => {
            blocking(move || split(&data, &source, shares, needed)).await?
        }
        KeyRequest::Join(files) => blocking(move || join(&files)).await?,
        KeyRequest::Show => blocking(move || shown(&data)).await?,
    };
    Ok(Answer::Admin(Box::new(answer)))
}

/// The keys of checkpoints of every store, the oldest of each first.
fn shown(data: &DataDir) -> Result<AdminAnswer, Failure> {
    all_stores::check_have_log(data)?;
    let mut shown = Vec::new();
    for saved in all_stores::saved(data)?.iter().filter(|it| it.state.is_active()) {
        let dir = data.at(saved).store();
        let store = Description::read(&RealDisk, &dir).map_err(|it| faults::store(&it))?;
        let keys = store.map(|it| it.evidence(Arc::new(RealDisk), &dir).verifiers()).transpose();
        for key in keys.map_err(|it| faults::store(&it))?.unwrap_or_default() {
            shown.push(KeyShown { store: saved.name.clone(), key: key.to_string() });
        }
    }
    let dir = audit::dir(data);
    let log = Description::read(&RealDisk, &dir).map_err(|it| faults::store(&it))?;
    let keys = log.map(|it| it.evidence(Arc::new(RealDisk), &dir).verifiers()).transpose();
    for key in keys.map_err(|it| faults::store(&it))?.unwrap_or_default() {
        shown.push(KeyShown { store: audit::AUDIT_HEAD.to_owned(), key: key.to_string() });
    }
    Ok(AdminAnswer::KeysShown(shown))
}

fn new_key() -> SealingKey {
    SealingKey::random(|it| OsRandom.fill(it))
}

/// Shares of the key, for paper.
fn split(
    data: &DataDir,
    source: &KeySource,
    shares: u8,
    needed: u8,
) -> Result<AdminAnswer, Failure> {
    let keys = self::needed(data, source)?;
    if 1 < keys.ids().count() {
        let message = "there is more than one key, and what is sealed needs all of them";
        return Err(Failure::new(FailureKind::Configuration, message)
            .with_hint("`posthold key rotate` ends with one, which can be split then."));
    }
    let key = keys.newest();
    let shares = sealing::split(key, shares, needed, |it| OsRandom.fill(it))
        .map_err(|it| Failure::new(FailureKind::Request, it.to_string()))?;
    let shares = shares.iter().map(|it| Secret::new(it.to_string())).collect();
    Ok(AdminAnswer::KeyShares(KeyShares { key: key.id().to_string(), needed, shares }))
}

/// The key that the shares in these files give.
fn join(files: &[PathBuf]) -> Result<AdminAnswer, Failure> {
    let mut text = String::new();
    for file in files {
        let read = if file.as_os_str() == "-" {
            io::read_to_string(io::stdin().lock())
        } else {
            std::fs::read_to_string(file)
        };
        let what = format!("failed to read the shares in {}", file.display());
        text.push_str(&read.map_err(|it| faults::io(&it, &what))?);
        text.push('\n');
    }
    let joined = sealing::parse_shares(&text).and_then(|it| sealing::join(&it));
    let key = joined.map_err(|error| {
        Failure::new(FailureKind::Request, error.to_string())
            .with_hint("Shares are twenty blocks each, as `posthold key split` printed them.")
    })?;
    Ok(AdminAnswer::KeyNew(Secret::new(key.declassify())))
}

/// The keys at hand; `None` when there are none yet.
pub(super) fn at_hand(data: &DataDir, source: &KeySource) -> Result<Option<KeyRing>, Failure> {
    let (text, place) = match source {
        KeySource::Environment(text) => (text.declassify().to_owned(), "POSTHOLD_KEY".to_owned()),
        KeySource::Credential(path) | KeySource::File(path) => match read(path)? {
            Some(text) => (text, path.display().to_string()),
            None => {
                let message = format!("there is no key file {}", path.display());
                return Err(Failure::new(FailureKind::Configuration, message)
                    .with_hint("`posthold key new` prints a key that can be put there."));
            }
        },
        KeySource::DataDir => match read(&data.key_file())? {
            Some(text) => (text, data.key_file().display().to_string()),
            None => return Ok(None),
        },
    };
    KeyRing::parse(&text).map(Some).map_err(|error| {
        Failure::new(FailureKind::Configuration, format!("no key could be read: {place}: {error}"))
            .with_hint("`posthold key new` prints a key as it has to stand there.")
    })
}

/// The keys that are needed to open a secret.
pub(super) fn needed(data: &DataDir, source: &KeySource) -> Result<KeyRing, Failure> {
    at_hand(data, source)?.ok_or_else(|| no_key(data))
}

/// The keys, made when there are none; and what was made, to be told. The caller owns the data
/// directory.
pub(super) fn found_or_made(
    data: &DataDir,
    source: &KeySource,
    state: &State,
) -> Result<(KeyRing, Option<Progress>), Failure> {
    if let Some(keys) = at_hand(data, source)? {
        return Ok((keys, None));
    }
    if !state.secret_counts().map_err(|it| faults::state(&it))?.is_empty() {
        return Err(no_key(data));
    }
    let keys = KeyRing::of(new_key());
    let path = data.key_file();
    write(&path, &keys)?;
    let notice = format!(
        "Made {}, the key that passwords are sealed with. Keep a copy of it apart from the data \
         directory: without it they have to be given again.",
        path.display()
    );
    Ok((keys, Some(Progress::Notice(notice))))
}

/// Gives the keys that are at hand to stores that are encrypted.
pub(super) fn for_stores(data: &DataDir) -> KeysAtHand {
    let data = data.clone();
    // Of this process: whoever has the store open has its key.
    Arc::new(move || {
        let keys = needed_for_stores(&data, &KeySource::of_process());
        keys.map_err(|failure| failure.message.into())
    })
}

/// The keys for encrypted stores. None is ever made by itself: who loses it loses the mail.
pub(super) fn needed_for_stores(data: &DataDir, source: &KeySource) -> Result<KeyRing, Failure> {
    at_hand(data, source)?.ok_or_else(|| {
        let message = format!("there is no key in {}", data.key_file().display());
        Failure::new(FailureKind::Configuration, message).with_hint(
            "Make one with `posthold key new` and keep it: in secret.key of the data directory \
             (closed to others), or better elsewhere, named by POSTHOLD_KEY_FILE.",
        )
    })
}

/// The directories of keys of all stores.
fn key_dirs(data: &DataDir) -> Result<Vec<PathBuf>, Failure> {
    let stores = all_stores::saved(data)?;
    Ok(stores.iter().map(|it| data.at(it).store().join("keys")).collect())
}

/// With which keys those of all stores are wrapped, each with how many.
fn wrapped(data: &DataDir) -> Result<Vec<(String, u64)>, Failure> {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for dir in key_dirs(data)? {
        let found = store::log::wrapped_with(&RealDisk, &dir);
        for (id, n) in found.map_err(|it| faults::io(&it, "read the keys of a store"))? {
            match counts.iter_mut().find(|it| it.0 == id) {
                Some((_, sum)) => *sum += n,
                None => counts.push((id, n)),
            }
        }
    }
    Ok(counts)
}

/// Wraps the keys of all stores with the newest key, and says how many there are.
fn rewrap(data: &DataDir, keys: &KeyRing) -> Result<u64, Failure> {
    let mut n_keys = 0;
    let keys = keys.clone();
    let at_hand: KeysAtHand = Arc::new(move || Ok(keys.clone()));
    for dir in key_dirs(data)? {
        let of_store =
            LogKeys::new(Arc::new(RealDisk), &dir, Arc::clone(&at_hand), Arc::new(OsRandom));
        n_keys += of_store.rewrap().map_err(|it| faults::store(&it.into()))?;
    }
    Ok(n_keys)
}

fn no_key(data: &DataDir) -> Failure {
    let message = format!("the key of the kept passwords is not in {}", data.path().display());
    Failure::new(FailureKind::Configuration, message)
        .with_hint("Bring secret.key back, or name the key with POSTHOLD_KEY_FILE or POSTHOLD_KEY.")
}

/// Where the keys are, and which of those that are needed are missing.
pub(super) fn status(data: &DataDir, source: &KeySource) -> Result<AdminAnswer, Failure> {
    status_of(data, source).map(AdminAnswer::KeyStatus)
}

/// The same, to be looked at.
pub(super) fn status_of(data: &DataDir, source: &KeySource) -> Result<KeyStatus, Failure> {
    let keys = at_hand(data, source)?;
    let counts = match data.state().is_file() {
        true => users::open_for_reading(data)?.secret_counts(),
        false => Ok(Vec::new()),
    };
    let counts = counts.map_err(|it| faults::state(&it))?;
    let wrapped = wrapped(data)?;
    let secrets_of = |id: &str| counts.iter().find(|it| it.key == id).map_or(0, |it| it.secrets);
    let segments_of = |id: &str| wrapped.iter().find(|it| it.0 == id).map_or(0, |it| it.1);
    let listed = |id: &str, at_hand: bool| KeyListed {
        id: id.to_owned(),
        secrets: secrets_of(id),
        segments: segments_of(id),
        at_hand,
    };
    let at_hand: Vec<String> =
        keys.iter().flat_map(KeyRing::ids).map(ToString::to_string).collect();
    let used = counts.iter().map(|it| &it.key).chain(wrapped.iter().map(|it| &it.0));
    let mut missing: Vec<&String> = used.filter(|it| !at_hand.contains(it)).collect();
    missing.sort();
    missing.dedup();
    let at_hand_listed = at_hand.iter().map(|it| listed(it, true));
    let all: Vec<KeyListed> =
        at_hand_listed.chain(missing.into_iter().map(|it| listed(it, false))).collect();
    let mut warnings = Vec::new();
    let (source, file) = match source {
        KeySource::Environment(_) => ("POSTHOLD_KEY".to_owned(), None),
        KeySource::Credential(path) => (path.display().to_string(), None),
        KeySource::File(path) => (path.display().to_string(), Some(path.clone())),
        KeySource::DataDir => (data.key_file().display().to_string(), Some(data.key_file())),
    };
    if let Some(path) = file.filter(|it| is_open_to_others(it)) {
        warnings.push(format!("Others on this machine can read {}.", path.display()));
    }
    if 1 < at_hand.len() {
        warnings.push("There is more than one key; `posthold key rotate` ends with one.".into());
    }
    Ok(KeyStatus { source, keys: all, warnings })
}

fn rotate(data: &DataDir, source: &KeySource) -> Result<AdminAnswer, Failure> {
    let mut state = users::open(data)?;
    let failed = |it| faults::state(&it);
    let path = match source {
        KeySource::DataDir => data.key_file(),
        KeySource::File(path) => path.clone(),
        KeySource::Environment(_) | KeySource::Credential(_) => {
            // Neither is ours to change: its first key is the new one.
            let keys = needed(data, source)?;
            let secrets = state.reseal(&keys, &OsRandom).map_err(failed)?;
            let segments = rewrap(data, &keys)?;
            let key = keys.newest().id().to_string();
            return Ok(AdminAnswer::KeyRotated { key, secrets, segments });
        }
    };
    let (keys, _) = found_or_made(data, source, &state)?;
    if 1 < keys.ids().count() {
        // A rotation that did not come to its end: nothing is sealed with an older key then.
        state.reseal(&keys, &OsRandom).map_err(failed)?;
        rewrap(data, &keys)?;
    }
    let newest = new_key();
    let both = KeyRing::of(keys.newest().clone()).with_newest(newest.clone());
    write(&path, &both)?;
    let secrets = state.reseal(&both, &OsRandom).map_err(failed)?;
    let mut segments = rewrap(data, &both)?;
    // A store that is open may have made one meanwhile.
    while wrapped(data)?.iter().any(|(id, _)| *id != newest.id().0) {
        segments = rewrap(data, &both)?;
    }
    write(&path, &KeyRing::of(newest.clone()))?;
    Ok(AdminAnswer::KeyRotated { key: newest.id().to_string(), secrets, segments })
}

fn is_open_to_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let what = format!("failed to read the key file {}", path.display());
            Err(faults::io(&error, &what))
        }
    }
}

/// Replaces the key file as a whole, durably.
fn write(path: &Path, keys: &KeyRing) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = || -> io::Result<()> {
        match RealDisk.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let file = RealDisk.open(&new, Access::CreateNew)?;
        file.write_at(keys.declassify().as_bytes(), 0)?;
        file.sync()?;
        RealDisk.rename(&new, path)?;
        RealDisk.sync_dir(path.parent().unwrap_or(Path::new("")))
    };
    written().map_err(|it| faults::io(&it, "failed to write the key file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, DataDir) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().to_owned());
        (dir, data)
    }

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let (_dir, data) = place();
        let state = users::open(&data).unwrap();
        assert!(at_hand(&data, &KeySource::DataDir).unwrap().is_none());
        let (made, notice) = found_or_made(&data, &KeySource::DataDir, &state).unwrap();
        assert!(notice.is_some());
        assert!(!is_open_to_others(&data.key_file()));
        let (again, notice) = found_or_made(&data, &KeySource::DataDir, &state).unwrap();
        assert!(notice.is_none());
        assert_eq!(made.newest().id(), again.newest().id());
    }

    #[test]
    fn wrong_keys_are_told() {
        let (_dir, data) = place();
        let none = KeySource::File(data.path().join("none"));
        assert_eq!(needed(&data, &none).unwrap_err().kind, FailureKind::Configuration);
        let odd = KeySource::Environment(Secret::new("hunter2".into()));
        let failure = needed(&data, &odd).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        let failure = needed(&data, &KeySource::DataDir).unwrap_err();
        assert!(failure.hint.unwrap().contains("secret.key"));
    }

    #[test]
    fn a_rotation_that_died_is_ended_by_the_next() {
        let (_dir, data) = place();
        let state = users::open(&data).unwrap();
        let (first, _) = found_or_made(&data, &KeySource::DataDir, &state).unwrap();
        write(&data.key_file(), &first.with_newest(new_key())).unwrap();
        drop(state);
        let answer = rotate(&data, &KeySource::DataDir).unwrap();
        let AdminAnswer::KeyRotated { key, .. } = answer else { panic!("another answer") };
        let keys = needed(&data, &KeySource::DataDir).unwrap();
        assert_eq!(keys.ids().map(ToString::to_string).collect::<Vec<_>>(), [key]);
    }
}
