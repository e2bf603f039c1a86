//! Messages that were erased at the source, and the backups that still hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use types::{BlobId, Timestamp};

use crate::error::{BackupError, BackupErrorKind, damaged};
use crate::manifest::Manifest;
use crate::repository::Repository;
use crate::wire::{Fields, opened, sealed};

const HEAD: &str = "posthold-backup-erased 1";

/// A message that was erased at the source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ErasedMessage {
    /// The entry that says so.
    pub entry: u64,
    /// The entry that placed the message first.
    pub message: u64,
    /// Its bytes.
    pub blob: BlobId,
    /// When it was erased.
    pub at: Timestamp,
}

/// What a backup holds that was erased since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The number of the backup.
    pub number: u32,
    /// The messages, with the id of their log.
    pub messages: Vec<(String, ErasedMessage)>,
}

/// All that a directory of backups knows to be erased, by log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Erased {
    by_log: BTreeMap<String, BTreeSet<ErasedMessage>>,
}

impl Erased {
    pub(crate) fn add(&mut self, log: &str, messages: impl IntoIterator<Item = ErasedMessage>) {
        self.by_log.entry(log.to_owned()).or_default().extend(messages);
    }

    /// What of it a backup holds: placed below its end, and not gone from the files that it has.
    pub(crate) fn held_by(&self, manifest: &Manifest) -> Held {
        let mut messages = Vec::new();
        for log in &manifest.logs {
            let all = self.by_log.get(&log.id).into_iter().flatten();
            let held = all.filter(|it| it.message < log.position.entries && log.purged <= it.entry);
            messages.extend(held.map(|it| (log.id.clone(), *it)));
        }
        Held { number: manifest.number, messages }
    }

    /// Messages that a backup would bring back: its own logs do not say yet that they are erased.
    pub(crate) fn revived_by(&self, manifest: &Manifest) -> usize {
        let ends = |id: &str| {
            let log = manifest.logs.iter().find(|it| it.id == id);
            log.map_or(0, |it| it.position.entries)
        };
        let held = self.held_by(manifest).messages;
        held.iter().filter(|(log, it)| ends(log) <= it.entry).count()
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (log, messages) in &self.by_log {
            for ErasedMessage { entry, message, blob, at } in messages {
                let _ = writeln!(text, "{entry} {message} {blob} {} {log}", at.0);
            }
        }
        sealed(text)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Erased, BackupError> {
        let body = opened(bytes, "the list of erased messages")?;
        let mut lines = body.lines();
        if lines.next() != Some(HEAD) {
            let text = "the list of erased messages is of a newer version";
            return Err(BackupError::new(BackupErrorKind::Unsupported, text));
        }
        let mut erased = Erased::default();
        for line in lines {
            let (log, message) = read(line)
                .ok_or_else(|| damaged("the list of erased messages cannot be understood"))?;
            erased.add(log, [message]);
        }
        Ok(erased)
    }
}

/// Notes what was erased at the source since the newest backup was made. The caller owns the
/// directory.
pub fn note_erased(
    repository: &Repository<'_>,
    log: &str,
    messages: impl IntoIterator<Item = ErasedMessage>,
) -> Result<(), BackupError> {
    let mut erased = repository.erased()?;
    erased.add(log, messages);
    repository.write_erased(&erased)
}

fn read(line: &str) -> Option<(&str, ErasedMessage)> {
    let mut fields = Fields::of(line);
    let message = ErasedMessage {
        entry: fields.number()?,
        message: fields.number()?,
        blob: BlobId(fields.hash()?.0),
        at: Timestamp(fields.text().parse().ok()?),
    };
    Some((fields.text(), message))
}
