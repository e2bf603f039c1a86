use commands::{ExcludedCounts, InsecureKind, Trigger};
use expect_test::{Expect, expect};
use types::Timestamp;

use super::*;
use crate::{html, text};

fn mailbox(name: &str, server_count: u64, archived: u64, already: u64) -> MailboxCounts {
    MailboxCounts {
        mailbox: name.into(),
        server_count,
        archived,
        already,
        excluded: 0,
        excluded_reason: None,
        quarantined: 0,
        complete: server_count == archived + already,
        failure: None,
    }
}

fn step(account: &str, outcome: RunOutcome) -> StepShown {
    StepShown {
        account: account.into(),
        target: account.split('@').next().unwrap().into(),
        began: None,
        ended: None,
        state: RunState::Ended(outcome),
        archived: 12,
        already: 1_200,
        excluded: ExcludedCounts::default(),
        quarantined: 0,
        told: Vec::new(),
    }
}

fn report(outcome: RunOutcome, steps: Vec<StepShown>, details: Vec<StepDetails>) -> RunReport {
    let run = RunShown {
        id: 12,
        job: Some("office".into()),
        title: "job run office".into(),
        trigger: Trigger::Hand,
        began: Timestamp(1_795_284_100),
        ended: Some(Timestamp(1_795_284_163)),
        state: RunState::Ended(outcome),
        told: Vec::new(),
        steps,
    };
    RunReport { run, details }
}

fn check(report: &RunReport, want: &Expect) {
    want.assert_eq(&text(&run_report(report)));
}

