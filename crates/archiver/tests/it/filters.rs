//! Which messages a filter leaves out, and what a later run makes of them.

use std::sync::atomic::Ordering;

use expect_test::{Expect, expect};
use types::Flags;

use crate::fakes::ServerKind;
use crate::world::{World, show};

fn world(filter: &str) -> World {
    let mut world = World::full();
    world.options.filter = filter.parse().unwrap();
    world
}

async fn run(world: &World, report: Expect, archive: Expect) {
    report.assert_eq(&show(&world.run().await));
    archive.assert_eq(&world.archive());
}

#[tokio::test(start_paused = true)]
async fn what_the_header_says_decides_once() {
    let world = world("subject:b");
    world.server.deliver_all("INBOX", "a b c");
    run(
        &world,
        expect![[r#"
            Succeeded
            INBOX: 3 = 1 archived + 0 already + 2 excluded, complete
        "#]],
        expect![[r#"
        INBOX: b@101.2
    "#]],
    )
    .await;
    expect![[r#"
        connect
        list
        open INBOX
        facts INBOX 3 Yes
        fetch INBOX 1"#]]
    .assert_eq(&world.server.seen());
    world.assert_silent().await;
    world.server.seen();
    world.server.deliver_all("INBOX", "d bb");
    run(
        &world,
        expect![[r#"
        Succeeded
        INBOX: 5 = 1 archived + 1 already + 3 excluded, complete
    "#]],
        expect![[r#"
        INBOX: b@101.2 bb@101.5
    "#]],
    )
    .await;
    // Of the five, only the new ones are looked at.
    expect![[r#"
        connect
        list
        open INBOX
        facts INBOX 2 Yes
        fetch INBOX 1"#]]
    .assert_eq(&world.server.seen());
}

#[tokio::test(start_paused = true)]
async fn what_flags_decide_is_asked_again() {
    let world = world("read");
    world.server.deliver_all("INBOX", "a b");
    world.server.set_flags("INBOX", 2, Flags::SEEN);
    run(
        &world,
        expect![[r#"
            Succeeded
            INBOX: 2 = 1 archived + 0 already + 1 excluded, complete
        "#]],
        expect![[r#"
        INBOX: b@101.2
    "#]],
    )
    .await;
    world.assert_silent().await;
    world.server.set_flags("INBOX", 1, Flags::SEEN);
    world.server.set_flags("INBOX", 2, Flags::default());
    run(
        &world,
        expect![[r#"
        Succeeded
        INBOX: 2 = 1 archived + 1 already, complete
    "#]],
        expect![[r#"
        INBOX: a@101.1 b@101.2
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_time_decides_is_asked_again() {
    let world = world("older:100d");
    world.server.deliver_all("INBOX", "a");
    // The message is of January 1st, 2024.
    world.log.now.store(1_704_200_000, Ordering::Relaxed);
    run(
        &world,
        expect![[r#"
            Succeeded
            INBOX: 1 = 0 archived + 0 already + 1 excluded, complete
        "#]],
        expect![[r#"
        INBOX: 
    "#]],
    )
    .await;
    world.log.now.store(1_804_200_000, Ordering::Relaxed);
    run(
        &world,
        expect![[r#"
        Succeeded
        INBOX: 1 = 1 archived + 0 already, complete
    "#]],
        expect![[r#"
        INBOX: a@101.1
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_filter_looks_at_everything_again() {
    let mut world = world("subject:b");
    world.server.deliver_all("INBOX", "a b");
    world.run().await;
    world.options.filter = "subject:a".parse().unwrap();
    run(
        &world,
        expect![[r#"
        Succeeded
        INBOX: 2 = 1 archived + 1 already, complete
    "#]],
        expect![[r#"
        INBOX: a@101.1 b@101.2
    "#]],
    )
    .await;
    world.options.filter = "".parse().unwrap();
    world.server.deliver_all("INBOX", "c");
    run(
        &world,
        expect![[r#"
        Succeeded
        INBOX: 3 = 1 archived + 2 already, complete
    "#]],
        expect![[r#"
        INBOX: a@101.1 b@101.2 c@101.3
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn sizes_need_no_headers() {
    let world = world("larger:1k");
    world.server.deliver("INBOX", vec![b'x'; 2000]);
    world.server.deliver_all("INBOX", "small");
    run(
        &world,
        expect![[r#"
            Succeeded
            INBOX: 2 = 1 archived + 0 already + 1 excluded, complete
        "#]],
        expect![[r#"
        INBOX: [2000 bytes]@101.1
    "#]],
    )
    .await;
    expect![[r#"
        connect
        list
        open INBOX
        facts INBOX 2 No
        fetch INBOX 1"#]]
    .assert_eq(&world.server.seen());
}

#[tokio::test(start_paused = true)]
async fn without_lasting_numbers_every_pass_asks() {
    let mut world = World::new(ServerKind::Unnumbered);
    world.options.filter = "subject:b".parse().unwrap();
    world.server.deliver_all("INBOX", "a b");
    run(&world, expect![[r#"
        Succeeded
        INBOX: 2 = 1 archived + 0 already + 1 excluded, complete
        warning: INBOX: the server does not number its messages for good (no UIDVALIDITY); every run compares all of them
    "#]], expect![[r#"
        INBOX: b@0.14
    "#]]).await;
    run(
        &world,
        expect![[r#"
            Succeeded
            INBOX: 2 = 0 archived + 1 already + 1 excluded, complete
        "#]],
        expect![[r#"
        INBOX: b@0.26
    "#]],
    )
    .await;
}
