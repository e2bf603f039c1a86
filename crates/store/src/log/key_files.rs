//! The keys of an encrypted log: one for each segment and one for the ack mark, each random and
//! wrapped with the key of the store, in a file of its own. So is the key that signs checkpoints.
//!
//! Rules:
//! - A key is durable before anything is sealed with it.
//! - The key of a segment goes when another file is durable in the place of that segment. Until
//!   then, and after a crash between, there is a key too many, which is in nobody's way.
//! - Another key of the store wraps these keys anew, one file after the other; whenever that ends,
//!   every file opens with one of the keys in the ring. Segments are not touched.
//! - A key that is there and does not open is told from one that is not at hand.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use frames::{Fill, KeyName, Seal};
use ports::{Access, Disk, Random};
use sealing::{KEY_BYTES, KeyRing, NONCE_BYTES, SealingKey, UnwrapError, WrappedKey};

use super::error::{OpenError, OpenErrorKind};

/// How the files end.
const ENDING: &str = ".key";

/// The most of such a file that is read, in bytes.
const FILE_BYTES_MAX: usize = 1 << 10;

/// The name of the ack mark's key.
const MARK: &str = "mark";

/// The name of the key that signs checkpoints. In a store that is not encrypted, its file has the
/// key itself.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// How that file begins then.
const PLAIN_SIGNER: &[u8] = b"PRIVATE+KEY+";

/// Gives the keys of the store that are at hand now. Asked again whenever a key is made: another
/// process may have rotated them.
pub type KeysAtHand =
    Arc<dyn Fn() -> Result<KeyRing, Box<dyn StdError + Send + Sync>> + Send + Sync>;

/// The keys of an encrypted log.
pub struct LogKeys {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    at_hand: KeysAtHand,
    /// What was at hand when it was asked last.
    ring: Mutex<Option<KeyRing>>,
    fill: Fill,
    /// Keys that were opened already, by the names of their files.
    known: Mutex<HashMap<String, Seal>>,
}

impl fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKeys({})", self.dir.display())
    }
}

