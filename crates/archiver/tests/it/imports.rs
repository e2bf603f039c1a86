//! Imports: `read = archived + already + quarantined`, whatever the files are. In real time: the
//! thread that reads keeps a paused clock from going on.

use std::fmt::Write;

use archiver::ImportReport;
use expect_test::{Expect, expect};
use ports::LogErrorKind;

use crate::fakes::{Script, ScriptedReader, mail};
use crate::world::World;

fn message(path: &str, label: &str) -> Script {
    Script::Message { path: path.into(), below: Vec::new(), bytes: mail(label) }
}

fn show(report: &ImportReport) -> String {
    let ImportReport { outcome, read, archived, already, quarantined, skipped, .. } = report;
    assert_eq!(*read, archived + already + quarantined);
    let mut text = format!(
        "{outcome:?}: {read} = {archived} archived + {already} already + {quarantined} \
         quarantined, {skipped} skipped\n"
    );
    for it in &report.folders {
        assert_eq!(it.server_count, it.archived + it.already + it.quarantined);
        writeln!(text, "{}: {}, complete: {}", it.mailbox, it.server_count, it.complete).unwrap();
    }
    for it in &report.warnings {
        writeln!(text, "warning: {it}").unwrap();
    }
    if let Some(failure) = &report.failure {
        writeln!(text, "failure: {:?}: {}", failure.kind, failure.message).unwrap();
    }
    text
}

async fn check(world: &World, script: Vec<Script>, report: Expect, archive: Expect) {
    let done = world.import(ScriptedReader::of(script)).await;
    report.assert_eq(&show(&done));
    archive.assert_eq(&world.archive());
}

