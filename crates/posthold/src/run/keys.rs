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

fn no_key(data: &DataDir) -> Failure {
    let message = format!("the key of the kept passwords is not in {}", data.path().display());
    Failure::new(FailureKind::Configuration, message)
        .with_hint("Bring secret.key back, or name the key with POSTHOLD_KEY_FILE or POSTHOLD_KEY.")
}

/// Where the keys are, and which of those that are needed are missing.
pub(super) fn status(data: &DataDir, source: &KeySource) -> Result<AdminAnswer, Failure> {
    let keys = at_hand(data, source)?;
    let counts = match data.state().is_file() {
        true => users::open_for_reading(data)?.secret_counts(),
        false => Ok(Vec::new()),
    };
    let counts = counts.map_err(|it| faults::state(&it))?;
    let secrets_of = |id: &str| counts.iter().find(|it| it.key == id).map_or(0, |it| it.secrets);
    let at_hand: Vec<String> =
        keys.iter().flat_map(KeyRing::ids).map(ToString::to_string).collect();
    let mut listed: Vec<KeyListed> = at_hand
        .iter()
        .map(|id| KeyListed { id: id.clone(), secrets: secrets_of(id), at_hand: true })
        .collect();
    let missing = counts.iter().filter(|it| !at_hand.contains(&it.key));
    listed.extend(missing.map(|it| KeyListed {
        id: it.key.clone(),
        secrets: it.secrets,
        at_hand: false,
    }));
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
    Ok(AdminAnswer::KeyStatus(KeyStatus { source, keys: listed, warnings }))
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
            return Ok(AdminAnswer::KeyRotated { key: keys.newest().id().to_string(), secrets });
        }
    };
    let (keys, _) = found_or_made(data, source, &state)?;
    if 1 < keys.ids().count() {
        // A rotation that did not come to its end: nothing is sealed with an older key then.
        state.reseal(&keys, &OsRandom).map_err(failed)?;
    }
    let newest = new_key();
    let both = KeyRing::of(keys.newest().clone()).with_newest(newest.clone());
    write(&path, &both)?;
    let secrets = state.reseal(&both, &OsRandom).map_err(failed)?;
    write(&path, &KeyRing::of(newest.clone()))?;
    Ok(AdminAnswer::KeyRotated { key: newest.id().to_string(), secrets })
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
