use types::{Hash, Timestamp};

use super::*;
use crate::{AuditOutcome, Audited, DecodeErrorKind};

fn entry(fact: Fact) -> Entry {
    Entry { time: Timestamp(1_795_284_100), salt: [7; 16], detail: Some(Hash([9; 32])), fact }
}

const PLACE: SourceRef = SourceRef { source: SourceId(5), uid: 4_294_967_295 };

const COUNTS: RunCounts = RunCounts {
    server_count: 10,
    archived: 4,
    already: 3,
    excluded: Excluded { default_folders: 1, folder_list: 1, filter: 0, unknown_address: 0 },
    quarantined: 1,
};

#[allow(clippy::too_many_lines, reason = "one after the other")]
/// One fact of every kind, in the order of the kind numbers, with and without what is optional.
fn facts() -> Vec<Fact> {
    let placement = PlacementId(1000);
    let placed = |message, received, source| Fact::Placed {
        message,
        blob: BlobId([3; 32]),
        size: 32_768,
        folder: FolderId(1),
        flags: Flags::SEEN.with(Flags::FLAGGED),
        received,
        source,
    };
    vec![
        placed(None, None, None),
        placed(Some(MessageKey(2)), Some(Timestamp(-1)), Some(PLACE)),
        Fact::Moved { placement, folder: FolderId(8), source: None },
        Fact::Moved { placement, folder: FolderId(8), source: Some(PLACE) },
        Fact::Flagged { placement, flags: Flags(u16::MAX) },
        Fact::Removed { placement },
        Fact::SourceGone { source: PLACE },
        Fact::FolderChanged { folder: None, archive: ArchiveId(1), kind: TreeKind::Archive },
        Fact::FolderChanged {
            folder: Some(FolderId(6)),
            archive: ArchiveId(u64::MAX),
            kind: TreeKind::Live,
        },
        Fact::CursorAdvanced {
            source: SourceId(5),
            uid_next: 77,
            modseq: u64::MAX,
            fingerprint: Hash([4; 32]),
        },
        Fact::Quarantined {
            source: PLACE,
            reason: QuarantineReason::Nil,
            attempts: 2,
            retry_at: Timestamp(1_795_287_700),
        },
        Fact::Certified(Certificate {
            source: SourceId(5),
            uid_validity: 1,
            uid_next: 78,
            modseq: 0,
            counts: COUNTS,
        }),
        Fact::RunFinished {
            outcome: Outcome::Partial,
            counts: COUNTS,
            started: Timestamp(1_795_284_000),
        },
        Fact::Detail { of: EntryNumber(12) },
        Fact::Condemned {
            messages: vec![MessageKey(2), MessageKey(300)],
            reason: EraseReason::Request,
            due: Timestamp(1_795_888_900),
        },
        Fact::Spared { messages: vec![MessageKey(300)], reason: SpareReason::Hold },
        Fact::Erased { messages: vec![MessageKey(2)] },
        Fact::Confirmed { sources: 3, root: Hash([4; 32]) },
        Fact::Epoch { epoch: 2, reason: EpochReason::Accepted, lost: None },
        Fact::Epoch {
            epoch: 3,
            reason: EpochReason::Restored,
            lost: Some(Position { entries: 300, root: Hash([4; 32]) }),
        },
        Fact::SourceOpened { archive: ArchiveId(1), folder: FolderId(1), uid_validity: 9 },
        Fact::Sighted { placement, source: PLACE },
        Fact::Hold { hold: HoldId([5; 16]), change: HoldChange::Set(HoldScope::All) },
        Fact::Hold {
            hold: HoldId([5; 16]),
            change: HoldChange::Set(HoldScope::Archive(ArchiveId(300))),
        },
        Fact::Hold { hold: HoldId([5; 16]), change: HoldChange::Set(HoldScope::Query) },
        Fact::Hold { hold: HoldId([5; 16]), change: HoldChange::Lifted },
        Fact::Audited(Audited { activity: 1, outcome: AuditOutcome::Asked, of: None }),
        Fact::Audited(Audited {
            activity: u16::MAX,
            outcome: AuditOutcome::Failed,
            of: Some(EntryNumber(300)),
        }),
        deferred(DeferredChange::Moved { placement, folder: FolderId(8), source: None }),
        deferred(DeferredChange::Moved { placement, folder: FolderId(8), source: Some(PLACE) }),
        deferred(DeferredChange::Flagged { placement, flags: Flags::SEEN }),
        deferred(DeferredChange::Removed { placement }),
        deferred(DeferredChange::SourceGone { source: PLACE }),
        deferred(DeferredChange::Sighted { placement, source: PLACE }),
        deferred(DeferredChange::Carried { before: EntryNumber(300) }),
    ]
}

