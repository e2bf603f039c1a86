//! Dates as mail writes them.
//!
//! Reads RFC 5322 §3.3 with its obsolete forms, the form of C's `asctime` (old mail, the `From `
//! line of mbox files), and RFC 3339. Words that are none of these are passed over, so a date
//! is found in most of what people and programs made of it.

use types::{Civil, Timestamp};

/// The first second that no date of mail can reach: 2101-01-01T00:00:00Z.
const END: i64 = 4_133_980_800;

/// Seconds from midnight to noon.
const NOON: i64 = 43_200;

/// How far a Date may lie behind the moment at which a server received the message: one year.
const AHEAD_SECONDS_MAX: i64 = 366 * 86_400;

/// Reads a date. `None` when day, month, year or time are missing or impossible, or the year is
/// not one of 1970 to 2100. Without a zone it is UTC.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let mut found = Found::default();
    let mut in_comment = 0_usize;
    for word in words(text) {
        match word {
            "(" => in_comment += 1,
            ")" => in_comment = in_comment.saturating_sub(1),
            _ if in_comment > 0 => {}
            _ => found.take(word),
        }
    }
    found.timestamp()
}

/// Whether a Date is absurd, given when a server received the message.
pub(crate) fn is_absurd(date: Timestamp, received: Option<Timestamp>) -> bool {
    received.is_some_and(|it| date.0.saturating_sub(it.0) > AHEAD_SECONDS_MAX)
}

/// The words of a date; parentheses are words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| it.is_whitespace() || it == ',').flat_map(|word| {
        word.split_inclusive(['(', ')']).flat_map(|piece| {
            let (rest, paren) = match piece.char_indices().next_back() {
                Some((at, '(' | ')')) => piece.split_at_checked(at).unwrap_or((piece, "")),
                _ => (piece, ""),
            };
            [rest, paren].into_iter().filter(|it| !it.is_empty())
        })
    })
}

/// What was found of a date.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<u8>,
    day: Option<u8>,
    /// Seconds since midnight.
    time: Option<i64>,
    /// Seconds east of Greenwich.
    zone: Option<i64>,
}

impl Found {
    fn take(&mut self, word: &str) {
        let first = word.bytes().next().unwrap_or_default();
        if word.contains(':') {
            self.take_time(word);
        } else if matches!(first, b'+' | b'-') {
            if self.time.is_some() && self.zone.is_none() {
                self.zone = numeric_zone(word);
            }
        } else if first.is_ascii_digit() {
            self.take_number(word);
        } else if let (None, Some(month)) = (self.month, month(word)) {
            self.month = Some(month);
        } else if let Some(time) = self.time.filter(|_| word.eq_ignore_ascii_case("pm")) {
            self.time = Some(if time < NOON { time + NOON } else { time });
        } else if self.time.is_some() && self.zone.is_none() {
            self.zone = named_zone(word);
        }
    }

    /// A day, a year, `5-Jan-2001`, `2001-01-05`, or `20010105`-like things, which are not dates.
    fn take_number(&mut self, word: &str) {
        if let [first, second, third] = word.split('-').collect::<Vec<_>>().as_slice() {
            if first.len() == 4 {
                self.year = first.parse().ok();
                self.month = second.parse().ok();
                self.day = third.parse().ok();
            } else {
                self.day = first.parse().ok();
                self.month = month(second);
                self.year = year(third);
            }
            return;
        }
        if word.len() <= 2 && self.day.is_none() {
            self.day = word.parse().ok();
        } else if word.len() == 4 && self.time.is_some() && self.year.is_some() {
            self.zone = self.zone.or_else(|| numeric_zone(word));
        } else if self.year.is_none() {
            self.year = year(word);
        }
    }

    /// `12:34`, `12:34:56`, `12.34.56` is not one; also `2001-01-05T12:34:56+01:00`.
    fn take_time(&mut self, word: &str) {
        if let Some((date, time)) = word.split_once(['T', 't'])
            && date.len() == 10
        {
            self.take_number(date);
            return self.take_time(time);
        }
        let digits = |it: char| it.is_ascii_digit() || it == ':';
        let (clock, rest) = word.split_at(word.find(|it| !digits(it)).unwrap_or(word.len()));
        let mut numbers = clock.split(':').map(str::parse::<i64>);
        let (Some(Ok(hour)), Some(Ok(minute))) = (numbers.next(), numbers.next()) else { return };
        // A leap second is the last second of its minute; no clock here counts it.
        let second = numbers.next().and_then(Result::ok).unwrap_or(0).min(59);
        if self.time.is_some() || hour > 23 || minute > 59 {
            return;
        }
        self.time = Some(hour * 3600 + minute * 60 + second);
        let rest = rest
            .strip_prefix('.')
            .map_or(rest, |it| it.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        if rest.starts_with(['+', '-']) {
            self.zone = numeric_zone(rest);
        } else if !rest.is_empty() {
            self.zone = named_zone(rest);
        }
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        let time = self.time?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1969..=2101).contains(&year)
        {
            return None;
        }
        let midnight =
            Timestamp::from_civil(Civil { year, month, day, hour: 0, minute: 0, second: 0 });
        let seconds = midnight.0 + time - self.zone.unwrap_or(0);
        (0..END).contains(&seconds).then_some(Timestamp(seconds))
    }
}

/// RFC 5322 §4.3: two digits below 50 are of this century, three digits count from 1900.
fn year(word: &str) -> Option<i64> {
    let number: i64 = word.parse().ok()?;
    match word.len() {
        4 => Some(number),
        2 if number < 50 => Some(2000 + number),
        2 | 3 => Some(1900 + number),
        _ => None,
    }
}

