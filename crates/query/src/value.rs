//! Values of fields that are not text: dates and sizes.
//!
//! Rules: days are days in UTC. Nothing reads a clock; `now` is handed in.

use types::{Civil, Timestamp};

use crate::tree::Span;

/// What is wrong with a value, and what to write instead.
pub(crate) type Wrong = (String, String);

/// The last year that a query may name.
const YEAR_MAX: i64 = 9999;

/// Reads the value of `date:` and `archived:`: a day, a month, a year, a range of these, or the
/// last days up to today.
pub(crate) fn span(text: &str, now: Timestamp) -> Result<Span, Wrong> {
    if let Some((from, until)) = text.split_once("..") {
        return range(text, from, until, now);
    }
    let moment = moment(text, now)?;
    let until = if moment.is_ago { today(now).until } else { moment.until };
    Ok(Span { from: Some(moment.from), until: Some(until) })
}

/// Reads the value of `after:` and `before:` and returns where it begins.
pub(crate) fn start(text: &str, now: Timestamp) -> Result<Timestamp, Wrong> {
    if text.contains("..") {
        let what = format!("\"{text}\" is a range, where one date is expected");
        return Err((what, format!("write date:{text}")));
    }
    moment(text, now).map(|it| it.from)
}

fn range(text: &str, from: &str, until: &str, now: Timestamp) -> Result<Span, Wrong> {
    let end = |text: &str| match text {
        "" => Ok(None),
        _ => moment(text, now).map(Some),
    };
    let (first, last) = (end(from)?, end(until)?);
    if first.is_none() && last.is_none() {
        let hint = "write two dates, or one: 2026-01..2026-03, 2026.., ..2026-11-21";
        return Err(("a range needs a date on one side at least".into(), hint.into()));
    }
    if let (Some(first), Some(last)) = (&first, &last)
        && last.until <= first.from
    {
        let what = format!("the range \"{text}\" ends before it begins");
        return Err((what, format!("write {until}..{from}")));
    }
    Ok(Span { from: first.map(|it| it.from), until: last.map(|it| it.until) })
}

/// A day, month or year.
struct Moment {
    from: Timestamp,
    until: Timestamp,
    /// It was given as a distance from today.
    is_ago: bool,
}

fn moment(text: &str, now: Timestamp) -> Result<Moment, Wrong> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "today" => Ok(today(now)),
        "yesterday" => Ok(day_of(now.plus_days(-1))),
        _ => ago(&lower, now).or_else(|| calendar(&lower)).ok_or_else(|| wrong_date(text)),
    }
}

fn wrong_date(text: &str) -> Wrong {
    let hint = "write 2026, 2026-11, 2026-11-21, 2026-01..2026-03, today, 7d, 2w, 3m or 1y";
    (format!("\"{text}\" is not a date"), hint.into())
}

fn today(now: Timestamp) -> Moment {
    day_of(now)
}

fn day_of(at: Timestamp) -> Moment {
    let from = at.day_start();
    Moment { from, until: from.plus_days(1), is_ago: false }
}

/// `7d`, `2w`, `3m`, `1y`: the day that is so long ago.
fn ago(text: &str, now: Timestamp) -> Option<Moment> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count = number(digits, 4)?;
    let day = match unit {
        "d" => now.plus_days(-count),
        "w" => now.plus_days(-7 * count),
        "m" => months_before(now, count),
        "y" => months_before(now, 12 * count),
        _ => return None,
    };
    Some(Moment { is_ago: true, ..day_of(day) })
}

/// The same day of an earlier month, or the last day of that month when it is shorter.
fn months_before(now: Timestamp, count: i64) -> Timestamp {
    let civil = now.civil();
    let months = civil.year * 12 + i64::from(civil.month) - 1 - count;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let first = month_start(year, month);
    let last = next_month(year, month).plus_days(-1);
    let same_day = first.plus_days(i64::from(civil.day) - 1);
    same_day.min(last)
}

fn calendar(text: &str) -> Option<Moment> {
    let mut fields = text.split('-');
    let year = number(fields.next()?, 4).filter(|it| (1..=YEAR_MAX).contains(it))?;
    let month = fields.next().map(|it| number(it, 2));
    let day = fields.next().map(|it| number(it, 2));
    if fields.next().is_some() {
        return None;
    }
    let (from, until) = match (month, day) {
        (None, None) => (month_start(year, 1), month_start(year + 1, 1)),
        (Some(month), None) => {
            let month = month.filter(|it| (1..=12).contains(it))?;
            (month_start(year, month), next_month(year, month))
        }
        (Some(month), Some(day)) => {
            let month = month.filter(|it| (1..=12).contains(it))?;
            let from = month_start(year, month).plus_days(day.filter(|it| 1 <= *it)? - 1);
            if next_month(year, month) <= from {
                return None;
            }
            (from, from.plus_days(1))
        }
        (None, Some(_)) => return None,
    };
    Some(Moment { from, until, is_ago: false })
}

