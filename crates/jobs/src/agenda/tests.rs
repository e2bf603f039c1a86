use rules::schedule::Utc;

use super::*;

/// A moment of 21 November 2026, a Saturday.
fn at(time: &str) -> Timestamp {
    let (hour, minute) = time.split_once(':').unwrap();
    let (hour, minute): (i64, i64) = (hour.parse().unwrap(), minute.parse().unwrap());
    Timestamp(1_795_219_200 + (hour * 60 + minute) * 60)
}

fn time(at: Timestamp) -> String {
    let text = at.to_string();
    let day = text.get(8..10).unwrap();
    let time = text.get(11..16).unwrap();
    if day == "21" { time.to_owned() } else { format!("{day}. {time}") }
}

fn entry(schedule: &str) -> Entry {
    Entry {
        schedule: schedule.parse().unwrap(),
        zone: Arc::new(Utc),
        last: LastRun::default(),
        not_before: None,
    }
}

const JOB: JobKey = JobKey(1);

/// What happens when the agenda is looked at every minute, and a run takes `takes` minutes.
fn runs(schedule: &str, from: &str, until: &str, takes: i64) -> String {
    let mut agenda = Agenda::new(at(from));
    agenda.set(JOB, entry(schedule));
    agenda.start();
    let (mut now, mut ends, mut begun) = (at(from), None, Vec::new());
    while now <= at(until) {
        if ends == Some(now) {
            agenda.ended(JOB, now, None);
            ends = None;
        }
        for due in agenda.due(now) {
            assert_eq!(agenda.next_of(JOB, now), Some(now), "what is due is next");
            agenda.began(due.job, now);
            ends = Some(Timestamp(now.0 + takes * 60));
            let why = if due.why == Why::Start { "*" } else { "" };
            begun.push(format!("{}{why}", time(now)));
        }
        now = Timestamp(now.0 + 60);
    }
    begun.join(" ")
}

#[test]
fn schedules() {
    let cases = [
        ("by hand", "00:00", "23:59", 1, ""),
        ("every 1 hour", "10:20", "13:00", 1, "10:20 11:20 12:20"),
        ("every 15 minutes", "10:00", "11:00", 40, "10:00 10:40"),
        ("every 15 minutes pause 10 minutes", "10:00", "12:00", 40, "10:00 10:50 11:40"),
        ("cron 30 * * * *", "10:00", "13:00", 1, "10:30 11:30 12:30"),
        // What comes while it runs is not made up for.
        ("cron 30 * * * *", "10:00", "13:00", 90, "10:30 12:30"),
        ("cron */20 * * * *", "10:00", "11:30", 50, "10:20 11:20"),
        ("cron 0 11 * * *; every 2 hours", "10:00", "13:30", 1, "10:00 11:00 13:00"),
        ("at start", "10:00", "23:00", 1, "10:00*"),
        ("at start; cron 0 12 * * *", "10:00", "23:00", 1, "10:00* 12:00"),
        ("at start; not 09:00-11:00", "10:00", "23:00", 1, "11:00*"),
        ("every 30 minutes; not 10:45-12:10", "10:00", "13:00", 1, "10:00 10:30 12:10 12:40"),
        ("cron 0 11 * * *; not 10:30-12:15", "10:00", "14:00", 1, "12:15"),
    ];
    for (schedule, from, until, takes, want) in cases {
        assert_eq!(runs(schedule, from, until, takes), want, "{schedule}");
    }
}

/// Moments at which it is looked at, and those at which the job is due.
fn looked_at(schedule: &str, moments: &str) -> String {
    let moments: Vec<Timestamp> = moments.split(' ').map(at).collect();
    let mut agenda = Agenda::new(moments[0]);
    agenda.set(JOB, entry(schedule));
    let mut due = Vec::new();
    for now in &moments {
        if !agenda.due(*now).is_empty() {
            due.push(time(*now));
            agenda.began(JOB, *now);
            agenda.ended(JOB, *now, None);
        }
    }
    due.join(" ")
}

#[test]
fn clocks_that_jump() {
    let cron = "cron 30 * * * *";
    assert_eq!(looked_at(cron, "10:00 10:29 10:31"), "10:31", "a minute late");
    assert_eq!(looked_at(cron, "10:00 13:00"), "", "asleep for three hours");
    assert_eq!(looked_at(cron, "10:00 13:00 13:31"), "13:31");
    assert_eq!(looked_at(cron, "10:00 10:31 10:28 10:30 10:31"), "10:31", "not twice");
    assert_eq!(looked_at(cron, "20:00 20:30 10:29 10:30"), "20:30 10:30", "it was wrong before");
    let every = "every 1 hour";
    assert_eq!(looked_at(every, "10:00 13:00"), "10:00 13:00");
    assert_eq!(looked_at(every, "20:00 10:00 10:30 11:01"), "20:00 11:01");
}

#[test]
fn the_next_one() {
    let mut agenda = Agenda::new(at("10:00"));
    assert_eq!(agenda.next(at("10:00")), None);
    agenda.set(JOB, entry("cron 30 * * * *"));
    agenda.set(JobKey(2), entry("cron 45 * * * *; not 10:40-11:00"));
    agenda.set(JobKey(3), entry("by hand"));
    assert_eq!(agenda.next(at("10:00")).map(time).as_deref(), Some("10:30"));
    assert_eq!(agenda.next_of(JobKey(2), at("10:00")).map(time).as_deref(), Some("11:00"));
    assert_eq!(agenda.next_of(JobKey(3), at("10:00")), None);
    agenda.began(JOB, at("10:30"));
    assert_eq!(agenda.next(at("10:31")).map(time).as_deref(), Some("11:00"));
    agenda.ended(JOB, at("10:50"), Some(at("12:10")));
    assert_eq!(agenda.next_of(JOB, at("10:51")).map(time).as_deref(), Some("12:10"));
    assert!(agenda.due(at("11:30")).iter().all(|it| it.job != JOB), "its server rests");
    // What came meanwhile is owed once.
    assert!(agenda.due(at("12:10")).iter().any(|it| it.job == JOB));
    agenda.remove(JOB);
    assert_eq!(agenda.jobs().count(), 2);
}

#[test]
fn a_changed_job_keeps_what_it_owes() {
    let mut agenda = Agenda::new(at("10:00"));
    agenda.set(JOB, entry("at start; not 09:00-11:00"));
    agenda.start();
    assert!(agenda.due(at("10:00")).is_empty());
    agenda.set(JOB, entry("at start"));
    assert_eq!(agenda.due(at("10:01")), [Due { job: JOB, why: Why::Start }]);
}
