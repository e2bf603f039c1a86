//! How long ago: days, weeks, months and years back from a moment.
//!
//! What it is not: a length of time in seconds. A month ago is the same day of the month before,
//! or its last day when it is shorter, at the same time of day; a year ago is twelve months ago.
//!
//! Rule: ages count back from now. So a message of 31 January is a month old on 1 March, not on
//! 28 February: whatever is removed by age is removed rather too late than too early.

use std::fmt;

use types::{Civil, Timestamp};

/// The most units of an age.
pub const AGE_COUNT_MAX: u32 = 9_999;

/// A distance back in time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Age {
    count: u32,
    unit: AgeUnit,
}

/// What an age counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AgeUnit {
    /// 24 hours.
    Days,
    /// Seven days.
    Weeks,
    /// Months of the calendar, in UTC.
    Months,
    /// Twelve months.
    Years,
}

impl AgeUnit {
    const NAMES: [(&'static str, AgeUnit); 12] = [
        ("d", AgeUnit::Days),
        ("day", AgeUnit::Days),
        ("days", AgeUnit::Days),
        ("w", AgeUnit::Weeks),
        ("week", AgeUnit::Weeks),
        ("weeks", AgeUnit::Weeks),
        ("m", AgeUnit::Months),
        ("month", AgeUnit::Months),
        ("months", AgeUnit::Months),
        ("y", AgeUnit::Years),
        ("year", AgeUnit::Years),
        ("years", AgeUnit::Years),
    ];

    /// The unit that a word names, in any case.
    fn read(text: &str) -> Option<AgeUnit> {
        let found = AgeUnit::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, unit)| *unit)
    }

    /// Its name for a count.
    fn name(self, count: u32) -> &'static str {
        match (self, count) {
            (AgeUnit::Days, 1) => "day",
            (AgeUnit::Days, _) => "days",
            (AgeUnit::Weeks, 1) => "week",
            (AgeUnit::Weeks, _) => "weeks",
            (AgeUnit::Months, 1) => "month",
            (AgeUnit::Months, _) => "months",
            (AgeUnit::Years, 1) => "year",
            (AgeUnit::Years, _) => "years",
        }
    }
}

impl Age {
    /// An age; `None` when `count` is 0 or above [`AGE_COUNT_MAX`].
    #[must_use]
    pub fn new(count: u32, unit: AgeUnit) -> Option<Age> {
        (1..=AGE_COUNT_MAX).contains(&count).then_some(Age { count, unit })
    }

    /// Reads `90d`, `2w`, `3m`, `1y`, and the same with whole words: `90 days`.
    #[must_use]
    pub fn read(text: &str) -> Option<Age> {
        let text = text.trim();
        let end = text.find(|it: char| !it.is_ascii_digit())?;
        let (digits, unit) = text.split_at_checked(end)?;
        Age::new(digits.parse().ok()?, AgeUnit::read(unit.trim())?)
    }

    /// The moment that is so long before `now`.
    #[must_use]
    pub fn before(self, now: Timestamp) -> Timestamp {
        let count = i64::from(self.count);
        match self.unit {
            AgeUnit::Days => now.plus_days(-count),
            AgeUnit::Weeks => now.plus_days(-7 * count),
            AgeUnit::Months => months_before(now, count),
            AgeUnit::Years => months_before(now, 12 * count),
        }
    }

    /// The first moment at which `from` is so long ago: that whose [`before`](Self::before) is not
    /// earlier than `from`.
    #[must_use]
    pub fn after(self, from: Timestamp) -> Timestamp {
        let count = i64::from(self.count);
        match self.unit {
            AgeUnit::Days => from.plus_days(count),
            AgeUnit::Weeks => from.plus_days(7 * count),
            AgeUnit::Months => months_after(from, count),
            AgeUnit::Years => months_after(from, 12 * count),
        }
    }

    /// `90d`: the short form, which [`read`](Self::read) understands.
    #[must_use]
    pub fn short(self) -> String {
        let unit = match self.unit {
            AgeUnit::Days => 'd',
            AgeUnit::Weeks => 'w',
            AgeUnit::Months => 'm',
            AgeUnit::Years => 'y',
        };
        format!("{}{unit}", self.count)
    }
}

