use expect_test::{Expect, expect};
use types::Timestamp;

use super::*;

const NOW: Timestamp = Timestamp(1_795_284_100);

fn hours_ago(hours: i64) -> Timestamp {
    Timestamp(NOW.0 - hours * 3_600)
}

fn account(name: &str, outcome: RunOutcome, complete_hours_ago: Option<i64>) -> AccountSituation {
    AccountSituation {
        account: name.into(),
        outcome: Some(outcome),
        why: if outcome == RunOutcome::Succeeded { String::new() } else { "no answer".into() },
        complete_at: complete_hours_ago.map(hours_ago),
        first_tried: hours_ago(200),
        ..AccountSituation::default()
    }
}

fn job(outcome: RunOutcome, accounts: Vec<AccountSituation>) -> JobSituation {
    JobSituation {
        name: "office".into(),
        is_scheduled: true,
        run: 12,
        outcome: Some(outcome),
        told: Vec::new(),
        accounts,
    }
}

fn situation(jobs: Vec<JobSituation>) -> Situation {
    Situation { now: NOW, stale_after_seconds: 48 * 3_600, jobs, ..Situation::default() }
}

fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for it in findings {
        let Alert { kind, subject, severity, message, details, hint } = &it.alert;
        text += &format!("{} {subject} {}: {message}\n", kind.name(), severity.name());
        for line in details {
            text += &format!("  {line}\n");
        }
        if let Some(hint) = hint {
            text += &format!("  > {hint}\n");
        }
    }
    text
}

fn check(situation: &Situation, want: &Expect) {
    want.assert_eq(&told(&found(situation)));
}