fn month(word: &str) -> Option<u8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = word.get(..3)?;
    let at = MONTHS.iter().position(|it| it.eq_ignore_ascii_case(start))?;
    u8::try_from(at + 1).ok()
}

/// `+0100`, `-05:30`, `+1`, `0100`, `+-0500` (which means the minus); more than a day is no zone.
fn numeric_zone(word: &str) -> Option<i64> {
    let is_sign = |it: char| matches!(it, '+' | '-');
    let signs = word.find(|it| !is_sign(it))?;
    let (signs, rest) = word.split_at_checked(signs)?;
    let digits: String = rest.chars().filter(char::is_ascii_digit).take(4).collect();
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = match digits.len() {
        1 | 2 => (number, 0),
        _ => (number / 100, number % 100),
    };
    let seconds = hours * 3600 + minutes * 60;
    let fits = hours < 24 && minutes < 60;
    fits.then_some(if signs.ends_with('-') { -seconds } else { seconds })
}

/// RFC 5322 §4.3, and names that are common and mean one zone; others are UTC.
fn named_zone(word: &str) -> Option<i64> {
    const ZONES: [(&str, i64); 22] = [
        ("ut", 0),
        ("utc", 0),
        ("gmt", 0),
        ("z", 0),
        ("wet", 0),
        ("bst", 1),
        ("west", 1),
        ("cet", 1),
        ("met", 1),
        ("cest", 2),
        ("mest", 2),
        ("eet", 2),
        ("eest", 3),
        ("msk", 3),
        ("est", -5),
        ("edt", -4),
        ("cst", -6),
        ("cdt", -5),
        ("mst", -7),
        ("mdt", -6),
        ("pst", -8),
        ("pdt", -7),
    ];
    let known = ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    known.map(|(_, hours)| hours * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_many_forms() {
        let cases = [
            ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06Z"),
            ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06Z"),
            ("Thu, 13 Feb 1969 23:32:54 -0330", ""),
            (
                "Thu,\r\n      13\r\n  Feb\r\n   2009\r\n  23:32\r\n -0330 (Newfoundland Time)",
                "2009-02-14T03:02:00Z",
            ),
            ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", ""),
            ("Thu Jan  5 12:00:00 2006", "2006-01-05T12:00:00Z"),
            ("Thu Jan  5 12:00:00 EST 2006", "2006-01-05T17:00:00Z"),
            ("Thu Jan  5 12:00:00 2006 +0100", "2006-01-05T11:00:00Z"),
            ("2001-01-05T12:34:56Z", "2001-01-05T12:34:56Z"),
            ("2001-01-05T12:34:56.789+01:00", "2001-01-05T11:34:56Z"),
            ("2001-01-05 12:34:56 -0500", "2001-01-05T17:34:56Z"),
            ("5-Jan-2001 12:34:56 +0000", "2001-01-05T12:34:56Z"),
            ("Tue, 31 Dec 2002 23:59:60 +0000", "2002-12-31T23:59:59Z"),
            ("Mon, 1 January 2001 00:00:00 +0530 (IST)", "2000-12-31T18:30:00Z"),
            ("Sun, 06 Nov 101 08:49:37 GMT", "2001-11-06T08:49:37Z"),
            ("Wed, 01 Jan 2003 10:00:00 +0100 (CET)", "2003-01-01T09:00:00Z"),
            ("Wed, 01 Jan 2003 10:00:00 (GMT+1)", "2003-01-01T10:00:00Z"),
            ("Wed, 01 Jan 2003 10:00:00 XYZ", "2003-01-01T10:00:00Z"),
            ("Wed, 01 Jan 2003 10:00:00 +9999", "2003-01-01T10:00:00Z"),
            ("Thu, 29 Aug 2002 15:36:58 +-0500", "2002-08-29T20:36:58Z"),
            ("Tue, 06 Aug 2002 06:50:21 PM -0400", "2002-08-06T22:50:21Z"),
            ("Tue, 06 Aug 2002 12:50:21 PM -0400", "2002-08-06T16:50:21Z"),
            ("Fri, 02 Aug 2002 23:37:59 0530", "2002-08-02T18:07:59Z"),
            ("Mon, 21 Aug 95 13:30:57 -600", "1995-08-21T19:30:57Z"),
            ("Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"),
            ("Wed, 31 Dec 2100 23:59:59 +0000", "2100-12-31T23:59:59Z"),
            ("Sat, 1 Jan 2101 00:00:00 +0000", ""),
            ("Mon, 32 Jan 2001 00:00:00 +0000", ""),
            ("Mon, 1 Foo 2001 00:00:00 +0000", ""),
            ("Mon, 1 Jan 2001 24:00:00 +0000", ""),
            ("Mon, 1 Jan 2001", ""),
            ("", ""),
            ("())))((((", ""),
            ("99999999999999999999 Jan 1 1:1", ""),
            ("жжж, 1 Jan 2001 00:00:00 ж:ж", "2001-01-01T00:00:00Z"),
        ];
        for (text, want) in cases {
            let got = parse_date(text).map(|it| it.to_string()).unwrap_or_default();
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn a_date_far_ahead_of_its_delivery_is_absurd() {
        let received = Timestamp(1_000_000_000);
        assert!(!is_absurd(received.plus_days(366), Some(received)));
        assert!(is_absurd(received.plus_days(367), Some(received)));
        assert!(!is_absurd(received.plus_days(-9_000), Some(received)));
        assert!(!is_absurd(received.plus_days(9_000), None));
    }
}
