//! The footer of a time zone file: how it goes on for ever (RFC 8536 §3.3), in the words of the
//! environment variable `TZ` of POSIX: `CET-1CEST,M3.5.0,M10.5.0/3`.

use types::{Civil, Timestamp};

use crate::age::days_of_month;
use crate::schedule::cron::weekday;

/// The longest footer, in bytes.
const FOOTER_BYTES_MAX: usize = 256;

/// Further in time than this nobody plans, in seconds: it keeps years countable.
const FAR_SECONDS: i64 = 1 << 50;

const HOUR: i32 = 3_600;

/// How local time goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Footer {
    standard: i32,
    summer: Option<Summer>,
}

/// Daylight saving time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Summer {
    offset: i32,
    from: Change,
    until: Change,
}

/// When clocks change in a year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Change {
    day: Day,
    /// Local time of the day, in seconds; may be on another day.
    time: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Day {
    /// Day of the year from 1, of years that have no 29 February.
    Julian(i64),
    /// Day of the year from 0.
    OfYear(i64),
    /// The nth (5: last) weekday (0: Sunday) of a month.
    Weekday { month: u8, nth: u8, day: u8 },
}

/// Reads what stands behind the block: a line between two line ends. `None`: it is empty.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Footer>, &'static str> {
    let line = bytes.strip_prefix(b"\n").ok_or("its footer is missing")?;
    let end = line.iter().take(FOOTER_BYTES_MAX).position(|it| *it == b'\n');
    let line = line.get(..end.ok_or("its footer does not end")?).unwrap_or_default();
    if line.is_empty() {
        return Ok(None);
    }
    let mut text = Text(line);
    text.footer().filter(|_| text.0.is_empty()).map(Some).ok_or("its footer cannot be read")
}

impl Footer {
    /// How far local time is from UTC.
    pub(super) fn offset(&self, at: Timestamp) -> i32 {
        let Some(summer) = &self.summer else { return self.standard };
        let at = at.0.clamp(-FAR_SECONDS, FAR_SECONDS);
        let year = Timestamp(at + i64::from(self.standard)).civil().year;
        // A change may lie in another year than its day says.
        let changes = (year - 1..=year + 1).flat_map(|year| {
            let until = summer.until.moment(year) - i64::from(summer.offset);
            let from = summer.from.moment(year) - i64::from(self.standard);
            // Of two at the same moment the beginning counts: it is summer all year.
            [(until, 0, self.standard), (from, 1, summer.offset)]
        });
        let last = changes.filter(|(from, ..)| *from <= at).max_by_key(|(from, n, _)| (*from, *n));
        last.map_or(self.standard, |(_, _, offset)| offset)
    }
}

impl Change {
    /// When it is, in local time as if that were UTC.
    fn moment(self, year: i64) -> i64 {
        let first_of = |month| {
            let civil = Civil { year, month, day: 1, hour: 0, minute: 0, second: 0 };
            Timestamp::from_civil(civil)
        };
        let day = match self.day {
            Day::OfYear(n) => first_of(1).plus_days(n),
            Day::Julian(n) => {
                // Day 60 is 1 March in every year.
                let leap = n >= 60 && days_of_month(year, 2) == 29;
                first_of(1).plus_days(n - 1 + i64::from(leap))
            }
            Day::Weekday { month, nth, day } => {
                let first = first_of(month);
                let ahead = (i64::from(day) - i64::from(weekday(first))).rem_euclid(7);
                let mut n = ahead + 7 * (i64::from(nth) - 1);
                while n >= i64::from(days_of_month(year, month)) {
                    n -= 7;
                }
                first.plus_days(n)
            }
        };
        day.0 + i64::from(self.time)
    }
}

/// What is not read yet.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn footer(&mut self) -> Option<Footer> {
        self.name()?;
        let standard = -self.time(24)?;
        if self.0.is_empty() {
            return Some(Footer { standard, summer: None });
        }
        self.name()?;
        let offset = match self.0.first()? {
            b',' => standard + HOUR,
            _ => -self.time(24)?,
        };
        let from = self.change()?;
        let until = self.change()?;
        Some(Footer { standard, summer: Some(Summer { offset, from, until }) })
    }

    /// Three letters or more, or anything in angle brackets.
    fn name(&mut self) -> Option<()> {
        let (len, quotes) = match self.0.first()? {
            b'<' => (self.0.iter().position(|it| *it == b'>')?.checked_sub(1)?, 2),
            _ => (self.0.iter().take_while(|it| it.is_ascii_alphabetic()).count(), 0),
        };
        self.0 = self.0.get(len + quotes..)?;
        (len >= 3).then_some(())
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    fn time(&mut self, hours_max: i64) -> Option<i32> {
        let sign = match self.0.first()? {
            b'-' => -1,
            _ => 1,
        };
        if let Some(b'-' | b'+') = self.0.first() {
            self.0 = self.0.get(1..)?;
        }
        let mut seconds = self.number(hours_max)? * 3_600;
        for unit in [60, 1] {
            if !self.skip(b':') {
                break;
            }
            seconds += self.number(59)? * unit;
        }
        i32::try_from(seconds).ok().map(|it| it * sign)
    }

    /// `,day[/time]`.
    fn change(&mut self) -> Option<Change> {
        if !self.skip(b',') {
            return None;
        }
        let day = match self.0.first()? {
            b'J' => {
                self.0 = self.0.get(1..)?;
                Day::Julian(self.number(365).filter(|it| *it >= 1)?)
            }
            b'M' => {
                self.0 = self.0.get(1..)?;
                self.weekday()?
            }
            _ => Day::OfYear(self.number(365)?),
        };
        let time = if self.skip(b'/') { self.time(167)? } else { 2 * HOUR };
        Some(Change { day, time })
    }

    fn weekday(&mut self) -> Option<Day> {
        let small = |number: i64| u8::try_from(number).ok();
        let month = self.number(12).filter(|it| *it >= 1).and_then(small)?;
        let nth = self.skip(b'.').then(|| self.number(5))?.filter(|it| *it >= 1).and_then(small)?;
        let day = self.skip(b'.').then(|| self.number(6))?.and_then(small)?;
        Some(Day::Weekday { month, nth, day })
    }

    fn number(&mut self, max: i64) -> Option<i64> {
        let len = self.0.iter().take_while(|it| it.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(len).filter(|_| (1..=3).contains(&len))?;
        self.0 = rest;
        let number = digits.iter().fold(0, |number, it| number * 10 + i64::from(it - b'0'));
        (number <= max).then_some(number)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}
