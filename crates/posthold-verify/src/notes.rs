//! The checkpoints of a store, and what has to be true of neighbours.

use std::collections::BTreeMap;
use std::path::Path;

use ledger::checkpoint::{next_note, split_origin};
use ledger::note::Verifier;
use ledger::{Checkpoint, Moment};
use types::{Hash, Position};

use crate::findings::Findings;

/// How a log ends, as its own bytes say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was closed.
    Closed,
    /// That cannot be told.
    Unknown,
}

/// Checkpoints in their order, those whose signature holds.
pub(crate) struct Notes {
    found: Vec<Checkpoint>,
    /// The roots that are asked for, by size, with where they stand when that is elsewhere.
    wanted: BTreeMap<u64, Vec<(Hash, Option<String>)>>,
    /// Checkpoints in the file, those that do not hold included.
    pub(crate) n_notes: u64,
}

impl Notes {
    /// Reads the list in `dir`.
    pub(crate) fn read(dir: &Path, keys: &[Verifier], findings: &mut Findings) -> Notes {
        let path = dir.join("checkpoints");
        let place = path.to_string_lossy().into_owned();
        let mut notes = Notes { found: Vec::new(), wanted: BTreeMap::new(), n_notes: 0 };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                findings.wrong(&place, error.to_string());
                return notes;
            }
        };
        let mut rest = bytes.as_slice();
        while let Some((note, behind)) = next_note(rest) {
            let offset = bytes.len() - rest.len();
            rest = behind;
            notes.n_notes += 1;
            let note = String::from_utf8_lossy(note);
            match Checkpoint::open(&note, keys) {
                Ok((checkpoint, _)) => {
                    if let Some(what) =
                        notes.found.last().and_then(|it| wrong_order(it, &checkpoint))
                    {
                        findings.wrong(format!("{place} at {offset}"), what);
                    }
                    notes.found.push(checkpoint);
                }
                Err(error) => findings.wrong(format!("{place} at {offset}"), error.to_string()),
            }
        }
        let is_closed = notes.found.last().is_some_and(|it| it.moment == Moment::Closed);
        if !rest.is_empty() && is_closed {
            findings.wrong(&place, format!("{} bytes at its end are no checkpoint", rest.len()));
        }
        notes.want();
        notes
    }

    /// Which roots the tree has to have. Those of entries that were given up when a later epoch
    /// began are none.
    fn want(&mut self) {
        let mut first_of = BTreeMap::new();
        for checkpoint in &self.found {
            let (_, epoch) = split_origin(&checkpoint.origin);
            first_of.entry(epoch).or_insert(checkpoint.position.entries);
        }
        for checkpoint in &self.found {
            let (_, epoch) = split_origin(&checkpoint.origin);
            let Position { entries, root } = checkpoint.position;
            if first_of.range(epoch + 1..).all(|(_, first)| entries <= *first) {
                self.wanted.entry(entries).or_default().push((root, None));
            }
        }
    }

    /// Asks for what was anchored too. Entries that were given up since are none.
    pub(crate) fn add(&mut self, anchored: Vec<(String, Checkpoint)>) {
        for (place, checkpoint) in anchored {
            let (_, epoch) = split_origin(&checkpoint.origin);
            let Position { entries, root } = checkpoint.position;
            let is_later = |it: &&Checkpoint| epoch < split_origin(&it.origin).1;
            let given_up = self.found.iter().find(is_later);
            if given_up.is_none_or(|it| entries <= it.position.entries) {
                self.wanted.entry(entries).or_default().push((root, Some(place)));
            }
        }
    }

    /// The tree at the end of a batch.
    pub(crate) fn at(&mut self, position: &Position, place: &str, findings: &mut Findings) {
        let wanted = self.wanted.remove(&position.entries).unwrap_or_default();
        let entries = position.entries;
        for (_, elsewhere) in wanted.iter().filter(|(root, _)| *root != position.root) {
            let by = elsewhere.as_ref().map(|it| format!(", as {it} has it")).unwrap_or_default();
            let what = format!("the first {entries} entries are not those that were signed{by}");
            findings.wrong(place, what);
        }
    }

    /// Whether the last checkpoint says that the log was closed at `position`.
    pub(crate) fn is_closed_at(&self, position: &Position) -> bool {
        let last = self.found.last();
        last.is_some_and(|it| it.moment == Moment::Closed && it.position == *position)
    }

    /// What has to be true when the log ends at `position`.
    pub(crate) fn end(self, position: &Position, end: End, place: &str, findings: &mut Findings) {
        if end == End::Closed && !self.is_closed_at(position) {
            findings.wrong(place, "it was closed, and the checkpoint of that is missing");
        }
        let Some(last) = self.found.last() else {
            if position.entries != 0 {
                findings.wrong(place, "no checkpoint holds: nothing says that it is whole");
            }
            return;
        };
        if let Some((entries, _)) = self.wanted.last_key_value() {
            let here = position.entries;
            let what = match here < *entries {
                true => format!("{entries} entries were signed, and there are {here}"),
                false => format!("no batch ends with {entries} entries, which were signed"),
            };
            findings.wrong(place, what);
        }
        let signed = last.position.entries;
        let unsigned = position.entries.saturating_sub(signed);
        if last.is_exceeded(*position) {
            let what = format!("{unsigned} entries stand behind the end that was signed");
            findings.wrong(place, what);
        } else if unsigned != 0 {
            findings.note(format!(
                "{unsigned} entries of {place} stand behind its last checkpoint: nobody signed \
                 them yet."
            ));
        }
    }
}

/// What is wrong with a checkpoint behind the one before it.
fn wrong_order(before: &Checkpoint, next: &Checkpoint) -> Option<String> {
    let ((base_before, epoch_before), (base, epoch)) =
        (split_origin(&before.origin), split_origin(&next.origin));
    if base != base_before {
        return Some(format!("it is of another log, {base}"));
    }
    if epoch != epoch_before {
        return (epoch < epoch_before).then(|| "it belongs to an earlier epoch".to_owned());
    }
    if next.position.entries < before.position.entries {
        return Some("it has fewer entries than the one before".to_owned());
    }
    if next.position.entries == before.position.entries
        && next.position.root != before.position.root
    {
        return Some("it has another root than the one before".to_owned());
    }
    let is_exceeded = before.is_exceeded(next.position);
    is_exceeded.then(|| "entries were added while the log was closed".to_owned())
}
