//! Proofs for tests: made as everybody has to make them, from a log that has the messages.

use std::collections::HashMap;

use ledger::SourceRef;
use ports::{
    Again, ArchivedCopy, ArchivedRow, Change, Found, Log, LogError, MailboxStatus, Needed, Proof,
    ReadBack, ReadError, Removed, Removes, SourceError, Standing,
};
use rules::removal::Way;
use types::{
    BlobId, EntryNumber, MailboxName, MessageKey, PlacementId, Position, SourceId, Timestamp,
};

/// A log that has these messages.
struct Archive(HashMap<BlobId, Vec<u8>>);

impl Log for Archive {
    fn find(&self, blob: &BlobId) -> Result<Option<Found>, LogError> {
        let found = Found { message: Some(MessageKey(1)), can_be_part: true };
        Ok(self.0.contains_key(blob).then_some(found))
    }

    async fn append(&self, _: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        Ok(Vec::new())
    }

    fn position(&self) -> Position {
        Position::default()
    }
}

impl ReadBack for Archive {
    fn read_back(&self, blob: &BlobId, sink: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        sink(&self.0[blob]);
        Ok(())
    }
}

/// Proves that these messages are archived: UID and bytes of each.
pub(crate) fn prove(
    messages: &[(u64, Vec<u8>)],
    opened: &MailboxStatus,
    standing: &[Standing],
) -> Vec<Proof> {
    let log = Archive(messages.iter().map(|it| (BlobId::of(&it.1), it.1.clone())).collect());
    let proofs = messages.iter().map(|(uid, bytes)| {
        let row = ArchivedRow {
            place: SourceRef { source: SourceId(1), uid: *uid },
            uid_validity: opened.uid_validity,
            placement: PlacementId(1),
            blob: BlobId::of(bytes),
            size: bytes.len() as u64,
            date: Timestamp(0),
            placed: Timestamp(0),
        };
        let copy = ArchivedCopy::read_back(&log, &row).unwrap();
        let now = standing.iter().find(|it| it.uid == *uid).unwrap();
        let again = copy.needs_bytes(now).then_some(Again::Message(row.blob));
        copy.prove(opened, now, again, &Needed::Nothing).unwrap()
    });
    proofs.collect()
}

/// Opens a mailbox for removal, and removes these messages.
pub(crate) async fn remove(
    source: &mut impl Removes,
    mailbox: &MailboxName,
    way: &Way,
    messages: &[(u64, Vec<u8>)],
) -> Result<Removed, SourceError> {
    let opened = source.open_to_remove(mailbox, way).await?;
    let uids: Vec<u64> = messages.iter().map(|it| it.0).collect();
    let standing = source.standing(&uids).await?;
    source.remove(prove(messages, &opened, &standing)).await
}
