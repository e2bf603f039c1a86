//! The file of the ack mark.

use std::sync::{Mutex, PoisonError};

use frames::{MARK_SLOT_BYTES, MARK_SLOTS, Mark, Seal};

use super::dir::{SegmentDir, SegmentFile};
use super::error::OpenError;

/// Writes marks, in turn into the two slots.
pub(super) struct MarkFile(Mutex<Option<Slots>>);

struct Slots {
    file: SegmentFile,
    seal: Option<Seal>,
    next: usize,
}

impl MarkFile {
    /// Knows no file yet: opening a log to find nothing to do makes none.
    pub(super) fn closed() -> MarkFile {
        MarkFile(Mutex::new(None))
    }

    /// Opens the file, or makes it; its name is durable after the next sync of the directory.
    pub(super) fn open(&self, dir: &SegmentDir) -> std::io::Result<()> {
        let seal = dir.mark_seal_to_write()?;
        let file = dir.mark_to_write()?;
        let slots = read_slots(&file, seal.as_ref())?;
        let newest = newest_slot(&slots);
        let next = newest.map_or(0, |newest| 1 - newest);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Slots { file, seal, next });
        Ok(())
    }

    /// Notes what is durable. What goes wrong here is ignored: the mark is a help for telling
    /// damage from a torn tail, and nothing depends on its being there.
    pub(super) fn write(&self, mark: &Mark) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slots) = slots.as_mut() else { return };
        let offset = MARK_SLOTS.get(slots.next).copied().unwrap_or_default();
        let _ = slots.file.write_at(&mark.encode(slots.seal.as_ref()), offset);
        slots.next = 1 - slots.next;
    }

    /// The same, made durable.
    pub(super) fn write_durably(&self, mark: &Mark) {
        self.write(mark);
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = slots.as_ref() {
            let _ = slots.file.sync();
        }
    }
}

fn read_slots(file: &SegmentFile, seal: Option<&Seal>) -> std::io::Result<[Option<Mark>; 2]> {
    let mut slots = [None; 2];
    for (slot, offset) in slots.iter_mut().zip(MARK_SLOTS) {
        *slot = Mark::decode(&file.read_vec(offset, MARK_SLOT_BYTES)?, seal);
    }
    Ok(slots)
}

fn newest_slot(slots: &[Option<Mark>; 2]) -> Option<usize> {
    match slots {
        [Some(first), Some(second)] => Some(usize::from(second.is_newer_than(first))),
        [Some(_), None] => Some(0),
        [None, Some(_)] => Some(1),
        [None, None] => None,
    }
}

/// The newest mark of a directory, if there is one.
pub(super) fn read_mark(dir: &SegmentDir) -> Result<Option<Mark>, OpenError> {
    let Some(seal) = dir.mark_seal_to_read()? else { return Ok(None) };
    let Some(file) = dir.mark_to_read()? else { return Ok(None) };
    let slots = read_slots(&file, seal.as_ref())?;
    Ok(newest_slot(&slots).and_then(|it| slots.get(it).copied().flatten()))
}
