use expect_test::{Expect, expect};
use types::{Address, Hash};

use super::*;
use crate::{Excluded, FolderDetail, PlacementDetail, QuarantineDetail, RunDetail, SourceDetail};

const PLACE: SourceRef = SourceRef { source: SourceId(5), uid: 70 };
const PLACEMENT: PlacementId = PlacementId(30);

fn check(fact: Fact, detail: Option<&Detail>, want: &Expect) {
    let entry = Entry { time: Timestamp(1000), salt: [0; 16], detail: None, fact };
    let changes = project(EntryNumber(40), &entry, detail);
    let text: Vec<String> = changes.iter().map(|it| format!("{it:?}\n")).collect();
    want.assert_eq(&text.concat().replace(&"0".repeat(64), "0…"));
}

fn placed(message: Option<MessageKey>) -> Fact {
    Fact::Placed {
        message,
        blob: BlobId([0; 32]),
        size: 99,
        folder: FolderId(1),
        flags: Flags::SEEN,
        received: Some(Timestamp(500)),
        source: Some(PLACE),
    }
}

fn placed_detail(date: Option<Timestamp>) -> Detail {
    let message = MessageDetail {
        from: vec![Address::bare("bob@example.org")],
        subject: "hello".into(),
        date,
        ..MessageDetail::default()
    };
    let placement = PlacementDetail { keywords: vec!["$Work".into()], ..Default::default() };
    Detail::Placed(placement, Some(Box::new(message)))
}

