//! Days, months and years as people write them in settings, in UTC.
//!
//! What it is not: relative dates. Those are ages.

use types::{Civil, Timestamp};

use crate::age::days_of_month;

/// A time from its begin to before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Days {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Reads `2026`, `2026-11` or `2026-11-21`; years from 1 to 9999.
pub(crate) fn days(text: &str) -> Option<Days> {
    let mut fields = text.split('-');
    let year = number(fields.next()?, 4).filter(|it| *it >= 1)?;
    let month = fields.next().map(|it| number(it, 2));
    let day = fields.next().map(|it| number(it, 2));
    if fields.next().is_some() {
        return None;
    }
    match (month, day) {
        (None, _) => Some(Days { from: start(year, 1, 1), until: start(year + 1, 1, 1) }),
        (Some(month), None) => {
            let month = u8::try_from(month?).ok().filter(|it| (1..=12).contains(it))?;
            let from = start(year, month, 1);
            Some(Days { from, until: from.plus_days(i64::from(days_of_month(year, month))) })
        }
        (Some(month), Some(day)) => {
            let month = u8::try_from(month?).ok().filter(|it| (1..=12).contains(it))?;
            let day = u8::try_from(day?).ok()?;
            let from = start(year, month, day);
            let exists = (1..=days_of_month(year, month)).contains(&day);
            exists.then(|| Days { from, until: from.plus_days(1) })
        }
    }
}

/// The day of a moment: `2026-11-21`.
pub(crate) fn day(at: Timestamp) -> String {
    let Civil { year, month, day, .. } = at.civil();
    format!("{year:04}-{month:02}-{day:02}")
}

fn start(year: i64, month: u8, day: u8) -> Timestamp {
    Timestamp::from_civil(Civil { year, month, day, hour: 0, minute: 0, second: 0 })
}

/// Up to `digits_max` digits.
pub(crate) fn number(digits: &str, digits_max: usize) -> Option<i64> {
    let fits = (1..=digits_max).contains(&digits.len());
    (fits && digits.bytes().all(|it| it.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The moment that RFC 3339 text in UTC names, for tests.
#[cfg(test)]
pub(crate) fn at(text: &str) -> Timestamp {
    let (date, time) = text.split_once('T').unwrap();
    let from = days(date).unwrap().from;
    let mut seconds = 0;
    for field in time.trim_end_matches('Z').split(':') {
        seconds = seconds * 60 + number(field, 2).unwrap();
    }
    Timestamp(from.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_months_and_years() {
        let cases = [
            ("2026", "2026-01-01 2027-01-01"),
            ("2026-2", "2026-02-01 2026-03-01"),
            ("2024-02", "2024-02-01 2024-03-01"),
            ("2026-12", "2026-12-01 2027-01-01"),
            ("2024-02-29", "2024-02-29 2024-03-01"),
            ("9999", "9999-01-01 10000-01-01"),
            ("2026-02-29", "-"),
            ("2026-13", "-"),
            ("2026-00", "-"),
            ("2026-01-0", "-"),
            ("2026-01-01-1", "-"),
            ("0", "-"),
            ("", "-"),
            ("26.11.2026", "-"),
        ];
        for (text, want) in cases {
            let got = days(text).map(|it| format!("{} {}", day(it.from), day(it.until)));
            assert_eq!(got.as_deref().unwrap_or("-"), want, "{text}");
        }
    }
}
