//! What engines and people are told.

use expect_test::expect;
use ledger::{Certificate, Excluded, Outcome, RunCounts, RunDetail};
use ports::{CursorRow, MatchRow};
use types::{EntryNumber, FolderPath};

use super::*;

const BOB: ArchiveId = ArchiveId(2);

#[test]
fn rows_say_what_details_said() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    story.message("first", inbox, None);
    let erased = story.placed("second", None, inbox, Flags::SEEN, None);
    story.entries[usize::try_from(erased).unwrap()].1 = None;
    let told = told(&mut story);
    let rows = told.catalog.messages(&[1, 7, 0]).unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|it| {
            let MessageRow { n, key, size, date, archived, from, to, subject, is_erased, .. } = it;
            format!(
                "{n} {key} {size} {} {} | {from} | {to} | {subject} | {is_erased}\n",
                date.0, archived.0
            )
        })
        .collect();
    expect![[r#"
        1 2 6 500 1000002 | erased | erased | erased | true
        0 1 5 400 1000001 | Bob <bob@example.org> | alice@example.org | about first | false
    "#]]
    .assert_eq(&lines.concat());
    assert_eq!(rows[1].blob, BlobId::of(b"first"));
    assert_eq!(told.catalog.message(rows[0].key).unwrap().as_ref(), Some(&rows[0]));
    assert_eq!(told.catalog.message(MessageKey(99)).unwrap(), None);
}

#[test]
fn long_lists_of_people_are_cut() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let number = story.message("m", inbox, None);
    let (_, detail) = &mut story.entries[usize::try_from(number).unwrap()];
    let Some(Detail::Placed(_, Some(message))) = detail else { panic!() };
    message.to = (0..500).map(|it| Address::bare(format!("{it}@example.org"))).collect();
    message.from = Vec::new();
    message.subject = "\u{e9}".repeat(5000);
    let told = told(&mut story);
    let row = told.catalog.messages(&[0]).unwrap().remove(0);
    assert!(row.to.starts_with("0@example.org, 1@example.org, "));
    assert!(row.to.len() <= 600 && row.to.ends_with('\u{2026}'), "{}", row.to.len());
    assert!(row.subject.len() <= 1000 && row.subject.ends_with('\u{2026}'));
    assert_eq!(row.from, "");
}

#[test]
fn a_newer_detail_describes_a_message_anew() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let number = story.message("m", inbox, None);
    let described = |subject: &str, date| {
        let detail = MessageDetail { subject: subject.into(), date, ..MessageDetail::default() };
        Some(Detail::Placed(PlacementDetail::default(), Some(Box::new(detail))))
    };
    let of = EntryNumber(number);
    story.tell(Fact::Detail { of }, described("better", Some(Timestamp(77))));
    let unknown = EntryNumber(inbox.0);
    story.tell(Fact::Detail { of: unknown }, described("of no message", None));
    let told = told(&mut story);
    let row = told.catalog.message(MessageKey(number)).unwrap().unwrap();
    assert_eq!((row.subject.as_str(), row.date, row.n), ("better", Timestamp(77), 0));
    assert_eq!(told.catalog.counts().unwrap().messages, 1);
}