fn deferred(change: DeferredChange) -> Fact {
    Fact::Deferred { store: StoreId([6; 16]), change }
}

#[test]
fn every_fact_comes_back() {
    for fact in facts() {
        let mut entry = entry(fact);
        assert_eq!(Entry::decode(&entry.encode()), Ok(entry.clone()));
        entry.detail = None;
        assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }
}

/// The bytes of the log's leaves: a change here breaks every store there is.
#[test]
fn bytes_are_fixed() {
    let head = |bytes: &[u8]| -> String {
        let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
        hex.replace(&"07".repeat(16), " SALT ")
            .replace(&"09".repeat(32), "DETAIL ")
            .replace(&"03".repeat(32), "BLOB ")
            .replace(&"04".repeat(32), " FINGERPRINT")
    };
    let lines: Vec<String> = facts().into_iter().map(|it| head(&entry(it).encode())).collect();
    expect_test::expect![[r#"
        010188f28eb00d SALT DETAIL BLOB 8080020105
        010f88f28eb00d SALT DETAIL 02BLOB 80800201050105ffffffff0f
        020188f28eb00d SALT DETAIL e80708
        020988f28eb00d SALT DETAIL e8070805ffffffff0f
        030188f28eb00d SALT DETAIL e807ffff03
        040188f28eb00d SALT DETAIL e807
        050188f28eb00d SALT DETAIL 05ffffffff0f
        060188f28eb00d SALT DETAIL 0101
        060388f28eb00d SALT DETAIL 06ffffffffffffffffff0102
        070188f28eb00d SALT DETAIL 054dffffffffffffffffff01 FINGERPRINT
        080188f28eb00d SALT DETAIL 05ffffffff0f0202a8aa8fb00d
        090188f28eb00d SALT DETAIL 05014e000a04030101000001
        0a0188f28eb00d SALT DETAIL 020a04030101000001c0f08eb00d
        0b0188f28eb00d SALT DETAIL 0c
        0d0188f28eb00d SALT DETAIL 0202ac020288dcd8b00d
        0e0188f28eb00d SALT DETAIL 01ac0201
        0f0188f28eb00d SALT DETAIL 0102
        110188f28eb00d SALT DETAIL 03 FINGERPRINT
        120188f28eb00d SALT DETAIL 0202
        120388f28eb00d SALT DETAIL 0301ac02 FINGERPRINT
        130188f28eb00d SALT DETAIL 010109
        140188f28eb00d SALT DETAIL e80705ffffffff0f
        100188f28eb00d SALT DETAIL 0505050505050505050505050505050501
        100188f28eb00d SALT DETAIL 0505050505050505050505050505050502ac02
        100188f28eb00d SALT DETAIL 0505050505050505050505050505050503
        100188f28eb00d SALT DETAIL 0505050505050505050505050505050500
        150188f28eb00d SALT DETAIL 0100
        150388f28eb00d SALT DETAIL ffff0304ac02
        0c0188f28eb00d SALT DETAIL 0606060606060606060606060606060602e8070800
        0c0188f28eb00d SALT DETAIL 0606060606060606060606060606060602e807080105ffffffff0f
        0c0188f28eb00d SALT DETAIL 0606060606060606060606060606060603e80701
        0c0188f28eb00d SALT DETAIL 0606060606060606060606060606060604e807
        0c0188f28eb00d SALT DETAIL 060606060606060606060606060606060505ffffffff0f
        0c0188f28eb00d SALT DETAIL 0606060606060606060606060606060614e80705ffffffff0f
        0c0188f28eb00d SALT DETAIL 0606060606060606060606060606060600ac02
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn what_decodes_encodes_to_the_same_bytes() {
    let mut n_decoded = 0;
    for fact in facts() {
        let bytes = entry(fact).encode();
        for at in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..at]).is_err(), "cut at {at}");
            for flip in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << flip;
                if let Ok(entry) = Entry::decode(&changed) {
                    assert_eq!(entry.encode(), changed);
                    n_decoded += 1;
                }
            }
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Entry::decode(&longer).is_err());
    }
    assert!(n_decoded > 1000, "most bits are hashes, salts and numbers");
}

#[test]
fn unknown_kinds_are_refused_by_feature() {
    let cases = [(22, Some("entry-kind-22")), (127, Some("entry-kind-127")), (0, None)];
    for (kind, feature) in cases {
        let error = Entry::decode(&[kind, 0, 0]).unwrap_err();
        let want = feature.map_or(DecodeErrorKind::Malformed, |it| DecodeErrorKind::Unsupported {
            feature: it.into(),
        });
        assert_eq!(error.kind(), &want);
    }
}
