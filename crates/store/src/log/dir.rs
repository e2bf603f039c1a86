//! The directory of segments: names, open files, new files that appear whole or not at all.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use frames::{Casing, Dictionary, Flaw, KeyName, PRELUDE_BYTES, Prelude, ReadAt, Salt, Seal};
use ports::{Access, Disk, DiskFile};

use super::LogDir;
use super::error::{OpenError, OpenErrorKind};
use super::key_files::LogKeys;
use super::segment::Segment;

/// Segment files that are kept open for reading. More are opened and closed as needed, so that
/// a store of many segments does not run out of file descriptors.
const FILES_OPEN_MAX: usize = 64;

/// Dictionaries that are remembered, so that segments with the same one share it.
const DICTIONARIES_HELD_MAX: usize = 16;

/// The most of a small file that is read.
const NOTE_BYTES_MAX: usize = 1 << 10;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 1 << 20;

/// The file of the ack mark.
const MARK_NAME: &str = "acked";

/// An open file of the directory.
pub(super) struct SegmentFile {
    file: Box<dyn DiskFile>,
    /// What its prelude says, when it was opened as a segment to be read.
    salt: Option<Salt>,
}

impl SegmentFile {
    fn new(file: Box<dyn DiskFile>) -> SegmentFile {
        SegmentFile { file, salt: None }
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Reads `len` bytes, or fewer where the file ends.
    pub(super) fn read_vec(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let n = self.file.read_at(&mut bytes, offset)?;
        bytes.truncate(n);
        Ok(bytes)
    }
}

impl ReadAt for SegmentFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
}

/// The directory `segments` of a store.
pub(super) struct SegmentDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// `None` when the log is not encrypted.
    keys: Option<Arc<LogKeys>>,
    open: Mutex<HashMap<u32, Arc<SegmentFile>>>,
    /// Dictionaries in use: many segments have the same one.
    dictionaries: Mutex<Vec<Arc<Dictionary>>>,
}

/// What stands in the directory, by kind of name.
#[derive(Default, Debug)]
pub(super) struct Listing {
    /// Numbers of segments, ascending.
    pub(super) segments: Vec<u32>,
    /// Files that were being made when their process ended.
    pub(super) unfinished: Vec<String>,
    /// Torn tails that were set aside.
    pub(super) torn: Vec<String>,
}

pub(super) fn segment_name(number: u32) -> String {
    format!("{number:06}.seg")
}

pub(super) fn torn_name(number: u32) -> String {
    format!("{number:06}.torn")
}

