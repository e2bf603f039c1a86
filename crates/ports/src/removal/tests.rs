//! Every way in which the three things of a proof may not fit.

use super::*;
use crate::{Change, Found, LogError};
use ledger::SourceRef;
use types::{EntryNumber, MessageKey, PlacementId, Position, SourceId};

const BYTES: &[u8] = b"Subject: a\r\n\r\nThis is a.\r\n";

/// A log with one message.
struct OneMessage {
    bytes: Vec<u8>,
    is_placed: bool,
}

impl Log for OneMessage {
    fn find(&self, _: &BlobId) -> Result<Option<Found>, LogError> {
        let message = self.is_placed.then_some(MessageKey(1));
        Ok(Some(Found { message, can_be_part: true }))
    }

    async fn append(&self, _: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        Ok(Vec::new())
    }

    fn position(&self) -> Position {
        Position::default()
    }
}

impl ReadBack for OneMessage {
    fn read_back(&self, _: &BlobId, sink: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        self.bytes.chunks(5).for_each(sink);
        Ok(())
    }
}

fn row() -> ArchivedRow {
    ArchivedRow {
        place: SourceRef { source: SourceId(3), uid: 7 },
        uid_validity: 100,
        placement: PlacementId(2),
        blob: BlobId::of(BYTES),
        size: BYTES.len() as u64,
        date: Timestamp(0),
        placed: Timestamp(0),
    }
}

fn log() -> OneMessage {
    OneMessage { bytes: BYTES.to_vec(), is_placed: true }
}

fn standing() -> Standing {
    Standing {
        uid: 7,
        size: BYTES.len() as u64,
        received: None,
        flags: Flags::SEEN,
        identity: Identity::Certain,
    }
}

fn check(change: impl FnOnce(&mut Standing), again: Option<&[u8]>, want: Option<Unproven>) {
    let copy = ArchivedCopy::read_back(&log(), &row()).unwrap();
    let opened = MailboxStatus { uid_validity: 100, ..MailboxStatus::default() };
    let mut now = standing();
    change(&mut now);
    let again = again.map(|it| Again::Message(BlobId::of(it)));
    let proof = copy.prove(&opened, &now, again, &Needed::Nothing);
    assert_eq!(proof.err(), want, "{now:?}");
}

#[test]
fn a_proof_needs_the_copy() {
    let mut copy = ArchivedCopy::read_back(&log(), &row()).unwrap();
    assert_eq!((copy.take_head(), copy.size()), (BYTES.to_vec(), BYTES.len() as u64));
    let kind =
        |log: OneMessage, row: ArchivedRow| ArchivedCopy::read_back(&log, &row).unwrap_err().kind();
    let mut damaged = log();
    damaged.bytes[20] ^= 1;
    assert_eq!(kind(damaged, row()), ReadErrorKind::Damaged);
    let mut shorter = log();
    shorter.bytes.pop();
    assert_eq!(kind(shorter, row()), ReadErrorKind::Damaged);
    assert_eq!(kind(log(), ArchivedRow { size: 3, ..row() }), ReadErrorKind::Damaged);
    let nowhere = OneMessage { is_placed: false, ..log() };
    assert_eq!(kind(nowhere, row()), ReadErrorKind::NotFound);
}

#[test]
fn a_proof_needs_the_same_message() {
    check(|_| (), None, None);
    check(|it| it.uid = 8, None, Some(Unproven::AnotherMessage));
    check(|it| it.flags = Flags::FLAGGED, None, Some(Unproven::Flagged));
    check(|it| it.size += 1, Some(BYTES), Some(Unproven::Shorter));
    // A server that counts wrongly, or gives no lasting numbers, has to give the bytes again.
    check(|it| it.size = 0, None, Some(Unproven::AnotherMessage));
    check(|it| it.size = 0, Some(b"other"), Some(Unproven::AnotherMessage));
    check(|it| it.size = 0, Some(BYTES), None);
    let uncertain = |it: &mut Standing| it.identity = Identity::Uncertain;
    check(uncertain, None, Some(Unproven::AnotherMessage));
    check(uncertain, Some(BYTES), None);
    let copy = ArchivedCopy::read_back(&log(), &row()).unwrap();
    let renumbered = MailboxStatus { uid_validity: 101, ..MailboxStatus::default() };
    let unproven = copy.prove(
        &renumbered,
        &standing(),
        Some(Again::Message(BlobId::of(BYTES))),
        &Needed::Nothing,
    );
    assert_eq!(unproven.unwrap_err(), Unproven::AnotherMessage);
}

#[test]
fn a_proof_knows_other_clients_marks() {
    let copy = ArchivedCopy::read_back(&log(), &row()).unwrap();
    let opened = MailboxStatus { uid_validity: 100, ..MailboxStatus::default() };
    let now = Standing { flags: Flags::DELETED, ..standing() };
    let proof = copy.prove(&opened, &now, None, &Needed::Nothing).unwrap();
    assert!(proof.was_deleted());
    assert_eq!((proof.uid(), proof.uid_validity()), (7, 100));
}

/// A journal report leaves when it came whole and the message in it is the archived one.
#[test]
fn a_report_is_proven_by_what_is_in_it() {
    let copy = ArchivedCopy::read_back(&log(), &row()).unwrap();
    let opened = MailboxStatus { uid_validity: 100, ..MailboxStatus::default() };
    let now = Standing { size: 1_000, ..standing() };
    let prove = |size, original: &[u8]| {
        let again = Again::Report { size, original: BlobId::of(original) };
        copy.prove(&opened, &now, Some(again), &Needed::Nothing).err()
    };
    assert_eq!(prove(1_000, BYTES), None);
    assert_eq!(prove(999, BYTES), Some(Unproven::Shorter));
    assert_eq!(prove(1_000, b"other"), Some(Unproven::AnotherMessage));
    assert_eq!(copy.prove(&opened, &now, None, &Needed::Nothing).err(), Some(Unproven::Shorter));
}