#[tokio::test]
async fn files_become_messages_once() {
    let world = World::full();
    let script = || {
        let below = vec!["2024".to_owned(), "May/June".to_owned()];
        vec![
            message("a.eml", "a"),
            message("copy of a.eml", "a"),
            Script::Message { path: "2024/b.eml".into(), below, bytes: mail("b") },
            Script::Message { path: "empty.eml".into(), below: vec![], bytes: vec![] },
        ]
    };
    check(
        &world,
        script(),
        expect![[r#"
        Succeeded: 4 = 4 archived + 0 already + 0 quarantined, 0 skipped
        2024/May%2FJune: 1, complete: true
        INBOX: 3, complete: true
    "#]],
        expect![[r#"
        2024/May%2FJune: b@-
        INBOX: [0 bytes]@- a@-
    "#]],
    )
    .await;
    let entries = world.log.entries_from(0).len();
    check(
        &world,
        script(),
        expect![[r#"
        Succeeded: 4 = 0 archived + 4 already + 0 quarantined, 0 skipped
        2024/May%2FJune: 1, complete: true
        INBOX: 3, complete: true
    "#]],
        expect![[r#"
        2024/May%2FJune: b@-
        INBOX: [0 bytes]@- a@-
    "#]],
    )
    .await;
    assert_eq!(world.log.entries_from(0).len(), entries, "nothing new, nothing told");
}

#[tokio::test]
async fn what_cannot_be_read_is_quarantined_until_it_can() {
    let world = World::full();
    let first = vec![
        message("a.eml", "a"),
        Script::Unreadable { path: "b.eml".into() },
        Script::Broken { path: "c.eml".into(), bytes: vec![b'x'; 2 << 20] },
        Script::Ambiguous { path: "box".into() },
        Script::Skipped { path: "cat.jpg".into() },
    ];
    check(
        &world,
        first,
        expect![[r#"
            Partial: 3 = 1 archived + 0 already + 2 quarantined, 1 skipped
            INBOX: 3, complete: false
            warning: b.eml: bad sector; it will be tried again by the next import
            warning: c.eml: bad sector; it will be tried again by the next import
            warning: cat.jpg: skipped, a picture
            warning: box: two lengths, the first one was taken
        "#]],
        expect![[r#"
        INBOX: a@-
        quarantine: INBOX 0.4672779947110284707 Unreadable tried 1
        quarantine: INBOX 0.5518583435616617008 Unreadable tried 1
    "#]],
    )
    .await;
    let second = vec![message("b.eml", "b"), Script::Unreadable { path: "c.eml".into() }];
    check(
        &world,
        second,
        expect![[r#"
        Partial: 2 = 1 archived + 0 already + 1 quarantined, 0 skipped
        INBOX: 2, complete: false
        warning: c.eml: bad sector; it will be tried again by the next import
    "#]],
        expect![[r#"
        INBOX: a@- b@-
        quarantine: INBOX 0.4672779947110284707 Unreadable tried 2
    "#]],
    )
    .await;
    let third = vec![message("c.eml", "a")];
    check(
        &world,
        third,
        expect![[r#"
        Succeeded: 1 = 0 archived + 1 already + 0 quarantined, 0 skipped
        INBOX: 1, complete: true
    "#]],
        expect![[r#"
        INBOX: a@- b@-
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_folder_can_be_given() {
    let world = World::full();
    let below = vec!["x".to_owned()];
    let script = vec![
        message("a.eml", "a"),
        Script::Message { path: "x/b.eml".into(), below, bytes: mail("b") },
    ];
    let report = world.import_to(ScriptedReader::of(script), Some("inbox/Old")).await;
    expect![[r#"
        Succeeded: 2 = 2 archived + 0 already + 0 quarantined, 0 skipped
        INBOX/Old: 1, complete: true
        INBOX/Old/x: 1, complete: true
    "#]]
    .assert_eq(&show(&report));
    expect![[r#"
        INBOX/Old: a@-
        INBOX/Old/x: b@-
    "#]]
    .assert_eq(&world.archive());
}

#[tokio::test]
async fn large_files_come_in_pieces() {
    let mut world = World::full();
    let large = |len: usize| [mail("large"), vec![b'x'; len]].concat();
    let script = || {
        let file = |path: &str, len| Script::Message {
            path: path.into(),
            below: vec![],
            bytes: large(len),
        };
        vec![file("a", 600_000), file("b", 9 << 20), message("c", "c")]
    };
    check(
        &world,
        script(),
        expect![[r#"
        Succeeded: 3 = 3 archived + 0 already + 0 quarantined, 0 skipped
        INBOX: 3, complete: true
    "#]],
        expect![[r#"
        INBOX: c@- large@- large@-
    "#]],
    )
    .await;
    check(
        &world,
        script(),
        expect![[r#"
        Succeeded: 3 = 0 archived + 3 already + 0 quarantined, 0 skipped
        INBOX: 3, complete: true
    "#]],
        expect![[r#"
        INBOX: c@- large@- large@-
    "#]],
    )
    .await;
    world.options.limits.message_bytes_max = 1 << 20;
    world.options.limits.in_flight_bytes_max = 1000;
    let report = world.import(ScriptedReader::of(script())).await;
    expect![[r#"
        Partial: 3 = 0 archived + 2 already + 1 quarantined, 0 skipped
        INBOX: 3, complete: false
        warning: b: larger than the limit for one message; it will be tried again by the next import
    "#]]
    .assert_eq(&show(&report));
}

#[tokio::test]
async fn what_an_account_has_already_is_found() {
    let world = World::full();
    world.server.deliver_all("INBOX", "a b");
    world.run().await;
    let script = vec![message("a.eml", "a"), message("c.eml", "c")];
    let report = world.import_to(ScriptedReader::of(script), Some("Import")).await;
    expect![[r#"
        Succeeded: 2 = 1 archived + 1 already + 0 quarantined, 0 skipped
        Import: 2, complete: true
    "#]]
    .assert_eq(&show(&report));
    expect![[r#"
        INBOX: a@101.1 b@101.2
        Import: a@- c@-
    "#]]
    .assert_eq(&world.archive());
    world.assert_silent().await;
}

#[tokio::test]
async fn nothing_counts_that_is_not_durable() {
    for appends in 0..6 {
        let world = World::full();
        let script = || (0..500).map(|it| message(&format!("{it}.eml"), &format!("{}", it % 400)));
        world.log.fail_after(appends, LogErrorKind::DiskFull);
        let report = world.import(ScriptedReader::of(script())).await;
        assert_eq!(report.read, report.archived + report.already + report.quarantined);
        if world.log.reopen() {
            assert_ne!(report.outcome, ledger::Outcome::Succeeded);
            assert!(report.failure.is_some());
        }
        let placed = world.catalog.rows().placements.len() as u64;
        let report = world.import(ScriptedReader::of(script())).await;
        assert_eq!(report.outcome, ledger::Outcome::Succeeded);
        assert_eq!((report.read, world.catalog.rows().placements.len()), (500, 400));
        assert!(report.already >= placed.min(400));
    }
}

#[tokio::test]
async fn a_cancelled_import_adds_up() {
    let world = World::full();
    world.options.cancel.cancel();
    check(
        &world,
        vec![message("a.eml", "a")],
        expect![[r#"
        Partial: 0 = 0 archived + 0 already + 0 quarantined, 0 skipped
    "#]],
        expect![[""]],
    )
    .await;
}