#[test]
fn sets_follow_folders_users_and_flags() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a@example.org/INBOX");
    let work = story.folder(ALICE, "alice", "a@example.org/INBOX/Work");
    let workshop = story.folder(ALICE, "alice", "a@example.org/INBOX/Workshop");
    let bobs = story.folder(BOB, "Bob", "b@example.org/Entw\u{fc}rfe");
    let first = story.placed("0", None, inbox, Flags::FLAGGED.with(Flags::SEEN), None);
    story.message("1", work, None);
    story.message("2", workshop, None);
    story.placed("3", None, bobs, Flags::FLAGGED, None);
    story.placed("0", Some(first), bobs, Flags::default(), None);
    let told = told(&mut story);
    let catalog = &told.catalog;
    let below = |archive, path: &str| numbers(&catalog.set_below(archive, path).unwrap());
    let cases: [(Option<ArchiveId>, &str, &[u32]); 10] = [
        (None, "a@example.org", &[0, 1, 2]),
        (None, "INBOX", &[0, 1, 2]),
        (None, "inbox/work", &[1]),
        (None, "inbox/work/", &[1]),
        (None, "INBOX/Wor", &[]),
        (None, "Work", &[]),
        (Some(BOB), "INBOX", &[]),
        (None, "Entwu\u{308}rfe", &[0, 3]),
        (None, "ENTW\u{dc}RFE", &[0, 3]),
        (None, "", &[]),
    ];
    for (archive, path, want) in cases {
        assert_eq!(below(archive, path), want, "{path:?}");
    }
    assert_eq!(numbers(&catalog.set_of_user("ALICE").unwrap()), [0, 1, 2]);
    assert_eq!(numbers(&catalog.set_of_user("bob").unwrap()), [0, 3]);
    assert_eq!(numbers(&catalog.set_of_archive(BOB).unwrap()), [0, 3]);
    assert_eq!(numbers(&catalog.set_of_all().unwrap()), [0, 1, 2, 3]);
    let flagged = |flags| numbers(&catalog.set_with_flags(None, flags).unwrap());
    assert_eq!(flagged(Flags::FLAGGED), [0, 3]);
    assert_eq!(flagged(Flags::FLAGGED.with(Flags::SEEN)), [0]);
    assert_eq!(flagged(Flags::DRAFT), [] as [u32; 0]);
    let flagged_in =
        |archive, flags| numbers(&catalog.set_with_flags(Some(archive), flags).unwrap());
    assert_eq!(flagged_in(ALICE, Flags::FLAGGED), [0]);
    assert_eq!(flagged_in(BOB, Flags::FLAGGED), [3]);
    assert_eq!(flagged_in(ALICE, Flags::SEEN), [0]);
    assert_eq!(flagged_in(BOB, Flags::SEEN), [] as [u32; 0]);
    let users: Vec<String> = catalog
        .users()
        .unwrap()
        .iter()
        .map(|it| format!("{} {} {}", it.archive, it.user, it.messages))
        .collect();
    assert_eq!(users, ["2 Bob 2", "1 alice 3"]);
    let page = catalog.placed(&catalog.set_of_all().unwrap(), 1, 2).unwrap();
    let page: Vec<u32> = page.iter().map(|it| it.message.n).collect();
    assert_eq!(page, [1, 2]);
}

#[test]
fn sets_reach_over_chunks() {
    const N: u32 = 65_536 + 10;
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    for n in 0..N {
        story.message(&n.to_string(), inbox, None);
    }
    let last = story.entries.len() as u64 - 1;
    story.tell(Fact::Removed { placement: placement(last) }, None);
    let told = told(&mut story);
    let set = told.catalog.set_of_all().unwrap();
    assert_eq!(set.len(), u64::from(N) - 1);
    assert!(!set.contains(N - 1) && set.contains(N - 2) && set.contains(65_535));
    assert_eq!(told.catalog.folders(None).unwrap()[0].messages, u64::from(N) - 1);
    let between = told.catalog.messages_between(10, 12, 100).unwrap();
    let keys: Vec<u64> = between.iter().map(|it| it.key.0).collect();
    assert_eq!(keys, [10, 11]);
}

