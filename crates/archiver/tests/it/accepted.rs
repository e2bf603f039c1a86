//! Messages that cannot be had, and of which somebody took note.

use archiver::{Accepted, RetryQuarantined};
use expect_test::expect;
use ledger::SourceRef;

use crate::fakes::Answer;
use crate::world::{World, show, show_removal};

/// A mailbox of three, of which the second never comes.
async fn world() -> (World, SourceRef) {
    let world = World::full();
    world.server.deliver_all("INBOX", "a b c");
    world.server.spoil("INBOX", 2, &[Answer::Nil; 40]);
    world.run().await;
    let place = *world.catalog.rows().quarantine.keys().next().unwrap();
    (world, place)
}

#[tokio::test(start_paused = true)]
async fn a_run_is_complete_without_what_was_accepted() {
    let (mut world, place) = world().await;
    expect![[r#"
        Partial
        INBOX: 3 = 0 archived + 2 already + 1 quarantined, INCOMPLETE
        warning: INBOX: UID 2 could not be fetched and will be tried again: NIL in place of the message
    "#]]
    .assert_eq(&show(&world.run().await));
    world.options.accepted = Accepted::new([place]);
    world.server.bodies();
    let run = world.run().await;
    // It stays counted, and nobody waits for it.
    expect![[r#"
        Succeeded
        INBOX: 3 = 0 archived + 2 already + 1 quarantined (1 accepted), complete
    "#]]
    .assert_eq(&show(&run));
    let certificate = world.catalog.rows().certificate(place.source).unwrap();
    assert_eq!((certificate.counts.quarantined, certificate.is_complete()), (1, false));
    // Neither time nor a run that was asked for tries it again.
    world.later(10_000_000);
    world.options.quarantine = RetryQuarantined::All;
    world.run().await;
    assert_eq!(world.server.bodies(), 0);
    // What was proven leaves; it does not.
    let removed = world.remove("at once", &run).await;
    expect![[r#"
        left 2
        stayed 1: in quarantine
    "#]]
    .assert_eq(&show_removal(&removed));
}

#[tokio::test(start_paused = true)]
async fn by_name_it_is_tried_again() {
    let (mut world, place) = world().await;
    world.options.accepted = Accepted::new([place]);
    world.options.quarantine = RetryQuarantined::One(place);
    // It fails once more: it stays accepted.
    expect![[r#"
        Succeeded
        INBOX: 3 = 0 archived + 2 already + 1 quarantined (1 accepted), complete
        warning: INBOX: UID 2 could not be fetched and will be tried again: NIL in place of the message
    "#]]
    .assert_eq(&show(&world.run().await));
    world.server.heal();
    expect![[r#"
        Succeeded
        INBOX: 3 = 1 archived + 2 already, complete
    "#]]
    .assert_eq(&show(&world.run().await));
    expect![[r#"
        INBOX: a@101.1 b@101.2 c@101.3
    "#]]
    .assert_eq(&world.archive());
}

#[tokio::test(start_paused = true)]
async fn one_is_tried_and_the_others_rest() {
    let world = World::full();
    world.server.deliver_all("INBOX", "a b c");
    world.server.spoil("INBOX", 1, &[Answer::Nil; 10]);
    world.server.spoil("INBOX", 2, &[Answer::Nil; 10]);
    world.run().await;
    world.server.heal();
    let place = *world.catalog.rows().quarantine.keys().next().unwrap();
    let mut world = world;
    world.options.quarantine = RetryQuarantined::One(place);
    expect![[r#"
        Partial
        INBOX: 3 = 1 archived + 1 already + 1 quarantined, INCOMPLETE
        warning: INBOX: 1 message is in quarantine, not tried by this run
    "#]]
    .assert_eq(&show(&world.run().await));
}
