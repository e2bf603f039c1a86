//! What the log says about erasure, in memory: who goes, and what therefore counts as absent.
//!
//! Entries of erasure stand in batches of their own at the beginning of segments whose prelude
//! says so. So they are found without reading the log, and all that a condemned message was made
//! of stands in segments before the one that condemned it.

use std::collections::HashMap;
use std::ops::Range;

use frames::{Flaw, Kind, ReadFlaw, ReadMode, decode_body, decode_details, decode_entries};
use ledger::{Detail, Entry, Erasures, Fact};
use ports::{CondemnedRow, LogError};
use types::{BlobId, EntryNumber, MessageKey};

use super::dir::SegmentDir;
use super::error::log_error;
use super::segment::Snapshot;

/// Erasure as far as a log has read it.
#[derive(Default)]
pub(super) struct Erasing {
    pub(super) said: Erasures,
    /// Blobs that count as absent in segments below this number.
    absent_below: HashMap<BlobId, u32>,
    /// The last entry that erased anything.
    last_erased: Option<EntryNumber>,
}

/// Whether a fact belongs to erasure.
pub(super) fn is_erasure(fact: &Fact) -> bool {
    matches!(fact, Fact::Condemned { .. } | Fact::Spared { .. } | Fact::Erased { .. })
}

/// Whether the detail of an entry is one of an erased message.
pub(super) fn belongs_to_erased(number: u64, entry: &Entry, erasing: &Erasing) -> bool {
    match entry.fact {
        Fact::Placed { message, .. } => erasing.is_erased(message.unwrap_or(MessageKey(number))),
        Fact::Detail { of } => erasing.is_erased(MessageKey(of.0)),
        _ => false,
    }
}

impl Erasing {
    /// Reads what the segments of a log say.
    pub(super) fn load(dir: &SegmentDir, snapshot: &Snapshot) -> Result<Erasing, LogError> {
        let mut said = Erasures::default();
        for (index, segment) in snapshot.segments.iter().enumerate() {
            if segment.marks.begins_with_erasure {
                read_front(dir, snapshot, index, &mut said).map_err(log_error(segment.number))?;
            }
        }
        let mut erasing = Erasing { said, ..Erasing::default() };
        erasing.note_absent(snapshot);
        Ok(erasing)
    }

    /// The same with a batch that is durable.
    pub(super) fn with(
        &self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
        snapshot: &Snapshot,
    ) -> Erasing {
        let mut said = self.said.clone();
        for (number, (entry, detail)) in (first..).zip(entries) {
            said.take(EntryNumber(number), entry, detail.as_ref());
        }
        let mut next = Erasing { said, ..Erasing::default() };
        next.note_absent(snapshot);
        next
    }

    fn note_absent(&mut self, snapshot: &Snapshot) {
        self.absent_below.clear();
        self.last_erased = self.said.erased.values().map(|it| it.entry).max();
        let Erasures { condemned, erased } = &self.said;
        let all = condemned.values().chain(erased.values().map(|it| &it.condemned));
        for it in all {
            let below = snapshot.number_of_entry(it.entry);
            for part in &it.parts {
                let known = self.absent_below.entry(*part).or_default();
                *known = below.max(*known);
            }
        }
    }

    /// Segments below this number do not count for a blob when something arrives.
    pub(super) fn absent_below(&self, id: &BlobId) -> u32 {
        self.absent_below.get(id).copied().unwrap_or(0)
    }

    /// Whether a message is condemned or erased.
    pub(super) fn goes(&self, message: MessageKey) -> bool {
        self.said.condemned.contains_key(&message) || self.is_erased(message)
    }

    pub(super) fn is_erased(&self, message: MessageKey) -> bool {
        self.said.erased.contains_key(&message)
    }

    /// The condemned message that has this id, if there is one.
    pub(super) fn condemned_with_id(&self, id: &BlobId) -> Option<MessageKey> {
        if self.absent_below(id) == 0 {
            return None;
        }
        let own = |parts: &[BlobId]| parts.contains(id);
        self.said.condemned.iter().find(|(_, it)| own(&it.parts)).map(|(key, _)| *key)
    }