#[test]
fn all_is_well() {
    let fine = account("alice", RunOutcome::Succeeded, Some(1));
    let mut it = situation(vec![job(RunOutcome::Succeeded, vec![fine])]);
    it.disk = Some(DiskSituation { free: 50, total: 100, least_percent: 5 });
    check(&it, &expect![[r#""#]]);
}

#[test]
fn a_run_in_part_and_one_that_failed() {
    let accounts = vec![
        account("alice", RunOutcome::Succeeded, Some(1)),
        account("bob", RunOutcome::Partial, Some(20)),
    ];
    check(
        &situation(vec![job(RunOutcome::Partial, accounts)]),
        &expect![[r#"
        run office warning: The job office is not complete: 1 of 2 accounts.
          bob: no answer
          > `posthold run report 12` shows everything.
    "#]],
    );
    let mut failed = job(RunOutcome::Failed, Vec::new());
    failed.told = vec!["line 3, column 7: a quote is open.".into()];
    check(
        &situation(vec![failed]),
        &expect![[r#"
        run office serious: The job office failed.
          line 3, column 7: a quote is open.
          > `posthold run report 12` shows everything.
    "#]],
    );
}

#[test]
fn w16_a_source_that_is_stuck() {
    let stuck = vec![
        account("alice", RunOutcome::Succeeded, Some(50)),
        account("bob", RunOutcome::Succeeded, Some(47)),
    ];
    check(
        &situation(vec![job(RunOutcome::Succeeded, stuck.clone())]),
        &expect![[r#"
        stale office serious: alice of the job office was last proven complete at 2026-11-19 16:01, 2 days ago.
          alice: last proven complete at 2026-11-19 16:01
          > `posthold run list --job "office"` shows its runs, `posthold job test "office"` tries it.
    "#]],
    );
    let never = vec![account("carol", RunOutcome::Failed, None), stuck[0].clone()];
    check(
        &situation(vec![job(RunOutcome::Failed, never)]),
        &expect![[r#"
        run office serious: The job office failed: 1 of 2 accounts.
          carol: no answer
          > `posthold run report 12` shows everything.
        stale office serious: 2 accounts of the job office were not proven complete for more than 2 days.
          carol: never proven complete, tried since 2026-11-13 10:01
          alice: last proven complete at 2026-11-19 16:01
          > `posthold run list --job "office"` shows its runs, `posthold job test "office"` tries it.
    "#]],
    );
    // By hand: nobody promised that it runs again.
    let mut by_hand = job(RunOutcome::Succeeded, stuck);
    by_hand.is_scheduled = false;
    check(&situation(vec![by_hand]), &expect![[r#""#]]);
}

#[test]
fn everything_else() {
    let full = AccountSituation {
        failure: Some(FailureKind::DiskFull),
        quarantined: 3,
        ..account("alice", RunOutcome::Failed, Some(1))
    };
    let mut it = situation(vec![job(RunOutcome::Failed, vec![full])]);
    it.disk = Some(DiskSituation { free: 1_000_000_000, total: 100_000_000_000, least_percent: 5 });
    it.keys = vec![KeySituation { id: "0123abcd".into(), secrets: 2 }];
    let insecure = |kind| commands::Insecure {
        of: "profile".into(),
        name: "old".into(),
        kind,
        warning: "The connection is not encrypted.".into(),
    };
    it.insecure =
        vec![insecure(commands::InsecureKind::Plain), insecure(commands::InsecureKind::PlainHere)];
    it.quotas =
        vec![QuotaSituation { server: "imap.gmail.com:993".into(), until: NOW.plus_days(1) }];
    it.unknown = vec![UnknownSituation {
        job: "journal".into(),
        addresses: 1,
        examples: vec!["info@example.org".into()],
        hint: "Look.".into(),
    }];
    it.mail = Some(MailSituation { since: hours_ago(3), why: "connection refused".into() });
    check(
        &it,
        &expect![[r#"
        run office serious: The job office failed.
          alice: no answer
          > `posthold run report 12` shows everything.
        quarantine office warning: 3 messages of the job office are quarantined: passed over, and tried again.
          alice: 3
          > `posthold quarantine list` shows them, and why.
        store store serious: The disk is full: nothing is archived until there is room.
          no answer
          > Make room on the disk. What was acknowledged is safe.
        disk data directory serious: The disk of the data directory is nearly full: 1.0 GB of 100 GB are free.
          > Make room, or move the data directory to a larger disk. When it is full, nothing is archived, and nothing is lost.
        key 0123abcd serious: The key 0123abcd is missing; 2 passwords are sealed with it.
          > Bring secret.key back, or name the key with POSTHOLD_KEY_FILE or POSTHOLD_KEY; else give the passwords anew.
        insecure profile old: plain warning: The connection is not encrypted.
          profile old
          > `posthold settings check` lists every connection that is not safe.
        quota imap.gmail.com:993 warning: As much was fetched from imap.gmail.com:993 as may be in a day; it goes on at 2026-11-22 18:01.
          > `posthold profile set NAME --megabytes-per-day N` allows more.
        unknown_addresses journal warning: The job journal saw 1 address that nobody has.
          info@example.org
          > Look.
        mail outgoing mail serious: Mail about this server could not be sent since 2026-11-21 15:01.
          connection refused
          > `posthold mail test` tries it step by step.
    "#]],
    );
}

fn one(severity: Severity, points: &[&str], amount: u64) -> Finding {
    finding(AlertKind::Run, "office", severity, format!("{severity:?} {points:?}"))
        .with_points(points.iter().map(|it| (*it).to_owned()))
        .with_amount(amount)
}

#[test]
fn an_alert_is_told_once_until_it_gets_worse() {
    let before = Open { id: 7, finding: one(Severity::Warning, &["a", "b"], 3) };
    let cases = [
        (one(Severity::Warning, &["a", "b"], 3), ""),
        (one(Severity::Warning, &["a"], 3), "other"),
        (one(Severity::Warning, &["a", "b"], 2), "other"),
        (one(Severity::Warning, &["a", "b"], 4), "worse"),
        (one(Severity::Warning, &["a", "c"], 3), "worse"),
        (one(Severity::Serious, &["a"], 3), "worse"),
    ];
    for (now, want) in cases {
        let changes = changes(std::slice::from_ref(&before), vec![now.clone()], &AlertKind::ALL);
        let got = match changes.as_slice() {
            [] => "",
            [Change::Other(7, _)] => "other",
            [Change::Worse(7, _)] => "worse",
            _ => "something else",
        };
        assert_eq!(got, want, "{now:?}");
    }
}

#[test]
fn what_is_over_is_resolved_and_what_was_not_looked_at_is_not() {
    let open = [Open { id: 7, finding: one(Severity::Warning, &["a"], 0) }];
    assert_eq!(changes(&open, Vec::new(), &[AlertKind::Run]), [Change::Resolved(7)]);
    assert_eq!(changes(&open, Vec::new(), &[AlertKind::Disk]), []);
    let new = one(Severity::Serious, &["x"], 1);
    assert_eq!(changes(&[], vec![new.clone()], &[]), [Change::Raised(new)]);
}

#[test]
fn many_details_are_counted() {
    let accounts =
        (0..200).map(|n| account(&format!("user{n}"), RunOutcome::Failed, Some(1))).collect();
    let found = found(&situation(vec![job(RunOutcome::Failed, accounts)]));
    let details = &found[0].alert.details;
    assert_eq!(details.len(), DETAILS_MAX + 1);
    assert_eq!(details[DETAILS_MAX], "and 180 more");
    assert_eq!(found[0].points.len(), 200);
}

fn store_of(messages: u64) -> StoreSituation {
    StoreSituation {
        name: "2026".into(),
        is_current: true,
        messages,
        messages_recommended: 5_000_000,
        ..StoreSituation::default()
    }
}

#[test]
fn what_is_wrong_with_stores() {
    let mut it = situation(Vec::new());
    it.stores = vec![
        StoreSituation { trouble: Some("no such directory".into()), ..store_of(0) },
        StoreSituation { index_failure: Some("it is damaged".into()), ..store_of(4_500_000) },
    ];
    it.no_store = Some(NoStoreSituation {
        since: hours_ago(1),
        what: "the next store could not be made".into(),
        why: "no space left".into(),
    });
    check(
        &it,
        &expect![[r#"
            store_error store 2026 serious: The store 2026 cannot be read: what it holds is not seen, and counts as not archived.
              no such directory
              > `posthold store retry 2026` tries it again, `posthold store verify 2026` says what is wrong with it.
            store_index store 2026 warning: The index of the store 2026 is defective.
              it is damaged
              > `posthold store rebuild 2026 --view index` makes it anew.
            store_full store 2026 warning: The current store 2026 has 4,500,000 messages; not more than 5,000,000 are recommended.
              > `posthold store create` and `posthold store make-current` begin another one; the setting store_create_at_messages lets that happen by itself.
            no_store current store serious: Nothing is archived since 2026-11-21 17:01: the next store could not be made.
              no space left
              > Make room, or let the setting store_path_pattern name another place; the next run tries it again. `posthold store make-current` takes a store that is there.
        "#]],
    );
}

/// Each case, and which alerts it makes: what was raised before and is not there is over.
#[test]
fn alerts_of_stores_are_raised_and_cleared() {
    let trouble = || StoreSituation { trouble: Some("away".into()), ..store_of(0) };
    let index = || StoreSituation { index_failure: Some("bad".into()), ..store_of(0) };
    let no_store = || NoStoreSituation { since: NOW, what: "w".into(), why: "y".into() };
    let with = |stores: Vec<StoreSituation>| Situation { stores, ..situation(Vec::new()) };
    let steps = [
        (with(vec![store_of(4_499_999)]), "", ""),
        (with(vec![store_of(4_500_000)]), "store_full", ""),
        // More of the same is not told again.
        (with(vec![store_of(6_000_000)]), "", ""),
        (
            with(vec![StoreSituation { has_successor: true, ..store_of(6_000_000) }]),
            "",
            "store_full",
        ),
        (with(vec![store_of(6_000_000)]), "store_full", ""),
        (with(vec![StoreSituation { is_current: false, ..store_of(6_000_000) }]), "", "store_full"),
        (with(vec![trouble()]), "store_error", ""),
        (with(vec![index()]), "store_index", "store_error"),
        (Situation { no_store: Some(no_store()), ..with(vec![index()]) }, "no_store", ""),
        (with(vec![index()]), "", "no_store"),
        (with(vec![store_of(0)]), "", "store_index"),
    ];
    let mut open: Vec<Open> = Vec::new();
    for (n, (it, raised, over)) in (1..).zip(steps) {
        let (mut got_raised, mut got_over) = (String::new(), String::new());
        for change in changes(&open, found(&it), &AlertKind::ALL) {
            match change {
                Change::Raised(finding) => {
                    got_raised += finding.alert.kind.name();
                    open.push(Open { id: n, finding });
                }
                Change::Resolved(id) => {
                    let at = open.iter().position(|it| it.id == id).unwrap();
                    got_over += open.remove(at).finding.alert.kind.name();
                }
                Change::Other(id, finding) => {
                    open.iter_mut().find(|it| it.id == id).unwrap().finding = finding;
                }
                Change::Worse(_, finding) => panic!("step {n}: {finding:?}"),
            }
        }
        assert_eq!((got_raised.as_str(), got_over.as_str()), (raised, over), "step {n}");
    }
}

#[test]
fn anchors_that_are_overdue_and_that_fail() {
    let anchor = |name: &str, failure: Option<&str>| AnchorSituation {
        name: name.into(),
        since: hours_ago(31),
        failure: failure.map(str::to_owned),
    };
    let mut it = situation(Vec::new());
    it.anchors = vec![anchor("worm", None), anchor("board", Some("connection refused"))];
    check(
        &it,
        &expect![[r#"
        anchor worm serious: No checkpoint went to the anchor worm since 2026-11-20 11:01.
          > `posthold serve` sends them; without it, `posthold anchor now` does.
        anchor board serious: Checkpoints do not go to the anchor board.
          connection refused
          > `posthold anchor now` tries it again; `posthold anchor verify` holds everything that was anchored against the archive.
    "#]],
    );
}