impl LogKeys {
    /// The keys in `dir`, which the keys at hand open.
    pub fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        at_hand: KeysAtHand,
        random: Arc<dyn Random>,
    ) -> Arc<LogKeys> {
        let fill: Fill = Arc::new(move |bytes| random.fill(bytes));
        let (ring, known) = (Mutex::default(), Mutex::default());
        Arc::new(LogKeys { disk, dir: dir.to_owned(), at_hand, ring, fill, known })
    }

    /// The keys of the store as they are now.
    fn ring_now(&self) -> Result<KeyRing, OpenError> {
        let ring = (self.at_hand)().map_err(|error| {
            OpenError::new(OpenErrorKind::Key, "the store is encrypted, and its key is not at hand")
                .caused_by(error)
        })?;
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Some(ring.clone());
        Ok(ring)
    }

    /// A ring that has the key of this id, if any has.
    fn ring_with(&self, id: &str) -> Result<KeyRing, OpenError> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match ring.filter(|it| it.key(id).is_some()) {
            Some(ring) => Ok(ring),
            None => self.ring_now(),
        }
    }

    /// The key that a prelude names.
    pub(super) fn of_segment(&self, name: KeyName) -> Result<Seal, OpenError> {
        let name = name.to_string();
        self.find(&name)?.ok_or_else(|| {
            let what = format!("the key keys/{name}{ENDING} of a segment is missing");
            OpenError::new(OpenErrorKind::Damaged, what)
        })
    }

    /// A new key for a new segment, durable.
    pub(super) fn new_key(&self) -> io::Result<(KeyName, Seal)> {
        let mut name = KeyName([0; 16]);
        (self.fill)(&mut name.0);
        // All zero names none; and no key is ever written over.
        while name.0 == [0; 16] || self.is_there(&name.to_string()) {
            (self.fill)(&mut name.0);
        }
        self.make(&name.to_string()).map(|seal| (name, seal))
    }

    /// The key of the ack mark; `None` when none was written yet.
    pub(super) fn of_mark(&self) -> Result<Option<Seal>, OpenError> {
        self.find(MARK)
    }

    /// The same, made when there is none.
    pub(super) fn found_or_made_of_mark(&self) -> io::Result<Seal> {
        match self.find(MARK).map_err(io::Error::other)? {
            Some(seal) => Ok(seal),
            None => self.make(MARK),
        }
    }

    fn find(&self, name: &str) -> Result<Option<Seal>, OpenError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(wrapped) = self.read(name)? else { return Ok(None) };
        let key = unwrap(&self.ring_with(wrapped.with())?, name, &wrapped)?;
        let key = key.try_into().map_err(|_| spoiled(name))?;
        Ok(Some(self.note(name, &key)))
    }

    /// What is kept under this name: the key that signs checkpoints. `None` when there is none,
    /// or it is not wrapped.
    pub(crate) fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
        let Some(wrapped) = self.read(name)? else { return Ok(None) };
        unwrap(&self.ring_with(wrapped.with())?, name, &wrapped).map(Some)
    }

    fn note(&self, name: &str, key: &[u8; KEY_BYTES]) -> Seal {
        let seal = Seal::new(key, Arc::clone(&self.fill));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), seal.clone());
        seal
    }

    fn make(&self, name: &str) -> io::Result<Seal> {
        let mut key = [0; KEY_BYTES];
        (self.fill)(&mut key);
        self.keep(name, &key)?;
        Ok(self.note(name, &key))
    }

    /// Wraps a key and keeps it under this name, durably, in the place of what was there.
    pub(crate) fn keep(&self, name: &str, key: &[u8]) -> io::Result<()> {
        self.disk.create_dir_all(&self.dir)?;
        let mut ring = self.ring_now().map_err(io::Error::other)?;
        self.write(name, key, ring.newest())?;
        // Keys may have been rotated meanwhile, by somebody who has not seen this file: its key
        // must be wrapped with one that stays.
        loop {
            let now = self.ring_now().map_err(io::Error::other)?;
            if now.newest().id() == ring.newest().id() {
                break;
            }
            ring = now;
            self.write(name, key, ring.newest())?;
        }
        // The directory may be as new as the file.
        match self.dir.parent() {
            Some(parent) => self.disk.sync_dir(parent),
            None => Ok(()),
        }
    }

    /// Removes the key of a segment that is no more, durably.
    pub(super) fn remove(&self, name: KeyName) -> io::Result<()> {
        let name = name.to_string();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        match self.disk.remove(&self.dir.join(format!("{name}{ENDING}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.disk.sync_dir(&self.dir),
        }
    }

    fn read(&self, name: &str) -> Result<Option<WrappedKey>, OpenError> {
        let path = self.dir.join(format!("{name}{ENDING}"));
        let file = match self.disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; FILE_BYTES_MAX];
        let n = file.read_at(&mut bytes, 0)?;
        bytes.truncate(n);
        match WrappedKey::parse(&String::from_utf8_lossy(&bytes)) {
            // As a store has it that was not encrypted.
            None if name == CHECKPOINTS && bytes.starts_with(PLAIN_SIGNER) => Ok(None),
            None => Err(spoiled(name)),
            wrapped => Ok(wrapped),
        }
    }

    /// Writes the file of a key: whole or not at all, durable.
    fn write(&self, name: &str, key: &[u8], with: &SealingKey) -> io::Result<()> {
        let mut nonce = [0; NONCE_BYTES];
        (self.fill)(&mut nonce);
        let wrapped = WrappedKey::wrap(key, name, with, nonce);
        let wrapped = wrapped.ok_or_else(|| io::Error::other("a key could not be sealed"))?;
        let text = format!("{wrapped}\n");
        let path = self.dir.join(format!("{name}{ENDING}"));
        let path_new = path.with_extension("key.new");
        match self.disk.remove(&path_new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let file = self.disk.open(&path_new, Access::CreateNew)?;
        file.write_at(text.as_bytes(), 0)?;
        file.sync()?;
        self.disk.rename(&path_new, &path)?;
        self.disk.sync_dir(&self.dir)
    }

    /// Wraps every key with the newest key of the store, and says how many there are. A key that
    /// cannot be opened is in the way: nothing is lost, and nothing further is done.
    pub fn rewrap(&self) -> Result<u64, OpenError> {
        let mut n_keys = 0;
        let ring = self.ring_now()?;
        for name in self.names()? {
            let Some(wrapped) = self.read(&name)? else { continue };
            let key = unwrap(&ring, &name, &wrapped)?;
            if wrapped.with() != ring.newest().id().0 {
                self.write(&name, &key, ring.newest())?;
            }
            n_keys += 1;
        }
        Ok(n_keys)
    }

    fn is_there(&self, name: &str) -> bool {
        let found = self.disk.open(&self.dir.join(format!("{name}{ENDING}")), Access::Read);
        found.is_ok()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        names(&*self.disk, &self.dir)
    }
}

fn names(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<String>> {
    let names = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    let is_ours = |it: &&str| {
        *it == MARK || *it == CHECKPOINTS || (it.len() == 32 && it.chars().all(is_digit))
    };
    let ours = names.iter().filter_map(|it| it.strip_suffix(ENDING)).filter(is_ours);
    Ok(ours.map(str::to_owned).collect())
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit() || ('a'..='f').contains(&letter)
}

/// With which keys of the store the keys in `dir` are wrapped: each with how many.
pub fn wrapped_with(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for name in names(disk, dir)? {
        let file = disk.open(&dir.join(format!("{name}{ENDING}")), Access::Read)?;
        let mut bytes = vec![0; FILE_BYTES_MAX];
        let n = file.read_at(&mut bytes, 0)?;
        bytes.truncate(n);
        let Some(wrapped) = WrappedKey::parse(&String::from_utf8_lossy(&bytes)) else { continue };
        match counts.iter_mut().find(|it| it.0 == wrapped.with()) {
            Some((_, n)) => *n += 1,
            None => counts.push((wrapped.with().to_owned(), 1)),
        }
    }
    Ok(counts)
}

fn unwrap(ring: &KeyRing, name: &str, wrapped: &WrappedKey) -> Result<Vec<u8>, OpenError> {
    wrapped.open(ring, name).map_err(|error| match error {
        UnwrapError::Spoiled => spoiled(name),
        UnwrapError::Missing(with) => {
            let at_hand: Vec<String> = ring.ids().map(ToString::to_string).collect();
            let at_hand = at_hand.join(", ");
            let what = format!("the store is encrypted with key {with}, and at hand is {at_hand}");
            OpenError::new(OpenErrorKind::Key, what)
        }
    })
}

fn spoiled(name: &str) -> OpenError {
    let what = format!("keys/{name}{ENDING} is not what was written there");
    OpenError::new(OpenErrorKind::Damaged, what)
}