    /// Messages that entries of these numbers erased.
    pub(super) fn erased_by(&self, entries: Range<u64>) -> Vec<MessageKey> {
        if self.last_erased.is_none_or(|it| it.0 < entries.start) {
            return Vec::new();
        }
        let erased = self.said.erased.iter().filter(|(_, it)| entries.contains(&it.entry.0));
        erased.map(|(message, _)| *message).collect()
    }

    /// The last entry that erased anything.
    pub(super) fn last_erased(&self) -> Option<EntryNumber> {
        self.last_erased
    }

    /// Messages that are condemned, by key.
    pub(super) fn condemned(&self) -> Vec<CondemnedRow> {
        let row = |(message, it): (&MessageKey, &ledger::Condemned)| row(*message, it);
        self.said.condemned.iter().map(row).collect()
    }

    /// Messages that are erased, by key.
    pub(super) fn erased(&self) -> Vec<CondemnedRow> {
        let row = |(message, it): (&MessageKey, &ledger::Gone)| CondemnedRow {
            erased: Some((it.entry, it.at)),
            ..row(*message, &it.condemned)
        };
        self.said.erased.iter().map(row).collect()
    }
}

fn row(message: MessageKey, it: &ledger::Condemned) -> CondemnedRow {
    CondemnedRow {
        message,
        entry: it.entry,
        at: it.at,
        due: it.due,
        reason: it.reason,
        erased: None,
        parts: it.parts.clone(),
    }
}

/// Follows the batches at the beginning of a segment while they begin with an entry of erasure.
fn read_front(
    dir: &SegmentDir,
    snapshot: &Snapshot,
    index: usize,
    said: &mut Erasures,
) -> Result<(), ReadFlaw> {
    let Some(segment) = snapshot.segments.get(index) else { return Ok(()) };
    let file = dir.file_of(segment)?;
    let mut reader = segment.reader(&file, snapshot.end_of(index), ReadMode::Hopping);
    let mut at = segment.start.offset;
    let mut batch: Vec<(u64, Entry, Option<Detail>)> = Vec::new();
    while at < reader.end() {
        let header = reader.header(at)?;
        let kind = header.kind;
        if !matches!(kind, Kind::Entries | Kind::Details | Kind::Commit) {
            at += header.frame_len();
            continue;
        }
        let frame = reader.frame(at)?;
        let wrong = ReadFlaw::at(at);
        at = frame.end();
        match kind {
            Kind::Entries | Kind::Details => {
                let raw = decode_body(&frame.header, frame.payload);
                raw.and_then(|raw| note(kind, &raw, &mut batch)).map_err(wrong)?;
            }
            Kind::Commit => {
                if !batch.first().is_some_and(|(_, entry, _)| is_erasure(&entry.fact)) {
                    return Ok(());
                }
                for (number, entry, detail) in batch.drain(..) {
                    said.take(EntryNumber(number), &entry, detail.as_ref());
                }
            }
            _ => (),
        }
    }
    Ok(())
}

fn note(kind: Kind, raw: &[u8], batch: &mut Vec<(u64, Entry, Option<Detail>)>) -> Result<(), Flaw> {
    if kind == Kind::Entries {
        let (first, entries) = decode_entries(raw)?;
        for (number, bytes) in (first..).zip(entries) {
            let entry = Entry::decode(bytes).map_err(|_| Flaw::Malformed("an entry"))?;
            batch.push((number, entry, None));
        }
        return Ok(());
    }
    for (number, bytes) in decode_details(raw)? {
        let detail = Detail::decode(bytes).map_err(|_| Flaw::Malformed("a detail"))?;
        if let Some(item) = batch.iter_mut().find(|it| it.0 == number) {
            item.2 = Some(detail);
        }
    }
    Ok(())
}
