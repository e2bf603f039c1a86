//! Entries and details as the bytes that stand in the log: what proofs are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use frames::{Commit, Flaw, Kind, decode_details, decode_entries};
use ledger::leaf_hash;
use ports::LogError;
use types::{EntryNumber, Hash};

use super::entries::{Record, Resume, walk};
use super::tables::Tables;

/// About this many bytes of entries are read at once.
const READ_BYTES: usize = 1 << 20;

/// An entry and its detail, as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawEntry {
    /// The entry: a leaf of the tree.
    pub entry: Vec<u8>,
    /// Its detail, when it has one that is not erased.
    pub detail: Option<Vec<u8>>,
}

/// The hashes of a log's leaves, in order, from one entry on.
pub struct Leaves<'a> {
    tables: &'a Tables,
    resume: Resume,
    next: u64,
    /// Hashes that were read, the next one last.
    waiting: Vec<Hash>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(tables: &'a Tables, from: u64) -> Leaves<'a> {
        Leaves { tables, resume: Resume::default(), next: from, waiting: Vec::new() }
    }

    /// The next one; `None` behind the last whole batch.
    pub fn next_leaf(&mut self) -> Result<Option<Hash>, LogError> {
        if self.waiting.is_empty() {
            self.waiting = read_leaves(self.tables, &self.resume, self.next)?;
            self.waiting.reverse();
        }
        let leaf = self.waiting.pop();
        self.next += u64::from(leaf.is_some());
        Ok(leaf)
    }
}

/// Leaves of whole batches from entry `from` on.
fn read_leaves(tables: &Tables, resume: &Resume, from: u64) -> Result<Vec<Hash>, LogError> {
    let (mut leaves, mut batch) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    walk(tables, resume, from, &mut |record: &Record<'_>| {
        let mut end = from;
        match record.kind {
            Kind::Entries => {
                let (first, entries) = decode_entries(record.raw)?;
                let numbered = (first..).zip(entries).filter(|(number, _)| from <= *number);
                batch.extend(numbered.map(|(_, entry)| leaf_hash(entry)));
                bytes += record.raw.len();
            }
            Kind::Commit => {
                end = Commit::decode(record.raw)?.position.entries;
                leaves.append(&mut batch);
                if READ_BYTES <= bytes && !leaves.is_empty() {
                    return Ok((ControlFlow::Break(()), end));
                }
            }
            _ => (),
        }
        Ok((ControlFlow::Continue(()), end))
    })?;
    Ok(leaves)
}

/// The bytes of one entry; `None` when the log has none of this number.
pub(super) fn read_raw(
    tables: &Tables,
    EntryNumber(number): EntryNumber,
) -> Result<Option<RawEntry>, LogError> {
    if tables.position().entries <= number {
        return Ok(None);
    }
    let mut found: Option<RawEntry> = None;
    walk(tables, &Resume::default(), number, &mut |record: &Record<'_>| {
        match record.kind {
            Kind::Entries => {
                let (first, entries) = decode_entries(record.raw)?;
                let at = number.checked_sub(first).and_then(|it| usize::try_from(it).ok());
                if let Some(entry) = at.and_then(|it| entries.get(it)) {
                    found = Some(RawEntry { entry: entry.to_vec(), detail: None });
                }
            }
            Kind::Details => note_detail(record.raw, number, found.as_mut())?,
            _ if found.is_some() => return Ok((ControlFlow::Break(()), number)),
            _ => (),
        }
        Ok((ControlFlow::Continue(()), number))
    })?;
    Ok(found)
}

/// The bytes of several entries, in one walk from the first to the last; those that the log does
/// not have are left out.
pub(super) fn read_raws(
    tables: &Tables,
    numbers: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, RawEntry>, LogError> {
    let mut found: BTreeMap<u64, RawEntry> = BTreeMap::new();
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(found) };
    if tables.position().entries <= *first {
        return Ok(found);
    }
    walk(tables, &Resume::default(), *first, &mut |record: &Record<'_>| {
        let mut end = *first;
        match record.kind {
            Kind::Entries => {
                let (first, entries) = decode_entries(record.raw)?;
                let numbered = (first..).zip(entries).filter(|(it, _)| numbers.contains(it));
                for (number, entry) in numbered {
                    found.insert(number, RawEntry { entry: entry.to_vec(), detail: None });
                }
            }
            Kind::Details => {
                for (number, bytes) in decode_details(record.raw)? {
                    if let Some(found) = found.get_mut(&number) {
                        found.detail = Some(bytes.to_vec());
                    }
                }
            }
            Kind::Commit => {
                end = Commit::decode(record.raw)?.position.entries;
                if *last < end {
                    return Ok((ControlFlow::Break(()), end));
                }
            }
            _ => (),
        }
        Ok((ControlFlow::Continue(()), end))
    })?;
    Ok(found)
}

fn note_detail(raw: &[u8], number: u64, found: Option<&mut RawEntry>) -> Result<(), Flaw> {
    let Some(found) = found else { return Ok(()) };
    let own = decode_details(raw)?.into_iter().find(|(of, _)| *of == number);
    found.detail = own.map(|(_, bytes)| bytes.to_vec()).or(found.detail.take());
    Ok(())
}
