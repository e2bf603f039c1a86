//! Making a backup.

use std::collections::{HashMap, HashSet};
use std::io;

use ports::{Access, DiskFile};
use types::{Hash, Timestamp};

use crate::erased::Held;
use crate::error::{BackupError, BackupErrorKind, request};
use crate::manifest::{FileKept, LogKept, Manifest};
use crate::repository::Repository;
use crate::source::{Content, LogState, Source, SourceFile};
use crate::{PIECE_BYTES, Step, Watch, check_cancelled};

/// How often a log is copied that is made anew meanwhile.
const ROUNDS_MAX: u32 = 10;

/// First and last bytes of a file that its stamp covers.
const STAMP_BYTES: usize = 4096;

/// Which files are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reread {
    /// Those that changed since the last backup.
    #[default]
    Changed,
    /// All of them, and the pieces that are there are held against them: damaged ones are written
    /// anew.
    Everything,
}

/// A backup was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Created {
    /// What it holds.
    pub manifest: Manifest,
    /// Bytes that had to be read.
    pub bytes_read: u64,
    /// Bytes that had to be written.
    pub bytes_written: u64,
    /// Backups that hold what was erased since; this one too, as long as the erasure has not
    /// reached the files.
    pub held: Vec<Held>,
}

/// Makes a backup. The caller sees to it that nobody else changes the directory meanwhile.
pub fn create(
    repository: &Repository<'_>,
    source: &mut dyn Source,
    now: Timestamp,
    reread: Reread,
    watch: &mut dyn Watch,
) -> Result<Created, BackupError> {
    repository.clear_room()?;
    repository.remove_unfinished_pieces()?;
    let previous = repository.newest()?;
    let mut known = HashMap::new();
    if reread == Reread::Changed {
        let files = previous.iter().flat_map(|it| it.files.iter().cloned());
        let files = files.chain(repository.notes()?);
        known.extend(files.map(|it| (it.path.clone(), it)));
    }
    let present = repository.pieces()?;
    let mut copying = Copying {
        repository,
        watch,
        reread,
        known,
        present,
        step: Step::default(),
        bytes_read: 0,
        bytes_written: 0,
    };
    let (logs, mut files) = copying.logs(source, previous.as_ref())?;
    files.extend(copying.others(source)?);
    let Copying { bytes_read, bytes_written, .. } = copying;
    let mut erased = repository.erased()?;
    for log in &logs {
        // What the backup before has was looked through then.
        let before = previous.iter().flat_map(|it| &it.logs).find(|it| it.id == log.id);
        let from = before.map_or(0, |it| it.position.entries);
        let messages = source.erased(&log.id, from);
        erased.add(&log.id, messages.map_err(BackupError::io("read what was erased"))?);
    }
    repository.write_erased(&erased)?;
    // Also those of an attempt that ended before it came to this.
    let pieces = |files: &[FileKept]| -> HashSet<Hash> {
        files.iter().flat_map(|it| it.pieces.iter().copied()).collect()
    };
    let durable = previous.as_ref().map(|it| pieces(&it.files)).unwrap_or_default();
    repository.sync_pieces(&pieces(&files).difference(&durable).copied().collect())?;
    let number = repository.numbers()?.last().map_or(1, |it| it + 1);
    let previous = previous.map(|it| it.hash());
    let manifest = Manifest { number, made: now, previous, logs, files };
    repository.add(&manifest)?;
    repository.forget_notes()?;
    repository.clear_room()?;
    let mut held = Vec::new();
    for listed in repository.list()? {
        held.extend(listed.manifest.ok().map(|it| erased.held_by(&it)));
    }
    held.retain(|it| !it.messages.is_empty());
    Ok(Created { manifest, bytes_read, bytes_written, held })
}

struct Copying<'a> {
    repository: &'a Repository<'a>,
    watch: &'a mut dyn Watch,
    reread: Reread,
    /// What was copied before, by its path.
    known: HashMap<String, FileKept>,
    /// Pieces that are there.
    present: HashSet<Hash>,
    step: Step,
    bytes_read: u64,
    bytes_written: u64,
}

