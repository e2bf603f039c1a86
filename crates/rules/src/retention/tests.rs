use super::*;
use crate::calendar::at;

/// `min..max from !`: a `!` removes at the end.
fn periods(text: &str) -> Periods {
    let (ages, from) = text.split_once(' ').unwrap_or((text, "archived"));
    let at_the_end = if ages.ends_with('!') { AtTheEnd::Removed } else { AtTheEnd::Stays };
    let (minimum, maximum) = ages.trim_end_matches('!').split_once("..").unwrap();
    let from = CountedFrom::from_name(from).unwrap();
    Periods { minimum: Age::read(minimum), maximum: Age::read(maximum), from, at_the_end }
}

fn times() -> Times {
    Times {
        archived: at("2020-01-31T12:00:00Z"),
        date: at("2015-06-01T00:00:00Z"),
        received: Some(at("2015-06-02T00:00:00Z")),
    }
}

fn shown(at: Option<Timestamp>) -> String {
    at.map_or("-".into(), |it| it.to_string().replace("T00:00:00Z", ""))
}

#[test]
fn periods_of_a_message() {
    let cases = [
        ("10y..", "2030-01-31T12:00:00Z - -"),
        ("..1m!", "- 2020-03-01 2020-03-01"),
        ("1y..2y", "2021-01-31T12:00:00Z 2022-01-31T12:00:00Z -"),
        ("1y..2y! message", "2016-06-02 2017-06-02 2017-06-02"),
        ("30d..30d!", "2020-03-01T12:00:00Z 2020-03-01T12:00:00Z 2020-03-01T12:00:00Z"),
    ];
    for (text, want) in cases {
        let Dates { kept_until, ends, removed_from, .. } = periods(text).of(&times());
        let got = [kept_until, ends, removed_from].map(shown).join(" ");
        assert_eq!(got, want, "{text}");
    }
}

#[test]
fn a_message_cannot_make_itself_older() {
    let policy = periods("..1y! message");
    let ends = |date: &str, received: Option<&str>| {
        let received = received.map(at);
        shown(policy.of(&Times { date: at(date), received, ..times() }).removed_from)
    };
    let arrived = Some("2026-03-01T00:00:00Z");
    assert_eq!(ends("1990-01-01T00:00:00Z", arrived), "2027-03-01", "it came later than it says");
    assert_eq!(ends("2030-01-01T00:00:00Z", arrived), "2031-01-01", "kept too long, not too short");
    assert_eq!(ends("2026-03-01T00:00:00Z", None), "2027-03-01");
}

#[test]
fn periods_that_make_no_sense() {
    let cases = [
        ("..", Err(PeriodError::None)),
        ("1y..!", Err(PeriodError::NoMaximum)),
        ("2y..1y", Err(PeriodError::Crossed)),
        ("13m..1y!", Err(PeriodError::Crossed)),
        ("12m..1y!", Ok(())),
        ("366d..1y!", Err(PeriodError::Crossed)),
        ("..1d!", Ok(())),
        ("1d..", Ok(())),
    ];
    for (text, want) in cases {
        assert_eq!(periods(text).check(), want, "{text}");
    }
}

/// Policies, one a word: `y`, `n` or `?` for how it covers the message, then its periods.
fn check(policies: &str, want: &str) {
    let read = |word: &str| {
        let (coverage, rest) = word.split_at(1);
        let coverage = match coverage {
            "y" => Coverage::Yes,
            "n" => Coverage::No,
            _ => Coverage::Unclear,
        };
        (periods(rest), coverage)
    };
    let policies: Vec<_> = policies.split_whitespace().map(read).collect();
    let verdict = decide(&policies, &times());
    let decides = match &verdict.decides {
        Decides::Nobody => "nobody".to_owned(),
        Decides::Policy(place) => place.to_string(),
        Decides::Unclear { policies, or_nobody } => {
            let nobody = if *or_nobody { " or nobody" } else { "" };
            format!("{policies:?}{nobody}")
        }
    };
    let got = format!("{decides} {} {}", shown(verdict.kept_until), shown(verdict.removed_from));
    assert_eq!(got.replace("-31T12:00:00Z", ""), want, "{policies:?}");
}

#[test]
fn the_first_policy_that_covers_it_decides() {
    check("", "nobody - -");
    check("n1y..", "nobody - -");
    check("y1y..2y!", "0 2021-01 2022-01");
    check("n9y.. y1y..2y! y..1y!", "1 2021-01 2022-01");
    check("y..1y! y10y..", "0 - 2021-01");
    check("y10y.. y..1y!", "0 2030-01 -");
}

#[test]
fn what_is_unclear_is_kept_by_whoever_may_decide() {
    check("?1y..2y!", "[0] or nobody 2021-01 -");
    check("?1y..2y! y..1y!", "[0, 1] 2021-01 -");
    check("?..1y! y5y..6y!", "[0, 1] 2025-01 -");
    check("?1y.. ?3y.. n9y..", "[0, 1] or nobody 2023-01 -");
    // What comes behind one that decides does not count.
    check("y..1y! ?10y..", "0 - 2021-01");
}

#[test]
fn what_a_verdict_lets_happen() {
    let verdict = decide(&[(periods("1y..2y!"), Coverage::Yes)], &times());
    let cases = [
        ("2020-06-01T00:00:00Z", false, None),
        ("2021-01-31T11:59:59Z", false, None),
        ("2021-01-31T12:00:00Z", true, None),
        ("2022-01-31T11:59:59Z", true, None),
        ("2022-01-31T12:00:00Z", true, Some(0)),
    ];
    for (now, may, removed) in cases {
        assert_eq!(verdict.may_be_removed(at(now)), may, "{now}");
        assert_eq!(verdict.removed_by(at(now)), removed, "{now}");
    }
    let unclear = decide(&[(periods("..1y!"), Coverage::Unclear)], &times());
    assert_eq!(unclear.removed_by(at("2050-01-01T00:00:00Z")), None);
    assert!(unclear.may_be_removed(at("2020-02-01T00:00:00Z")));
}

#[test]
fn clocks() {
    const DAY: i64 = 86_400;
    let now = Timestamp(100 * DAY);
    let cases: [(&[i64], ClockVerdict); 8] = [
        (&[], ClockVerdict::Plausible),
        (&[100 * DAY], ClockVerdict::Plausible),
        (&[99 * DAY], ClockVerdict::Plausible),
        (&[99 * DAY - 1], ClockVerdict::Ahead(DAY + 1)),
        (&[101 * DAY], ClockVerdict::Plausible),
        (&[101 * DAY + 1], ClockVerdict::Behind(DAY + 1)),
        (&[0, 99 * DAY], ClockVerdict::Plausible),
        (&[0, 300 * DAY], ClockVerdict::Behind(200 * DAY)),
    ];
    for (known, want) in cases {
        let known = known.iter().map(|it| Timestamp(*it));
        assert_eq!(look_at_clock(now, known), want);
    }
}
