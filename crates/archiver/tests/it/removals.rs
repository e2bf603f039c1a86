//! What leaves the source behind a run, and everything that keeps it there.
//!
//! W28 of the loss catalogue: mail is removed at the source before the archive was proven to have
//! it.

use std::time::Duration;

use archiver::RemovalReport;
use expect_test::{Expect, expect};
use ports::{LogErrorKind, SourceErrorKind};
use types::Flags;

use crate::fakes::{Answer, ServerKind, Twist, mail};
use crate::world::{World, show_removal};

const DAY: u64 = 86_400;

fn world(labels: &str) -> World {
    let world = World::full();
    world.server.deliver_all("INBOX", labels);
    world
}

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(report: &RemovalReport, want: Expect) {
    want.assert_eq(&show_removal(report));
}

/// The messages that a mailbox holds, by the labels that they came with.
fn left(world: &World, mailbox: &str) -> String {
    let state = world.server.state();
    let messages = state.mailboxes[mailbox].messages.values();
    let labels: Vec<String> = messages.map(|it| crate::world::label(&it.bytes)).collect();
    labels.join(" ")
}

/// Whatever became of the source, the archive has everything, and a run that goes well finds
/// nothing amiss.
async fn archive_has(world: &World, labels: &str) {
    world.server.state().twists.clear();
    let run = world.run().await;
    assert_eq!(run.outcome, ledger::Outcome::Succeeded, "{run:#?}");
    let contents = world.contents();
    let mut want: Vec<_> = labels.split(' ').map(|it| types::BlobId::of(&mail(it))).collect();
    want.sort();
    assert_eq!(contents["INBOX"], want);
}

