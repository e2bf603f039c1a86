//! The rows, and what each kind of change does to them.

use std::collections::{BTreeMap, BTreeSet};

use ledger::project::{ErasureStep, RowChange};
use ledger::{EnvelopeDetail, SourceRef};
use ports::{CursorRow, NewMessage, QuarantineRow, SourceRow};
use types::{
    ArchiveId, BlobId, Flags, FolderId, Hash, MessageKey, PlacementId, SourceId, Timestamp,
};

#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) folders: BTreeMap<FolderId, (ArchiveId, Option<String>)>,
    pub(super) sources: BTreeMap<SourceId, Source>,
    pub(super) messages: BTreeMap<MessageKey, Message>,
    pub(super) placements: BTreeMap<PlacementId, Placement>,
    pub(super) aliases: BTreeMap<PlacementId, PlacementId>,
    pub(super) contents: BTreeSet<(Hash, MessageKey)>,
    pub(super) refs: BTreeMap<SourceRef, PlacementId>,
    pub(super) quarantine: BTreeMap<SourceRef, QuarantineRow>,
}

#[derive(Clone)]
pub(super) struct Source {
    pub(super) row: SourceRow,
    pub(super) archive: ArchiveId,
    pub(super) profile: String,
    pub(super) account: String,
    pub(super) mailbox: String,
}

#[derive(Clone)]
pub(super) struct Message {
    pub(super) blob: BlobId,
    pub(super) size: u64,
    archived: Timestamp,
    pub(super) date: Timestamp,
    /// `None` when the detail is erased.
    pub(super) header: Option<Hash>,
}

#[derive(Clone)]
pub(super) struct Placement {
    pub(super) message: MessageKey,
    pub(super) folder: FolderId,
    pub(super) flags: Flags,
    pub(super) received: Option<Timestamp>,
    pub(super) placed: Timestamp,
    pub(super) source: Option<SourceId>,
    pub(super) envelope: EnvelopeDetail,
}

impl Rows {
    /// Carries a change out. A message that is new is returned.
    pub(super) fn apply(&mut self, change: RowChange) -> Option<NewMessage> {
        match change {
            change @ RowChange::Message { .. } => return self.message(change),
            change @ RowChange::Placement { .. } => self.place(change),
            change @ (RowChange::Folder { .. } | RowChange::Source { .. }) => self.name(change),
            RowChange::PlacementChange { placement, folder, flags, removed } => {
                if let Some(folder) = folder {
                    self.move_to(placement, folder);
                }
                let id = self.resolve(placement);
                if let (Some(flags), Some(row)) =
                    (flags, id.and_then(|it| self.placements.get_mut(&it)))
                {
                    row.flags = flags;
                }
                if removed.is_some() {
                    id.into_iter().for_each(|it| self.take_away(it));
                }
            }
            RowChange::SourceRef { source, placement } => self.stand(source, placement),
            RowChange::Cursor { source, uid_next, modseq, fingerprint } => {
                if let Some(it) = self.sources.get_mut(&source) {
                    it.row.cursor = Some(CursorRow { uid_next, modseq, fingerprint });
                }
            }
            RowChange::Quarantine { source, reason, attempts, retry_at, .. } => {
                let row = QuarantineRow { uid: source.uid, reason, attempts, retry_at };
                self.quarantine.insert(source, row);
            }
            RowChange::Certificate { certificate, .. } => {
                if let Some(it) = self.sources.get_mut(&certificate.source) {
                    it.row.certificate = Some(certificate);
                }
            }
            RowChange::Erasure { message, step: ErasureStep::Erased } => self.erase(message),
            // No engine asks the catalog of these.
            RowChange::Erasure { .. }
            | RowChange::Run { .. }
            | RowChange::Hold { .. }
            | RowChange::Deferred { .. } => (),
        }
        None
    }

    fn name(&mut self, change: RowChange) {
        match change {
            RowChange::Folder { folder, archive, path, .. } => {
                self.folders.insert(folder, (archive, path));
            }
            RowChange::Source {
                source,
                archive,
                folder,
                uid_validity,
                profile,
                account,
                mailbox_raw,
                mailbox,
            } => {
                let (cursor, certificate) = (None, None);
                let row =
                    SourceRow { source, mailbox_raw, folder, uid_validity, cursor, certificate };
                self.sources.insert(source, Source { row, archive, profile, account, mailbox });
            }
            _ => (),
        }
    }

