use commands::{Alert, AlertKind, AlertShown, DailyAccount, DailyJob, Severity};
use expect_test::expect;
use types::Timestamp;

use super::*;
use crate::alerts::{News, alert_letter};
use crate::text;

fn alert(id: u64, kind: AlertKind, severity: Severity, message: &str) -> AlertShown {
    let (hint, details) = (Some("Look at it.".to_owned()), vec!["bob: no answer".to_owned()]);
    let subject = "office".to_owned();
    AlertShown {
        id,
        alert: Alert { kind, subject, severity, message: message.into(), details, hint },
        raised: Timestamp(1_795_284_100),
        changed: Timestamp(1_795_284_100),
        acknowledged: None,
        resolved: None,
        untold: true,
    }
}

#[test]
fn a_day_with_trouble() {
    let account = DailyAccount {
        account: "bob@example.org".into(),
        why: "the server closed the connection".into(),
        complete_at: Some(Timestamp(1_795_200_000)),
    };
    let office = DailyJob {
        name: Some("office".into()),
        runs: 24,
        archived: 1_234,
        quarantined: 2,
        accounts: 3,
        outcome: Some(RunOutcome::Partial),
        incomplete: vec![account],
    };
    let by_hand = DailyJob { runs: 1, archived: 7, ..DailyJob::default() };
    let report = DailyReport {
        host: "archive1".into(),
        since: Timestamp(1_795_197_700),
        until: Timestamp(1_795_284_100),
        jobs: vec![office, by_hand],
        waiting: vec![alert(
            1,
            AlertKind::Run,
            Severity::Warning,
            "The job office is not complete.",
        )],
        insecure: Vec::new(),
        disk: Some((50_000_000_000, 100_000_000_000)),
    };
    expect![[r#"
        Posthold on archive1: daily report
        1,241 messages archived, 1 account is not complete.

          From:     2026-11-20 18:01
          Until:    2026-11-21 18:01
          Machine:  archive1
          Disk:     50 GB of 100 GB are free

          1,241 archived, 1 accounts incomplete, 1 alerts waiting

        What waits for a person

          The job office is not complete. (since 2026-11-21 18:01)
            Look at it.

        What is not complete

          account          job     last proven complete  why not now
          bob@example.org  office  2026-11-20 18:40      the server closed the connection

        Jobs

          job                       runs  archived  accounts  not complete  quarantined  newest run
          office                      24     1,234         3             1            2  done in part
          (by hand, without a job)     1         7         0             0            0

        Times are in UTC.
    "#]].assert_eq(&text(&daily_report(&report)));
    expect!["[Posthold archive1] 1,241 messages archived, 1 account is not complete."]
        .assert_eq(&daily_subject(&report));
    assert_eq!(daily_subject(&DailyReport::default()), "[Posthold ] Nothing ran.");
}

#[test]
fn a_message_about_alerts() {
    let worse = alert(1, AlertKind::Run, Severity::Serious, "The job office failed.");
    let before = alert(1, AlertKind::Run, Severity::Warning, "The job office is not complete.");
    let mut over = alert(2, AlertKind::Disk, Severity::Warning, "The disk is nearly full.");
    over.resolved = Some(Timestamp(1_795_284_900));
    let news = [(before, News::Raised), (over.clone(), News::Resolved), (worse, News::Worse)];
    let (subject, document) = alert_letter(&news, "archive1");
    expect!["[Posthold archive1] 1 alert waits for you, 1 is over."].assert_eq(&subject);
    expect![[r#"
        Posthold on archive1
        1 alert waits for you, 1 is over.

        The job office failed. (alert 1, since 2026-11-21 18:01, worse at 2026-11-21 18:01)

        bob: no answer

          Look at it.

        The disk is nearly full. (over at 2026-11-21 18:15, since 2026-11-21 18:01)

        Times are in UTC. `posthold alert list` shows what is open.
    "#]]
    .assert_eq(&text(&document));
    let (subject, document) = alert_letter(&[(over, News::Passed)], "archive1");
    expect!["[Posthold archive1] Over: The disk is nearly full."].assert_eq(&subject);
    expect![[r#"
        Posthold on archive1
        Over: The disk is nearly full.

        What it is (came at 2026-11-21 18:01 and was over at 2026-11-21 18:15)

        Times are in UTC. `posthold alert list` shows what is open.
    "#]]
    .assert_eq(&text(&document));
}