#[test]
fn a_mailbox_that_is_complete() {
    let details = StepDetails {
        mailboxes: vec![mailbox("INBOX", 1_000, 12, 988), mailbox("Sent", 212, 0, 212)],
        complete_at: Some(Timestamp(1_795_284_163)),
        ..StepDetails::default()
    };
    let steps = vec![step("alice@example.org", RunOutcome::Succeeded)];
    check(
        &report(RunOutcome::Succeeded, steps, vec![details]),
        &expect![[r#"
            Run 12: job run office
            Succeeded: everything in scope is archived, 12 new messages.

              Job:                   office
              Began:                 2026-11-21 18:01
              Ended:                 2026-11-21 18:02
              Took:                  63 seconds
              Outcome:               succeeded
              Account:               alice@example.org into alice
              Last proven complete:  2026-11-21 18:02

              12 archived, 1,200 there already, 0 excluded, 0 quarantined, 0 missing

            Mailboxes

              mailbox  there  archived  already  excluded  quarantined  missing  state
              INBOX    1,000        12      988         0            0        0  complete
              Sent       212         0      212         0            0        0  complete

            Times are in UTC. Missing is what the server counts and nothing here accounts for.
        "#]],
    );
}

/// A run over three accounts, of which one is complete.
pub(crate) fn partial() -> RunReport {
    let insecure = Insecure {
        of: "profile".into(),
        name: "office".into(),
        kind: InsecureKind::AnyCertificate,
        warning: "Any certificate is accepted from the incoming server mail.example.org:993: \
                  anybody can pretend to be it."
            .into(),
    };
    let quarantined = MailboxCounts { quarantined: 1, complete: false, ..mailbox("Sent", 3, 2, 0) };
    let broken = MailboxCounts {
        failure: Some("the server closed the connection".into()),
        complete: false,
        ..mailbox("Projects/<b>2026</b>", 5_000, 4_000, 0)
    };
    let trash = MailboxCounts {
        excluded: 31,
        excluded_reason: Some("left out by default: \\Trash".into()),
        complete: true,
        ..mailbox("Trash", 31, 0, 0)
    };
    let alice = StepDetails {
        insecure: vec![insecure.clone()],
        mailboxes: vec![mailbox("INBOX", 1_212, 12, 1_200), trash],
        complete_at: Some(Timestamp(1_795_284_163)),
        ..StepDetails::default()
    };
    let bob = StepDetails {
        warnings: vec!["The server asked for pauses.".into()],
        // The same connection, told of another account: said once.
        insecure: vec![Insecure { name: "bob".into(), ..insecure }],
        mailboxes: vec![mailbox("INBOX", 10, 0, 10), broken, quarantined],
        complete_at: Some(Timestamp(1_795_200_000)),
        ..StepDetails::default()
    };
    let bob_step = StepShown {
        quarantined: 1,
        told: vec![
            "The server asked for pauses.".into(),
            "Projects/<b>2026</b>: the server closed the connection.".into(),
        ],
        ..step("bob@example.org", RunOutcome::Partial)
    };
    let carol = StepShown {
        archived: 0,
        already: 0,
        told: vec!["the server refused the login. Give the right name and password.".into()],
        ..step("carol@example.org", RunOutcome::Failed)
    };
    let alice_step = StepShown {
        excluded: ExcludedCounts { default_folders: 31, ..ExcludedCounts::default() },
        ..step("alice@example.org", RunOutcome::Succeeded)
    };
    let steps = vec![alice_step, bob_step, carol];
    report(RunOutcome::Partial, steps, vec![alice, bob, StepDetails::default()])
}

#[test]
fn a_run_over_many_accounts() {
    check(
        &partial(),
        &expect![[r#"
            Run 12: job run office
            Done in part: not everything is archived yet. 1 of 3 accounts are complete.

              Job:       office
              Began:     2026-11-21 18:01
              Ended:     2026-11-21 18:02
              Took:      63 seconds
              Outcome:   done in part
              Accounts:  3

              24 archived, 2,400 there already, 31 excluded, 1 quarantined, 1,000 missing

            What is missing, and why

              account            mailbox               missing  quarantined  why
              bob@example.org    Projects/<b>2026</b>    1,000            0  the server closed the connection
              bob@example.org    Sent                        0            1  could not be read; tried again by itself
              carol@example.org  (all)                       ?            0  the server refused the login. Give the right name and password.

            Insecure settings that were used

              Any certificate is accepted from the incoming server mail.example.org:993: anybody can pretend to be it.

            What deserves attention

              bob@example.org: The server asked for pauses.
              carol@example.org: the server refused the login. Give the right name and password.

            Left out by rules

              left out                                 messages
              in folders that are left out by default        31

            Accounts

              account            into   archived  already  excluded  quarantined  missing  last proven complete  outcome
              alice@example.org  alice        12    1,200        31            0        0  2026-11-21 18:02      succeeded
              bob@example.org    bob          12    1,200         0            1    1,000  2026-11-20 18:40      done in part
              carol@example.org  carol         0        0         0            0        0  never                 failed

            Mailboxes of alice@example.org into alice (2 mailboxes, succeeded)

              mailbox  there  archived  already  excluded  quarantined  missing  state
              INBOX    1,212        12    1,200         0            0        0  complete
              Trash       31         0        0        31            0        0  left out by default: \Trash

            Mailboxes of bob@example.org into bob (3 mailboxes, done in part)

              mailbox               there  archived  already  excluded  quarantined  missing  state
              INBOX                    10         0       10         0            0        0  complete
              Projects/<b>2026</b>  5,000     4,000        0         0            0    1,000  the server closed the connection
              Sent                      3         2        0         0            1        0  could not be read; tried again by itself

            Times are in UTC. Missing is what the server counts and nothing here accounts for.
        "#]],
    );
}

/// Both forms hold the same facts: every cell, note and sentence of the text is in the page.
#[test]
fn text_and_page_say_the_same() {
    let document = run_report(&partial());
    let page = html(&document);
    let words = |text: &str| {
        let text: String =
            text.chars().map(|it| if it.is_alphanumeric() { it } else { ' ' }).collect();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let shown = page.replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">");
    let shown = words(&shown);
    for word in words(&text(&document)) {
        assert!(shown.contains(&word), "{word:?} is not in the page");
    }
}

#[test]
fn a_run_that_did_not_end() {
    let mut report = report(RunOutcome::Failed, Vec::new(), Vec::new());
    report.run.state = RunState::Interrupted;
    report.run.ended = None;
    check(
        &report,
        &expect![[r#"
            Run 12: job run office
            Interrupted: its process is gone. What was archived is archived, and the next run goes on from there.

              Job:       office
              Began:     2026-11-21 18:01
              Ended:     not ended
              Outcome:   interrupted
              Accounts:  0

              0 archived, 0 there already, 0 excluded, 0 quarantined, 0 missing

            Times are in UTC. Missing is what the server counts and nothing here accounts for.
        "#]],
    );
}
