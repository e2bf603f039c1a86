use reports::alerts::{Finding, News, changes};

use super::*;

fn finding(severity: Severity, amount: u64) -> Finding {
    let alert = Alert {
        kind: AlertKind::Quarantine,
        subject: "office".into(),
        severity,
        message: format!("{amount} messages."),
        details: vec!["alice: 1".into(), "bob: 2\nx".into()],
        hint: Some("Look.".into()),
    };
    Finding { alert, points: ["a".to_owned(), "b".to_owned()].into(), amount }
}

fn fresh() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db")).unwrap();
    (dir, state)
}

/// Looks once, as every run and the mail group of a server do.
fn look(state: &mut State, found: Vec<Finding>, now: i64) {
    let changes = changes(&state.open_alerts().unwrap(), found, &AlertKind::ALL);
    state.change_alerts(&changes, Timestamp(now)).unwrap();
}

fn news(state: &State) -> Vec<News> {
    state.untold_alerts().unwrap().into_iter().map(|(_, news)| news).collect()
}

fn tell(state: &mut State) {
    let ids: Vec<u64> = state.untold_alerts().unwrap().iter().map(|(it, _)| it.id).collect();
    told(&state.db, &ids).unwrap();
}

#[test]
fn w10_an_alert_from_its_beginning_to_its_end() {
    let (_dir, mut state) = fresh();
    look(&mut state, vec![finding(Severity::Warning, 3)], 10);
    let open = state.open_alerts().unwrap();
    assert_eq!(open[0].finding.points, finding(Severity::Warning, 3).points);
    assert_eq!(open[0].finding.alert.details, ["alice: 1", "bob: 2 x"]);
    assert_eq!(news(&state), [News::Raised]);
    tell(&mut state);
    // Nothing changed, and less of it: nobody is told.
    look(&mut state, vec![finding(Severity::Warning, 3)], 11);
    look(&mut state, vec![finding(Severity::Warning, 2)], 12);
    assert_eq!(news(&state), []);
    assert_eq!(state.alert(1).unwrap().alert.message, "2 messages.");
    state.acknowledge_alert(1, Timestamp(13)).unwrap();
    assert!(!state.alert(1).unwrap().waits());
    // More of it: it is told again, and waits again.
    look(&mut state, vec![finding(Severity::Warning, 4)], 14);
    assert_eq!(news(&state), [News::Worse]);
    assert!(state.alert(1).unwrap().waits());
    tell(&mut state);
    look(&mut state, Vec::new(), 15);
    assert_eq!(news(&state), [News::Resolved]);
    let shown = state.alert(1).unwrap();
    let times = (shown.raised, shown.changed, shown.resolved);
    assert_eq!(times, (Timestamp(10), Timestamp(14), Some(Timestamp(15))));
    assert_eq!(state.alerts(AlertChoice::Open).unwrap(), []);
    assert_eq!(state.alerts(AlertChoice::All).unwrap().len(), 1);
    // The same trouble later is another alert.
    look(&mut state, vec![finding(Severity::Warning, 1)], 16);
    assert_eq!(state.alerts(AlertChoice::All).unwrap().len(), 2);
    assert_eq!(state.alert(99).unwrap_err().kind(), StateErrorKind::Missing);
}

#[test]
fn what_came_and_went_is_told_as_that() {
    let (_dir, mut state) = fresh();
    look(&mut state, vec![finding(Severity::Warning, 3)], 10);
    look(&mut state, vec![finding(Severity::Serious, 3)], 11);
    assert_eq!(news(&state), [News::Raised], "nobody was told of the first state");
    look(&mut state, Vec::new(), 12);
    assert_eq!(news(&state), [News::Passed]);
    state.forget_alerts(Timestamp(100)).unwrap();
    assert_eq!(news(&state), [News::Passed], "what is to be told is kept");
    tell(&mut state);
    state.forget_alerts(Timestamp(100)).unwrap();
    assert_eq!(state.alerts(AlertChoice::All).unwrap(), []);
}