#[tokio::test(start_paused = true)]
async fn w28_what_is_proven_leaves_and_the_placement_stays() {
    let world = world("a b c");
    world.server.set_flags("INBOX", 2, Flags::FLAGGED);
    let (_, report) = world.run_and_remove("at once").await;
    check(
        &report,
        expect![[r#"
            left 2
            stayed 1: flagged
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "b");
    // It stands nowhere now, and is there all the same.
    expect![[r#"
        INBOX: a@- b@101.2 c@-
    "#]]
    .assert_eq(&world.archive());
    expect![[r#"
        connect
        list
        open INBOX
        fetch INBOX 3
        connect
        open INBOX to remove: Removed
        facts INBOX 3 No
        remove INBOX [1, 3]"#]]
    .assert_eq(&world.server.seen());
    archive_has(&world, "a b c").await;
    world.assert_silent().await;
    let (_, report) = world.run_and_remove("at once").await;
    check(
        &report,
        expect![[r#"
            left 0
            stayed 1: flagged
        "#]],
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_unless_somebody_asked() {
    let world = world("a");
    let (_, report) = world.run_and_remove("never").await;
    check(&report, expect![["left 0\n"]]);
    assert_eq!(left(&world, "INBOX"), "a");
    assert!(!world.server.seen().contains("to remove"), "opened for writing");
}

#[tokio::test(start_paused = true)]
async fn w28_after_a_failure_nothing_leaves() {
    let world = world("a b");
    world.server.deliver_all("Other", "c");
    let locked = [SourceErrorKind::Mailbox; 3].into();
    world.server.state().locked.insert("Other".to_owned(), locked);
    let (run, report) = world.run_and_remove("at once").await;
    assert_eq!(run.outcome, ledger::Outcome::Partial);
    check(
        &report,
        expect![[r#"
            left 0
            not tried: not everything of the account is archived
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "a b");
    world.server.heal();
    let (_, report) = world.run_and_remove("at once").await;
    assert_eq!(report.left, 3);
    assert_eq!(left(&world, "INBOX"), "");
}

#[tokio::test(start_paused = true)]
async fn quarantined_messages_stay() {
    let world = world("a b");
    world.server.spoil("INBOX", 2, &[Answer::Nil; 5]);
    let (run, report) = world.run_and_remove("at once").await;
    assert_eq!(run.counts.quarantined, 1);
    assert_eq!((report.left, report.not_tried.is_some()), (0, true));
    // A run that were complete all the same would leave it alone, too.
    let mut accepted = run.clone();
    accepted.outcome = ledger::Outcome::Succeeded;
    accepted.mailboxes[0].complete = true;
    let report = world.remove("at once", &accepted).await;
    check(
        &report,
        expect![[r#"
            left 1
            stayed 1: in quarantine
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "b");
}

#[tokio::test(start_paused = true)]
async fn what_the_filter_leaves_out_stays() {
    let mut world = world("a b ab");
    world.options.filter = "subject:a".parse().unwrap();
    let (_, report) = world.run_and_remove("at once").await;
    check(
        &report,
        expect![[r#"
            left 2
            stayed 1: outside the filter
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "b");
    // One that was archived under another filter.
    let mut world = self::world("a b");
    world.run().await;
    world.options.filter = "subject:b".parse().unwrap();
    let (_, report) = world.run_and_remove("at once").await;
    check(
        &report,
        expect![[r#"
            left 1
            stayed 1: outside the filter
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "a");
    // By flags as they are now.
    let mut world = self::world("a b");
    world.options.filter = "unread".parse().unwrap();
    let run = world.run().await;
    world.server.set_flags("INBOX", 1, Flags::SEEN);
    let report = world.remove("at once", &run).await;
    assert_eq!((report.left, left(&world, "INBOX")), (1, "a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn ages_by_both_dates() {
    let world = world("old");
    let run = world.run().await;
    // Archived today, dated three years ago.
    for (rule, want) in
        [("after 1 week by archive date", "old"), ("after 5 years", "old"), ("after 2 years", "")]
    {
        world.server.seen();
        world.remove(rule, &run).await;
        assert_eq!(left(&world, "INBOX"), want, "{rule}");
        let opened = world.server.seen().contains("to remove");
        assert_eq!(opened, want.is_empty(), "{rule}: the mailbox is opened only when need be");
    }
    let world = self::world("old");
    world.run().await;
    world.later(8 * DAY);
    let (_, report) = world.run_and_remove("after 1 week by archive date").await;
    assert_eq!((report.left, left(&world, "INBOX")), (1, String::new()));
}

/// Neither the header nor the source tells a date: it stays, unless the day of archiving counts.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_dated_stays() {
    let world = World::full();
    world.server.deliver("INBOX", b"Subject: undated\r\n\r\nx\r\n".to_vec());
    world
        .server
        .state()
        .mailboxes
        .get_mut("INBOX")
        .unwrap()
        .messages
        .get_mut(&1)
        .unwrap()
        .received = crate::fakes::UNDATED;
    world.run().await;
    world.later(400 * DAY);
    let (_, report) = world.run_and_remove("after 1 month").await;
    check(
        &report,
        expect![[r#"
            left 0
            stayed 1: its date is not known
        "#]],
    );
    let (_, report) = world.run_and_remove("after 1 month by archive date").await;
    assert_eq!(report.left, 1);
}

#[tokio::test(start_paused = true)]
async fn w28_a_damaged_copy_ends_it_all() {
    let world = world("a b c");
    let run = world.run().await;
    world.log.damage(&mail("b"));
    let report = world.remove("at once", &run).await;
    assert_eq!(left(&world, "INBOX"), "a b c");
    let failure = report.failure.unwrap();
    assert_eq!(failure.kind, archiver::RunFailureKind::Store);
    assert!(failure.message.starts_with("nothing more was removed: "), "{}", failure.message);
    assert_eq!(failure.hint.unwrap(), "`posthold verify` says what is damaged.");
    assert!(!world.server.seen().contains("remove INBOX ["), "removal was asked for");
}

/// Every way in which a removal goes wrong, one after the other: what is archived stays archived,
/// and the next run takes up where this one ended.
#[tokio::test(start_paused = true)]
async fn w28_every_answer_of_a_removal() {
    for (twist, stays, want) in twisted() {
        let world = world("a b c");
        world.server.state().twists.push_back(twist);
        let (_, report) = world.run_and_remove("at once").await;
        check(&report, want);
        assert_eq!(left(&world, "INBOX"), stays, "{twist:?}");
        archive_has(&world, "a b c").await;
        // What was not flagged leaves with the next run, marked or not.
        let (_, report) = world.run_and_remove("at once").await;
        assert_eq!(report.failure, None);
        let want = if twist == Twist::Flag(2) { "b" } else { "" };
        assert_eq!(left(&world, "INBOX"), want, "{twist:?}");
        archive_has(&world, "a b c").await;
    }
}

fn twisted() -> [(Twist, &'static str, Expect); 7] {
    [
        (
            Twist::Closed(SourceErrorKind::Mailbox),
            "a b c",
            expect![[r#"
                left 0
                stayed 3: in a mailbox that cannot be changed
                warning: INBOX: the server failed (Mailbox)
            "#]],
        ),
        (
            Twist::Closed(SourceErrorKind::Configuration),
            "a b c",
            expect![[r#"
                left 0
                failure: Configuration: the server failed (Configuration)
            "#]],
        ),
        (
            Twist::BreakFirst,
            "a b c",
            expect![[r#"
                left 0
                unconfirmed 3
                failure: Unavailable: the server failed (Transient)
            "#]],
        ),
        (
            Twist::BreakBetween,
            "a b c",
            expect![[r#"
                left 0
                unconfirmed 3
                failure: Unavailable: the server failed (Transient)
            "#]],
        ),
        (
            Twist::BreakLast,
            "",
            expect![[r#"
                left 0
                unconfirmed 3
                failure: Unavailable: the server failed (Transient)
            "#]],
        ),
        (
            Twist::Flag(2),
            "b",
            expect![[r#"
                left 2
                stayed 1: flagged
            "#]],
        ),
        (
            Twist::Keep,
            "a b c",
            expect![[r#"
                left 0
                stayed 3: not removed by the server
            "#]],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn w28_a_server_that_removes_another_one_is_stopped() {
    let world = world("a b c");
    world.server.state().together = 1;
    let run = world.run().await;
    // One that the archive has not: it came after the run.
    world.server.deliver_all("INBOX", "d");
    world.server.state().twists.push_back(Twist::Another(4));
    let report = world.remove("at once", &run).await;
    check(
        &report,
        expect![[r#"
            left 1
            failure: Protocol: INBOX: 1 more messages went than were removed; another client may have done that, or the server is wrong: nothing more was removed
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "b c");
}

#[tokio::test(start_paused = true)]
async fn what_came_after_the_run_stays() {
    let world = world("a");
    let run = world.run().await;
    world.server.deliver_all("INBOX", "b");
    let report = world.remove("at once", &run).await;
    assert_eq!((report.left, left(&world, "INBOX")), (1, "b".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn w28_a_renumbered_mailbox_loses_nothing() {
    let world = world("a b");
    let run = world.run().await;
    world.server.deliver_all("INBOX", "c");
    world.server.renumber("INBOX", 7, 1);
    world.server.expunge("INBOX", 1);
    let report = world.remove("at once", &run).await;
    check(
        &report,
        expect![[r#"
            left 0
            stayed 1: not certain to be the archived one
            stayed 1: gone before
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "b c");
}

/// A server that counts wrongly gives the message once more; one that says it is longer than what
/// it gave keeps it.
#[tokio::test(start_paused = true)]
async fn sizes_that_do_not_fit() {
    let world = world("a b c");
    world.server.announce("INBOX", 1, 5);
    let run = world.run().await;
    world.server.announce("INBOX", 2, 500);
    world.server.bodies();
    let report = world.remove("at once", &run).await;
    check(
        &report,
        expect![[r#"
            left 2
            stayed 1: longer at the server than what it gave
        "#]],
    );
    assert_eq!(world.server.bodies(), 1, "only the one that is in doubt");
    assert_eq!(left(&world, "INBOX"), "b");
}

#[tokio::test(start_paused = true)]
async fn without_lasting_numbers_bytes_decide() {
    for kind in [ServerKind::Unnumbered, ServerKind::Restless] {
        let world = World::new(kind);
        world.server.deliver_all("INBOX", "a b");
        let run = world.run().await;
        assert_eq!(run.outcome, ledger::Outcome::Succeeded, "{kind:?}");
        // Other numbers in this session: whatever stands there has to have the right bytes.
        let report = world.remove("at once", &run).await;
        let there = left(&world, "INBOX");
        let gone = 2 - there.split(' ').filter(|it| !it.is_empty()).count() as u64;
        assert_eq!(report.left, gone, "{kind:?}: {report:?}");
        archive_has(&world, "a b").await;
    }
    let world = World::new(ServerKind::Named);
    world.server.deliver_all("INBOX", "a b");
    let (_, report) = world.run_and_remove("at once").await;
    assert_eq!((report.left, left(&world, "INBOX")), (2, String::new()));
    archive_has(&world, "a b").await;
}

#[tokio::test(start_paused = true)]
async fn many_leave_some_at_a_time() {
    let labels: Vec<String> = (0..25).map(|it| format!("m{it}")).collect();
    let world = world(&labels.join(" "));
    world.server.state().together = 10;
    world.server.state().twists.extend([Twist::Fine, Twist::BreakLast]);
    let (_, report) = world.run_and_remove("at once").await;
    assert_eq!((report.left, report.unconfirmed), (10, 10));
    assert_eq!(left(&world, "INBOX").split(' ').count(), 5);
    let (_, report) = world.run_and_remove("at once").await;
    assert_eq!((report.left, report.unconfirmed), (5, 0));
    archive_has(&world, &labels.join(" ")).await;
}

/// The log ends in the middle: what is gone at the source is found to be gone by the next run.
#[tokio::test(start_paused = true)]
async fn the_log_fails_behind_a_removal() {
    let world = world("a b");
    let run = world.run().await;
    world.log.fail_after(0, LogErrorKind::DiskFull);
    let report = world.remove("at once", &run).await;
    let failure = report.failure.unwrap();
    assert_eq!(failure.kind, archiver::RunFailureKind::DiskFull);
    assert_eq!(left(&world, "INBOX"), "");
    assert!(world.log.reopen());
    archive_has(&world, "a b").await;
    expect![[r#"
        INBOX: a@- b@-
    "#]]
    .assert_eq(&world.archive());
}

/// Killed at any moment: the removal is dropped after each number of steps.
#[tokio::test(start_paused = true)]
async fn w28_killed_at_every_step() {
    for steps in 0..40 {
        let world = world("a b c");
        world.server.state().together = 1;
        let run = world.run().await;
        let removal = world.remove("at once", &run);
        tokio::pin!(removal);
        let mut finished = false;
        for _ in 0..steps {
            let polled = futures_poll(removal.as_mut()).await;
            finished |= polled;
            if finished {
                break;
            }
        }
        if !finished {
            // Dropped where it stands; blocking work that was begun ends by itself.
            archive_has(&world, "a b c").await;
        }
        let (_, report) = world.run_and_remove("at once").await;
        assert_eq!(report.failure, None, "after {steps} steps");
        assert_eq!(left(&world, "INBOX"), "");
        archive_has(&world, "a b c").await;
    }
}

/// Polls once, and lets others go on; whether it is done.
async fn futures_poll<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
    let done =
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready()));
    let done = done.await;
    if !done {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    done
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_to_end_removes_nothing_more() {
    let world = world("a b c");
    let run = world.run().await;
    world.options.cancel.cancel();
    let report = world.remove("at once", &run).await;
    assert!(report.cancelled && report.failure.is_none());
    assert_eq!(left(&world, "INBOX"), "a b c");
}

#[tokio::test(start_paused = true)]
async fn what_is_moved_stays_in_its_folder_of_the_archive() {
    let mut world = world("a");
    world.options.scope = crate::world::scope(&[], &["Old"]);
    world.server.create("Old");
    let (_, report) = world.run_and_remove("at once into Old").await;
    check(
        &report,
        expect![[r#"
            left 1 into Old
        "#]],
    );
    assert!(world.server.seen().contains(r#"open INBOX to remove: Moved("Old")"#));
    expect![[r#"
        INBOX: a@-
    "#]]
    .assert_eq(&world.archive());
}

/// What no backup has stays, and says why.
#[tokio::test(start_paused = true)]
async fn w28_what_is_in_no_backup_stays() {
    let mut world = world("a b c");
    let (_, report) = world.run_and_remove("at once if backed up").await;
    check(
        &report,
        expect![[r#"
            left 0
            stayed 3: in no backup yet
        "#]],
    );
    assert_eq!(left(&world, "INBOX"), "a b c");
    world.backed_up.push(0..u64::MAX);
    let (_, report) = world.run_and_remove("at once if backed up").await;
    check(
        &report,
        expect![[r#"
            left 3
        "#]],
    );
    archive_has(&world, "a b c").await;
}
