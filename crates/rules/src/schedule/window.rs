//! Maintenance windows: times of day, on some days or all, at which nothing begins.
//!
//! What it is not: an end for what runs already.

use std::fmt;

use types::Timestamp;

use super::cron::weekday;
use crate::wording::{Word, WordingError, pieces};

/// Days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Weekdays(u8);

impl Weekdays {
    /// All seven.
    pub const ALL: Weekdays = Weekdays(0b111_1111);

    /// Names from Monday on, each with its number, of which 0 is Sunday.
    const NAMES: [(&'static str, u8); 7] =
        [("mon", 1), ("tue", 2), ("wed", 3), ("thu", 4), ("fri", 5), ("sat", 6), ("sun", 0)];

    fn contains(self, day: u8) -> bool {
        self.0 >> day & 1 == 1
    }

    /// `mon-fri`, `sat,sun`.
    fn read(word: Word<'_>) -> Result<Weekdays, WordingError> {
        let mut days = 0;
        for item in pieces(word.text, word.at, |it| it == ',') {
            let (first, last) = item.text.split_once('-').unwrap_or((item.text, item.text));
            let place = |name: &str| {
                Weekdays::NAMES.iter().position(|(it, _)| it.eq_ignore_ascii_case(name))
            };
            let (Some(first), Some(last)) = (place(first), place(last)) else {
                let what = format!("\"{}\" is not a day or a range of days", item.text);
                return Err(item.wrong(what, "Write days as mon-fri or sat,sun."));
            };
            // fri-mon goes over Sunday.
            let len = (last + 7 - first) % 7 + 1;
            let named = Weekdays::NAMES.iter().cycle().skip(first).take(len);
            days = named.fold(days, |days, (_, day)| days | 1 << day);
        }
        Ok(Weekdays(days))
    }
}

/// Ranges of days, from Monday on.
impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs =
            Weekdays::NAMES.chunk_by(|(_, a), (_, b)| self.contains(*a) == self.contains(*b));
        let set = runs.filter(|run| run.first().is_some_and(|(_, it)| self.contains(*it)));
        let shown: Vec<String> = set
            .filter_map(|run| match run {
                [(only, _)] => Some((*only).to_owned()),
                [(first, _), .., (last, _)] => Some(format!("{first}-{last}")),
                [] => None,
            })
            .collect();
        f.write_str(&shown.join(","))
    }
}

/// A window, in local time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// The days on which it begins.
    days: Weekdays,
    /// The minute of the day at which it begins.
    from: u16,
    /// The minute of the day at which it is over, on the next day when that is not later.
    until: u16,
}

const DAY_MINUTES: u16 = 24 * 60;
const HINT: &str = "Write not 22:00-04:00, or not mon-fri 08:00-18:00.";

impl Window {
    /// Reads days (or none) and times. `end` is where the text ends.
    pub(super) fn read(words: &[Word<'_>], end: usize) -> Result<Window, WordingError> {
        let (days, times) = match words {
            [times] => (Weekdays::ALL, times),
            [days, times] => (Weekdays::read(*days)?, times),
            [] => return Err(WordingError::new(end, "the times are missing", HINT)),
            [_, _, more, ..] => {
                return Err(more.wrong(format!("\"{}\" is one word too many", more.text), HINT));
            }
        };
        let wrong =
            |at, text| WordingError::new(at, format!("\"{text}\" is not a time of day"), HINT);
        let Some((from, until)) = times.text.split_once('-') else {
            return Err(wrong(times.at, times.text));
        };
        let until_at = times.at + from.len() + 1;
        let from_minute = minute(from).filter(|it| *it < DAY_MINUTES);
        let from_minute = from_minute.ok_or_else(|| wrong(times.at, from))?;
        let until_minute = minute(until).ok_or_else(|| wrong(until_at, until))?;
        if from_minute == until_minute {
            let hint = "Write 00:00-24:00 for whole days.";
            return Err(times.wrong("the window begins when it ends", hint));
        }
        Ok(Window { days, from: from_minute, until: until_minute })
    }

    /// Whether a local time (as if it were UTC) is in the window.
    pub(super) fn contains(&self, local: Timestamp) -> bool {
        let minute = local.0.rem_euclid(86_400) / 60;
        let (from, until) = (i64::from(self.from), i64::from(self.until));
        let today = self.days.contains(weekday(local));
        if from < until {
            return today && (from..until).contains(&minute);
        }
        let yesterday = self.days.contains(weekday(local.plus_days(-1)));
        (today && minute >= from) || (yesterday && minute < until)
    }
}

/// `hh:mm`, up to `24:00`, as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number =
        |text: &str| crate::calendar::number(text, 2).and_then(|it| u16::try_from(it).ok());
    let (hour, minute_value) = (number(hour)?, number(minute).filter(|_| minute.len() == 2)?);
    let total = hour * 60 + minute_value;
    (minute_value < 60 && total <= DAY_MINUTES).then_some(total)
}

/// As it is written behind `not`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != Weekdays::ALL {
            write!(f, "{} ", self.days)?;
        }
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{}-{}", time(self.from), time(self.until))
    }
}
