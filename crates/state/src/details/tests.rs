use super::*;

fn fresh() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db")).unwrap();
    (dir, state)
}

fn mailbox(name: &str, archived: u64) -> MailboxCounts {
    MailboxCounts {
        mailbox: name.into(),
        server_count: 7,
        archived,
        already: 7 - archived,
        excluded: 0,
        excluded_reason: None,
        quarantined: 0,
        complete: true,
        failure: None,
    }
}

fn details(archived: u64) -> StepDetails {
    let insecure = Insecure {
        of: "profile".into(),
        name: "old".into(),
        kind: InsecureKind::AnyCertificate,
        warning: "Any certificate is accepted.".into(),
    };
    StepDetails {
        removed: 2,
        failure: Some(FailureKind::Throttled),
        warnings: vec!["One.".into(), "Two\nlines.".into()],
        insecure: vec![insecure],
        mailboxes: vec![mailbox("INBOX", archived), mailbox("Sent", 0)],
        ..StepDetails::default()
    }
}

fn end(run: u64, job: Option<JobId>, outcome: RunOutcome, at: i64) -> StepEnd<'static> {
    StepEnd {
        run,
        place: 0,
        job,
        account: "alice@example.org",
        target: "alice",
        outcome,
        why: if outcome == RunOutcome::Succeeded { "" } else { "no answer" },
        quarantined: 0,
        at: Timestamp(at),
    }
}

fn tables(state: &State) -> i64 {
    state.db.query_row("SELECT count(*) FROM mailbox_table", [], |row| row.get(0)).unwrap()
}

/// A run that has ended.
fn test_run(state: &mut State, job: Option<JobId>, ended: i64) -> u64 {
    let sql =
        "INSERT INTO run (job, title, began, ended, outcome) VALUES (?, 'x', 1, ?, 'partial')";
    state.db.execute(sql, params![job.map(|it| crate::signed(it.0)), ended]).unwrap();
    state.db.last_insert_rowid().unsigned_abs()
}

#[test]
fn details_come_back_and_tables_are_shared() {
    let (_dir, mut state) = fresh();
    let runs: Vec<u64> = (0..3).map(|n| test_run(&mut state, None, 10 + n)).collect();
    let done = end(runs[0], None, RunOutcome::Succeeded, 11);
    state.keep_details(&done, &details(3)).unwrap();
    let want = StepDetails {
        warnings: vec!["One.".into(), "Two lines.".into()],
        complete_at: Some(Timestamp(11)),
        ..details(3)
    };
    assert_eq!(state.details(runs[0], 2).unwrap(), [want, StepDetails::default()]);
    for run in &runs[1..] {
        state.keep_details(&end(*run, None, RunOutcome::Succeeded, 12), &details(0)).unwrap();
    }
    assert_eq!(tables(&state), 2);
    state.forget_runs(Timestamp(12)).unwrap();
    assert!(state.run(runs[1]).is_err());
    assert_eq!(state.details(runs[2], 1).unwrap()[0].mailboxes, details(0).mailboxes);
    assert_eq!(tables(&state), 1);
}

#[test]
fn an_account_stands_as_its_newest_run_left_it() {
    let (_dir, mut state) = fresh();
    // What jobs look like is not asked here.
    state.db.pragma_update(None, "foreign_keys", false).unwrap();
    let job = JobId(5);
    for (at, outcome) in [(10, RunOutcome::Partial), (20, RunOutcome::Succeeded)] {
        let run = test_run(&mut state, Some(job), at);
        state.keep_details(&end(run, Some(job), outcome, at), &details(1)).unwrap();
    }
    let run = test_run(&mut state, Some(job), 30);
    state.keep_details(&end(run, Some(job), RunOutcome::Failed, 30), &details(1)).unwrap();
    let standings = state.standings().unwrap();
    let [it] = standings.as_slice() else { panic!("one account: {standings:?}") };
    assert_eq!((it.first_tried, it.complete_at), (Timestamp(10), Some(Timestamp(20))));
    assert_eq!((it.run, it.outcome, it.why.as_str()), (run, RunOutcome::Failed, "no answer"));
    assert_eq!(state.details(run, 1).unwrap()[0].complete_at, Some(Timestamp(20)));
    // Whom the newest run does not know any more, does not stand.
    test_run(&mut state, Some(job), 40);
    assert_eq!(state.standings().unwrap(), []);
}
