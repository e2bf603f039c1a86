//! The key that signs checkpoints, and those that they are checked with.
//!
//! Of an encrypted store, the one that signs is wrapped with the key of the store.

use std::io;
use std::path::{Path, PathBuf};

use ledger::note::{Signer, Verifier};
use ports::{Access, Disk, Random};
use types::Secret;

use super::Evidence;
use crate::error::{StoreError, StoreErrorKind};
use crate::log::CHECKPOINTS;

/// The most of a key file that is read, in bytes.
const FILE_BYTES_MAX: usize = 64 << 10;

pub(super) fn public_path(dir: &Path) -> PathBuf {
    dir.join("checkpoint.pub")
}

pub(super) fn private_path(dir: &Path) -> PathBuf {
    dir.join("keys").join("checkpoints.key")
}

/// Reads a small file; `None` when there is none.
fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<String>> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = vec![0; FILE_BYTES_MAX];
    let n = file.read_at(&mut bytes, 0)?;
    bytes.truncate(n);
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Makes a small file, durable and whole. What is missing of its directory is made.
pub(super) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new(""));
    disk.create_dir_all(dir)?;
    let new = path.with_extension("new");
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let file = disk.open(&new, Access::CreateNew)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&new, path)?;
    disk.sync_dir(dir)?;
    match dir.parent() {
        Some(parent) => disk.sync_dir(parent),
        None => Ok(()),
    }
}

/// The keys of `checkpoint.pub`, oldest first.
pub(super) fn read_verifiers(disk: &dyn Disk, dir: &Path) -> Result<Vec<Verifier>, StoreError> {
    let text = read(disk, &public_path(dir)).map_err(StoreError::io("read the public key"))?;
    let text = text.unwrap_or_default();
    let keys: Result<Vec<Verifier>, _> = text.lines().map(str::parse).collect();
    keys.map_err(|error| {
        StoreError::new(StoreErrorKind::Damaged, "checkpoint.pub cannot be read").caused_by(error)
    })
}

/// Whether there is a key that signs.
pub(super) fn has_signer(disk: &dyn Disk, dir: &Path) -> bool {
    disk.open(&private_path(dir), Access::Read).is_ok()
}

/// The key that signs, made when there is none; its public half then stands in `checkpoint.pub`.
pub(super) fn found_or_made(evidence: &Evidence, random: &dyn Random) -> io::Result<Signer> {
    let Evidence { disk, dir, base, .. } = evidence;
    seal(evidence)?;
    let signer = match read_signer(evidence)? {
        Some(signer) => signer,
        None => {
            let mut seed = [0; 32];
            random.fill(&mut seed);
            let signer = Signer::new(base, seed).map_err(odd)?;
            write_signer(evidence, signer.declassify().declassify())?;
            signer
        }
    };
    let line = signer.verifier().to_string();
    let known = read(&**disk, &public_path(dir))?.unwrap_or_default();
    if !known.lines().any(|it| it == line) {
        write(&**disk, &public_path(dir), format!("{known}{line}\n").as_bytes())?;
    }
    Ok(signer)
}

/// Wraps the key that signs where it should be and is not.
pub(super) fn seal(evidence: &Evidence) -> io::Result<()> {
    let Some(keys) = &evidence.keys else { return Ok(()) };
    let Some(text) = read(&*evidence.disk, &private_path(&evidence.dir))? else { return Ok(()) };
    // One that is no key is told by whoever reads it.
    match keys.kept(CHECKPOINTS).map_err(io::Error::other)? {
        Some(_) => Ok(()),
        None => keys.keep(CHECKPOINTS, text.trim_end().as_bytes()),
    }
}

fn read_signer(evidence: &Evidence) -> io::Result<Option<Signer>> {
    let text = match &evidence.keys {
        Some(keys) => {
            let kept = keys.kept(CHECKPOINTS).map_err(io::Error::other)?;
            kept.map(|it| String::from_utf8_lossy(&it).into_owned())
        }
        None => read(&*evidence.disk, &private_path(&evidence.dir))?,
    };
    text.map(|it| Signer::parse(&Secret::new(it)).map_err(odd)).transpose()
}

fn write_signer(evidence: &Evidence, text: &str) -> io::Result<()> {
    match &evidence.keys {
        Some(keys) => keys.keep(CHECKPOINTS, text.as_bytes()),
        None => {
            write(&*evidence.disk, &private_path(&evidence.dir), format!("{text}\n").as_bytes())
        }
    }
}

fn odd(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
