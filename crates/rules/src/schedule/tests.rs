use expect_test::expect_file;

use super::*;
use crate::calendar::at;

/// Central Europe in 2026: summer time from 29 March to 25 October, both at 01:00 UTC.
fn berlin(moment: Timestamp) -> i32 {
    let summer = at("2026-03-29T01:00:00Z") <= moment && moment < at("2026-10-25T01:00:00Z");
    if summer { 7200 } else { 3600 }
}

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap_or_else(|it: crate::WordingError| panic!("{}", it.render(text)))
}

/// The next times of a schedule, each asked for at the one before.
fn check(text: &str, now: &str, zone: &dyn Zone, want: &[&str]) {
    let schedule = schedule(text);
    let mut now = at(now);
    for want in want {
        let next = schedule.next_after(now, LastRun::default(), zone);
        assert_eq!(next.map(|it| it.to_string()).as_deref(), Some(*want), "{text} after {now}");
        now = next.unwrap();
    }
}

#[test]
fn cron_expressions() {
    let check = |cron: &str, want: &[&str]| {
        check(&format!("cron {cron}"), "2026-11-21T12:00:00Z", &Utc, want);
    };
    check("* * * * *", &["2026-11-21T12:01:00Z", "2026-11-21T12:02:00Z"]);
    check(
        "*/20 * * * *",
        &["2026-11-21T12:20:00Z", "2026-11-21T12:40:00Z", "2026-11-21T13:00:00Z"],
    );
    check("0 12 * * *", &["2026-11-22T12:00:00Z"]);
    check(
        "5,10 2-3 * * *",
        &["2026-11-22T02:05:00Z", "2026-11-22T02:10:00Z", "2026-11-22T03:05:00Z"],
    );
    check("30 2 * * mon-fri", &["2026-11-23T02:30:00Z", "2026-11-24T02:30:00Z"]);
    check("0 0 * * SUN", &["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]);
    check("0 0 * * 7", &["2026-11-22T00:00:00Z"]);
    check("0 0 * * fri-sun", &["2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z"]);
    check("0 0 31 * *", &["2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z"]);
    check("0 0 29 feb *", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    check("0 6 1 jan,jul *", &["2027-01-01T06:00:00Z", "2027-07-01T06:00:00Z"]);
    // Both day fields: one of them is enough.
    check(
        "0 0 25 * mon",
        &["2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z", "2026-11-30T00:00:00Z"],
    );
    // One of them begins with a star: both.
    check("0 0 */2 * mon", &["2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z"]);
    check(
        "50/3 23 * * *",
        &["2026-11-21T23:50:00Z", "2026-11-21T23:53:00Z", "2026-11-21T23:56:00Z"],
    );
    check("0 0-23/8 * * *", &["2026-11-21T16:00:00Z", "2026-11-22T00:00:00Z"]);
}

#[test]
fn leap_days_of_a_century_are_waited_for() {
    check("cron 0 0 29 2 *", "2096-03-01T00:00:00Z", &Utc, &["2104-02-29T00:00:00Z"]);
}

#[test]
fn local_times() {
    check("cron 30 8 * * *", "2026-07-01T00:00:00Z", &berlin, &["2026-07-01T06:30:00Z"]);
    check("cron 30 8 * * *", "2026-12-01T00:00:00Z", &berlin, &["2026-12-01T07:30:00Z"]);
    let west = |_: Timestamp| -8 * 3600;
    check("cron 0 20 * * sat", "2026-11-21T12:00:00Z", &west, &["2026-11-22T04:00:00Z"]);
    let far_east = |_: Timestamp| 14 * 3600;
    check("cron 0 1 22 * *", "2026-11-21T10:00:00Z", &far_east, &["2026-11-21T11:00:00Z"]);
}

#[test]
fn an_hour_that_does_not_exist() {
    let now = "2026-03-28T12:00:00Z";
    // 02:30 is left out on the 29th: it happens when clocks go forward.
    check("cron 30 2 * * *", now, &berlin, &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    check("cron 0,30 2 * * *", now, &berlin, &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    check("cron 0 3 * * *", now, &berlin, &["2026-03-29T01:00:00Z"]);
    let before = "2026-03-29T00:20:00Z";
    check(
        "cron */30 * * * *",
        before,
        &berlin,
        &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
    );
}

#[test]
fn an_hour_that_comes_twice() {
    let now = "2026-10-24T12:00:00Z";
    check("cron 30 2 * * *", now, &berlin, &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    check(
        "cron 30 * * * *",
        "2026-10-25T00:00:00Z",
        &berlin,
        &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"],
    );
    // Asked in between: it was, and is not again.
    check("cron 30 2 * * *", "2026-10-25T00:45:00Z", &berlin, &["2026-10-26T01:30:00Z"]);
}

#[test]
fn a_day_that_does_not_exist() {
    // Samoa went over the date line: its 30 December 2011 is not there.
    let samoa =
        |it: Timestamp| if it < at("2011-12-30T10:00:00Z") { -10 * 3600 } else { 14 * 3600 };
    let now = "2011-12-29T23:00:00Z";
    check("cron 0 12 * * *", now, &samoa, &["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]);
}

#[test]
fn intervals() {
    let next = |text: &str, started: &str, ended: &str| {
        let moment = |text: &str| (!text.is_empty()).then(|| at(&format!("2026-11-21T{text}:00Z")));
        let last = LastRun { started: moment(started), ended: moment(ended) };
        let next = schedule(text).next_after(at("2026-11-21T12:00:00Z"), last, &Utc).unwrap();
        next.to_string().get(11..16).unwrap().to_owned()
    };
    assert_eq!(next("every 15 minutes", "", ""), "12:00", "never ran");
    assert_eq!(next("every 15 minutes", "11:50", "11:52"), "12:05");
    assert_eq!(next("every 15 minutes", "11:50", ""), "12:05");
    assert_eq!(next("every 15 minutes", "10:00", "11:59"), "12:00", "it took longer");
    assert_eq!(next("every 15 minutes pause 5 minutes", "10:00", "11:59"), "12:04");
    assert_eq!(next("every 15 minutes pause 5 minutes", "11:50", "11:52"), "12:05");
    assert_eq!(next("every 1 hour", "10:00", "10:01"), "12:00", "due long since");
    assert_eq!(next("every 15 minutes", "20:00", "20:01"), "12:15", "the clock was wrong");
    assert_eq!(next("every 1 hour; cron 10 * * * *", "11:30", "11:31"), "12:10");
}

#[test]
fn windows_put_off() {
    let check = |text: &str, now: &str, want: &str| check(text, now, &Utc, &[want]);
    // 21 November 2026 is a Saturday.
    let every = |windows: &str| format!("every 5 minutes; {windows}");
    let noon = "2026-11-21T12:00:30Z";
    check(&every("not 08:00-12:00"), noon, "2026-11-21T12:00:30Z");
    check(&every("not 08:00-12:01"), noon, "2026-11-21T12:01:00Z");
    check(&every("not 08:00-13:00; not 12:30-14:00"), noon, "2026-11-21T14:00:00Z");
    check(&every("not mon-fri 08:00-13:00"), noon, "2026-11-21T12:00:30Z");
    check(&every("not sat 08:00-24:00"), noon, "2026-11-22T00:00:00Z");
    check(&every("not sat,sun 00:00-24:00"), noon, "2026-11-23T00:00:00Z");
    check(&every("not 22:00-04:00"), "2026-11-21T23:00:00Z", "2026-11-22T04:00:00Z");
    check(&every("not 22:00-04:00"), "2026-11-22T03:59:59Z", "2026-11-22T04:00:00Z");
    // A window belongs to the day on which it begins.
    check(&every("not sat 22:00-04:00"), "2026-11-22T02:00:00Z", "2026-11-22T04:00:00Z");
    check(&every("not sun 22:00-04:00"), "2026-11-22T02:00:00Z", "2026-11-22T02:00:00Z");
    check("cron 0 2 * * *; not 01:00-03:30", noon, "2026-11-22T03:30:00Z");
}

#[test]
fn what_a_window_put_off_is_not_forgotten_in_it() {
    let text = "cron 0 2 * * *; not 01:00-03:00; not 02:30-03:30";
    for now in ["00:59:59", "01:00:00", "01:59:59", "02:00:00", "02:00:01", "03:29:59"] {
        check(text, &format!("2026-11-22T{now}Z"), &Utc, &["2026-11-22T03:30:00Z"]);
    }
    check(text, "2026-11-22T03:30:00Z", &Utc, &["2026-11-23T03:30:00Z"]);
}

#[test]
fn windows_are_in_local_time() {
    let text = "every 5 minutes; not 08:00-18:00; zone Europe/Berlin";
    check(text, "2026-07-01T06:00:00Z", &berlin, &["2026-07-01T16:00:00Z"]);
    check(text, "2026-12-01T06:00:00Z", &berlin, &["2026-12-01T06:00:00Z"]);
    check(text, "2026-12-01T07:00:00Z", &berlin, &["2026-12-01T17:00:00Z"]);
    // It ends in the hour that is left out: then it ends with the change.
    let text = "every 5 minutes; not 01:00-02:30";
    check(text, "2026-03-29T00:10:00Z", &berlin, &["2026-03-29T01:00:00Z"]);
    assert_eq!(schedule("every 5 minutes; zone Europe/Berlin").zone(), Some("Europe/Berlin"));
}

#[test]
fn by_hand_and_at_start() {
    let never =
        |text: &str| schedule(text).next_after(Timestamp(0), LastRun::default(), &Utc).is_none();
    assert!(never("by hand") && never("at start") && never("by hand; not 08:00-18:00"));
    assert!(schedule("by hand").is_by_hand() && !schedule("at start").is_by_hand());
    assert_eq!(schedule("at start").at_start(), AtStart::Runs);
    assert_eq!(Schedule::default(), schedule("by hand"));
    assert!(schedule("by hand; not 08:00-18:00").is_closed(at("2026-11-21T12:00:00Z"), &Utc));
}

#[test]
fn schedules_are_written_as_they_are_read() {
    let cases = [
        ("BY  hand", "by hand"),
        ("every 15 min;at start", "every 15 minutes; at start"),
        ("every 60 minutes pause 1 minute", "every 1 hour pause 1 minute"),
        ("every 36 h", "every 36 hours"),
        ("every 1 minutes;;", "every 1 minute"),
        ("CRON 30 2 * * MON-Fri ; zone UTC", "cron 30 2 * * mon-fri; zone UTC"),
        ("not 8:00-18:00; at start", "at start; not 08:00-18:00"),
        ("at start; not fri-mon 22:00-24:00", "at start; not mon,fri-sun 22:00-24:00"),
        ("at start; not mon-sun 00:00-01:00", "at start; not 00:00-01:00"),
        ("at start; not sun,mon,wed 01:00-02:00", "at start; not mon,wed,sun 01:00-02:00"),
    ];
    for (text, want) in cases {
        let it = schedule(text);
        assert_eq!(it.to_string(), want);
        assert_eq!(schedule(want), it);
    }
}

#[test]
fn wrong_schedules() {
    let texts = [
        "",
        "hourly",
        "by hand; at start",
        "every 15",
        "every x minutes",
        "every 0 minutes",
        "every 8 days",
        "every 15 minutes or so",
        "every 1 hour; every 2 hours",
        "at noon",
        "cron 30 2 * *",
        "cron 30 2 * * * *",
        "at start; cron 60 2 * * *",
        "cron 30 2 * foo *",
        "cron 30 2 * * mon-foo",
        "cron 30 22-2 * * *",
        "cron */0 2 * * *",
        "cron */x 2 * * *",
        "cron 0 0 30 feb *",
        "cron 0 0 31 apr,jun *",
        "cron 1,,2 0 * * *",
        "not",
        "not 25:00-26:00",
        "not 08:00-18:0",
        "not 08:00-08:00",
        "not someday 08:00-09:00",
        "not mon 08:00-09:00 please",
        "not 00:00-24:00",
        "zone",
        "zone Europe Berlin",
        "zone ../etc/passwd",
    ];
    let shown = texts.map(|it| it.parse::<Schedule>().unwrap_err().render(it) + "\n");
    expect_file!["../../test_data/wrong_schedules.txt"].assert_eq(&shown.concat());
}

#[test]
fn the_next_time_is_always_later_and_fits() {
    let expressions = ["*/7 3-5 * * *", "15 2 * * sun", "0 0 1 * *", "59 23 28-31 * fri"];
    for expression in expressions {
        let schedule = schedule(&format!("cron {expression}"));
        let mut now = at("2026-03-01T00:00:00Z");
        for _ in 0..200 {
            let next = schedule.next_after(now, LastRun::default(), &berlin).unwrap();
            assert!(next > now, "{expression}");
            // Asked a moment before, it is the same one: none was left out.
            let before = Timestamp(next.0 - 1);
            assert_eq!(schedule.next_after(before, LastRun::default(), &berlin), Some(next));
            now = next;
        }
    }
}