    fn message(&mut self, change: RowChange) -> Option<NewMessage> {
        let RowChange::Message { message: key, bytes, date, detail, content } = change else {
            return None;
        };
        let header = detail.map(|it| it.header_hash);
        let n = u32::try_from(self.messages.len()).unwrap();
        let made = match (self.messages.get_mut(&key), bytes) {
            (Some(known), _) => {
                known.date = date.unwrap_or(known.archived);
                known.header = header;
                None
            }
            (None, Some(bytes)) => {
                let date = date.unwrap_or(bytes.archived);
                let ledger::project::MessageBytes { blob, size, archived } = bytes;
                self.messages.insert(key, Message { blob, size, archived, date, header });
                Some(NewMessage { key, n, blob, size, date, archived })
            }
            (None, None) => None,
        };
        if self.messages.contains_key(&key) {
            self.contents.extend(content.map(|it| (it, key)));
        }
        made
    }

    fn place(&mut self, change: RowChange) {
        let RowChange::Placement {
            placement,
            message,
            folder,
            flags,
            received,
            placed,
            source,
            envelope,
            ..
        } = change
        else {
            return;
        };
        match self.at(message, folder) {
            Some(there) if there != placement => self.alias(placement, there),
            Some(_) => (),
            None => {
                let row =
                    Placement { message, folder, flags, received, placed, source: None, envelope };
                self.placements.insert(placement, row);
            }
        }
        if let Some(source) = source {
            self.stand(source, Some(placement));
        }
    }

    /// The placement of a message in a folder.
    fn at(&self, message: MessageKey, folder: FolderId) -> Option<PlacementId> {
        let is_there = |it: &Placement| it.folder == folder && it.message == message;
        self.placements.iter().find(|it| is_there(it.1)).map(|it| *it.0)
    }

    /// The placement that this one is, if it is there.
    pub(super) fn resolve(&self, id: PlacementId) -> Option<PlacementId> {
        let id = self.aliases.get(&id).copied().unwrap_or(id);
        self.placements.contains_key(&id).then_some(id)
    }

    fn alias(&mut self, id: PlacementId, of: PlacementId) {
        self.aliases.values_mut().filter(|it| **it == id).for_each(|it| *it = of);
        self.aliases.insert(id, of);
    }

    fn stand(&mut self, place: SourceRef, placement: Option<PlacementId>) {
        self.quarantine.remove(&place);
        let Some(placement) = placement else {
            self.refs.remove(&place);
            return;
        };
        let Some(id) = self.resolve(placement) else { return };
        self.refs.insert(place, id);
        if let Some(row) = self.placements.get_mut(&id) {
            row.source = Some(place.source);
        }
    }

    fn move_to(&mut self, placement: PlacementId, folder: FolderId) {
        let Some(id) = self.resolve(placement) else { return };
        let row = self.placements.get_mut(&id).unwrap();
        if row.folder == folder {
            return;
        }
        let message = row.message;
        let Some(there) = self.at(message, folder) else {
            self.placements.get_mut(&id).unwrap().folder = folder;
            return;
        };
        self.refs.values_mut().filter(|it| **it == id).for_each(|it| *it = there);
        self.placements.remove(&id);
        self.alias(id, there);
    }

    fn take_away(&mut self, id: PlacementId) {
        self.refs.retain(|_, it| *it != id);
        self.aliases.retain(|_, it| *it != id);
        self.placements.remove(&id);
    }

    fn erase(&mut self, key: MessageKey) {
        let own = self.placements.iter().filter(|it| it.1.message == key);
        let own: Vec<PlacementId> = own.map(|it| *it.0).collect();
        own.into_iter().for_each(|it| self.take_away(it));
        self.contents.retain(|it| it.1 != key);
        if let Some(message) = self.messages.get_mut(&key) {
            message.date = message.archived;
            message.header = None;
        }
    }
}