/// Why a file was not copied.
enum Trouble {
    /// It is not what it was when the log was asked.
    Changed,
    Failed(BackupError),
}

impl From<BackupError> for Trouble {
    fn from(error: BackupError) -> Trouble {
        Trouble::Failed(error)
    }
}

impl Copying<'_> {
    /// Copies all logs as they are at one moment each.
    fn logs(
        &mut self,
        source: &mut dyn Source,
        previous: Option<&Manifest>,
    ) -> Result<(Vec<LogKept>, Vec<FileKept>), BackupError> {
        for _ in 0..ROUNDS_MAX {
            let logs = source.logs().map_err(BackupError::io("look at the logs"))?;
            check_same_data(&logs, previous)?;
            match self.round(&logs) {
                Ok(files) => return Ok((logs.into_iter().map(kept).collect(), files)),
                Err(Trouble::Changed) => (),
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
        let text = "files of the log were made anew while they were copied, again and again";
        Err(BackupError::new(BackupErrorKind::Changing, text))
    }

    fn round(&mut self, logs: &[LogState]) -> Result<Vec<FileKept>, Trouble> {
        let files = || logs.iter().flat_map(|it| &it.files);
        self.step = Step { bytes_total: files().map(|it| it.len).sum(), ..Step::default() };
        let mut copied = Vec::new();
        for file in files() {
            let kept = self.file(file)?;
            self.repository.note(&kept);
            self.known.insert(kept.path.clone(), kept.clone());
            copied.push(kept);
        }
        // What was made anew meanwhile may know of a later moment.
        for file in files() {
            check_is_there(&*self.open(file)?, file)?;
        }
        Ok(copied)
    }

    fn others(&mut self, source: &mut dyn Source) -> Result<Vec<FileKept>, BackupError> {
        let room = self.repository.room();
        let disk = self.repository.disk;
        disk.create_dir_all(&room).map_err(BackupError::io("make room for copies"))?;
        let files = source.others(&room).map_err(BackupError::io("copy the state"))?;
        self.step.bytes_total += files.iter().map(|it| it.len).sum::<u64>();
        let mut copied = Vec::new();
        for file in &files {
            copied.push(self.file(file).map_err(|it| match it {
                Trouble::Failed(error) => error,
                Trouble::Changed => {
                    let text = format!("{} changed while it was copied", file.path);
                    BackupError::new(BackupErrorKind::Changing, text)
                }
            })?);
        }
        Ok(copied)
    }

    fn open(&self, file: &SourceFile) -> Result<Box<dyn DiskFile>, Trouble> {
        match self.repository.disk.open(&file.from, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Trouble::Changed),
            opened => opened.map_err(|it| BackupError::io("open a file of the source")(it).into()),
        }
    }

    fn file(&mut self, file: &SourceFile) -> Result<FileKept, Trouble> {
        let opened = self.open(file)?;
        check_is_there(&*opened, file)?;
        let stamp = stamp(&*opened, file.len)?;
        let known = self.known.get(&file.path).cloned();
        let n_kept = match (file.content, &known) {
            (Content::Grows, Some(known)) => self.n_kept(&*opened, known, file.len, stamp)?,
            _ => 0,
        };
        let mut pieces: Vec<Hash> = known.map(|it| it.pieces).unwrap_or_default();
        pieces.truncate(n_kept);
        self.step.bytes += (n_kept as u64 * PIECE_BYTES as u64).min(file.len);
        for index in n_kept as u64..FileKept::n_pieces(file.len) {
            check_cancelled(self.watch)?;
            let bytes = read_piece(&*opened, index, file.len)?;
            let hash = Hash::of(&bytes);
            self.piece(hash, &bytes)?;
            pieces.push(hash);
            self.bytes_read += bytes.len() as u64;
            self.step.bytes += bytes.len() as u64;
            self.watch.step(self.step);
        }
        self.step.files += 1;
        self.watch.step(self.step);
        Ok(FileKept { path: file.path.clone(), len: file.len, stamp, pieces })
    }

    /// How many pieces of what was copied before are still those of the file.
    fn n_kept(
        &self,
        opened: &dyn DiskFile,
        known: &FileKept,
        len: u64,
        now: Hash,
    ) -> Result<usize, Trouble> {
        let is_same = match known.len {
            it if it == len => known.stamp == now,
            it if it < len => known.stamp == stamp(opened, it)?,
            _ => false,
        };
        if !is_same {
            return Ok(0);
        }
        // The last piece of a file that has grown has more bytes now.
        let n_whole = usize::try_from(known.len / PIECE_BYTES as u64).unwrap_or(0);
        let n_same = if known.len == len { known.pieces.len() } else { n_whole };
        let there = known.pieces.iter().take_while(|it| self.present.contains(it)).count();
        Ok(there.min(n_same))
    }

    fn piece(&mut self, hash: Hash, bytes: &[u8]) -> Result<(), BackupError> {
        let is_there = self.present.contains(&hash)
            && (self.reread == Reread::Changed || self.repository.has_piece(hash, bytes));
        if is_there {
            return Ok(());
        }
        self.repository.add_piece(hash, bytes)?;
        self.bytes_written += bytes.len() as u64;
        self.present.insert(hash);
        Ok(())
    }
}