impl SegmentDir {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: LogDir) -> SegmentDir {
        let LogDir { path, keys } = dir;
        let (open, dictionaries) = (Mutex::default(), Mutex::default());
        SegmentDir { disk, path, keys, open, dictionaries }
    }

    /// The casing of the frames behind a prelude, once its key is found.
    pub(super) fn casing(&self, prelude: &Prelude) -> Result<Casing, OpenError> {
        let salt = prelude.salt;
        match (prelude.key, &self.keys) {
            (None, None) => Ok(Casing { salt, seal: None }),
            (Some(key), Some(keys)) => Ok(Casing { salt, seal: Some(keys.of_segment(key)?) }),
            (None, Some(_)) => Err(OpenError::flaw(prelude.segment, 0, &Flaw::Casing)),
            (Some(_), None) => {
                let what = format!("segment {} is encrypted, and no key is given", prelude.segment);
                Err(OpenError::new(OpenErrorKind::Key, what))
            }
        }
    }

    /// The casing of a new segment, with the name of its key; the key is durable.
    pub(super) fn new_casing(&self, salt: Salt) -> io::Result<(Option<KeyName>, Casing)> {
        let Some(keys) = &self.keys else { return Ok((None, Casing { salt, seal: None })) };
        let (name, seal) = keys.new_key()?;
        Ok((Some(name), Casing { salt, seal: Some(seal) }))
    }

    /// Removes the key of a segment that is no more, durably.
    pub(super) fn remove_key(&self, name: Option<KeyName>) -> io::Result<()> {
        match (name, &self.keys) {
            (Some(name), Some(keys)) => keys.remove(name),
            _ => Ok(()),
        }
    }

    /// What the ack mark is sealed with, for writing it.
    pub(super) fn mark_seal_to_write(&self) -> io::Result<Option<Seal>> {
        self.keys.as_ref().map(|it| it.found_or_made_of_mark()).transpose()
    }

    /// The same for reading it: outside is `None` when there can be no mark.
    pub(super) fn mark_seal_to_read(&self) -> Result<Option<Option<Seal>>, OpenError> {
        match &self.keys {
            None => Ok(Some(None)),
            Some(keys) => Ok(keys.of_mark()?.map(Some)),
        }
    }

    /// The dictionary itself, or the same one that is in memory already.
    pub(super) fn share(&self, dictionary: Arc<Dictionary>) -> Arc<Dictionary> {
        let mut held = self.dictionaries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = held.iter().find(|it| **it == dictionary) {
            return Arc::clone(same);
        }
        if DICTIONARIES_HELD_MAX <= held.len() {
            held.remove(0);
        }
        held.push(Arc::clone(&dictionary));
        dictionary
    }

    /// A dictionary that was in use lately, by its number.
    pub(super) fn held_dictionary(&self, id: u32) -> Option<Arc<Dictionary>> {
        let held = self.dictionaries.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|it| it.id() == id).map(Arc::clone)
    }

    /// Makes the directory; the name may not be durable before the next [`sync`](Self::sync).
    pub(super) fn create(&self) -> io::Result<()> {
        self.disk.create_dir_all(&self.path)
    }

    pub(super) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let names = match self.disk.list(&self.path) {
            // A store that is being made. That it should have a log is for others to know.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        for name in names {
            let number = name.strip_suffix(".seg").and_then(|it| it.parse::<u32>().ok());
            if let Some(number) = number.filter(|it| segment_name(*it) == name) {
                listing.segments.push(number);
            } else if name.ends_with(".new") {
                listing.unfinished.push(name);
            } else if name.ends_with(".torn") {
                listing.torn.push(name);
            }
        }
        listing.segments.sort_unstable();
        Ok(listing)
    }

    /// Makes names durable, those of the directory itself included.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.disk.sync_dir(&self.path)
    }

    /// Makes the name of the directory durable.
    pub(super) fn sync_parent(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(parent) => self.disk.sync_dir(parent),
            None => Ok(()),
        }
    }

    /// The text of a small file; `None` when there is none.
    pub(super) fn read_note(&self, name: &str) -> io::Result<Option<String>> {
        match self.disk.open(&self.path.join(name), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => {
                let file = SegmentFile { file: file?, salt: None };
                let bytes = file.read_vec(0, NOTE_BYTES_MAX)?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.path.join(name))
    }

    /// A segment's file for reading.
    pub(super) fn file(&self, number: u32) -> io::Result<Arc<SegmentFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&number) {
            return Ok(Arc::clone(file));
        }
        let path = self.path.join(segment_name(number));
        let mut file = SegmentFile::new(self.disk.open(&path, Access::Read)?);
        let prelude = Prelude::decode(&file.read_vec(0, PRELUDE_BYTES)?);
        file.salt = prelude.ok().map(|it| it.salt);
        let file = Arc::new(file);
        if FILES_OPEN_MAX <= open.len() {
            let other = open.keys().next().copied();
            other.and_then(|it| open.remove(&it));
        }
        open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    /// The file of a segment as the log knows it. Another one may stand under its name: compaction
    /// by this process keeps the old one for those who read it, that by another one is an error.
    pub(super) fn file_of(&self, segment: &Segment) -> io::Result<Arc<SegmentFile>> {
        if let Some(file) = segment.kept.get() {
            return Ok(Arc::clone(file));
        }
        let file = self.file(segment.number)?;
        if let Some(file) = segment.kept.get() {
            return Ok(Arc::clone(file));
        }
        if file.salt == Some(segment.casing.salt) {
            return Ok(file);
        }
        self.forget(segment.number);
        let what = "another process has compacted the store meanwhile: run this again";
        Err(io::Error::other(what))
    }

    /// Closes the file of a segment, whose name is another file's from now on.
    pub(super) fn forget(&self, number: u32) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// Removes what is left of a file that was not finished.
    pub(super) fn remove_unfinished(&self, name: &str) -> io::Result<()> {
        match self.disk.remove(&self.path.join(format!("{name}.new"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// A segment's file for writing.
    pub(super) fn file_to_write(&self, number: u32) -> io::Result<SegmentFile> {
        let path = self.path.join(segment_name(number));
        Ok(SegmentFile::new(self.disk.open(&path, Access::Write)?))
    }

    /// The file of the ack mark, for writing; it is made when it is not there.
    pub(super) fn mark_to_write(&self) -> io::Result<SegmentFile> {
        let path = self.path.join(MARK_NAME);
        let file = match self.disk.open(&path, Access::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk.open(&path, Access::CreateNew)
            }
            other => other,
        };
        file.map(SegmentFile::new)
    }

    /// The file of the ack mark, for reading; `None` when there is none.
    pub(super) fn mark_to_read(&self) -> io::Result<Option<SegmentFile>> {
        match self.disk.open(&self.path.join(MARK_NAME), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(|it| Some(SegmentFile::new(it))),
        }
    }

    /// Makes the file `name`: `fill` writes its content, and it is durable before it has its
    /// name. One that was there is replaced.
    pub(super) fn make(
        &self,
        name: &str,
        fill: impl FnOnce(&SegmentFile) -> io::Result<()>,
    ) -> io::Result<()> {
        let path_new = self.path.join(format!("{name}.new"));
        match self.disk.remove(&path_new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let file = SegmentFile::new(self.disk.open(&path_new, Access::CreateNew)?);
        fill(&file)?;
        // Before the rename, or a power cut leaves the name without the bytes.
        file.sync()?;
        self.disk.rename(&path_new, &self.path.join(name))?;
        self.sync()
    }

    /// Moves the bytes of a segment from `end` on into a file of their own, and says how many.
    /// Nothing is cut before the copy is durable.
    pub(super) fn set_aside(&self, number: u32, end: u64) -> io::Result<u64> {
        let file = self.file_to_write(number)?;
        let len = file.len()?;
        let bytes = len.saturating_sub(end);
        if bytes == 0 {
            return Ok(0);
        }
        // The next segment holds the whole batches of this tail. Its name must be durable, also
        // when the process that made it died before it could see to that.
        self.sync()?;
        let name = torn_name(number);
        match self.disk.open(&self.path.join(&name), Access::Read) {
            // Made by a recovery that went no further, from bytes that may be gone since.
            Ok(_) => (),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make(&name, |torn| copy_bytes(&file, end, len, torn))?;
            }
            Err(error) => return Err(error),
        }
        file.set_len(end)?;
        file.sync()?;
        Ok(bytes)
    }
}

fn copy_bytes(from: &SegmentFile, start: u64, end: u64, to: &SegmentFile) -> io::Result<()> {
    let mut at = start;
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let bytes = from.read_vec(at, len)?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_at(&bytes, at - start)?;
        at += bytes.len() as u64;
    }
    Ok(())
}
