//! The same message twice is one placement, whatever happens to it.

use expect_test::expect;

use super::*;

/// A story with two folders and a source for each.
fn two_folders() -> (Story, [FolderId; 2], [SourceId; 2]) {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let sent = story.folder(ALICE, "alice", "a/Sent");
    let sources = [story.source(inbox, "INBOX"), story.source(sent, "Sent")];
    (story, [inbox, sent], sources)
}

#[test]
fn a_second_placement_is_the_first_one_again() {
    let (mut story, [inbox, sent], [at_inbox, at_sent]) = two_folders();
    let first = story.placed("m", None, inbox, Flags::SEEN, Some(at(at_inbox, 1)));
    let again = story.placed("m", Some(first), inbox, Flags::FLAGGED, Some(at(at_inbox, 2)));
    story.placed("m", Some(first), sent, Flags::default(), Some(at(at_sent, 7)));
    // What is said of the second is meant for the first.
    story.tell(Fact::Sighted { placement: placement(again), source: at(at_inbox, 3) }, None);
    story.tell(Fact::Flagged { placement: placement(again), flags: Flags::ANSWERED }, None);
    let told = told(&mut story);
    expect![[r#"
        0 a/INBOX: 1
        1 a/Sent: 1
        message 0 about m
          4 in a/INBOX [answered] at [2:1 2:2 2:3]
          6 in a/Sent [] at [3:7]
    "#]]
    .assert_eq(&shown(&told.catalog));
    assert_eq!(told.catalog.refs_of(placement(again)).unwrap().len(), 3);
    assert_eq!(told.catalog.counts().unwrap().placements, 2);
}

#[test]
fn a_move_onto_an_existing_placement_joins_them() {
    let (mut story, [inbox, sent], [at_inbox, at_sent]) = two_folders();
    let first = story.placed("m", None, inbox, Flags::SEEN, Some(at(at_inbox, 1)));
    let other = story.placed("m", Some(first), sent, Flags::FLAGGED, Some(at(at_sent, 1)));
    let moved =
        Fact::Moved { placement: placement(first), folder: sent, source: Some(at(at_sent, 2)) };
    story.tell(moved, None);
    // Both names go on to mean what is left.
    story.tell(Fact::Sighted { placement: placement(first), source: at(at_sent, 3) }, None);
    story.tell(Fact::Moved { placement: placement(first), folder: inbox, source: None }, None);
    let told = told(&mut story);
    expect![[r#"
        0 a/INBOX: 1
        1 a/Sent: 0
        message 0 about m
          5 in a/INBOX [flagged] at [2:1 3:1 3:2 3:3]
    "#]]
    .assert_eq(&shown(&told.catalog));
    let found = told.catalog.placements(ALICE, "a", MessageKey(first)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].placement, found[0].source), (placement(other), Some(at_sent)));
    let seen = told.catalog.set_with_flags(None, Flags::SEEN).unwrap();
    assert!(seen.is_empty(), "the placement that was seen is gone");
}

#[test]
fn a_move_takes_the_message_along() {
    let (mut story, [inbox, sent], [at_inbox, at_sent]) = two_folders();
    let first = story.message("m", inbox, Some(at(at_inbox, 1)));
    story.tell(Fact::SourceGone { source: at(at_inbox, 1) }, None);
    let source = Some(at(at_sent, 1));
    story.tell(Fact::Moved { placement: placement(first), folder: sent, source }, None);
    story.tell(Fact::Moved { placement: placement(first), folder: sent, source: None }, None);
    let told = told(&mut story);
    expect![[r#"
        0 a/INBOX: 0
        1 a/Sent: 1
        message 0 about m
          4 in a/Sent [] at [3:1]
    "#]]
    .assert_eq(&shown(&told.catalog));
}

#[test]
fn a_message_that_is_gone_from_the_source_stays() {
    let (mut story, [inbox, _], [at_inbox, _]) = two_folders();
    let first = story.message("m", inbox, Some(at(at_inbox, 1)));
    story.tell(Fact::SourceGone { source: at(at_inbox, 1) }, None);
    let told = told(&mut story);
    expect![[r#"
        0 a/INBOX: 1
        1 a/Sent: 0
        message 0 about m
          4 in a/INBOX [] at []
    "#]]
    .assert_eq(&shown(&told.catalog));
    assert_eq!(told.catalog.source_refs(at_inbox).unwrap(), []);
    assert!(told.catalog.match_rows(at_inbox).unwrap().is_empty());
    let found = told.catalog.placements(ALICE, "a", MessageKey(first)).unwrap();
    assert_eq!(found[0].source, Some(at_inbox), "where it stood last");
}

#[test]
fn removal_takes_a_placement_and_leaves_the_message() {
    let (mut story, [inbox, sent], [at_inbox, _]) = two_folders();
    let first = story.placed("m", None, inbox, Flags::SEEN, Some(at(at_inbox, 1)));
    let other = story.placed("m", Some(first), sent, Flags::SEEN, None);
    story.tell(Fact::Removed { placement: placement(first) }, None);
    let mut removed_both = Story::default();
    std::mem::swap(&mut removed_both, &mut story);
    {
        let told = told(&mut removed_both);
        expect![[r#"
            0 a/INBOX: 0
            1 a/Sent: 1
            message 0 about m
              5 in a/Sent [seen] at []
        "#]]
        .assert_eq(&shown(&told.catalog));
        assert_eq!(numbers(&told.catalog.set_with_flags(None, Flags::SEEN).unwrap()), [0]);
    }
    removed_both.tell(Fact::Removed { placement: placement(other) }, None);
    // What is said of a placement that is gone is said in vain.
    removed_both.tell(Fact::Flagged { placement: placement(other), flags: Flags::DRAFT }, None);
    removed_both.tell(Fact::Sighted { placement: placement(other), source: at(at_inbox, 9) }, None);
    let told = told(&mut removed_both);
    expect![[r#"
        0 a/INBOX: 0
        1 a/Sent: 0
    "#]]
    .assert_eq(&shown(&told.catalog));
    assert!(told.catalog.set_with_flags(None, Flags::SEEN).unwrap().is_empty());
    assert_eq!(told.catalog.counts().unwrap().messages, 1);
}

#[test]
fn quarantine_ends_when_the_message_comes_or_goes() {
    let (mut story, [inbox, _], [at_inbox, _]) = two_folders();
    let quarantined = |uid, attempts| Fact::Quarantined {
        source: at(at_inbox, uid),
        reason: ledger::QuarantineReason::Nil,
        attempts,
        retry_at: Timestamp(9),
    };
    for uid in [u64::MAX, 1, 2, 3, 4] {
        story.tell(quarantined(uid, 1), None);
    }
    story.tell(quarantined(4, 2), None);
    let first = story.message("m", inbox, Some(at(at_inbox, 1)));
    story.tell(Fact::SourceGone { source: at(at_inbox, 2) }, None);
    story.tell(Fact::Sighted { placement: placement(first), source: at(at_inbox, 3) }, None);
    let told = told(&mut story);
    let left = told.catalog.quarantined(at_inbox).unwrap();
    let left: Vec<(u64, u32)> = left.iter().map(|it| (it.uid, it.attempts)).collect();
    assert_eq!(left, [(4, 2), (u64::MAX, 1)], "by ascending UID");
    assert_eq!(told.catalog.quarantine(Some(ALICE)).unwrap().len(), 2);
    assert_eq!(told.catalog.quarantine(Some(ArchiveId(99))).unwrap().len(), 0);
}