/// Backups of two data directories in one place would replace each other.
fn check_same_data(logs: &[LogState], previous: Option<&Manifest>) -> Result<(), BackupError> {
    let Some(previous) = previous.filter(|it| !it.logs.is_empty()) else { return Ok(()) };
    let is_ours = |log: &LogKept| logs.iter().any(|it| it.id == log.id);
    if logs.is_empty() || previous.logs.iter().any(is_ours) {
        return Ok(());
    }
    Err(request("the backups in this directory are those of another data directory"))
}

fn kept(log: LogState) -> LogKept {
    let LogState { path, id, position, epoch, purged, .. } = log;
    LogKept { path, id, position, epoch, purged }
}

/// The file still begins as it did when the log was asked, and has all that counted then.
fn check_is_there(opened: &dyn DiskFile, file: &SourceFile) -> Result<(), Trouble> {
    let failed = || BackupError::io("read a file of the source");
    let mut head = vec![0; file.mark.len()];
    let n = opened.read_at(&mut head, file.mark_at).map_err(failed())?;
    let len = opened.len().map_err(failed())?;
    if n == head.len() && head == file.mark && file.len <= len {
        Ok(())
    } else {
        Err(Trouble::Changed)
    }
}

/// Hash of the length, and of the first and last bytes below it.
fn stamp(opened: &dyn DiskFile, len: u64) -> Result<Hash, Trouble> {
    let mut all = len.to_le_bytes().to_vec();
    for at in [0, len.saturating_sub(STAMP_BYTES as u64)] {
        let room = usize::try_from(len - at).unwrap_or(STAMP_BYTES).min(STAMP_BYTES);
        let mut bytes = vec![0; room];
        let read = opened.read_at(&mut bytes, at);
        let n = read.map_err(BackupError::io("read a file of the source"))?;
        if n < room {
            return Err(Trouble::Changed);
        }
        all.extend(bytes);
    }
    Ok(Hash::of(&all))
}

fn read_piece(opened: &dyn DiskFile, index: u64, len: u64) -> Result<Vec<u8>, Trouble> {
    let at = index * PIECE_BYTES as u64;
    let room = usize::try_from(len - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
    let mut bytes = vec![0; room];
    let read = opened.read_at(&mut bytes, at);
    let n = read.map_err(BackupError::io("read a file of the source"))?;
    if n < room { Err(Trouble::Changed) } else { Ok(bytes) }
}
