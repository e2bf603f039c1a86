//! The file of checkpoints: signed notes, each with an empty line behind it.

use std::io;
use std::path::{Path, PathBuf};

use ledger::Checkpoint;
use ledger::checkpoint::next_note;
use ledger::note::Verifier;
use ports::{Access, Disk, DiskFile};

use super::SignedCheckpoint;
use crate::error::StoreError;

/// How much of the end of the file is looked at first for its last note.
const TAIL_BYTES: u64 = 16 << 10;

/// Bytes of the file that are read at once.
const READ_BYTES: usize = 256 << 10;

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

/// How a list ends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ListEnd {
    /// Its last note, if that one holds.
    pub(super) checkpoint: Option<SignedCheckpoint>,
    /// Where the next note goes: behind the last whole one.
    pub(super) len: u64,
    /// Whether it has notes, that hold or not.
    pub(super) has_notes: bool,
}

fn open(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
    match disk.open(&path(dir), Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Reads the last note of the list.
pub(super) fn read_last(
    disk: &dyn Disk,
    dir: &Path,
    known: &[Verifier],
) -> Result<ListEnd, StoreError> {
    let read = || -> io::Result<Option<(Vec<u8>, u64, u64)>> {
        let Some(file) = open(disk, dir)? else { return Ok(None) };
        let len = file.len()?;
        let mut tail = TAIL_BYTES;
        loop {
            let start = len.saturating_sub(tail);
            let bytes = read_at(&*file, start, usize::try_from(len - start).unwrap_or(0))?;
            // The first note of a piece may be the end of one.
            let n_notes = notes(&bytes).count();
            if start == 0 || 1 < n_notes {
                return Ok(Some((bytes, start, len)));
            }
            tail = tail.saturating_mul(4);
        }
    };
    let read = read().map_err(StoreError::io("read the checkpoints"))?;
    let Some((bytes, _, len)) = read else { return Ok(ListEnd::default()) };
    let mut end = ListEnd { len, ..ListEnd::default() };
    let mut rest = bytes.as_slice();
    while let Some((note, behind)) = next_note(rest) {
        end.checkpoint = signed(note, known);
        end.has_notes = true;
        rest = behind;
    }
    end.len = len - rest.len() as u64;
    Ok(end)
}

fn notes(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (note, behind) = next_note(rest)?;
        rest = behind;
        Some(note)
    })
}

fn signed(note: &[u8], known: &[Verifier]) -> Option<SignedCheckpoint> {
    let note = std::str::from_utf8(note).ok()?;
    let (checkpoint, _) = Checkpoint::open(note, known).ok()?;
    Some(SignedCheckpoint { checkpoint, note: note.to_owned() })
}

pub(super) fn read_at(file: &dyn DiskFile, start: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut got = 0;
    while let Some(rest) = bytes.get_mut(got..).filter(|it| !it.is_empty()) {
        let n = file.read_at(rest, start + got as u64)?;
        if n == 0 {
            break;
        }
        got += n;
    }
    bytes.truncate(got);
    Ok(bytes)
}

/// Shows every note to `visit`, in order, with where it begins. Returns the bytes behind the last
/// whole one.
pub(super) fn each_note(
    disk: &dyn Disk,
    dir: &Path,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let failed = || StoreError::io("read the checkpoints");
    let Some(file) = open(disk, dir).map_err(failed())? else { return Ok(0) };
    let (mut start, mut bytes) = (0, Vec::new());
    loop {
        let read = read_at(&*file, start + bytes.len() as u64, READ_BYTES).map_err(failed())?;
        let is_last = read.is_empty();
        bytes.extend(read);
        let mut at = 0;
        while let Some((note, behind)) = next_note(bytes.get(at..).unwrap_or_default()) {
            let next = bytes.len() - behind.len();
            visit(start + at as u64, note)?;
            at = next;
        }
        bytes.drain(..at);
        start += at as u64;
        if is_last {
            return Ok(bytes.len() as u64);
        }
    }
}

/// Appends a note at `len`, durably; what stood there was never whole. Returns the new length.
pub(super) fn append(disk: &dyn Disk, dir: &Path, len: u64, note: &str) -> io::Result<u64> {
    let path = path(dir);
    let (file, is_new) = match disk.open(&path, Access::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.create_dir_all(dir)?;
            (disk.open(&path, Access::CreateNew)?, true)
        }
        file => (file?, false),
    };
    if len < file.len()? {
        file.set_len(len)?;
    }
    let text = format!("{note}\n");
    file.write_at(text.as_bytes(), len)?;
    file.sync()?;
    if is_new {
        disk.sync_dir(dir)?;
    }
    Ok(len + text.len() as u64)
}