#[test]
fn a_first_placement_makes_a_message() {
    check(
        placed(None),
        Some(&placed_detail(Some(Timestamp(400)))),
        &expect![[r#"
            Message { message: MessageKey(40), bytes: Some(MessageBytes { blob: 0…, size: 99, archived: Timestamp(1000) }), date: Some(Timestamp(400)), detail: Some(MessageDetail { from: [Address { name: "", addr: "bob@example.org" }], to: [], cc: [], bcc: [], subject: "hello", message_id_header: "", references: [], date: Some(Timestamp(400)), header_hash: 0…, canonical_hash: 0…, parts: [], defects: [], parser_version: 0 }), content: None }
            Placement { placement: PlacementId(40), message: MessageKey(40), folder: FolderId(1), flags: {"seen"}, keywords: ["$Work"], received: Some(Timestamp(500)), placed: Timestamp(1000), source: Some(SourceRef { source: SourceId(5), uid: 70 }), envelope: EnvelopeDetail { senders: [], recipients: [] } }
        "#]],
    );
}

#[test]
fn without_a_date_the_source_tells_it() {
    check(
        placed(None),
        Some(&placed_detail(None)),
        &expect![[r#"
            Message { message: MessageKey(40), bytes: Some(MessageBytes { blob: 0…, size: 99, archived: Timestamp(1000) }), date: Some(Timestamp(500)), detail: Some(MessageDetail { from: [Address { name: "", addr: "bob@example.org" }], to: [], cc: [], bcc: [], subject: "hello", message_id_header: "", references: [], date: None, header_hash: 0…, canonical_hash: 0…, parts: [], defects: [], parser_version: 0 }), content: None }
            Placement { placement: PlacementId(40), message: MessageKey(40), folder: FolderId(1), flags: {"seen"}, keywords: ["$Work"], received: Some(Timestamp(500)), placed: Timestamp(1000), source: Some(SourceRef { source: SourceId(5), uid: 70 }), envelope: EnvelopeDetail { senders: [], recipients: [] } }
        "#]],
    );
}

#[test]
fn an_erased_detail_leaves_the_message() {
    check(
        placed(None),
        None,
        &expect![[r#"
            Message { message: MessageKey(40), bytes: Some(MessageBytes { blob: 0…, size: 99, archived: Timestamp(1000) }), date: Some(Timestamp(500)), detail: None, content: None }
            Placement { placement: PlacementId(40), message: MessageKey(40), folder: FolderId(1), flags: {"seen"}, keywords: [], received: Some(Timestamp(500)), placed: Timestamp(1000), source: Some(SourceRef { source: SourceId(5), uid: 70 }), envelope: EnvelopeDetail { senders: [], recipients: [] } }
        "#]],
    );
}

#[test]
fn a_later_placement_makes_no_message() {
    check(
        placed(Some(MessageKey(3))),
        Some(&placed_detail(None)),
        &expect![[r#"
            Placement { placement: PlacementId(40), message: MessageKey(3), folder: FolderId(1), flags: {"seen"}, keywords: ["$Work"], received: Some(Timestamp(500)), placed: Timestamp(1000), source: Some(SourceRef { source: SourceId(5), uid: 70 }), envelope: EnvelopeDetail { senders: [], recipients: [] } }
        "#]],
    );
}

#[test]
fn placements_change() {
    let moved = |source| Fact::Moved { placement: PLACEMENT, folder: FolderId(2), source };
    check(
        moved(None),
        None,
        &expect![[r#"
        PlacementChange { placement: PlacementId(30), folder: Some(FolderId(2)), flags: None, removed: None }
    "#]],
    );
    check(
        moved(Some(PLACE)),
        None,
        &expect![[r#"
        PlacementChange { placement: PlacementId(30), folder: Some(FolderId(2)), flags: None, removed: None }
        SourceRef { source: SourceRef { source: SourceId(5), uid: 70 }, placement: Some(PlacementId(30)) }
    "#]],
    );
    let flagged = Fact::Flagged { placement: PLACEMENT, flags: Flags::DRAFT };
    check(
        flagged,
        None,
        &expect![[r#"
        PlacementChange { placement: PlacementId(30), folder: None, flags: Some({"draft"}), removed: None }
    "#]],
    );
    check(
        Fact::Removed { placement: PLACEMENT },
        None,
        &expect![[r#"
        PlacementChange { placement: PlacementId(30), folder: None, flags: None, removed: Some(Timestamp(1000)) }
    "#]],
    );
}

#[test]
fn places_at_the_source_come_and_go() {
    check(
        Fact::SourceGone { source: PLACE },
        None,
        &expect![[r#"
        SourceRef { source: SourceRef { source: SourceId(5), uid: 70 }, placement: None }
    "#]],
    );
    check(
        Fact::Sighted { placement: PLACEMENT, source: PLACE },
        None,
        &expect![[r#"
        SourceRef { source: SourceRef { source: SourceId(5), uid: 70 }, placement: Some(PlacementId(30)) }
    "#]],
    );
}

#[test]
fn folders_and_sources_take_the_number_of_their_entry() {
    let made =
        |folder| Fact::FolderChanged { folder, archive: ArchiveId(7), kind: TreeKind::Archive };
    let named = Detail::Folder(FolderDetail { user: "alice".into(), path: "a/INBOX".into() });
    check(
        made(None),
        Some(&named),
        &expect![[r#"
        Folder { folder: FolderId(40), archive: ArchiveId(7), kind: Archive, user: Some("alice"), path: Some("a/INBOX") }
    "#]],
    );
    check(
        made(Some(FolderId(1))),
        Some(&named),
        &expect![[r#"
        Folder { folder: FolderId(1), archive: ArchiveId(7), kind: Archive, user: Some("alice"), path: Some("a/INBOX") }
    "#]],
    );
    check(
        made(None),
        None,
        &expect![[r#"
        Folder { folder: FolderId(40), archive: ArchiveId(7), kind: Archive, user: None, path: None }
    "#]],
    );
    let opened = Fact::SourceOpened { archive: ArchiveId(7), folder: FolderId(1), uid_validity: 9 };
    let named = Detail::Source(SourceDetail {
        profile: "imap://h:143".into(),
        account: "alice".into(),
        mailbox_raw: b"INBOX".to_vec(),
        mailbox: "INBOX".into(),
    });
    check(
        opened.clone(),
        Some(&named),
        &expect![[r#"
        Source { source: SourceId(40), archive: ArchiveId(7), folder: FolderId(1), uid_validity: 9, profile: "imap://h:143", account: "alice", mailbox_raw: [73, 78, 66, 79, 88], mailbox: "INBOX" }
    "#]],
    );
    check(
        opened,
        None,
        &expect![[r#"
        Source { source: SourceId(40), archive: ArchiveId(7), folder: FolderId(1), uid_validity: 9, profile: "", account: "", mailbox_raw: [], mailbox: "" }
    "#]],
    );
}

#[test]
fn what_a_run_notes() {
    let cursor = Fact::CursorAdvanced {
        source: SourceId(5),
        uid_next: 71,
        modseq: 8,
        fingerprint: Hash([0; 32]),
    };
    check(
        cursor,
        None,
        &expect![[r#"
        Cursor { source: SourceId(5), uid_next: 71, modseq: 8, fingerprint: 0… }
    "#]],
    );
    let quarantined = Fact::Quarantined {
        source: PLACE,
        reason: QuarantineReason::Omitted,
        attempts: 1,
        retry_at: Timestamp(2000),
    };
    let said = Detail::Quarantine(QuarantineDetail { text: "left out".into() });
    check(
        quarantined,
        Some(&said),
        &expect![[r#"
        Quarantine { source: SourceRef { source: SourceId(5), uid: 70 }, reason: Omitted, text: "left out", attempts: 1, retry_at: Timestamp(2000), at: Timestamp(1000) }
    "#]],
    );
    let counts = RunCounts { server_count: 1, archived: 1, ..RunCounts::default() };
    let certificate =
        Certificate { source: SourceId(5), uid_validity: 9, uid_next: 71, modseq: 8, counts };
    check(
        Fact::Certified(certificate),
        None,
        &expect![[r#"
        Certificate { certificate: Certificate { source: SourceId(5), uid_validity: 9, uid_next: 71, modseq: 8, counts: RunCounts { server_count: 1, archived: 1, already: 0, excluded: Excluded { default_folders: 0, folder_list: 0, filter: 0, unknown_address: 0 }, quarantined: 0 } }, at: Timestamp(1000) }
    "#]],
    );
    let finished =
        Fact::RunFinished { outcome: Outcome::Succeeded, counts, started: Timestamp(900) };
    let run = Detail::Run(RunDetail { title: "archive".into(), warnings: Vec::new() });
    check(
        finished,
        Some(&run),
        &expect![[r#"
        Run { entry: EntryNumber(40), outcome: Succeeded, counts: RunCounts { server_count: 1, archived: 1, already: 0, excluded: Excluded { default_folders: 0, folder_list: 0, filter: 0, unknown_address: 0 }, quarantined: 0 }, started: Timestamp(900), ended: Timestamp(1000), title: "archive" }
    "#]],
    );
}

#[test]
fn a_newer_detail_describes_the_message_anew() {
    let anew = Fact::Detail { of: EntryNumber(12) };
    check(
        anew.clone(),
        Some(&placed_detail(Some(Timestamp(400)))),
        &expect![[r#"
            Message { message: MessageKey(12), bytes: None, date: Some(Timestamp(400)), detail: Some(MessageDetail { from: [Address { name: "", addr: "bob@example.org" }], to: [], cc: [], bcc: [], subject: "hello", message_id_header: "", references: [], date: Some(Timestamp(400)), header_hash: 0…, canonical_hash: 0…, parts: [], defects: [], parser_version: 0 }), content: None }
        "#]],
    );
    check(anew, None, &expect![[r#""#]]);
}

#[test]
fn a_detail_of_another_kind_counts_as_erased() {
    let folder = Detail::Folder(FolderDetail::default());
    let entry = Entry { time: Timestamp(1000), salt: [0; 16], detail: None, fact: placed(None) };
    let number = EntryNumber(40);
    assert_eq!(project(number, &entry, Some(&folder)), project(number, &entry, None));
}

#[test]
fn sums_of_hostile_counts_do_not_overflow() {
    let excluded = Excluded { default_folders: u64::MAX, filter: 1, ..Excluded::default() };
    let mut counts = RunCounts { server_count: 3, archived: 2, excluded, ..Default::default() };
    assert!(!counts.adds_up());
    let other = counts;
    counts.add(&other);
    assert_eq!(counts.excluded.default_folders, u64::MAX);
    assert_eq!(counts.archived, 4);
}
