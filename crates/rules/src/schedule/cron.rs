//! Five-field cron expressions: minute, hour, day of the month, month, day of the week.
//!
//! What it is not: every dialect. Names, ranges, steps and lists are known; seconds, years, `L`,
//! `W`, `#` and `@daily` are not.
//!
//! Rule: when both day fields are restricted, a day has to fit one of them; when one begins with
//! `*`, both. So crontabs have it.

use std::fmt;

use types::{Civil, Timestamp};

use super::zone::{Moments, Zone, moments};
use crate::age::days_of_month;
use crate::wording::{Word, WordingError, pieces};

/// An expression.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    text: String,
}

/// The values of a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Set {
    bits: u64,
    /// Whether the field begins with `*`.
    open: bool,
}

impl Set {
    fn contains(self, value: u8) -> bool {
        value < 64 && self.bits >> value & 1 == 1
    }

    fn values(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |it| self.contains(*it))
    }
}

/// A field: what it is called, and which numbers and names it has.
struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day of the month", min: 1, max: 31, names: &[] },
    Field {
        name: "month",
        min: 1,
        max: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    // 7 is Sunday once more.
    Field {
        name: "day of the week",
        min: 0,
        max: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

const HINT: &str = "Write minute, hour, day of the month, month and day of the week: \
    30 2 * * mon-fri.";

/// 29 February comes again after eight years at the latest; days are counted with some to spare.
const DAYS_AHEAD_MAX: i64 = 9 * 366;

impl Cron {
    /// Reads five words. `end` is where the text ends.
    pub(super) fn read(words: &[Word<'_>], end: usize) -> Result<Cron, WordingError> {
        let mut sets = [Set { bits: 0, open: true }; 5];
        let mut given = words.iter();
        for (set, field) in sets.iter_mut().zip(&FIELDS) {
            let word = given.next().ok_or_else(|| {
                WordingError::new(end, format!("the {} is missing", field.name), HINT)
            })?;
            *set = read_field(field, *word)?;
        }
        if let Some(word) = given.next() {
            return Err(word.wrong("a cron expression has five fields", HINT));
        }
        let [minutes, hours, days, months, mut weekdays] = sets;
        if weekdays.contains(7) {
            weekdays.bits |= 1;
        }
        let text: Vec<String> = words.iter().map(|it| it.text.to_ascii_lowercase()).collect();
        let cron = Cron { minutes, hours, days, months, weekdays, text: text.join(" ") };
        match words.get(2) {
            Some(day) if !cron.ever_happens() => {
                Err(day.wrong("none of these months has such a day", HINT))
            }
            _ => Ok(cron),
        }
    }

    fn ever_happens(&self) -> bool {
        let by_weekday = !self.days.open && !self.weekdays.open;
        // 2024 has the longest February.
        let fits = |month| self.days.values().any(|it| it <= days_of_month(2024, month));
        by_weekday || self.months.values().any(fits)
    }

    /// The first moment after `now` that the expression names.
    pub(super) fn next_after(&self, now: Timestamp, zone: &dyn Zone) -> Option<Timestamp> {
        let local = Timestamp(now.0 + i64::from(zone.offset(now)));
        let first = local.day_start().plus_days(-1);
        let mut days = (0..DAYS_AHEAD_MAX).map(|it| first.plus_days(it));
        days.find_map(|day| self.fits(day).then(|| self.earliest(day, now, zone))?)
    }

    /// Whether a day is meant.
    fn fits(&self, day: Timestamp) -> bool {
        let Civil { month, day: day_of_month, .. } = day.civil();
        let by_day = self.days.contains(day_of_month);
        let by_weekday = self.weekdays.contains(weekday(day));
        let day_fits = match self.days.open || self.weekdays.open {
            true => by_day && by_weekday,
            false => by_day || by_weekday,
        };
        self.months.contains(month) && day_fits
    }

    /// The earliest moment of a local day after `now`.
    fn earliest(&self, day: Timestamp, now: Timestamp, zone: &dyn Zone) -> Option<Timestamp> {
        let hours = self.hours.values();
        let times = hours.flat_map(|hour| self.minutes.values().map(move |minute| (hour, minute)));
        let named = times.flat_map(|(hour, minute)| {
            let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60;
            match (moments(Timestamp(day.0 + seconds), zone), self.hours.open) {
                (Moments::One(at), _) | (Moments::Gap(at) | Moments::Two(at, _), false) => {
                    [Some(at), None]
                }
                (Moments::Gap(_), true) => [None, None],
                (Moments::Two(first, second), true) => [Some(first), Some(second)],
            }
        });
        named.flatten().filter(|it| *it > now).min()
    }
}

/// The day of the week of a local day; 0 is Sunday.
pub(super) fn weekday(day: Timestamp) -> u8 {
    // 1 January 1970 was a Thursday.
    let days = day.0.div_euclid(86_400);
    u8::try_from((days + 4).rem_euclid(7)).unwrap_or(0)
}

fn read_field(field: &Field, word: Word<'_>) -> Result<Set, WordingError> {
    let mut set = Set { bits: 0, open: word.text.starts_with('*') };
    for item in pieces(word.text, word.at, |it| it == ',') {
        set.bits |= read_item(field, item)?;
    }
    Ok(set)
}

/// `*`, `5`, `1-5`, each with or without a step; a single value with a step counts to the end.
fn read_item(field: &Field, item: Word<'_>) -> Result<u64, WordingError> {
    let (range, step) = match item.text.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item.text, None),
    };
    // With a step, Sunday is not meant twice.
    let max = if field.max == 7 { 6 } else { field.max };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (field.min, max),
        Some((first, last)) => {
            let at = item.at + first.len() + 1;
            let first = read_value(field, Word { at: item.at, text: first })?;
            let mut last_value = read_value(field, Word { at, text: last })?;
            // fri-sun is written so, and means Sunday at the end.
            if field.max == 7 && last_value == 0 && first > 0 {
                last_value = 7;
            }
            (first, last_value)
        }
        None => {
            let value = read_value(field, Word { at: item.at, text: range })?;
            (value, if step.is_some() { max.max(value) } else { value })
        }
    };
    if last < first {
        let what = format!("the range {range} ends before it begins");
        return Err(item.wrong(what, "Write two ranges with a comma between them."));
    }
    let step = match step {
        None => 1,
        Some(text) => {
            let at = item.at + range.len() + 1;
            let read = text.parse::<u8>().ok().filter(|it| *it >= 1 && *it <= field.max);
            let what = || format!("\"{text}\" is not a step for the {}", field.name);
            read.ok_or_else(|| WordingError::new(at, what(), "Write a step such as */15."))?
        }
    };
    let values = (first..=last).step_by(usize::from(step));
    Ok(values.fold(0, |bits, it| bits | 1 << it))
}

fn read_value(field: &Field, word: Word<'_>) -> Result<u8, WordingError> {
    let lower = word.text.to_ascii_lowercase();
    let name = field.names.iter().position(|it| *it == lower);
    if let Some(value) = name.and_then(|it| u8::try_from(it).ok()) {
        return Ok(value + field.min);
    }
    let digits = (1..=2).contains(&lower.len()) && lower.bytes().all(|it| it.is_ascii_digit());
    let value = digits.then(|| lower.parse::<u8>().ok()).flatten();
    value.filter(|it| (field.min..=field.max).contains(it)).ok_or_else(|| {
        let what = format!("\"{}\" is not a {}", word.text, field.name);
        let hint = match field.names {
            [] => {
                format!("Write a number from {} to {}, a range, a list or *.", field.min, field.max)
            }
            names => format!("Write one of {}, a number, or *.", names.join(", ")),
        };
        word.wrong(what, hint)
    })
}

/// The expression in small letters, its fields separated by one space.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
