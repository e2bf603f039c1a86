//! What the catalog says of messages that are to be erased, and that are.

use ledger::EraseReason;

use super::*;

/// A message in two folders among others, condemned and erased.
fn erased_story() -> (Story, u64) {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let work = story.folder(ALICE, "alice", "a/Work");
    let source = story.source(inbox, "INBOX");
    story.message("kept", inbox, Some(at(source, 1)));
    let gone = story.message("gone", inbox, Some(at(source, 2)));
    story.placed("gone", Some(gone), work, Flags::SEEN, Some(at(source, 3)));
    story.placed("gone", Some(gone), work, Flags::SEEN, None);
    let condemned = Fact::Condemned {
        messages: vec![MessageKey(gone)],
        reason: EraseReason::Request,
        due: Timestamp(2_000_000),
    };
    story.tell(condemned, None);
    story.tell(Fact::Erased { messages: vec![MessageKey(gone)] }, None);
    (story, gone)
}

#[test]
fn an_erased_message_is_in_no_folder_and_says_nothing() {
    let (mut story, gone) = erased_story();
    let told = told(&mut story);
    let row = told.catalog.message(MessageKey(gone)).unwrap().unwrap();
    assert!(row.is_erased);
    assert_eq!((row.from.as_str(), row.subject.as_str()), ("erased", "erased"));
    assert_eq!(row.date, row.archived);
    assert_eq!(told.catalog.places(row.n).unwrap(), []);
    assert_eq!(numbers(&told.catalog.set_of_all().unwrap()), [0]);
    assert_eq!(told.catalog.source_refs(SourceId(2)).unwrap().len(), 1);
}

/// A log whose details are gone gives the same rows as one that had them.
#[test]
fn a_catalog_made_anew_behind_the_erasure_is_the_same() {
    let (mut story, gone) = erased_story();
    let before = told(&mut story);
    let erased = |entry: &Entry, number: usize| match entry.fact {
        Fact::Placed { message, .. } => message.map_or(number as u64, |it| it.0) == gone,
        _ => false,
    };
    let mut behind = Story { tree: story.tree.clone(), ..Story::default() };
    for (number, (entry, detail)) in story.entries.iter().enumerate() {
        let kept = detail.clone().filter(|_| !erased(entry, number));
        behind.entries.push((entry.clone(), kept));
    }
    let after = told(&mut behind);
    assert_eq!(after.writer.digest().unwrap(), before.writer.digest().unwrap());
}