#[test]
fn engines_find_folders_sources_and_placements() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/Entw\u{fc}rfe");
    let elsewhere = story.folder(ALICE, "alice", "b/INBOX");
    let source = story.source(inbox, "Entw\u{fc}rfe");
    let later = story.source(inbox, "a%2Fb/100%25/%");
    let first = story.message("m", inbox, Some(at(source, 4_294_967_295)));
    story.placed("m", Some(first), elsewhere, Flags::default(), Some(at(source, u64::MAX)));
    story.placed("m", Some(first), inbox, Flags::default(), Some(at(source, 3)));
    let fingerprint = Hash([5; 32]);
    for uid_next in [1, 9] {
        let cursor = Fact::CursorAdvanced { source, uid_next, modseq: u64::MAX, fingerprint };
        story.tell(cursor, None);
    }
    let excluded = Excluded { default_folders: 1, folder_list: 2, filter: 3, unknown_address: 4 };
    let counts = RunCounts { server_count: 16, archived: 5, already: 0, excluded, quarantined: 1 };
    let certificate = Certificate { source, uid_validity: 9, uid_next: 10, modseq: 11, counts };
    story.tell(Fact::Certified(Certificate { uid_next: 1, ..certificate }), None);
    story.tell(Fact::Certified(certificate), None);
    let outcome = Outcome::Partial;
    let detail = Detail::Run(RunDetail { title: "archive".into(), warnings: Vec::new() });
    story.tell(Fact::RunFinished { outcome, counts, started: Timestamp(1) }, Some(detail));
    let told = told(&mut story);
    let catalog = &told.catalog;

    let nfd = FolderPath::from_parts(["a", "Entwu\u{308}rfe"]);
    assert_eq!(catalog.folder(ALICE, &nfd).unwrap(), Some(inbox));
    assert_eq!(catalog.folder(BOB, &nfd).unwrap(), None);
    let rows = catalog.sources(ALICE, "imap://h:143", "alice").unwrap();
    assert_eq!(rows.len(), 2);
    let cursor = CursorRow { uid_next: 9, modseq: u64::MAX, fingerprint };
    assert_eq!((rows[0].source, rows[0].cursor), (source, Some(cursor)));
    assert_eq!(rows[0].certificate, Some(certificate));
    assert_eq!((rows[1].cursor, rows[1].certificate), (None, None));
    assert!(catalog.sources(ALICE, "imap://h:143", "bob").unwrap().is_empty());
    let refs: Vec<u64> =
        catalog.source_refs(source).unwrap().into_iter().map(|(uid, _)| uid).collect();
    assert_eq!(refs, [3, 4_294_967_295, u64::MAX]);
    let found = catalog.placements(ALICE, "a", MessageKey(first)).unwrap();
    assert_eq!((found.len(), found[0].folder), (1, inbox));
    assert!(catalog.placements(BOB, "a", MessageKey(first)).unwrap().is_empty());
    let matches = catalog.match_rows(source).unwrap();
    let want = MatchRow {
        placement: placement(first),
        size: 1,
        received: Some(Timestamp(500)),
        header_hash: Hash::of(b"m"),
    };
    assert_eq!((matches.len(), matches[0]), (2, want));
    let name = catalog.mailbox_name(later).unwrap().unwrap();
    assert_eq!(name.parts, ["a/b", "100%", ""]);
    assert_eq!(name.path(), "a%2Fb/100%25/%");
    let certified = catalog.certificates(None).unwrap();
    assert_eq!((certified.len(), certified[0].certificate), (1, certificate));
    let runs = catalog.runs(5).unwrap();
    assert_eq!(
        (runs[0].outcome, runs[0].counts, runs[0].title.as_str()),
        (outcome, counts, "archive")
    );
}

#[test]
fn renamed_and_erased_folders() {
    let mut story = Story::default();
    let inbox = story.folder(ALICE, "alice", "a/INBOX");
    let gone = story.folder(ALICE, "alice", "a/Old");
    let fact =
        |folder| Fact::FolderChanged { folder: Some(folder), archive: ALICE, kind: TreeKind::Live };
    let renamed = FolderDetail { user: "alice2".into(), path: "a/Eingang".into() };
    story.tell(fact(inbox), Some(Detail::Folder(renamed)));
    story.tell(fact(gone), None);
    let told = told(&mut story);
    let rows = told.catalog.folders(Some(ALICE)).unwrap();
    let names: Vec<String> = rows.iter().map(|it| format!("{} {}", it.user, it.path)).collect();
    assert_eq!(names, ["erased erased", "alice2 a/Eingang"]);
    assert_eq!(rows[0].kind, TreeKind::Live);
    let old = FolderPath::from_parts(["a", "INBOX"]);
    assert_eq!(told.catalog.folder(ALICE, &old).unwrap(), None);
}

#[tokio::test]
async fn engines_wait_for_what_they_appended() {
    let mut story = Story::default();
    story.folder(ALICE, "alice", "a/INBOX");
    let told = told(&mut story);
    told.catalog.wait_for(1).await.unwrap();
    assert_eq!(told.catalog.reached(), 1);
    let waits = told.catalog.wait_for(2);
    told.reach.send_modify(|it| it.entries = 2);
    waits.await.unwrap();
    told.reach.send_modify(|it| it.failure = Some("no space left".into()));
    told.catalog.wait_for(2).await.unwrap();
    let error = told.catalog.wait_for(3).await.unwrap_err();
    assert!(error.cause.to_string().contains("no space left"), "{error}");
    drop(told.reach);
    assert!(told.catalog.wait_for(3).await.is_err());
}
