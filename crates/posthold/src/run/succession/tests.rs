use commands::{AlertKind, RunOutcome};

use super::*;
use crate::run::served::{Served, TurnedClock};

#[test]
fn periods_have_names() {
    let period = Period::of(Timestamp(1_795_284_100));
    for (every, want) in [
        ("month", Some("2026-11")),
        ("quarter", Some("2026-Q4")),
        ("year", Some("2026")),
        ("never", None),
    ] {
        assert_eq!(period.name(every).as_deref(), want);
    }
}

#[test]
fn patterns_are_filled() {
    let period = Period::of(Timestamp(1_795_284_100));
    for (pattern, want) in [
        ("{name}", "store-2"),
        ("/mnt/{year}/{name}", "/mnt/2026/store-2"),
        ("/mnt/{year}-{month}-{quarter}", "/mnt/2026-11-Q4/store-2"),
        ("/mnt/", "/mnt/store-2"),
    ] {
        assert_eq!(filled(pattern, "store-2", &period), want);
    }
}

/// How the store of this time is called.
fn name_of(clock: &TurnedClock, every: &str) -> String {
    Period::of(clock.now()).name(every).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_store_comes_when_the_calendar_turns() {
    for every in ["month", "quarter", "year"] {
        let (served, clock) = (Served::new(), TurnedClock::new());
        served.ok(&["settings", "set", "store_create_every", every]).await;
        served.open_by(&clock).await;
        assert_eq!(served.import("first").await.archived, 1);
        assert_eq!(served.import("second").await.archived, 1);
        let first = |messages| ("default".to_owned(), StoreState::Current, messages);
        assert_eq!(served.stores(), [first(2)], "{every}");
        // Within its period nothing changes; in the next one, the first message brings a store.
        clock.turn(400);
        let name = name_of(&clock, every);
        let run = served.import("third").await;
        assert_eq!((run.archived, run.already), (1, 2), "{every}");
        let normal = ("default".to_owned(), StoreState::Normal, 2);
        let next = |messages| (name.clone(), StoreState::Current, messages);
        assert_eq!(served.stores(), [normal.clone(), next(1)], "{every}");
        let run = served.import("fourth").await;
        assert_eq!((run.archived, run.already), (1, 3), "{every}");
        assert_eq!(served.stores(), [normal, next(2)], "{every}: once a period");
        assert_eq!(served.alerts().await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_made_when_the_calendar_turns_is_an_alert_and_nothing_is_lost() {
    let (served, clock) = (Served::new(), TurnedClock::new());
    served.ok(&["settings", "set", "store_create_every", "month"]).await;
    served.ok(&["settings", "set", "alert_disk_free_percent", "0"]).await;
    served.open_by(&clock).await;
    assert_eq!(served.import("first").await.archived, 1);
    served.ok(&["settings", "set", "store_path_pattern", "/proc/nowhere/{name}"]).await;
    clock.turn(40);
    let run = served.import("second").await;
    assert_ne!(run.outcome, RunOutcome::Succeeded, "{run:?}");
    assert_eq!(run.archived, 0, "it stops instead");
    let before = [("default".to_owned(), StoreState::Current, 1)];
    assert_eq!(served.stores(), before);
    assert_eq!(served.alerts().await, [AlertKind::NoStore]);
    served.ok(&["settings", "set", "store_path_pattern", "--default"]).await;
    let name = name_of(&clock, "month");
    let run = served.import("third").await;
    assert_eq!((run.outcome, run.archived, run.already), (RunOutcome::Succeeded, 2, 1), "{run:?}");
    let after = [("default".to_owned(), StoreState::Normal, 1), (name, StoreState::Current, 2)];
    assert_eq!(served.stores(), after);
    assert_eq!(served.alerts().await, []);
}