/// `90 days`: the long form, which [`Age::read`] understands too.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.count, self.unit.name(self.count))
    }
}

fn months_before(now: Timestamp, count: i64) -> Timestamp {
    let civil = now.civil();
    let months = civil.year * 12 + i64::from(civil.month) - 1 - count;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let month = u8::try_from(month).unwrap_or(1);
    let day = civil.day.min(days_of_month(year, month));
    Timestamp::from_civil(Civil { year, month, day, ..civil })
}

/// The same day of a later month, or the first of the month behind it when it is shorter.
fn months_after(from: Timestamp, count: i64) -> Timestamp {
    let civil = from.civil();
    let months = civil.year * 12 + i64::from(civil.month) - 1 + count;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let month = u8::try_from(month).unwrap_or(1);
    let last = days_of_month(year, month);
    if civil.day <= last {
        return Timestamp::from_civil(Civil { year, month, ..civil });
    }
    Timestamp::from_civil(Civil { year, month, day: last, ..civil }).day_start().plus_days(1)
}

/// How many days a month has. `month` is 1 to 12.
pub(crate) fn days_of_month(year: i64, month: u8) -> u8 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::at;

    #[test]
    fn ages_count_back_by_the_calendar() {
        let cases = [
            ("2026-11-21T18:01:40Z", "90d", "2026-08-23T18:01:40Z"),
            ("2026-11-21T18:01:40Z", "2w", "2026-11-07T18:01:40Z"),
            ("2026-11-21T18:01:40Z", "3m", "2026-08-21T18:01:40Z"),
            ("2026-11-21T18:01:40Z", "11 months", "2025-12-21T18:01:40Z"),
            ("2026-05-31T00:00:00Z", "3 months", "2026-02-28T00:00:00Z"),
            ("2024-05-31T00:00:00Z", "3 months", "2024-02-29T00:00:00Z"),
            ("2024-02-29T12:00:00Z", "1y", "2023-02-28T12:00:00Z"),
            ("2024-02-29T12:00:00Z", "4 years", "2020-02-29T12:00:00Z"),
            ("2100-03-31T12:00:00Z", "1M", "2100-02-28T12:00:00Z"),
            ("2026-01-01T00:00:00Z", "1m", "2025-12-01T00:00:00Z"),
        ];
        for (now, age, want) in cases {
            let age_read = Age::read(age).unwrap();
            assert_eq!(age_read.before(at(now)).to_string(), want, "{age} before {now}");
            assert_eq!(Age::read(&age_read.to_string()), Some(age_read));
            assert_eq!(Age::read(&age_read.short()), Some(age_read));
        }
    }

    #[test]
    fn the_end_of_an_age_is_the_first_moment_it_is_over() {
        let starts =
            ["2024-01-31T23:59:59Z", "2024-02-29T00:00:00Z", "2023-08-30T12:00:00Z"].map(at);
        for from in starts {
            for unit in [AgeUnit::Days, AgeUnit::Weeks, AgeUnit::Months, AgeUnit::Years] {
                for count in 1..60 {
                    let age = Age { count, unit };
                    let end = age.after(from);
                    assert!(from <= age.before(end), "{age} after {from}");
                    assert!(age.before(Timestamp(end.0 - 1)) < from, "{age} after {from}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_age() {
        for text in ["", "0d", "d", "10000d", "-1d", "1", "1x", "1.5y", "99999999999999d", "1 d d"]
        {
            assert_eq!(Age::read(text), None, "{text}");
        }
        assert_eq!(Age::read("1 day").unwrap().to_string(), "1 day");
    }

    #[test]
    fn a_longer_age_is_never_later() {
        let now = at("2024-03-31T23:59:59Z");
        for unit in [AgeUnit::Days, AgeUnit::Weeks, AgeUnit::Months, AgeUnit::Years] {
            for count in 1..500 {
                let (shorter, longer) = (Age { count, unit }, Age { count: count + 1, unit });
                assert!(longer.before(now) < shorter.before(now), "{shorter}");
            }
        }
    }
}
