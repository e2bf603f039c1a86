//! What goes, what stays, and what changes its mind.

use expect_test::expect;
use retention::HoldScope;
use types::ArchiveId;

use crate::world::{World, policy};

fn query(text: &str) -> HoldScope {
    HoldScope::Query(text.into())
}

#[tokio::test]
async fn what_is_over_is_condemned_then_erased() {
    let mut world = World::default();
    world.message("old", 0);
    world.message("new", 50);
    let policies = [policy("a month", None, "", "30d")];
    let report = world.run(&policies, 40).await;
    assert_eq!((report.condemned, report.erased, report.plan.seen), (1, 0, 2));
    assert_eq!(world.plan(&policies, 41).waiting, 1, "it is not planned twice");
    let early = world.run(&policies, 42).await;
    assert_eq!((early.condemned, early.erased), (0, 0));
    let report = world.run(&policies, 43).await;
    assert_eq!((report.condemned, report.erased), (0, 1));
    expect![[r#"
        condemned 0 by a month
        erased 0
    "#]]
    .assert_eq(&world.told());
}

#[tokio::test]
async fn a_hold_set_between_plan_and_run_keeps() {
    let mut world = World::default();
    world.message("case", 0);
    world.message("other", 0);
    let policies = [policy("a month", None, "", "30d")];
    assert_eq!(world.plan(&policies, 40).removes.len(), 2);
    world.hold("Smith", query("case"));
    let report = world.run(&policies, 40).await;
    assert_eq!((report.condemned, report.plan.held), (1, 1));
    assert_eq!(report.plan.policies[0].held, 1);
    expect![[r#"
        condemned 1 by a month
    "#]]
    .assert_eq(&world.told());
}

#[tokio::test]
async fn a_hold_set_during_grace_spares_and_lifting_it_condemns_again() {
    let mut world = World::default();
    world.message("case", 0);
    let policies = [policy("a month", None, "", "30d")];
    world.run(&policies, 40).await;
    world.hold("Smith", query("case"));
    let report = world.run(&policies, 50).await;
    assert_eq!((report.spared_by_hold, report.erased), (1, 0));
    world.lift("Smith");
    world.run(&policies, 51).await;
    expect![[r#"
        condemned 0 by a month
        spared 0 (hold) by Smith
        condemned 0 by a month
    "#]]
    .assert_eq(&world.told());
}

#[tokio::test]
async fn a_hold_that_only_the_log_knows_keeps_at_the_last_moment() {
    let mut world = World::default();
    world.message("case", 0);
    let policies = [policy("a month", None, "", "30d")];
    world.run(&policies, 40).await;
    // Whoever runs has asked before; the log is asked behind him.
    world.hold("Smith", query("case"));
    let judge = retention::Judge::new(&world, &policies, &[]).unwrap();
    let orders =
        retention::Orders { now: crate::world::day(50), due: crate::world::day(53), by: "x" };
    let report = retention::run(&world, &judge, &world, &world, orders).await.unwrap();
    assert_eq!((report.erased, report.spared_by_hold), (0, 1));
}

#[tokio::test]
async fn holds_cover_what_arrives_later() {
    let mut world = World::default();
    world.hold("Smith", query("case"));
    world.hold("Bob", HoldScope::Archive(ArchiveId(1)));
    world.message("case", 10);
    world.message("bob", 10);
    world.message("alice", 10);
    let policies = [policy("a month", None, "", "30d")];
    let report = world.run(&policies, 60).await;
    assert_eq!((report.condemned, report.plan.held), (1, 2));
    let counts: Vec<_> = report.plan.holds.iter().map(|it| (it.certain, it.possible)).collect();
    assert_eq!(counts, [(1, 0), (1, 0)]);
}

#[tokio::test]
async fn a_hold_for_everything_or_for_nobody_knows_what_keeps_everything() {
    for scope in [HoldScope::All, HoldScope::Unreadable, query("(")] {
        let mut world = World::default();
        world.message("any", 0);
        world.request(0, 1).await;
        world.hold("it", scope.clone());
        let report = world.run(&[policy("a month", None, "", "30d")], 60).await;
        assert_eq!((report.condemned, report.erased), (0, 0), "{scope:?}");
        assert_eq!((report.spared_by_hold, report.plan.held), (1, 1), "{scope:?}");
    }
}

#[tokio::test]
async fn what_was_partly_read_is_held_by_every_query_and_removed_by_none() {
    let mut world = World::default();
    world.message("some words ?", 0);
    let by_query = [policy("spam", Some("spam"), "", "30d")];
    let plan = world.plan(&by_query, 60);
    assert_eq!((plan.removes.len(), plan.unclear, plan.policies[0].unclear), (0, 1, 1));
    // What stands behind it must not decide in its place.
    let two = [policy("spam", Some("spam"), "1y", "2y"), policy("all", None, "", "30d")];
    assert_eq!(world.plan(&two, 60).removes, []);
    let by_all = [policy("all", None, "", "30d")];
    assert_eq!(world.plan(&by_all, 60).removes.len(), 1);
    world.hold("Smith", query("case"));
    assert_eq!(world.plan(&by_all, 60).held, 1);
}

#[tokio::test]
async fn the_order_of_policies_decides() {
    let mut world = World::default();
    world.message("tax", 0);
    world.message("chat", 0);
    let keep = policy("tax", Some("tax"), "10y", "");
    let remove = policy("all", None, "", "30d");
    let report = world.run(&[keep.clone(), remove.clone()], 60).await;
    assert_eq!(report.condemned, 1);
    let counts: Vec<_> =
        report.plan.policies.iter().map(|it| (it.decides, it.protected, it.removes)).collect();
    assert_eq!(counts, [(1, 1, 0), (1, 0, 1)]);
    assert_eq!(world.plan(&[remove, keep], 60).removes.len(), 1, "the other is condemned already");
}

#[tokio::test]
async fn a_policy_that_changes_during_grace_spares() {
    let mut world = World::default();
    world.message("chat", 0);
    world.message("spam", 0);
    let before = [policy("all", None, "", "30d")];
    world.run(&before, 40).await;
    let narrower = [policy("all", Some("spam"), "", "30d")];
    let report = world.run(&narrower, 50).await;
    assert_eq!((report.withdrawn, report.erased), (1, 1));
    let longer = [policy("all", None, "", "1y")];
    world.run(&longer, 60).await;
    expect![[r#"
        condemned 0 by all
        condemned 1 by all
        spared 0 (withdrawn) by the policies
        erased 1
    "#]]
    .assert_eq(&world.told());
}

#[tokio::test]
async fn a_request_by_a_person_is_not_withdrawn_by_policies() {
    let mut world = World::default();
    world.message("chat", 0);
    world.request(0, 1).await;
    let report = world.run(&[policy("all", None, "", "1y")], 10).await;
    assert_eq!((report.erased, report.withdrawn), (1, 0));
}

#[tokio::test]
async fn what_a_view_has_not_read_is_not_looked_at() {
    let mut world = World::default();
    world.message("old", 0);
    world.message("late", 0);
    world.request(1, 1).await;
    world.reach = Some(1);
    let report = world.run(&[policy("all", None, "", "30d")], 60).await;
    assert_eq!((report.plan.seen, report.condemned, report.erased), (1, 1, 0));
    world.reach = None;
    let report = world.run(&[policy("all", None, "", "30d")], 61).await;
    assert_eq!(report.erased, 1);
}

#[test]
fn a_policy_that_cannot_be_asked_stops_everything() {
    let mut world = World::default();
    world.message("old", 0);
    let policies = [policy("wrong", Some("("), "", "30d"), policy("all", None, "", "30d")];
    assert!(retention::Judge::new(&world, &policies, &[]).is_err());
}
