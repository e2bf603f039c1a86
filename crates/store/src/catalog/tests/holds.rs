//! Holds, and the times that retention counts from.

use expect_test::expect;
use ledger::{HoldChange, HoldDetail, HoldScope};
use types::{EntryNumber, HoldId};

use super::*;

fn hold(story: &mut Story, id: u8, change: HoldChange, name: &str) {
    let detail = HoldDetail {
        name: name.into(),
        query: if change == HoldChange::Set(HoldScope::Query) { "from:bob" } else { "" }.into(),
        user: String::new(),
        by: "ann".into(),
        reason: "case 7".into(),
    };
    story.tell(Fact::Hold { hold: HoldId([id; 16]), change }, Some(Detail::Hold(detail)));
}

#[test]
fn holds_are_set_and_lifted() {
    let mut story = Story::default();
    hold(&mut story, 1, HoldChange::Set(HoldScope::Query), "Smith");
    hold(&mut story, 2, HoldChange::Set(HoldScope::Archive(ALICE)), "Alice");
    hold(&mut story, 3, HoldChange::Set(HoldScope::All), "Everything");
    hold(&mut story, 2, HoldChange::Lifted, "Alice");
    // Its beginning is in another store.
    hold(&mut story, 4, HoldChange::Lifted, "Other");
    story.tell(
        Fact::Hold { hold: HoldId([5; 16]), change: HoldChange::Set(HoldScope::Query) },
        None,
    );
    let told = told(&mut story);
    let lines: Vec<String> = told
        .catalog
        .holds()
        .unwrap()
        .iter()
        .map(|it| {
            let lifted = it.lifted.as_ref().map(|it| (it.at.0, it.by.as_str()));
            format!("{} {:?} {:?} {:?} {lifted:?}\n", it.name, it.scope, it.query, it.set_at.0)
        })
        .collect();
    expect![[r#"
        erased None None 0 Some((1000004, "ann"))
        Smith Some(Query) Some("from:bob") 1000000 None
        Alice Some(Archive(ArchiveId(1))) Some("") 1000001 Some((1000003, "ann"))
        Everything Some(All) Some("") 1000002 None
        erased Some(Query) None 1000005 None
    "#]]
    .assert_eq(&lines.concat());
}

#[test]
fn times_count_from_the_first_placement_that_is_left() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let first = story.message("first", inbox, None);
    let erased = story.placed("second", None, inbox, Flags::SEEN, None);
    story.entries[usize::try_from(erased).unwrap()].1 = None;
    let third = story.message("third", inbox, None);
    let (_, detail) = &mut story.entries[usize::try_from(third).unwrap()];
    let Some(Detail::Placed(_, Some(message))) = detail else { panic!() };
    message.defects = vec!["text-shortened".into()];
    let told = told(&mut story);
    let all = told.catalog.set_of_all().unwrap();
    let rows = told.catalog.times_of(&all, 0, 1).unwrap();
    let ports::MessageTimes { n, key, archived, date, received, .. } = rows[0];
    assert_eq!((n, key.0, archived.0, date.0), (0, first, 1_000_001, 400));
    assert_eq!(received, Some(Timestamp(500)));
    assert_eq!(told.catalog.times_of(&all, 1, 9).unwrap().len(), 2);
    assert_eq!(told.catalog.times_of_message(MessageKey(first)).unwrap(), Some(rows[0]));
    assert_eq!(numbers(&told.catalog.set_of_partly_read().unwrap()), [1, 2]);
}

#[test]
fn a_better_parser_may_have_read_everything() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let number = story.message("m", inbox, None);
    let (_, detail) = &mut story.entries[usize::try_from(number).unwrap()];
    let Some(Detail::Placed(placement, Some(message))) = detail else { panic!() };
    let better = Detail::Placed(placement.clone(), Some(message.clone()));
    message.defects = vec!["parser-panicked".into()];
    story.tell(Fact::Detail { of: EntryNumber(number) }, Some(better));
    let told = told(&mut story);
    assert!(told.catalog.set_of_partly_read().unwrap().is_empty());
}