fn month_start(year: i64, month: i64) -> Timestamp {
    let month = u8::try_from(month).unwrap_or(1);
    Timestamp::from_civil(Civil { year, month, day: 1, hour: 0, minute: 0, second: 0 })
}

fn next_month(year: i64, month: i64) -> Timestamp {
    if month == 12 { month_start(year + 1, 1) } else { month_start(year, month + 1) }
}

fn number(digits: &str, digits_max: usize) -> Option<i64> {
    let fits = (1..=digits_max).contains(&digits.len());
    (fits && digits.bytes().all(|it| it.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Reads the value of `larger:` and `smaller:` in bytes: `500`, `10k`, `5M`, `1G`, each step 1024.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = || {
        (format!("\"{text}\" is not a size"), "write bytes, or 10k, 5M, 1G: larger:5M".to_owned())
    };
    let lower = text.to_ascii_lowercase();
    let digits_end = lower.find(|it: char| !it.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at_checked(digits_end).ok_or_else(wrong)?;
    let step: u64 = match unit {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return Err(wrong()),
    };
    digits.parse::<u64>().ok().and_then(|it| it.checked_mul(step)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T18:01:40Z
    const NOW: Timestamp = Timestamp(1_795_284_100);

    fn show(result: Result<Span, Wrong>) -> String {
        let end = |at: Option<Timestamp>| at.map_or(String::new(), |it| it.to_string());
        match result {
            Ok(span) => format!("{} {}", end(span.from), end(span.until)).replace("T00:00:00Z", ""),
            Err((what, hint)) => format!("{what}; {hint}"),
        }
    }

    #[test]
    fn spans() {
        let cases = [
            ("2026", "2026-01-01 2027-01-01"),
            ("2026-11", "2026-11-01 2026-12-01"),
            ("2026-12", "2026-12-01 2027-01-01"),
            ("2026-11-21", "2026-11-21 2026-11-22"),
            ("2026-1-5", "2026-01-05 2026-01-06"),
            ("2024-02-29", "2024-02-29 2024-03-01"),
            ("9999", "9999-01-01 10000-01-01"),
            ("2026-01..2026-03", "2026-01-01 2026-04-01"),
            ("2025..2026-03-05", "2025-01-01 2026-03-06"),
            ("2026..", "2026-01-01 "),
            ("..2026-11-21", " 2026-11-22"),
            ("today", "2026-11-21 2026-11-22"),
            ("Yesterday", "2026-11-20 2026-11-21"),
            ("0d", "2026-11-21 2026-11-22"),
            ("7d", "2026-11-14 2026-11-22"),
            ("2w", "2026-11-07 2026-11-22"),
            ("3m", "2026-08-21 2026-11-22"),
            ("1y", "2025-11-21 2026-11-22"),
            ("30d..7d", "2026-10-22 2026-11-15"),
            ("..1y", " 2025-11-22"),
        ];
        for (text, want) in cases {
            assert_eq!(show(span(text, NOW)), want, "{text}");
        }
    }

    #[test]
    fn a_shorter_month_ends_earlier() {
        let end_of_may = Timestamp::from_civil(Civil {
            year: 2026,
            month: 5,
            day: 31,
            hour: 12,
            minute: 0,
            second: 0,
        });
        assert_eq!(show(span("3m", end_of_may)), "2026-02-28 2026-06-01");
    }

    #[test]
    fn wrong_spans() {
        for text in [
            "",
            "2026-13",
            "2026-00",
            "2026-02-29",
            "2026-11-0",
            "21.11.2026",
            "11/21/2026",
            "0",
            "20261",
            "2026-11-21-1",
            "last week",
            "7x",
            "d",
            "-7d",
            "99999d",
            "2026-11-21T10",
            "é",
        ] {
            assert!(show(span(text, NOW)).contains("is not a date; write 2026"), "{text}");
        }
        assert_eq!(
            show(span("2026-03..2026-01", NOW)),
            "the range \"2026-03..2026-01\" ends before it begins; write 2026-01..2026-03"
        );
        assert!(show(span("..", NOW)).contains("one side"));
        assert!(start("2026..2027", NOW).is_err());
    }

    #[test]
    fn sizes() {
        let cases = [
            ("0", Some(0)),
            ("500", Some(500)),
            ("10k", Some(10_240)),
            ("10KB", Some(10_240)),
            ("5M", Some(5 << 20)),
            ("1G", Some(1 << 30)),
            ("", None),
            ("M", None),
            ("1.5M", None),
            ("-1", None),
            ("5T", None),
            ("99999999999999999999", None),
            ("99999999999G", None),
        ];
        for (text, want) in cases {
            assert_eq!(size(text).ok(), want, "{text}");
        }
    }
}
