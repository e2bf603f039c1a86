//! Entries and details of one segment, held against each other and against the blobs.

use std::collections::HashMap;

use frames::{BlobPlace, Flaw, Frame, IdRecord, Item, decode_body, decode_details, decode_entries};
use ledger::{Detail, Entry, Fact, detail_hash};
use types::{BlobId, Hash, MessageKey};

use super::super::erasing::belongs_to_erased;
use super::super::segment::Segment;
use super::super::tables::{Ids, Sight, merge};
use super::Scope;

/// What was counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) entries: u64,
}

/// What was read of the entries of one segment.
pub(super) struct Content<'a> {
    scope: &'a Scope<'a>,
    segment: &'a Segment,
    pub(super) counts: Counts,
    /// Every id of the segment, as its own frames show it.
    pub(super) ids: Ids,
    /// Of the entries of the batch whose details have not come.
    details: HashMap<u64, Awaited>,
}

/// A detail that an entry has.
struct Awaited {
    salt: [u8; 16],
    hash: Hash,
    /// It may be missing: it is erased.
    may_miss: bool,
}

impl<'a> Content<'a> {
    pub(super) fn new(scope: &'a Scope<'a>, segment: &'a Segment) -> Content<'a> {
        let (counts, ids) = (Counts::default(), Ids::default());
        Content { scope, segment, counts, ids, details: HashMap::new() }
    }

    fn defect(&self, frame: &Frame<'_>, what: impl Into<String>) {
        self.scope.defects.add(self.segment.number, frame.offset, what);
    }

    /// Takes a frame of a blob, a chunk, a list or a skeleton, or a pack.
    pub(super) fn blob(&mut self, frame: &Frame<'_>) {
        let items = match frames::items(&frame.header, frame.payload) {
            Ok(items) => items,
            Err(flaw) => return self.defect(frame, flaw.to_string()),
        };
        for Item { kind, is_gone, total_len, id, .. } in items {
            if is_gone {
                self.gone(frame, &id);
                continue;
            }
            let place = BlobPlace { kind, offset: frame.offset, raw_len: total_len };
            let record = IdRecord { place: Some(place), placed: None };
            merge(self.ids.entry(id).or_default(), record);
        }
        let dir = &self.scope.tables.dir;
        match self.segment.dictionary_for(dir, frame.header.codec) {
            Ok(it) => self.scope.workers.check(self.segment.number, frame, it),
            Err(error) => self.defect(frame, format!("the dictionary: {error}")),
        }
    }

    /// Takes what is left of an erased blob.
    pub(super) fn gone(&mut self, frame: &Frame<'_>, id: &BlobId) {
        if !self.scope.erased.has_part(id) {
            self.defect(frame, format!("blob {id} is gone, and nobody erased it"));
        }
    }

    /// Takes a frame of entries.
    pub(super) fn entries(&mut self, frame: &Frame<'_>) -> Result<(), Flaw> {
        let raw = decode_body(&frame.header, frame.payload)?;
        let (first, entries) = decode_entries(&raw)?;
        for (number, bytes) in (first..).zip(entries) {
            self.counts.entries += 1;
            match Entry::decode(bytes) {
                Ok(entry) => self.entry(frame, number, &entry),
                Err(error) => self.defect(frame, format!("entry {number}: {error}")),
            }
        }
        Ok(())
    }

    fn entry(&mut self, frame: &Frame<'_>, number: u64, entry: &Entry) {
        if let Some(hash) = entry.detail {
            let may_miss = belongs_to_erased(number, entry, &self.scope.erased.erasing);
            self.details.insert(number, Awaited { salt: entry.salt, hash, may_miss });
        }
        let Fact::Placed { message, blob, size, .. } = entry.fact else { return };
        let own = self.ids.get(&blob).copied().unwrap_or_default();
        let (mut raw_len, mut placed) = (own.place.map(|it| it.raw_len), own.placed);
        if raw_len.is_none() || (placed.is_none() && message.is_some()) {
            // Footers of damaged segments may say nothing: their own walk reports them.
            let elsewhere = self.scope.tables.lookup(&blob, Sight::All).ok();
            let place = elsewhere.as_ref().and_then(|it| it.place.as_ref());
            let place = place.filter(|(it, _)| it.number != self.segment.number);
            raw_len = raw_len.or(place.map(|(_, place)| place.raw_len));
            placed = placed.or(elsewhere.and_then(|it| it.placed));
        }
        match raw_len {
            Some(raw_len) if raw_len == size => (),
            Some(raw_len) => {
                let what = format!("entry {number} says {size} bytes, its blob has {raw_len}");
                self.defect(frame, what);
            }
            None if self.scope.erased.is_erased(message.unwrap_or(MessageKey(number))) => (),
            None => {
                let what = format!("entry {number} places blob {blob}, which is not there");
                self.defect(frame, what);
            }
        }
        match message {
            None => self.first_placed(number, blob),
            Some(key) if placed.is_none_or(|it| it == key.0) => (),
            // Of bytes that came again behind an erasure there are two messages.
            Some(_) if self.scope.erased.erasing.absent_below(&blob) != 0 => (),
            Some(key) => {
                let what = format!("entry {number} places message {key}, which has other bytes");
                self.defect(frame, what);
            }
        }
    }

    fn first_placed(&mut self, number: u64, blob: BlobId) {
        self.counts.messages += 1;
        let known = self.ids.entry(blob).or_default();
        merge(known, IdRecord { place: None, placed: Some(number) });
    }

    /// Takes a frame of details.
    pub(super) fn details(&mut self, frame: &Frame<'_>) -> Result<(), Flaw> {
        let raw = decode_body(&frame.header, frame.payload)?;
        for (number, bytes) in decode_details(&raw)? {
            let known = self.details.remove(&number);
            let what = match known {
                Some(Awaited { salt, hash, .. }) if detail_hash(&salt, bytes) != hash => {
                    Some(format!("the detail of entry {number} does not have its hash"))
                }
                Some(_) => Detail::decode(bytes).err().map(|it| format!("entry {number}: {it}")),
                None => Some(format!("a detail for entry {number}, which has none")),
            };
            if let Some(what) = what {
                self.defect(frame, what);
            }
        }
        Ok(())
    }

    /// A batch ends: its details are all there.
    pub(super) fn commit(&mut self, frame: &Frame<'_>) {
        let missing = self.details.drain().filter(|(_, it)| !it.may_miss);
        let mut missing: Vec<u64> = missing.map(|(number, _)| number).collect();
        missing.sort_unstable();
        for number in missing {
            self.defect(frame, format!("the detail of entry {number} is missing"));
        }
    }
}
